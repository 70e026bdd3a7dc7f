#include "passes/Contraction.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"

using namespace mlir;

namespace gnc {

bool isProductSum(ComputeOp op) {
  if (op.getNumResults() != 1 || op.getReduction(0) != Reduction::Sum || op.getNumBodyReads() != 2)
    return false;
  Block *body = op.getBodyBlock();
  auto product = op.getYielded()[0].getDefiningOp<arith::MulFOp>();
  if (!product || body->getOperations().size() != 2)
    return false;
  // The reads are all that there is to multiply.
  return product.getLhs() != product.getRhs();
}

bool isDataDependent(AccessAttr access) {
  bool found = false;
  auto look = [&](AffineExpr expr) { found |= isa<AffineSymbolExpr>(expr); };
  access.getCoords().walkExprs(look);
  access.getConditions().walkExprs(look);
  return found;
}

std::optional<unsigned> Contraction::soleDimension(AccessAttr access, unsigned index) {
  std::optional<unsigned> found;
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults())) {
    if (!coordinate.isFunctionOfDim(index))
      continue;
    LinearForm form = linearForm(coordinate);
    if (found || form.coefficient(getAffineDimExpr(index, coordinate.getContext())) != 1)
      return std::nullopt;
    found = dim;
  }
  return found;
}

std::optional<int64_t> panelWidth(AccessAttr access, unsigned index) {
  ArrayRef<AffineExpr> coords = access.getCoords().getResults();
  auto dividesIndex = [&](AffineExpr coordinate, AffineExprKind kind) -> std::optional<int64_t> {
    auto binary = dyn_cast<AffineBinaryOpExpr>(coordinate);
    auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    if (!divisor || coordinate.getKind() != kind ||
        binary.getLHS() != getAffineDimExpr(index, coordinate.getContext()))
      return std::nullopt;
    return divisor.getValue();
  };
  if (coords.size() < 2)
    return std::nullopt;
  auto width = dividesIndex(coords.front(), AffineExprKind::FloorDiv);
  bool alone = llvm::none_of(coords.drop_front().drop_back(), [&](AffineExpr coordinate) {
    return coordinate.isFunctionOfDim(index);
  });
  return width && width == dividesIndex(coords.back(), AffineExprKind::Mod) && alone ? width
                                                                                     : std::nullopt;
}

static bool isStrided(AccessAttr access, ArrayRef<AffineExpr> coords) {
  return access.getClamped().empty() && llvm::all_of(coords, [](AffineExpr coordinate) {
           return linearForm(coordinate).isAffineInDims();
         });
}

/// Whether outer indices and one reduced index at most decide about `value`.
static bool isOfSum(ComputeOp op, AffineExpr value) {
  if (!linearForm(value).isAffineInDims())
    return false;
  AffineMap first = op.getAccess(0).getCoords(), second = op.getAccess(1).getCoords();
  unsigned reduced = 0;
  for (auto [index, extent] : llvm::enumerate(op.getExtents())) {
    if (!value.isFunctionOfDim(index))
      continue;
    bool parallel = index < op.getNumParallel();
    if (ShapedType::isDynamic(extent) ||
        (parallel && first.isFunctionOfDim(index) != second.isFunctionOfDim(index)))
      return false;
    reduced += !parallel;
  }
  return reduced <= 1;
}

/// The points that some bound depends on: the indices, and how many points they span.
static std::pair<SmallVector<unsigned>, int64_t> pointsOf(ComputeOp op, ArrayRef<SumBound> bounds) {
  SmallVector<unsigned> indices;
  int64_t points = 1;
  for (auto [index, extent] : llvm::enumerate(op.getExtents()))
    if (llvm::any_of(bounds, [&](const SumBound &b) { return b.value.isFunctionOfDim(index); })) {
      indices.push_back(index);
      points = points > (1 << 20) ? points : points * extent;
    }
  return {indices, points};
}

