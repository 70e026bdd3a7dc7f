#include "passes/WinogradForm.h"
#include "ir/IndexMath.h"
#include "passes/Contraction.h"

using namespace mlir;

namespace gnc::winograd {

bool isWeightGradient(ComputeOp op) {
  return llvm::any_of(op.getReductionExtents(), ShapedType::isDynamic);
}

static std::optional<Axis> axisOf(ComputeOp op, AffineExpr coordinate) {
  LinearForm form = linearForm(coordinate);
  if (form.terms.size() != 2 || !form.isAffineInDims())
    return std::nullopt;
  auto position = [&](unsigned term) {
    return cast<AffineDimExpr>(form.terms[term].first).getPosition();
  };
  for (unsigned tap : {0u, 1u}) {
    unsigned place = 1 - tap;
    bool tapIsParallel = position(tap) < op.getNumParallel();
    bool placeIsParallel = position(place) < op.getNumParallel();
    if (tapIsParallel == isWeightGradient(op) && placeIsParallel != tapIsParallel &&
        op.getExtents()[position(tap)] == kTaps && form.terms[place].second == 1 &&
        std::abs(form.terms[tap].second) == 1)
      return Axis{position(place), position(tap), form.terms[tap].second == -1};
  }
  return std::nullopt;
}

/// Reads `x` as x[n, c, place + tap, place + tap].
static std::optional<Correlation> matchX(ComputeOp op, unsigned x) {
  AffineMap coords = op.getAccess(x).getCoords();
  if (coords.getNumResults() != 4 || op.getNumIndices() != 7)
    return std::nullopt;
  Correlation found{x, 1 - x, 0, 0, 0, {}, {}};
  std::optional<unsigned> n, c;
  SmallVector<Axis, 2> axes;
  for (AffineExpr coordinate : coords.getResults()) {
    if (std::optional<Axis> axis = axisOf(op, coordinate)) {
      axes.push_back(*axis);
      continue;
    }
    auto index = dyn_cast<AffineDimExpr>(coordinate);
    if (!index)
      return std::nullopt;
    bool batch = ShapedType::isDynamic(op.getExtents()[index.getPosition()]);
    (batch ? n : c) = index.getPosition();
  }
  if (axes.size() != 2 || !n || !c)
    return std::nullopt;
  found.n = *n, found.c = *c, found.rows = axes[0], found.columns = axes[1];
  return found;
}

/// The dimension of read `read` that index `index` walks, alone.
static std::optional<unsigned> dimensionOf(ComputeOp op, unsigned read, unsigned index) {
  for (auto [dim, coordinate] : llvm::enumerate(op.getAccess(read).getCoords().getResults()))
    if (coordinate.isFunctionOfDim(index)) {
      LinearForm form = linearForm(coordinate);
      bool alone = form.terms.size() == 1 && std::abs(form.terms[0].second) == 1;
      return alone ? std::optional<unsigned>(dim) : std::nullopt;
    }
  return std::nullopt;
}

/// Nothing but 0 stands outside of a tensor, and nothing else is outside.
static bool isPlain(AccessAttr access, bool mayBeGuarded) {
  bool guard = !access.isGuarded() || (mayBeGuarded && access.isZeroOutside());
  return guard && access.getLimits().empty() && access.getClamped().empty() &&
         !isDataDependent(access);
}

std::optional<Correlation> match(ComputeOp op) {
  if (!isProductSum(op))
    return std::nullopt;
  auto f32 = [](Type type) { return cast<RankedTensorType>(type).getElementType().isF32(); };
  if (!f32(op.getResultTypes()[0]) || !llvm::all_of(op.getReads().take_front(2).getTypes(), f32))
    return std::nullopt;
  for (unsigned x : {0u, 1u}) {
    std::optional<Correlation> found = matchX(op, x);
    if (!found || !isPlain(op.getAccess(x), true) || !isPlain(op.getAccess(found->other), false) ||
        op.getAccess(found->other).getCoords().getNumResults() != 4)
      continue;
    bool gradient = isWeightGradient(op);
    if (gradient != (found->c < op.getNumParallel()))
      continue;
    SmallVector<unsigned> walked{found->rows.tap, found->columns.tap, found->c};
    if (gradient)
      walked = {found->rows.place, found->columns.place, found->n};
    // The index that is left is the one of the result's channel.
    unsigned all = 0;
    for (unsigned i = 0; i < 7; ++i)
      all += i;
    found->k = all - found->n - found->c - found->rows.place - found->rows.tap -
               found->columns.place - found->columns.tap;
    walked.push_back(found->k);
    if (found->k < op.getNumParallel() &&
        llvm::all_of(walked, [&](unsigned i) { return dimensionOf(op, found->other, i); }))
      return found;
  }
  return std::nullopt;
}

// Work is counted in operations. A byte that moves through the caches counts as kOpsPerByte, where
// arithmetic waits for it; weights that are only read stream in beside the arithmetic, and the
// slower of the two counts: 25 GB/s of memory and of the third level beside 112 GFLOP/s.
static constexpr double kOpsPerByte = 6, kOpsPerStreamedByte = 4.5;

/// A direct convolution does 2 * 9 * c * k for each result.
static double directWork(double weights, double places, bool once) {
  double direct = 2.0 * kTaps * kTaps * weights * places;
  double streamed = sizeof(float) * kTaps * kTaps * weights * kOpsPerStreamedByte;
  return once ? std::max(direct, streamed) : direct;
}

/// A tile does 2 * points * c * k, and moves points * (c + k) numbers out and in.
static double work(ComputeOp op, const Correlation &conv, Tiling tiling, int64_t batch, bool once) {
  ArrayRef<int64_t> extents = op.getExtents();
  double c = extents[conv.c], k = extents[conv.k], points = tiling.points();
  double tiles = double(conv.rows.tiles(extents, *tiling.rows)) *
                 conv.columns.tiles(extents, *tiling.columns) * batch;
  double products = 2.0 * points * c * k * tiles;
  double moved = 2.0 * sizeof(float) * points * tiles * (c + k);
  double weights = sizeof(float) * points * c * k;
  return kOpsPerByte * moved + (once ? std::max(products, kOpsPerStreamedByte * weights)
                                     : products + kOpsPerByte * 2 * weights);
}

std::optional<Tiling> cheapest(ComputeOp op, const Correlation &conv, int64_t batch, bool once) {
  ArrayRef<int64_t> extents = op.getExtents();
  double places = double(extents[conv.rows.place]) * extents[conv.columns.place] * batch;
  double least = directWork(double(extents[conv.c]) * extents[conv.k], places, once);
  std::optional<Tiling> best;
  for (const Form &rows : forms())
    for (const Form &columns : forms())
      if (double found = work(op, conv, {&rows, &columns}, batch, once); found < least)
        least = found, best = {&rows, &columns};
  return best;
}

} // namespace gnc::winograd
