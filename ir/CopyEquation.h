//===- CopyEquation.h - an equation that only moves elements ----------------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// `result[i0, i1, ..] = tensor[access]`: a new tensor of the given type. `access` is over one
/// index per dimension of `type`; without one, the tensor is copied element by element (into
/// another layout, say).
mlir::Value createCopy(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor,
                       mlir::RankedTensorType type, AccessAttr access = {});

/// Writes random numbers down for the uses that `wants` picks: they share one copy. All others go
/// on drawing.
void writeDown(RandomOp numbers, llvm::function_ref<bool(mlir::OpOperand &)> wants);

} // namespace gnc
