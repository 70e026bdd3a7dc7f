// Stages: what stands after an arrow, and the layers it stands for.
#include "dsl/LayerBuilder.h"
#include "dsl/BodyRunner.h"
#include "dsl/HostField.h"
#include "dsl/ScalarMath.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

FailureOr<Value> LayerBuilder::applyStage(const ast::Stage &stage, const Argument &input) {
  int64_t count = 1;
  if (stage.count) {
    FailureOr<int64_t> number = elab.evaluateInt(*stage.count, scope, "a repeat count");
    if (failed(number))
      return failure();
    count = *number;
    if (count < 0)
      return elab
          .error("negative-count", stage.count->span,
                 "a repeat count must not be negative, got " + llvm::Twine(count))
          .help("write 0 for no layer at all");
  }
  if (count > 1)
    if (auto *ref = llvm::dyn_cast<ast::LayerRef>(stage.unit); ref && ref->path.size() == 1)
      if (const Value *value = scope.value(ref->path[0].text); value && value->layer())
        elab.warning("repeated-layer", ref->pathSpan,
                     "'" + ref->path[0].text + "' is one layer: it is applied " +
                         llvm::Twine(count) + " times with the same weights")
            .help("for weights of their own, repeat the recipe: write its chain in place of the "
                  "name");
  Argument current = input;
  size_t parameters = elab.parameterCount();
  for (int64_t i = 0; i < count; ++i) {
    FailureOr<Value> next = applyUnit(*stage.unit, current, stage.attributes);
    if (failed(next))
      return failure();
    current = {*next, oneLine(stage.unit->span.text(), 40), stage.unit->span};
  }
  if (stage.type) {
    FailureOr<Value> settled = settle(elab, current.value);
    if (failed(settled))
      return failure();
    current.value = *settled;
  }
  if (elab.listener)
    elab.listener->stage(stage, elab.layerResult(current.value, parameters));
  if (stage.type && failed(ascribe(*stage.type, current.value)))
    return failure();
  if (stage.name && failed(assignName(elab, scope, stage.name, current.value)))
    return failure();
  return current.value;
}

FailureOr<Value> LayerBuilder::applyUnit(const ast::Unit &unit, const Argument &input,
                                         const std::vector<ast::Attribute> &attributes) {
  if (!elab.spend(1, unit.span))
    return failure();
  if (auto *choice = llvm::dyn_cast<ast::IfUnit>(&unit)) {
    FailureOr<bool> condition = elab.evaluateCondition(*choice->condition, scope);
    if (failed(condition))
      return failure();
    if (!*condition)
      countSkipped(*choice->thenUnit);
    const ast::Unit &taken = *condition ? *choice->thenUnit : *choice->elseUnit;
    size_t parameters = elab.parameterCount();
    auto result = applyUnit(taken, input, attributes);
    if (elab.listener && succeeded(result))
      elab.listener->layer(taken.span, elab.layerResult(*result, parameters));
    if (*condition)
      countSkipped(*choice->elseUnit);
    return result;
  }
  if (holdsHostField(input.value) && !llvm::isa<ast::Chain>(unit)) {
    if (std::optional<FailureOr<Value>> onHost = applyOnHost(elab, scope, unit, input.value))
      return *onHost;
    FailureOr<Value> settled = settle(elab, input.value);
    if (failed(settled))
      return failure();
    return applyUnit(unit, {*settled, input.text, input.span}, attributes);
  }
  CallSite site{unit.span, unit.span, oneLine(unit.span.text(), 40), "",
                attributes.empty() ? nullptr : &attributes};
  llvm::SmallVector<Argument> inputs;
  if (const Tuple *tuple = input.value.tuple()) // `(a, b) -> f`
    for (const Value &part : tuple->elements)
      inputs.push_back({part, input.text, input.span});
  else
    inputs.push_back(input);
  if (auto *chain = llvm::dyn_cast<ast::Chain>(&unit)) {
    Recipe recipe;
    recipe.stages = &chain->stages;
    recipe.scope = &scope;
    recipe.span = recipe.nameSpan = chain->span;
    return applyChain(recipe, inputs, site);
  }
  FailureOr<Value> layer = unitValue(unit);
  if (failed(layer))
    return failure();
  site.name = llvm::cast<ast::LayerRef>(unit).pathSpan;
  if (std::optional<FailureOr<Value>> parts = applyToParts(*layer, inputs, site))
    return *parts;
  return apply(*layer, inputs, site);
}

//===- what a name stands for ---------------------------------------------------------------===//

