//===- Layout.h - between logical order and the arena
//-------------------------------------------===//
//
// Outside the arena every tensor is dense: sample after sample, row-major. Inside it lies as the
// compiler planned it. These are the only functions that know how to cross.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <array>

namespace gnc::runtime {

/// The executor refuses programs with tensors of a higher rank.
constexpr size_t maxRank = 16;

/// Calls visit(offset, stride, length), in elements from the sample's first element, for every row
/// (run along the last dimension) of one sample, in logical order. A scalar is a row of one.
template <typename Visit> void forEachRow(const Tensor &tensor, Visit visit) {
  size_t rank = tensor.shape.size();
  int64_t total = tensor.elements();
  if (total == 0)
    return;
  int64_t length = rank ? tensor.shape[rank - 1] : 1;
  int64_t stride = rank ? tensor.strides[rank - 1] : 1;
  std::array<int64_t, maxRank> index{};
  int64_t offset = 0;
  for (int64_t row = 0; row < total / length; ++row) {
    visit(offset, stride, length);
    for (size_t d = rank < 2 ? 0 : rank - 1; d-- > 0;) {
      offset += tensor.strides[d];
      if (++index[d] < tensor.shape[d])
        break;
      offset -= tensor.strides[d] * tensor.shape[d];
      index[d] = 0;
    }
  }
}

/// One sample lies as it would outside the arena.
bool isDense(const Tensor &tensor);

/// Whether every element, for 1 to `samples` samples, lies inside the tensor's own bytes.
bool staysInside(const Tensor &tensor, int64_t samples);

/// Samples that the tensor holds for a batch of n: n, or 1 if it is not batched.
inline int64_t sampleCount(const Tensor &tensor, int64_t n) { return tensor.batched ? n : 1; }

/// Bytes of the dense form for a batch of n.
inline uint64_t denseBytes(const Tensor &tensor, int64_t n) {
  return uint64_t(sampleCount(tensor, n) * tensor.elements() * byteWidth(tensor.type));
}

/// Bytes from the tensor's first element to its last one of the first n samples, inclusive.
uint64_t reachBytes(const Tensor &tensor, int64_t n);

/// The first element of sample s, if that of the tensor is at `first`.
inline uint8_t *sampleAddress(const Tensor &tensor, int64_t s, uint8_t *first) {
  return first + byteWidth(tensor.type) * (s * tensor.batchStride);
}

/// From where the tensor lies as planned (its first element at `first`) to dense, n samples.
void pack(const Tensor &tensor, int64_t n, const uint8_t *first, uint8_t *dense);
/// From dense to where the tensor lies as planned, n samples.
void unpack(const Tensor &tensor, int64_t n, const uint8_t *dense, uint8_t *first);

/// Draws the tensor's initial values (first sample only: persistent tensors are not batched): a
/// pure function of the seed, the tensor's name and the logical element.
void initialize(const Tensor &tensor, uint64_t seed, uint8_t *first);

} // namespace gnc::runtime
