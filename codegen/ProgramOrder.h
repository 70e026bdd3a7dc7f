//===- ProgramOrder.h - which ops of a program run when ---------------------------------------===//
#pragma once

#include "codegen/UpdatePlan.h"

namespace gnc {

/// The ops that compute, in an order in which they may run.
struct ProgramOrder {
  /// Of a program that changes nothing: what depends on weights alone, so that it may run once for
  /// many batches.
  llvm::SmallVector<ComputeOp> ofWeights;
  llvm::SmallVector<mlir::Operation *> others; ///< equations, and kernels of the user
  llvm::SmallVector<ComputeOp> commits;
};

ProgramOrder orderOf(mlir::func::FuncOp function, const UpdatePlan &plan);

} // namespace gnc
