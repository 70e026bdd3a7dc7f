#include "ir/Evaluator.h"
#include "ir/ScalarProgram.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace gnc {

TensorValue::TensorValue(ArrayRef<int64_t> shape) : shape(shape) {
  int64_t size = 1;
  for (int64_t extent : shape)
    size *= extent;
  data.assign(size, 0.0);
}

double roundToHalf(double value, Type element) {
  if (!std::isfinite(value))
    return value;
  int digits = element.isBF16() ? 8 : 11;            // of the significand
  int leastExponent = element.isBF16() ? -126 : -14; // of a normal number
  int greatestExponent = element.isBF16() ? 127 : 15;
  int exponent = value == 0 ? leastExponent : std::max(std::ilogb(value), leastExponent);
  double unit = std::ldexp(1.0, exponent - digits + 1);
  double rounded = std::nearbyint(value / unit) * unit; // ties to even
  double limit = std::ldexp(1.0, greatestExponent + 1);
  return std::fabs(rounded) < limit ? rounded
                                    : std::copysign(std::numeric_limits<double>::infinity(), value);
}

//===------------------------------------------------------------------------------------------===//
// Reads
//===------------------------------------------------------------------------------------------===//

/// An index expression at one point. Symbols are the integer reads' values.
static int64_t evaluateExpr(AffineExpr expr, ArrayRef<int64_t> indices, ArrayRef<double> reads) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return indices[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return static_cast<int64_t>(reads[symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluateExpr(binary.getLHS(), indices, reads),
          b = evaluateExpr(binary.getRHS(), indices, reads);
  int64_t quotient = b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0));
  switch (expr.getKind()) {
  case AffineExprKind::Add: return a + b;
  case AffineExprKind::Mul: return a * b;
  case AffineExprKind::FloorDiv: return quotient;
  case AffineExprKind::CeilDiv: return b == 0 ? 0 : quotient + (quotient * b != a);
  default: return a - quotient * b; // mod
  }
}

namespace {
/// One read of an equation. Plain affine accesses step through memory by strides; the others are
/// evaluated as written.
struct Reader {
  const TensorValue *tensor;
  AccessAttr access;
  bool plain = false;
  int64_t base = 0;
  SmallVector<int64_t> strides; // per index

  Reader(const TensorValue *tensor, AccessAttr access, unsigned numIndices);
  /// The offset at a point, -1 outside, or failure if an unguarded coordinate is outside.
  FailureOr<int64_t> locate(ArrayRef<int64_t> indices, ArrayRef<double> reads) const;
};
} // namespace

/// Adds `factor` times the coefficients of a pure affine expression; false for anything else.
static bool addLinear(AffineExpr expr, int64_t factor, Reader &reader) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    reader.base += factor * constant.getValue();
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    reader.strides[dim.getPosition()] += factor;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), factor, reader) && addLinear(binary.getRHS(), factor, reader);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && constant &&
         addLinear(binary.getLHS(), factor * constant.getValue(), reader);
}

Reader::Reader(const TensorValue *tensor, AccessAttr access, unsigned numIndices)
    : tensor(tensor), access(access) {
  strides.assign(numIndices, 0);
  plain = !access.isGuarded() && access.getClamped().empty();
  int64_t stride = 1;
  for (int64_t dim = tensor->shape.size(); plain && dim-- > 0; stride *= tensor->shape[dim])
    plain = addLinear(access.getCoords().getResult(dim), stride, *this);
}

FailureOr<int64_t> Reader::locate(ArrayRef<int64_t> indices, ArrayRef<double> reads) const {
  if (plain) {
    int64_t offset = base;
    for (auto [stride, index] : llvm::zip_equal(strides, indices))
      offset += stride * index;
    return offset;
  }
  for (auto [condition, limit] :
       llvm::zip_equal(access.getConditions().getResults(), access.getLimits())) {
    int64_t value = evaluateExpr(condition, indices, reads);
    if (value < 0 || value >= limit)
      return -1;
  }
  int64_t offset = 0;
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults())) {
    int64_t extent = tensor->shape[dim];
    int64_t at = evaluateExpr(coordinate, indices, reads);
    if (access.isClamped(dim))
      at = std::min(std::max<int64_t>(at, 0), extent - 1);
    if (at < 0 || at >= extent) {
      if (!access.isGuarded())
        return failure();
      return -1;
    }
    offset = offset * extent + at;
  }
  return offset;
}

