#include "dsl/TensorArithmetic.h"

#include "dsl/EquationBuilder.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

namespace {
/// The indices of a computation over one shape: the batch, then one per dimension.
struct Domain {
  std::vector<IndexVar> vars; // 0 is the batch
  llvm::SmallVector<unsigned> used;

  explicit Domain(llvm::ArrayRef<int64_t> shape, bool batched) {
    vars.push_back({"n", mlir::ShapedType::kDynamic});
    if (batched)
      used.push_back(0);
    for (auto [i, extent] : llvm::enumerate(shape)) {
      vars.push_back({"i" + std::to_string(i), extent});
      used.push_back(i + 1);
    }
  }
};
} // namespace

/// The element of `tensor` at the equation's own indices; a `[]` tensor is read everywhere.
static AccessParts identityAccess(const EquationBuilder &equation, const Tensor &tensor) {
  AccessParts access;
  if (tensor.batched)
    access.coords.push_back(equation.dim(0));
  for (unsigned i = 0; i != tensor.shape.size(); ++i)
    access.coords.push_back(equation.dim(i + 1));
  return access;
}

//===- pointwise ----------------------------------------------------------------------------===//

static Report shapesDiffer(Elaborator &elab, const Tensor &a, const Tensor &b, Span left,
                           Span right, Span at, llvm::StringRef verb) {
  Report report =
      elab.error("shape-mismatch", at,
                 "cannot " + verb + " " + a.str() + " and " + b.str() + ": the shapes differ");
  report.note("left:  " + oneLine(left.text(), 40)).trail(a);
  report.note("right: " + oneLine(right.text(), 40)).trail(b);
  if (a.rank() == b.rank() && a.rank() >= 3)
    report.help("shapes never broadcast silently; project the shortcut with conv(.., 1x1, stride) "
                "or use an op");
  else
    report.help("shapes never broadcast silently; use an op that says which dimensions belong "
                "together");
  return report;
}

/// The shape of the result: that of the operands that are not `[]`.
static FailureOr<TensorType> commonType(Elaborator &elab, llvm::ArrayRef<Value> values,
                                        llvm::ArrayRef<Span> operands, Span at,
                                        llvm::StringRef verb) {
  TensorType type;
  const Tensor *first = nullptr;
  Span firstSpan;
  for (const auto &[i, value] : llvm::enumerate(values)) {
    const Tensor *tensor = value.tensor();
    if (!tensor)
      continue;
    type.batched |= tensor->batched;
    if (tensor->shape.empty())
      continue;
    if (first && first->shape != tensor->shape)
      return shapesDiffer(elab, *first, *tensor, firstSpan, operands[i], at, verb);
    if (!first)
      first = tensor, firstSpan = operands[i];
    type.shape = tensor->shape;
  }
  return type;
}

static FailureOr<mlir::Value> scheduleArgument(Elaborator &elab, const Schedule &schedule,
                                               Span at) {
  mlir::Value argument = elab.host.addSchedule(schedule, elab.location(at));
  if (!argument)
    return elab.error("schedule-here", at, "step and epoch are known in training only")
        .help("put it in 'when train { .. }'");
  return argument;
}

FailureOr<Tensor> gnc::dsl::pointwise(Elaborator &elab, llvm::ArrayRef<Value> values,
                                      llvm::ArrayRef<Span> operands, ElementKind element, Span at,
                                      llvm::StringRef verb, ScalarBody body) {
  FailureOr<TensorType> type = commonType(elab, values, operands, at, verb);
  if (failed(type) || !elab.spend(Elaborator::opCost, at))
    return failure();
  type->element = element;
  Domain domain(type->shape, type->batched);
  EquationBuilder equation(domain.vars, domain.used, domain.used.size(), elab.location(at));
  llvm::SmallVector<mlir::Value> scalars;
  const TrailStep *trail = nullptr;
  for (const auto &[i, value] : llvm::enumerate(values)) {
    if (const Tensor *tensor = value.tensor()) {
      trail = trail ? trail : tensor->trail;
      scalars.push_back(equation.read(tensor->value, identityAccess(equation, *tensor)));
    } else if (value.schedule()) {
      auto argument = scheduleArgument(elab, *value.schedule(), operands[i]);
      if (failed(argument))
        return failure();
      scalars.push_back(equation.read(*argument, {}));
    } else if (value.boolean()) {
      scalars.push_back(equation.scalars().truth(*value.boolean()));
    } else if (std::optional<double> number = value.asDouble()) {
      scalars.push_back(equation.scalars().constant(*number));
    } else {
      return elab.error("operands", operands[i],
                        "cannot " + verb + " " + value.kindName() + " and a tensor");
    }
  }
  mlir::Value result = body(equation.scalars(), scalars);
  mlir::Type scalarType = type->ir(elab.builder.getContext()).getElementType();
  return Tensor(equation.finish(elab.builder, result, gnc::Reduction::None, scalarType), *type,
                trail);
}

