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

/// Work in operations, a byte that moves through the caches counting as `kOpsPerByte`. A direct
/// convolution does 2 * 9 * c * k of them for each result; here a tile of 16 results does
/// 2 * 36 * c * k and moves 36 * (c + k) numbers out and in.
bool pays(ComputeOp op, const Correlation &conv, int64_t batch) {
  constexpr double kOpsPerByte = 6, kBytes = 2 * sizeof(float) * kPoints * kPoints;
  ArrayRef<int64_t> extents = op.getExtents();
  double c = extents[conv.c], k = extents[conv.k];
  double places = double(extents[conv.rows.place]) * extents[conv.columns.place] * batch;
  double tiles = double(conv.rows.tiles(extents)) * conv.columns.tiles(extents) * batch;
  double direct = 2.0 * kTaps * kTaps * c * k * places;
  double products = 2.0 * kPoints * kPoints * c * k * tiles;
  return products + kOpsPerByte * kBytes * (tiles * (c + k) + c * k) < direct;
}

} // namespace gnc::winograd
