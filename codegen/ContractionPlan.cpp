#include "codegen/ContractionPlan.h"
#include "codegen/Programs.h"
#include "codegen/TileWindows.h"
#include "ir/IndexMath.h"

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
      return !loop.batched && outer.window == loop.window &&
             outer.position == loop.position * loop.extent;
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

/// Rows that fit the registers next to `vectors` columns; a divisor of the innermost rows, or of
/// the windows of a row, saves the address arithmetic of tiles that straddle two runs.
static unsigned chooseRowTile(const ContractionPlan &plan, VectorTarget target) {
  unsigned inRegisters = (target.registers - 1 - plan.vectors) / plan.vectors;
  unsigned most = std::clamp(inRegisters, 1u, 12u);
  ArrayRef<ContractionLoop> runs = plan.rows;
  if (runs.empty())
    return 1;
  runs = runs.take_while([](const ContractionLoop &loop) { return !loop.window; });
  unsigned windows = most / plan.window;
  if (windows && !runs.empty() && !runs.back().batched)
    for (unsigned count = windows; count * 3 >= windows * 2; --count)
      if (runs.back().extent % count == 0)
        return count * plan.window;
  if (plan.window > 1)
    return plan.window <= most ? plan.window : 1; // 1: the tile cannot take it
  if (plan.batchedRows())
    return most;
  // No divisor: tiles as few and as full as can be; 25 rows are 2 of 13 then.
  unsigned full = std::clamp(inRegisters, 1u, target.registers >= 32 ? 14u : 12u);
  int64_t rows = plan.rowCount();
  return llvm::divideCeil(rows, llvm::divideCeil(rows, full));
}

bool isBox(const ContractionPlan &plan, unsigned rows) {
  int64_t rest = rows;
  for (const ContractionLoop &loop : llvm::reverse(plan.rows)) {
    if (loop.batched)
      return false;
    if (loop.extent % rest == 0)
      return true;
    if (rest % loop.extent != 0)
      return false;
    rest /= loop.extent;
  }
  return false;
}

SmallVector<int64_t> ContractionPlan::rowOffsets(unsigned operand) const {
  SmallVector<int64_t> offsets(rowTile, 0);
  for (unsigned row = 0; row < rowTile; ++row) {
    int64_t rest = row;
    for (const ContractionLoop &loop : llvm::reverse(rows)) {
      offsets[row] += (loop.batched ? rest : rest % loop.extent) * loop.strides[operand];
      rest /= loop.extent;
    }
  }
  return offsets;
}

bool ContractionPlan::takesWindow() const {
  unsigned inRows = llvm::count_if(rows, [](const ContractionLoop &loop) { return loop.window; });
  bool innermost = llvm::all_of(ArrayRef(rows).take_back(inRows),
                                [](const ContractionLoop &loop) { return loop.window; });
  auto reduced = [](ArrayRef<ContractionLoop> loops) {
    return llvm::any_of(loops, [](const ContractionLoop &loop) { return loop.window; });
  };
  bool whole = !blocked() || blocks.points >= kCount();
  bool dense = columns.back().strides[C] == 1; // the result of the window, too
  return window > 1 && limits.empty() && innermost && !reduced(columns) && !reduced(outer) &&
         whole && dense && aligned && rowTile % window == 0;
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
  constexpr int64_t kPackedBytes = 192 << 10, kNearElements = 128, kPageElements = 1024;
  constexpr int64_t kTilesOfOne = 8;
  int64_t rowTiles =
      llvm::divideCeil(plan.rowCount() * (plan.batchedRows() ? kUsualBatch : 1), plan.rowTile);
  if (!plan.panel && !shouldPack(plan, rowTiles))
    return;
  cutK(plan);
  PackedBlocks &blocks = plan.blocks;
  // Rows of B that lie near each other fall on enough sets, and processors see their stride.
  blocks.copied =
      !plan.panel && std::abs(plan.k.back().strides[ContractionPlan::B]) > kNearElements;
  int64_t panels = llvm::divideCeil(plan.columns.back().extent, plan.width);
  // Rows of A that lie whole pages apart fall on few sets of the second-level cache.
  int64_t apart = plan.rows.empty() ? 0 : plan.rows.back().strides[ContractionPlan::A];
  int64_t mostRows = apart != 0 && apart % kPageElements == 0 ? 32 : 64;
  auto tilesOf = [&](int64_t samples) {
    int64_t rows = plan.rowCount() * (plan.batchedRows() ? samples : 1);
    int64_t groups = llvm::divideCeil(llvm::divideCeil(rows, plan.rowTile), plan.blocks.rowGroup);
    return product(plan.outer, samples) * groups * plan.blocks.panelGroups;
  };
  struct Groups {
    int64_t rows, panels, leastTiles;
  };
  for (Groups groups : {Groups{64, 4, 16},
                        {64, 2, 16},
                        {64, 1, 16},
                        {32, 4, 4},
                        {32, 2, 4},
                        {16, 4, 4},
                        {16, 2, 4},
                        {8, 2, 4},
                        {8, 1, 4},
                        {4, 1, 4},
                        {2, 1, 4},
                        {8, 1, 0}}) {
    blocks.rowGroup = groups.rows;
    blocks.panelGroup = std::min(groups.panels, panels);
    blocks.panelGroups = llvm::divideCeil(panels, blocks.panelGroup);
    bool fits = groups.rows <= mostRows && (groups.rows >= 8 || !blocks.copied) &&
                blocks.panelGroup * plan.width * blocks.points * 4 <= kPackedBytes;
    // One sample must do for a few threads, too, where groups cost no copies.
    bool enough = tilesOf(kUsualBatch) >= groups.leastTiles &&
                  (blocks.copied || groups.leastTiles == 0 || tilesOf(1) >= kTilesOfOne);
    if (fits && enough)
      return;
  }
}

