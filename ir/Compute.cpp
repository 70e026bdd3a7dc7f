//===- Compute.cpp - verification and cost of the equation op ---------------------------------===//
#include "ir/Evaluator.h"
#include "ir/Gnc.h"
#include "ir/IndexMath.h"
#include "ir/Selection.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// Verification
//===------------------------------------------------------------------------------------------===//

/// Coordinate `dim` of a read stays inside, or the access says what lies outside.
static LogicalResult verifyCoordinate(ComputeOp op, unsigned read, unsigned dim, int64_t extent) {
  AccessAttr access = op.getAccess(read);
  AffineExpr coordinate = access.getCoords().getResult(dim);
  if (ShapedType::isDynamic(extent)) {
    auto index = dyn_cast<AffineDimExpr>(coordinate);
    auto number = dyn_cast<AffineConstantExpr>(coordinate); // there is a first sample
    if (index ? ShapedType::isDynamic(op.getExtents()[index.getPosition()])
              : number && number.getValue() == 0)
      return success();
    return op.emitOpError() << "read " << read
                            << " must use the batch index alone, or 0, for the batch axis";
  }
  bool dataDependent = false;
  coordinate.walk([&](AffineExpr expr) { dataDependent |= isa<AffineSymbolExpr>(expr); });
  if (access.isClamped(dim) || access.isGuarded() || dataDependent)
    return success();
  IndexRange range = rangeOf(simplify(coordinate, op.getExtents()), op.getExtents());
  if (range.inside(extent))
    return success();
  auto bound = [](std::optional<int64_t> b) { return b ? std::to_string(*b) : std::string("?"); };
  return op.emitOpError() << "read " << read << " runs over " << bound(range.low) << ".."
                          << bound(range.high) << " in dimension " << dim << " of extent " << extent
                          << "; guard it (`?? value`) or clamp it";
}

/// Symbol k is the value of read k: an earlier, unguarded read of whole numbers.
static LogicalResult verifySymbols(ComputeOp op, unsigned read) {
  AccessAttr access = op.getAccess(read);
  LogicalResult result = success();
  auto check = [&](AffineExpr expr) {
    auto symbol = dyn_cast<AffineSymbolExpr>(expr);
    if (!symbol || failed(result))
      return;
    unsigned source = symbol.getPosition();
    auto type = source < read ? dyn_cast<RankedTensorType>(op.getReads()[source].getType())
                              : RankedTensorType();
    bool crosses =
        source < op.getNumBodyReads() && read >= op.getNumBodyReads(); // the body is over
    if (!type || !type.getElementType().isInteger() || crosses)
      result = op.emitOpError() << "read " << read << " names read" << source
                                << ", which is not an earlier read of whole numbers";
  };
  for (AffineMap map : {access.getCoords(), access.getConditions()})
    map.walkExprs(check);
  return result;
}

static LogicalResult verifyRead(ComputeOp op, unsigned read) {
  AccessAttr access = op.getAccess(read);
  auto type = dyn_cast<RankedTensorType>(op.getReads()[read].getType());
  if (!type)
    return op.emitOpError() << "read " << read << " is not a ranked tensor";
  if (access.getCoords().getNumDims() != op.getNumIndices())
    return op.emitOpError() << "read " << read << " is written for "
                            << access.getCoords().getNumDims() << " indices, the equation has "
                            << op.getNumIndices();
  if (access.getCoords().getNumResults() != type.getRank())
    return op.emitOpError() << "read " << read << " has " << access.getCoords().getNumResults()
                            << " coordinates for a tensor of rank " << type.getRank();
  if (failed(verifySymbols(op, read)))
    return failure();
  for (auto [dim, extent] : llvm::enumerate(type.getShape()))
    if (failed(verifyCoordinate(op, read, dim, extent)))
      return failure();
  bool inFinish = read >= op.getNumBodyReads();
  for (int64_t i = op.getNumParallel(); inFinish && i < op.getNumIndices(); ++i)
    if (access.getCoords().isFunctionOfDim(i) || access.getConditions().isFunctionOfDim(i))
      return op.emitOpError() << "read " << read << " of `finish` uses the reduction index "
                              << op.getIndexName(i);
  return success();
}

