//===- ReverseMode.h - adjoints through a graph -----------------------------------------------===//
//
// Reverse-mode differentiation over tensor ops, asked for through GradientOpInterface. It lives
// beside the ops because the gradient of `gnc.custom` needs it for the inputs that have no given
// gradient.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/IR/Builders.h"

namespace gnc {

/// An adjoint that is known at the start: of the loss, or of a result.
struct Seed {
  mlir::Value value, adjoint;
};

/// Builds the adjoints of `wanted` given those of `seeds`, through `ops` (in the order in which
/// they run). Only ops on a path from a wanted value to a seed take part. A wanted value that no
/// seed depends on gets null. Emits a located error for an op on the way that has no gradient.
llvm::LogicalResult deriveAdjoints(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::Operation *> ops,
                                   llvm::ArrayRef<Seed> seeds, mlir::ValueRange wanted,
                                   llvm::SmallVectorImpl<mlir::Value> &adjoints);

/// A tensor of one number.
mlir::Value fillTensor(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type,
                       double number);
/// The elementwise sum of tensors of one type (one of them: itself).
mlir::Value sumTensors(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange tensors);

} // namespace gnc
