//===- ScalarDerivative.h - derivatives of the scalar ops of an equation ----------------------===//
//
// Derivatives are taken forward, one read at a time: the tangent of a value is built from the
// tangents of its operands. Forward is the safe direction for `select`: d select(c, a, b) =
// select(c, da, db), and the factors of a branch that is not taken (1/0 beside `if x > 0 then
// log(x)`) are dropped before anything is multiplied with them.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/ScalarBuilder.h"

namespace gnc {

/// d(value)/d(argument) for the values of one block; builds at the end of that block.
class ScalarDerivative {
public:
  ScalarDerivative(ScalarBuilder &scalars, mlir::BlockArgument argument)
      : scalars(scalars), argument(argument) {}

  /// The derivative of `value`; null where it is zero. Emits a located error that names the op when
  /// an op on the way has no rule.
  mlir::FailureOr<mlir::Value> of(mlir::Value value);

private:
  mlir::FailureOr<mlir::Value> ofOp(mlir::Operation *op);

  ScalarBuilder &scalars;
  mlir::BlockArgument argument;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};

} // namespace gnc