/// A, B, C, what joins the sum, and what joins a window, over the indices of `op`.
static SmallVector<StridedAddress> addressesOf(ComputeOp op, unsigned vector, ComputeOp window) {
  Contraction c = *classify(op, vector);
  auto readAddress = [](ComputeOp reader, unsigned read) {
    return *stridedAddress(reader.getAccess(read),
                           cast<RankedTensorType>(reader.getReads()[read].getType()),
                           reader.getNumIndices());
  };
  auto outside = [&](const StridedAddress &address) {
    StridedAddress found{address.base, SmallVector<int64_t>(op.getNumIndices(), 0)};
    for (auto [own, stride] : llvm::zip_equal(*windowIndices(op, window), address.strides))
      found.strides[own] = stride;
    return found;
  };
  SmallVector<StridedAddress> addresses{
      readAddress(op, c.a), c.panel ? panelAddress(op, c, vector) : readAddress(op, c.b),
      window ? outside(resultAddress(window, 0)) : resultAddress(op, 0)};
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
    addresses.push_back(readAddress(op, i));
  for (unsigned i = 1; window && i < window.getReads().size(); ++i)
    addresses.push_back(outside(readAddress(window, i)));
  for (const SumBound &bound : c.bounds) {
    LinearForm form = linearForm(bound.value);
    StridedAddress &address = addresses.emplace_back(form.constant);
    for (unsigned index = 0; index < op.getNumIndices(); ++index)
      address.strides.push_back(form.coefficient(getAffineDimExpr(index, op.getContext())));
  }
  return addresses;
}

ContractionLoops contractionLoops(ComputeOp op, unsigned vector, ComputeOp window) {
  Contraction c = *classify(op, vector);
  SmallVector<StridedAddress> addresses = addressesOf(op, vector, window);
  llvm::SmallDenseMap<unsigned, int64_t> positions; // of the indices of windows
  if (window) {
    int64_t step = 1;
    SmallVector<unsigned> indices = *windowIndices(op, window);
    for (unsigned index : llvm::reverse(ArrayRef(indices).drop_front(window.getNumParallel()))) {
      positions[index] = step;
      step *= op.getExtents()[index];
    }
  }

  ContractionLoops plan;
  plan.panel = c.panel;
  for (const SumBound &bound : c.bounds)
    plan.limits.push_back(bound.limit);
  for (const StridedAddress &address : addresses)
    plan.bases.push_back(address.base);
  auto loopOf = [&](unsigned index) {
    int64_t extent = op.getExtents()[index];
    ContractionLoop loop{ShapedType::isDynamic(extent) ? 1 : extent,
                         ShapedType::isDynamic(extent),
                         {},
                         positions.contains(index),
                         positions.lookup(index)};
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

/// Rows of B that follow each other, run after run of columns, are panels that nobody had to make:
/// if all other operands walk the runs as one, so can the tile. Panels of 1, 2, 4.. vectors hold
/// whole tiles, or tiles hold whole panels.
static void joinRuns(ContractionPlan &plan, unsigned lanes) {
  if (plan.panel || plan.columns.size() < 2 || plan.k.empty())
    return;
  ContractionLoop &run = plan.columns.back(), &runs = *std::prev(plan.columns.end(), 2);
  int64_t panel = run.extent, apart = runs.strides[ContractionPlan::B];
  auto oneWalk = [&](unsigned operand) {
    return runs.strides[operand] == panel * run.strides[operand];
  };
  if (runs.batched || runs.window || run.window || run.strides[ContractionPlan::B] != 1 ||
      plan.k.back().strides[ContractionPlan::B] != panel || panel % lanes != 0 ||
      !llvm::isPowerOf2_64(panel / lanes) || apart % panel != 0 || oneWalk(ContractionPlan::B))
    return;
  for (unsigned operand = ContractionPlan::C; operand < run.strides.size(); ++operand)
    if (!oneWalk(operand))
      return;
  run.extent *= runs.extent;
  run.strides[ContractionPlan::B] = apart / panel; // as of panels of weights
  plan.panel = panel;
  plan.columns.erase(std::prev(plan.columns.end(), 2));
}

ContractionPlan planContraction(ComputeOp op, unsigned vector, VectorTarget target,
                                ComputeOp window) {
  ContractionPlan plan;
  static_cast<ContractionLoops &>(plan) = contractionLoops(op, vector, window);
  joinRuns(plan, target.lanes);
  for (const ContractionLoop &loop : plan.rows)
    plan.window *= loop.window ? loop.extent : 1;
  int64_t width = plan.columns.back().extent;
  unsigned most = target.registers >= 32 ? 4 : 2;
  plan.vectors = std::clamp<int64_t>(llvm::divideCeil(width, target.lanes), 1, most);
  plan.width = static_cast<int64_t>(plan.vectors) * target.lanes;
  plan.rowTile = chooseRowTile(plan, target);
  plan.aligned = isBox(plan, plan.rowTile);
  chooseBlocks(plan);
  if (op->hasAttr(names::kMinimalFilter))
    planFilter(plan, target);
  // Sums that wait in C for the next block of k must not be rounded.
  bool batchedK = llvm::any_of(plan.k, [](const ContractionLoop &loop) { return loop.batched; });
  if (plan.blocked() && (batchedK || plan.blocks.points < plan.kCount()) &&
      !cast<RankedTensorType>(op.getResultTypes()[0]).getElementType().isF32())
    plan.blocks = {};
  return plan;
}

} // namespace gnc
