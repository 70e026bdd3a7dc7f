#include "codegen/PackWeights.h"

#include "codegen/ContractionPlan.h"
#include "codegen/VectorPass.h"
#include "ir/CopyEquation.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"
#include "passes/WeightsAlone.h"

using namespace mlir;

namespace gnc {

namespace {
/// Copies columns into panels, each tensor once for a width.
class Packing {
public:
  explicit Packing(VectorTarget target) : target(target) {}
  void pack(ComputeOp op, const llvm::DenseSet<Value> &ofWeights);

private:
  Value panelsOf(ComputeOp op, Value tensor, unsigned dim, int64_t width);

  VectorTarget target;
  llvm::DenseMap<std::tuple<Value, unsigned, int64_t>, Value> copies;
};
} // namespace

/// Whether panels are better than the tensor as it lies: not if it is one panel wide, or stays in
/// the first-level cache, or if there is only one number to a column.
static bool pays(const ContractionPlan &plan) {
  constexpr int64_t kSmallBytes = 16 << 10, kFewPoints = 16;
  int64_t columns = plan.columns.back().extent;
  return columns > plan.width && plan.kCount() >= kFewPoints &&
         plan.kCount() * columns * 4 > kSmallBytes;
}

Value Packing::panelsOf(ComputeOp op, Value tensor, unsigned dim, int64_t width) {
  Value &copy = copies[{tensor, dim, width}];
  if (copy)
    return copy;
  auto type = cast<RankedTensorType>(tensor.getType());
  MLIRContext *context = op.getContext();
  int64_t columns = type.getDimSize(dim);
  // Between the panel's number and the column in it, the other dimensions as they lie.
  SmallVector<int64_t> shape{(columns + width - 1) / width};
  SmallVector<AffineExpr> coords(type.getRank());
  for (unsigned other : physicalOrder(type))
    if (other != dim) {
      coords[other] = getAffineDimExpr(shape.size(), context);
      shape.push_back(type.getDimSize(other));
    }
  coords[dim] = getAffineDimExpr(0, context) * width + getAffineDimExpr(shape.size(), context);
  shape.push_back(width);
  auto map = AffineMap::get(shape.size(), 0, coords, context);
  auto access = columns % width == 0
                    ? AccessAttr::get(map)
                    : AccessAttr::get(map, AffineMap::get(shape.size(), 0, context), {}, 0.0);
  OpBuilder builder(context);
  builder.setInsertionPointAfterValue(tensor);
  copy = createCopy(builder, op.getLoc(), tensor,
                    RankedTensorType::get(shape, type.getElementType()), access);
  return copy;
}

void Packing::pack(ComputeOp op, const llvm::DenseSet<Value> &ofWeights) {
  std::optional<unsigned> vector =
      contractionVector(op, {.panelLanes = target.lanes, .bounds = true});
  if (!vector || isLibraryCall(op))
    return;
  Contraction c = *classify(op, *vector);
  Value tensor = op.getReads()[c.b];
  if (c.panel || !ofWeights.contains(tensor))
    return;
  ContractionPlan plan = planContraction(op, *vector, target);
  bool wholeIndex = plan.columns.back().extent == op.getExtents()[*vector];
  if (!wholeIndex || !pays(plan))
    return;
  auto type = cast<RankedTensorType>(tensor.getType());
  AffineMap old = op.getAccess(c.b).getCoords();
  unsigned dim = *Contraction::soleDimension(op.getAccess(c.b), *vector);
  if (old.getResult(dim) != getAffineDimExpr(*vector, op.getContext()))
    return;
  AffineExpr column = old.getResult(dim);
  SmallVector<AffineExpr> coords{column.floorDiv(plan.width)};
  for (unsigned other : physicalOrder(type))
    if (other != dim)
      coords.push_back(old.getResult(other));
  coords.push_back(column % plan.width);
  SmallVector<Attribute> accesses(op.getAccesses().begin(), op.getAccesses().end());
  AccessAttr access = op.getAccess(c.b);
  accesses[c.b] = AccessAttr::get(
      op.getContext(),
      AffineMap::get(old.getNumDims(), old.getNumSymbols(), coords, op.getContext()),
      access.getClamped(), access.getConditions(), access.getLimits(), access.getOutside());
  op.getReadsMutable()[c.b].assign(panelsOf(op, tensor, dim, plan.width));
  op.setAccessesAttr(Builder(op.getContext()).getArrayAttr(accesses));
}

namespace {
struct PackWeights : VectorPass<PackWeights> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PackWeights)
  using VectorPass::VectorPass;

  StringRef getArgument() const final { return "gnc-pack-weights"; }
  StringRef getDescription() const final {
    return "copies weights once into the panels that contractions read, where none changes";
  }

  void run(func::FuncOp function, VectorTarget target) {
    if (changesWeights(function))
      return;
    llvm::DenseSet<Value> ofWeights = weightsAlone(function);
    Packing packing(target);
    for (ComputeOp op : llvm::make_early_inc_range(function.getOps<ComputeOp>()))
      packing.pack(op, ofWeights);
  }
};
} // namespace

std::unique_ptr<Pass> createPackWeights(VectorTarget target) {
  return std::make_unique<PackWeights>(target);
}

} // namespace gnc
