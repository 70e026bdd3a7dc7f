//===- Couples.h - samples in twos, equal or not
//------------------------------------------------===//
#pragma once

#include "runtime/Dataset.h"

namespace gnc::runtime {

/// Who is whose partner: with probability `equal` a sample of the same class, else one of another;
/// a pure function of (seed, epoch, sample). Partners are samples of one split, so validation and
/// test stay apart from training.
class Couples {
public:
  /// `samples` of a part with one class each, `classes` of all samples of the part.
  Couples(std::span<const uint32_t> samples, std::vector<int32_t> classes, double equal,
          uint64_t seed);

  int64_t partner(int64_t sample, uint64_t epoch) const;
  bool equal(int64_t sample, int64_t partner) const {
    return classes[size_t(sample)] == classes[size_t(partner)];
  }

private:
  std::vector<int32_t> classes;         ///< of every sample of the part
  std::vector<uint32_t> ordered;        ///< the split's samples, by class
  std::vector<uint32_t> position;       ///< of every sample of the part in `ordered`
  std::vector<uint32_t> firstOf, endOf; ///< of every class in `ordered`
  double share;
  uint64_t seed;
};

/// The same splits with coupled samples: members "a.NAME" and "b.NAME" for every member NAME, and
/// "equal". Errors: input; "couples": no member "label" of whole numbers, fewer than two classes in
/// a split.
Result<Dataset> coupled(Dataset data, double equal, uint64_t seed);

/// What the base must provide for the inputs of a coupled net: `label` too, of `classes` (0: of as
/// many as there are) where the net does not read it.
std::vector<Tensor> baseInputs(std::span<const Tensor> inputs, int64_t classes);

} // namespace gnc::runtime
