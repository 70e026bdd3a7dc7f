//===- ScalarDerivative.cpp - the table of scalar derivatives ---------------------------------===//
#include "ir/ScalarDerivative.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <numbers>

using namespace mlir;

namespace gnc {

static Value square(ScalarBuilder &s, Value x) { return s.mul(x, x); }

/// d pow(x, e)/dx = e * pow(x, e - 1), with the small powers written out.
static Value powerByBase(ScalarBuilder &s, math::PowFOp op) {
  Value x = op.getLhs(), exponent = op.getRhs();
  if (s.isConstant(exponent, 0))
    return s.constant(0);
  if (s.isConstant(exponent, 1))
    return s.constant(1);
  if (s.isConstant(exponent, 2))
    return s.mul(s.constant(2), x);
  Value lower = s.sub(exponent, s.constant(1));
  return s.mul(exponent, s.create<math::PowFOp>(x, lower));
}

/// d pow(x, e)/de = pow(x, e) * log(x); 0 at x = 0, where the product would be 0 * -inf.
static Value powerByExponent(ScalarBuilder &s, math::PowFOp op) {
  Value x = op.getLhs(), zero = s.constant(0);
  Value isZero = s.compare(arith::CmpFPredicate::OEQ, x, zero);
  return s.select(isZero, zero, s.mul(op.getResult(), s.create<math::LogOp>(x)));
}

static Value sign(ScalarBuilder &s, Value x) {
  Value zero = s.constant(0);
  Value negative = s.compare(arith::CmpFPredicate::OLT, x, zero);
  Value positive = s.compare(arith::CmpFPredicate::OGT, x, zero);
  return s.select(positive, s.constant(1), s.select(negative, s.constant(-1), zero));
}

/// The partial derivative of a smooth op by its operand `i`, written with the op's own result `y`
/// where that is stable. Null: the op has no rule.
static Value partial(ScalarBuilder &s, Operation *op, unsigned i) {
  Value x = op->getOperand(i), y = op->getResult(0);
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](arith::AddFOp) { return s.constant(1); })
      .Case([&](arith::SubFOp) { return s.constant(i == 0 ? 1 : -1); })
      .Case([&](arith::MulFOp) { return op->getOperand(1 - i); })
      .Case([&](arith::DivFOp division) {
        Value divisor = division.getRhs();
        return i == 0 ? s.div(s.constant(1), divisor) : s.neg(s.div(y, divisor));
      })
      .Case([&](arith::NegFOp) { return s.constant(-1); })
      .Case([&](math::ExpOp) { return y; })
      .Case([&](math::ExpM1Op) { return s.add(y, s.constant(1)); })
      .Case([&](math::LogOp) { return s.div(s.constant(1), x); })
      .Case([&](math::Log1pOp) { return s.div(s.constant(1), s.add(s.constant(1), x)); })
      .Case([&](math::TanhOp) { return s.sub(s.constant(1), square(s, y)); })
      .Case([&](math::ErfOp) {
        Value bell = s.create<math::ExpOp>(s.neg(square(s, x)));
        return s.mul(s.constant(2 * std::numbers::inv_sqrtpi), bell);
      })
      .Case([&](math::SqrtOp) { return s.div(s.constant(0.5), y); })
      .Case([&](math::RsqrtOp) { return s.mul(s.constant(-0.5), s.mul(y, square(s, y))); })
      .Case([&](math::SinOp) { return s.create<math::CosOp>(x); })
      .Case([&](math::CosOp) { return s.neg(s.create<math::SinOp>(x)); })
      .Case([&](math::AbsFOp) { return sign(s, x); })
      .Case([&](math::PowFOp power) {
        return i == 0 ? powerByBase(s, power) : powerByExponent(s, power);
      })
      .Case<math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp, math::TruncOp, StopOp>(
          [&](auto) { return s.constant(0); })
      .Case([&](SigmoidOp) { return s.mul(y, s.sub(s.constant(1), y)); })
      .Case([&](SoftplusOp) { return s.create<SigmoidOp>(x.getType(), x); })
      .Default([](Operation *) { return Value(); });
}

/// Ops that hand one of two operands on: the condition under which it is the first; a tie goes to
/// the second.
static Value choosesFirst(ScalarBuilder &s, Operation *op) {
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](arith::MaximumFOp max) {
        return s.compare(arith::CmpFPredicate::OGT, max.getLhs(), max.getRhs());
      })
      .Case([&](arith::MinimumFOp min) {
        return s.compare(arith::CmpFPredicate::OLT, min.getLhs(), min.getRhs());
      })
      .Case([&](arith::SelectOp select) { return select.getCondition(); })
      .Default([](Operation *) { return Value(); });
}

FailureOr<Value> ScalarDerivative::of(Value value) {
  if (value == argument)
    return scalars.constant(1);
  Operation *op = value.getDefiningOp();
  if (!op || !isa<FloatType>(value.getType()))
    return Value();
  if (auto it = known.find(value); it != known.end())
    return it->second;
  FailureOr<Value> tangent = ofOp(op);
  if (failed(tangent))
    return failure();
  if (*tangent && ScalarBuilder::isConstant(*tangent, 0))
    tangent = Value();
  return known[value] = *tangent;
}

FailureOr<Value> ScalarDerivative::ofOp(Operation *op) {
  SmallVector<Value> tangents;
  for (Value operand : op->getOperands()) {
    FailureOr<Value> tangent = of(operand);
    if (failed(tangent))
      return failure();
    tangents.push_back(*tangent);
  }
  if (llvm::none_of(tangents, [](Value tangent) { return static_cast<bool>(tangent); }))
    return Value();
  auto orZero = [&](Value tangent) { return tangent ? tangent : scalars.constant(0); };
  if (Value condition = choosesFirst(scalars, op))
    return scalars.select(condition, orZero(tangents[tangents.size() - 2]),
                          orZero(tangents.back()));
  Value sum;
  for (auto [i, tangent] : llvm::enumerate(tangents)) {
    if (!tangent)
      continue;
    Value factor = partial(scalars, op, i);
    if (!factor)
      return op->emitError() << "'" << op->getName() << "' has no derivative";
    Value term = scalars.mul(tangent, factor);
    sum = sum ? scalars.add(sum, term) : term;
  }
  return sum;
}

} // namespace gnc
