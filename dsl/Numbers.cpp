// Arithmetic of compile-time numbers: exact as long as it can be.
#include "dsl/Evaluator.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace gnc::dsl;
using ast::BinaryOp;

static std::optional<Rational> exactResult(BinaryOp op, const Rational &a, const Rational &b) {
  switch (op) {
  case BinaryOp::Add: return a + b;
  case BinaryOp::Sub: return a - b;
  case BinaryOp::Mul: return a * b;
  case BinaryOp::Div: return a / b;
  case BinaryOp::FloorDiv: return a.floorDiv(b);
  case BinaryOp::Mod: return a.mod(b);
  default: return b.asInt() ? a.pow(*b.asInt()) : std::nullopt;
  }
}

static double realResult(BinaryOp op, double a, double b) {
  switch (op) {
  case BinaryOp::Add: return a + b;
  case BinaryOp::Sub: return a - b;
  case BinaryOp::Mul: return a * b;
  case BinaryOp::Div: return a / b;
  case BinaryOp::FloorDiv: return std::floor(a / b);
  case BinaryOp::Mod: return a - b * std::floor(a / b);
  default: return std::pow(a, b);
  }
}

FailureOr<Value> gnc::dsl::numberArithmetic(Elaborator &elab, BinaryOp op, const Value &lhs,
                                            const Value &rhs, Span at) {
  double a = *lhs.asDouble(), b = *rhs.asDouble();
  bool divides = op == BinaryOp::Div || op == BinaryOp::FloorDiv || op == BinaryOp::Mod;
  if ((divides && b == 0) || (op == BinaryOp::Pow && a == 0 && b < 0))
    return elab.error("division-by-zero", at,
                      "division by zero: " + lhs.str() + " " + spelling(op) + " " + rhs.str());
  if (lhs.exact() && rhs.exact())
    if (std::optional<Rational> exact = exactResult(op, *lhs.exact(), *rhs.exact()))
      return Value(*exact);
  double result = realResult(op, a, b);
  if (std::isnan(result))
    return elab.error("not-a-number", at,
                      lhs.str() + " " + spelling(op) + " " + rhs.str() + " is not a number");
  if (op == BinaryOp::FloorDiv && std::abs(result) < 0x1p62)
    return Value::number(int64_t(result));
  return Value::real(result);
}

//===- functions ----------------------------------------------------------------------------===//

/// The exact square root, if there is one.
static std::optional<Rational> exactRoot(const Rational &x) {
  auto root = [](Rational::Int n) -> std::optional<Rational::Int> {
    auto r = Rational::Int(std::sqrt(double(n)));
    return r * r == n ? std::optional(r) : std::nullopt;
  };
  if (x.isNegative() || x.numerator() > (Rational::Int(1) << 52) ||
      x.denominator() > (Rational::Int(1) << 52))
    return std::nullopt;
  auto num = root(x.numerator()), den = root(x.denominator());
  return num && den ? Rational::make(*num, *den) : std::nullopt;
}

/// To the nearest whole number, a tie to the even one.
static std::optional<Rational> roundExact(const Rational &x) {
  auto half = Rational::make(1, 2);
  auto up = x + *half;
  if (!up)
    return std::nullopt;
  Rational nearest = up->floor();
  bool tie = nearest == *up, odd = nearest.numerator() % 2 != 0;
  return tie && odd ? nearest - Rational(1) : nearest;
}

static std::optional<Rational> exactFunction(llvm::StringRef name, const Rational &x) {
  if (name == "floor")
    return x.floor();
  if (name == "ceil")
    return x.ceil();
  if (name == "abs")
    return x.abs();
  if (name == "round")
    return roundExact(x);
  if (name == "sqrt")
    return exactRoot(x);
  return std::nullopt;
}

using RealFunction = double (*)(double);

static RealFunction realFunction(llvm::StringRef name) {
  return llvm::StringSwitch<RealFunction>(name)
      .Case("floor", [](double x) { return std::floor(x); })
      .Case("ceil", [](double x) { return std::ceil(x); })
      .Case("round", [](double x) { return std::nearbyint(x); })
      .Case("abs", [](double x) { return std::abs(x); })
      .Case("sqrt", [](double x) { return std::sqrt(x); })
      .Case("rsqrt", [](double x) { return 1 / std::sqrt(x); })
      .Case("exp", [](double x) { return std::exp(x); })
      .Case("expm1", [](double x) { return std::expm1(x); })
      .Case("log", [](double x) { return std::log(x); })
      .Case("log1p", [](double x) { return std::log1p(x); })
      .Case("sin", [](double x) { return std::sin(x); })
      .Case("cos", [](double x) { return std::cos(x); })
      .Case("tanh", [](double x) { return std::tanh(x); })
      .Case("erf", [](double x) { return std::erf(x); })
      .Case("sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); })
      .Case("softplus",
            [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); })
      .Default(nullptr);
}

static FailureOr<Value> unaryFunction(Elaborator &elab, llvm::StringRef name, const Value &value,
                                      Span at) {
  if (value.exact())
    if (std::optional<Rational> exact = exactFunction(name, *value.exact()))
      return Value(*exact);
  double result = realFunction(name)(*value.asDouble());
  if (std::isnan(result))
    return elab.error("not-a-number", at, name + "(" + value.str() + ") is not a number");
  // The whole numbers that rounding gives are exact: `floor(sqrt(10))` is a channel count.
  bool whole = name == "floor" || name == "ceil" || name == "round";
  if (whole && std::abs(result) < 0x1p62)
    return Value::number(int64_t(result));
  return Value::real(result);
}

static Value extreme(bool max, llvm::ArrayRef<Value> values) {
  const Value *best = &values.front();
  for (const Value &value : values.drop_front()) {
    bool less = value.exact() && best->exact() ? *value.exact() < *best->exact()
                                               : *value.asDouble() < *best->asDouble();
    if (less != max && !value.equals(*best))
      best = &value;
  }
  return *best;
}

std::optional<FailureOr<Value>> gnc::dsl::numberFunction(Elaborator &elab, llvm::StringRef name,
                                                         llvm::ArrayRef<Value> values, Span at) {
  if (name == "max" || name == "min")
    return FailureOr<Value>(extreme(name == "max", values));
  if (name == "pow" && values.size() == 2)
    return numberArithmetic(elab, BinaryOp::Pow, values[0], values[1], at);
  if (!realFunction(name) || values.size() != 1)
    return std::nullopt;
  return unaryFunction(elab, name, values[0], at);
}
