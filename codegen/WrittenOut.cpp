#include "codegen/WrittenOut.h"
#include "ir/Selection.h"

using namespace mlir;

namespace gnc {

SmallVector<unsigned> writtenOutIndices(ComputeOp op, unsigned innermost) {
  SmallVector<unsigned> indices = selectingIndices(op);
  llvm::erase(indices, innermost);
  return indices;
}

WrittenOutRegion::WrittenOutRegion(KernelBuilder &k, ComputeOp op, ArrayRef<unsigned> indices,
                                   const RegionContext &context, function_ref<Value(unsigned)> read)
    : k(k), op(op), indices(indices), context(context), read(read) {}

WrittenOutRegion::Bits WrittenOutRegion::dependence(unsigned read) {
  Bits bits = 0;
  AccessAttr access = op.getAccess(read);
  for (AffineMap map : {access.getCoords(), access.getConditions()}) {
    for (auto [position, index] : llvm::enumerate(indices))
      if (map.isFunctionOfDim(index))
        bits |= Bits(1) << position;
    map.walkExprs([&](AffineExpr expr) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
        bits |= dependence(symbol.getPosition());
    });
  }
  return bits;
}

WrittenOutRegion::Bits WrittenOutRegion::dependence(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return dependence(argument.getArgNumber());
  if (auto it = depends.find(value); it != depends.end())
    return it->second;
  Bits bits = 0;
  Operation *scalar = value.getDefiningOp();
  for (Value operand : scalar->getOperands())
    bits |= dependence(operand);
  if (auto inside = dyn_cast<InsideOp>(scalar))
    bits |= dependence(static_cast<unsigned>(inside.getRead()));
  if (auto index = dyn_cast<IndexOp>(scalar))
    for (auto [position, writtenOut] : llvm::enumerate(indices))
      if (writtenOut == static_cast<unsigned>(index.getIndex()))
        bits |= Bits(1) << position;
  return depends[value] = bits;
}

std::optional<bool> WrittenOutRegion::decided(Value condition) {
  auto asked = askedOf(condition);
  if (!asked)
    return std::nullopt;
  const unsigned *at = llvm::find(indices, asked->index);
  if (at == indices.end())
    return std::nullopt;
  return static_cast<double>(point[at - indices.begin()]) == asked->number;
}

FailureOr<Value> WrittenOutRegion::compute(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    AccessAttr access = op.getAccess(argument.getArgNumber());
    bool bad = false; // what the read is indexed by comes first
    for (AffineMap map : {access.getCoords(), access.getConditions()})
      map.walkExprs([&](AffineExpr expr) {
        if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
          bad |= failed(valueOf(op.getBody().getArgument(symbol.getPosition())));
      });
    return bad ? FailureOr<Value>(failure()) : read(argument.getArgNumber());
  }
  Operation *scalar = value.getDefiningOp();
  if (auto select = dyn_cast<arith::SelectOp>(scalar))
    if (std::optional<bool> taken = decided(select.getCondition()))
      return valueOf(*taken ? select.getTrueValue() : select.getFalseValue());
  SmallVector<Value> operands;
  if (auto inside = dyn_cast<InsideOp>(scalar)) // known once the read is
    if (failed(valueOf(op.getBody().getArgument(inside.getRead()))))
      return failure();
  for (Value operand : scalar->getOperands()) {
    FailureOr<Value> emitted = valueOf(operand);
    if (failed(emitted))
      return failure();
    operands.push_back(*emitted);
  }
  return emitScalar(k, *scalar, operands, context);
}

FailureOr<Value> WrittenOutRegion::valueOf(Value value) {
  Bits bits = dependence(value);
  uint64_t key = 0;
  for (auto [position, index] : llvm::enumerate(indices))
    key = key * op.getExtents()[index] + (bits >> position & 1 ? point[position] : 0);
  if (auto it = known.find({value, key}); it != known.end())
    return it->second;
  FailureOr<Value> emitted = compute(value);
  if (succeeded(emitted))
    known[{value, key}] = *emitted;
  return emitted;
}

FailureOr<SmallVector<Value>> WrittenOutRegion::at(ArrayRef<int64_t> values) {
  point = values;
  SmallVector<Value> yielded;
  for (Value value : op.getYielded()) {
    FailureOr<Value> emitted = valueOf(value);
    if (failed(emitted))
      return failure();
    yielded.push_back(*emitted);
  }
  return yielded;
}

} // namespace gnc
