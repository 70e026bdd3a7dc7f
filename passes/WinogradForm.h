//===- WinogradForm.h - which equations are 3x3 correlations ----------------------------------===//
#pragma once

#include "passes/WinogradTransforms.h"

namespace gnc::winograd {

/// One spatial dimension: x is read at place + tap + constant, or place - tap + constant if
/// `reversed`.
struct Axis {
  unsigned place, tap; ///< indices of the equation
  bool reversed;
  /// The value of the tap's index at which x is read `t` after the first tap.
  int64_t tapAt(int64_t t) const { return reversed ? int64_t(kTaps) - 1 - t : t; }
  int64_t tiles(llvm::ArrayRef<int64_t> extents, const Form &form) const {
    return llvm::divideCeil(extents[place], form.outputs);
  }
};

/// x and the other factor: the weight w[k, c, tap, tap] of a convolution, or the gradient
/// dy[n, k, place, place] of its result.
struct Correlation {
  unsigned x, other; ///< reads
  unsigned n, k, c;  ///< indices of the equation
  Axis rows, columns;
};

/// In a convolution taps are summed over, in the gradient of its weight places are, and samples.
bool isWeightGradient(ComputeOp op);

/// The equation is a convolution with 3x3 taps and stride 1, or the gradient of its weight, guards
/// aside.
std::optional<Correlation> match(ComputeOp op);

/// How rows and columns go in tiles.
struct Tiling {
  const Form *rows, *columns;
  int64_t points() const { return rows->points * columns->points; }
};

/// What computes it with the least work, for so many samples; nothing if that is the direct sum.
/// `once`: the other factor is the same for every run, and so is its transform.
std::optional<Tiling> cheapest(ComputeOp op, const Correlation &conv, int64_t batch, bool once);

} // namespace gnc::winograd