FailureOr<Value> LayerBuilder::unitValue(const ast::Unit &unit) {
  if (auto *ref = llvm::dyn_cast<ast::LayerRef>(&unit))
    return layerRef(*ref);
  if (auto *choice = llvm::dyn_cast<ast::IfUnit>(&unit)) {
    FailureOr<bool> condition = elab.evaluateCondition(*choice->condition, scope);
    if (failed(condition))
      return failure();
    return unitValue(*condition ? *choice->thenUnit : *choice->elseUnit);
  }
  auto &chain = llvm::cast<ast::Chain>(unit);
  const ast::Stage &first = chain.stages.front();
  bool single = chain.stages.size() == 1 && !first.count && !first.type && !first.name &&
                first.attributes.empty();
  if (single)
    return unitValue(*first.unit);
  Recipe recipe;
  recipe.stages = &chain.stages;
  recipe.scope = &elab.newScope(*scope.root());
  scope.copyVisible(*recipe.scope);
  recipe.span = recipe.nameSpan = chain.span;
  return Value(std::move(recipe));
}

/// A name that is bound to a value: it must be a layer.
FailureOr<Value> LayerBuilder::namedLayer(const ast::LayerRef &ref, const Value &value) {
  std::string name = ref.pathSpan.text().str();
  if (!value.recipe() && !value.layer()) {
    Report report = elab.error("not-a-layer", ref.pathSpan,
                               "'" + name + "' is " + value.kindName() + ", not a layer");
    if (value.tensor())
      report.help("tensors are combined in expressions: (..) + " + name + ", or passed by name");
    return report;
  }
  const Recipe *recipe = value.recipe();
  if (ref.args && (!recipe || recipe->hasArgs || recipe->isChain()))
    return elab.error("layer-has-settings", ref.args->span,
                      "'" + name + "' is already a layer; it takes no settings");
  return value;
}

LogicalResult LayerBuilder::undefinedLayer(const ast::LayerRef &ref) {
  llvm::SmallVector<llvm::StringRef> names;
  scope.collectNames(names);
  llvm::append_range(names, scope.module()->visibleNames());
  names.append({"flatten", "id"});
  llvm::StringRef name = ref.path[0].text;
  if (scope.module()->alias(name))
    return elab.error("module-as-value", ref.pathSpan, "'" + name + "' is a module, not a layer")
        .help("name something in it: " + name + ".f");
  if (isHostTransform(name))
    return elab
        .error("host-transform", ref.pathSpan,
               "'" + name + "' works on pictures as the source gives them; this is a tensor")
        .note("the host does it, before anything but scaling by a number")
        .help("move it to the front: image = source.image -> " + name + "(..)");
  return elab.error("undefined-layer", ref.pathSpan, "there is no layer named '" + name + "'")
      .didYouMean(name, names);
}

void LayerBuilder::checkNames(llvm::ArrayRef<ast::Stage> stages) {
  llvm::SmallVector<llvm::StringRef> made; // by `as` in these stages
  for (const ast::Stage &stage : stages) {
    auto *ref = llvm::dyn_cast<ast::LayerRef>(stage.unit);
    llvm::StringRef name = ref ? ref->path[0].text : "";
    if (ref && ref->path.size() == 1 && !scope.find(name) && !scope.module()->find(name) &&
        !isBuiltin(name) && !isBuiltinLayer(name) && !llvm::is_contained(made, name))
      (void)undefinedLayer(*ref);
    if (stage.name)
      made.push_back(stage.name.text);
  }
}

FailureOr<Value> LayerBuilder::layerRef(const ast::LayerRef &ref) {
  Evaluator evaluator(elab, scope);
  llvm::StringRef name = ref.path[0].text;
  FailureOr<Value> value = failure();
  if (ref.path.size() == 2 && !scope.find(name) && scope.module()->alias(name)) {
    const Module *module = scope.module()->alias(name);
    Found found = module->findExported(ref.path[1].text);
    if (!found)
      return elab
          .error("undefined-layer", ref.path[1].span,
                 "module '" + name + "' has no layer '" + ref.path[1].text + "'")
          .didYouMean(ref.path[1].text, module->exportedNames());
    value = evaluator.recipeOf(found, ref.pathSpan.text(), ref.pathSpan);
  } else if (ref.path.size() > 1) {
    return elab
        .error("undefined-layer", ref.pathSpan,
               "there is no layer named '" + ref.pathSpan.text() + "'")
        .note("dots name a layer of a module: use \"file.net\" as m, then m.f");
  } else if (scope.find(name) || scope.module()->find(name) || isBuiltinLayer(name)) {
    value = evaluator.lookup(name, ref.path[0].span);
  } else if (isBuiltin(name)) {
    Recipe recipe;
    recipe.intrinsic = recipe.name = name.str();
    value = Value(std::move(recipe));
  } else {
    return undefinedLayer(ref);
  }
  if (succeeded(value))
    value = namedLayer(ref, *value);
  if (failed(value) || !value->recipe())
    return value;
  Recipe recipe = *value->recipe();
  recipe.span = ref.span;
  if (ref.args) {
    auto given = evaluator.arguments(*ref.args, recipe.decl);
    if (failed(given))
      return failure();
    recipe.given = std::move(*given);
    recipe.hasArgs = true;
  }
  return Value(std::move(recipe));
}

