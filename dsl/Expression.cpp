// Expressions: what each form of the syntax tree evaluates to.
#include "dsl/BodyRunner.h"
#include "dsl/Evaluator.h"
#include "dsl/HostField.h"
#include "dsl/LayerBuilder.h"
#include "dsl/TensorArithmetic.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

using namespace gnc::dsl;
using ast::Expr;

// The parser refuses trees higher than 1000; blocks in blocks add to that. This fits the stack.
static constexpr unsigned maxEvaluations = 1500;

FailureOr<Value> Elaborator::evaluate(const Expr &expr, Scope &scope) {
  return Evaluator(*this, scope).evaluate(expr);
}

FailureOr<Value> Evaluator::evaluate(const Expr &expr) {
  FailureOr<Value> value = evaluateOnHost(expr);
  return failed(value) ? value : settle(elab, *value);
}

FailureOr<Value> Evaluator::evaluateOnHost(const Expr &expr) {
  if (!elab.spend(1, expr.span))
    return failure();
  if (elab.depth >= maxEvaluations)
    return elab.error("deep-nesting", expr.span, "this nests too deeply to be evaluated")
        .help("does its recursion end?");
  ++elab.depth;
  auto leave = llvm::scope_exit([&] { --elab.depth; });
  return dispatch(expr);
}

FailureOr<Value> Evaluator::dispatch(const Expr &expr) {
  switch (expr.kind) {
  case Expr::Kind::Number: return Value(llvm::cast<ast::Number>(expr).value);
  case Expr::Kind::Size: {
    SizeValue size;
    for (int64_t extent : llvm::cast<ast::Size>(expr).extents)
      size.extents.push_back(extent);
    return Value(std::move(size));
  }
  case Expr::Kind::String: return Value::string(llvm::cast<ast::String>(expr).value);
  case Expr::Kind::Bool: return Value::boolean(llvm::cast<ast::Bool>(expr).value);
  case Expr::Kind::Inf: return Value::real(std::numeric_limits<double>::infinity());
  case Expr::Kind::Name:
    return told(expr.span, lookup(llvm::cast<ast::Name>(expr).name, expr.span));
  case Expr::Kind::Member:
    return told(llvm::cast<ast::Member>(expr).member.span, member(llvm::cast<ast::Member>(expr)));
  case Expr::Kind::Neg: return negate(llvm::cast<ast::Neg>(expr));
  case Expr::Kind::Not: return invert(llvm::cast<ast::Not>(expr));
  case Expr::Kind::Binary: return binary(llvm::cast<ast::Binary>(expr));
  case Expr::Kind::Compare: return compare(llvm::cast<ast::Compare>(expr));
  case Expr::Kind::If: return choose(llvm::cast<ast::If>(expr), false);
  case Expr::Kind::Call: return layer(llvm::cast<ast::Call>(expr));
  case Expr::Kind::Access: return access(llvm::cast<ast::Access>(expr));
  case Expr::Kind::Reduce:
    return elab
        .error("equation-outside-op", expr.span, "index notation can only be used inside an op")
        .help("write op f(x: [..]) -> y: [..] { y[..] = " + oneLine(expr.span.text(), 40) + " }");
  case Expr::Kind::Tuple: return sequence(llvm::cast<ast::Tuple>(expr).elements, true);
  case Expr::Kind::List: return sequence(llvm::cast<ast::List>(expr).elements, false);
  case Expr::Kind::Flow: return flow(llvm::cast<ast::Flow>(expr));
  case Expr::Kind::Range: return range(llvm::cast<ast::Range>(expr));
  }
  return failure();
}

FailureOr<Value> Evaluator::told(Span at, FailureOr<Value> value) {
  if (succeeded(value))
    elab.tell(at, *value);
  return value;
}

FailureOr<Value> Evaluator::layer(const ast::Call &expr) {
  size_t parameters = elab.parameterCount();
  FailureOr<Value> value = call(expr);
  if (elab.listener && succeeded(value))
    elab.listener->layer(expr.span, elab.layerResult(*value, parameters));
  return value;
}

static Report notACondition(Elaborator &elab, const Value &value, Span at) {
  if (!value.tensor() && !value.schedule())
    return elab.error("condition", at,
                      "a condition is true or false, but this is " + value.kindName());
  Report report =
      elab.error("condition", at,
                 "the condition must be known at compile time, but this is " + value.kindName());
  if (value.tensor())
    report.help("inside an op, 'if' selects element by element");
  return report;
}

FailureOr<Value> Evaluator::choose(const ast::If &expr, bool recipe) {
  FailureOr<Value> condition = evaluate(*expr.condition);
  if (failed(condition))
    return failure();
  if (const bool *known = condition->boolean()) {
    const Expr &taken = *known ? *expr.thenValue : *expr.elseValue;
    LayerBuilder layers(elab, scope);
    // Names of layers count textually, whichever branch is taken.
    if (!*known)
      layers.countSkipped(*expr.thenValue);
    FailureOr<Value> value = recipe ? evaluateRecipe(taken) : evaluate(taken);
    if (*known)
      layers.countSkipped(*expr.elseValue);
    return value;
  }
  if (std::optional<Schedule> schedule = toSchedule(*condition)) {
    FailureOr<Value> a = evaluate(*expr.thenValue), b = evaluate(*expr.elseValue);
    if (failed(a) || failed(b))
      return failure();
    if (auto x = toSchedule(*a), y = toSchedule(*b); x && y)
      return makeSchedule(elab, "if", {*schedule, *x, *y}, expr.span);
  }
  return notACondition(elab, *condition, expr.condition->span);
}

