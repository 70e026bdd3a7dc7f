// Functions that are no declarations: scalar functions, reductions of whole tensors, distributions,
// and the few structural operations that no equation can say.
#include "dsl/Evaluator.h"
#include "dsl/LayerBuilder.h"
#include "dsl/TensorArithmetic.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

namespace {
/// The arguments of one call, taken apart.
struct BuiltinCall {
  Elaborator &elab;
  llvm::StringRef name;
  llvm::ArrayRef<Argument> inputs;
  llvm::ArrayRef<Recipe::Given> named;
  Span at;

  FailureOr<Value> scalar();
  FailureOr<Value> sizes();
  FailureOr<Value> reduction(ast::Reducer reducer);
  FailureOr<Value> reduceList(ast::Reducer reducer, llvm::ArrayRef<Value> elements);
  FailureOr<Value> distribution();
  FailureOr<Value> orthogonal();
  FailureOr<Value> index();
  FailureOr<Value> concatenation();
  FailureOr<Value> flat();
  FailureOr<Value> reshaped();
  FailureOr<Value> identity();

  LogicalResult expectInputs(size_t count, llvm::StringRef usage);
  LogicalResult expectNames(llvm::ArrayRef<llvm::StringRef> names);
  /// `axis = k` within a rank; absent if not given.
  FailureOr<std::optional<int64_t>> axis(int64_t rank);
  const Recipe::Given *find(llvm::StringRef name) const;
  std::vector<Value> values() const;
};
} // namespace

static constexpr llvm::StringLiteral structural[] = {
    "concat",  "flatten",   "reshape",          "id",        "index", "normal",
    "uniform", "bernoulli", "truncated_normal", "orthogonal"};
static constexpr llvm::StringLiteral layers[] = {"flatten", "reshape",   "id",      "concat",
                                                 "stop",    "bernoulli", "uniform", "normal"};

bool gnc::dsl::isBuiltin(llvm::StringRef name) {
  return ScalarMath::arity(name) || ast::reducerNamed(name) || llvm::is_contained(structural, name);
}

bool gnc::dsl::isBuiltinLayer(llvm::StringRef name) { return llvm::is_contained(layers, name); }

void gnc::dsl::collectBuiltins(llvm::SmallVectorImpl<llvm::StringRef> &out) {
  llvm::append_range(out, structural);
  llvm::append_range(out, ScalarMath::functionNames());
  for (unsigned i = 0; i <= unsigned(ast::Reducer::Count); ++i)
    out.push_back(spelling(ast::Reducer(i)));
}

//===- arguments ----------------------------------------------------------------------------===//

const Recipe::Given *BuiltinCall::find(llvm::StringRef name) const {
  for (const Recipe::Given &given : named)
    if (given.name.text == name)
      return &given;
  return nullptr;
}

std::vector<Value> BuiltinCall::values() const {
  std::vector<Value> list;
  for (const Argument &input : inputs)
    list.push_back(input.value);
  return list;
}

LogicalResult BuiltinCall::expectInputs(size_t count, llvm::StringRef usage) {
  if (inputs.size() == count)
    return success();
  return elab
      .error("argument-count", at,
             name + " takes " + llvm::Twine(count) + (count == 1 ? " argument" : " arguments") +
                 ", got " + llvm::Twine(inputs.size()))
      .help("write " + usage);
}

LogicalResult BuiltinCall::expectNames(llvm::ArrayRef<llvm::StringRef> names) {
  for (const Recipe::Given &given : named)
    if (!llvm::is_contained(names, given.name.text))
      return elab
          .error("unknown-setting", given.name ? given.name.span : given.span,
                 given.name ? name + " has no setting '" + given.name.text + "'"
                            : name + " takes no settings")
          .didYouMean(given.name.text, names);
  return success();
}

