//===- ReverseMode.cpp - adjoints through a graph ---------------------------------------------===//
#include "ir/ReverseMode.h"
#include "ir/EquationDraft.h"
#include "ir/ScalarBuilder.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Pointwise equations
//===------------------------------------------------------------------------------------------===//

/// An equation over the elements of `type`, with no reads yet.
static EquationDraft pointwise(Type type) {
  EquationDraft draft(type.getContext());
  auto tensor = cast<RankedTensorType>(type);
  for (int64_t extent : tensor.getShape()) {
    draft.names.push_back("i" + std::to_string(draft.names.size()));
    draft.extents.push_back(extent);
  }
  draft.numParallel = tensor.getRank();
  draft.reductions = {Reduction::None};
  draft.resultTypes = {type};
  return draft;
}

static Value finishPointwise(EquationDraft &draft, Value scalar, OpBuilder &builder, Location loc) {
  OpBuilder inner = endOf(draft.body.get(), draft.context);
  YieldOp::create(inner, loc, ValueRange{scalar});
  return draft.create(builder, loc)->getResult(0);
}

Value fillTensor(OpBuilder &builder, Location loc, Type type, double number) {
  EquationDraft draft = pointwise(type);
  Value scalar = ScalarBuilder(draft.body.get(), loc).constant(number);
  return finishPointwise(draft, scalar, builder, loc);
}

Value sumTensors(OpBuilder &builder, Location loc, ValueRange tensors) {
  if (tensors.size() == 1)
    return tensors.front();
  EquationDraft draft = pointwise(tensors.front().getType());
  Value sum;
  for (Value tensor : tensors) {
    DraftRead read;
    read.tensor = tensor;
    for (unsigned i = 0; i < draft.numParallel; ++i)
      read.coords.push_back(getAffineDimExpr(i, builder.getContext()));
    Value element = draft.addRead(read, loc);
    sum = sum ? ScalarBuilder(draft.body.get(), loc).add(sum, element) : element;
  }
  return finishPointwise(draft, sum, builder, loc);
}

//===------------------------------------------------------------------------------------------===//
// Reverse mode
//===------------------------------------------------------------------------------------------===//

static bool carriesGradient(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

namespace {
class ReverseMode {
public:
  ReverseMode(OpBuilder &builder, ValueRange wanted) : builder(builder) {
    for (Value value : wanted)
      active.insert(value);
  }
  void markActive(ArrayRef<Operation *> ops);
  LogicalResult visit(Operation *op);
  void add(Value value, Value adjoint) { summands[value].push_back(adjoint); }
  /// The adjoint of `value`: the sum of what its uses contribute, built once all of them have been
  /// visited.
  Value adjointOf(Value value, Location loc);

private:
  OpBuilder &builder;
  DenseSet<Value> active; // depends on a wanted value
  DenseMap<Value, SmallVector<Value>> summands;
};
} // namespace

void ReverseMode::markActive(ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    if (llvm::any_of(op->getOperands(), [&](Value operand) { return active.contains(operand); }))
      for (Value result : op->getResults())
        if (carriesGradient(result))
          active.insert(result);
}

Value ReverseMode::adjointOf(Value value, Location loc) {
  auto it = summands.find(value);
  if (it == summands.end() || it->second.empty())
    return nullptr;
  it->second = {sumTensors(builder, loc, it->second)};
  return it->second.front();
}

LogicalResult ReverseMode::visit(Operation *op) {
  if (llvm::none_of(op->getResults(), [&](Value result) { return active.contains(result); }))
    return success();
  Location loc = NameLoc::get(builder.getStringAttr("backward"), op->getLoc());
  SmallVector<Value> adjoints;
  for (Value result : op->getResults())
    adjoints.push_back(adjointOf(result, loc));
  if (llvm::none_of(adjoints, [](Value adjoint) { return static_cast<bool>(adjoint); }))
    return success();
  auto gradient = dyn_cast<GradientOpInterface>(op);
  if (!gradient)
    return op->emitError() << "'" << op->getName() << "' has no gradient";
  SmallVector<bool> wanted;
  for (Value operand : op->getOperands())
    wanted.push_back(active.contains(operand) && carriesGradient(operand));
  SmallVector<SmallVector<Value>> contributions(op->getNumOperands());
  if (failed(gradient.buildGradient(builder, adjoints, wanted, contributions)))
    return failure();
  for (auto [operand, list] : llvm::zip_equal(op->getOperands(), contributions))
    for (Value contribution : list)
      add(operand, contribution);
  return success();
}

LogicalResult deriveAdjoints(OpBuilder &builder, ArrayRef<Operation *> ops, ArrayRef<Seed> seeds,
                             ValueRange wanted, SmallVectorImpl<Value> &adjoints) {
  ReverseMode reverse(builder, wanted);
  reverse.markActive(ops);
  for (const Seed &seed : seeds)
    reverse.add(seed.value, seed.adjoint);
  for (Operation *op : llvm::reverse(ops))
    if (failed(reverse.visit(op)))
      return failure();
  for (Value value : wanted)
    adjoints.push_back(reverse.adjointOf(value, value.getLoc()));
  return success();
}

} // namespace gnc
