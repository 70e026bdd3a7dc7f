//===- FuseElementwise.h - the three rewrites of --gnc-fuse-elementwise -----------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// Where a mask `x > c` is taken of the input of y = max(x, c), takes it of y instead, if that
/// leaves x without another use. True if something changed.
bool readMasksFromOutputs(mlir::Block &block);

/// Computes `op`, pointwise, in the `finish` of the reduction that it reads. True if `op` is gone.
bool joinFinish(ComputeOp op);

/// Computes `op`, pointwise, in every op that reads it. True if `op` has no use any more.
bool inlineIntoReaders(ComputeOp op);

/// Whether `reader` can compute what it reads of `producer`, pointwise, itself.
bool canComputeIn(ComputeOp producer, ComputeOp reader);
/// Does it; returns what `reader` became.
ComputeOp computeIn(ComputeOp producer, ComputeOp reader);

} // namespace gnc
