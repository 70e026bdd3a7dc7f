//===- Selection.h - scalars that depend on where the point is --------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include <optional>

namespace gnc {

/// A condition `gnc.index == number` of a region.
struct IndexQuestion {
  unsigned index;
  double number;
};
std::optional<IndexQuestion> askedOf(mlir::Value condition);

/// The parallel indices of few values by which a pointwise equation selects what it computes,
///   y[.., p, ..] = select(p == 0, e0, select(p == 1, e1, ..)),
/// in ascending order: its scalars, taken over all their values, are each computed about once.
llvm::SmallVector<unsigned> selectingIndices(ComputeOp op);

} // namespace gnc
