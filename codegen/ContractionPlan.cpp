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

bool ContractionLoops::batchedRows() const {
  return llvm::any_of(rows, [](const ContractionLoop &loop) { return loop.batched; });
}
bool ContractionLoops::batchedColumns() const {
  return llvm::any_of(columns, [](const ContractionLoop &loop) { return loop.batched; });
}
int64_t ContractionLoops::outerCount(int64_t batch) const { return product(outer, batch); }
int64_t ContractionLoops::rowCount() const { return product(rows, 1); }
int64_t ContractionLoops::columnCount() const { return product(columns, 1); }
int64_t ContractionLoops::kCount() const { return product(k, kUsualBatch); }

Tiles ContractionPlan::tiles() const {
  // Rows of a batched contraction are counted over the whole batch.
  Tiles tiles;
  int64_t perTile = rowTile * (blocked() ? blocks.rowGroup : 1);
  int64_t outerCount = product(outer, 1) * (blocked() ? blocks.panelGroups : 1);
  bool batchedOuter = llvm::any_of(outer, [](const ContractionLoop &loop) { return loop.batched; });
  if (batchedOuter) {
    tiles.perSample = outerCount * llvm::divideCeil(rowCount(), perTile);
    return tiles;
  }
  (batchedRows() ? tiles.perSample : tiles.fixed) = rowCount();
  tiles.divisor = perTile;
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

/// The loop of k to cut, and where: a packed panel should stay in the first-level cache beside the
/// rows of A, and the blocks be long enough that C is rarely read again.
static void cutK(ContractionPlan &plan) {
  constexpr int64_t kBlockPoints = 320;
  PackedBlocks &blocks = plan.blocks;
  int64_t inner = plan.kCount();
  for (auto [level, loop] : llvm::enumerate(plan.k)) {
    inner /= loop.extent * (loop.batched ? kUsualBatch : 1);
    if (inner > kBlockPoints)
      continue; // cut further inside
    blocks.level = level;
    int64_t whole = loop.batched ? kBlockPoints : loop.extent;
    int64_t most = std::max<int64_t>(kBlockPoints / inner, 1);
    // Blocks of equal length.
    blocks.iterations = llvm::divideCeil(whole, llvm::divideCeil(whole, most));
    blocks.points = blocks.iterations * inner;
    return;
  }
}

/// Packing pays if a panel is used by several row tiles, and if B is not as good as packed in its
/// place: small enough to stay in the first-level cache, or one panel wide.
static bool shouldPack(const ContractionPlan &plan, int64_t rowTiles) {
  constexpr int64_t kSmallBytes = 16 << 10, kFewRowTiles = 8, kFewPoints = 16;
  const ContractionLoop &vector = plan.columns.back();
  bool dense = !plan.k.empty() && std::abs(plan.k.back().strides[ContractionPlan::B]) <= plan.width;
  return rowTiles >= kFewRowTiles && plan.kCount() >= kFewPoints && !dense &&
         vector.extent >= plan.width && plan.kCount() * vector.extent * 4 > kSmallBytes;
}

/// Decides on blocks. Groups are large for reuse (of the block of B by row tiles, of the rows of A
/// by panels), as long as there is enough to share among threads. Of the two, groups of panels are
/// made smaller first: a panel is read (or copied) once a group of rows, a row only read once more.
static void chooseBlocks(ContractionPlan &plan) {
  constexpr int64_t kEnoughTiles = 4, kPackedBytes = 192 << 10;
  int64_t rowTiles =
      llvm::divideCeil(plan.rowCount() * (plan.batchedRows() ? kUsualBatch : 1), plan.rowTile);
  if (!plan.panel && !shouldPack(plan, rowTiles))
    return;
  cutK(plan);
  PackedBlocks &blocks = plan.blocks;
  int64_t panels = llvm::divideCeil(plan.columns.back().extent, plan.width);
  int64_t outer = product(plan.outer, kUsualBatch);
  for (auto [rowGroup, panelGroup] :
       {std::pair(32, 4), {32, 2}, {16, 4}, {16, 2}, {8, 2}, {8, 1}}) {
    blocks.rowGroup = rowGroup;
    blocks.panelGroup = std::min<int64_t>(panelGroup, panels);
    blocks.panelGroups = llvm::divideCeil(panels, blocks.panelGroup);
    bool fits = blocks.panelGroup * plan.width * blocks.points * 4 <= kPackedBytes;
    if (fits && outer * llvm::divideCeil(rowTiles, rowGroup) * blocks.panelGroups >= kEnoughTiles)
      return;
  }
}

ContractionLoops contractionLoops(ComputeOp op, unsigned vector) {
  Contraction c = *classify(op, vector);
  unsigned numIndices = op.getNumIndices();
  SmallVector<StridedAddress> addresses;
  auto readAddress = [&](unsigned read) {
    return *stridedAddress(op.getAccess(read),
                           cast<RankedTensorType>(op.getReads()[read].getType()), numIndices);
  };
  addresses.push_back(readAddress(c.a));
  addresses.push_back(c.panel ? panelAddress(op, c, vector) : readAddress(c.b));
  addresses.push_back(resultAddress(op, 0));
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
    addresses.push_back(readAddress(i));

  ContractionLoops plan;
  plan.panel = c.panel;
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
  if (!c.panel)
    mergeLoops(plan.columns);
  if (plan.columns.empty()) // a single column
    plan.columns.push_back(loopOf(vector));
  return plan;
}

ContractionPlan ContractionPlan::ofOneRow() const {
  constexpr unsigned kEnoughSums = 8; // the latency of an addition times additions a cycle
  ContractionPlan plan = *this;
  plan.blocks = {};
  plan.rowTile = 1;
  plan.aligned = false;
  unsigned panels = blocks.panelGroup; // a divisor of the group's
  while (blocks.panelGroup % panels != 0 || (panels > 1 && vectors * panels > kEnoughSums))
    --panels;
  plan.vectors = vectors * panels;
  plan.width = width * panels;
  return plan;
}

ContractionPlan planContraction(ComputeOp op, unsigned vector, VectorTarget target) {
  ContractionPlan plan;
  static_cast<ContractionLoops &>(plan) = contractionLoops(op, vector);
  int64_t width = plan.columns.back().extent;
  unsigned most = target.registers >= 32 ? 4 : 2;
  plan.vectors = std::clamp<int64_t>(llvm::divideCeil(width, target.lanes), 1, most);
  plan.width = static_cast<int64_t>(plan.vectors) * target.lanes;
  plan.rowTile = chooseRowTile(plan, target);
  plan.aligned = !plan.rows.empty() && !plan.rows.back().batched &&
                 plan.rows.back().extent % plan.rowTile == 0;
  chooseBlocks(plan);
  // Sums that wait in C for the next block of k must not be rounded.
  bool batchedK = llvm::any_of(plan.k, [](const ContractionLoop &loop) { return loop.batched; });
  if (plan.blocked() && (batchedK || plan.blocks.points < plan.kCount()) &&
      !cast<RankedTensorType>(op.getResultTypes()[0]).getElementType().isF32())
    plan.blocks = {};
  return plan;
}

} // namespace gnc