LogicalResult ComputeOp::verify() {
  if (getNames().size() != getExtents().size())
    return emitOpError("needs one name per index");
  if (static_cast<int64_t>(getNumParallel()) < 0 || (int64_t)getNumParallel() > getNumIndices())
    return emitOpError("has more parallel indices than indices");
  llvm::StringSet<llvm::MallocAllocator> seen;
  for (Attribute name : getNames())
    if (!seen.insert(cast<StringAttr>(name).getValue()).second)
      return emitOpError() << "has two indices named " << name;
  for (int64_t extent : getExtents())
    if (!ShapedType::isDynamic(extent) && extent < 1)
      return emitOpError() << "has an index of extent " << extent;
  if (getNumResults() == 0 || getReductions().size() != getNumResults())
    return emitOpError("needs results, and one reduction per result");
  if (getAccesses().size() != getReads().size())
    return emitOpError("needs one access per read");
  for (Type type : getResultTypes())
    if (cast<RankedTensorType>(type).getShape() != getParallelExtents())
      return emitOpError() << "has a result " << type
                           << " that is not shaped as its parallel indices";
  for (int32_t reduction : getReductions())
    if ((static_cast<Reduction>(reduction) == Reduction::None) != (getNumReductionIndices() == 0))
      return emitOpError("has reduction indices exactly if its results are reductions");
  return success();
}

/// A position fits its type: an i8 holds 256 of them.
static LogicalResult verifyPosition(ComputeOp op, unsigned result) {
  Type element = cast<RankedTensorType>(op.getResultTypes()[result]).getElementType();
  if (element.isInteger(32))
    return success();
  if (!element.isInteger(8))
    return op.emitOpError() << "result " << result << " is a position and must be i32 or i8";
  double points = 1;
  for (int64_t extent : op.getReductionExtents())
    if (ShapedType::isDynamic(extent))
      return op.emitOpError() << "result " << result
                              << " is a position over the batch and must be i32";
    else
      points *= double(extent);
  if (points > 256)
    return op.emitOpError() << "result " << result << " is one of " << int64_t(points)
                            << " positions, an i8 holds 256; make it i32";
  return success();
}

static LogicalResult verifyYield(ComputeOp op, Region &region, bool last) {
  auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
  if (!yield || yield->getNumOperands() != op.getNumResults())
    return op.emitOpError("ends each region in a gnc.yield with one value per result");
  for (auto [i, value] : llvm::enumerate(yield->getOperands())) {
    Reduction reduction = op.getReduction(i);
    bool position = reduction == Reduction::ArgMax || reduction == Reduction::ArgMin;
    Type element = scalarTypeOf(op.getResultTypes()[i]);
    Type needed =
        position && &region == &op.getBody() ? Type(Float32Type::get(op.getContext())) : element;
    if (position && failed(verifyPosition(op, i)))
      return failure();
    if (op.hasFinish() && !last && !position)
      continue; // the finish region turns it into the element type
    if (value.getType() != needed)
      return op.emitOpError() << "yields " << value.getType() << " for result " << i << ", needs "
                              << needed;
  }
  return success();
}

static bool readsSign(Operation &scalar) {
  auto compare = dyn_cast<arith::CmpIOp>(scalar);
  return isa<arith::SIToFPOp, arith::ExtSIOp>(scalar) ||
         (compare && llvm::is_contained({arith::CmpIPredicate::slt, arith::CmpIPredicate::sle,
                                         arith::CmpIPredicate::sgt, arith::CmpIPredicate::sge},
                                        compare.getPredicate()));
}

/// Scalar ops that name an index or a read name an existing one. What changes over a reduction has
/// no value in `finish`.
static LogicalResult verifyScalarOp(ComputeOp op, Operation &scalar, bool inFinish) {
  auto validIndex = [&](int64_t index) { return index >= 0 && index < op.getNumIndices(); };
  uint64_t indices = inFinish ? op.getNumParallel() : op.getNumIndices();
  if (auto index = dyn_cast<IndexOp>(scalar); index && index.getIndex() >= indices)
    return scalar.emitOpError() << "names index " << index.getIndex() << " of " << indices;
  if (auto extent = dyn_cast<ExtentOp>(scalar);
      extent && !llvm::all_of(extent.getIndices(), validIndex))
    return scalar.emitOpError() << "names an index that does not exist";
  if (auto inside = dyn_cast<InsideOp>(scalar))
    if (inside.getRead() >= op.getReads().size() ||
        (inside.getRead() >= op.getNumBodyReads()) != inFinish ||
        !op.getAccess(inside.getRead()).isGuarded())
      return scalar.emitOpError() << "names read " << inside.getRead()
                                  << ", which is not a guarded read";
  if (readsSign(scalar) && scalar.getOperand(0).getType().getIntOrFloatBitWidth() <= 8)
    return scalar.emitOpError("reads a sign that bytes and truth values do not have; use the "
                              "unsigned form");
  if (scalar.getNumRegions() || !scalar.hasTrait<OpTrait::OneResult>() == !isa<YieldOp>(scalar))
    return scalar.emitOpError(
        "is not a scalar op; an equation's region holds scalar arithmetic only");
  return success();
}