//===------------------------------------------------------------------------------------------===//
// Equations
//===------------------------------------------------------------------------------------------===//

namespace {
/// A combination of terms in progress.
struct Accumulator {
  Reduction reduction = Reduction::None;
  double value = 0, magnitude = 0;
  int64_t position = -1;

  void start(Reduction kind) {
    reduction = kind;
    value = kind == Reduction::Prod ? 1 : 0;
    magnitude = 0;
    position = -1;
  }
  void add(double term, int64_t at, const EvaluationState &state);
  double result() const {
    return reduction == Reduction::ArgMax || reduction == Reduction::ArgMin
               ? static_cast<double>(position)
               : value;
  }
};
} // namespace

void Accumulator::add(double term, int64_t at, const EvaluationState &state) {
  bool first = at == 0;
  switch (reduction) {
  case Reduction::None: value = term; break;
  case Reduction::Sum: value = state.round(value + term); break;
  case Reduction::Prod: value = state.round(value * term); break;
  case Reduction::Max:
  case Reduction::ArgMax:
    if (first || (!std::isnan(value) && (std::isnan(term) || term > value)))
      value = term, position = at;
    break;
  case Reduction::Min:
  case Reduction::ArgMin:
    if (first || (!std::isnan(value) && (std::isnan(term) || term < value)))
      value = term, position = at;
    break;
  }
  magnitude = reduction == Reduction::Sum ? magnitude + std::fabs(term) : std::fabs(value);
}

namespace {
/// The evaluation of one gnc.compute.
class EquationRun {
public:
  EquationRun(ComputeOp op, EvaluationState &state) : op(op), state(state) {}
  LogicalResult run();

private:
  LogicalResult read(unsigned first, unsigned count, MutableArrayRef<double> slots);
  LogicalResult point(int64_t element);
  bool advance(unsigned begin, unsigned end);

  ComputeOp op;
  EvaluationState &state;
  std::optional<ScalarProgram> body, finish;
  std::vector<Reader> readers;
  SmallVector<int64_t> extents, indices;
  SmallVector<char> inside;
  SmallVector<double> slots, finishSlots, readValues;
  SmallVector<Accumulator> accumulators;
  std::vector<TensorValue> results;
  SmallVector<Type> elements; // of the results
};
} // namespace

LogicalResult EquationRun::read(unsigned first, unsigned count, MutableArrayRef<double> into) {
  for (unsigned i = 0; i < count; ++i) {
    const Reader &reader = readers[first + i];
    FailureOr<int64_t> offset = reader.locate(indices, readValues);
    if (failed(offset))
      return op.emitError() << "read " << first + i
                            << " is outside its tensor: a data-dependent index is out of range";
    inside[first + i] = *offset >= 0;
    double value =
        *offset >= 0 ? reader.tensor->data[*offset] : reader.access.getOutside().getValueAsDouble();
    readValues[first + i] = into[i] = value;
  }
  return success();
}

/// Steps the indices begin..end-1 in row-major order; false after the last point.
bool EquationRun::advance(unsigned begin, unsigned end) {
  for (unsigned i = end; i-- > begin;) {
    if (++indices[i] < extents[i])
      return true;
    indices[i] = 0;
  }
  return false;
}