//===- use ----------------------------------------------------------------------------------===//

FailureOr<Value> LayerBuilder::apply(const Value &layer, llvm::ArrayRef<Argument> inputs,
                                     const CallSite &site) {
  if (layer.layer())
    return applyInstance(*layer.layer(), inputs, site);
  return applyRecipe(*layer.recipe(), inputs, site);
}

FailureOr<Value> LayerBuilder::applyRecipe(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                                           const CallSite &site) {
  if (recipe.isChain())
    return applyChain(recipe, inputs, site);
  return recipe.decl ? applyDecl(recipe, inputs, site) : applyBuiltin(recipe, inputs, site);
}

FailureOr<Value> LayerBuilder::applyChain(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                                          const CallSite &site) {
  if (!elab.spend(Elaborator::scopeCost, site.name))
    return failure();
  AttributeScope attributes(elab, site.attributes, scope);
  Scope &inner = elab.newScope(*recipe.scope);
  LayerBuilder builder(elab, inner);
  Argument current = inputs.front();
  if (inputs.size() > 1) {
    std::vector<Value> parts;
    for (const Argument &input : inputs)
      parts.push_back(input.value);
    current.value = Value::tuple(std::move(parts));
  }
  if (recipe.first) {
    FailureOr<Value> next = builder.applyRecipe(*recipe.first, inputs, site);
    if (failed(next))
      return failure();
    current = {*next, site.text, site.span};
  }
  for (const ast::Stage &stage : *recipe.stages) {
    FailureOr<Value> next = builder.applyStage(stage, current);
    if (failed(next))
      return failure();
    current = {*next, oneLine(stage.span.text(), 40), stage.span};
  }
  return current.value;
}

FailureOr<Value> LayerBuilder::applyBuiltin(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                                            const CallSite &site) {
  std::vector<Argument> all(inputs.begin(), inputs.end());
  std::vector<Recipe::Given> named;
  bool takesSetting = recipe.intrinsic == "reshape";
  if (recipe.intrinsic != "concat" && !takesSetting && !recipe.given.empty() &&
      !recipe.given[0].name)
    return elab.error("too-many-settings", recipe.given[0].span,
                      recipe.intrinsic + " takes no settings without a name after an arrow");
  for (const Recipe::Given &given : recipe.given)
    if (given.name || takesSetting)
      named.push_back(given);
    else
      all.push_back({*given.value, oneLine(given.span.text(), 40), given.span});
  RowScope row(elab, site, /*uses=*/0);
  FailureOr<Value> result = callBuiltin(elab, recipe.intrinsic, all, named, site.name);
  if (succeeded(result) && recipe.intrinsic != "id")
    row.finish(*result);
  return result;
}

//===- shape columns ------------------------------------------------------------------------===//

LogicalResult LayerBuilder::ascribe(const ast::Type &type, const Value &value) {
  const Tensor *tensor = value.tensor();
  if (!tensor)
    return elab.error("needs-tensor", type.span,
                      "only a tensor has a shape, but this is " + value.kindName());
  auto wanted = elab.evaluateShape(type, scope);
  if (failed(wanted))
    return failure();
  TensorType want;
  want.shape = *wanted;
  std::string text = TensorType::str(*wanted), declared = typeText(type);
  if (type.hasShape && tensor->shape != *wanted) {
    bool literal = declared == text || type.elem != ast::Elem::F32;
    return elab
        .error("shape-assertion", type.shapeSpan,
               "the shape here is " + TensorType::str(tensor->shape) + ", not " +
                   (literal ? text : declared + " = " + text))
        .trail(*tensor)
        .help("if the shape is as it should be, write : " + TensorType::str(tensor->shape));
  }
  if (!type.elemWritten)
    return success();
  return elab.bindType(type, *tensor, scope, "the value here", type.span);
}
