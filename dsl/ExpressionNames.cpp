// Names, members, and recipes written as arguments.
#include "dsl/BodyRunner.h"
#include "dsl/Evaluator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <numbers>

using namespace gnc::dsl;

/// Names that every module has, unless it declares them itself.
static std::optional<Value> builtinConstant(llvm::StringRef name) {
  if (name == "half" || name == "all")
    return Value(Symbol{name.str()});
  if (name == "pi")
    return Value::real(std::numbers::pi);
  if (name == "step" || name == "epoch" || name == "epochs")
    return Value(Schedule::variable(name));
  return std::nullopt;
}

FailureOr<Value> Evaluator::lookup(llvm::StringRef name, Span at) {
  if (const Binding *binding = scope.find(name)) {
    if (binding->status == Binding::Status::OneBranch)
      return elab.error("one-branch", at, "'" + name + "' has a value in one branch only")
          .note(binding->span, "it is assigned in one branch here")
          .help("assign it before, or in both branches");
    if (!binding->value)
      return failure();
    return *binding->value;
  }
  if (Found found = scope.module()->find(name)) {
    if (auto *let = llvm::dyn_cast<ast::LetDecl>(found.decl))
      return elab.letValue(*let, found.module, at);
    return recipeOf(found, name, at);
  }
  if (std::optional<Value> constant = builtinConstant(name))
    return *constant;
  if (isBuiltinLayer(name)) {
    Recipe recipe;
    recipe.intrinsic = recipe.name = name.str();
    recipe.span = recipe.nameSpan = at;
    return Value(std::move(recipe));
  }
  return notDefined(name, at);
}

FailureOr<Value> Evaluator::notDefined(llvm::StringRef name, Span at) {
  if (scope.module()->alias(name))
    return elab.error("module-as-value", at, "'" + name + "' is a module, not a value")
        .help("name something in it: " + name + ".f");
  if (isBuiltin(name))
    return elab.error("function-as-value", at, "'" + name + "' is a function; call it")
        .help("write " + name + "(..)");
  llvm::SmallVector<llvm::StringRef> names;
  scope.collectNames(names);
  llvm::append_range(names, scope.module()->visibleNames());
  names.append({"half", "all", "pi", "step", "epoch", "epochs"});
  return elab.error("undefined-name", at, "'" + name + "' is not defined").didYouMean(name, names);
}

FailureOr<Value> Elaborator::letValue(const ast::LetDecl &let, const Module *module, Span use) {
  if (let.hasErrors)
    return failure();
  auto [it, first] = lets.try_emplace(&let);
  if (!first) {
    if (it->second.value)
      return *it->second.value;
    if (it->second.constant) // being evaluated
      return error("cyclic-let", use, "'" + let.name.text + "' is defined by itself")
          .note(let.name.span, "it is defined here");
    return failure();
  }
  it->second.constant = true;
  if (module->isStandard())
    librarySources.insert(let.span.source);
  FailureOr<Value> value = evaluate(*let.value, newScope(rootOf(module)));
  Binding &binding = lets[&let];
  binding.constant = false;
  if (succeeded(value))
    binding.value = *value;
  return value;
}

FailureOr<Value> Evaluator::recipeOf(Found found, llvm::StringRef name, Span at) {
  if (found.decl->hasErrors)
    return failure();
  using Kind = ast::Decl::Kind;
  switch (found.decl->kind) {
  case Kind::Net:
  case Kind::Block:
  case Kind::Op: {
    Recipe recipe;
    recipe.decl = found.decl;
    recipe.module = found.module;
    recipe.name = name.str();
    recipe.span = recipe.nameSpan = at;
    return Value(std::move(recipe));
  }
  case Kind::Def:
    return elab
        .error("def-as-layer", at,
               "'" + name + "' is a compile-time function, not a layer or a value")
        .note("call it: " + signature(*found.decl));
  case Kind::Metric:
    return elab
        .error("not-a-value", at,
               "'" + name + "' is a metric, known of a whole split, not a value of a sample")
        .help("list it in a train section: metrics = [" + name + "(..)]");
  default:
    return elab.error("not-a-value", at,
                      "'" + name + "' is " + describe(found.decl->kind) + ", not a value");
  }
}

//===- members ------------------------------------------------------------------------------===//

FailureOr<Value> Evaluator::member(const ast::Member &expr) {
  if (auto *name = llvm::dyn_cast<ast::Name>(expr.base); name && !scope.find(name->name))
    if (const Module *module = scope.module()->alias(name->name)) {
      Found found = module->findExported(expr.member.text);
      if (!found)
        return elab
            .error("undefined-name", expr.member.span,
                   "module '" + name->name + "' has no '" + expr.member.text + "'")
            .didYouMean(expr.member.text, module->exportedNames());
      if (auto *let = llvm::dyn_cast<ast::LetDecl>(found.decl))
        return elab.letValue(*let, found.module, expr.span);
      return recipeOf(found, expr.span.text(), expr.span);
    }
  // `f.conv.w`: what stands before a weight's name is part of its path.
  std::string path = expr.member.text.str();
  const ast::Expr *base = expr.base;
  while (auto *inner = llvm::dyn_cast<ast::Member>(base)) {
    path = (inner->member.text + "." + path).str();
    base = inner->base;
  }
  if (auto *name = llvm::dyn_cast<ast::Name>(base))
    if (const Value *value = scope.value(name->name); value && value->layer())
      return weightOf(*value->layer(), path, expr.span);
  FailureOr<Value> value = evaluate(*expr.base);
  return failed(value) ? FailureOr<Value>(failure()) : memberOf(*value, expr);
}

