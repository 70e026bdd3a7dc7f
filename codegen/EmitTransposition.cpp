//===- EmitTransposition.cpp - a tensor into another order, block by block --------------------===//
//
// y[.., t, .., v] = x[.., v, .., t], with t innermost in x and v innermost in y: as a loop over
// vectors of y every lane would be a load of its own. Instead lanes x lanes elements are read as
// vectors along t, transposed in registers, and written as vectors along v. Blocks are taken in
// squares of two by two, so that every cache line is used whole while it is there.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/Emit.h"

using namespace mlir;

namespace gnc {

namespace {
struct Transposition {
  unsigned v, t;           ///< indices that step through y and x by one element
  StridedAddress to, from; ///< over the indices of the equation
};
} // namespace

static std::optional<Transposition> transpositionOf(ComputeOp op, unsigned lanes) {
  if (!op.isPointwise() || op.hasFinish() || op.getReads().size() != 1 || op.getNumResults() != 1 ||
      op.getYielded()[0] != op.getBody().getArgument(0) || isRandom(op.getReads()[0]) || lanes < 4)
    return std::nullopt;
  AccessAttr access = op.getAccess(0);
  auto from = cast<RankedTensorType>(op.getReads()[0].getType());
  auto to = cast<RankedTensorType>(op.getResultTypes()[0]);
  if (access.isGuarded() || !access.getClamped().empty() || !from.getElementType().isF32() ||
      !to.getElementType().isF32())
    return std::nullopt;
  std::optional<StridedAddress> address = stridedAddress(access, from, op.getNumIndices());
  if (!address)
    return std::nullopt;
  Transposition found{0, 0, resultAddress(op, 0), *address};
  std::optional<unsigned> v, t;
  for (unsigned i = 0; i < op.getNumIndices(); ++i) {
    int64_t extent = op.getExtents()[i];
    if (ShapedType::isDynamic(extent) || extent == 1 || extent % lanes)
      continue;
    if (found.to.strides[i] == 1 && found.from.strides[i] > 1)
      v = i;
    if (found.from.strides[i] == 1 && found.to.strides[i] > 1)
      t = i;
  }
  if (!v || !t)
    return std::nullopt;
  found.v = *v, found.t = *t;
  return found;
}

//===------------------------------------------------------------------------------------------===//
// A block in registers
//===------------------------------------------------------------------------------------------===//

static Value shuffle(KernelBuilder &k, Value a, Value b, function_ref<int64_t(int64_t)> from) {
  int64_t lanes = cast<VectorType>(a.getType()).getNumElements();
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back(from(lane));
  return vector::ShuffleOp::create(k.b, k.loc, a, b, mask);
}

/// Rows become columns: within groups of four lanes, which every machine moves freely, then the
/// groups among each other.
static SmallVector<Value> transposed(KernelBuilder &k, ArrayRef<Value> rows) {
  int64_t lanes = rows.size();
  auto select = [&](Value a, Value b, ArrayRef<int64_t> ofGroup) { // 0..3 of a, 4..7 of b
    return shuffle(k, a, b, [&](int64_t lane) {
      int64_t one = ofGroup[lane % 4];
      return lane / 4 * 4 + one % 4 + (one < 4 ? 0 : lanes);
    });
  };
  // parts[g][c]: group L of lanes holds rows 4 g .. 4 g + 3 of column 4 L + c.
  SmallVector<SmallVector<Value>> parts;
  for (int64_t g = 0; g < lanes; g += 4) {
    Value low0 = select(rows[g], rows[g + 1], {0, 4, 1, 5});
    Value low1 = select(rows[g + 2], rows[g + 3], {0, 4, 1, 5});
    Value high0 = select(rows[g], rows[g + 1], {2, 6, 3, 7});
    Value high1 = select(rows[g + 2], rows[g + 3], {2, 6, 3, 7});
    parts.push_back({select(low0, low1, {0, 1, 4, 5}), select(low0, low1, {2, 3, 6, 7}),
                     select(high0, high1, {0, 1, 4, 5}), select(high0, high1, {2, 3, 6, 7})});
  }
  // Halves of the groups meet: of the vectors at a distance, the first or second half each.
  for (int64_t width = 1; width < std::ssize(parts); width *= 2) {
    SmallVector<SmallVector<Value>> joined(parts.size());
    for (int64_t first = 0; first < std::ssize(parts); first += 2 * width)
      for (int64_t i = 0; i < width; ++i)
        for (int64_t half : {0, 1})
          for (int64_t c = 0; c < 4; ++c)
            joined[first + half * width + i].push_back(
                shuffle(k, parts[first + i][c], parts[first + width + i][c], [&](int64_t lane) {
                  int64_t group = lane / 4, block = group / width;
                  int64_t source = (block / 2 * 2 + half) * width + group % width;
                  return source * 4 + lane % 4 + (block % 2 ? lanes : 0);
                }));
    parts = std::move(joined);
  }
  SmallVector<Value> columns;
  for (int64_t column = 0; column < lanes; ++column)
    columns.push_back(parts[column / 4][column % 4]);
  return columns;
}

//===------------------------------------------------------------------------------------------===//
// The kernel
//===------------------------------------------------------------------------------------------===//

/// How far a square reaches along an index.
static int64_t squareStep(int64_t extent, unsigned lanes) {
  return extent % (2 * lanes) == 0 ? 2 * lanes : lanes;
}

std::optional<Tiles> emitTransposition(KernelBuilder &k, ComputeOp op,
                                       const KernelArguments &arguments) {
  int64_t lanes = k.target.lanes;
  std::optional<Transposition> plan = transpositionOf(op, lanes);
  if (!plan)
    return std::nullopt;
  SmallVector<unsigned> outer; // outermost first in y; a batch is outermost
  Tiles tiles{0, 1, 1, 1};
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    if (i != plan->v && i != plan->t)
      outer.push_back(i);
  llvm::stable_sort(
      outer, [&](unsigned a, unsigned b) { return plan->to.strides[a] > plan->to.strides[b]; });
  int64_t stepV = squareStep(op.getExtents()[plan->v], lanes);
  int64_t stepT = squareStep(op.getExtents()[plan->t], lanes);
  bool batched = false;
  int64_t count = op.getExtents()[plan->t] / stepT;
  for (unsigned i : outer) {
    batched |= ShapedType::isDynamic(op.getExtents()[i]);
    count *= ShapedType::isDynamic(op.getExtents()[i]) ? 1 : op.getExtents()[i];
  }
  tiles.perSample = batched ? count : 0, tiles.fixed = batched ? 0 : count;

  auto block = [&](Value from, Value to) {
    SmallVector<Value> rows;
    for (int64_t row = 0; row < lanes; ++row)
      rows.push_back(k.load(arguments.reads[0], k.add(from, row * plan->from.strides[plan->v]),
                            k.b.getF32Type(), lanes));
    for (auto [column, value] : llvm::enumerate(transposed(k, rows)))
      k.store(value, arguments.results[0],
              k.add(to, static_cast<int64_t>(column) * plan->to.strides[plan->t]));
  };
  k.loop(k.low(), k.high(), 1, [&](Value tile) {
    int64_t blocksOfT = op.getExtents()[plan->t] / stepT;
    Value t = k.mul(k.remainder(tile, blocksOfT), stepT);
    Value rest = k.divide(tile, blocksOfT);
    Value from = k.add(t, plan->from.base), to = k.mul(t, plan->to.strides[plan->t]);
    for (unsigned position = outer.size(); position-- > 0;) {
      unsigned i = outer[position];
      Value counter = rest;
      if (!ShapedType::isDynamic(op.getExtents()[i])) {
        counter = k.remainder(rest, op.getExtents()[i]);
        rest = k.divide(rest, op.getExtents()[i]);
      }
      from = k.add(from, k.mul(counter, plan->from.strides[i]));
      to = k.add(to, k.mul(counter, plan->to.strides[i]));
    }
    k.loop(k.constant(0), k.constant(op.getExtents()[plan->v]), stepV, [&](Value v) {
      for (int64_t a = 0; a < stepV; a += lanes)
        for (int64_t b = 0; b < stepT; b += lanes)
          block(k.add(k.add(from, k.mul(v, plan->from.strides[plan->v])),
                      a * plan->from.strides[plan->v] + b),
                k.add(k.add(to, v), b * plan->to.strides[plan->t] + a));
    });
  });
  return tiles;
}

} // namespace gnc
