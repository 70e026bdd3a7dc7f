//===- ScalarBuilder.h - scalar arithmetic that folds while it is built -----------------------===//
//
// Derivatives are full of `x * 1`, `x * 0` and repeated terms. This builder never creates them: it
// folds constants (only where the f32 result is exact, so that a test in f64 sees the same number),
// applies the algebra of 0, 1 and unary minus, and returns an earlier equal op of the same block
// instead of a second one.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/IR/Builders.h"
#include <optional>

namespace gnc {

/// A builder at the end of a block that need not be in a region yet.
inline mlir::OpBuilder endOf(mlir::Block *block, mlir::MLIRContext *context) {
  mlir::OpBuilder builder(context);
  builder.setInsertionPointToEnd(block);
  return builder;
}

/// Builds f32 scalars at one place of a block.
class ScalarBuilder {
public:
  /// At the end of `block`.
  ScalarBuilder(mlir::Block *block, mlir::Location loc)
      : builder(endOf(block, loc.getContext())), loc(loc) {}
  /// Before `op`.
  explicit ScalarBuilder(mlir::Operation *op) : builder(op), loc(op->getLoc()) {}

  mlir::Value constant(double value);
  mlir::Value boolean(bool value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  /// A factor that is a `select` with a zero branch stays one: `a * select(c, b, 0)` becomes
  /// `select(c, a * b, 0)`, so that what is not selected can never turn 0 into NaN.
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value neg(mlir::Value a);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a, mlir::Value b);

  /// Any other op with one result.
  template <typename OpT, typename... Args> mlir::Value create(Args &&...args) {
    return unique(OpT::create(builder, loc, std::forward<Args>(args)...));
  }

  /// The number, if `value` is a float constant.
  static std::optional<double> constantOf(mlir::Value value);
  static bool isConstant(mlir::Value value, double number) { return constantOf(value) == number; }

private:
  mlir::Value unique(mlir::Operation *op);
  mlir::Value fold(mlir::Value a, mlir::Value b, llvm::function_ref<double(double, double)> apply);

  mlir::OpBuilder builder;
  mlir::Location loc;
};

/// Erases the ops of `block` whose results are not used, last first.
void eraseDeadScalars(mlir::Block &block);

} // namespace gnc
