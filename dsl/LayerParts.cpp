// Transforms of a data section: a tuple goes through a layer of one input part by part, with the
// same random numbers, and masks go through layers that are written for images.
#include "dsl/LayerBuilder.h"
#include "dsl/TensorArithmetic.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

/// Is `[C, H, W]` of numbers declared: an image?
static bool takesImage(const ast::Param &input) {
  return input.type && input.type->elem == ast::Elem::F32 && !input.type->batch &&
         input.type->dims.size() == 3 &&
         llvm::none_of(input.type->dims, [](const ast::Dim &dim) { return dim.pack; });
}

/// Classes and bytes are no numbers, and a map of them needs no channel.
static bool isMap(const Value &value) {
  const Tensor *tensor = value.tensor();
  bool whole =
      tensor && (tensor->element == ElementKind::Index || tensor->element == ElementKind::U8 ||
                 tensor->element == ElementKind::Bool);
  return whole && (tensor->rank() == 2 || tensor->rank() == 3);
}

static FailureOr<Tensor> converted(Elaborator &elab, const Tensor &tensor, ElementKind element,
                                   Span at) {
  return pointwise(
      elab, {Value(tensor)}, {at}, element, at, "read",
      [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) { return math.number(x[0]); });
}

/// As numbers of one channel, with `nearest = true` where the layer can interpolate, and back.
FailureOr<Value> LayerBuilder::applyToMap(const Recipe &recipe, const Argument &map,
                                          const CallSite &site) {
  const Tensor &before = *map.value.tensor();
  FailureOr<Tensor> numbers = converted(elab, before, ElementKind::F32, site.name);
  bool flat = before.rank() == 2;
  if (succeeded(numbers) && flat)
    numbers = reshape(elab, *numbers, {1, before.shape[0], before.shape[1]}, site.name);
  if (failed(numbers))
    return failure();
  Recipe exact = recipe;
  bool interpolates = llvm::any_of(settingsOf(*recipe.decl), [](const ast::Param *setting) {
    return setting->name.text == "nearest";
  });
  bool given = llvm::any_of(recipe.given, [](auto &one) { return one.name.text == "nearest"; });
  if (interpolates && !given && (flat || before.element != ElementKind::U8))
    exact.given.push_back(
        {{"nearest", site.name}, std::make_shared<Value>(Value::boolean(true)), site.name});
  FailureOr<Value> made = applyRecipe(exact, Argument{Value(*numbers), map.text, map.span}, site);
  if (failed(made) || !made->tensor())
    return made;
  FailureOr<Tensor> after = *made->tensor();
  if (flat && after->rank() == 3 && after->shape[0] == 1)
    after = reshape(elab, *after, {after->shape[1], after->shape[2]}, site.name);
  if (succeeded(after) && before.element == ElementKind::Index) {
    after = converted(elab, *after, ElementKind::Index, site.name);
    if (succeeded(after))
      after->classes = before.classes;
  }
  return failed(after) ? FailureOr<Value>(failure()) : Value(*after);
}

std::optional<FailureOr<Value>> LayerBuilder::applyToParts(const Value &layer,
                                                           llvm::ArrayRef<Argument> inputs,
                                                           const CallSite &site) {
  const Recipe *recipe = layer.recipe();
  if (!elab.mapsTuples || !recipe || !recipe->decl || inputsOf(*recipe->decl).size() != 1)
    return std::nullopt;
  bool image = takesImage(inputsOf(*recipe->decl).front());
  if (inputs.size() == 1 && !(image && isMap(inputs[0].value)))
    return std::nullopt;
  // What was drawn and named before: the same for every part.
  llvm::StringMap<unsigned> draws = elab.draws, labels;
  if (!elab.pathLevels.empty())
    labels = elab.pathLevels.back().labels;
  std::vector<Value> parts;
  for (const Argument &input : inputs) {
    elab.draws = draws;
    if (!elab.pathLevels.empty())
      elab.pathLevels.back().labels = labels;
    FailureOr<Value> part = image && isMap(input.value) ? applyToMap(*recipe, input, site)
                                                        : applyRecipe(*recipe, input, site);
    if (failed(part))
      return part;
    parts.push_back(*part);
  }
  return FailureOr<Value>(parts.size() == 1 ? parts.front() : Value::tuple(std::move(parts)));
}
