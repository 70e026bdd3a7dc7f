//===- Evaluate.cpp - loss and metrics of a split; outputs of an infer program
//------------------===//
#include "runtime/Evaluate.h"

#include "runtime/Layout.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

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
                                                     ThreadPool &pool) {
  auto evaluator = std::make_unique<Evaluator>();
  evaluator->recipe = &net.recipe;
  auto executor = Executor::create(net.eval, pool);
  if (!executor.ok())
    return std::move(executor).error();
  evaluator->program = std::move(*executor);
  if (Status status = evaluator->bindMeans(net); !status.ok())
    return std::move(status).error();
  if (net.score.maxBatch > 0)
    if (Status status = evaluator->bindSums(net, pool); !status.ok())
      return std::move(status).error();
  Result<Feed> feed = Feed::bind(part, *evaluator->program);
  if (!feed.ok())
    return std::move(feed).error();
  evaluator->feed = std::move(*feed);
  evaluator->values.resize(size_t(net.eval.maxBatch));
  return evaluator;
}

Status Evaluator::bindMeans(const CompiledNet &net) {
  std::vector<std::string> names = net.recipe.metrics;
  names.insert(names.begin(), "loss");
  for (const std::string &name : names) {
    const Tensor *scored = net.score.find(Role::Result, name);
    if (scored && scored->elements() == 1)
      continue;
    const Tensor *result = net.eval.find(Role::Result, name);
    if (!result || !result->batched || result->elements() != 1 || result->type != ElementType::F32)
      return internalError("the eval program has no per-sample result '" + name + "'");
    means.push_back({result});
  }
  for (const std::string &name : net.recipe.tables)
    if (!net.score.find(Role::Result, name))
      return internalError("the score program has no result '" + name + "'");
  return {};
}

Status Evaluator::bindSums(const CompiledNet &net, ThreadPool &pool) {
  auto executor = Executor::create(net.score, pool);
  if (!executor.ok())
    return std::move(executor).error();
  scoring = std::move(*executor);
  for (const Tensor &input : net.score.tensors) {
    if (input.role != Role::Input)
      continue;
    const Tensor *result = net.eval.find(Role::Result, input.name);
    if (!result || result->batched || input.batched ||
        result->declaredShape() != input.declaredShape() || result->type != ElementType::F32)
      return internalError("the eval program has no sum '" + input.name + "'");
    sums.push_back({result, &input, std::vector<double>(size_t(input.elements()))});
  }
  return {};
}

Result<std::optional<Scores>> Evaluator::evaluate(const Split &split,
                                                  const std::atomic<bool> *interrupt) {
  for (Mean &mean : means)
    mean.sum = 0;
  for (Sum &sum : sums)
    std::fill(sum.total.begin(), sum.total.end(), 0.0);
  feed.expect(*split.part, split.samples, 0);
  program->prepare();
  for (size_t first = 0; first < split.samples.size();) {
    if (stopped(interrupt))
      return std::optional<Scores>();
    std::span<const uint32_t> batch = nextBatch(split, first, program->program().maxBatch);
    if (Status status = feed.gather(*split.part, batch); !status.ok())
      return std::move(status).error();
    program->setStream(recipe->seed, 0, uint64_t(split.first) + first);
    program->answer(int64_t(batch.size()));
    add(int64_t(batch.size()));
    first += batch.size();
  }
  return std::optional(score(split.size()));
}

/// What the program has just computed for a batch of n.
void Evaluator::add(int64_t n) {
  for (Mean &mean : means) {
    pack(*mean.result, n, program->arena(), reinterpret_cast<uint8_t *>(values.data()));
    for (int64_t s = 0; s < n; ++s)
      mean.sum += double(values[size_t(s)]);
  }
  for (Sum &sum : sums) {
    std::vector<float> batch = program->readTensor(*sum.result, 1);
    for (size_t i = 0; i < batch.size(); ++i)
      sum.total[i] += double(batch[i]);
  }
}

Scores Evaluator::score(int64_t count) {
  if (scoring) {
    for (const Sum &sum : sums)
      scoring->writeTensor(*sum.input, 1, std::vector<float>(sum.total.begin(), sum.total.end()));
    scoring->setStream(recipe->seed, 0, 0);
    scoring->run(1);
  }
  auto scored = [&](const std::string &name) {
    return scoring ? scoring->program().find(Role::Result, name) : nullptr;
  };
  Scores scores;
  auto mean = means.begin();
  auto plain = [](double value) { return std::isnan(value) ? NAN : value; }; // without a sign
  auto nextMean = [&] { return plain(mean++->sum / double(std::max<int64_t>(count, 1))); };
  scores.loss = nextMean();
  for (const std::string &name : recipe->metrics) {
    const Tensor *result = scored(name);
    scores.metrics.push_back(result ? plain(scoring->readTensor(*result, 1)[0]) : nextMean());
  }
  for (const std::string &name : recipe->tables) {
    const Tensor *result = scored(name);
    std::vector<float> table = scoring->readTensor(*result, 1);
    scores.tables.push_back({name, result->declaredShape(), {table.begin(), table.end()}});
  }
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
  feed->expect(*split.part, split.samples, 0);
  executor.prepare();
  for (size_t first = 0; first < split.samples.size() && !stopped(interrupt);) {
    std::span<const uint32_t> batch = nextBatch(split, first, program.maxBatch);
    int64_t n = int64_t(batch.size());
    if (Status status = feed->gather(*split.part, batch); !status.ok())
      return status;
    executor.setStream(recipe.seed, 0, uint64_t(split.first) + first);
    executor.answer(n);
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
