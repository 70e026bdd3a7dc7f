//===- Finite.h - NaN and infinity, and where they came from
//-------------------------------------------===//
#pragma once

#include "runtime/Executor.h"

namespace gnc::runtime {

/// Whether the tensor (of the first n samples, if it is batched), its first element at `first`,
/// holds neither NaN nor infinity. Only f32 can.
bool isFinite(const Tensor &tensor, int64_t n, const uint8_t *first);

/// A value that is not finite.
struct NotFinite {
  int64_t sample = 0;         ///< in the batch; 0 if the tensor is not batched
  std::vector<int64_t> index; ///< logical, in the sample
  float value = 0;
};

/// The first NaN in logical order; without any the first infinity, without any the first negative
/// one: those may be meant.
std::optional<NotFinite> findNotFinite(const Tensor &tensor, int64_t n, const uint8_t *first);

/// What a step that went wrong should be blamed for.
struct Culprit {
  std::string text; ///< "the data: 'image' of sample 17 holds nan at [0, 3, 2]"
  std::string help; ///< empty for a launch
  SourceLocation location;
};

/// Looks for the first value that is not finite: in the inputs, in what persists, in the schedules,
/// then by running the launches before the commit once more, one by one, in what each writes. There
/// -inf is blamed only if nothing writes infinity or a NaN: it may be meant (a mask before a
/// softmax). `samples` are those of the batch. The arena holds the same step as before, or parts of
/// it.
std::optional<Culprit> findCulprit(Executor &executor, std::span<const uint32_t> samples);

} // namespace gnc::runtime
