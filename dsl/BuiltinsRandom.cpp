// Random numbers of a step: bernoulli, uniform, normal of a tensor.
#include "dsl/Evaluator.h"
#include "dsl/TensorArithmetic.h"

#include "ir/Gnc.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <numbers>

using namespace gnc::dsl;

//===- sites --------------------------------------------------------------------------------===//

/// What a number is for, besides step and element, is the layer that draws it: its path, and how
/// many were drawn there before. So the uses of a shared layer differ, and lines elsewhere do not
/// matter.
mlir::Value Elaborator::draw(const TensorType &type, Span at) {
  std::string owner = path();
  owner += '#' + std::to_string(draws[owner]++);
  int64_t site = int64_t(llvm::xxh3_64bits(owner) >> 1);
  mlir::Location location = this->location(at);
  return gnc::RandomOp::create(builder, location, type.ir(builder.getContext()),
                               host.addStream(location), site);
}

//===- calls --------------------------------------------------------------------------------===//

namespace {
/// A setting that is a number in every element: known now, a schedule, or a `[]` tensor.
struct Level {
  Value value;
  Span span;
  std::optional<double> known() const { return value.asDouble(); }
};

/// One call, taken apart.
class DrawCall {
public:
  DrawCall(Elaborator &elab, llvm::StringRef name, const Argument &like,
           llvm::ArrayRef<Recipe::Given> named, Span at)
      : elab(elab), name(name), like(like), named(named), at(at) {}
  FailureOr<Value> bernoulli();
  FailureOr<Value> uniform();
  FailureOr<Value> normal();

private:
  LogicalResult prepare(llvm::ArrayRef<llvm::StringRef> settings);
  FailureOr<Level> level(llvm::StringRef setting, double usual);
  LogicalResult setShape(const Recipe::Given &given);
  Value numbers() { return Tensor(elab.draw(type, at), type, like.value.tensor()->trail); }
  FailureOr<Value> combine(llvm::ArrayRef<Value> draws, llvm::ArrayRef<Level> levels,
                           ScalarBody body);

  Elaborator &elab;
  llvm::StringRef name;
  const Argument &like;
  llvm::ArrayRef<Recipe::Given> named;
  Span at;
  TensorType type;
};
} // namespace

LogicalResult DrawCall::setShape(const Recipe::Given &given) {
  const List *list = given.value->list();
  if (!list)
    return elab
        .error("draw-shape", given.span,
               "the shape of what " + name + " draws is a list, got " + given.value->kindName())
        .help("write shape = [3, 8], or shape = [] for one number a sample");
  type.shape.clear();
  for (const Value &extent : list->elements) {
    std::optional<int64_t> number = extent.asInt();
    if (!number || *number < 1)
      return elab
          .error("draw-shape", given.span,
                 "a dimension must be a whole number of at least 1, got " + extent.str())
          .help("write shape = [3, 8], or shape = [] for one number a sample");
    type.shape.push_back(*number);
  }
  return success();
}

LogicalResult DrawCall::prepare(llvm::ArrayRef<llvm::StringRef> settings) {
  type.shape = like.value.tensor()->shape;
  type.batched = like.value.tensor()->batched;
  llvm::SmallVector<llvm::StringRef> names(settings);
  names.push_back("shape");
  for (const Recipe::Given &given : named) {
    if (!llvm::is_contained(names, given.name.text))
      return elab
          .error("unknown-setting", given.name.span,
                 name + " has no setting '" + given.name.text + "'")
          .help("its settings are " + llvm::join(names, ", "));
    if (given.name.text == "shape" && failed(setShape(given)))
      return failure();
  }
  return success();
}

FailureOr<Level> DrawCall::level(llvm::StringRef setting, double usual) {
  for (const Recipe::Given &given : named) {
    if (given.name.text != setting)
      continue;
    const Tensor *tensor = given.value->tensor();
    bool fits =
        given.value->isNumber() || given.value->schedule() || (tensor && tensor->shape.empty());
    if (!fits)
      return elab
          .error("number", given.span,
                 "setting '" + setting + "' of " + name + " must be a number, got " +
                     given.value->str())
          .help("combine tensors with what is drawn: x * " + name + "(x)");
    return Level{*given.value, given.span};
  }
  return Level{Value::real(usual), at};
}

