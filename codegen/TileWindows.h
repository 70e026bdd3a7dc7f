//===- TileWindows.h - windows over what a tile computes ------------------------------------===//
//
// A pool after a convolution reads the whole map once more, four elements for each one that it
// keeps. If its windows do not overlap, the rows of a contraction's tile can be whole windows:
//
//   y[n, c, i, j]     = sum.. w * x[n, .., i + u, j + v]
//   p[n, c, i', j']   = max[r < 2, s < 2] y[n, c, i' * 2 + r, j' * 2 + s]
//
// become, with i = i' * 2 + r and j = j' * 2 + s,
//
//   t[n, c, i', r, j', s] = sum.. w * x[n, .., i' * 2 + r + u, j' * 2 + s + v]
//   p[n, c, i', j']       = max[r, s] t[n, c, i', r, j', s]
//
// which says the same, and one kernel computes both: t stays in registers, and no element of it is
// computed that p does not ask for. With the positions of the maxima, which their gradients want,
// it is the same, and with sums. All sums keep their order: no bit changes.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "mlir/Pass/Pass.h"

namespace gnc {

/// `window` is the only reader of what `product` sums, at its own indices, and reduces it over some
/// of them: for each index of `window` that of `product`; none if it does not.
std::optional<llvm::SmallVector<unsigned>> windowIndices(ComputeOp product, ComputeOp window);

/// The reduction that the kernel of `product` carries out on what its tiles compute; null if none.
ComputeOp windowOfTile(ComputeOp product, VectorTarget target);

/// `--gnc-tile-windows{lanes=8 registers=16}`: brings pools into that form, where the kernel will
/// have it. For graphs that have their layouts.
std::unique_ptr<mlir::Pass> createTileWindows(VectorTarget target = {});

} // namespace gnc