FailureOr<Value> Evaluator::sequence(llvm::ArrayRef<Expr *> elements, bool tuple) {
  std::vector<Value> values;
  bool good = true;
  for (const Expr *element : elements) {
    FailureOr<Value> value = tuple ? evaluateOnHost(*element) : evaluate(*element);
    good &= succeeded(value);
    if (good)
      values.push_back(*value);
  }
  if (!good)
    return failure();
  return tuple ? Value::tuple(std::move(values)) : Value::list(std::move(values));
}

FailureOr<Value> Evaluator::range(const ast::Range &expr) {
  auto from = elab.evaluateInt(*expr.from, scope, "the start of a range");
  auto to = elab.evaluateInt(*expr.to, scope, "the end of a range");
  if (failed(from) || failed(to))
    return failure();
  std::vector<Value> values;
  if (*to > *from && !elab.spend(uint64_t(*to) - uint64_t(*from), expr.span))
    return failure();
  for (int64_t i = *from; i < *to; ++i)
    values.push_back(Value::number(i));
  return Value::list(std::move(values));
}

FailureOr<Value> Evaluator::access(const ast::Access &expr) {
  FailureOr<Value> base = evaluate(*expr.tensor);
  if (failed(base))
    return failure();
  const std::vector<Value> *elements = base->elements();
  if (!elements) {
    Report report = elab.error("access", expr.brackets,
                               "only a list has entries, but this is " + base->kindName());
    if (base->tensor())
      report.help("elements of tensors are read inside an op: op f(x: [..]) -> y: [..] { .. }");
    return report;
  }
  if (expr.indices.size() != 1 || expr.batch || expr.indices[0].pack)
    return elab.error("access", expr.brackets, "an entry of a list has one index");
  auto index = elab.evaluateInt(*expr.indices[0].expr, scope, "the index of a list");
  if (failed(index))
    return failure();
  if (*index >= 0 && uint64_t(*index) < elements->size())
    return (*elements)[*index];
  if (expr.outside)
    return evaluate(*expr.outside);
  return elab
      .error("list-index", expr.indices[0].span,
             "the list has " + llvm::Twine(elements->size()) + " entries, there is no " +
                 llvm::Twine(*index))
      .note("entries are counted from 0");
}

FailureOr<Value> Evaluator::flow(const ast::Flow &expr) {
  FailureOr<Value> value = evaluateOnHost(*expr.source);
  if (succeeded(value) && expr.type)
    value = settle(elab, *value);
  if (failed(value))
    return failure();
  LayerBuilder layers(elab, scope);
  if (expr.type && failed(layers.ascribe(*expr.type, *value)))
    return failure();
  if (expr.name && failed(assignName(elab, scope, expr.name, *value)))
    return failure();
  Argument current{*value, oneLine(expr.source->span.text(), 40), expr.source->span};
  for (const auto &[i, stage] : llvm::enumerate(expr.stages)) {
    FailureOr<Value> next = layers.applyStage(stage, current);
    if (failed(next)) {
      layers.checkNames(llvm::ArrayRef(expr.stages).drop_front(i + 1));
      return failure();
    }
    current = {*next, oneLine(stage.span.text(), 40), stage.span};
  }
  return current.value;
}

//===- values of a certain kind -------------------------------------------------------------===//

FailureOr<int64_t> Elaborator::evaluateInt(const Expr &expr, Scope &scope,
                                           const llvm::Twine &what) {
  FailureOr<Value> value = evaluate(expr, scope);
  if (failed(value))
    return failure();
  if (std::optional<int64_t> number = value->asInt())
    return *number;
  std::string found = value->isNumber() ? value->str() : value->kindName().str();
  Report report = error("whole-number", expr.span, what + " must be a whole number, got " + found);
  if (value->exact())
    report.help("round it: a // b in place of a / b, or floor(..)");
  return report;
}

FailureOr<double> Elaborator::evaluateReal(const Expr &expr, Scope &scope,
                                           const llvm::Twine &what) {
  FailureOr<Value> value = evaluate(expr, scope);
  if (failed(value))
    return failure();
  if (std::optional<double> number = value->asDouble())
    return *number;
  return error("number", expr.span, what + " must be a number, got " + value->str());
}

FailureOr<bool> Elaborator::evaluateCondition(const Expr &expr, Scope &scope) {
  FailureOr<Value> value = evaluate(expr, scope);
  if (failed(value))
    return failure();
  if (const bool *known = value->boolean())
    return *known;
  return notACondition(*this, *value, expr.span);
}

FailureOr<Tensor> Elaborator::evaluateTensor(const Expr &expr, Scope &scope,
                                             const llvm::Twine &what) {
  FailureOr<Value> value = evaluate(expr, scope);
  if (failed(value))
    return failure();
  if (value->tensor())
    return *value->tensor();
  if (value->isNumber() || value->boolean() || value->schedule())
    return toTensor(*this, *value, expr.span);
  return error("needs-tensor", expr.span, what + " must be a tensor, got " + value->kindName());
}
