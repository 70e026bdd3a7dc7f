#include "dsl/OptimizerBody.h"

#include "dsl/BodyRunner.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// Of the average among the variables: no name of the language.
static constexpr llvm::StringLiteral averageName = "<average>";

LogicalResult OptimizerBody::run(mlir::Value gradient, const Schedule *averageRate) {
  StringRef weightName = decl.params.inputs[0].name.text;
  mlir::Value element = body.read(weight.argument);
  frame.elements[weightName] = element;
  frame.elements[decl.params.inputs[1].name.text] = body.read(gradient);
  variables[weightName] = {weight.argument, nullptr};
  if (failed(runStatements(decl.body)))
    return failure();
  if (!variables[weightName].element)
    return elab
        .error("optimizer-no-update", decl.name.span,
               "optimizer '" + decl.name.text + "' never changes '" + weightName + "'")
        .help("end it with " + weightName + " <- ..");
  if (averageRate && failed(addAverage(*averageRate, variables[weightName].element)))
    return failure();
  llvm::SmallVector<mlir::Value> arguments, elements;
  for (auto &[name, variable] : variables)
    if (variable.element) {
      arguments.push_back(variable.argument);
      elements.push_back(variable.element);
    }
  gnc::ComputeOp op = body.finish(elements);
  for (auto [argument, result] : llvm::zip(arguments, op.getResults()))
    function.addUpdate(argument, result);
  return success();
}

/// average + rate * (weight - average)
LogicalResult OptimizerBody::addAverage(const Schedule &rate, mlir::Value newWeight) {
  mlir::Value argument = function.addAverage(weight.path, weight.type, location);
  FailureOr<mlir::Value> factor = body.scalar(Value(rate), decl.name.span);
  if (failed(factor))
    return failure();
  mlir::Value old = body.read(argument);
  ScalarMath &math = body.scalars();
  mlir::Value step =
      math.binary(ast::BinaryOp::Mul, *factor, math.binary(ast::BinaryOp::Sub, newWeight, old));
  variables[averageName] = {argument, math.binary(ast::BinaryOp::Add, old, step)};
  return success();
}

LogicalResult OptimizerBody::runStatements(const ast::Body &statements) {
  bool good = true;
  for (const ast::Stmt *stmt : statements.stmts) {
    if (!elab.spend(1, stmt->span))
      return failure();
    if (succeeded(runStatement(*stmt)))
      continue;
    if (llvm::isa<ast::RequireStmt>(stmt))
      return failure(); // what follows relies on it
    good = false;
    llvm::SmallVector<ast::Ident> names;
    assignedNames(*stmt, names);
    if (const auto *update = llvm::dyn_cast<ast::UpdateStmt>(stmt))
      llvm::copy_if(update->names, std::back_inserter(names),
                    [&](const ast::Ident &name) { return !variables.count(name.text); });
    for (const ast::Ident &name : names) {
      frame.elements.erase(name.text);
      frame.scope->defineFailed(name.text, name.span);
    }
  }
  return success(good);
}

LogicalResult OptimizerBody::runStatement(const ast::Stmt &stmt) {
  using Kind = ast::Stmt::Kind;
  switch (stmt.kind) {
  case Kind::State: return state(llvm::cast<ast::StateStmt>(stmt));
  case Kind::Let: {
    const auto &let = llvm::cast<ast::LetStmt>(stmt);
    return assign(let.name, *let.value);
  }
  case Kind::Assign: {
    const auto &assignment = llvm::cast<ast::AssignStmt>(stmt);
    if (assignment.names.size() == 1 && !assignment.type)
      return assign(assignment.names.front(), *assignment.value);
    break;
  }
  case Kind::Update: return update(llvm::cast<ast::UpdateStmt>(stmt));
  case Kind::If: return branch(llvm::cast<ast::IfStmt>(stmt));
  case Kind::Require: return require(llvm::cast<ast::RequireStmt>(stmt));
  default: break;
  }
  return elab.error("optimizer-statement", stmt.span, "this cannot stand in an optimizer")
      .help("an optimizer holds state, name = .., name <- .., if and require");
}

LogicalResult OptimizerBody::state(const ast::StateStmt &stmt) {
  if (choices)
    return elab
        .error("state-in-choice", stmt.span,
               "a state cannot exist at some steps only: this 'if' is decided at each step")
        .help("declare it above the 'if'");
  if (stmt.type)
    return elab
        .error("optimizer-state-type", stmt.type->span,
               "an optimizer's state has the shape of its weight")
        .help("write state " + stmt.name.text + " = 0");
  if (variables.count(stmt.name.text) || frame.elements.count(stmt.name.text))
    return elab.error("declared-twice", stmt.name.span,
                      "'" + stmt.name.text + "' is declared twice");
  Initializer initializer;
  if (stmt.init) {
    FailureOr<Value> value = elab.evaluate(*stmt.init, *frame.scope);
    if (failed(value))
      return failure();
    if (std::optional<double> constant = value->asDouble())
      initializer.a = *constant;
    else if (value->initializer())
      initializer = *value->initializer();
    else
      return elab.error("not-a-number", stmt.init->span,
                        "a state starts from a number, got " + value->str());
  }
  mlir::Value argument = function.addOptimizerState(weight.path + "." + stmt.name.text.str(),
                                                    weight.type, initializer, location);
  frame.elements[stmt.name.text] = body.read(argument);
  variables[stmt.name.text] = {argument, nullptr};
  return success();
}

