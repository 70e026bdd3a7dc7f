// The net of a program: settings, inputs, body.
#include "dsl/BodyRunner.h"
#include "dsl/Walk.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// The names that stand alone as dimensions or class counts of the inputs.
static llvm::SmallVector<StringRef> dimensionNames(const ast::NetDecl &net) {
  llvm::SmallVector<StringRef> names;
  for (const ast::Param &input : net.params.inputs) {
    if (!input.type)
      continue;
    for (const ast::Dim &dim : input.type->dims)
      if (auto *name = llvm::dyn_cast<ast::Name>(dim.expr))
        names.push_back(name->name);
    if (auto *classes = llvm::dyn_cast_or_null<ast::Name>(input.type->classes))
      names.push_back(classes->name);
  }
  return names;
}

namespace {
struct MentionVisitor : Visitor {
  llvm::ArrayRef<StringRef> names;
  bool found = false;
  void visit(const ast::Expr &expr) override {
    if (auto *name = llvm::dyn_cast<ast::Name>(&expr))
      found |= llvm::is_contained(names, name->name);
  }
};
} // namespace

static bool mentions(const ast::Expr &expr, llvm::ArrayRef<StringRef> names) {
  MentionVisitor visitor;
  visitor.names = names;
  walk(expr, visitor);
  return visitor.found;
}

/// The arguments of the section, with those of the command line in their place.
static FailureOr<std::vector<Recipe::Given>> netSettings(Elaborator &elab, const ast::NetDecl &net,
                                                         llvm::ArrayRef<const ast::Arg *> args,
                                                         Scope &caller,
                                                         const llvm::StringMap<Value> &overrides) {
  std::vector<Recipe::Given> given;
  bool good = true;
  Evaluator evaluator(elab, caller);
  for (const ast::Arg *arg : args) {
    if (overrides.contains(arg->name.text))
      continue;
    bool layer = false;
    for (const ast::Param &setting : net.params.settings)
      layer |= setting.name.text == arg->name.text && setting.type &&
               setting.type->elem == ast::Elem::Layer;
    auto value = layer ? evaluator.evaluateRecipe(*arg->value) : evaluator.evaluate(*arg->value);
    good &= succeeded(value);
    if (good)
      given.push_back({arg->name, std::make_shared<const Value>(*value), arg->value->span});
  }
  for (const ast::Param &setting : net.params.settings)
    if (auto it = overrides.find(setting.name.text); it != overrides.end()) {
      given.push_back({setting.name, std::make_shared<const Value>(it->second), setting.span});
      elab.usedOverrides.insert(setting.name.text);
    }
  if (!good)
    return failure();
  return given;
}

FailureOr<NetUse> Elaborator::beginNet(const ast::NetDecl &net, const Module *module,
                                       llvm::ArrayRef<const ast::Arg *> given, Scope &caller,
                                       const llvm::StringMap<Value> &overrides, Span at) {
  if (net.hasErrors)
    return failure();
  NetUse use;
  use.decl = &net;
  use.scope = &newScope(rootOf(module));
  use.use = Use{&net, module, at};
  auto settings = netSettings(*this, net, given, caller, overrides);
  if (failed(settings))
    return failure();
  auto dims = dimensionNames(net);
  // Free dimensions of the command line are bound before data can bind them.
  for (StringRef name : dims)
    if (auto it = overrides.find(name);
        it != overrides.end() && usedOverrides.insert(name).second) {
      if (!it->second.asInt() || *it->second.asInt() < 1)
        return error("whole-number", net.name.span,
                     "dimension " + name + " must be a whole number of at least 1, got " +
                         it->second.str());
      use.scope->define(name, it->second);
    }
  llvm::SmallVector<const ast::Param *> closed;
  for (const ast::Param &setting : net.params.settings) {
    bool known = llvm::any_of(
        *settings, [&](const Recipe::Given &one) { return one.name.text == setting.name.text; });
    if (!known && setting.value && mentions(*setting.value, dims))
      use.open.push_back(&setting);
    else
      closed.push_back(&setting);
  }
  Span place = at ? at : net.name.span;
  if (failed(gnc::dsl::bindSettings(*this, closed, *settings, *use.scope, net.name.text, place)))
    return failure();
  for (const Recipe::Given &one : *settings)
    use.use.settings += (use.use.settings.empty() ? "" : ", ") + one.name.text.str() + " = " +
                        oneLine(one.value->str(), 30);
  return use;
}

//===- inputs -------------------------------------------------------------------------------===//

static std::optional<ElementKind> elementOf(ast::Elem elem) {
  switch (elem) {
  case ast::Elem::F32: return ElementKind::F32;
  case ast::Elem::U8: return ElementKind::U8;
  case ast::Elem::Bool: return ElementKind::Bool;
  case ast::Elem::I32: return ElementKind::I32;
  case ast::Elem::Index: return ElementKind::Index;
  default: return std::nullopt;
  }
}

