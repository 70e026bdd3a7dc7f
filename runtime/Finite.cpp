//===- Finite.cpp - NaN and infinity, and where they came from
//-----------------------------------------===//
#include "runtime/Finite.h"

#include "runtime/Layout.h"
#include "runtime/Text.h"

#include <cmath>
#include <cstring>

namespace gnc::runtime {

namespace {
/// Without branches, so that it runs at the speed of memory.
bool allFinite(const uint8_t *bytes, int64_t count) {
  constexpr uint32_t exponent = 0x7f800000;
  bool bad = false;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    memcpy(&bits, bytes + 4 * i, 4);
    bad |= (bits & exponent) == exponent;
  }
  return !bad;
}

/// The elements of a sample lie side by side, in whatever order.
bool isCompact(const Tensor &tensor) {
  int64_t reach = 1;
  for (size_t d = 0; d < tensor.shape.size(); ++d)
    reach += (tensor.shape[d] - 1) * tensor.strides[d];
  return reach == tensor.elements();
}

const char *roleText(Role role) {
  switch (role) {
  case Role::Weight: return "the weight";
  case Role::State: return "the state";
  case Role::Average: return "the average of the weight";
  case Role::Schedule: return "the schedule";
  default: return "the optimizer's state";
  }
}

/// How surely a value is a mistake: -inf may be meant (a mask before a softmax writes it), infinity
/// seldom is, NaN never.
int badnessOf(float value) {
  return std::isnan(value) ? 3 : std::isfinite(value) ? 0 : value > 0 ? 2 : 1;
}

std::string valueText(const NotFinite &found) {
  std::string value = std::isnan(found.value) ? "nan" : found.value > 0 ? "inf" : "-inf";
  return found.index.empty() ? value : value + " at " + shapeText(found.index);
}

std::optional<Culprit> blameInputs(const Executor &executor, std::span<const uint32_t> samples) {
  for (const Tensor &tensor : executor.program().tensors)
    if (tensor.role == Role::Input)
      if (auto found = findNotFinite(tensor, int64_t(samples.size()),
                                     executor.read(tensor, int64_t(samples.size()))))
        return Culprit{"the data: '" + tensor.name + "' of sample " +
                           std::to_string(samples[size_t(found->sample)]) + " holds " +
                           valueText(*found),
                       "mend this sample, or leave it out", tensor.location};
  return std::nullopt;
}

std::optional<Culprit> blamePersistent(const Executor &executor) {
  for (const Tensor &tensor : executor.program().tensors)
    if (isPersistent(tensor.role) || tensor.role == Role::Schedule)
      if (auto found = findNotFinite(tensor, 1, executor.read(tensor, 1)))
        return Culprit{std::string(roleText(tensor.role)) + " '" + tensor.name + "' was " +
                           valueText(*found) + " before this step",
                       isPersistent(tensor.role) ? "start from a file of weights that are finite"
                                                 : "look at what it is computed from",
                       tensor.location};
  return std::nullopt;
}

Culprit blameLaunch(const Program &program, const Launch &launch, const Tensor &written,
                    const NotFinite &found, std::span<const uint32_t> samples) {
  const Site &site = program.sites[launch.site];
  std::string text = "the first value that is not finite is " + valueText({0, {}, found.value});
  if (!site.name.empty())
    text += ", computed by " + site.name;
  if (written.batched)
    text += " for sample " + std::to_string(samples[size_t(found.sample)]);
  return {std::move(text), "", site.location};
}
} // namespace

bool isFinite(const Tensor &tensor, int64_t n, const uint8_t *first) {
  if (tensor.type != ElementType::F32)
    return true;
  bool compact = isCompact(tensor), finite = true;
  for (int64_t s = 0; finite && s < sampleCount(tensor, n); ++s) {
    const uint8_t *sample = first + 4 * s * tensor.batchStride;
    if (compact) {
      finite = allFinite(sample, tensor.elements());
      continue;
    }
    forEachRow(tensor, [&](int64_t offset, int64_t stride, int64_t length) {
      for (int64_t i = 0; i < length; ++i)
        finite = finite && allFinite(sample + 4 * (offset + i * stride), 1);
    });
  }
  return finite;
}

std::optional<NotFinite> findNotFinite(const Tensor &tensor, int64_t n, const uint8_t *first) {
  if (isFinite(tensor, n, first))
    return std::nullopt;
  std::vector<uint8_t> dense(denseBytes(tensor, n));
  pack(tensor, n, first, dense.data());
  NotFinite found;
  int64_t at = 0;
  int worst = 0;
  for (int64_t i = 0; worst < badnessOf(NAN) && i < int64_t(dense.size() / 4); ++i) {
    float value;
    memcpy(&value, &dense[size_t(4 * i)], 4);
    if (int badness = badnessOf(value); badness > worst) {
      worst = badness;
      found.value = value;
      at = i;
    }
  }
  found.sample = at / tensor.elements();
  int64_t rest = at % tensor.elements();
  const std::vector<int64_t> &shape = tensor.declaredShape();
  found.index.resize(shape.size());
  for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
    found.index[d] = rest % shape[d];
  return found;
}

std::optional<Culprit> findCulprit(Executor &executor, std::span<const uint32_t> samples) {
  if (std::optional<Culprit> culprit = blameInputs(executor, samples))
    return culprit;
  if (std::optional<Culprit> culprit = blamePersistent(executor))
    return culprit;
  const Program &program = executor.program();
  int64_t n = int64_t(samples.size());
  std::optional<Culprit> culprit;
  int worst = 0;
  for (size_t i = 0; i < program.commit && worst < badnessOf(INFINITY); ++i) {
    executor.runLaunches(i, i + 1, n);
    for (const Tensor &written : program.launches[i].written)
      if (auto found = findNotFinite(written, n, executor.read(written, n));
          found && badnessOf(found->value) > worst) {
        worst = badnessOf(found->value);
        culprit = blameLaunch(program, program.launches[i], written, *found, samples);
      }
  }
  return culprit;
}

} // namespace gnc::runtime
