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
  return !access.isGuarded() && access.getClamped().empty() &&
         llvm::all_of(
             coords, [](AffineExpr coordinate) { return linearForm(coordinate).isAffineInDims(); });
}

std::optional<Contraction> classify(ComputeOp op, unsigned vector) {
  if (!isProductSum(op) || vector >= op.getNumParallel())
    return std::nullopt;
  AccessAttr first = op.getAccess(0), second = op.getAccess(1);
  bool inFirst = first.getCoords().isFunctionOfDim(vector),
       inSecond = second.getCoords().isFunctionOfDim(vector);
  if (inFirst == inSecond)
    return std::nullopt;
  Contraction c{inFirst ? 1u : 0u, inFirst ? 0u : 1u, {}, {}, {}, {}};
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
  if (c.m.empty() || (!c.panel && !Contraction::soleDimension(op.getAccess(c.b), vector)))
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
