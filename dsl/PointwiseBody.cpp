#include "dsl/PointwiseBody.h"

#include "dsl/Walk.h"

using namespace gnc::dsl;
using llvm::StringRef;

// Calls are inlined; nobody's optimizer needs more.
static constexpr unsigned maxDepth = 50;

PointwiseBody::PointwiseBody(Elaborator &elab, llvm::ArrayRef<int64_t> shape,
                             mlir::Location location)
    : elab(elab), location(location), draft(elab.builder.getContext()),
      math(draft.body.get(), location) {
  draft.extents.assign(shape.begin(), shape.end());
  draft.numParallel = shape.size();
  for (size_t i = 0; i != shape.size(); ++i)
    draft.names.push_back("i" + std::to_string(i));
}

mlir::Value PointwiseBody::read(mlir::Value tensor) {
  mlir::Value &known = reads[tensor];
  if (known)
    return known;
  gnc::DraftRead read;
  read.tensor = tensor;
  for (int64_t i = 0; i != llvm::cast<mlir::RankedTensorType>(tensor.getType()).getRank(); ++i)
    read.coords.push_back(mlir::getAffineDimExpr(i, draft.context));
  return known = draft.addRead(std::move(read), location);
}

gnc::ComputeOp PointwiseBody::finish(llvm::ArrayRef<mlir::Value> yielded) {
  auto type = mlir::RankedTensorType::get(draft.extents, elab.builder.getF32Type());
  draft.resultTypes.assign(yielded.size(), type);
  draft.reductions.assign(yielded.size(), gnc::Reduction::None);
  llvm::SmallVector<mlir::Value> numbers;
  for (mlir::Value value : yielded)
    numbers.push_back(math.number(value));
  mlir::OpBuilder inner(draft.context);
  inner.setInsertionPointToEnd(draft.body.get());
  gnc::YieldOp::create(inner, location, numbers);
  gnc::foldScalars(*draft.body);
  return draft.create(elab.builder, location);
}

FailureOr<mlir::Value> PointwiseBody::scalar(const Number &number, Span at) {
  if (const auto *element = std::get_if<mlir::Value>(&number))
    return *element;
  const Value &value = std::get<Value>(number);
  if (std::optional<double> constant = value.asDouble())
    return math.constant(*constant);
  if (const bool *truth = value.boolean())
    return math.truth(*truth);
  if (const Schedule *schedule = value.schedule())
    if (mlir::Value argument = elab.host.addSchedule(*schedule, elab.location(at)))
      return read(argument);
  return elab.error("not-a-number", at, "a number is needed here, got " + value.str());
}

//===- expressions --------------------------------------------------------------------------===//

/// Does a name of `frame` that stands for an element occur in `expr`?
static bool dependsOnElement(const ast::Expr &expr, const PointwiseFrame &frame) {
  struct Search : Visitor {
    explicit Search(const PointwiseFrame &frame) : frame(frame) {}
    void visit(const ast::Expr &expr) override {
      const auto *name = llvm::dyn_cast<ast::Name>(&expr);
      found |= name && frame.elements.count(name->name);
    }
    using Visitor::visit;
    const PointwiseFrame &frame;
    bool found = false;
  } search(frame);
  walk(expr, search);
  return search.found;
}

FailureOr<PointwiseBody::Number> PointwiseBody::evaluate(const ast::Expr &expr,
                                                         PointwiseFrame &frame) {
  if (dependsOnElement(expr, frame)) {
    FailureOr<mlir::Value> value = element(expr, frame);
    if (failed(value))
      return failure();
    return Number(*value);
  }
  FailureOr<Value> value = elab.evaluate(expr, *frame.scope);
  if (failed(value))
    return failure();
  return Number(*value);
}

FailureOr<mlir::Value> PointwiseBody::evaluateScalar(const ast::Expr &expr, PointwiseFrame &frame) {
  FailureOr<Number> number = evaluate(expr, frame);
  if (failed(number))
    return failure();
  return scalar(*number, expr.span);
}