FailureOr<Tensor> gnc::dsl::toTensor(Elaborator &elab, const Value &value, Span at) {
  if (value.tensor())
    return *value.tensor();
  ElementKind element = value.boolean() ? ElementKind::Bool : ElementKind::F32;
  auto result = pointwise(elab, {value}, {at}, element, at, "combine",
                          [](ScalarMath &, llvm::ArrayRef<mlir::Value> x) { return x[0]; });
  if (succeeded(result))
    result->trail = elab.extendTrail(nullptr, oneLine(at.text(), 40), *result);
  return result;
}

//===- reductions over axes -----------------------------------------------------------------===//

static gnc::Reduction reductionOf(ast::Reducer reducer) {
  switch (reducer) {
  case ast::Reducer::Prod: return gnc::Reduction::Prod;
  case ast::Reducer::Max:
  case ast::Reducer::Any: return gnc::Reduction::Max;
  case ast::Reducer::Min:
  case ast::Reducer::All: return gnc::Reduction::Min;
  case ast::Reducer::Argmax: return gnc::Reduction::ArgMax;
  case ast::Reducer::Argmin: return gnc::Reduction::ArgMin;
  default: return gnc::Reduction::Sum;
  }
}

/// The type of a reduction's result over `axis`, or over all.
static TensorType reducedType(const Tensor &tensor, ast::Reducer reducer,
                              std::optional<int64_t> axis) {
  TensorType type;
  type.batched = tensor.batched;
  int64_t count = 1;
  for (auto [i, extent] : llvm::enumerate(tensor.shape))
    if (axis && *axis != int64_t(i))
      type.shape.push_back(extent);
    else
      count *= extent;
  if (reducer == ast::Reducer::Argmax || reducer == ast::Reducer::Argmin) {
    type.element = ElementKind::Index;
    type.classes = count;
  }
  return type;
}

FailureOr<Tensor> gnc::dsl::reduceAxes(Elaborator &elab, ast::Reducer reducer, const Tensor &tensor,
                                       std::optional<int64_t> axis, Span at) {
  if (!elab.spend(Elaborator::opCost, at))
    return failure();
  TensorType type = reducedType(tensor, reducer, axis);
  int64_t count = tensor.elements() / type.elements();
  if (reducer == ast::Reducer::Count)
    return toTensor(elab, Value::number(count), at);
  Domain domain(tensor.shape, tensor.batched);
  // Parallel indices first.
  auto reduced = [&](unsigned var) { return var && (!axis || unsigned(*axis) + 1 == var); };
  llvm::SmallVector<unsigned> ordered;
  for (bool second : {false, true})
    llvm::copy_if(domain.used, std::back_inserter(ordered),
                  [&](unsigned var) { return reduced(var) == second; });
  domain.used = ordered;
  unsigned parallel = type.shape.size() + type.batched;
  bool scalar = parallel == domain.used.size(); // nothing to reduce
  EquationBuilder equation(domain.vars, domain.used, parallel, elab.location(at));
  ScalarMath &math = equation.scalars();
  mlir::Value x = math.number(equation.read(tensor.value, identityAccess(equation, tensor)));
  bool truth = reducer == ast::Reducer::Any || reducer == ast::Reducer::All;
  if (truth)
    x = math.number(math.condition(x));
  if (scalar && type.element == ElementKind::Index)
    x = math.constant(0);
  mlir::Type scalarType = type.ir(elab.builder.getContext()).getElementType();
  gnc::Reduction reduction = scalar ? gnc::Reduction::None : reductionOf(reducer);
  FailureOr<Tensor> result(
      Tensor(equation.finish(elab.builder, x, reduction, scalarType), type, tensor.trail));
  if (truth || (reducer == ast::Reducer::Mean && count > 1))
    result = pointwise(elab, {*result}, {at}, truth ? ElementKind::Bool : ElementKind::F32, at,
                       "combine", [&](ScalarMath &math, llvm::ArrayRef<mlir::Value> value) {
                         return truth ? math.condition(value[0])
                                      : math.binary(ast::BinaryOp::Div, value[0],
                                                    math.constant(double(count)));
                       });
  if (succeeded(result))
    result->trail = elab.extendTrail(tensor.trail, oneLine(at.text(), 40), *result);
  return result;
}

//===- structure ----------------------------------------------------------------------------===//

