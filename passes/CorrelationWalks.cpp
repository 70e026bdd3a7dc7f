#include "passes/CorrelationWalks.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <set>

using namespace mlir;

namespace gnc {

SmallVector<unsigned> IndexWalk::dimsOf(unsigned operand) const {
  SmallVector<unsigned> dims;
  for (WalkPlace place : places)
    if (place.operand == operand)
      dims.push_back(place.dim);
  return dims;
}

ArrayRef<int64_t> operandShape(ComputeOp op, unsigned operand) {
  Value tensor = operand == Correlation::kResult ? op->getResult(0) : op.getReads()[operand];
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

static AffineExpr coordinateAt(ComputeOp op, WalkPlace place) {
  return place.operand == Correlation::kResult
             ? getAffineDimExpr(place.dim, op.getContext())
             : op.getAccess(place.operand).getCoords().getResult(place.dim);
}

static int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = evaluate(binary.getLHS(), dims), right = evaluate(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add: return left + right;
  case AffineExprKind::Mul: return left * right;
  case AffineExprKind::Mod: return llvm::mod(left, right);
  case AffineExprKind::FloorDiv: return llvm::divideFloorSigned(left, right);
  default: return llvm::divideCeilSigned(left, right);
  }
}

SmallVector<IndexWalk> walksOf(ComputeOp op) {
  SmallVector<IndexWalk> walks;
  llvm::EquivalenceClasses<unsigned> groups;
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    groups.insert(i);
  auto unite = [&](AffineExpr expr) {
    std::optional<unsigned> first;
    for (unsigned i = 0; i < op.getNumIndices(); ++i)
      if (expr.isFunctionOfDim(i)) {
        groups.unionSets(first.value_or(i), i);
        first = first.value_or(i);
      }
  };
  for (unsigned read = 0; read < 2; ++read) {
    llvm::for_each(op.getAccess(read).getCoords().getResults(), unite);
    llvm::for_each(op.getAccess(read).getConditions().getResults(), unite);
  }
  std::map<unsigned, IndexWalk> byLeader;
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    byLeader[groups.getLeaderValue(i)].indices.push_back(i);
  for (auto &[leader, walk] : byLeader) {
    for (unsigned operand = 0; operand < 3; ++operand)
      for (unsigned dim = 0; dim < operandShape(op, operand).size(); ++dim)
        if (llvm::any_of(walk.indices, [&](unsigned index) {
              return coordinateAt(op, {operand, dim}).isFunctionOfDim(index);
            }))
          walk.places.push_back({operand, dim});
    walks.push_back(std::move(walk));
  }
  return walks;
}

bool isPlainWalk(ComputeOp op, const IndexWalk &walk) {
  if (walk.indices.size() != 1)
    return false;
  unsigned index = walk.indices.front();
  for (unsigned read = 0; read < 2; ++read)
    if (op.getAccess(read).getConditions().isFunctionOfDim(index))
      return false;
  return llvm::all_of(walk.places, [&](WalkPlace place) {
    return coordinateAt(op, place) == getAffineDimExpr(index, op.getContext()) &&
           operandShape(op, place.operand)[place.dim] == op.getExtents()[index];
  });
}

bool isStillInside(ComputeOp op) {
  SmallVector<int64_t> first(op.getNumIndices(), 0);
  auto leaves = [&](AffineExpr expr, int64_t limit) {
    for (unsigned index = 0; index < op.getNumIndices(); ++index)
      if (op.getExtents()[index] != 1 && expr.isFunctionOfDim(index))
        return false;
    int64_t value = evaluate(expr, first);
    return value < 0 || value >= limit;
  };
  for (unsigned read = 0; read < 2; ++read) {
    AccessAttr access = op.getAccess(read);
    for (auto [expr, limit] :
         llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
      if (leaves(expr, limit))
        return false;
    for (auto [expr, extent] :
         llvm::zip_equal(access.getCoords().getResults(), operandShape(op, read)))
      if (leaves(expr, extent))
        return false;
  }
  return true;
}

std::optional<std::vector<WalkPoint>> pointsOfWalk(ComputeOp op, const IndexWalk &walk) {
  constexpr int64_t kMost = 1 << 22;
  int64_t count = 1;
  for (unsigned index : walk.indices)
    if (ShapedType::isDynamic(op.getExtents()[index]) || (count *= op.getExtents()[index]) > kMost)
      return std::nullopt;
  SmallVector<std::pair<AffineExpr, int64_t>> conditions; // 0 <= expr < limit
  for (unsigned read = 0; read < 2; ++read)
    for (auto [expr, limit] : llvm::zip_equal(op.getAccess(read).getConditions().getResults(),
                                              op.getAccess(read).getLimits()))
      if (llvm::any_of(walk.indices, [&](unsigned index) { return expr.isFunctionOfDim(index); }))
        conditions.push_back({expr, limit});
  std::vector<WalkPoint> points;
  SmallVector<int64_t> dims(op.getNumIndices(), 0);
  for (int64_t number = 0; number < count; ++number) {
    int64_t rest = number;
    for (unsigned index : walk.indices) {
      dims[index] = rest % op.getExtents()[index];
      rest /= op.getExtents()[index];
    }
    WalkPoint point;
    bool inside = llvm::all_of(conditions, [&](auto &condition) {
      int64_t value = evaluate(condition.first, dims);
      return 0 <= value && value < condition.second;
    });
    for (WalkPlace place : walk.places) {
      point.push_back(evaluate(coordinateAt(op, place), dims));
      inside &= 0 <= point.back() && point.back() < operandShape(op, place.operand)[place.dim];
    }
    if (inside)
      points.push_back(std::move(point));
  }
  return points;
}

std::optional<CorrelationAxis> axisOfPoints(ArrayRef<std::array<int64_t, 3>> points,
                                            CorrelationAxis axis) {
  if (points.empty())
    return std::nullopt;
  // Any two points in one window, and any two of one tap, tell how far apart they are.
  std::map<int64_t, std::array<int64_t, 3>> ofTap, ofWindow;
  for (const std::array<int64_t, 3> &point : points) {
    auto [x, t, y] = point;
    auto [otherX, tap, otherY] = ofTap.try_emplace(t, point).first->second;
    auto [thatX, otherTap, window] = ofWindow.try_emplace(y, point).first->second;
    if (y != otherY)
      axis.stride = (x - otherX) / (y - otherY);
    if (t != otherTap)
      axis.dilation = (x - thatX) / (t - otherTap);
  }
  auto [x0, t0, y0] = points.front();
  axis.pad = y0 * axis.stride + t0 * axis.dilation - x0;
  if (axis.stride < 1 || axis.dilation < 1 || axis.pad < 0)
    return std::nullopt;
  std::set<std::array<int64_t, 3>> wanted, given(points.begin(), points.end());
  for (int64_t y = 0; y < axis.y; ++y)
    for (int64_t t = 0; t < axis.taps; ++t)
      if (int64_t x = y * axis.stride + t * axis.dilation - axis.pad; 0 <= x && x < axis.x)
        wanted.insert({x, t, y});
  if (given.size() != points.size() || given != wanted)
    return std::nullopt;
  // As many elements behind the last as before the first, if that makes the same windows.
  auto windows = [&](int64_t end) {
    return (axis.x + axis.pad + end - axis.dilation * (axis.taps - 1) - 1) / axis.stride + 1;
  };
  int64_t reach = (axis.y - 1) * axis.stride + axis.dilation * (axis.taps - 1) + 1;
  axis.padEnd =
      windows(axis.pad) == axis.y ? axis.pad : std::max<int64_t>(reach - axis.pad - axis.x, 0);
  return windows(axis.padEnd) == axis.y ? std::optional(axis) : std::nullopt;
}

} // namespace gnc
