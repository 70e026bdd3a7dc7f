#include "dsl/Optimizer.h"

#include "dsl/OptimizerBody.h"

#include "llvm/Support/Format.h"

using namespace gnc::dsl;
using llvm::StringRef;

FailureOr<OptimizerUse> OptimizerUse::make(Elaborator &elab, ProgramFunction &function,
                                           const Module &module, const ast::Expr &expr,
                                           Scope &scope) {
  const auto *call = llvm::dyn_cast<ast::Call>(&expr);
  const ast::Expr &callee = call ? *call->callee : expr;
  Found found = findCallee(module, callee);
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

std::string OptimizerUse::text() const {
  Scope &scope = elab->newScope(elab->rootOf(module));
  if (failed(elab->bindSettings(decl->params.settings, given, scope, decl->name.text, at)))
    return decl->name.text.str();
  std::string list;
  for (auto [position, setting] : llvm::enumerate(decl->params.settings)) {
    const Value *value = scope.value(setting.name.text);
    std::optional<double> number = value ? value->asDouble() : std::nullopt;
    std::string shown = value ? value->str() : "";
    for (auto [i, one] : llvm::enumerate(given))
      if (one.name ? one.name.text == setting.name.text : i == position)
        shown = oneLine(one.span.text(), 40);
    if (number) {
      llvm::raw_string_ostream text(shown = "");
      text << llvm::format("%.6g", *number);
    }
    list += (position ? ", " : "") + setting.name.text.str() + " = " + shown;
  }
  return (decl->name.text + "(" + list + ")").str();
}

void OptimizerUse::setAverage(double decay) {
  Schedule d = Schedule::number(decay), one = Schedule::number(1);
  Schedule power = *Schedule::apply("^", {d, Schedule::variable("step")});
  averageRate =
      *Schedule::apply("/", {*Schedule::apply("-", {one, d}), *Schedule::apply("-", {one, power})});
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
    result = body.run(gradient, averageRate ? &*averageRate : nullptr);
  }
  elab->popUse();
  return result;
}
