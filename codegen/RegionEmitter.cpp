#include "codegen/RegionEmitter.h"

using namespace mlir;

namespace gnc {

/// Half of the definition on each side of 0, so that exp never overflows.
static Value emitSigmoid(KernelBuilder &k, Value x, unsigned lanes) {
  OpBuilder &b = k.b;
  Value one = k.floatConstant(1, lanes), zero = k.floatConstant(0, lanes);
  Value e = math::ExpOp::create(b, k.loc,
                                arith::NegFOp::create(b, k.loc, math::AbsFOp::create(b, k.loc, x)));
  Value p = arith::DivFOp::create(b, k.loc, one, arith::AddFOp::create(b, k.loc, one, e));
  Value positive = arith::CmpFOp::create(b, k.loc, arith::CmpFPredicate::OGE, x, zero);
  return arith::SelectOp::create(b, k.loc, positive, p, arith::MulFOp::create(b, k.loc, e, p));
}

/// max(x, 0) + log1p(exp(-|x|)).
static Value emitSoftplus(KernelBuilder &k, Value x, unsigned lanes) {
  OpBuilder &b = k.b;
  Value e = math::ExpOp::create(b, k.loc,
                                arith::NegFOp::create(b, k.loc, math::AbsFOp::create(b, k.loc, x)));
  Value top = arith::MaximumFOp::create(b, k.loc, x, k.floatConstant(0, lanes));
  return arith::AddFOp::create(b, k.loc, top, math::Log1pOp::create(b, k.loc, e));
}

/// The product of extents; the batch counts with its size.
static Value emitExtent(KernelBuilder &k, ExtentOp op, const RegionContext &context) {
  int64_t fixed = 1;
  bool batched = false;
  for (int64_t index : op.getIndices())
    if (ShapedType::isDynamic(context.extents[index]))
      batched = true;
    else
      fixed *= context.extents[index];
  if (!batched)
    return k.floatConstant(fixed, context.lanes);
  Value count = arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), k.mul(k.batch(), fixed));
  return k.splat(arith::SIToFPOp::create(k.b, k.loc, k.b.getF32Type(), count), context.lanes);
}

static Value emitConstant(KernelBuilder &k, arith::ConstantOp op, unsigned lanes) {
  Attribute value = op.getValue();
  if (lanes > 1)
    value = DenseElementsAttr::get(cast<ShapedType>(k.typeFor(op.getType(), lanes)), value);
  return arith::ConstantOp::create(k.b, k.loc, cast<TypedAttr>(value));
}

/// The same op, on vectors.
static Value emitElementwise(KernelBuilder &k, Operation &op, ValueRange operands, unsigned lanes) {
  OperationState state(k.loc, op.getName());
  state.addOperands(operands);
  state.addTypes(k.typeFor(op.getResult(0).getType(), lanes));
  state.addAttributes(op.getAttrs());
  return k.b.create(state)->getResult(0);
}

FailureOr<Value> emitScalar(KernelBuilder &k, Operation &op, ValueRange operands,
                            const RegionContext &context) {
  unsigned lanes = context.lanes;
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return emitConstant(k, constant, lanes);
  if (auto index = dyn_cast<IndexOp>(op))
    return context.index(index.getIndex());
  if (auto extent = dyn_cast<ExtentOp>(op))
    return emitExtent(k, extent, context);
  if (auto inside = dyn_cast<InsideOp>(op))
    return context.inside(inside.getRead());
  if (isa<StopOp>(op))
    return operands[0];
  if (isa<SigmoidOp>(op))
    return emitSigmoid(k, operands[0], lanes);
  if (isa<SoftplusOp>(op))
    return emitSoftplus(k, operands[0], lanes);
  StringRef dialect = op.getDialect()->getNamespace();
  if ((dialect == "arith" || dialect == "math") && op.getNumResults() == 1 &&
      op.getNumRegions() == 0)
    return emitElementwise(k, op, operands, lanes);
  return op.emitError() << op.getName() << " has no machine form in an equation";
}

FailureOr<SmallVector<Value>> emitRegion(KernelBuilder &k, Region &region, ValueRange arguments,
                                         const RegionContext &context) {
  IRMapping map;
  map.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator()) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(map.lookup(operand));
    FailureOr<Value> value = emitScalar(k, op, operands, context);
    if (failed(value))
      return failure();
    map.map(op.getResult(0), *value);
  }
  SmallVector<Value> yielded;
  for (Value value : region.front().getTerminator()->getOperands())
    yielded.push_back(map.lookup(value));
  return yielded;
}

} // namespace gnc
