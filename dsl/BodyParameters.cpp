// `param`, `state`, `<-`, and `layer`s: weights are found by their paths.
#include "dsl/BodyRunner.h"
#include "dsl/TensorArithmetic.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

#include <cmath>

namespace gnc::dsl {

/// Makes (or finds) one weight or state.
class ParameterMaker {
public:
  ParameterMaker(Elaborator &elab, Scope &scope, const ast::Ident &name)
      : elab(elab), scope(scope), name(name) {}

  LogicalResult weight(const ast::ParamStmt &stmt);
  LogicalResult state(const ast::StateStmt &stmt);

private:
  LogicalResult checkPlace();
  FailureOr<TensorType> typeOf(const ast::Type *type);
  FailureOr<Initializer> initializer(const ast::Expr *init, const TensorType &type,
                                     ParameterRole role);
  LogicalResult attributes(llvm::ArrayRef<ast::Attribute> list, Scope &where, llvm::StringRef level,
                           Parameter &parameter);
  LogicalResult attribute(const ast::Attribute &one, Scope &where, llvm::StringRef level,
                          Parameter &parameter);
  LogicalResult reuse(Parameter &known, const TensorType &type);
  LogicalResult make(Parameter parameter);
  void bind(Parameter &parameter);

  Elaborator &elab;
  Scope &scope;
  const ast::Ident &name;
};

/// A data section, inside which `mapsTuples` holds, makes samples: nothing in it is trained or
/// kept.
LogicalResult ParameterMaker::checkPlace() {
  if (!elab.mapsTuples)
    return success();
  return elab.error("data-weights", name.span, "a data section cannot have weights or states")
      .help("put this layer into the net");
}

FailureOr<TensorType> ParameterMaker::typeOf(const ast::Type *type) {
  TensorType result;
  if (!type)
    return result;
  if (type->elem != ast::Elem::F32 || type->batch)
    return elab.error("weight-type", type->span,
                      "'" + name.text + "' must be a tensor of f32 without a batch, not " +
                          typeText(*type));
  auto shape = elab.evaluateShape(*type, scope);
  if (failed(shape))
    return failure();
  result.shape = *shape;
  return result;
}

/// Weights that say nothing start as in He et al. 2015: normal with variance 2 / fan-in; vectors
/// and states at 0.
static Initializer defaultInitializer(const TensorType &type, ParameterRole role) {
  if (role == ParameterRole::State || type.rank() < 2)
    return {};
  double fan = double(type.elements()) / double(type.shape[0]);
  return {Initializer::Kind::Normal, 0, std::sqrt(2 / fan)};
}

FailureOr<Initializer> ParameterMaker::initializer(const ast::Expr *init, const TensorType &type,
                                                   ParameterRole role) {
  if (!init)
    return defaultInitializer(type, role);
  FailureOr<Value> value = elab.evaluate(*init, scope);
  if (failed(value))
    return failure();
  const Initializer *drawn = value->initializer();
  if (drawn && drawn->kind == Initializer::Kind::Orthogonal && type.rank() < 2)
    return elab
        .error("initializer", init->span,
               "'" + name.text + "' cannot start orthogonal: it has " + llvm::Twine(type.rank()) +
                   (type.rank() == 1 ? " dimension" : " dimensions") + ", a matrix has two or more")
        .help("start it from a number or from normal(mean, deviation)");
  if (drawn)
    return *drawn;
  if (std::optional<double> number = value->asDouble()) {
    if (role == ParameterRole::Weight && !std::isfinite(*number))
      return elab
          .error("initializer", init->span,
                 "'" + name.text + "' cannot start from " + value->str() +
                     ": no step could move it")
          .help("start it from a number, or from normal(mean, deviation)");
    return Initializer{Initializer::Kind::Constant, *number, 0};
  }
  return elab
      .error("initializer", init->span,
             "'" + name.text + "' starts from a number or a distribution, but this is " +
                 value->kindName())
      .help("distributions are normal(mean, deviation), uniform(low, high), "
            "truncated_normal(mean, deviation) and orthogonal(gain)");
}

//===- attributes ---------------------------------------------------------------------------===//

static std::string dotted(llvm::StringRef path) {
  std::string text = path.str();
  std::replace(text.begin(), text.end(), '/', '.');
  return text;
}

LogicalResult ParameterMaker::attribute(const ast::Attribute &one, Scope &where,
                                        llvm::StringRef level, Parameter &parameter) {
  llvm::StringRef kind = one.name.text;
  bool takesValue = kind == "rate" || kind == "was";
  if (!takesValue && kind != "nodecay" && kind != "frozen")
    return elab.error("unknown-attribute", one.name.span, "there is no attribute @" + kind)
        .didYouMean(kind, {"nodecay", "frozen", "rate", "was"});
  if (takesValue != (one.args && one.args->list.size() == 1))
    return elab
        .error("attribute-arguments", one.span,
               "@" + kind + (takesValue ? " takes one value" : " takes no value"))
        .help(kind == "rate"  ? "write @rate(0.1)"
              : kind == "was" ? "write @was(\"old.path\")"
                              : "write @" + kind);
  if (kind == "nodecay") {
    parameter.noDecay = true;
  } else if (kind == "frozen") {
    parameter.frozen = true;
  } else if (kind == "rate") {
    FailureOr<double> rate = elab.evaluateReal(*one.args->list[0].value, where, "@rate");
    if (failed(rate))
      return failure();
    if (!(*rate >= 0) || std::isinf(*rate))
      return elab
          .error("attribute-arguments", one.span,
                 "@rate takes a number of 0 or more, got " +
                     elab.evaluate(*one.args->list[0].value, where)->str())
          .help("write @rate(0.1), or @frozen for 0");
    parameter.rate *= *rate;
  } else {
    FailureOr<Value> old = elab.evaluate(*one.args->list[0].value, where);
    if (failed(old))
      return failure();
    if (!old->string())
      return elab.error("attribute-arguments", one.span, "@was takes a path in quotes");
    // A path below the net, or another name in the same place.
    llvm::StringRef path = parameter.path, prefix = level.empty() ? path : level;
    std::string before = dotted(*old->string());
    bool plain = before.find('.') == std::string::npos;
    llvm::StringRef around = plain ? prefix.rsplit('.').first : path.split('.').first;
    parameter.was.push_back(around.str() + "." + before + path.drop_front(prefix.size()).str());
  }
  return success();
}

LogicalResult ParameterMaker::attributes(llvm::ArrayRef<ast::Attribute> list, Scope &where,
                                         llvm::StringRef level, Parameter &parameter) {
  bool good = true;
  for (const ast::Attribute &one : list)
    good &= succeeded(attribute(one, where, level, parameter));
  return success(good);
}

//===- weights and states -------------------------------------------------------------------===//

void ParameterMaker::bind(Parameter &parameter) {
  Tensor value(parameter.current, parameter.type, parameter.trail);
  elab.tell(name.span, value);
  Binding &binding = scope.define(name.text, value, name.span);
  if (parameter.role == ParameterRole::State)
    binding.state = &parameter;
}

/// A `layer` is used again.
LogicalResult ParameterMaker::reuse(Parameter &known, const TensorType &type) {
  if (!elab.shared)
    return elab.error("weight-twice", name.span, "there is a '" + known.path + "' already")
        .note(known.span, "it is made here")
        .help("give it another name");
  if (known.type.shape == type.shape) {
    bind(known);
    return success();
  }
  LayerInstance &layer = *elab.shared;
  return elab
      .error("shared-shape", elab.sharedUse,
             "layer '" + layer.name + "' shares its weights, but " + known.path + " is " +
                 known.type.str() + " for its first use and would be " + type.str() + " here")
      .note(layer.firstUse, "it is first used here, on " + layer.firstType)
      .help("give it inputs of the same shape, or make a second layer");
}

LogicalResult ParameterMaker::make(Parameter parameter) {
  parameter.span = name.span;
  parameter.trail = elab.extendTrail(nullptr, name.text, parameter.type);
  parameter.argument = elab.host.addParameter(parameter, elab.location(name.span));
  parameter.current = parameter.argument;
  Parameter &stored = elab.parameterStore.emplace_back(std::move(parameter));
  elab.byPath.insert({stored.path, &stored});
  bind(stored);
  return success();
}

static std::string parameterPath(const Elaborator &elab, llvm::StringRef name) {
  std::string around = elab.path();
  return around.empty() ? name.str() : around + "." + name.str();
}

LogicalResult ParameterMaker::weight(const ast::ParamStmt &stmt) {
  if (failed(checkPlace()))
    return failure();
  FailureOr<TensorType> type = typeOf(stmt.type);
  if (failed(type))
    return failure();
  Parameter parameter;
  parameter.path = parameterPath(elab, name.text);
  if (Parameter *known = elab.byPath.lookup(parameter.path))
    return reuse(*known, *type);
  parameter.role = ParameterRole::Weight;
  parameter.type = *type;
  auto init = initializer(stmt.init, *type, ParameterRole::Weight);
  if (failed(init) || failed(attributes(stmt.attributes, scope, "", parameter)))
    return failure();
  parameter.initializer = *init;
  for (const auto &level : llvm::reverse(elab.attributeLevels))
    if (failed(attributes(*level.attributes, *level.scope, level.path, parameter)))
      return failure();
  return make(std::move(parameter));
}

LogicalResult ParameterMaker::state(const ast::StateStmt &stmt) {
  if (failed(checkPlace()))
    return failure();
  FailureOr<TensorType> type = typeOf(stmt.type);
  if (failed(type))
    return failure();
  Parameter parameter;
  parameter.path = parameterPath(elab, name.text);
  if (Parameter *known = elab.byPath.lookup(parameter.path))
    return reuse(*known, *type);
  parameter.role = ParameterRole::State;
  parameter.type = *type;
  auto init = initializer(stmt.init, *type, ParameterRole::State);
  if (failed(init))
    return failure();
  parameter.initializer = *init;
  return make(std::move(parameter));
}

LogicalResult declareParameter(Elaborator &elab, Scope &scope, const ast::ParamStmt &stmt) {
  return ParameterMaker(elab, scope, stmt.name).weight(stmt);
}

LogicalResult declareState(Elaborator &elab, Scope &scope, const ast::StateStmt &stmt) {
  return ParameterMaker(elab, scope, stmt.name).state(stmt);
}

//===- updates ------------------------------------------------------------------------------===//

LogicalResult BodyRunner::update(const ast::UpdateStmt &stmt) {
  if (!elab.updatesAllowed)
    return elab.error("update-outside-training", stmt.span, "a state changes in training only")
        .help("put it in 'when train { .. }'");
  FailureOr<Value> value = elab.evaluate(*stmt.value, scope);
  if (failed(value))
    return failure();
  auto values = destructure(elab, *value, stmt.names, stmt.value->span);
  if (failed(values))
    return failure();
  for (const auto &[name, one] : llvm::zip(stmt.names, *values))
    if (failed(updateState(name, one, stmt.value->span)))
      return failure();
  return success();
}

/// `value` as a tensor of the state's shape.
static FailureOr<Tensor> stateValue(Elaborator &elab, const ast::Ident &name,
                                    const Parameter &state, const Value &value, Span at) {
  FailureOr<Tensor> tensor = failure();
  if (value.tensor() || value.isNumber() || value.schedule() || value.boolean())
    tensor = toTensor(elab, value, at);
  else
    return elab.error("needs-tensor", at,
                      "state '" + name.text + "' holds numbers, but this is " + value.kindName());
  if (failed(tensor))
    return failure();
  if (tensor->batched)
    return elab
        .error("batched-state", at,
               "state '" + name.text + "' is one for all samples, but this is one a sample")
        .trail(*tensor)
        .help("reduce it over the batch with an op that says [N; ..]");
  if (tensor->shape == state.type.shape && tensor->element == ElementKind::F32)
    return tensor;
  if (tensor->shape == state.type.shape || tensor->shape.empty()) // convert or repeat
    return pointwise(
        elab, {Value(Tensor(state.current, state.type)), Value(*tensor)}, {at, at},
        ElementKind::F32, at, "store",
        [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) { return math.number(x[1]); });
  return elab
      .error("shape-mismatch", at,
             "state '" + name.text + "' is " + state.type.str() + ", but this is " + tensor->str())
      .trail(*tensor);
}

LogicalResult BodyRunner::updateState(const ast::Ident &name, const Value &value, Span at) {
  Binding *binding = scope.find(name.text);
  if (binding && !binding->value)
    return failure();
  if (!binding || !binding->state) {
    llvm::SmallVector<llvm::StringRef> names;
    scope.collectNames(names);
    Report report =
        elab.error("not-a-state", name.span,
                   binding ? "'" + name.text + "' is no state: only states change by '<-'"
                           : "there is no state named '" + name.text + "'");
    return binding ? LogicalResult(report.help("declare it: state " + name.text +
                                               ": [..] = 0, or "
                                               "write " +
                                               name.text + " = .."))
                   : LogicalResult(report.didYouMean(name.text, names));
  }
  Parameter &state = *binding->state;
  FailureOr<Tensor> tensor = stateValue(elab, name, state, value, at);
  if (failed(tensor))
    return failure();
  state.current = tensor->value;
  if (!llvm::is_contained(elab.pendingUpdates, &state))
    elab.pendingUpdates.push_back(&state);
  binding->value = Value(*tensor);
  return success();
}

//===- layers -------------------------------------------------------------------------------===//

FailureOr<Value> LayerBuilder::applyInstance(LayerInstance &layer, llvm::ArrayRef<Argument> inputs,
                                             const CallSite &site) {
  auto [around, label] = llvm::StringRef(layer.path).rsplit('.');
  bool below = layer.recipe->isChain() || around.size() == layer.path.size();
  if (layer.firstUse == Span()) {
    layer.firstUse = site.name;
    if (!inputs.empty() && inputs[0].value.tensor())
      layer.firstType = inputs[0].value.tensor()->str();
  }
  RowScope row(elab, site, /*uses=*/0);
  // The paths are those of where the layer was made; counting starts anew at each use.
  std::vector<Elaborator::PathLevel> levels;
  std::swap(levels, elab.pathLevels);
  LayerInstance *outer = std::exchange(elab.shared, &layer);
  Span outerUse = std::exchange(elab.sharedUse, site.name);
  auto leave = llvm::scope_exit([&] {
    std::swap(levels, elab.pathLevels);
    elab.shared = outer;
    elab.sharedUse = outerUse;
  });
  elab.pathLevels.push_back({below ? layer.path : around.str(), {}});
  CallSite inner = site;
  inner.text = layer.recipe->text();
  inner.label = below ? "" : label.str();
  AttributeScope attributes(elab, site.attributes, scope);
  AttributeScope own(elab, layer.attributes, *layer.scope);
  inner.attributes = nullptr;
  auto result = LayerBuilder(elab, *layer.scope).applyRecipe(*layer.recipe, inputs, inner);
  if (failed(result))
    return failure();
  const Tensor *first = inputs.empty() ? nullptr : inputs[0].value.tensor();
  std::string note;
  if (result->tensor() && result->tensor()->trail)
    note = result->tensor()->trail->note;
  Value extended = extendWay(elab, *result, first ? first->trail : nullptr, site.text,
                             layer.recipe->isChain() ? "" : note);
  row.finish(extended);
  return extended;
}

} // namespace gnc::dsl
