//===- Structural.cpp - reshape, gradient, custom: verification and value ---------------------===//
#include "ir/Evaluator.h"
#include "ir/Gnc.h"

using namespace mlir;
using namespace gnc;

/// Elements of one sample (batched) or of the tensor.
static int64_t staticElements(RankedTensorType type) {
  int64_t count = 1;
  for (int64_t extent : type.getShape())
    count *= ShapedType::isDynamic(extent) ? 1 : extent;
  return count;
}

LogicalResult ReshapeOp::verify() {
  auto from = dyn_cast<RankedTensorType>(getInput().getType()),
       to = dyn_cast<RankedTensorType>(getType());
  if (!from || !to || from.getElementType() != to.getElementType())
    return emitOpError("keeps the element type");
  if (isBatched(from) != isBatched(to) || staticElements(from) != staticElements(to))
    return emitOpError() << "cannot view " << from << " as " << to << ": " << staticElements(from)
                         << " elements are not " << staticElements(to);
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

LogicalResult ReshapeOp::evaluate(EvaluationState &state) {
  TensorValue value = state.get(getInput());
  value.shape.clear();
  for (int64_t extent : cast<RankedTensorType>(getType()).getShape())
    value.shape.push_back(state.extent(extent));
  state.set(getResult(), std::move(value));
  return success();
}

void GradientOp::build(OpBuilder &, OperationState &state, Value loss, ValueRange of) {
  state.addOperands(loss);
  state.addOperands(of);
  state.addTypes(of.getTypes());
}

LogicalResult GradientOp::verify() {
  if (getOf().getTypes() != getResultTypes())
    return emitOpError("gives one result per tensor, of the same type");
  for (Type type : getOf().getTypes())
    if (!cast<RankedTensorType>(type).getElementType().isF32())
      return emitOpError() << "is defined for f32 tensors, not " << type;
  return success();
}

LogicalResult GradientOp::evaluate(EvaluationState &) {
  return emitOpError("has no value of its own; derive the equations first (--gnc-autodiff)");
}

static LogicalResult verifyReturn(CustomOp op, Region &region, TypeRange needed, StringRef what) {
  auto end = dyn_cast<ReturnOp>(region.front().getTerminator());
  if (!end || end.getValues().getTypes() != needed)
    return op.emitOpError() << "returns " << what << " from its region";
  return success();
}

LogicalResult CustomOp::verify() {
  SmallVector<Type> gradientArguments, adjoints;
  for (TypeRange types : {TypeRange(getInputs()), TypeRange(getResults()), TypeRange(getResults())})
    llvm::append_range(gradientArguments, types);
  for (int64_t input : getGiven()) {
    if (input < 0 || input >= (int64_t)getInputs().size())
      return emitOpError() << "gives the gradient of input " << input << ", which does not exist";
    adjoints.push_back(getInputs()[input].getType());
  }
  if (getForward().getArgumentTypes() != TypeRange(getInputs()))
    return emitOpError("takes its inputs in `forward`");
  if (getGradient().getArgumentTypes() != TypeRange(gradientArguments))
    return emitOpError("takes inputs, results and adjoints of the results in `gradient`");
  if (failed(verifyReturn(*this, getForward(), getResultTypes(), "the results")))
    return failure();
  return verifyReturn(*this, getGradient(), adjoints, "the given adjoints");
}

LogicalResult CustomOp::evaluate(EvaluationState &state) {
  Block &block = getForward().front();
  for (auto [argument, input] : llvm::zip(block.getArguments(), getInputs()))
    state.set(argument, state.get(input));
  if (failed(state.run(block)))
    return failure();
  for (auto [result, value] : llvm::zip(getResults(), block.getTerminator()->getOperands()))
    state.set(result, state.get(value));
  return success();
}
