//===- Layout.cpp - between logical order and the arena
//-----------------------------------------===//
#include "runtime/Layout.h"

#include "runtime/Initial.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gnc::runtime {

bool isDense(const Tensor &tensor) {
  int64_t expected = 1;
  for (size_t d = tensor.shape.size(); d-- > 0;) {
    if (tensor.shape[d] != 1 && tensor.strides[d] != expected)
      return false;
    expected *= tensor.shape[d];
  }
  return true;
}

bool staysInside(const Tensor &tensor, int64_t samples) {
  // Extents and strides come from a file in ahead-of-time programs: no sum may overflow unseen.
  __int128 lowest = 0, highest = 0;
  auto extend = [&](int64_t extent, int64_t stride) {
    __int128 reach = __int128(extent - 1) * stride;
    (reach < 0 ? lowest : highest) += reach;
  };
  for (size_t d = 0; d < tensor.shape.size(); ++d)
    extend(tensor.shape[d], tensor.strides[d]);
  if (tensor.batched)
    extend(samples, tensor.batchStride);
  return lowest >= 0 && (highest + 1) * byteWidth(tensor.type) <= tensor.bytes;
}

uint64_t reachBytes(const Tensor &tensor, int64_t n) {
  if (tensor.elements() == 0)
    return 0;
  int64_t last = (sampleCount(tensor, n) - 1) * tensor.batchStride;
  for (size_t d = 0; d < tensor.shape.size(); ++d)
    last += (tensor.shape[d] - 1) * tensor.strides[d];
  return uint64_t((last + 1) * byteWidth(tensor.type));
}

namespace {
/// Copies one sample between dense rows and strided rows; `toArena` says which way. Byte copies of
/// constant size, because the dense side may come from a file and be unaligned.
template <int64_t width, bool toArena, typename Dense, typename Strided>
void copySample(const Tensor &tensor, Dense *dense, Strided *strided) {
  forEachRow(tensor, [&](int64_t offset, int64_t stride, int64_t length) {
    for (int64_t i = 0; i < length; ++i, dense += width) {
      Strided *element = strided + width * (offset + i * stride);
      if constexpr (toArena)
        memcpy(element, dense, width);
      else
        memcpy(dense, element, width);
    }
  });
}

/// Rounds a drawn value to the type; a uniform draw must stay below its bound after rounding.
float toFloat(const Initializer &initial, double value) {
  float rounded = float(value);
  if (initial.kind == Initializer::Kind::Uniform && initial.a < initial.b &&
      double(rounded) >= initial.b)
    rounded = std::nextafter(rounded, -INFINITY);
  return rounded;
}

void store(ElementType type, uint8_t *to, const Initializer &initial, double value) {
  float f = toFloat(initial, value);
  auto whole = [&](double lowest, double highest) {
    return std::isnan(value) ? 0.0 : std::clamp(std::nearbyint(value), lowest, highest);
  };
  int32_t i = int32_t(whole(-2147483648.0, 2147483647.0));
  switch (type) {
  case ElementType::F32: memcpy(to, &f, sizeof f); break;
  case ElementType::I32: memcpy(to, &i, sizeof i); break;
  case ElementType::U8: *to = uint8_t(whole(0, 255)); break;
  case ElementType::Bool: *to = value != 0; break;
  }
}
} // namespace

void pack(const Tensor &tensor, int64_t n, const uint8_t *first, uint8_t *dense) {
  int64_t bytes = tensor.elements() * byteWidth(tensor.type);
  bool contiguous = isDense(tensor);
  for (int64_t s = 0; s < sampleCount(tensor, n); ++s, dense += bytes) {
    const uint8_t *from = sampleAddress(tensor, s, const_cast<uint8_t *>(first));
    if (contiguous)
      memcpy(dense, from, size_t(bytes));
    else if (byteWidth(tensor.type) == 4)
      copySample<4, false>(tensor, dense, from);
    else
      copySample<1, false>(tensor, dense, from);
  }
}

void unpack(const Tensor &tensor, int64_t n, const uint8_t *dense, uint8_t *first) {
  int64_t bytes = tensor.elements() * byteWidth(tensor.type);
  bool contiguous = isDense(tensor);
  for (int64_t s = 0; s < sampleCount(tensor, n); ++s, dense += bytes) {
    uint8_t *to = sampleAddress(tensor, s, first);
    if (contiguous)
      memcpy(to, dense, size_t(bytes));
    else if (byteWidth(tensor.type) == 4)
      copySample<4, true>(tensor, dense, to);
    else
      copySample<1, true>(tensor, dense, to);
  }
}

void initialize(const Tensor &tensor, uint64_t seed, uint8_t *first) {
  InitialValues values(tensor, seed);
  uint64_t element = 0;
  forEachRow(tensor, [&](int64_t offset, int64_t stride, int64_t length) {
    for (int64_t i = 0; i < length; ++i)
      store(tensor.type, first + byteWidth(tensor.type) * (offset + i * stride), tensor.initial,
            values(element++));
  });
}

} // namespace gnc::runtime
