#include "passes/Correlation.h"

#include "ir/Layout.h"
#include "passes/Contraction.h"
#include "passes/CorrelationWalks.h"
#include "llvm/ADT/STLExtras.h"
#include <set>

using namespace mlir;

namespace gnc {

namespace {
class Matcher {
public:
  Matcher(ComputeOp op, std::string &why) : op(op), why(why) {}
  std::optional<Correlation> run();

private:
  bool isReadable(unsigned read);
  std::optional<Correlation> matchAs(unsigned x, unsigned w, unsigned y);
  bool assign(const IndexWalk &walk);
  bool assignBatch(const IndexWalk &walk);
  bool assignChannels(const IndexWalk &walk);
  bool assignAxis(const IndexWalk &walk);
  bool assignGroups(const IndexWalk &walk);
  bool finish();

  ArrayRef<int64_t> shape(unsigned operand) { return operandShape(op, operand); }
  bool refuse(const char *reason) {
    why = reason;
    return false;
  }

  /// What the dimensions of an operand are, as far as it is known.
  struct Roles {
    std::optional<unsigned> batch, channels, outerChannels; ///< outerChannels: of y, in w
    SmallVector<std::optional<unsigned>, 2> axes;
  };

  ComputeOp op;
  std::string &why;
  SmallVector<IndexWalk> walks;
  Correlation found;
  std::array<Roles, 3> roles;
};
} // namespace

/// What lies outside must count as nothing.
bool Matcher::isReadable(unsigned read) {
  AccessAttr access = op.getAccess(read);
  return access.getClamped().empty() && (!access.isGuarded() || access.isZeroOutside()) &&
         !isDataDependent(access) && !op.getReads()[read].getDefiningOp<RandomOp>() &&
         cast<RankedTensorType>(op.getReads()[read].getType()).getElementType().isF32();
}

//===------------------------------------------------------------------------------------------===//
// Roles
//===------------------------------------------------------------------------------------------===//

bool Matcher::assignBatch(const IndexWalk &walk) {
  if (!isPlainWalk(op, walk) || walk.dimsOf(found.x).size() != 1 ||
      walk.dimsOf(found.y).size() != 1 || !walk.dimsOf(found.w).empty())
    return refuse("the batch is no dimension of two tensors alone");
  for (unsigned operand : {found.x, found.y})
    roles[operand].batch = walk.dimsOf(operand).front();
  return true;
}

/// All of one tensor's channels meet all of another's.
bool Matcher::assignChannels(const IndexWalk &walk) {
  bool ofX = !walk.dimsOf(found.x).empty();
  unsigned map = ofX ? found.x : found.y;
  std::optional<unsigned> &inMap = roles[map].channels;
  std::optional<unsigned> &inWeight = ofX ? roles[found.w].channels : roles[found.w].outerChannels;
  if (!isPlainWalk(op, walk) || inMap || inWeight)
    return refuse("there are several dimensions of channels");
  inMap = walk.dimsOf(map).front();
  inWeight = walk.dimsOf(found.w).front();
  (ofX ? found.channelsX : found.channelsY) = shape(map)[*inMap];
  return true;
}

/// Channels in groups: y's k meets x's (k / (K/G)) * D + c.
bool Matcher::assignGroups(const IndexWalk &walk) {
  auto points = pointsOfWalk(op, walk);
  unsigned xDim = walk.dimsOf(found.x).front(), yDim = walk.dimsOf(found.y).front();
  SmallVector<unsigned> wDims = walk.dimsOf(found.w);
  if (!points || roles[found.x].channels || roles[found.y].channels)
    return refuse("there are several dimensions of channels");
  auto at = [&](const WalkPoint &point, unsigned operand, unsigned dim) {
    for (auto [place, value] : llvm::zip_equal(walk.places, point))
      if (place.operand == operand && place.dim == dim)
        return value;
    return int64_t(0);
  };
  auto isOuter = [&](unsigned dim) {
    return llvm::all_of(*points, [&](const WalkPoint &point) {
      return at(point, found.w, dim) == at(point, found.y, yDim);
    });
  };
  const auto *outer = llvm::find_if(wDims, isOuter);
  if (outer == wDims.end())
    return refuse("its windows are no fixed distance apart");
  std::optional<unsigned> inner;
  for (unsigned dim : wDims)
    if (dim != *outer)
      inner = dim;
  int64_t channelsX = shape(found.x)[xDim], channelsY = shape(found.y)[yDim];
  int64_t width = inner ? shape(found.w)[*inner] : 1;
  if (shape(found.w)[*outer] != channelsY || channelsX % width || channelsY % (channelsX / width))
    return refuse("its channels do not fall into groups");
  int64_t groups = channelsX / width, perGroup = channelsY / groups;
  std::set<std::pair<int64_t, int64_t>> seen;
  for (const WalkPoint &point : *points) {
    int64_t k = at(point, found.y, yDim), c = inner ? at(point, found.w, *inner) : 0;
    if (at(point, found.x, xDim) != k / perGroup * width + c || !seen.insert({k, c}).second)
      return refuse("its channels do not fall into groups");
  }
  if (int64_t(seen.size()) != channelsY * width)
    return refuse("its channels do not fall into groups");
  roles[found.x].channels = xDim;
  roles[found.y].channels = yDim;
  roles[found.w].outerChannels = *outer;
  roles[found.w].channels = inner;
  found.channelsX = channelsX, found.channelsY = channelsY, found.groups = groups;
  return true;
}

bool Matcher::assignAxis(const IndexWalk &walk) {
  auto points = pointsOfWalk(op, walk);
  if (!points)
    return refuse("its windows are too many to look at");
  SmallVector<unsigned> wDims = walk.dimsOf(found.w);
  unsigned xDim = walk.dimsOf(found.x).front(), yDim = walk.dimsOf(found.y).front();
  CorrelationAxis axis;
  axis.x = shape(found.x)[xDim], axis.y = shape(found.y)[yDim];
  axis.taps = wDims.empty() ? 1 : shape(found.w)[wDims.front()];
  std::vector<std::array<int64_t, 3>> triples;
  for (const WalkPoint &point : *points) {
    std::array<int64_t, 3> triple{};
    for (auto [place, value] : llvm::zip_equal(walk.places, point))
      triple[place.operand == found.x ? 0 : place.operand == found.w ? 1 : 2] = value;
    triples.push_back(triple);
  }
  std::optional<CorrelationAxis> known = axisOfPoints(triples, axis);
  if (!known)
    return refuse("its windows are no fixed distance apart");
  found.axes.push_back(*known);
  roles[found.x].axes.push_back(xDim);
  roles[found.y].axes.push_back(yDim);
  roles[found.w].axes.push_back(wDims.empty() ? std::nullopt : std::optional(wDims.front()));
  return true;
}

bool Matcher::assign(const IndexWalk &walk) {
  size_t inX = walk.dimsOf(found.x).size(), inW = walk.dimsOf(found.w).size(),
         inY = walk.dimsOf(found.y).size();
  auto extentOf = [&](unsigned index) { return op.getExtents()[index]; };
  if (llvm::any_of(walk.indices, [&](unsigned i) { return ShapedType::isDynamic(extentOf(i)); }))
    return assignBatch(walk);
  if (llvm::all_of(walk.indices, [&](unsigned i) { return extentOf(i) == 1; }))
    return true;
  if (inX + inY == 1 && inW == 1)
    return assignChannels(walk);
  if (inX != 1 || inY != 1 || inW > 2)
    return refuse("it multiplies other elements than a correlation does");
  if (inW == 2)
    return assignGroups(walk);
  if (assignAxis(walk))
    return true;
  std::string reason = why;
  if (inW == 1 && assignGroups(walk))
    return true;
  why = reason;
  return false;
}

//===------------------------------------------------------------------------------------------===//
// The whole
//===------------------------------------------------------------------------------------------===//

/// Nothing is left over, and how everything is to lie.
bool Matcher::finish() {
  if (found.axes.empty())
    return refuse("its windows are no fixed distance apart");
  if (found.axes.size() > 2)
    return refuse("it has windows in more than two directions");
  if (!roles[found.x].batch)
    return refuse("it has no batch");
  for (unsigned operand = 0; operand < 3; ++operand) {
    const Roles &of = roles[operand];
    SmallVector<unsigned> known, &order = found.orders[operand];
    auto add = [&](std::optional<unsigned> dim, SmallVector<unsigned> &list) {
      if (dim)
        list.push_back(*dim);
    };
    add(of.batch, order);
    add(of.outerChannels, order);
    for (std::optional<unsigned> dim : of.axes)
      add(dim, known);
    add(of.channels, known);
    for (unsigned dim = 0; dim < shape(operand).size(); ++dim)
      if (!llvm::is_contained(known, dim) && !llvm::is_contained(order, dim)) {
        if (shape(operand)[dim] != 1)
          return refuse("it reads a part of a tensor");
        order.push_back(dim);
      }
    llvm::append_range(order, known);
  }
  return true;
}

std::optional<Correlation> Matcher::matchAs(unsigned x, unsigned w, unsigned y) {
  found = {};
  roles = {};
  found.x = x, found.w = w, found.y = y;
  found.product = y == Correlation::kResult   ? Correlation::Product::Forward
                  : x == Correlation::kResult ? Correlation::Product::Data
                                              : Correlation::Product::Weights;
  if (!llvm::all_of(walks, [&](const IndexWalk &walk) { return assign(walk); }) || !finish())
    return std::nullopt;
  // With one tap and stride 1 both directions are the same sum: the weight's dimensions tell.
  bool same = llvm::all_of(
      found.axes, [](const CorrelationAxis &axis) { return axis.taps == 1 && axis.stride == 1; });
  const Roles &weight = roles[w];
  if (same && weight.channels && weight.outerChannels && *weight.channels < *weight.outerChannels) {
    refuse("it is a correlation the other way round");
    return std::nullopt;
  }
  return found;
}

std::optional<Correlation> Matcher::run() {
  constexpr unsigned kResult = Correlation::kResult;
  if (!isReadable(0) || !isReadable(1) ||
      !cast<RankedTensorType>(op->getResult(0).getType()).getElementType().isF32()) {
    refuse("it reads what is computed on the way, or not in f32");
    return std::nullopt;
  }
  if (!isStillInside(op)) {
    refuse("what it reads lies outside");
    return std::nullopt;
  }
  walks = walksOf(op);
  auto batched = [&](unsigned operand) {
    return !shape(operand).empty() && ShapedType::isDynamic(shape(operand)[0]);
  };
  if (batched(0) + batched(1) + batched(kResult) != 2) {
    refuse("the batch is no dimension of two tensors alone");
    return std::nullopt;
  }
  unsigned w = !batched(0) ? 0 : !batched(1) ? 1 : kResult;
  unsigned first = w == 0 ? 1 : 0, second = w == kResult ? 1 : kResult;
  if (llvm::none_of(walks, [&](const IndexWalk &walk) {
        return !ShapedType::isDynamic(op.getExtents()[walk.indices.front()]) &&
               !walk.dimsOf(first).empty() && !walk.dimsOf(second).empty();
      })) {
    refuse("it has no windows: it is a product of matrices");
    return std::nullopt;
  }
  if (auto match = matchAs(first, w, second))
    return match;
  std::string reason = why;
  if (auto match = matchAs(second, w, first))
    return match;
  why = reason;
  return std::nullopt;
}

bool liesAs(RankedTensorType type, ArrayRef<unsigned> order) {
  SmallVector<int64_t> is = physicalStrides(type), wanted = physicalStrides(withOrder(type, order));
  return llvm::all_of(llvm::seq<int64_t>(0, type.getRank()), [&](int64_t dim) {
    return type.getDimSize(dim) == 1 || is[dim] == wanted[dim];
  });
}

std::optional<Correlation> correlationOf(ComputeOp op, std::string &why) {
  return Matcher(op, why).run();
}

} // namespace gnc
