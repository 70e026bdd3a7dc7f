#include "dsl/BodyRunner.h"
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;

bool gnc::dsl::isPointwise(const ast::OpDecl &op) {
  return llvm::none_of(op.params.inputs, [](const ast::Param &input) { return input.type; });
}

FailureOr<llvm::SmallVector<Tensor, 2>> gnc::dsl::applyOp(Elaborator &elab, const ast::OpDecl &op,
                                                          ArrayRef<Tensor> inputs, Scope &settings,
                                                          Span use) {
  if (op.hasErrors)
    return failure();
  OpElaborator elaborator(elab, op, elab.newScope(settings), use);
  auto results = op.grad ? OpElaborator(elab, op, elab.newScope(settings), use).runCustom(inputs)
                         : elaborator.run(inputs);
  if (succeeded(results) && op.grad && elab.mode != ast::Mode::Train) {
    // Only training asks for gradients; elsewhere they are checked and forgotten.
    results->front().value.getDefiningOp()->erase();
    results = elaborator.run(inputs);
  }
  if (failed(results))
    return failure();
  elab.addOpUse({&op, &settings, {inputs.begin(), inputs.end()}, *results, elab.userSpan(use)});
  if (elab.listener)
    elab.listener->op(elab.opUses.back());
  return results;
}

OpElaborator::OpElaborator(Elaborator &elab, const ast::OpDecl &op, Scope &scope, Span use)
    : elab(elab), op(op), scope(scope), use(use), pointwise(isPointwise(op)) {}

//===- declarations -------------------------------------------------------------------------===//

static bool declaresBatch(const ast::Param &input) { return input.type && input.type->batch; }

/// `[N; ..]` needs a batch; beside it nothing may be mapped over the batch silently.
LogicalResult OpElaborator::checkBatch(const ast::Param &input, const Tensor &tensor) {
  if (declaresBatch(input) && !tensor.batched)
    return elab
        .error("no-batch", use,
               op.name.text + " sees the batch of '" + input.name.text +
                   "', but what it gets has none")
        .note(input.type->span, "declared " + input.type->span.text())
        .help("only what depends on the inputs of the net has a batch; weights have none");
  if (namesBatch && tensor.batched && !declaresBatch(input))
    return elab
        .error("batch-mixed", input.span,
               "'" + input.name.text + "' has a batch too, but is declared without one")
        .note("an op that sees the batch of one input sees it of all")
        .help("declare its batch: " + input.name.text + ": [N; ..]");
  return success();
}

LogicalResult OpElaborator::declareInputs(ArrayRef<Tensor> inputs) {
  if (!pointwise)
    for (const ast::Param &input : op.params.inputs)
      if (!input.type)
        return elab
            .error("input-type", input.span,
                   "input '" + input.name.text + "' of " + op.name.text + " has no shape")
            .note("either all inputs have shapes, or none: then the op is written on numbers")
            .help("write " + input.name.text + ": [..]");
  namesBatch = llvm::any_of(op.params.inputs, declaresBatch);
  for (auto [input, tensor] : llvm::zip(op.params.inputs, inputs)) {
    if (failed(checkBatch(input, tensor)))
      return failure();
    OpTensor &declared = tensors[input.name.text];
    declared.tensor = tensor;
    declared.namesBatch = declaresBatch(input);
    declared.declared = input.span;
    // A class count that the data do not tell is the one that is declared.
    if (tensor.element == ElementKind::Index && !tensor.classes && input.type &&
        input.type->classes) {
      auto classes = elab.evaluateInt(*input.type->classes, scope, "the number of classes");
      if (failed(classes))
        return failure();
      declared.tensor.classes = *classes;
    }
  }
  return success();
}

const ast::Result *OpElaborator::resultNamed(StringRef name) const {
  for (const ast::Result &result : op.results)
    if (result.name.text == name)
      return &result;
  return nullptr;
}

//===- statements ---------------------------------------------------------------------------===//

FailureOr<llvm::SmallVector<Tensor, 2>> OpElaborator::run(ArrayRef<Tensor> inputs) {
  if (failed(declareInputs(inputs)))
    return failure();
  if (op.cuda)
    return kernel(inputs);
  if (pointwise) {
    auto result = pointwiseResult(inputs);
    if (failed(result))
      return failure();
    return llvm::SmallVector<Tensor, 2>{*result};
  }
  if (op.value)
    return elab
        .error("op-form", op.value->span, "an op whose inputs have shapes is written in equations")
        .help("write { y[..] = .. }, or leave the shapes away");
  // Equations are independent enough to report the errors of several.
  bool good = true;
  for (const ast::Stmt *stmt : op.equations) {
    bool holds = succeeded(statement(*stmt));
    if (!holds && llvm::isa<ast::RequireStmt>(stmt))
      return failure(); // what follows relies on it
    good &= holds;
  }
  if (!good)
    return failure();
  return results();
}