/// An expression that depends on an element.
FailureOr<mlir::Value> PointwiseBody::element(const ast::Expr &expr, PointwiseFrame &frame) {
  if (!elab.spend(1, expr.span))
    return failure();
  if (const auto *name = llvm::dyn_cast<ast::Name>(&expr))
    return frame.elements.lookup(name->name);
  if (const auto *binaryExpr = llvm::dyn_cast<ast::Binary>(&expr))
    return binary(*binaryExpr, frame);
  if (const auto *comparison = llvm::dyn_cast<ast::Compare>(&expr))
    return compare(*comparison, frame);
  if (const auto *choice = llvm::dyn_cast<ast::If>(&expr))
    return conditional(*choice, frame);
  if (const auto *callExpr = llvm::dyn_cast<ast::Call>(&expr))
    return call(*callExpr, frame);
  const auto *neg = llvm::dyn_cast<ast::Neg>(&expr);
  const auto *inversion = llvm::dyn_cast<ast::Not>(&expr);
  if (!neg && !inversion)
    return notPointwise(expr);
  FailureOr<mlir::Value> operand = evaluateScalar(neg ? *neg->operand : *inversion->operand, frame);
  if (failed(operand))
    return failure();
  return neg ? math.negate(*operand) : math.invert(*operand);
}

Report PointwiseBody::notPointwise(const ast::Expr &expr) {
  return std::move(
      elab.error("not-pointwise", expr.span, "this is not computed element by element")
          .note("here names stand for the elements of tensors of one shape")
          .help("use arithmetic, comparisons, if .. then .. else, functions of numbers "
                "and ops written on numbers"));
}

FailureOr<mlir::Value> PointwiseBody::binary(const ast::Binary &expr, PointwiseFrame &frame) {
  FailureOr<mlir::Value> lhs = evaluateScalar(*expr.lhs, frame);
  FailureOr<mlir::Value> rhs = evaluateScalar(*expr.rhs, frame);
  if (failed(lhs) || failed(rhs))
    return failure();
  return math.binary(expr.op, *lhs, *rhs);
}

FailureOr<mlir::Value> PointwiseBody::compare(const ast::Compare &expr, PointwiseFrame &frame) {
  mlir::Value all;
  FailureOr<mlir::Value> lhs = evaluateScalar(*expr.operands[0], frame);
  for (size_t i = 0; i != expr.ops.size(); ++i) {
    FailureOr<mlir::Value> rhs = evaluateScalar(*expr.operands[i + 1], frame);
    if (failed(lhs) || failed(rhs))
      return failure();
    mlir::Value one = math.compare(expr.ops[i], *lhs, *rhs);
    all = all ? math.binary(ast::BinaryOp::And, all, one) : one;
    lhs = rhs;
  }
  return all;
}

FailureOr<mlir::Value> PointwiseBody::conditional(const ast::If &expr, PointwiseFrame &frame) {
  FailureOr<Number> condition = evaluate(*expr.condition, frame);
  if (failed(condition))
    return failure();
  // Chosen now if it is known: the other branch need not even make sense.
  if (const auto *known = std::get_if<Value>(&*condition))
    if (const bool *truth = known->boolean())
      return evaluateScalar(*truth ? *expr.thenValue : *expr.elseValue, frame);
  FailureOr<mlir::Value> choice = scalar(*condition, expr.condition->span);
  FailureOr<mlir::Value> thenValue = evaluateScalar(*expr.thenValue, frame);
  FailureOr<mlir::Value> elseValue = evaluateScalar(*expr.elseValue, frame);
  if (failed(choice) || failed(thenValue) || failed(elseValue))
    return failure();
  return math.select(math.condition(*choice), *thenValue, *elseValue);
}

//===- calls --------------------------------------------------------------------------------===//

Found gnc::dsl::findCallee(const Module &module, const ast::Expr &callee) {
  if (const auto *name = llvm::dyn_cast<ast::Name>(&callee))
    return module.find(name->name);
  const auto *member = llvm::dyn_cast<ast::Member>(&callee);
  const auto *base = member ? llvm::dyn_cast<ast::Name>(member->base) : nullptr;
  const Module *used = base ? module.alias(base->name) : nullptr;
  return used ? used->findExported(member->member.text) : Found{};
}

