#include "codegen/TileWindows.h"

#include "codegen/ContractionPlan.h"
#include "codegen/VectorPass.h"
#include "ir/EquationDraft.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"

using namespace mlir;

namespace gnc {

/// The sum of what is read, its maximum, the position of that or both (or of the minimum), and
/// nothing else before it: results that lie alike.
static bool reducesAlone(ComputeOp op) {
  if (op.getNumBodyReads() != 1 || op.getAccess(0).isGuarded() ||
      !op.getAccess(0).getClamped().empty())
    return false;
  bool sum = false, largest = false, smallest = false;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    Reduction reduction = op.getReduction(i);
    sum |= reduction == Reduction::Sum;
    largest |= reduction == Reduction::Max || reduction == Reduction::ArgMax;
    smallest |= reduction == Reduction::Min || reduction == Reduction::ArgMin;
    if (op.getYielded()[i] != op.getBodyBlock()->getArgument(0) ||
        resultAddress(op, i).strides != resultAddress(op, 0).strides)
      return false;
    for (unsigned other = 0; other < i; ++other)
      if (op.getReduction(other) == reduction)
        return false;
  }
  return sum + largest + smallest == 1;
}

std::optional<SmallVector<unsigned>> windowIndices(ComputeOp product, ComputeOp window) {
  if (!reducesAlone(window) || window.getReads()[0] != product.getResult(0) ||
      !product.getResult(0).hasOneUse() || window.getExtents().size() != product.getNumParallel())
    return std::nullopt;
  // What is rounded in memory would not be in registers.
  if (!cast<RankedTensorType>(product.getResult(0).getType()).getElementType().isF32())
    return std::nullopt;
  constexpr unsigned kNone = ~0u;
  SmallVector<unsigned> indices(window.getNumIndices(), kNone);
  AffineMap coords = window.getAccess(0).getCoords();
  for (unsigned index = 0; index < coords.getNumResults(); ++index) {
    auto dim = dyn_cast<AffineDimExpr>(coords.getResult(index));
    if (!dim || indices[dim.getPosition()] != kNone ||
        window.getExtents()[dim.getPosition()] != product.getExtents()[index])
      return std::nullopt;
    indices[dim.getPosition()] = index;
  }
  return indices;
}

ComputeOp windowOfTile(ComputeOp product, VectorTarget target) {
  if (product.getNumResults() != 1 || !product.getResult(0).hasOneUse() || isLibraryCall(product))
    return {};
  auto window = dyn_cast<ComputeOp>(*product.getResult(0).user_begin());
  std::optional<unsigned> vector =
      contractionVector(product, {.panelLanes = target.lanes, .bounds = true});
  if (!window || !vector || !windowIndices(product, window) || !hasStridedFinish(window))
    return {};
  return planContraction(product, *vector, target, window).takesWindow() ? window : ComputeOp();
}

//===------------------------------------------------------------------------------------------===//
// The pass
//===------------------------------------------------------------------------------------------===//

namespace {
/// How an index of the product becomes indices: one of the window, or two, i = step * of + within.
struct Parts {
  unsigned of = 0;
  std::optional<unsigned> within;
  int64_t step = 1;
};
} // namespace

/// For each index of the product the parts that `window` reads it by; none if its windows overlap,
/// or are none.
static std::optional<SmallVector<Parts>> partsOf(ComputeOp product, ComputeOp window) {
  SmallVector<Parts> list;
  llvm::SmallBitVector seen(window.getNumIndices());
  auto isNew = [&](unsigned index) {
    bool known = seen[index];
    seen.set(index);
    return !known;
  };
  AffineMap coords = window.getAccess(0).getCoords();
  for (auto [index, coordinate] : llvm::enumerate(coords.getResults())) {
    LinearForm form = linearForm(coordinate);
    Parts parts;
    unsigned ofs = 0;
    if (form.constant != 0 || !form.isAffineInDims())
      return std::nullopt;
    for (auto [atom, coefficient] : form.terms) {
      unsigned dim = cast<AffineDimExpr>(atom).getPosition();
      if (!isNew(dim) || (dim >= window.getNumParallel() && (coefficient != 1 || parts.within)))
        return std::nullopt;
      if (dim >= window.getNumParallel())
        parts.within = dim;
      else
        parts.of = dim, parts.step = coefficient, ++ofs;
    }
    int64_t extent = parts.within ? window.getExtents()[*parts.within] : 1;
    bool whole = window.getExtents()[parts.of] == product.getExtents()[index];
    if (ofs != 1 || extent > parts.step || (!parts.within && (parts.step != 1 || !whole)))
      return std::nullopt;
    list.push_back(parts);
  }
  bool any = llvm::any_of(list, [](const Parts &parts) { return parts.within.has_value(); });
  return seen.all() && any ? std::optional(list) : std::nullopt;
}