LogicalResult OpElaborator::statement(const ast::Stmt &stmt) {
  if (auto *require = llvm::dyn_cast<ast::RequireStmt>(&stmt))
    return requirement(*require);
  if (auto *eq = llvm::dyn_cast<ast::EquationStmt>(&stmt))
    return equation(*eq);
  return elab.error("op-statement", stmt.span, "an op consists of equations");
}

LogicalResult OpElaborator::requirement(const ast::RequireStmt &stmt) {
  auto holds = elab.evaluateCondition(*stmt.condition, scope);
  if (failed(holds) || *holds)
    return failed(holds) ? failure() : success();
  std::string text = stmt.message ? elab.fillPlaces(*stmt.message, scope)
                                  : "required: " + stmt.condition->span.text().str();
  Report report = elab.error("require", use, text);
  explainRequirement(elab, scope, stmt, report);
  return report;
}

FailureOr<llvm::SmallVector<Tensor, 2>> OpElaborator::results() {
  llvm::SmallVector<Tensor, 2> list;
  if (op.results.empty()) {
    auto last = tensors.find(lastAssigned);
    if (lastAssigned.empty() || last == tensors.end())
      return elab.error("no-result", op.name.span, op.name.text + " computes nothing")
          .help("declare its result: op " + op.name.text + "(..) -> y: [..] { y[..] = .. }");
    list.push_back(last->second.tensor);
    return list;
  }
  for (const ast::Result &result : op.results) {
    if (!result.name)
      return elab.error("result-name", result.span, "the result of an op has a name")
          .help("write -> y: " + result.span.text() + " and y[..] = ..");
    auto it = tensors.find(result.name.text);
    if (it == tensors.end())
      return elab
          .error("result-missing", result.span,
                 op.name.text + " never computes its result '" + result.name.text + "'")
          .help("add an equation: " + result.name.text +
                (result.type->hasShape && !result.type->dims.empty() ? "[..] = .." : " = .."));
    list.push_back(it->second.tensor);
  }
  return list;
}

//===- pointwise ops ------------------------------------------------------------------------===//

/// The shape that all inputs have, but for those that are single numbers.
LogicalResult OpElaborator::setDomain(ArrayRef<Tensor> inputs) {
  const Tensor *first = nullptr;
  for (const Tensor &tensor : inputs) {
    if (tensor.shape.empty())
      continue;
    if (!first)
      first = &tensor;
    else if (tensor.shape != first->shape)
      return elab
          .error("shapes-differ", use,
                 op.name.text + " needs equal shapes, got " + first->str() + " and " + tensor.str())
          .trail(*first, "one:")
          .trail(tensor, "other:")
          .help("shapes never broadcast silently; use an op like add_channel, or write one");
  }
  domain = first ? first->shape : decltype(domain)();
  return success();
}

FailureOr<Tensor> OpElaborator::pointwiseResult(ArrayRef<Tensor> inputs) {
  if (failed(setDomain(inputs)))
    return failure();
  if (!op.results.empty())
    return elab
        .error("op-form", op.results.front().span,
               "an op on numbers has one result, of the shape of its inputs")
        .help("leave the declared result away, or give the inputs shapes");
  TensorType want;
  if (op.value) {
    startEquation();
    return emit(*op.value, domainVars, want);
  }
  for (const ast::Stmt *stmt : op.equations)
    if (failed(statement(*stmt)))
      return failure();
  auto list = results();
  if (failed(list))
    return failure();
  return list->front();
}

FailureOr<mlir::Value> OpElaborator::inlineOn(ArrayRef<mlir::Value> inputs, EquationBuilder &eq) {
  for (auto [input, value] : llvm::zip(op.params.inputs, inputs))
    scalars[input.name.text] = value;
  startEquation();
  if (op.value)
    return scalar(*op.value, eq);
  mlir::Value last;
  for (const ast::Stmt *stmt : op.equations) {
    auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt);
    if (!equation) {
      if (failed(statement(*stmt)))
        return failure();
      continue;
    }
    if (failed(checkTarget(*equation)))
      return failure();
    auto value = scalar(*equation->value, eq);
    if (failed(value))
      return failure();
    last = scalars[equation->name.text] = *value;
    constness.clear();
  }
  if (!last)
    return elab.error("no-result", op.name.span, op.name.text + " computes nothing");
  return last;
}