FailureOr<std::optional<int64_t>> BuiltinCall::axis(int64_t rank) {
  const Recipe::Given *given = find("axis");
  if (!given)
    return std::optional<int64_t>();
  std::optional<int64_t> number = given->value->asInt();
  if (!number)
    return elab.error("whole-number", given->span,
                      "axis must be a whole number, got " + given->value->str());
  if (*number < 0 || *number >= rank)
    return elab
        .error("axis", given->span,
               "there is no axis " + llvm::Twine(*number) + ": the tensor has " +
                   llvm::Twine(rank) + (rank == 1 ? " dimension" : " dimensions"))
        .note("axes are counted from 0, without the batch");
  return number;
}

//===- scalar functions ---------------------------------------------------------------------===//

FailureOr<Value> BuiltinCall::sizes() {
  size_t count = 0;
  for (const Argument &input : inputs)
    if (input.value.size())
      count = input.value.size()->extents.size();
  SizeValue result;
  for (size_t i = 0; i != count; ++i) {
    std::vector<Value> parts;
    for (const Argument &input : inputs) {
      const SizeValue *size = input.value.size();
      if (size ? size->extents.size() != count : !input.value.exact())
        return elab.error("operands", input.span,
                          name + " cannot combine a size with " + input.value.kindName());
      parts.push_back(size ? Value(size->extents[i]) : input.value);
    }
    auto part = numberFunction(elab, name, parts, at);
    if (!part || failed(*part) || !(*part)->exact())
      return elab.error("operands", at, name + " of a size is not a size");
    result.extents.push_back(*(*part)->exact());
  }
  return Value(std::move(result));
}