/// The product over the parts of its indices, in the order of memory that keeps the steps within
/// windows next to the columns.
static EquationDraft splitProduct(ComputeOp product, ComputeOp window, ArrayRef<Parts> list) {
  EquationDraft draft = EquationDraft::of(product);
  SmallVector<AffineExpr> replacements;
  SmallVector<std::string> names;
  SmallVector<int64_t> extents;
  SmallVector<unsigned> firsts;
  auto add = [&](std::string name, int64_t extent) {
    names.push_back(std::move(name)), extents.push_back(extent);
    return getAffineDimExpr(extents.size() - 1, draft.context);
  };
  for (auto [index, parts] : llvm::enumerate(list)) {
    firsts.push_back(extents.size());
    AffineExpr whole = add(draft.names[index], window.getExtents()[parts.of]) * parts.step;
    if (parts.within)
      whole = whole + add(draft.names[index] + "_w", window.getExtents()[*parts.within]);
    replacements.push_back(whole);
  }
  unsigned numParallel = extents.size();
  for (unsigned index = draft.numParallel; index < draft.extents.size(); ++index)
    replacements.push_back(add(draft.names[index], draft.extents[index]));
  for (DraftRead &read : draft.reads)
    read.map([&](AffineExpr expr) { return simplify(expr.replaceDims(replacements), extents); });
  draft.names = names, draft.extents = extents, draft.numParallel = numParallel;

  auto type = cast<RankedTensorType>(product.getResult(0).getType());
  SmallVector<unsigned> order, within;
  for (unsigned dim : physicalOrder(type)) {
    order.push_back(firsts[dim]);
    if (list[dim].within)
      within.push_back(firsts[dim] + 1);
  }
  order.insert(order.end() - 1, within.begin(), within.end());
  draft.resultTypes = {withOrder(
      RankedTensorType::get(ArrayRef(extents).take_front(numParallel), type.getElementType()),
      order)};
  return draft;
}

static bool namesIndices(ComputeOp op) {
  bool found = false;
  op.walk([&](Operation *scalar) { found |= isa<IndexOp, ExtentOp>(scalar); });
  return found;
}

static void tileWindow(ComputeOp window, VectorTarget target) {
  if (!reducesAlone(window))
    return;
  auto product = window.getReads()[0].getDefiningOp<ComputeOp>();
  if (!product || !product->hasOneUse() || isLibraryCall(product) || namesIndices(product) ||
      !contractionVector(product, {.panelLanes = target.lanes, .bounds = true}))
    return;
  std::optional<SmallVector<Parts>> list = partsOf(product, window);
  if (!list)
    return;
  OpBuilder builder(window);
  EquationDraft parts = splitProduct(product, window, *list), rest = EquationDraft::of(window);
  ComputeOp split = parts.create(builder, product.getLoc());
  rest.reads[0].tensor = split.getResult(0);
  rest.reads[0].coords.clear();
  for (const Parts &part : *list) {
    rest.reads[0].coords.push_back(builder.getAffineDimExpr(part.of));
    if (part.within)
      rest.reads[0].coords.push_back(builder.getAffineDimExpr(*part.within));
  }
  ComputeOp reduced = rest.create(builder, window.getLoc());
  if (windowOfTile(split, target) != reduced) { // nothing is gained
    reduced.erase();
    split.erase();
    return;
  }
  window->replaceAllUsesWith(reduced);
  window.erase();
  product.erase();
}

namespace {
struct TileWindows : VectorPass<TileWindows> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TileWindows)
  using VectorPass::VectorPass;

  StringRef getArgument() const final { return "gnc-tile-windows"; }
  StringRef getDescription() const final {
    return "makes the rows of a contraction whole windows of the pool after it";
  }

  void run(func::FuncOp function, VectorTarget target) {
    for (ComputeOp op : llvm::make_early_inc_range(function.getOps<ComputeOp>()))
      tileWindow(op, target);
  }
};
} // namespace

std::unique_ptr<Pass> createTileWindows(VectorTarget target) {
  return std::make_unique<TileWindows>(target);
}

} // namespace gnc
