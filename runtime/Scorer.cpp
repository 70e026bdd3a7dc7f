//===- Scorer.cpp - loss and metrics, batch by batch
//-------------------------------------------===//
#include "runtime/Scorer.h"

#include "runtime/Layout.h"

#include <algorithm>
#include <cmath>

namespace gnc::runtime {

Result<std::unique_ptr<Scorer>> Scorer::create(const CompiledNet &net,
                                               std::unique_ptr<Executor> program,
                                               std::unique_ptr<Executor> scoring) {
  auto scorer = std::make_unique<Scorer>();
  scorer->recipe = &net.recipe;
  scorer->program = std::move(program);
  scorer->scoring = std::move(scoring);
  if (Status status = scorer->bindMeans(net); !status.ok())
    return std::move(status).error();
  if (scorer->scoring)
    if (Status status = scorer->bindSums(net); !status.ok())
      return std::move(status).error();
  scorer->values.resize(size_t(net.eval.maxBatch));
  return scorer;
}

Status Scorer::bindMeans(const CompiledNet &net) {
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

Status Scorer::bindSums(const CompiledNet &net) {
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

void Scorer::begin() {
  for (Mean &mean : means)
    mean.sum = 0;
  for (Sum &sum : sums)
    std::fill(sum.total.begin(), sum.total.end(), 0.0);
  program->prepare();
}

void Scorer::run(int64_t n, uint64_t first, const std::function<void()> &meanwhile) {
  program->setStream(recipe->seed, 0, first);
  program->answer(n);
  if (meanwhile && program->isAsynchronous())
    meanwhile();
  add(n);
}

/// What the program has just computed for a batch of n.
void Scorer::add(int64_t n) {
  for (Mean &mean : means) {
    program->readDense(*mean.result, n, reinterpret_cast<uint8_t *>(values.data()));
    for (int64_t s = 0; s < n; ++s)
      mean.sum += double(values[size_t(s)]);
  }
  for (Sum &sum : sums) {
    std::vector<float> batch = program->readTensor(*sum.result, 1);
    for (size_t i = 0; i < batch.size(); ++i)
      sum.total[i] += double(batch[i]);
  }
}

Status Scorer::status() const {
  Status status = program->status();
  return status.ok() && scoring ? scoring->status() : status;
}

Scores Scorer::scores(int64_t count) {
  if (scoring) {
    for (const Sum &sum : sums)
      scoring->writeTensor(*sum.input, 1, std::vector<float>(sum.total.begin(), sum.total.end()));
    scoring->setStream(recipe->seed, 0, 0);
    scoring->run(1);
  }
  auto scored = [&](const std::string &name) {
    return scoring ? scoring->program().find(Role::Result, name) : nullptr;
  };
  Scores result;
  auto mean = means.begin();
  auto plain = [](double value) { return std::isnan(value) ? NAN : value; }; // without a sign
  auto nextMean = [&] { return plain(mean++->sum / double(std::max<int64_t>(count, 1))); };
  result.loss = nextMean();
  for (const std::string &name : recipe->metrics) {
    const Tensor *single = scored(name);
    result.metrics.push_back(single ? plain(scoring->readTensor(*single, 1)[0]) : nextMean());
  }
  for (const std::string &name : recipe->tables) {
    const Tensor *tensor = scored(name);
    std::vector<float> table = scoring->readTensor(*tensor, 1);
    result.tables.push_back({name, tensor->declaredShape(), {table.begin(), table.end()}});
  }
  return result;
}

} // namespace gnc::runtime
