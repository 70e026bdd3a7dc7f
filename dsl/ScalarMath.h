// Scalar arithmetic inside the region of a gnc.compute: one table for ops and for tensor
// expressions.
#ifndef GNC_DSL_SCALARMATH_H
#define GNC_DSL_SCALARMATH_H

#include "dsl/AST.h"

#include "ir/ScalarBuilder.h"

namespace gnc::dsl {

/// Builds scalars at the end of a block, folding as ir/ScalarBuilder.h does. Numbers are f32, truth
/// is i1; operands of either kind (and i8, i32 read from tensors) are converted as needed.
class ScalarMath {
public:
  ScalarMath(mlir::Block *block, mlir::Location location) : scalars(block, location) {}

  mlir::Value constant(double value) { return scalars.constant(value); } // rounded once to f32
  mlir::Value truth(bool value) { return scalars.boolean(value); }
  /// f32 of an f32, i8 (unsigned), i32 (signed) or i1 (0, 1).
  mlir::Value number(mlir::Value value);
  /// i1 of an i1 or of a number (not 0).
  mlir::Value condition(mlir::Value value);
  /// `+ - * / // % ^ and or`. A power with a constant small whole exponent becomes products.
  mlir::Value binary(ast::BinaryOp op, mlir::Value lhs, mlir::Value rhs);
  mlir::Value compare(ast::CompareOp op, mlir::Value lhs, mlir::Value rhs);
  mlir::Value negate(mlir::Value value) { return scalars.neg(number(value)); }
  mlir::Value invert(mlir::Value value); // not
  /// Branches of different kinds become numbers.
  mlir::Value select(mlir::Value condition, mlir::Value thenValue, mlir::Value elseValue);
  /// A number brought into 0 .. classes - 1 with NaN as 0, so that its whole part is a class and
  /// its conversion defined. `classes` is at most maxClasses.
  mlir::Value withinClasses(mlir::Value value, int64_t classes);
  /// f32 counts exactly up to here.
  static constexpr int64_t maxClasses = int64_t(1) << 24;
  /// A function of the table, by name; there are `arity(name)` operands (max, min: two or more).
  mlir::Value function(llvm::StringRef name, llvm::ArrayRef<mlir::Value> operands);

  /// How many operands the scalar function takes: exp expm1 log log1p sigmoid tanh softplus erf
  /// sqrt rsqrt sin cos abs floor ceil round stop: 1; pow, max, min: 2. 0: there is none so named.
  static unsigned arity(llvm::StringRef name);
  static llvm::ArrayRef<llvm::StringLiteral> functionNames();

private:
  mlir::Value power(mlir::Value base, mlir::Value exponent);
  mlir::Value powerOf(mlir::Value base, int64_t exponent);

  gnc::ScalarBuilder scalars;
};

} // namespace gnc::dsl

#endif // GNC_DSL_SCALARMATH_H
