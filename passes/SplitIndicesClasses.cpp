#include "ir/IndexMath.h"
#include "passes/FusionSupport.h"
#include "passes/SplitIndices.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Groups of a reshape
//===------------------------------------------------------------------------------------------===//

/// Extends the group that begins at (i, j) until both sides hold equally many elements; false if
/// they never do.
static bool closeGroup(ArrayRef<int64_t> from, ArrayRef<int64_t> to, unsigned &i, unsigned &j) {
  bool dynamicFrom = ShapedType::isDynamic(from[i]), dynamicTo = ShapedType::isDynamic(to[j]);
  int64_t productFrom = from[i++], productTo = to[j++];
  if (dynamicFrom || dynamicTo)
    return dynamicFrom && dynamicTo;
  while (productFrom != productTo) {
    bool extendFrom = productFrom < productTo;
    ArrayRef<int64_t> shape = extendFrom ? from : to;
    unsigned &next = extendFrom ? i : j;
    if (next == shape.size())
      return false;
    (extendFrom ? productFrom : productTo) *= shape[next++];
  }
  return true;
}

/// The finest common grouping, in row-major order; none if a trailing dimension of extent 1 has
/// nothing to join.
SmallVector<ReshapeGroup> reshapeGroups(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  SmallVector<ReshapeGroup> groups;
  unsigned i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    unsigned beginFrom = i, beginTo = j;
    if (!closeGroup(from, to, i, j))
      return {};
    groups.push_back({beginFrom, i, beginTo, j});
  }
  if (i == from.size() && j == to.size())
    return groups;
  if (groups.empty() || ShapedType::isDynamic(from[groups.back().beginFrom]))
    return {};
  groups.back().endFrom = from.size();
  groups.back().endTo = to.size();
  return groups;
}

//===------------------------------------------------------------------------------------------===//
// Classes
//===------------------------------------------------------------------------------------------===//

static ArrayRef<int64_t> shapeOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

unsigned SplitClasses::ofDimension(Value tensor, unsigned dim) const {
  return classes[firstOfTensor.find(tensor)->second + dim];
}

unsigned SplitClasses::ofIndex(ComputeOp op, unsigned index) const {
  return classes[firstOfEquation.find(op)->second + index];
}

void SplitClasses::addNodes(func::FuncOp function) {
  auto addTensor = [&](Value tensor) {
    firstOfTensor[tensor] = numNodes;
    numNodes += shapeOf(tensor).size();
  };
  for (BlockArgument argument : function.getArguments())
    addTensor(argument);
  for (Operation &op : function.front()) {
    for (Value result : op.getResults())
      addTensor(result);
    if (auto compute = dyn_cast<ComputeOp>(op)) {
      firstOfEquation[compute] = numNodes;
      numNodes += compute.getNumIndices();
    }
  }
  blocked.assign(numNodes, false);
  classes.grow(numNodes);
}

void SplitClasses::block(Value tensor) {
  for (unsigned dim = 0; dim < shapeOf(tensor).size(); ++dim)
    blocked[firstOfTensor[tensor] + dim] = true;
}

void SplitClasses::link(Value a, unsigned dimA, Value b, unsigned dimB) {
  classes.join(firstOfTensor[a] + dimA, firstOfTensor[b] + dimB);
}

void SplitClasses::link(ComputeOp op) {
  unsigned first = firstOfEquation[op];
  for (Value result : op.getResults())
    for (unsigned dim = 0; dim < op.getNumParallel(); ++dim)
      classes.join(firstOfTensor[result] + dim, first + dim);
  for (unsigned read = 0; read < op.getReads().size(); ++read) {
    Value tensor = op.getReads()[read];
    AccessAttr access = op.getAccess(read);
    for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults())) {
      unsigned node = firstOfTensor[tensor] + dim;
      auto index = dyn_cast<AffineDimExpr>(coordinate);
      if (index && op.getExtents()[index.getPosition()] == shapeOf(tensor)[dim])
        classes.join(node, first + index.getPosition());
      else if (access.isClamped(dim))
        blocked[node] = true;
      else
        looseReads.push_back({op, read, static_cast<unsigned>(dim), node});
    }
  }
}

