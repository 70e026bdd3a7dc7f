//===- CorrelationWalks.h - what a sum of products multiplies, group of indices by group ------===//
#pragma once

#include "passes/Correlation.h"

namespace gnc {

/// A dimension of one of the three operands (Correlation::kResult is the result).
struct WalkPlace {
  unsigned operand, dim;
};

/// Indices that share coordinates, and the dimensions that they walk.
struct IndexWalk {
  llvm::SmallVector<unsigned> indices;
  llvm::SmallVector<WalkPlace> places;

  llvm::SmallVector<unsigned> dimsOf(unsigned operand) const;
};

/// Coordinates at the places of a walk.
using WalkPoint = llvm::SmallVector<int64_t, 4>;

llvm::ArrayRef<int64_t> operandShape(ComputeOp op, unsigned operand);

/// All walks of a sum of products: every index is in one.
llvm::SmallVector<IndexWalk> walksOf(ComputeOp op);

/// One index that walks every place from its first to its last element.
bool isPlainWalk(ComputeOp op, const IndexWalk &walk);

/// What no index moves, as its extent is 1 or there is none, reads inside.
bool isStillInside(ComputeOp op);

/// Every point whose reads are inside; none if they are too many to list.
std::optional<std::vector<WalkPoint>> pointsOfWalk(ComputeOp op, const IndexWalk &walk);

/// `axis`, whose extents are known, with stride, dilation and borders from the points
/// (x, tap, y) that are multiplied; none if they are not those of an axis.
std::optional<CorrelationAxis> axisOfPoints(llvm::ArrayRef<std::array<int64_t, 3>> points,
                                            CorrelationAxis axis);

} // namespace gnc
