#include "codegen/LoopNest.h"
#include "codegen/PhiloxEmitter.h"
#include "codegen/WrittenOut.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"

using namespace mlir;

namespace gnc {

Tiles LoopNest::tiles() const {
  Tiles tiles;
  int64_t product = 1;
  bool batched = false;
  for (unsigned i = 0; i < (chunk ? loops.size() : outer); ++i) {
    product *= chunk ? loops[i].extent : tilesOf(i);
    batched |= loops[i].batched;
  }
  (batched ? tiles.perSample : tiles.fixed) = product;
  tiles.divisor = chunk ? chunk : 1;
  return tiles;
}

/// Indices whose value matters by itself: in a region, or in a read that is not a plain linear
/// address.
static SmallVector<bool> indicesUsedAlone(ComputeOp op,
                                          ArrayRef<std::optional<StridedAddress>> reads) {
  SmallVector<bool> used(op.getNumIndices(), false);
  for (Region *region : {&op.getBody(), &op.getFinish()})
    region->walk([&](IndexOp index) { used[index.getIndex()] = true; });
  for (auto [i, address] : llvm::enumerate(reads)) {
    if (isRandom(op.getReads()[i]))
      if (std::optional<unsigned> sample = sampleIndex(op, i))
        used[*sample] = true; // a number is of a sample and of an element in it
    if (address)
      continue;
    for (AffineMap map : {op.getAccess(i).getCoords(), op.getAccess(i).getConditions()})
      for (unsigned d = 0; d < op.getNumIndices(); ++d)
        if (map.isFunctionOfDim(d))
          used[d] = true;
  }
  return used;
}

/// Whether every access walks `outer` then `inner` as one counter.
static bool canMerge(ComputeOp op, ArrayRef<std::optional<StridedAddress>> reads, const Loop &outer,
                     const Loop &inner) {
  if (inner.batched)
    return false;
  auto joined = [&](const StridedAddress &address) {
    return address.strides[*outer.stepIndex()] ==
           address.strides[*inner.stepIndex()] * inner.extent;
  };
  for (const auto &address : reads)
    if (address && !joined(*address))
      return false;
  for (unsigned result = 0; result < op.getNumResults(); ++result)
    if (!joined(resultAddress(op, result)))
      return false;
  return true;
}

/// Scalar work of one result element, roughly in operations.
static int64_t workPerElement(ComputeOp op) {
  constexpr int64_t kWorkOfRandom = 20;
  int64_t work = 1 + op.getBodyBlock()->getOperations().size() + op.getReads().size() +
                 kWorkOfRandom * llvm::count_if(op.getReads(), isRandom);
  for (int64_t extent : op.getReductionExtents())
    work *= ShapedType::isDynamic(extent) ? 64 : extent;
  return work;
}

/// A tile should be worth a few microseconds, and there should be enough of them for any number of
/// threads.
static void chooseTiles(LoopNest &nest, ComputeOp op, unsigned lanes) {
  constexpr int64_t kWorkPerTile = 16384;
  int64_t work = workPerElement(op);
  if (nest.loops.size() == 1) {
    int64_t elements = std::max<int64_t>(kWorkPerTile / work, 1);
    int64_t step = llvm::any_of(op.getReads(), isRandom) ? kRandomGroup : lanes;
    nest.chunk = std::max<int64_t>(elements / step, 1) * step;
    return;
  }
  nest.outer = nest.loops.size() - 1;
  work *= nest.loops.back().extent;
  while (nest.outer > 1 && work < kWorkPerTile && !nest.loops[nest.outer - 1].batched) {
    work *= nest.loops[nest.outer - 1].extent;
    --nest.outer;
  }
}

/// Rows of windows go together, four at a time: each of them is walked in memory order, which
/// pixels beside each other would not be. Without rows it is pixels.
static void chooseBeside(LoopNest &nest, ComputeOp op, unsigned lanes) {
  constexpr int64_t kBeside = 4, kMostPoints = 16; // sums, and what is written out, in registers
  if (!isProductSum(op) || !nest.writtenOut.empty() || nest.loops.size() < 2 ||
      nest.loops.back().batched || nest.loops.back().extent < lanes)
    return;
  int64_t points = 1;
  for (int64_t extent : op.getReductionExtents())
    points *= ShapedType::isDynamic(extent) ? kMostPoints + 1 : std::min(extent, kMostPoints + 1);
  auto shares = [&](const Loop &loop) {
    auto walks = [&](unsigned read) {
      return op.getAccess(read).getCoords().isFunctionOfDim(loop.indices.front());
    };
    return !loop.batched && loop.indices.size() == 1 && loop.extent >= kBeside &&
           walks(0) != walks(1);
  };
  unsigned outer = nest.loops.size() - 1;
  if (outer >= 2 && shares(nest.loops[outer - 2]))
    --outer;
  if (points > kMostPoints || points == 1 || !shares(nest.loops[outer - 1]))
    return;
  nest.outer = outer;
  nest.beside = kBeside;
}

LoopNest planLoops(ComputeOp op, ArrayRef<std::optional<StridedAddress>> reads, unsigned lanes) {
  LoopNest nest;
  SmallVector<bool> alone = indicesUsedAlone(op, reads);
  auto type = cast<RankedTensorType>(op.getResultTypes()[0]);
  SmallVector<unsigned> order = physicalOrder(type);
  if (!order.empty())
    nest.writtenOut = writtenOutIndices(op, order.back());
  for (unsigned index : order) {
    if (llvm::is_contained(nest.writtenOut, index))
      continue;
    int64_t extent = op.getExtents()[index];
    if (extent == 1 && op.getNumParallel() > 1 && !nest.loops.empty() && !alone[index])
      continue; // contributes nothing
    Loop loop{{index}, ShapedType::isDynamic(extent) ? 1 : extent, ShapedType::isDynamic(extent)};
    if (!nest.loops.empty() && !alone[index] && !alone[*nest.loops.back().stepIndex()] &&
        canMerge(op, reads, nest.loops.back(), loop)) {
      nest.loops.back().indices.push_back(index);
      nest.loops.back().extent *= loop.extent;
      continue;
    }
    nest.loops.push_back(loop);
  }
  if (nest.loops.empty())
    nest.loops.push_back(Loop{{}, 1, false}); // a single number
  chooseTiles(nest, op, lanes);
  chooseBeside(nest, op, lanes);
  return nest;
}

} // namespace gnc