/// What the host gives and takes keeps its shape; weights and their updates change it together.
void SplitClasses::linkResults(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), names::kRole);
    if (!role || !isPersistentRole(role.getValue()))
      block(argument);
  }
  for (OpOperand &result : function.front().getTerminator()->getOpOperands()) {
    unsigned number = result.getOperandNumber();
    auto target = function.getResultAttrOfType<IntegerAttr>(number, names::kUpdates);
    if (!target || function.getResultAttr(number, names::kPath)) {
      block(result.get());
      continue;
    }
    BlockArgument argument = function.getArgument(target.getInt());
    if (argument.getType() != result.get().getType()) {
      block(argument);
      block(result.get());
      continue;
    }
    for (unsigned dim = 0; dim < shapeOf(argument).size(); ++dim)
      link(argument, dim, result.get(), dim);
  }
}

SplitClasses::SplitClasses(func::FuncOp function) {
  addNodes(function);
  for (Operation &op : function.front().without_terminator()) {
    if (auto compute = dyn_cast<ComputeOp>(op)) {
      link(compute);
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      for (ReshapeGroup group : reshapeGroups(shapeOf(reshape.getInput()), shapeOf(reshape)))
        if (group.sizeFrom() == 1 && group.sizeTo() == 1)
          link(reshape.getInput(), group.beginFrom, reshape, group.beginTo);
    } else if (!isa<RandomOp>(op)) { // random numbers count elements, whatever their shape
      for (Value operand : op.getOperands())
        block(operand);
      for (Value result : op.getResults())
        block(result);
    }
  }
  linkResults(function);
  classes.compress();
  SmallVector<bool> perClass(classes.getNumClasses(), false);
  for (unsigned node = 0; node < numNodes; ++node)
    if (blocked[node])
      perClass[classes[node]] = true;
  blocked = perClass;
  splits.resize(classes.getNumClasses());
  isPart.assign(classes.getNumClasses(), false);
}

//===------------------------------------------------------------------------------------------===//
// Requests
//===------------------------------------------------------------------------------------------===//

static unsigned divisionsIn(AffineExpr expr) {
  unsigned count = 0;
  expr.walk([&](AffineExpr part) {
    count += part.getKind() == AffineExprKind::FloorDiv || part.getKind() == AffineExprKind::Mod ||
             part.getKind() == AffineExprKind::CeilDiv;
  });
  return count;
}

SmallVector<AffineExpr> splitCoordinate(AffineExpr coordinate, ArrayRef<int64_t> parts,
                                        ArrayRef<int64_t> extents) {
  SmallVector<AffineExpr> split(parts.size());
  int64_t stride = 1;
  for (unsigned part = parts.size(); part-- > 0; stride *= parts[part]) {
    AffineExpr quotient = coordinate.floorDiv(stride);
    split[part] = simplify(part == 0 ? quotient : quotient % parts[part], extents);
  }
  return split;
}

/// A reshape is free; divisions at every element are not.
bool SplitClasses::staysSimple(const LooseRead &loose, ArrayRef<int64_t> extents) const {
  ComputeOp op = loose.op;
  AffineExpr coordinate = op.getAccess(loose.read).getCoords().getResult(loose.dim);
  unsigned divisions = 0;
  for (AffineExpr part : splitCoordinate(coordinate, extents, op.getExtents()))
    divisions += divisionsIn(part);
  return divisions <= divisionsIn(coordinate);
}

bool SplitClasses::canSplit(unsigned cls, ArrayRef<int64_t> extents,
                            ArrayRef<unsigned> parts) const {
  if (blocked[cls] || isPart[cls] || llvm::is_contained(parts, cls))
    return false;
  if (!splits[cls].empty() && ArrayRef(splits[cls]) != extents)
    return false;
  if (llvm::any_of(parts, [&](unsigned part) { return !splits[part].empty(); }))
    return false;
  return llvm::all_of(looseReads, [&](const LooseRead &loose) {
    return classes[loose.node] != cls || staysSimple(loose, extents);
  });
}

void SplitClasses::split(unsigned cls, ArrayRef<int64_t> extents, ArrayRef<unsigned> parts) {
  splits[cls].assign(extents.begin(), extents.end());
  for (unsigned part : parts)
    isPart[part] = true;
}

} // namespace gnc
