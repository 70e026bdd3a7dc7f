// Ordinary calls: positional arguments are inputs, settings are named.
#include "dsl/HostField.h"
#include "dsl/LayerBuilder.h"
#include "dsl/TensorArithmetic.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

using namespace gnc::dsl;

/// The input that a positional argument is, for the text of its trail.
static Argument makeArgument(const ast::Arg &arg, Value value) {
  return {std::move(value), oneLine(arg.value->span.text(), 40), arg.value->span};
}

FailureOr<std::vector<Argument>> Evaluator::inputsOf(const ast::Call &expr,
                                                     std::vector<Recipe::Given> &named,
                                                     const ast::Decl *decl) {
  std::vector<Argument> inputs;
  bool good = true;
  for (const ast::Arg &arg : expr.args.list) {
    bool layer = false;
    if (decl && arg.name)
      for (const ast::Param *setting : settingsOf(*decl))
        layer |= setting->name.text == arg.name.text && setting->type &&
                 setting->type->elem == ast::Elem::Layer;
    FailureOr<Value> value = layer ? evaluateRecipe(*arg.value) : evaluate(*arg.value);
    good &= succeeded(value);
    if (!good)
      continue;
    if (arg.name)
      named.push_back({arg.name, std::make_shared<const Value>(*value), arg.value->span});
    else
      inputs.push_back(makeArgument(arg, *value));
  }
  if (!good)
    return failure();
  return inputs;
}

FailureOr<Value> Evaluator::call(const ast::Call &expr) {
  auto *name = llvm::dyn_cast<ast::Name>(expr.callee);
  if (name && !scope.find(name->name)) {
    Found found = scope.module()->find(name->name);
    if (found && !llvm::isa<ast::LetDecl>(found.decl))
      return callDecl(found, expr);
    if (!found && name->name == "index")
      return callIndex(expr);
    if (!found && isBuiltin(name->name)) {
      std::vector<Recipe::Given> named;
      auto inputs = inputsOf(expr, named, nullptr);
      if (failed(inputs))
        return failure();
      return callBuiltin(elab, name->name, *inputs, named, expr.span);
    }
    if (!found) {
      llvm::SmallVector<llvm::StringRef> names;
      llvm::append_range(names, scope.module()->visibleNames());
      collectBuiltins(names);
      return elab
          .error("undefined-name", name->span,
                 "there is no op, block or function named '" + name->name + "'")
          .didYouMean(name->name, names);
    }
  }
  if (auto *member = llvm::dyn_cast<ast::Member>(expr.callee))
    if (auto *base = llvm::dyn_cast<ast::Name>(member->base); base && !scope.find(base->name))
      if (const Module *module = scope.module()->alias(base->name))
        if (Found found = module->findExported(member->member.text))
          return callDecl(found, expr);
  FailureOr<Value> callee = evaluate(*expr.callee);
  if (failed(callee))
    return failure();
  if (!callee->recipe() && !callee->layer())
    return elab
        .error("not-callable", expr.callee->span,
               "this is " + callee->kindName() + "; it cannot be called")
        .help("for a product write *");
  std::vector<Recipe::Given> named;
  auto inputs = inputsOf(expr, named, nullptr);
  if (failed(inputs))
    return failure();
  if (!named.empty())
    return elab.error("layer-has-settings", named[0].name.span,
                      "'" + callee->str() + "' is already a layer; it takes no settings");
  return LayerBuilder(elab, scope)
      .apply(*callee, *inputs, {expr.callee->span, expr.span, oneLine(expr.span.text(), 40), ""});
}

/// `index(mask, K)` of a mask that is still the host's waits with it.
FailureOr<Value> Evaluator::callIndex(const ast::Call &expr) {
  std::vector<Recipe::Given> named;
  std::vector<Argument> inputs;
  bool good = true;
  for (const ast::Arg &arg : expr.args.list) {
    FailureOr<Value> value = evaluateOnHost(*arg.value);
    good &= succeeded(value);
    if (succeeded(value) && arg.name)
      named.push_back({arg.name, std::make_shared<const Value>(*value), arg.value->span});
    else if (succeeded(value))
      inputs.push_back(makeArgument(arg, *value));
  }
  if (!good)
    return failure();
  if (named.empty())
    if (std::optional<Value> later = indexLater(inputs, expr.span))
      return *later;
  for (Argument &input : inputs) {
    FailureOr<Value> settled = settle(elab, input.value);
    if (failed(settled))
      return failure();
    input.value = *settled;
  }
  return callBuiltin(elab, "index", inputs, named, expr.span);
}