FailureOr<Value> DrawCall::combine(llvm::ArrayRef<Value> draws, llvm::ArrayRef<Level> levels,
                                   ScalarBody body) {
  llvm::SmallVector<Value> values(draws);
  llvm::SmallVector<Span> spans(draws.size(), at);
  for (const Level &level : levels) {
    values.push_back(level.value);
    spans.push_back(level.span);
  }
  FailureOr<Tensor> result = pointwise(elab, values, spans, ElementKind::F32, at, "combine", body);
  return failed(result) ? FailureOr<Value>(failure()) : Value(*result);
}

/// u < p: exact, for u is a multiple of 2^-24.
FailureOr<Value> DrawCall::bernoulli() {
  if (failed(prepare({"p"})))
    return failure();
  FailureOr<Level> p = level("p", 0.5);
  if (failed(p))
    return failure();
  if (p->known() && !(*p->known() >= 0 && *p->known() <= 1))
    return elab
        .error("distribution", p->span, "a probability lies between 0 and 1, got " + p->value.str())
        .help("bernoulli(x, p = 0.9) is 1 with probability 0.9, else 0");
  return combine({numbers()}, *p, [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
    return math.select(math.compare(ast::CompareOp::Lt, x[0], x[1]), math.constant(1),
                       math.constant(0));
  });
}

FailureOr<Value> DrawCall::uniform() {
  if (failed(prepare({"low", "high"})))
    return failure();
  FailureOr<Level> low = level("low", 0), high = level("high", 1);
  if (failed(low) || failed(high))
    return failure();
  if (low->known() && high->known() && !(*low->known() <= *high->known()))
    return elab
        .error("distribution", high->span,
               "uniform has its bounds the wrong way round: " + low->value.str() + " is above " +
                   high->value.str())
        .help("write low = " + high->value.str() + ", high = " + low->value.str());
  return combine({numbers()}, {*low, *high}, [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
    mlir::Value width = math.binary(ast::BinaryOp::Sub, x[2], x[1]);
    return math.binary(ast::BinaryOp::Add, x[1], math.binary(ast::BinaryOp::Mul, width, x[0]));
  });
}

/// Box and Muller 1958: sqrt(-2 log(1 - u)) * cos(2 pi v), which stays below 5.77.
FailureOr<Value> DrawCall::normal() {
  if (failed(prepare({"mean", "std"})))
    return failure();
  FailureOr<Level> mean = level("mean", 0), deviation = level("std", 1);
  if (failed(mean) || failed(deviation))
    return failure();
  if (deviation->known() && !(*deviation->known() >= 0))
    return elab
        .error("distribution", deviation->span,
               "a deviation must not be negative, got " + deviation->value.str())
        .help("normal(x, std = 0.1) draws around 0");
  Value first = numbers(), second = numbers();
  auto body = [](ScalarMath &math, llvm::ArrayRef<mlir::Value> x) {
    using Op = ast::BinaryOp;
    mlir::Value log = math.function("log", {math.binary(Op::Sub, math.constant(1), x[0])});
    mlir::Value radius = math.function("sqrt", {math.binary(Op::Mul, math.constant(-2), log)});
    mlir::Value angle = math.binary(Op::Mul, math.constant(2 * std::numbers::pi), x[1]);
    mlir::Value standard = math.binary(Op::Mul, radius, math.function("cos", {angle}));
    return math.binary(Op::Add, x[2], math.binary(Op::Mul, x[3], standard));
  };
  return combine({first, second}, {*mean, *deviation}, body);
}

bool gnc::dsl::isDrawing(llvm::StringRef name) {
  return name == "bernoulli" || name == "uniform" || name == "normal";
}

FailureOr<Value> gnc::dsl::drawNumbers(Elaborator &elab, llvm::StringRef name,
                                       llvm::ArrayRef<Argument> inputs,
                                       llvm::ArrayRef<Recipe::Given> named, Span at) {
  if (inputs.size() != 1)
    return elab
        .error("argument-count", at,
               name + " draws numbers like one tensor, got " + llvm::Twine(inputs.size()) +
                   " inputs")
        .help("name its settings: " + name +
              (name == "bernoulli" ? "(x, p = 0.9)"
               : name == "uniform" ? "(x, low = -1, high = 1)"
                                   : "(x, mean = 0, std = 0.1)"));
  if (!inputs[0].value.tensor())
    return elab
        .error("needs-tensor", inputs[0].span,
               name + " needs a tensor, got " + inputs[0].value.kindName())
        .help("what is drawn has the tensor's shape, or that of shape = [..]");
  DrawCall call(elab, name, inputs[0], named, at);
  return name == "bernoulli" ? call.bernoulli()
         : name == "uniform" ? call.uniform()
                             : call.normal();
}
