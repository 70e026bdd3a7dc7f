// `+ - * / // % ^`, comparisons and connectives on values of every kind.
#include "dsl/HostField.h"
#include "dsl/TensorArithmetic.h"

using namespace gnc::dsl;
using ast::BinaryOp;
using ast::CompareOp;

//===- schedules ----------------------------------------------------------------------------===//

std::optional<Schedule> gnc::dsl::toSchedule(const Value &value) {
  if (value.schedule())
    return *value.schedule();
  if (std::optional<double> number = value.asDouble())
    return Schedule::number(*number);
  if (const bool *truth = value.boolean())
    return Schedule::number(*truth);
  return std::nullopt;
}

FailureOr<Value> gnc::dsl::makeSchedule(Elaborator &elab, llvm::StringRef op,
                                        llvm::ArrayRef<Schedule> operands, Span at) {
  if (std::optional<Schedule> schedule = Schedule::apply(op, operands))
    return Value(std::move(*schedule));
  return elab.error("large-schedule", at, "this schedule is too large to be computed at every step")
      .note("it is written out with all that it uses; " + llvm::Twine(Schedule::maxLength) +
            " characters are possible")
      .help("write it shorter: every use of a name repeats what it stands for");
}

/// Both as schedules, if at least one is one and the other can be.
static std::optional<std::pair<Schedule, Schedule>> schedulePair(const Value &a, const Value &b) {
  if (!a.schedule() && !b.schedule())
    return std::nullopt;
  auto x = toSchedule(a), y = toSchedule(b);
  return x && y ? std::optional(std::pair(*x, *y)) : std::nullopt;
}

//===- sizes --------------------------------------------------------------------------------===//

/// The size, or the number repeated `count` times.
static std::optional<SizeValue> toSize(const Value &value, size_t count) {
  if (value.size())
    return *value.size();
  if (!value.exact())
    return std::nullopt;
  SizeValue size;
  size.extents.assign(count, *value.exact());
  return size;
}

/// Both as sizes of equal length, if at least one is one.
static std::optional<std::pair<SizeValue, SizeValue>> sizePair(const Value &a, const Value &b) {
  if (!a.size() && !b.size())
    return std::nullopt;
  size_t count = (a.size() ? a : b).size()->extents.size();
  auto x = toSize(a, count), y = toSize(b, count);
  if (!x || !y || x->extents.size() != y->extents.size())
    return std::nullopt;
  return std::pair(*x, *y);
}

static FailureOr<Value> sizeArithmetic(Elaborator &elab, BinaryOp op, const SizeValue &a,
                                       const SizeValue &b, Span at) {
  SizeValue result;
  for (size_t i = 0; i != a.extents.size(); ++i) {
    auto extent = numberArithmetic(elab, op, Value(a.extents[i]), Value(b.extents[i]), at);
    if (failed(extent))
      return failure();
    if (!extent->exact())
      return elab
          .error("inexact-size", at,
                 "a size is made of exact numbers, but this is " + extent->str() +
                     " in one direction")
          .help("round it: floor(..)");
    result.extents.push_back(*extent->exact());
  }
  return Value(std::move(result));
}

//===- operators ----------------------------------------------------------------------------===//

static llvm::StringRef verb(BinaryOp op) {
  static constexpr llvm::StringLiteral verbs[] = {
      "add", "subtract", "multiply", "divide", "divide", "divide", "raise", "combine", "combine"};
  return verbs[unsigned(op)];
}

static bool isTensorOperand(const Value &value) {
  return value.tensor() || value.isNumber() || value.schedule() || value.boolean();
}

static FailureOr<Value> cannotCombine(Elaborator &elab, const ast::Binary &expr, const Value &a,
                                      const Value &b) {
  auto name = [](const Value &v) {
    return v.kindName().str() + (v.recipe() || v.layer() ? "" : " (" + v.str() + ")");
  };
  Report report =
      elab.error("operands", expr.opSpan,
                 "'" + spelling(expr.op) + "' cannot combine " + name(a) + " and " + name(b));
  if (a.recipe() || b.recipe() || a.layer() || b.layer())
    report.help("a layer is used with an arrow: x -> " + (b.recipe() || b.layer() ? b : a).str());
  if ((a.size() && b.real()) || (a.real() && b.size()))
    report.help("a size is made of exact numbers: round the other one, floor(..)");
  if ((a.tensor() || b.tensor()) && (a.record() || b.record()))
    report.help("name one of the values first");
  return report;
}