/// A bare name that nothing binds becomes `defaultExtent`.
static void bindFree(Elaborator &elab, const ast::Dim &dim, Scope &scope) {
  auto *name = llvm::dyn_cast<ast::Name>(dim.expr);
  if (!name || dim.pack || scope.find(name->name))
    return;
  if (Found found = scope.module()->find(name->name); found && llvm::isa<ast::LetDecl>(found.decl))
    return;
  scope.define(name->name, Value::number(Elaborator::defaultExtent), dim.span);
  if (!llvm::is_contained(elab.defaultedDimensions, name->name))
    elab.defaultedDimensions.push_back(name->name.str());
}

FailureOr<TensorType> Elaborator::inputType(NetUse &use, const ast::Param &input) {
  if (!input.type || (!input.type->hasShape && input.type->elem == ast::Elem::F32))
    return error("untyped-input", input.span,
                 "input '" + input.name.text + "' of net " + use.decl->name.text + " needs a shape")
        .help("write " + input.name.text + ": [1, 28, 28]");
  const ast::Type &type = *input.type;
  std::optional<ElementKind> element = elementOf(type.elem);
  if (!element)
    return error("not-yet", type.span,
                 "an input cannot have elements of type " + spelling(type.elem) + " yet");
  for (const ast::Dim &dim : type.dims) {
    if (dim.pack && !use.scope->find(dim.expr->span.text()))
      return error("unknown-rank", dim.span,
                   "how many dimensions '" + dim.span.text() + "' stands for is not known here")
          .help("write the dimensions of a net's input one by one");
    bindFree(*this, dim, *use.scope);
  }
  auto shape = evaluateShape(type, *use.scope);
  if (failed(shape))
    return failure();
  TensorType result;
  result.shape = *shape;
  result.batched = true;
  result.element = *element;
  auto *unknown = llvm::dyn_cast_or_null<ast::Name>(type.classes);
  if (!type.classes || (unknown && !use.scope->find(unknown->name)))
    return result;
  FailureOr<int64_t> classes = evaluateInt(*type.classes, *use.scope, "a number of classes");
  if (failed(classes))
    return failure();
  result.classes = *classes;
  return result;
}

//===- body ---------------------------------------------------------------------------------===//

FailureOr<Record> Elaborator::applyNet(NetUse &use, llvm::ArrayRef<Tensor> inputs) {
  const ast::NetDecl &net = *use.decl;
  StringRef name = net.name.text;
  Span at = use.use.at ? use.use.at : net.name.span;
  PathScope level(*this, name.str());
  if (failed(pushUse(use.use)))
    return failure();
  auto leave = llvm::scope_exit([&] {
    popUse();
    rowUses.reset();
  });
  rowUses = useStack.size();
  std::vector<Argument> arguments;
  for (const auto &[param, input] : llvm::zip(net.params.inputs, inputs)) {
    Tensor tensor = input;
    if (!tensor.trail)
      tensor.trail = extendTrail(nullptr, param.name.text, tensor);
    arguments.push_back({tensor, param.name.text.str(), param.span});
  }
  llvm::SmallVector<const ast::Param *> settings = settingsOf(net);
  if (failed(bindDimensions(*this, net.params.inputs, arguments, *use.scope, name, at, settings)) ||
      failed(gnc::dsl::bindSettings(*this, use.open, {}, *use.scope, name, at)) ||
      failed(checkInputs(*this, net.params.inputs, arguments, *use.scope, name, at)))
    return failure();
  auto value = runBody(net.body, *use.scope);
  if (failed(value))
    return failure();
  FailureOr<Value> results = collectResults(*this, net, net.results, *use.scope, *value);
  if (failed(results))
    return failure();
  if (results->record() && net.results.size() != 1)
    return *results->record();
  Record record;
  record.name = name.str();
  bool named = net.results.size() == 1 && net.results[0].name;
  record.fields.push_back({named ? net.results[0].name.text.str() : "result", *results});
  return record;
}

FailureOr<Value> Elaborator::call(Found decl, llvm::ArrayRef<Tensor> inputs, Span at) {
  Scope &scope = newScope(rootOf(decl.module));
  Recipe recipe;
  recipe.decl = decl.decl;
  recipe.module = decl.module;
  recipe.name = decl.decl->name.text.str();
  recipe.span = recipe.nameSpan = at;
  std::vector<Argument> arguments;
  for (const Tensor &input : inputs)
    arguments.push_back({input, input.trail ? input.trail->text : "input", at});
  return LayerBuilder(*this, scope).applyRecipe(recipe, arguments, {at, at, recipe.name, ""});
}