LogicalResult OptimizerBody::assign(const ast::Ident &name, const ast::Expr &value) {
  if (variables.count(name.text))
    return elab.error("assign-state", name.span, "'" + name.text + "' changes by '<-' only")
        .help("write " + name.text + " <- ..");
  FailureOr<PointwiseBody::Number> number = body.evaluate(value, frame);
  if (failed(number))
    return failure();
  if (const auto *element = std::get_if<mlir::Value>(&*number)) {
    frame.elements[name.text] = *element;
    return success();
  }
  frame.elements.erase(name.text);
  frame.scope->define(name.text, std::get<Value>(*number), name.span);
  return success();
}

LogicalResult OptimizerBody::update(const ast::UpdateStmt &stmt) {
  const ast::Ident &name = stmt.names.front();
  auto variable = variables.find(name.text);
  const Binding *known = frame.scope->findHere(name.text);
  if (known && known->status == Binding::Status::Failed)
    return failure(); // its declaration is reported
  if (stmt.names.size() != 1 || variable == variables.end())
    return elab
        .error("update-not-state", name.span,
               "'<-' changes the weight or a state of the optimizer, '" + name.text +
                   "' is neither")
        .help("declare it: state " + name.text + " = 0");
  FailureOr<PointwiseBody::Number> number = body.evaluate(*stmt.value, frame);
  if (failed(number))
    return failure();
  FailureOr<mlir::Value> element = body.scalar(*number, stmt.value->span);
  if (failed(element))
    return failure();
  frame.elements[name.text] = variable->second.element = *element;
  return success();
}

LogicalResult OptimizerBody::branch(const ast::IfStmt &stmt) {
  FailureOr<PointwiseBody::Number> condition = body.evaluate(*stmt.condition, frame);
  if (failed(condition))
    return failure();
  const auto *known = std::get_if<Value>(&*condition);
  if (known && !known->schedule()) {
    FailureOr<bool> truth = elab.evaluateCondition(*stmt.condition, *frame.scope);
    if (failed(truth))
      return failure();
    if (*truth)
      return runStatements(stmt.thenBody);
    return stmt.elseBody ? runStatements(*stmt.elseBody) : success();
  }
  FailureOr<mlir::Value> choice = body.scalar(*condition, stmt.condition->span);
  if (failed(choice))
    return failure();
  return choose(stmt, body.scalars().condition(*choice));
}

/// A condition of elements or of the step: both branches are computed, each element takes what one
/// of them made of every name.
LogicalResult OptimizerBody::choose(const ast::IfStmt &stmt, mlir::Value condition) {
  const PointwiseFrame before = frame;
  const auto variablesBefore = variables;
  auto runBranch = [&](const ast::Body *statements) {
    frame = before;
    frame.scope = &elab.newScope(*before.scope);
    variables = variablesBefore;
    return statements ? runStatements(*statements) : success();
  };
  ++choices;
  LogicalResult ran = runBranch(&stmt.thenBody);
  const PointwiseFrame thenFrame = frame;
  const auto thenVariables = variables;
  if (succeeded(ran))
    ran = runBranch(stmt.elseBody ? &*stmt.elseBody : nullptr);
  --choices;
  const PointwiseFrame elseFrame = frame;
  frame = before;
  if (failed(ran))
    return failure();
  llvm::SmallVector<ast::Ident> assigned;
  assignedNames(stmt, assigned);
  for (const ast::Ident &name : assigned)
    if (failed(merge(name.text, condition, stmt, thenFrame, elseFrame)))
      return failure();
  for (auto &[name, variable] : variables) {
    mlir::Value thenElement = thenVariables.lookup(name).element;
    if (thenElement == variable.element)
      continue;
    variable.element =
        body.scalars().select(condition, thenElement ? thenElement : body.read(variable.argument),
                              variable.element ? variable.element : body.read(variable.argument));
    frame.elements[name] = variable.element;
  }
  return success();
}

FailureOr<mlir::Value> OptimizerBody::valueIn(StringRef name, const PointwiseFrame &side, Span at) {
  if (mlir::Value element = side.elements.lookup(name))
    return element;
  if (const Value *value = side.scope->value(name))
    return body.scalar(*value, at);
  return failure();
}

/// A name that a branch gives a value: if it has one after both, the element takes one of them.
LogicalResult OptimizerBody::merge(StringRef name, mlir::Value condition, const ast::IfStmt &stmt,
                                   const PointwiseFrame &thenFrame,
                                   const PointwiseFrame &elseFrame) {
  auto known = [&](const PointwiseFrame &side) {
    return side.elements.count(name) || side.scope->value(name);
  };
  if (!known(thenFrame) || !known(elseFrame)) {
    frame.elements.erase(name);
    frame.scope->defineFailed(name, stmt.span).status = Binding::Status::OneBranch;
    return success();
  }
  FailureOr<mlir::Value> thenValue = valueIn(name, thenFrame, stmt.span);
  FailureOr<mlir::Value> elseValue = valueIn(name, elseFrame, stmt.span);
  if (failed(thenValue) || failed(elseValue))
    return failure();
  frame.elements[name] = body.scalars().select(condition, *thenValue, *elseValue);
  return success();
}

LogicalResult OptimizerBody::require(const ast::RequireStmt &stmt) {
  FailureOr<bool> holds = elab.evaluateCondition(*stmt.condition, *frame.scope);
  if (failed(holds))
    return failure();
  if (*holds)
    return success();
  std::string text = stmt.message ? elab.fillPlaces(*stmt.message, *frame.scope)
                                  : "required: " + stmt.condition->span.text().str();
  return elab.error("require", stmt.span, text);
}