std::optional<SmallVector<SumBound>> sumBounds(ComputeOp op, unsigned read) {
  AccessAttr access = op.getAccess(read);
  constexpr int64_t kMostPoints = 1 << 10; // few enough to be looked at one by one
  SmallVector<SumBound> bounds;
  if (!access.isGuarded())
    return bounds;
  if (!access.isZeroOutside() || !access.getClamped().empty() || isDataDependent(access))
    return std::nullopt;
  auto type = cast<RankedTensorType>(op.getReads()[read].getType());
  auto ask = [&](AffineExpr value, int64_t limit) {
    value = simplify(value, op.getExtents());
    if (ShapedType::isDynamic(limit) || rangeOf(value, op.getExtents()).inside(limit))
      return true; // the batch is as long everywhere
    bounds.push_back({value, limit});
    return isOfSum(op, value);
  };
  for (auto [value, limit] : llvm::zip_equal(access.getCoords().getResults(), type.getShape()))
    if (!ask(value, limit))
      return std::nullopt;
  for (auto [value, limit] :
       llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
    if (!ask(value, limit))
      return std::nullopt;
  return pointsOf(op, bounds).second <= kMostPoints ? std::optional(bounds) : std::nullopt;
}

double countedShare(ComputeOp op) {
  SmallVector<SumBound> bounds;
  for (unsigned read : {0, 1}) {
    auto found = sumBounds(op, read);
    if (!found)
      return 1;
    bounds.append(*found);
  }
  auto [indices, points] = pointsOf(op, bounds);
  int64_t counted = 0;
  SmallVector<AffineExpr> at(op.getNumIndices(), getAffineConstantExpr(0, op.getContext()));
  for (int64_t point = 0; point < points; ++point) {
    int64_t rest = point;
    for (unsigned index : indices) {
      at[index] = getAffineConstantExpr(rest % op.getExtents()[index], op.getContext());
      rest /= op.getExtents()[index];
    }
    counted += llvm::all_of(bounds, [&](const SumBound &bound) {
      return rangeOf(bound.value.replaceDims(at), {}).inside(bound.limit);
    });
  }
  return double(counted) / points;
}

std::optional<Contraction> classify(ComputeOp op, unsigned vector) {
  if (!isProductSum(op) || vector >= op.getNumParallel())
    return std::nullopt;
  AccessAttr first = op.getAccess(0), second = op.getAccess(1);
  bool inFirst = first.getCoords().isFunctionOfDim(vector),
       inSecond = second.getCoords().isFunctionOfDim(vector);
  if (inFirst == inSecond)
    return std::nullopt;
  Contraction c{inFirst ? 1u : 0u, inFirst ? 0u : 1u, {}, {}, {}, {}, 0, {}};
  c.panel = panelWidth(op.getAccess(c.b), vector).value_or(0);
  AffineMap a = op.getAccess(c.a).getCoords(), b = op.getAccess(c.b).getCoords();
  ArrayRef<AffineExpr> stepsOfB = b.getResults();
  if (c.panel)
    stepsOfB = stepsOfB.drop_front().drop_back();
  if (!isStrided(op.getAccess(c.a), a.getResults()) || !isStrided(op.getAccess(c.b), stepsOfB))
    return std::nullopt;
  for (unsigned i = 0; i < op.getNumIndices(); ++i) {
    bool inA = a.isFunctionOfDim(i), inB = b.isFunctionOfDim(i);
    auto &role = i >= op.getNumParallel() ? c.k : inA && !inB ? c.m : inB && !inA ? c.n : c.outer;
    role.push_back(i);
  }
  for (unsigned read : {c.a, c.b}) {
    auto bounds = sumBounds(op, read);
    if (!bounds)
      return std::nullopt;
    c.bounds.append(*bounds);
  }
  bool sums = llvm::any_of(c.k, [&](unsigned index) { return op.getExtents()[index] != 1; });
  if (c.m.empty() || (!c.bounds.empty() && !sums) ||
      (!c.panel && !Contraction::soleDimension(op.getAccess(c.b), vector)))
    return std::nullopt;
  return c;
}

bool liesAlongSum(ComputeOp op, const Contraction &c) {
  constexpr int64_t kVector = 4;
  auto innermost = [&](unsigned read) -> std::optional<unsigned> {
    SmallVector<unsigned> order =
        physicalOrder(cast<RankedTensorType>(op.getReads()[read].getType()));
    if (order.empty())
      return std::nullopt;
    auto index = dyn_cast<AffineDimExpr>(op.getAccess(read).getCoords().getResult(order.back()));
    bool alone = index && llvm::is_contained(c.k, index.getPosition()) &&
                 !ShapedType::isDynamic(op.getExtents()[index.getPosition()]) &&
                 op.getExtents()[index.getPosition()] % kVector == 0 &&
                 Contraction::soleDimension(op.getAccess(read), index.getPosition());
    return alone ? std::optional(index.getPosition()) : std::nullopt;
  };
  std::optional<unsigned> index = innermost(c.b);
  return index && index == innermost(c.a);
}

SmallVector<unsigned> vectorCandidates(ComputeOp op) {
  SmallVector<unsigned> candidates;
  for (unsigned i = 0; i < op.getNumParallel(); ++i)
    if (!ShapedType::isDynamic(op.getExtents()[i]) && classify(op, i))
      candidates.push_back(i);
  return candidates;
}

} // namespace gnc
