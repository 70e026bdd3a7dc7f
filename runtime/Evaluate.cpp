//===- Evaluate.cpp - loss and metrics of a split; outputs of an infer program
//------------------===//
#include "runtime/Evaluate.h"

#include "runtime/Layout.h"

#include <algorithm>

namespace gnc::runtime {

namespace {
/// The samples of batch after batch.
std::span<const uint32_t> nextBatch(const Split &split, size_t first, int64_t maxBatch) {
  std::span<const uint32_t> rest = std::span(split.samples).subspan(first);
  return rest.first(std::min(rest.size(), size_t(maxBatch)));
}

bool stopped(const std::atomic<bool> *interrupt) {
  return interrupt && interrupt->load(std::memory_order_relaxed);
}
} // namespace

Result<std::unique_ptr<Evaluator>> Evaluator::create(const CompiledNet &net, const Part &part,
                                                     ThreadPool &pool) {
  auto evaluator = std::make_unique<Evaluator>();
  std::vector<std::string> names = net.recipe.metrics;
  names.insert(names.begin(), "loss");
  for (const std::string &name : names) {
    const Tensor *result = net.eval.find(Role::Result, name);
    if (!result || !result->batched || result->elements() != 1 || result->type != ElementType::F32)
      return internalError("the eval program has no per-sample result '" + name + "'");
    evaluator->results.push_back(result);
  }
  auto executor = Executor::create(net.eval, pool);
  if (!executor.ok())
    return std::move(executor).error();
  evaluator->program = std::move(*executor);
  Result<Feed> feed = Feed::bind(part, *evaluator->program);
  if (!feed.ok())
    return std::move(feed).error();
  evaluator->feed = std::move(*feed);
  evaluator->values.resize(size_t(net.eval.maxBatch));
  return evaluator;
}

std::optional<Scores> Evaluator::evaluate(const Split &split, const std::atomic<bool> *interrupt) {
  std::vector<double> sums(results.size(), 0.0);
  for (size_t first = 0; first < split.samples.size();) {
    if (stopped(interrupt))
      return std::nullopt;
    std::span<const uint32_t> batch = nextBatch(split, first, program->program().maxBatch);
    feed.gather(*split.part, batch);
    program->run(int64_t(batch.size()));
    for (size_t r = 0; r < results.size(); ++r) {
      pack(*results[r], int64_t(batch.size()), program->arena(),
           reinterpret_cast<uint8_t *>(values.data()));
      for (size_t s = 0; s < batch.size(); ++s)
        sums[r] += double(values[s]);
    }
    first += batch.size();
  }
  Scores scores;
  double count = double(std::max<int64_t>(split.size(), 1));
  scores.loss = sums[0] / count;
  for (size_t m = 1; m < sums.size(); ++m)
    scores.metrics.push_back(sums[m] / count);
  return scores;
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
  for (size_t first = 0; first < split.samples.size() && !stopped(interrupt);) {
    std::span<const uint32_t> batch = nextBatch(split, first, program.maxBatch);
    int64_t n = int64_t(batch.size());
    feed->gather(*split.part, batch);
    executor.run(n);
    for (Output &output : outputs) {
      output.bytes.resize(denseBytes(*output.tensor, n));
      pack(*output.tensor, n, executor.arena(), output.bytes.data());
    }
    if (Status status = sink(int64_t(first), n, outputs); !status.ok())
      return status;
    first += batch.size();
  }
  return {};
}

} // namespace gnc::runtime
