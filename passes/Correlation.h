//===- Correlation.h - which sums of products are cross-correlations --------------------------===//
//
//   y[n, k, i, j] = sum[c, r, s] w[k, c, r, s] * x[n, c, i*S + r*D - P, j*S' + s*D' - P'] ?? 0
//
// relates three tensors; each is the sum of products of the other two over the same triples of
// elements (forward, data gradient, weight gradient). What a sum of products is, is read off from
// the elements that it multiplies, not from how its coordinates are written: the indices fall into
// groups that share no coordinate, and each group walks over a set of triples that is listed and
// compared with the definition. So strides, dilations, borders and groups are found in derived
// gradients as well, whatever divisions and remainders they are written with.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// The elements of a tensor are where `order` puts them: dimensions of one element move none.
bool liesAs(mlir::RankedTensorType type, llvm::ArrayRef<unsigned> order);

/// One direction in which windows move: x = y * stride + tap * dilation - pad.
struct CorrelationAxis {
  int64_t x = 1, taps = 1, y = 1; ///< extents
  int64_t stride = 1, dilation = 1;
  int64_t pad = 0, padEnd = 0; ///< before the first element of x, and after its last

  bool operator==(const CorrelationAxis &) const = default;
};

struct Correlation {
  /// Which of the three tensors is the result: y, x or w.
  enum class Product : uint8_t { Forward, Data, Weights } product = Product::Forward;
  /// The operands by number: reads 0 and 1 of the body, or the result.
  static constexpr unsigned kResult = 2;
  unsigned x = 0, w = 0, y = 0;
  int64_t channelsX = 1, channelsY = 1, groups = 1;
  llvm::SmallVector<CorrelationAxis, 2> axes; ///< one or two, the outer one first
  /// For operands 0, 1 and kResult: their dimensions, the outermost in memory first, with the
  /// channels last: batch (or the weight's channels of y), axes, channels.
  std::array<llvm::SmallVector<unsigned>, 3> orders;
};

/// The correlation that a sum of products is; or none, and why not (half a sentence).
std::optional<Correlation> correlationOf(ComputeOp op, std::string &why);

} // namespace gnc
