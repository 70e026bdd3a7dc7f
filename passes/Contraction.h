//===- Contraction.h - sums of products of two reads ------------------------------------------===//
//
// Convolution, its two gradients, linear layers and matmul are one form: C[..] = sum A[..] * B[..].
// Every index plays one role, read off from where it occurs:
//
//   in C and A only: M (rows)        in C, A and B: outer (a batch of products)
//   in C and B only: N (columns)     reduced: K
//
// The kernel holds a tile of M x N in registers, reads B as vectors along one column index, and
// broadcasts scalars of A. So one N index, `vector`, must step B and C by one element each, or B
// lies in panels of its columns: it is read at [vector floordiv width, .., vector mod width].
//
// An operand may be guarded with 0 where outer and reduced indices alone decide whether it is
// inside: the tile then skips terms. The data gradient of a strided convolution has one residue of
// its position as outer index, and a tap that reaches no weight there is skipped.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// Terms of a sum count where 0 <= value < limit, which steps along one reduced index at most.
struct SumBound {
  mlir::AffineExpr value; ///< linear in outer and reduced indices
  int64_t limit;
};

struct Contraction {
  unsigned a, b;                              ///< reads: rows and columns
  llvm::SmallVector<unsigned> m, n, outer, k; ///< index numbers, in the op's order
  int64_t panel = 0;                          ///< columns of a panel of b; 0: they lie side by side
  llvm::SmallVector<SumBound> bounds;         ///< of the guards of a and b
  /// The dimension of read b, and of the result, that column index `index` steps through alone with
  /// coefficient one.
  static std::optional<unsigned> soleDimension(AccessAttr access, unsigned index);
};

/// The op is a sum of products of two f32 reads, apart from guards and index forms.
bool isProductSum(ComputeOp op);

/// The element that is read depends on the value of another read.
bool isDataDependent(AccessAttr access);

/// How wide the panels are if `index` is the column of a tensor that lies in panels: its first
/// coordinate counts them, the last one the columns in each.
std::optional<int64_t> panelWidth(AccessAttr access, unsigned index);

/// What the guard of read 0 or 1 of a product sum asks of outer and reduced indices; nullopt if it
/// asks rows or columns, too.
std::optional<llvm::SmallVector<SumBound>> sumBounds(ComputeOp op, unsigned read);

/// The share of the terms of a product sum that count by its bounds; 1 if its guards are others.
double countedShare(ComputeOp op);

/// Classifies a product sum whose accesses are affine (but for panels) and guarded by bounds alone,
/// with `vector` (a parallel index) as a column index; nullopt if it cannot be one or if there are
/// no rows to reuse a column for.
std::optional<Contraction> classify(ComputeOp op, unsigned vector);

/// Both operands lie along one index of the sum, which each of them walks alone, by fours: a kernel
/// that transposes what it loads reads vectors of either.
bool liesAlongSum(ComputeOp op, const Contraction &c);

/// All indices that `classify` accepts, in the op's order.
llvm::SmallVector<unsigned> vectorCandidates(ComputeOp op);

} // namespace gnc
