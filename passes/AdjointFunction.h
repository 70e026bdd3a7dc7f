//===- AdjointFunction.h - the gradient of a function, as a function --------------------------===//
//
// What `gnc grad` prints and `gnc check --grad` compares: for a function of equations the function
// that computes the adjoints of its inputs from the inputs and the adjoints of its results (its
// vector-Jacobian product). It is the gradient of any scalar that the results lead to.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

struct AdjointFunction {
  /// (inputs, an adjoint per f32 result) -> an adjoint per f32 input; without custom or stop ops.
  mlir::func::FuncOp function;
  /// Per f32 input: its adjoint is zero whatever the values are, because no result depends on it
  /// or every derivative on the way is zero.
  llvm::SmallVector<bool> zero;
};

/// Adds the adjoint function of `forward` to its module, in simplest form. Emits a located error
/// for an op that has no gradient.
mlir::FailureOr<AdjointFunction> makeAdjointFunction(mlir::func::FuncOp forward,
                                                     llvm::StringRef name);

} // namespace gnc
