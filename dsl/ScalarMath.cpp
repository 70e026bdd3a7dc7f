#include "dsl/ScalarMath.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
namespace arith = mlir::arith;
namespace math = mlir::math;

namespace gnc::dsl {

static constexpr llvm::StringLiteral unaryNames[] = {
    "exp", "expm1", "log", "log1p", "sigmoid", "tanh",  "softplus", "erf", "sqrt", "rsqrt",
    "sin", "cos",   "abs", "floor", "ceil",    "round", "stop",     "max", "min",  "pow",
};

llvm::ArrayRef<llvm::StringLiteral> ScalarMath::functionNames() { return unaryNames; }

unsigned ScalarMath::arity(llvm::StringRef name) {
  if (name == "max" || name == "min" || name == "pow")
    return 2;
  return llvm::is_contained(unaryNames, name) ? 1 : 0;
}

Value ScalarMath::number(Value value) {
  Type type = value.getType(), f32 = Float32Type::get(value.getContext());
  if (type == f32)
    return value;
  // Bytes and truth are not negative; indices of classes are signed whole numbers.
  if (type.isInteger(32))
    return scalars.create<arith::SIToFPOp>(f32, value);
  return scalars.create<arith::UIToFPOp>(f32, value);
}

Value ScalarMath::condition(Value value) {
  if (value.getType().isInteger(1))
    return value;
  return scalars.compare(arith::CmpFPredicate::UNE, number(value), constant(0));
}

Value ScalarMath::binary(ast::BinaryOp op, Value lhs, Value rhs) {
  using Op = ast::BinaryOp;
  if (op == Op::And || op == Op::Or) {
    lhs = condition(lhs), rhs = condition(rhs);
    return op == Op::And ? scalars.create<arith::AndIOp>(lhs, rhs)
                         : scalars.create<arith::OrIOp>(lhs, rhs);
  }
  lhs = number(lhs), rhs = number(rhs);
  switch (op) {
  case Op::Add: return scalars.add(lhs, rhs);
  case Op::Sub: return scalars.sub(lhs, rhs);
  case Op::Mul: return scalars.mul(lhs, rhs);
  case Op::Div: return scalars.div(lhs, rhs);
  case Op::FloorDiv: return scalars.create<math::FloorOp>(scalars.div(lhs, rhs));
  case Op::Mod: // the sign follows the divisor
    return scalars.sub(lhs, scalars.mul(rhs, scalars.create<math::FloorOp>(scalars.div(lhs, rhs))));
  default: return power(lhs, rhs);
  }
}

Value ScalarMath::compare(ast::CompareOp op, Value lhs, Value rhs) {
  static constexpr arith::CmpFPredicate predicates[] = {
      arith::CmpFPredicate::OEQ, arith::CmpFPredicate::UNE, arith::CmpFPredicate::OLT,
      arith::CmpFPredicate::OLE, arith::CmpFPredicate::OGT, arith::CmpFPredicate::OGE};
  return scalars.compare(predicates[unsigned(op)], number(lhs), number(rhs));
}

Value ScalarMath::invert(Value value) {
  return scalars.create<arith::XOrIOp>(condition(value), truth(true));
}

Value ScalarMath::select(Value condition, Value thenValue, Value elseValue) {
  if (thenValue.getType() != elseValue.getType())
    thenValue = number(thenValue), elseValue = number(elseValue);
  return scalars.select(this->condition(condition), thenValue, elseValue);
}

Value ScalarMath::withinClasses(Value value, int64_t classes) {
  Value x = number(value), zero = constant(0);
  Value positive = select(compare(ast::CompareOp::Gt, x, zero), x, zero); // false for NaN
  return function("min", {positive, constant(double(classes - 1))});
}

Value ScalarMath::power(Value base, Value exponent) {
  std::optional<double> known = gnc::ScalarBuilder::constantOf(exponent);
  if (known && *known == 0.5)
    return scalars.create<math::SqrtOp>(base);
  if (known && *known == std::floor(*known) && std::abs(*known) <= 8)
    return powerOf(base, int64_t(*known));
  return scalars.create<math::PowFOp>(base, exponent);
}

/// By repeated squaring.
Value ScalarMath::powerOf(Value base, int64_t exponent) {
  if (exponent < 0)
    return scalars.div(constant(1), powerOf(base, -exponent));
  if (exponent == 0)
    return constant(1);
  Value half = exponent > 1 ? powerOf(base, exponent / 2) : Value();
  Value square = half ? scalars.mul(half, half) : Value();
  if (exponent % 2 == 0)
    return square;
  return square ? scalars.mul(square, base) : base;
}

Value ScalarMath::function(llvm::StringRef name, llvm::ArrayRef<Value> operands) {
  llvm::SmallVector<Value, 4> x;
  for (Value operand : operands)
    x.push_back(number(operand));
  if (name == "max" || name == "min") {
    Value best = x.front();
    for (Value next : llvm::drop_begin(x))
      best = name == "max" ? scalars.create<arith::MaximumFOp>(best, next)
                           : scalars.create<arith::MinimumFOp>(best, next);
    return best;
  }
  if (name == "pow")
    return power(x[0], x[1]);
  Type f32 = x[0].getType();
  return llvm::StringSwitch<llvm::function_ref<Value()>>(name)
      .Case("exp", [&] { return scalars.create<math::ExpOp>(x[0]); })
      .Case("expm1", [&] { return scalars.create<math::ExpM1Op>(x[0]); })
      .Case("log", [&] { return scalars.create<math::LogOp>(x[0]); })
      .Case("log1p", [&] { return scalars.create<math::Log1pOp>(x[0]); })
      .Case("sigmoid", [&] { return scalars.create<gnc::SigmoidOp>(f32, x[0]); })
      .Case("softplus", [&] { return scalars.create<gnc::SoftplusOp>(f32, x[0]); })
      .Case("stop", [&] { return scalars.create<gnc::StopOp>(f32, x[0]); })
      .Case("tanh", [&] { return scalars.create<math::TanhOp>(x[0]); })
      .Case("erf", [&] { return scalars.create<math::ErfOp>(x[0]); })
      .Case("sqrt", [&] { return scalars.create<math::SqrtOp>(x[0]); })
      .Case("rsqrt", [&] { return scalars.create<math::RsqrtOp>(x[0]); })
      .Case("sin", [&] { return scalars.create<math::SinOp>(x[0]); })
      .Case("cos", [&] { return scalars.create<math::CosOp>(x[0]); })
      .Case("abs", [&] { return scalars.create<math::AbsFOp>(x[0]); })
      .Case("floor", [&] { return scalars.create<math::FloorOp>(x[0]); })
      .Case("ceil", [&] { return scalars.create<math::CeilOp>(x[0]); })
      .Default([&] { return scalars.create<math::RoundEvenOp>(x[0]); })();
}

} // namespace gnc::dsl