FailureOr<mlir::Value> PointwiseBody::call(const ast::Call &expr, PointwiseFrame &frame) {
  Found found = findCallee(*frame.module, *expr.callee);
  const auto *callee = llvm::dyn_cast<ast::Name>(expr.callee);
  StringRef name = callee ? callee->name : StringRef();
  // The library's `op exp(x) = exp(x)` means the function; a user's own op of that name hides it.
  if (ScalarMath::arity(name) && (!found || found.module->isStandard()))
    return callFunction(name, expr, frame);
  if (!found)
    return elab
        .error("unknown-name", expr.callee->span,
               "there is no function named '" + expr.callee->span.text() + "'")
        .didYouMean(name, llvm::SmallVector<StringRef>(ScalarMath::functionNames()));
  if (found.decl->hasErrors)
    return failure();
  return callDeclared(found, expr, frame);
}

FailureOr<mlir::Value> PointwiseBody::callFunction(StringRef name, const ast::Call &expr,
                                                   PointwiseFrame &frame) {
  unsigned arity = ScalarMath::arity(name);
  llvm::SmallVector<mlir::Value> operands;
  for (const ast::Arg &arg : expr.args.list) {
    if (arg.name)
      return elab.error("unknown-setting", arg.span,
                        name + " has no setting '" + arg.name.text + "'");
    FailureOr<mlir::Value> operand = evaluateScalar(*arg.value, frame);
    if (failed(operand))
      return failure();
    operands.push_back(math.number(*operand));
  }
  bool extremum = name == "max" || name == "min";
  if (operands.size() < arity || (operands.size() > arity && !extremum))
    return elab.error("argument-count", expr.span,
                      name + " takes " + llvm::Twine(arity) + (extremum ? " or more" : "") +
                          " numbers, got " + llvm::Twine(operands.size()));
  return math.function(name, operands);
}

/// An op written on numbers, or a def, put in place.
FailureOr<mlir::Value> PointwiseBody::callDeclared(Found found, const ast::Call &expr,
                                                   PointwiseFrame &frame) {
  const auto *op = llvm::dyn_cast<ast::OpDecl>(found.decl);
  const auto *def = llvm::dyn_cast<ast::DefDecl>(found.decl);
  const ast::Expr *value = op && !op->grad ? op->value : def ? def->value : nullptr;
  if (!value || (op && llvm::any_of(op->params.inputs, [](auto &p) { return p.type; })))
    return notPointwise(expr);
  if (depth >= maxDepth)
    return elab.error("deep-recursion", expr.span,
                      "'" + found.decl->name.text + "' is used " + llvm::Twine(maxDepth) +
                          " levels deep");
  PointwiseFrame inner{&elab.newScope(elab.rootOf(found.module)), found.module, {}};
  if (failed(bindArguments(op ? op->params : def->params, expr, frame, inner)))
    return failure();
  ++depth;
  FailureOr<mlir::Value> result = evaluateScalar(*value, inner);
  --depth;
  return result;
}

/// Parameters take arguments by position or name, else their defaults.
LogicalResult PointwiseBody::bindArguments(const ast::Params &params, const ast::Call &expr,
                                           PointwiseFrame &caller, PointwiseFrame &callee) {
  llvm::SmallVector<const ast::Param *> all;
  for (const ast::Param &param : params.inputs)
    all.push_back(&param);
  for (const ast::Param &param : params.settings)
    all.push_back(&param);
  llvm::SmallVector<std::optional<Number>> given(all.size());
  size_t next = 0;
  for (const ast::Arg &arg : expr.args.list) {
    auto match = [&](const ast::Param *param) { return param->name.text == arg.name.text; };
    size_t i = arg.name ? llvm::find_if(all, match) - all.begin() : next++;
    if (i >= all.size() || given[i])
      return elab.error("argument-count", arg.span,
                        "'" + expr.callee->span.text() + "' takes no such argument");
    FailureOr<Number> value = evaluate(*arg.value, caller);
    if (failed(value))
      return failure();
    given[i] = *value;
  }
  for (auto [param, value] : llvm::zip(all, given)) {
    if (!value && param->value) {
      FailureOr<Number> fallback = evaluate(*param->value, callee);
      if (failed(fallback))
        return failure();
      value = *fallback;
    }
    if (!value)
      return elab.error("missing-input", expr.span,
                        "'" + expr.callee->span.text() + "' needs '" + param->name.text + "'");
    if (const auto *element = std::get_if<mlir::Value>(&*value))
      callee.elements[param->name.text] = *element;
    else
      callee.scope->define(param->name.text, std::get<Value>(*value), param->span, true);
  }
  return success();
}
