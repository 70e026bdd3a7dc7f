#include "codegen/ContractionPlan.h"

using namespace mlir;

namespace gnc {

static constexpr int64_t kUsualBatch = 64;

static int64_t product(ArrayRef<ContractionLoop> loops, int64_t batch) {
  int64_t count = 1;
  for (const ContractionLoop &loop : loops)
    count *= loop.extent * (loop.batched ? batch : 1);
  return count;
}

bool ContractionPlan::batchedRows() const {
  return llvm::any_of(rows, [](const ContractionLoop &loop) { return loop.batched; });
}
int64_t ContractionPlan::rowCount() const { return product(rows, 1); }
int64_t ContractionPlan::kCount() const { return product(k, kUsualBatch); }

Tiles ContractionPlan::tiles() const {
  // A tile is one row tile of one outer point; rows of a batched contraction are counted over the
  // whole batch.
  Tiles tiles;
  bool batchedOuter = llvm::any_of(outer, [](const ContractionLoop &loop) { return loop.batched; });
  int64_t outerCount = product(outer, 1);
  if (batchedOuter) {
    tiles.perSample = outerCount * llvm::divideCeil(rowCount(), rowTile);
    return tiles;
  }
  (batchedRows() ? tiles.perSample : tiles.fixed) = rowCount();
  tiles.divisor = rowTile;
  tiles.times = outerCount;
  return tiles;
}

/// Sorts by the strides of `operand` (then C, then A), outermost first, the batch before all.
static void sortLoops(SmallVectorImpl<ContractionLoop> &loops, unsigned operand) {
  auto key = [&](const ContractionLoop &loop) {
    auto magnitude = [&](unsigned o) { return std::abs(loop.strides[o]); };
    return std::tuple(loop.batched, magnitude(operand), magnitude(ContractionPlan::C),
                      magnitude(ContractionPlan::A), magnitude(ContractionPlan::B));
  };
  llvm::stable_sort(loops, [&](auto &x, auto &y) { return key(x) > key(y); });
}

/// Drops loops of one step and joins neighbours that all operands walk as one.
static void mergeLoops(SmallVectorImpl<ContractionLoop> &loops) {
  SmallVector<ContractionLoop> merged;
  for (const ContractionLoop &loop : loops) {
    if (loop.extent == 1 && !loop.batched)
      continue;
    auto joined = [&](const ContractionLoop &outer) {
      for (auto [o, i] : llvm::zip(outer.strides, loop.strides))
        if (o != i * loop.extent)
          return false;
      return !loop.batched;
    };
    if (!merged.empty() && joined(merged.back())) {
      merged.back().extent *= loop.extent;
      merged.back().strides = loop.strides;
    } else {
      merged.push_back(loop);
    }
  }
  loops.assign(merged.begin(), merged.end());
}

/// Rows that fit the registers next to `vectors` columns; a divisor of the innermost rows saves the
/// address arithmetic of tiles that straddle two runs.
static unsigned chooseRowTile(const ContractionPlan &plan, VectorTarget target) {
  unsigned most = std::clamp<unsigned>((target.registers - 1 - plan.vectors) / plan.vectors, 1, 12);
  if (plan.rows.empty())
    return 1;
  const ContractionLoop &inner = plan.rows.back();
  if (!inner.batched)
    for (unsigned tile = most; tile * 3 >= most * 2; --tile)
      if (inner.extent % tile == 0)
        return tile;
  return !plan.batchedRows() && plan.rowCount() < most ? plan.rowCount() : most;
}

/// Cuts k so that the columns' block stays in the second-level cache (about half a megabyte on
/// current cores).
static void chooseBlocks(ContractionPlan &plan) {
  constexpr int64_t kResidentBytes = 160 << 10, kBlockPoints = 320;
  int64_t columns = product(plan.columns, kUsualBatch);
  int64_t points = plan.kCount();
  if (points * columns * 4 <= kResidentBytes || points <= kBlockPoints || plan.k.empty() ||
      plan.k[0].batched)
    return;
  int64_t inner = points / plan.k[0].extent;
  plan.kBlock = std::max<int64_t>(1, kBlockPoints / inner);
  if (plan.kBlock >= plan.k[0].extent)
    plan.kBlock = 0;
  plan.rowGroup = 16;
}

ContractionPlan planContraction(ComputeOp op, unsigned vector, VectorTarget target) {
  Contraction c = *classify(op, vector);
  unsigned numIndices = op.getNumIndices();
  SmallVector<StridedAddress> addresses;
  auto readAddress = [&](unsigned read) {
    return *stridedAddress(op.getAccess(read),
                           cast<RankedTensorType>(op.getReads()[read].getType()), numIndices);
  };
  addresses.push_back(readAddress(c.a));
  addresses.push_back(readAddress(c.b));
  addresses.push_back(resultAddress(op, 0));
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
    addresses.push_back(readAddress(i));

  ContractionPlan plan;
  for (const StridedAddress &address : addresses)
    plan.bases.push_back(address.base);
  auto loopOf = [&](unsigned index) {
    int64_t extent = op.getExtents()[index];
    ContractionLoop loop{
        ShapedType::isDynamic(extent) ? 1 : extent, ShapedType::isDynamic(extent), {}};
    for (const StridedAddress &address : addresses)
      loop.strides.push_back(address.strides[index]);
    return loop;
  };
  auto collect = [&](ArrayRef<unsigned> indices, SmallVectorImpl<ContractionLoop> &loops) {
    for (unsigned index : indices)
      if (index != vector)
        loops.push_back(loopOf(index));
  };
  collect(c.outer, plan.outer), sortLoops(plan.outer, ContractionPlan::C), mergeLoops(plan.outer);
  collect(c.m, plan.rows), sortLoops(plan.rows, ContractionPlan::C), mergeLoops(plan.rows);
  collect(c.k, plan.k), sortLoops(plan.k, ContractionPlan::A), mergeLoops(plan.k);
  collect(c.n, plan.columns), sortLoops(plan.columns, ContractionPlan::C);
  plan.columns.push_back(loopOf(vector));
  mergeLoops(plan.columns);
  if (plan.columns.empty()) // a single column
    plan.columns.push_back(loopOf(vector));

  int64_t width = plan.columns.back().extent;
  unsigned most = target.registers >= 32 ? 4 : 2;
  plan.vectors = std::clamp<int64_t>(llvm::divideCeil(width, target.lanes), 1, most);
  plan.rowTile = chooseRowTile(plan, target);
  plan.aligned = !plan.rows.empty() && !plan.rows.back().batched &&
                 plan.rows.back().extent % plan.rowTile == 0;
  chooseBlocks(plan);
  return plan;
}

} // namespace gnc