LogicalResult EquationRun::point(int64_t element) {
  for (auto [i, accumulator] : llvm::enumerate(accumulators))
    accumulator.start(op.getReduction(i));
  int64_t position = 0;
  do {
    if (failed(read(0, op.getNumBodyReads(), slots)))
      return failure();
    body->run(slots, {indices, extents, inside}, state);
    for (auto [i, accumulator] : llvm::enumerate(accumulators))
      accumulator.add(body->output(slots, i), position, state);
    ++position;
  } while (advance(op.getNumParallel(), op.getNumIndices()));
  unsigned numResults = results.size();
  if (finish) {
    for (auto [i, accumulator] : llvm::enumerate(accumulators))
      finishSlots[i] = accumulator.result();
    if (failed(read(op.getNumBodyReads(), op.getReads().size() - op.getNumBodyReads(),
                    MutableArrayRef(finishSlots).drop_front(numResults))))
      return failure();
    finish->run(finishSlots, {indices, extents, inside}, state);
  }
  for (unsigned i = 0; i < numResults; ++i) {
    double value = finish ? finish->output(finishSlots, i) : accumulators[i].result();
    results[i].data[element] = state.store(value, elements[i]);
    results[i].magnitude[element] =
        finish ? std::fabs(results[i].data[element]) : accumulators[i].magnitude;
  }
  return success();
}

LogicalResult EquationRun::run() {
  FailureOr<ScalarProgram> decoded = ScalarProgram::decode(op.getBody());
  if (failed(decoded))
    return failure();
  body = std::move(*decoded);
  if (op.hasFinish()) {
    if (failed(decoded = ScalarProgram::decode(op.getFinish())))
      return failure();
    finish = std::move(*decoded);
    finishSlots.assign(finish->numSlots(), 0);
  }
  for (int64_t extent : op.getExtents())
    extents.push_back(state.extent(extent));
  indices.assign(extents.size(), 0);
  for (auto [i, tensor] : llvm::enumerate(op.getReads()))
    readers.emplace_back(&state.get(tensor), op.getAccess(i), extents.size());
  inside.assign(readers.size(), 1);
  readValues.assign(readers.size(), 0);
  slots.assign(body->numSlots(), 0);
  accumulators.resize(op.getNumResults());
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    results.emplace_back(ArrayRef(extents).take_front(op.getNumParallel()));
    results.back().magnitude.assign(results.back().data.size(), 0.0);
    elements.push_back(cast<RankedTensorType>(op.getResult(i).getType()).getElementType());
  }
  int64_t element = 0;
  do {
    if (failed(point(element++)))
      return failure();
  } while (advance(0, op.getNumParallel()));
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    state.set(result, std::move(results[i]));
  return success();
}

LogicalResult ComputeOp::evaluate(EvaluationState &state) {
  return EquationRun(*this, state).run();
}

//===------------------------------------------------------------------------------------------===//
// Functions
//===------------------------------------------------------------------------------------------===//

LogicalResult EvaluationState::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    auto valued = dyn_cast<ValueOpInterface>(op);
    if (!valued)
      return op.emitError() << op.getName() << " has no value in the reference evaluator";
    if (failed(valued.evaluate(*this)))
      return failure();
  }
  return success();
}

FailureOr<std::vector<TensorValue>> evaluate(func::FuncOp function, ArrayRef<TensorValue> arguments,
                                             Precision precision) {
  if (arguments.size() != function.getNumArguments())
    return function.emitError() << "takes " << function.getNumArguments() << " arguments, got "
                                << arguments.size();
  int64_t batch = 1;
  for (auto [type, value] : llvm::zip_equal(function.getArgumentTypes(), arguments))
    if (isBatched(type) && !value.shape.empty())
      batch = value.shape[0];
  EvaluationState state(batch, precision);
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    SmallVector<int64_t> shape;
    for (int64_t extent : cast<RankedTensorType>(argument.getType()).getShape())
      shape.push_back(state.extent(extent));
    if (shape != arguments[i].shape)
      return function.emitError() << "argument " << i << " has not the shape of "
                                  << argument.getType();
    TensorValue value = arguments[i];
    Type type = cast<RankedTensorType>(argument.getType()).getElementType();
    if (isa<FloatType>(type))
      for (double &element : value.data)
        element = state.store(state.round(element), type);
    state.set(argument, std::move(value));
  }
  if (failed(state.run(function.getBody().front())))
    return failure();
  std::vector<TensorValue> results;
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    results.push_back(state.get(value));
  return results;
}

} // namespace gnc
