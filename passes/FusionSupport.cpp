#include "passes/FusionSupport.h"
#include "ir/IndexMath.h"
#include "passes/Contraction.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace gnc {

double pointsOf(ArrayRef<int64_t> extents, int64_t batch) {
  double points = 1;
  for (int64_t extent : extents)
    points *= static_cast<double>(ShapedType::isDynamic(extent) ? batch : extent);
  return points;
}

int64_t samplesToPlan(func::FuncOp function, int64_t batch) {
  auto recipe =
      function->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(names::kRecipe);
  auto declared = recipe ? recipe.getAs<IntegerAttr>("batch") : IntegerAttr();
  return batch > 0 ? batch : declared ? declared.getInt() : kPlannedBatch;
}

double bytesOf(Type type, int64_t batch) {
  auto tensor = cast<RankedTensorType>(type);
  return pointsOf(tensor.getShape(), batch) * std::max(1u, tensor.getElementTypeBitWidth() / 8);
}

bool storesHalf(func::FuncOp function) {
  return function
      .walk([](ComputeOp op) {
        return llvm::any_of(
                   op.getResultTypes(),
                   [](Type type) { return isHalf(cast<RankedTensorType>(type).getElementType()); })
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

bool isContraction(ComputeOp op) {
  if (!isProductSum(op))
    return false;
  bool onlyFirst = false, onlySecond = false;
  AffineMap a = op.getAccess(0).getCoords(), b = op.getAccess(1).getCoords();
  for (unsigned i = 0; i < op.getNumParallel(); ++i) {
    if (op.getExtents()[i] == 1)
      continue;
    onlyFirst |= a.isFunctionOfDim(i) && !b.isFunctionOfDim(i);
    onlySecond |= b.isFunctionOfDim(i) && !a.isFunctionOfDim(i);
  }
  return onlyFirst && onlySecond;
}

bool isIdentityRead(ComputeOp op, unsigned read) {
  AccessAttr access = op.getAccess(read);
  auto type = cast<RankedTensorType>(op.getReads()[read].getType());
  if (access.isGuarded() || type.getShape() != op.getParallelExtents())
    return false;
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults()))
    if (coordinate != getAffineDimExpr(dim, op.getContext()) && type.getDimSize(dim) != 1)
      return false; // an index of extent 1 may be written 0
  return true;
}

bool drawsNumbers(ComputeOp op) {
  return llvm::any_of(op.getReads(), [](Value tensor) { return tensor.getDefiningOp<RandomOp>(); });
}

bool isUsedAsIndex(ComputeOp op, unsigned read) {
  for (unsigned i = read + 1; i < op.getReads().size(); ++i)
    for (AffineMap map : {op.getAccess(i).getCoords(), op.getAccess(i).getConditions()})
      for (AffineExpr expr : map.getResults())
        if (expr.isFunctionOfSymbol(read))
          return true;
  return false;
}

/// Constants, facts of the point and conversions cost nothing.
static bool isFree(Operation &op) {
  return op.hasTrait<OpTrait::ConstantLike>() ||
         isa<IndexOp, ExtentOp, InsideOp, StopOp, CastOpInterface, YieldOp>(op);
}

static void addCost(Operation &op, ScalarCost &cost) {
  if (isFree(op))
    return;
  bool simpleMath =
      isa<math::AbsFOp, math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp>(op);
  cost.expensive |=
      isa<SigmoidOp, SoftplusOp>(op) || (op.getDialect()->getNamespace() == "math" && !simpleMath);
  cost.ops += isa<arith::DivFOp>(op) ? 4 : 1;
}

ScalarCost costOf(Block &scalars) {
  ScalarCost cost;
  for (Operation &op : scalars)
    addCost(op, cost);
  return cost;
}

/// True if the value of read `read`, or where it is inside, can change along index `index`.
static bool variesAlong(ComputeOp op, unsigned read, unsigned index) {
  AccessAttr access = op.getAccess(read);
  for (AffineMap map : {access.getCoords(), access.getConditions()})
    for (AffineExpr expr : map.getResults()) {
      bool varies = false;
      expr.walk([&](AffineExpr part) {
        auto dim = dyn_cast<AffineDimExpr>(part);
        varies |= isa<AffineSymbolExpr>(part) || (dim && dim.getPosition() == index);
      });
      if (varies)
        return true;
    }
  return false;
}

ScalarCost innerCostOf(ComputeOp op) {
  ScalarCost cost;
  if (op.getNumParallel() == 0)
    return costOf(*op.getBodyBlock());
  unsigned inner = op.getNumParallel() - 1;
  llvm::SmallPtrSet<Value, 8> varying;
  for (auto [read, argument] : llvm::enumerate(op.getBody().getArguments()))
    if (variesAlong(op, read, inner))
      varying.insert(argument);
  for (Operation &scalar : op.getBodyBlock()->without_terminator()) {
    auto index = dyn_cast<IndexOp>(scalar);
    auto inside = dyn_cast<InsideOp>(scalar);
    bool varies = (index && index.getIndex() == inner) ||
                  (inside && variesAlong(op, inside.getRead(), inner)) ||
                  llvm::any_of(scalar.getOperands(),
                               [&](Value operand) { return varying.contains(operand); });
    if (!varies)
      continue;
    varying.insert(scalar.getResult(0));
    addCost(scalar, cost);
  }
  return cost;
}

bool isUpdate(Value result) {
  return llvm::any_of(result.getUses(), [](OpOperand &use) {
    auto end = dyn_cast<func::ReturnOp>(use.getOwner());
    auto function = end ? dyn_cast<func::FuncOp>(end->getParentOp()) : func::FuncOp();
    return function && function.getResultAttr(use.getOperandNumber(), names::kUpdates);
  });
}

bool hoistOperands(Operation *op, Operation *place) {
  constexpr unsigned kMostMoved = 32;
  llvm::SetVector<Operation *> moved;
  auto visit = [&](Operation *user, bool direct) {
    for (Value operand : user->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (!source || (source == place && direct))
        continue;
      if (source == place)
        return false;
      if (place->isBeforeInBlock(source))
        moved.insert(source);
    }
    return moved.size() <= kMostMoved;
  };
  if (!visit(op, /*direct=*/true))
    return false;
  for (unsigned i = 0; i < moved.size(); ++i)
    if (!visit(moved[i], /*direct=*/false))
      return false;
  SmallVector<Operation *> sorted = moved.takeVector();
  llvm::sort(sorted, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *source : sorted)
    source->moveBefore(place);
  return true;
}

ComputeOp replaceWith(ComputeOp op, EquationDraft &draft) {
  settle(draft, op.getLoc());
  OpBuilder builder(op);
  ComputeOp now = draft.create(builder, op.getLoc());
  now->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  op->replaceAllUsesWith(now->getResults());
  op.erase();
  return now;
}

} // namespace gnc
