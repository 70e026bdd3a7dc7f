#include "codegen/PackWeights.h"

#include "codegen/ContractionPlan.h"
#include "codegen/VectorPass.h"
#include "ir/CopyEquation.h"
#include "ir/EquationDraft.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"
#include "passes/FusionSupport.h"
#include "passes/WeightsAlone.h"

using namespace mlir;

namespace gnc {

namespace {
/// A contraction that is better off with its columns in panels.
struct PanelRead {
  ComputeOp op;
  unsigned read, dim; ///< the tensor, and its dimension that columns lie along
  int64_t width;
  bool copies; ///< as the tensor lies, blocks of it are copied in each run

  Value tensor() { return op.getReads()[read]; }
};

/// Copies columns into panels, each tensor once for a width.
class Copies {
public:
  Value panelsOf(PanelRead reader);

private:
  llvm::DenseMap<std::tuple<Value, unsigned, int64_t>, Value> copies;
};
} // namespace

//===------------------------------------------------------------------------------------------===//
// Who reads
//===------------------------------------------------------------------------------------------===//

/// Whether panels are better than the tensor as it lies: not if it is one panel wide, or stays in
/// the first-level cache, or if there is only one number to a column.
static bool pays(const ContractionPlan &plan) {
  constexpr int64_t kSmallBytes = 16 << 10, kFewPoints = 16;
  int64_t columns = plan.columns.back().extent;
  return columns > plan.width && plan.kCount() >= kFewPoints &&
         plan.kCount() * columns * 4 > kSmallBytes;
}

static std::optional<PanelRead> panelRead(ComputeOp op, VectorTarget target) {
  std::optional<unsigned> vector =
      contractionVector(op, {.panelLanes = target.lanes, .bounds = true});
  if (!vector || isLibraryCall(op))
    return std::nullopt;
  Contraction c = *classify(op, *vector);
  if (c.panel)
    return std::nullopt;
  ContractionPlan plan = planContraction(op, *vector, target);
  bool wholeIndex = plan.columns.back().extent == op.getExtents()[*vector];
  unsigned dim = *Contraction::soleDimension(op.getAccess(c.b), *vector);
  if (!wholeIndex || !pays(plan) ||
      op.getAccess(c.b).getCoords().getResult(dim) != getAffineDimExpr(*vector, op.getContext()))
    return std::nullopt;
  return PanelRead{op, c.b, dim, plan.width, plan.packs()};
}

/// Dimensions of the panels: their number, the other dimensions as they lie, the column in each.
static SmallVector<unsigned> othersAsTheyLie(Value tensor, unsigned dim) {
  SmallVector<unsigned> order = physicalOrder(cast<RankedTensorType>(tensor.getType()));
  llvm::erase(order, dim);
  return order;
}

/// `others` are the dimensions between those of the panels.
static void readPanels(PanelRead reader, ArrayRef<unsigned> others, Value panels) {
  ComputeOp op = reader.op;
  AccessAttr access = op.getAccess(reader.read);
  AffineMap old = access.getCoords();
  AffineExpr column = old.getResult(reader.dim);
  SmallVector<AffineExpr> coords{column.floorDiv(reader.width)};
  for (unsigned other : others)
    coords.push_back(old.getResult(other));
  coords.push_back(column % reader.width);
  SmallVector<Attribute> accesses(op.getAccesses().begin(), op.getAccesses().end());
  accesses[reader.read] = AccessAttr::get(
      op.getContext(),
      AffineMap::get(old.getNumDims(), old.getNumSymbols(), coords, op.getContext()),
      access.getClamped(), access.getConditions(), access.getLimits(), access.getOutside());
  op.getReadsMutable()[reader.read].assign(panels);
  op.setAccessesAttr(Builder(op.getContext()).getArrayAttr(accesses));
}

//===------------------------------------------------------------------------------------------===//
// Who writes
//===------------------------------------------------------------------------------------------===//

Value Copies::panelsOf(PanelRead reader) {
  Value tensor = reader.tensor();
  auto [dim, width] = std::pair(reader.dim, reader.width);
  Value &copy = copies[{tensor, dim, width}];
  if (copy)
    return copy;
  auto type = cast<RankedTensorType>(tensor.getType());
  MLIRContext *context = tensor.getContext();
  int64_t columns = type.getDimSize(dim);
  SmallVector<int64_t> shape{(columns + width - 1) / width};
  SmallVector<AffineExpr> coords(type.getRank());
  for (unsigned other : othersAsTheyLie(tensor, dim)) {
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
  copy = createCopy(builder, reader.op.getLoc(), tensor,
                    RankedTensorType::get(shape, type.getElementType()), access);
  return copy;
}

/// All readers of `tensor`, if they are contractions that copy it into the same panels.
static std::optional<SmallVector<PanelRead>> readersInPanels(Value tensor, VectorTarget target) {
  SmallVector<PanelRead> readers;
  for (OpOperand &use : tensor.getUses()) {
    auto op = dyn_cast<ComputeOp>(use.getOwner());
    std::optional<PanelRead> reader = op ? panelRead(op, target) : std::nullopt;
    if (!reader || !reader->copies || reader->read != use.getOperandNumber() ||
        (!readers.empty() && (reader->dim != readers[0].dim || reader->width != readers[0].width)))
      return std::nullopt;
    readers.push_back(*reader);
  }
  return readers.empty() ? std::nullopt : std::optional(readers);
}

/// A result that only contractions read, which would copy it into panels in each run, is computed
/// in their order.
static void writePanels(ComputeOp op, VectorTarget target) {
  if (op.getNumResults() != 1 || isLibraryCall(op) ||
      contractionVector(op, {.panelLanes = target.lanes, .bounds = true}))
    return;
  Value tensor = op.getResult(0);
  auto type = cast<RankedTensorType>(tensor.getType());
  auto readers = type.hasStaticShape() ? readersInPanels(tensor, target) : std::nullopt;
  if (!readers)
    return;
  auto [dim, width] = std::pair(readers->front().dim, readers->front().width);
  if (type.getDimSize(dim) % width != 0)
    return;
  SmallVector<unsigned> others = othersAsTheyLie(tensor, dim);
  EquationDraft draft = EquationDraft::of(op);
  SmallVector<SmallVector<int64_t>> splits(draft.extents.size());
  splits[dim] = {type.getDimSize(dim) / width, width};
  splitIndices(draft, splits);
  SmallVector<unsigned> order{dim};
  for (unsigned other : others)
    order.push_back(other + (other > dim));
  order.push_back(dim + 1);
  for (unsigned i = order.size(); i < draft.extents.size(); ++i)
    order.push_back(i);
  draft.reorderIndices(order);
  draft.resultTypes = {RankedTensorType::get(ArrayRef(draft.extents).take_front(draft.numParallel),
                                             type.getElementType())};
  Value panels = replaceWith(op, draft).getResult(0);
  for (const PanelRead &reader : *readers)
    readPanels(reader, others, panels);
}

namespace {
struct PackWeights : VectorPass<PackWeights> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PackWeights)
  using VectorPass::VectorPass;

  StringRef getArgument() const final { return "gnc-pack-weights"; }
  StringRef getDescription() const final {
    return "puts what contractions read as columns into panels: weights once, where none changes; "
           "where they do, in who computes it";
  }

  void run(func::FuncOp function, VectorTarget target) {
    if (changesWeights(function)) {
      for (ComputeOp op : llvm::make_early_inc_range(function.getOps<ComputeOp>()))
        writePanels(op, target);
      return;
    }
    llvm::DenseSet<Value> ofWeights = weightsAlone(function);
    Copies copies;
    for (ComputeOp op : llvm::make_early_inc_range(function.getOps<ComputeOp>()))
      if (auto reader = panelRead(op, target); reader && ofWeights.contains(reader->tensor()))
        readPanels(*reader, othersAsTheyLie(reader->tensor(), reader->dim),
                   copies.panelsOf(*reader));
  }
};
} // namespace

std::unique_ptr<Pass> createPackWeights(VectorTarget target) {
  return std::make_unique<PackWeights>(target);
}

} // namespace gnc
