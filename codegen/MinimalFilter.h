//===- MinimalFilter.h - sums along an axis with fewer products -------------------------------===//
//
// Where the rows of a tile are neighbours along an axis that one loop of k walks as well,
//
//   C[x + i] = sum[q] sum[t] A[q, x + i + t] * B[q, t]            (i < outputs, t < taps)
//
// is a correlation, of which `outputs` neighbours take outputs + taps - 1 products instead of
// outputs * taps (Winograd 1980: Arithmetic complexity of computations; the construction is that of
// Toom and Cook),
//
//   C[x + i] = sum[j] O[i, j] * sum[q] (sum[s] I[j, s] A[q, x + s]) * (sum[t] F[j, t] B[q, t]),
//
// one for each of the interpolation points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, of which it
// takes as many as it needs. Products are summed over q first, in registers, where O finishes them:
// nothing but A and B, transformed, goes through memory, and that is the first-level cache. It is
// for sums that are short otherwise: convolutions of few channels with large filters.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "mlir/Pass/Pass.h"

namespace gnc {

struct ContractionPlan;

/// F(outputs, taps): points are 0, pairs a and -a, and infinity.
class MinimalFilter {
public:
  MinimalFilter(unsigned outputs, unsigned taps);
  static constexpr unsigned kMostPoints = 8;

  unsigned outputs, taps, points;
  /// Where point 1 + 2 * pair is; the next one is its negative.
  static double positive(unsigned pair) { return pair == 0 ? 1 : pair == 1 ? 2 : 0.5; }
  unsigned pairs() const { return (points - 2) / 2; }
  /// I[point, i], without an error.
  double input(unsigned point, unsigned i) const;
  /// F[point, tap] = power / scale, where the power has no error.
  double filterPower(unsigned point, unsigned tap) const;
  double filterScale(unsigned point) const;

private:
  double at(unsigned point) const; ///< of one that is finite
};

/// How a tile sums along an axis.
struct FilterPlan {
  MinimalFilter filter;
  unsigned loop = 0;                                   ///< of k: the taps
  llvm::SmallVector<llvm::SmallVector<unsigned>> runs; ///< rows of the tile that are neighbours
  /// Points of the other loops of k: what they add to the offsets of A and B.
  llvm::SmallVector<std::pair<int64_t, int64_t>> others;
  /// Where in A a transformed piece begins, from the tile's first row on; each one is needed once.
  llvm::SmallVector<int64_t> pieces;
  unsigned pieceOf(unsigned run, unsigned other) const {
    return pieceNumbers[run * others.size() + other];
  }
  llvm::SmallVector<unsigned> pieceNumbers;
};

/// Makes `plan` sum by a minimal filter, with the tile that takes least work; leaves it as it is if
/// no tile can, or none takes much less than the products one by one.
void planFilter(ContractionPlan &plan, VectorTarget target);

/// `--gnc-minimal-filters{lanes=8 registers=16}`: marks the contractions that do; after all that
/// decides how their tensors lie and what their tiles hold.
std::unique_ptr<mlir::Pass> createMinimalFilters(VectorTarget target = {});

} // namespace gnc