/// Inputs are tensors; what is more is a setting that must be named.
LogicalResult Evaluator::checkPositional(Found found, llvm::ArrayRef<Argument> inputs) {
  size_t count = gnc::dsl::inputsOf(*found.decl).size();
  if (inputs.size() <= count)
    return success();
  auto settings = settingsOf(*found.decl);
  const Argument &extra = inputs[count];
  llvm::StringRef name = found.decl->name.text;
  if (settings.empty() || extra.value.tensor())
    return success(); // told by the count of inputs
  llvm::StringRef setting = settings[0]->name.text;
  return elab.error("unnamed-setting", extra.span, "settings of " + name + " are named here")
      .help("write " + setting + " = " + extra.text + ", or use an arrow: x -> " + name + "(..)");
}

FailureOr<Value> Evaluator::callDecl(Found found, const ast::Call &expr) {
  if (llvm::isa<ast::DefDecl>(found.decl))
    return callDef(found, expr);
  llvm::StringRef name = expr.callee->span.text();
  FailureOr<Value> recipeValue = recipeOf(found, name, expr.callee->span);
  if (failed(recipeValue))
    return failure();
  std::vector<Recipe::Given> named;
  auto inputs = inputsOf(expr, named, found.decl);
  if (failed(inputs))
    return failure();
  // The library's `sqrt` and the like are ops for tensors and functions for numbers.
  bool numbers = !inputs->empty() &&
                 llvm::none_of(*inputs, [](const Argument &input) { return input.value.tensor(); });
  if (numbers && named.empty() && found.module->isStandard() && isBuiltin(name))
    return callBuiltin(elab, name, *inputs, named, expr.span);
  if (failed(checkPositional(found, *inputs)))
    return failure();
  Recipe recipe = *recipeValue->recipe();
  recipe.given = std::move(named);
  recipe.hasArgs = true;
  recipe.span = expr.span;
  if (inputs->size() == 1 && inputs->front().value.list() && llvm::isa<ast::OpDecl>(found.decl))
    return callOnEach(recipe, *inputs->front().value.list(), expr);
  return LayerBuilder(elab, scope)
      .applyRecipe(recipe, *inputs,
                   {expr.callee->span, expr.span, oneLine(expr.span.text(), 40), ""});
}

/// An op of a list of tensors (`l2(weights)`) is the sum of what it is of each.
FailureOr<Value> Evaluator::callOnEach(const Recipe &recipe, const List &list,
                                       const ast::Call &expr) {
  std::vector<Value> terms;
  for (const Value &element : list.elements) {
    Argument input{element, oneLine(expr.args.list.front().value->span.text(), 40), expr.span};
    FailureOr<Value> term =
        LayerBuilder(elab, scope)
            .applyRecipe(recipe, input,
                         {expr.callee->span, expr.span, oneLine(expr.span.text(), 40), ""});
    if (failed(term))
      return failure();
    terms.push_back(*term);
  }
  return terms.empty() ? Value::number(0) : total(std::move(terms), expr.span);
}

/// The sum of tensors, as a tree: an equation of thousands of reads is nobody's friend, and the
/// gradient of each read looks at the whole of it.
FailureOr<Value> Evaluator::total(std::vector<Value> terms, Span at) {
  constexpr size_t most = 16; // terms of one equation
  auto sum = [](ScalarMath &math, llvm::ArrayRef<mlir::Value> operands) {
    mlir::Value total = operands.front();
    for (mlir::Value operand : operands.drop_front())
      total = math.binary(ast::BinaryOp::Add, total, operand);
    return total;
  };
  while (terms.size() > 1) {
    std::vector<Value> sums;
    for (llvm::ArrayRef<Value> left = terms; !left.empty();) {
      llvm::ArrayRef<Value> some = left.take_front(most);
      left = left.drop_front(some.size());
      if (some.size() == 1) {
        sums.push_back(some.front());
        continue;
      }
      llvm::SmallVector<Span> spans(some.size(), at);
      FailureOr<Tensor> partial = pointwise(elab, some, spans, ElementKind::F32, at, "add", sum);
      if (failed(partial))
        return failure();
      sums.push_back(*partial);
    }
    terms = std::move(sums);
  }
  return terms.front();
}

FailureOr<Value> Evaluator::callDef(Found found, const ast::Call &expr) {
  auto &def = *llvm::cast<ast::DefDecl>(found.decl);
  if (def.hasErrors || !elab.spend(Elaborator::scopeCost, expr.span))
    return failure();
  auto given = arguments(expr.args, &def);
  if (failed(given))
    return failure();
  Scope &inner = elab.newScope(elab.rootOf(found.module));
  if (failed(elab.pushUse({&def, found.module, expr.callee->span})))
    return failure();
  auto leave = llvm::scope_exit([&] { elab.popUse(); });
  if (failed(bindSettings(elab, settingsOf(def), *given, inner, def.name.text, expr.callee->span)))
    return failure();
  return elab.evaluate(*def.value, inner);
}
