//===- LowerReshape.h - reshapes that are left when kernels are made --------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// A reshape between row-major tensors is another name for a buffer.
bool isAlias(ReshapeOp op);

/// Any other one moves elements: an equation that finds the row-major position of each element of
/// the result in the input takes its place.
void lowerReshape(ReshapeOp op);

/// A copy within `function` that moves no element is a reshape between tensors whose elements lie
/// alike: another name for a buffer, too. To be called last.
void nameCopies(mlir::func::FuncOp function);

} // namespace gnc
