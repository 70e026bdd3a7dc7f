//===- Executor.cpp - what every executor does ------------------------------------------------===//
#include "runtime/Executor.h"

#include "runtime/Finite.h"
#include "runtime/Layout.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace gnc::runtime {

Executor::Executor(const Program &program)
    : source(program), loss(program.find(Role::Result, "loss")),
      gradientNorm(program.find(Role::Result, "grad_norm")) {}

void Executor::beginStep(int64_t n) {
  compute(n);
  outcome.loss = readScalar(*loss);
  if (gradientNorm)
    outcome.gradientNorm = readScalar(*gradientNorm);
  outcome.finite =
      std::isfinite(outcome.loss) && (!gradientNorm || std::isfinite(outcome.gradientNorm));
  if (!outcome.finite)
    return;
  commit(n);
  outcome.finite = !notFiniteWeight();
}

void Executor::initialize(uint64_t seed) {
  for (const Tensor &tensor : source.tensors)
    if (isPersistent(tensor.role)) {
      runtime::initialize(tensor, seed, stage(tensor));
      send(tensor, 1);
    }
  restartAverages();
}

void Executor::restartAverages() {
  for (const Tensor &tensor : source.tensors)
    if (const Tensor *weight = source.find(Role::Weight, tensor.name);
        tensor.role == Role::Average && weight)
      writeTensor(tensor, 1, readTensor(*weight, 1));
}

void Executor::setStream(uint64_t seed, uint64_t step, uint64_t first) {
  const uint32_t words[] = {uint32_t(seed), uint32_t(seed >> 32), uint32_t(step), uint32_t(first)};
  for (const Tensor &tensor : source.tensors)
    if (tensor.role == Role::Stream) {
      memcpy(stage(tensor), words, sizeof words);
      send(tensor, 1);
    }
}

const Tensor *Executor::notFiniteWeight() const {
  for (const Tensor &tensor : source.tensors)
    if (tensor.role == Role::Weight && !isFinite(tensor, 1, read(tensor, 1)))
      return &tensor;
  return nullptr;
}

void Executor::readDense(const Tensor &tensor, int64_t n, uint8_t *dense) const {
  pack(tensor, n, read(tensor, n), dense);
}

void Executor::writeDense(const Tensor &tensor, int64_t n, const uint8_t *dense) {
  unpack(tensor, n, dense, stage(tensor));
  send(tensor, n);
}

std::vector<float> Executor::readTensor(const Tensor &tensor, int64_t n) const {
  std::vector<uint8_t> dense(denseBytes(tensor, n));
  readDense(tensor, n, dense.data());
  std::vector<float> values(dense.size() / size_t(byteWidth(tensor.type)));
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.type == ElementType::F32) {
      memcpy(&values[i], &dense[4 * i], 4);
    } else if (tensor.type == ElementType::I32) {
      int32_t whole;
      memcpy(&whole, &dense[4 * i], 4);
      values[i] = float(whole);
    } else {
      values[i] = dense[i];
    }
  }
  return values;
}

void Executor::writeTensor(const Tensor &tensor, int64_t n, std::span<const float> values) {
  std::vector<uint8_t> dense(denseBytes(tensor, n));
  assert(values.size() * size_t(byteWidth(tensor.type)) == dense.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.type == ElementType::F32) {
      memcpy(&dense[4 * i], &values[i], 4);
    } else if (tensor.type == ElementType::I32) {
      int32_t whole = int32_t(std::lrint(values[i]));
      memcpy(&dense[4 * i], &whole, 4);
    } else {
      dense[i] = uint8_t(std::lrint(values[i]));
    }
  }
  writeDense(tensor, n, dense.data());
}

float Executor::readScalar(const Tensor &tensor) const {
  float value;
  memcpy(&value, read(tensor, 1), sizeof value);
  return value;
}

void Executor::writeScalar(const Tensor &tensor, float value) {
  memcpy(stage(tensor), &value, sizeof value);
  send(tensor, 1);
}

const Tensor *counterpart(const Tensor &tensor, const Program &from) {
  const Tensor *found = nullptr;
  if (tensor.role == Role::Weight)
    found = from.find(Role::Average, tensor.name);
  if (!found)
    found = from.find(tensor.role, tensor.name);
  bool alike =
      found && found->declaredShape() == tensor.declaredShape() && found->type == tensor.type;
  return alike ? found : nullptr;
}

Result<StateCopy> StateCopy::plan(const Executor &from, Executor &to) {
  StateCopy copy;
  copy.from = &from;
  copy.to = &to;
  uint64_t largest = 0;
  for (const Tensor &tensor : to.program().tensors) {
    if (tensor.role != Role::Weight && tensor.role != Role::State)
      continue;
    const Tensor *found = counterpart(tensor, from.program());
    if (!found)
      return internalError("programs '" + from.program().name + "' and '" + to.program().name +
                           "' disagree about '" + tensor.name + "'");
    if (to.borrows(tensor))
      continue;
    copy.pairs.emplace_back(found, &tensor);
    largest = std::max(largest, denseBytes(tensor, 1));
  }
  copy.dense.resize(largest);
  return copy;
}

void StateCopy::run() {
  for (auto [source, target] : pairs) {
    from->readDense(*source, 1, dense.data());
    to->writeDense(*target, 1, dense.data());
  }
}

} // namespace gnc::runtime