FailureOr<Value> BuiltinCall::scalar() {
  bool variadic = name == "max" || name == "min";
  if (failed(expectNames({})) ||
      (!variadic && failed(expectInputs(ScalarMath::arity(name), name.str() + "(x)"))))
    return failure();
  std::vector<Value> list = values();
  auto all = [&](auto test) { return llvm::all_of(list, test); };
  if (all([](const Value &v) { return v.isNumber(); }))
    if (auto result = numberFunction(elab, name, list, at))
      return *result;
  if (llvm::any_of(list, [](const Value &v) { return v.size(); }))
    return sizes();
  if (all([](const Value &v) { return toSchedule(v).has_value(); }) &&
      Schedule::functionArity(name)) {
    Schedule result = *toSchedule(list[0]);
    if (list.size() == 1)
      return makeSchedule(elab, name, {result}, at);
    for (const Value &next : llvm::drop_begin(list)) {
      auto joined = makeSchedule(elab, name, {result, *toSchedule(next)}, at);
      if (failed(joined))
        return failure();
      result = *joined->schedule();
    }
    return Value(result);
  }
  llvm::SmallVector<Span> spans;
  for (const Argument &input : inputs)
    spans.push_back(input.span);
  auto result = pointwise(
      elab, list, spans, ElementKind::F32, at, "combine",
      [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) { return math.function(name, x); });
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

//===- reductions ---------------------------------------------------------------------------===//

FailureOr<Value> BuiltinCall::reduceList(ast::Reducer reducer, llvm::ArrayRef<Value> elements) {
  using R = ast::Reducer;
  if (reducer == R::Count)
    return Value::number(elements.size());
  bool numbers = llvm::all_of(elements, [](const Value &v) { return v.isNumber(); });
  bool known = reducer == R::Sum || reducer == R::Prod || reducer == R::Mean || reducer == R::Max ||
               reducer == R::Min;
  bool needsOne = reducer != R::Sum && reducer != R::Prod;
  if (!numbers || !known || (needsOne && elements.empty()))
    return elab.error("operands", at,
                      name + " cannot be taken of " +
                          (elements.empty() ? "an empty list" : "this list"));
  if (reducer == R::Max || reducer == R::Min)
    return *numberFunction(elab, name, elements, at);
  auto op = reducer == R::Prod ? ast::BinaryOp::Mul : ast::BinaryOp::Add;
  FailureOr<Value> total = Value::number(reducer == R::Prod);
  for (const Value &element : elements)
    if (succeeded(total))
      total = numberArithmetic(elab, op, *total, element, at);
  if (reducer == R::Mean && succeeded(total))
    return numberArithmetic(elab, ast::BinaryOp::Div, *total, Value::number(elements.size()), at);
  return total;
}

FailureOr<Value> BuiltinCall::reduction(ast::Reducer reducer) {
  if ((reducer == ast::Reducer::Max || reducer == ast::Reducer::Min) && inputs.size() > 1)
    return scalar();
  if (failed(expectNames({"axis"})) ||
      failed(expectInputs(1, name.str() + "(x) or " + name.str() + "(x, axis = 0)")))
    return failure();
  const Value &input = inputs[0].value;
  if (const std::vector<Value> *elements = input.elements())
    return reduceList(reducer, *elements);
  if (!input.tensor())
    return elab.error("needs-tensor", inputs[0].span,
                      name + " needs a tensor or a list, got " + input.kindName());
  auto number = axis(input.tensor()->rank());
  if (failed(number))
    return failure();
  FailureOr<Tensor> result = reduceAxes(elab, reducer, *input.tensor(), *number, at);
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

//===- others -------------------------------------------------------------------------------===//

FailureOr<Value> BuiltinCall::distribution() {
  bool normal = name != "uniform";
  if (failed(expectNames({})) ||
      failed(expectInputs(2, name.str() + (normal ? "(mean, deviation)" : "(low, high)"))))
    return failure();
  std::optional<double> a = inputs[0].value.asDouble(), b = inputs[1].value.asDouble();
  if (!a || !b)
    return elab
        .error("number", inputs[a ? 1 : 0].span,
               name + " needs numbers, got " + inputs[a ? 1 : 0].value.str())
        .help(normal ? "write normal(0, 0.1): mean and deviation"
                     : "write uniform(-1, 1): the bounds");
  if (normal ? *b < 0 : *a > *b)
    return elab.error("distribution", at,
                      normal ? "a deviation must not be negative, got " + inputs[1].value.str()
                             : "uniform(" + inputs[0].value.str() + ", " + inputs[1].value.str() +
                                   ") has its bounds the wrong way round");
  using Kind = Initializer::Kind;
  Kind kind = name == "normal"    ? Kind::Normal
              : name == "uniform" ? Kind::Uniform
                                  : Kind::TruncatedNormal;
  return Value(Initializer{kind, *a, *b});
}

/// `orthogonal()` or `orthogonal(gain)`.
FailureOr<Value> BuiltinCall::orthogonal() {
  if (failed(expectNames({})) ||
      (!inputs.empty() && failed(expectInputs(1, "orthogonal() or orthogonal(gain)"))))
    return failure();
  std::optional<double> gain = inputs.empty() ? 1 : inputs[0].value.asDouble();
  if (!gain)
    return elab.error("number", inputs[0].span,
                      "orthogonal needs a number, got " + inputs[0].value.kindName());
  return Value(Initializer{Initializer::Kind::Orthogonal, *gain, 0});
}

FailureOr<Value> BuiltinCall::index() {
  if (failed(expectNames({})) || failed(expectInputs(2, "index(e, K)")))
    return failure();
  std::optional<int64_t> classes = inputs[1].value.asInt();
  if (!classes || *classes < 1)
    return elab.error("class-count", inputs[1].span,
                      "the number of classes must be a whole number of at least 1, got " +
                          inputs[1].value.str());
  if (*classes > ScalarMath::maxClasses)
    return elab.error("class-count", inputs[1].span,
                      "index(.., K) has " + llvm::Twine(*classes) +
                          " classes; numbers count exactly up to " +
                          llvm::Twine(ScalarMath::maxClasses));
  auto result = pointwise(elab, {inputs[0].value}, {inputs[0].span}, ElementKind::Index, at, "read",
                          [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
                            return math.withinClasses(x[0], *classes);
                          });
  if (failed(result))
    return failure();
  result->classes = *classes;
  return Value(*result);
}

FailureOr<Value> BuiltinCall::concatenation() {
  if (failed(expectNames({"axis"})))
    return failure();
  llvm::SmallVector<Tensor> parts;
  llvm::SmallVector<Span> spans;
  for (const Argument &input : inputs) {
    if (!input.value.tensor())
      return elab.error("needs-tensor", input.span,
                        "concat joins tensors, got " + input.value.kindName());
    parts.push_back(*input.value.tensor());
    spans.push_back(input.span);
  }
  if (parts.empty())
    return elab.error("argument-count", at, "concat needs tensors to join");
  auto number = axis(parts[0].rank());
  if (failed(number))
    return failure();
  FailureOr<Tensor> result = concat(elab, parts, spans, number->value_or(0), at);
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

FailureOr<Value> BuiltinCall::flat() {
  if (failed(expectNames({})) || failed(expectInputs(1, "flatten(x)")))
    return failure();
  if (!inputs[0].value.tensor())
    return elab.error("needs-tensor", inputs[0].span,
                      "flatten needs a tensor, got " + inputs[0].value.kindName());
  FailureOr<Tensor> result = flatten(elab, *inputs[0].value.tensor(), at);
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

/// `x -> reshape([3, 4])`, `reshape(x, shape = [3, 4])`.
FailureOr<Value> BuiltinCall::reshaped() {
  if (failed(expectInputs(1, "reshape(x, shape = [3, 4])")))
    return failure();
  if (named.size() != 1 || (named[0].name && named[0].name.text != "shape"))
    return elab.error("missing-setting", at, "reshape needs the new shape and nothing else")
        .help("write x -> reshape([3, 4])");
  if (!inputs[0].value.tensor())
    return elab.error("needs-tensor", inputs[0].span,
                      "reshape needs a tensor, got " + inputs[0].value.kindName());
  const std::vector<Value> *extents = named[0].value->list() ? named[0].value->elements() : nullptr;
  llvm::SmallVector<int64_t, 4> shape;
  for (const Value &extent : extents ? *extents : std::vector<Value>())
    shape.push_back(extent.asInt().value_or(0));
  if (!extents || llvm::any_of(shape, [](int64_t extent) { return extent < 1; }))
    return elab
        .error("setting-type", named[0].span,
               "setting 'shape' of reshape must be a list of whole numbers of at least 1, got " +
                   named[0].value->str())
        .help("write x -> reshape([3, 4])");
  FailureOr<Tensor> result = reshape(elab, *inputs[0].value.tensor(), shape, named[0].span);
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

FailureOr<Value> BuiltinCall::identity() {
  if (failed(expectNames({})) || failed(expectInputs(1, "id(x)")))
    return failure();
  return inputs[0].value;
}

FailureOr<Value> gnc::dsl::callBuiltin(Elaborator &elab, llvm::StringRef name,
                                       llvm::ArrayRef<Argument> inputs,
                                       llvm::ArrayRef<Recipe::Given> named, Span at) {
  BuiltinCall call{elab, name, inputs, named, at};
  if (name == "id")
    return call.identity();
  if (name == "flatten")
    return call.flat();
  if (name == "reshape")
    return call.reshaped();
  if (name == "concat")
    return call.concatenation();
  if (name == "index")
    return call.index();
  bool ofTensor = !inputs.empty() && inputs[0].value.tensor();
  if (isDrawing(name) && (ofTensor || name == "bernoulli"))
    return drawNumbers(elab, name, inputs, named, at);
  if (isDrawing(name) || name == "truncated_normal")
    return call.distribution();
  if (name == "orthogonal")
    return call.orthogonal();
  if (std::optional<ast::Reducer> reducer = ast::reducerNamed(name))
    return call.reduction(*reducer);
  return call.scalar();
}