FailureOr<Tensor> gnc::dsl::flatten(Elaborator &elab, const Tensor &tensor, Span at) {
  TensorType type = tensor;
  type.shape = {tensor.elements()};
  std::string note;
  for (int64_t extent : tensor.shape)
    note += (note.empty() ? "" : " * ") + std::to_string(extent);
  note = tensor.rank() > 1 ? note + " = " + std::to_string(type.shape[0]) : "";
  mlir::Value value = tensor.value;
  if (tensor.rank() != 1)
    value = gnc::ReshapeOp::create(elab.builder, elab.location(at),
                                   type.ir(elab.builder.getContext()), value);
  return Tensor(value, type, elab.extendTrail(tensor.trail, "flatten", type, note));
}

FailureOr<Tensor> gnc::dsl::reshape(Elaborator &elab, const Tensor &tensor,
                                    llvm::ArrayRef<int64_t> shape, Span at) {
  TensorType type = tensor;
  type.shape.assign(shape.begin(), shape.end());
  if (type.elements() != tensor.elements()) {
    Report report =
        elab.error("reshape", at,
                   "cannot reshape " + tensor.str() + ", which has " +
                       llvm::Twine(tensor.elements()) + " elements, to " +
                       TensorType::str(type.shape) + ", which has " + llvm::Twine(type.elements()));
    report.trail(tensor, "the shape on the way here:");
    return report.help("both shapes need the same number of elements");
  }
  mlir::Value value = tensor.value;
  if (type.shape != tensor.shape)
    value = gnc::ReshapeOp::create(elab.builder, elab.location(at),
                                   type.ir(elab.builder.getContext()), value);
  return Tensor(value, type, elab.extendTrail(tensor.trail, "reshape", type));
}

/// All dimensions but `axis` agree with the first part's.
static LogicalResult checkParts(Elaborator &elab, llvm::ArrayRef<Tensor> parts,
                                llvm::ArrayRef<Span> spans, int64_t axis, Span at) {
  for (auto [i, part] : llvm::enumerate(parts)) {
    auto trimmed = [&](const Tensor &tensor) {
      llvm::SmallVector<int64_t, 4> shape(tensor.shape);
      if (axis < int64_t(shape.size()))
        shape.erase(shape.begin() + axis);
      return shape;
    };
    if (part.rank() == parts[0].rank() && part.rank() > axis && trimmed(part) == trimmed(parts[0]))
      continue;
    if (part.shape.empty())
      return elab.error("concat-shapes", spans[i], "concat cannot join tensors without dimensions");
    Report report = elab.error(
        "concat-shapes", spans[i] ? spans[i] : at,
        "cannot concat " + part.str() + " with " + parts[0].str() + ": all dimensions but " +
            (axis == 0 ? llvm::Twine("the first") : "axis " + llvm::Twine(axis)) + " must agree");
    report.trail(parts[0], "first: " + oneLine(spans[0].text(), 40));
    return report.trail(part, "this:  " + oneLine(spans[i].text(), 40));
  }
  return success();
}

FailureOr<Tensor> gnc::dsl::concat(Elaborator &elab, llvm::ArrayRef<Tensor> parts,
                                   llvm::ArrayRef<Span> spans, int64_t axis, Span at) {
  if (failed(checkParts(elab, parts, spans, axis, at)) || !elab.spend(Elaborator::opCost, at))
    return failure();
  TensorType type;
  type.shape = parts[0].shape;
  type.shape[axis] = 0;
  std::string note;
  for (const Tensor &part : parts) {
    type.batched |= part.batched;
    type.shape[axis] += part.shape[axis];
    note += (note.empty() ? "" : " + ") + std::to_string(part.shape[axis]);
  }
  note += " = " + std::to_string(type.shape[axis]);
  Domain domain(type.shape, type.batched);
  EquationBuilder equation(domain.vars, domain.used, domain.used.size(), elab.location(at));
  // A sum of the parts, each zero outside of its place.
  mlir::Value sum;
  int64_t offset = 0;
  for (const Tensor &part : parts) {
    AccessParts access = identityAccess(equation, part);
    mlir::AffineExpr &place = access.coords[axis + part.batched];
    place = place - offset;
    bool whole = part.shape[axis] == type.shape[axis];
    mlir::Value read = equation.scalars().number(
        equation.read(part.value, access, whole ? std::nullopt : std::optional<double>(0)));
    sum = sum ? equation.scalars().binary(ast::BinaryOp::Add, sum, read) : read;
    offset += part.shape[axis];
  }
  mlir::Type scalarType = type.ir(elab.builder.getContext()).getElementType();
  mlir::Value value = equation.finish(elab.builder, sum, gnc::Reduction::None, scalarType);
  std::string text = oneLine(at.text(), 40);
  return Tensor(value, type, elab.extendTrail(parts[0].trail, text, type, note));
}