FailureOr<Value> Evaluator::binary(const ast::Binary &expr) {
  if (expr.op == BinaryOp::And || expr.op == BinaryOp::Or)
    return connective(expr);
  FailureOr<Value> lhs = evaluateOnHost(*expr.lhs), rhs = evaluateOnHost(*expr.rhs);
  if (failed(lhs) || failed(rhs))
    return failure();
  if (std::optional<Value> later = scaleLater(expr, *lhs, *rhs))
    return *later;
  lhs = settle(elab, *lhs);
  rhs = settle(elab, *rhs);
  if (failed(lhs) || failed(rhs))
    return failure();
  return elab.binary(expr.op, *lhs, *rhs, expr);
}

FailureOr<Value> Elaborator::binary(BinaryOp op, const Value &lhs, const Value &rhs,
                                    const ast::Binary &expr) {
  if (lhs.isNumber() && rhs.isNumber())
    return numberArithmetic(*this, op, lhs, rhs, expr.opSpan);
  if (auto sizes = sizePair(lhs, rhs))
    return sizeArithmetic(*this, op, sizes->first, sizes->second, expr.opSpan);
  if (auto pair = schedulePair(lhs, rhs))
    return makeSchedule(*this, spelling(op), {pair->first, pair->second}, expr.opSpan);
  if ((!lhs.tensor() && !rhs.tensor()) || !isTensorOperand(lhs) || !isTensorOperand(rhs))
    return cannotCombine(*this, expr, lhs, rhs);
  FailureOr<Tensor> result = pointwise(
      *this, {lhs, rhs}, {expr.lhs->span, expr.rhs->span}, ElementKind::F32, expr.opSpan, verb(op),
      [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) { return math.binary(op, x[0], x[1]); });
  if (failed(result))
    return failure();
  result->trail = extendTrail((lhs.tensor() ? lhs : rhs).tensor()->trail,
                              oneLine(expr.span.text(), 40), *result);
  return Value(*result);
}

FailureOr<Value> gnc::dsl::negateValue(Elaborator &elab, const Value &value, Span at) {
  if (value.exact())
    return Value(-*value.exact());
  if (value.real())
    return Value::real(-*value.real());
  if (const SizeValue *size = value.size()) {
    SizeValue result;
    for (const Rational &extent : size->extents)
      result.extents.push_back(-extent);
    return Value(std::move(result));
  }
  if (value.schedule())
    return makeSchedule(elab, "neg", {*value.schedule()}, at);
  if (!value.tensor())
    return elab.error("operands", at, "'-' cannot negate " + value.kindName());
  auto result =
      pointwise(elab, {value}, {at}, ElementKind::F32, at, "negate",
                [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) { return math.negate(x[0]); });
  if (failed(result))
    return failure();
  result->trail = elab.extendTrail(value.tensor()->trail, oneLine(at.text(), 40), *result);
  return Value(*result);
}

FailureOr<Value> Evaluator::negate(const ast::Neg &expr) {
  FailureOr<Value> value = evaluate(*expr.operand);
  return failed(value) ? value : negateValue(elab, *value, expr.span);
}

