//===- Evaluate.cpp - loss and metrics of a split; outputs of an infer program
//------------------===//
#include "runtime/Evaluate.h"

#include "runtime/Layout.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace gnc::runtime {

namespace {
/// A split, batch after batch; where runs are asynchronous, the next batch is gathered during one.
class Batches {
public:
  Batches(Feed &feed, const Split &split, int64_t maxBatch)
      : feed(feed), split(split), maxBatch(size_t(maxBatch)) {
    feed.expect(*split.part, split.samples, 0);
  }
  bool done() const { return position == split.samples.size(); }
  size_t first() const { return position; }
  int64_t size() const { return int64_t(at(position).size()); }
  /// The samples of this batch, carried into the program.
  Status gather() {
    return std::exchange(ahead, false) ? std::exchange(status, Status())
                                       : feed.gather(*split.part, at(position));
  }
  /// Those of the next one; what goes wrong is told when its turn comes.
  void gatherNext() {
    size_t next = position + at(position).size();
    if (next == split.samples.size())
      return;
    status = feed.gather(*split.part, at(next));
    ahead = true;
  }
  void advance() { position += at(position).size(); }

private:
  std::span<const uint32_t> at(size_t from) const {
    std::span<const uint32_t> rest = std::span(split.samples).subspan(from);
    return rest.first(std::min(rest.size(), maxBatch));
  }
  Feed &feed;
  const Split &split;
  size_t maxBatch, position = 0;
  bool ahead = false;
  Status status;
};

bool stopped(const std::atomic<bool> *interrupt) {
  return interrupt && interrupt->load(std::memory_order_relaxed);
}
} // namespace

std::string tableText(const Table &table) {
  std::vector<std::string> cells;
  size_t width = 0;
  for (double value : table.values) {
    char buffer[32];
    snprintf(buffer, sizeof buffer, "%.6g", value);
    cells.emplace_back(buffer);
    width = std::max(width, cells.back().size());
  }
  size_t columns = table.shape.empty() ? 1 : size_t(table.shape.back());
  std::string text;
  for (size_t i = 0; i < cells.size(); ++i)
    text += "  " + std::string(width - cells[i].size(), ' ') + cells[i] +
            ((i + 1) % columns ? "" : "\n");
  return text;
}

Result<std::unique_ptr<Evaluator>> Evaluator::create(const CompiledNet &net, const Part &part,
                                                     Device &device, Executor *training) {
  auto program = training ? device.loadGuest(net.eval, *training) : device.load(net.eval);
  if (!program.ok())
    return std::move(program).error();
  std::unique_ptr<Executor> scoring;
  if (net.score.maxBatch > 0) {
    auto created = device.load(net.score);
    if (!created.ok())
      return std::move(created).error();
    scoring = std::move(*created);
  }
  Result<Feed> feed = Feed::bind(part, **program);
  if (!feed.ok())
    return std::move(feed).error();
  auto scorer = Scorer::create(net, std::move(*program), std::move(scoring));
  if (!scorer.ok())
    return std::move(scorer).error();
  auto evaluator = std::make_unique<Evaluator>();
  evaluator->scorer = std::move(*scorer);
  evaluator->feed = std::move(*feed);
  return evaluator;
}

Result<std::optional<Scores>> Evaluator::evaluate(const Split &split,
                                                  const std::atomic<bool> *interrupt) {
  Batches batches(feed, split, executor().program().maxBatch);
  auto gatherNext = [&] { batches.gatherNext(); };
  scorer->begin();
  for (; !batches.done(); batches.advance()) {
    if (stopped(interrupt))
      return std::optional<Scores>();
    if (Status status = batches.gather(); !status.ok())
      return std::move(status).error();
    scorer->run(batches.size(), uint64_t(split.first) + batches.first(), gatherNext);
    if (Status status = scorer->status(); !status.ok())
      return std::move(status).error();
  }
  Scores scores = scorer->scores(split.size());
  if (Status status = scorer->status(); !status.ok())
    return std::move(status).error();
  return std::optional(std::move(scores));
}

Status infer(const Recipe &recipe, Executor &executor, const Split &split, const OutputSink &sink,
             const std::atomic<bool> *interrupt) {
  const Program &program = executor.program();
  std::vector<Output> outputs;
  for (const std::string &name : recipe.outputs) {
    const Tensor *result = program.find(Role::Result, name);
    if (!result)
      return internalError("the infer program has no result '" + name + "'");
    outputs.push_back({result, {}});
  }
  if (recipe.outputs.empty())
    for (const Tensor &tensor : program.tensors)
      if (tensor.role == Role::Result)
        outputs.push_back({&tensor, {}});
  Result<Feed> feed = Feed::bind(*split.part, executor);
  if (!feed.ok())
    return std::move(feed).error();
  Batches batches(*feed, split, program.maxBatch);
  executor.prepare();
  for (; !batches.done() && !stopped(interrupt); batches.advance()) {
    int64_t n = batches.size();
    if (Status status = batches.gather(); !status.ok())
      return status;
    executor.setStream(recipe.seed, 0, uint64_t(split.first) + batches.first());
    executor.answer(n);
    if (executor.isAsynchronous())
      batches.gatherNext();
    for (Output &output : outputs) {
      output.bytes.resize(denseBytes(*output.tensor, n));
      executor.readDense(*output.tensor, n, output.bytes.data());
    }
    if (Status status = executor.status(); !status.ok())
      return status;
    if (Status status = sink(int64_t(batches.first()), n, outputs); !status.ok())
      return status;
  }
  return {};
}

} // namespace gnc::runtime