FailureOr<Value> Evaluator::memberOf(const Value &base, const ast::Member &expr) {
  llvm::StringRef name = expr.member.text;
  if (const SizeValue *size = base.size()) {
    size_t n = size->extents.size();
    if (name == "w" || name == "h")
      return Value(size->extents[name == "w" ? n - 1 : n - 2]);
    if (name == "d" && n >= 3)
      return Value(size->extents[n - 3]);
    return elab.error("no-member", expr.member.span, "a size has .h and .w, no ." + name);
  }
  if (const Record *record = base.record()) {
    if (const Value *field = record->find(name))
      return *field;
    llvm::SmallVector<llvm::StringRef> fields;
    for (const auto &[field, value] : record->fields)
      fields.push_back(field);
    return elab.error("no-member", expr.member.span, record->name + " has no '" + name + "'")
        .note("it has " + orList(fields))
        .didYouMean(name, fields);
  }
  return elab.error("no-member", expr.member.span,
                    base.kindName() + " has no member '" + name + "'");
}

FailureOr<Value> Evaluator::weightOf(const LayerInstance &layer, llvm::StringRef name, Span at) {
  Parameter *match = nullptr;
  std::vector<std::string> candidates;
  std::string prefix = layer.path + ".";
  for (const auto &[path, parameter] : elab.byPath) {
    if (!path.starts_with(prefix))
      continue;
    llvm::StringRef rest = path.drop_front(prefix.size());
    candidates.push_back(rest.str());
    if (rest == name) {
      match = parameter;
      break;
    }
    if (rest.ends_with(("." + name).str()))
      match = match ? nullptr : parameter;
  }
  if (match)
    return Value(Tensor(match->current, match->type, match->trail));
  if (!layer.firstUse)
    return elab.error("unused-layer", at, "layer '" + layer.name + "' has no weights yet")
        .help("it gets them at its first use; write this after it");
  llvm::SmallVector<llvm::StringRef> names(candidates.begin(), candidates.end());
  return elab.error("no-member", at, "layer '" + layer.name + "' has no one weight '" + name + "'")
      .note("its weights: " + (names.empty() ? "none" : llvm::join(names, ", ")))
      .didYouMean(name, names);
}

//===- recipes as arguments -----------------------------------------------------------------===//

FailureOr<Value> Evaluator::evaluateRecipe(const ast::Expr &expr) {
  if (auto *choice = llvm::dyn_cast<ast::If>(&expr))
    return choose(*choice, true);
  if (auto *call = llvm::dyn_cast<ast::Call>(&expr)) {
    FailureOr<Value> callee = evaluate(*call->callee);
    if (failed(callee) || !callee->recipe())
      return callee;
    Recipe recipe = *callee->recipe();
    if (recipe.hasArgs || recipe.isChain())
      return elab.error("layer-has-settings", call->args.span,
                        "'" + recipe.text() + "' is already a layer; it takes no settings");
    auto given = arguments(call->args, recipe.decl);
    if (failed(given))
      return failure();
    recipe.given = std::move(*given);
    recipe.hasArgs = true;
    recipe.span = call->span;
    return Value(std::move(recipe));
  }
  auto *flow = llvm::dyn_cast<ast::Flow>(&expr);
  if (!flow)
    return evaluate(expr);
  FailureOr<Value> first = evaluateRecipe(*flow->source);
  if (failed(first) || !first->recipe())
    return first;
  Recipe chain;
  chain.first = first->recipeRef();
  chain.stages = &flow->stages;
  chain.scope = &elab.newScope(*scope.root());
  scope.copyVisible(*chain.scope);
  chain.span = flow->span;
  return Value(std::move(chain));
}

/// Does a setting of the declaration want a layer here?
static bool wantsLayer(const ast::Decl *decl, const ast::Arg &arg, size_t position) {
  if (!decl)
    return false;
  auto settings = settingsOf(*decl);
  for (const auto &[i, setting] : llvm::enumerate(settings))
    if (arg.name ? setting->name.text == arg.name.text : i == position)
      return setting->type && setting->type->elem == ast::Elem::Layer;
  return false;
}

FailureOr<std::vector<Recipe::Given>> Evaluator::arguments(const ast::Args &args,
                                                           const ast::Decl *decl) {
  std::vector<Recipe::Given> given;
  bool good = true;
  size_t position = 0;
  for (const ast::Arg &arg : args.list) {
    bool layer = wantsLayer(decl, arg, position);
    FailureOr<Value> value = layer ? evaluateRecipe(*arg.value) : evaluate(*arg.value);
    good &= succeeded(value);
    if (good)
      given.push_back({arg.name, std::make_shared<const Value>(*value), arg.value->span});
    position += !arg.name;
  }
  if (!good)
    return failure();
  return given;
}

FailureOr<std::vector<Recipe::Given>> Elaborator::evaluateArgs(const ast::Args &args,
                                                               Scope &scope) {
  return Evaluator(*this, scope).arguments(args, nullptr);
}