FailureOr<Value> Evaluator::invert(const ast::Not &expr) {
  FailureOr<Value> value = evaluate(*expr.operand);
  if (failed(value))
    return failure();
  if (value->boolean())
    return Value::boolean(!*value->boolean());
  if (value->schedule())
    return makeSchedule(elab, "not", {*value->schedule()}, expr.span);
  if (!value->tensor())
    return elab.error("operands", expr.span, "'not' needs a truth value, got " + value->kindName());
  auto result =
      pointwise(elab, {*value}, {expr.operand->span}, ElementKind::Bool, expr.span, "negate",
                [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) { return math.invert(x[0]); });
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

/// `and`, `or`: the right side is evaluated only if the left one leaves the result open.
FailureOr<Value> Evaluator::connective(const ast::Binary &expr) {
  FailureOr<Value> lhs = evaluate(*expr.lhs);
  if (failed(lhs))
    return failure();
  if (lhs->boolean() && *lhs->boolean() == (expr.op == BinaryOp::Or))
    return *lhs;
  FailureOr<Value> rhs = evaluate(*expr.rhs);
  if (failed(rhs))
    return failure();
  if (lhs->boolean() && rhs->boolean())
    return *rhs;
  if (auto pair = schedulePair(*lhs, *rhs))
    return makeSchedule(elab, spelling(expr.op), {pair->first, pair->second}, expr.opSpan);
  auto truth = [](const Value &v) { return v.boolean() || v.tensor() || v.schedule(); };
  const Value &wrong = truth(*lhs) ? *rhs : *lhs;
  if (!truth(wrong))
    return elab.error("operands", (&wrong == &*lhs ? expr.lhs : expr.rhs)->span,
                      "'" + spelling(expr.op) + "' needs truth values, got " + wrong.kindName());
  auto result =
      pointwise(elab, {*lhs, *rhs}, {expr.lhs->span, expr.rhs->span}, ElementKind::Bool,
                expr.opSpan, "combine", [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
                  return math.binary(expr.op, x[0], x[1]);
                });
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

//===- comparisons --------------------------------------------------------------------------===//

static bool holds(CompareOp op, std::partial_ordering order) {
  switch (op) {
  case CompareOp::Eq: return order == 0;
  case CompareOp::Ne: return order != 0;
  case CompareOp::Lt: return order < 0;
  case CompareOp::Le: return order <= 0;
  case CompareOp::Gt: return order > 0;
  case CompareOp::Ge: return order >= 0;
  }
  return false;
}

static std::partial_ordering order(const Value &a, const Value &b) {
  if (a.exact() && b.exact())
    return *a.exact() <=> *b.exact();
  return *a.asDouble() <=> *b.asDouble();
}

FailureOr<Value> Evaluator::comparePair(const ast::Compare &expr, unsigned i, const Value &lhs,
                                        const Value &rhs) {
  CompareOp op = expr.ops[i];
  if (lhs.isNumber() && rhs.isNumber())
    return Value::boolean(holds(op, order(lhs, rhs)));
  if (auto pair = schedulePair(lhs, rhs))
    return makeSchedule(elab, spelling(op), {pair->first, pair->second}, expr.opSpans[i]);
  if ((lhs.tensor() || rhs.tensor()) && isTensorOperand(lhs) && isTensorOperand(rhs)) {
    auto result = pointwise(elab, {lhs, rhs}, {expr.operands[i]->span, expr.operands[i + 1]->span},
                            ElementKind::Bool, expr.opSpans[i], "compare",
                            [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
                              return math.compare(op, x[0], x[1]);
                            });
    return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
  }
  bool equality = op == CompareOp::Eq || op == CompareOp::Ne;
  if (auto sizes = sizePair(lhs, rhs)) {
    bool all = true; // a size is less than another if it is so in all directions
    for (size_t k = 0; k != sizes->first.extents.size(); ++k)
      all &= holds(equality ? CompareOp::Eq : op,
                   sizes->first.extents[k] <=> sizes->second.extents[k]);
    return Value::boolean(op == CompareOp::Ne ? !all : all);
  }
  if (equality && !lhs.tensor() && !rhs.tensor())
    return Value::boolean(lhs.equals(rhs) == (op == CompareOp::Eq));
  return elab.error("operands", expr.opSpans[i],
                    "'" + spelling(op) + "' cannot compare " + lhs.kindName() + " with " +
                        rhs.kindName());
}

FailureOr<Value> Evaluator::compare(const ast::Compare &expr) {
  FailureOr<Value> lhs = evaluate(*expr.operands[0]);
  if (failed(lhs))
    return failure();
  std::optional<Value> all;
  for (unsigned i = 0; i != expr.ops.size(); ++i) {
    FailureOr<Value> rhs = evaluate(*expr.operands[i + 1]);
    if (failed(rhs))
      return failure();
    FailureOr<Value> one = comparePair(expr, i, *lhs, *rhs);
    if (failed(one) || (one->boolean() && !*one->boolean()))
      return one;
    lhs = rhs;
    if (!all || all->boolean()) {
      all = *one;
      continue;
    }
    if (one->boolean())
      continue;
    if (auto pair = schedulePair(*all, *one)) {
      one = makeSchedule(elab, "and", {pair->first, pair->second}, expr.opSpans[i]);
    } else {
      auto both =
          pointwise(elab, {*all, *one}, {expr.span, expr.span}, ElementKind::Bool, expr.opSpans[i],
                    "compare", [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
                      return math.binary(BinaryOp::And, x[0], x[1]);
                    });
      one = failed(both) ? FailureOr<Value>(failure()) : Value(*both);
    }
    if (failed(one))
      return failure();
    all = *one;
  }
  return *all;
}
