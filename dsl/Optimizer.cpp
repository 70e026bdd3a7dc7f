#include "dsl/Optimizer.h"

#include "llvm/ADT/MapVector.h"

using namespace gnc::dsl;
using llvm::StringRef;

//===- the body, for one weight -------------------------------------------------------------===//

namespace {
/// Runs the statements of an optimizer with the elements of one weight and its gradient.
class OptimizerBody {
public:
  OptimizerBody(Elaborator &elab, ProgramFunction &function, const ast::OptimizerDecl &decl,
                const Parameter &weight, PointwiseFrame frame, mlir::Location location)
      : elab(elab), function(function), decl(decl), weight(weight), frame(std::move(frame)),
        location(location), body(elab, weight.type.shape, location) {}

  LogicalResult run(mlir::Value gradient);

private:
  LogicalResult runStatements(const ast::Body &statements);
  LogicalResult runStatement(const ast::Stmt &stmt);
  LogicalResult state(const ast::StateStmt &stmt);
  LogicalResult assign(const ast::Ident &name, const ast::Expr &value);
  LogicalResult update(const ast::UpdateStmt &stmt);
  LogicalResult branch(const ast::IfStmt &stmt);
  LogicalResult require(const ast::RequireStmt &stmt);

  Elaborator &elab;
  ProgramFunction &function;
  const ast::OptimizerDecl &decl;
  const Parameter &weight;
  PointwiseFrame frame;
  mlir::Location location;
  PointwiseBody body;
  /// What `<-` may change: the weight and the states, by name; their arguments, and the elements
  /// after the last change.
  struct Variable {
    mlir::Value argument, element;
  };
  llvm::MapVector<StringRef, Variable> variables;
};
} // namespace

LogicalResult OptimizerBody::run(mlir::Value gradient) {
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

LogicalResult OptimizerBody::runStatements(const ast::Body &statements) {
  for (const ast::Stmt *stmt : statements.stmts)
    if (!elab.spend(1, stmt->span) || failed(runStatement(*stmt)))
      return failure();
  return success();
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
  const bool *truth = known ? known->boolean() : nullptr;
  if (!truth)
    return elab
        .error("condition-not-known", stmt.condition->span,
               "the condition of an if statement must be known when the program is made")
        .help("choose a number instead: name = if .. then .. else ..");
  if (*truth)
    return runStatements(stmt.thenBody);
  return stmt.elseBody ? runStatements(*stmt.elseBody) : success();
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

//===- the use ------------------------------------------------------------------------------===//

/// The declaration that `adam`, `m.adam` means.
static Found findOptimizer(const Module &module, const ast::Expr &callee) {
  if (const auto *name = llvm::dyn_cast<ast::Name>(&callee))
    return module.find(name->name);
  const auto *member = llvm::dyn_cast<ast::Member>(&callee);
  const auto *base = member ? llvm::dyn_cast<ast::Name>(member->base) : nullptr;
  const Module *used = base ? module.alias(base->name) : nullptr;
  return used ? used->findExported(member->member.text) : Found{};
}

FailureOr<OptimizerUse> OptimizerUse::make(Elaborator &elab, ProgramFunction &function,
                                           const Module &module, const ast::Expr &expr,
                                           Scope &scope) {
  const auto *call = llvm::dyn_cast<ast::Call>(&expr);
  const ast::Expr &callee = call ? *call->callee : expr;
  Found found = findOptimizer(module, callee);
  if (found && found.decl->hasErrors)
    return failure();
  OptimizerUse use(elab, function);
  use.decl = llvm::dyn_cast_or_null<ast::OptimizerDecl>(found.decl);
  use.module = found.module;
  use.at = expr.span;
  if (!use.decl) {
    std::vector<StringRef> names = module.visibleNames(ast::Decl::Kind::Optimizer);
    if (found)
      return elab
          .error("not-an-optimizer", callee.span,
                 "'" + callee.span.text() + "' is " + describe(found.decl->kind) +
                     ", not an optimizer")
          .help("write optimizer = adam(1e-3)");
    return elab
        .error("unknown-optimizer", callee.span,
               "there is no optimizer named '" + callee.span.text() + "'")
        .note("optimizers: " + llvm::join(names, ", "))
        .didYouMean(callee.span.text(), names);
  }
  if (failed(use.checkDeclaration()))
    return failure();
  if (call) {
    FailureOr<std::vector<Recipe::Given>> given = elab.evaluateArgs(call->args, scope);
    if (failed(given))
      return failure();
    use.given = std::move(*given);
  }
  return use;
}

LogicalResult OptimizerUse::checkDeclaration() {
  const ast::Params &params = decl->params;
  if (params.inputs.size() != 2)
    return elab
        ->error("optimizer-inputs", params.span,
                "an optimizer has two inputs, the weight and its gradient; this has " +
                    llvm::Twine(params.inputs.size()))
        .help("write optimizer " + decl->name.text + "(w, g; lr) { .. }");
  return success();
}

/// The settings for one weight: `@nodecay` and `@rate` change them.
FailureOr<Scope *> OptimizerUse::bindSettings(const Parameter &weight) {
  Scope &scope = elab->newScope(elab->rootOf(module));
  if (failed(elab->bindSettings(decl->params.settings, given, scope, decl->name.text, at)))
    return failure();
  if (weight.noDecay && scope.findHere("decay"))
    scope.define("decay", Value::number(0), {}, /*constant=*/true);
  const Binding *rate = scope.findHere("lr");
  if (weight.rate == 1 || !rate || !rate->value)
    return &scope;
  if (std::optional<double> number = rate->value->asDouble()) {
    scope.define("lr", Value::real(*number * weight.rate), rate->span, true);
  } else if (const Schedule *schedule = rate->value->schedule()) {
    std::optional<Schedule> product =
        Schedule::apply("*", {*schedule, Schedule::number(weight.rate)});
    if (product)
      scope.define("lr", Value(*product), rate->span, true);
  }
  return &scope;
}

LogicalResult OptimizerUse::step(const Parameter &weight, mlir::Value gradient) {
  if (failed(elab->pushUse({decl, module, at, ""})))
    return failure();
  LogicalResult result = failure();
  if (FailureOr<Scope *> scope = bindSettings(weight); succeeded(scope)) {
    StringRef layer = StringRef(weight.path).rsplit('.').first;
    mlir::Location location =
        mlir::NameLoc::get(elab->builder.getStringAttr(layer), elab->location(decl->name.span));
    OptimizerBody body(*elab, *function, *decl, weight, PointwiseFrame{*scope, module, {}},
                       location);
    result = body.run(gradient);
  }
  elab->popUse();
  return result;
}