LogicalResult ComputeOp::verifyRegions() {
  if (getNumBodyReads() > getReads().size())
    return emitOpError("has more body arguments than reads");
  for (unsigned read = 0; read < getReads().size(); ++read)
    if (failed(verifyRead(*this, read)))
      return failure();
  unsigned numFinishReads = getReads().size() - getNumBodyReads();
  if (!hasFinish() ? numFinishReads != 0
                   : getFinish().getNumArguments() != getYielded().size() + numFinishReads)
    return emitOpError(
        "needs one argument per read, after those for the combined values in `finish`");
  for (auto [i, tensor] : llvm::enumerate(getReads())) {
    BlockArgument argument =
        i < getNumBodyReads()
            ? getBody().getArgument(i)
            : getFinish().getArgument(getYielded().size() + i - getNumBodyReads());
    if (Type needed = scalarTypeOf(tensor.getType()); argument.getType() != needed)
      return emitOpError() << "argument of read " << i << " is " << argument.getType()
                           << ", its tensor's elements are read as " << needed;
  }
  for (Region *region : {&getBody(), &getFinish()}) {
    if (region->empty())
      continue;
    for (Operation &scalar : region->front())
      if (!isa<YieldOp>(scalar) && failed(verifyScalarOp(*this, scalar, region == &getFinish())))
        return failure();
    if (failed(verifyYield(*this, *region, region == &getFinish() || !hasFinish())))
      return failure();
  }
  return success();
}

//===------------------------------------------------------------------------------------------===//
// Cost
//===------------------------------------------------------------------------------------------===//

static double elementsOf(Type type, int64_t batch) {
  double count = 1;
  for (int64_t extent : cast<RankedTensorType>(type).getShape())
    count *= ShapedType::isDynamic(extent) ? batch : extent;
  return count;
}

static double bytesOf(Type type, int64_t batch) {
  unsigned bits = cast<RankedTensorType>(type).getElementType().getIntOrFloatBitWidth();
  return elementsOf(type, batch) * std::max(1u, bits / 8);
}

/// Floating-point operations of one point: comparisons, selects and constants are free.
static double flopsOf(Region &region) {
  double flops = 0;
  if (!region.empty())
    for (Operation &op : region.front())
      flops += isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op) ||
               op.getDialect()->getNamespace() == "math";
  return flops;
}

Cost ComputeOp::cost(int64_t batch) {
  Cost cost;
  double parallel = 1, reduction = 1;
  for (auto [i, extent] : llvm::enumerate(getExtents()))
    ((int64_t)i < (int64_t)getNumParallel() ? parallel : reduction) *=
        ShapedType::isDynamic(extent) ? batch : extent;
  double combine = 0;
  for (unsigned i = 0; i < getNumResults(); ++i)
    combine += getReduction(i) == Reduction::Sum || getReduction(i) == Reduction::Prod;
  cost.flops = parallel * (reduction * (flopsOf(getBody()) + combine) + flopsOf(getFinish()));
  for (unsigned index : selectingIndices(*this))
    cost.flops /= double(getExtents()[index]);
  llvm::SmallPtrSet<Value, 4> seen;
  for (Value tensor : getReads())
    if (seen.insert(tensor).second && !tensor.getDefiningOp<RandomOp>())
      cost.bytesRead += bytesOf(tensor.getType(), batch);
  for (Type type : getResultTypes())
    cost.bytesWritten += bytesOf(type, batch);
  return cost;
}

Cost ReshapeOp::cost(int64_t) { return {}; }
Cost GradientOp::cost(int64_t) { return {}; }

Cost CustomOp::cost(int64_t batch) {
  Cost total;
  for (Operation &op : getForward().front())
    if (auto costed = dyn_cast<CostOpInterface>(op)) {
      Cost cost = costed.cost(batch);
      total.flops += cost.flops, total.bytesRead += cost.bytesRead,
          total.bytesWritten += cost.bytesWritten;
    }
  return total;
}
