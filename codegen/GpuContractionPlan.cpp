#include "codegen/GpuContractionPlan.h"

using namespace mlir;

namespace gnc {

static constexpr int64_t kUsualBatch = 64;

Tiles GpuContractionPlan::tiles() const {
  Tiles tiles;
  if (llvm::any_of(outer, [](const ContractionLoop &loop) { return loop.batched; })) {
    tiles.perSample = outerCount(1) * llvm::divideCeil(rowCount(), tile.rows) *
                      llvm::divideCeil(columnCount(), tile.columns);
    return tiles;
  }
  if (batchedColumns()) {
    tiles.perSample = columnCount();
    tiles.divisor = tile.columns;
    tiles.times = outerCount(1) * llvm::divideCeil(rowCount(), tile.rows);
    return tiles;
  }
  (batchedRows() ? tiles.perSample : tiles.fixed) = rowCount();
  tiles.divisor = tile.rows;
  tiles.times = outerCount(1) * llvm::divideCeil(columnCount(), tile.columns);
  return tiles;
}

/// Whether `operand` walks `along` element by element, so that four of its steps that start at a
/// multiple of four are an aligned vector in memory.
static bool walksVectors(const ContractionLoops &plan, unsigned operand,
                         ArrayRef<ContractionLoop> along) {
  constexpr int64_t width = 4;
  if (along.empty() || along.back().batched || along.back().strides[operand] != 1 ||
      along.back().extent % width || plan.bases[operand] % width)
    return false;
  for (ArrayRef<ContractionLoop> loops :
       {ArrayRef(plan.outer), ArrayRef(plan.rows), ArrayRef(plan.columns), ArrayRef(plan.k)})
    for (const ContractionLoop &loop : loops)
      if (&loop != &along.back() && loop.strides[operand] % width)
        return false;
  return true;
}

/// The tile that should be done first: what the busiest of a card's multiprocessors has to compute,
/// columns and rows beyond the edge included, slower where a thread's part is small (it reads more
/// of shared memory for each product), where there are fewer warps than can work at a time, and
/// where there are few sums to hide waiting. None is larger than 128 x 64: of 256 threads each has
/// 128 registers if two blocks are to share a multiprocessor, and ptxas spills.
static GpuTile chooseTile(const ContractionLoops &plan) {
  struct Candidate {
    unsigned rows, columns, threadRows, threadColumns;
    double slower;
  };
  constexpr Candidate kCandidates[] = {
      {128, 64, 8, 8, 1.0},  {64, 128, 8, 8, 1.0},  {64, 64, 8, 8, 1.0},  {64, 64, 8, 4, 1.25},
      {128, 32, 8, 4, 1.25}, {32, 128, 4, 8, 1.25}, {64, 32, 4, 4, 2.0},  {32, 64, 4, 4, 2.0},
      {32, 32, 4, 4, 2.0},   {128, 16, 4, 4, 2.0},  {16, 128, 4, 4, 2.0},
  };
  constexpr double kMultiprocessors = 128, kThreadsAtATime = 128, kSumsToHideWaiting = 2048;
  int64_t rows = plan.rowCount() * (plan.batchedRows() ? kUsualBatch : 1);
  int64_t columns = plan.columnCount() * (plan.batchedColumns() ? kUsualBatch : 1);
  GpuTile best;
  double least = 0;
  for (const Candidate &one : kCandidates) {
    GpuTile tile{one.rows, one.columns, one.threadRows, one.threadColumns};
    double blocks = double(plan.outerCount(kUsualBatch)) *
                    double(llvm::divideCeil(rows, tile.rows)) *
                    double(llvm::divideCeil(columns, tile.columns));
    double each = std::ceil(blocks / kMultiprocessors), sums = tile.rows * tile.columns;
    double time = each * sums * one.slower;
    time *= std::max(
        {1.0, kThreadsAtATime / (each * tile.threads()), kSumsToHideWaiting / (each * sums)});
    if (least == 0 || time < least) {
      least = time;
      best = tile;
    }
  }
  return best;
}

namespace {
struct CopyDirection {
  bool alongPoints, vectors;
};
} // namespace

/// Vectors where there is one direction that allows them, else scalars along the direction in which
/// neighbours are nearer.
static CopyDirection directionOf(const ContractionLoops &plan, unsigned operand) {
  ArrayRef<ContractionLoop> points = operand == ContractionLoops::A ? plan.rows : plan.columns;
  if (walksVectors(plan, operand, points))
    return {true, true};
  if (walksVectors(plan, operand, plan.k))
    return {false, true};
  auto strideOf = [&](ArrayRef<ContractionLoop> loops) {
    return loops.empty() ? INT64_MAX : std::abs(loops.back().strides[operand]);
  };
  return {strideOf(points) <= strideOf(plan.k), false};
}

static GpuCopy planCopy(const GpuContractionPlan &plan, unsigned operand) {
  auto [alongPoints, vectors] = directionOf(plan, operand);
  GpuCopy copy;
  copy.alongPoints = alongPoints;
  copy.points = operand == ContractionLoops::A ? plan.tile.rows : plan.tile.columns;
  unsigned depth = plan.tile.depth, threads = plan.tile.threads();
  // Every thread has something to copy.
  if (vectors)
    copy.width = std::clamp<unsigned>(llvm::bit_floor(copy.points * depth / threads), 1, 4);
  if (!copy.alongPoints) {
    while (depth % copy.width)
      copy.width /= 2;
    depth = std::max(depth, 8u);
  }
  unsigned atATime = threads * copy.width; // elements
  copy.loads = llvm::divideCeil(copy.points * depth, atATime);
  copy.depth = llvm::divideCeil(copy.loads * atATime, copy.points);
  return copy;
}

//===------------------------------------------------------------------------------------------===//
// Tiles of k
//===------------------------------------------------------------------------------------------===//

/// Tiles of `depth` values of k that lie in runs of the innermost loop.
static GpuSteps stepsInRuns(ArrayRef<ContractionLoop> k, int64_t depth) {
  GpuSteps steps;
  const ContractionLoop &run = k.back();
  steps.oneRun = k.size() == 1;
  steps.tiles = llvm::to_vector(k);
  steps.inTile = {run};
  steps.inTile.back().extent = depth, steps.inTile.back().batched = false;
  steps.tilesOfRun = llvm::divideCeil(run.extent, depth);
  for (int64_t &stride : steps.tiles.back().strides)
    stride *= depth;
  steps.tiles.back().extent = steps.tilesOfRun;
  if (!run.batched || run.extent % depth == 0)
    steps.before = steps.tilesOfRun * depth - run.extent;
  return steps;
}

/// The product of the innermost loops is a tile; none if no number of them is.
static std::optional<GpuSteps> stepsOfRuns(ArrayRef<ContractionLoop> k, int64_t depth) {
  int64_t product = 1;
  for (unsigned first = k.size(); first-- > 0 && !k[first].batched;) {
    product *= k[first].extent;
    if (product == depth) {
      GpuSteps steps;
      steps.before = 0;
      llvm::append_range(steps.tiles, k.take_front(first));
      llvm::append_range(steps.inTile, k.drop_front(first));
      return steps;
    }
  }
  return std::nullopt;
}

static GpuSteps flatSteps(ArrayRef<ContractionLoop> k, int64_t depth) {
  GpuSteps steps;
  steps.flat = steps.oneRun = true;
  steps.inTile = llvm::to_vector(k);
  int64_t count = 1;
  for (const ContractionLoop &loop : k)
    count *= loop.extent;
  if (!k.front().batched || count % depth == 0)
    steps.before = llvm::alignTo(count, depth) - count;
  return steps;
}

/// What a value of k costs a thread, in instructions.
static double costOf(const GpuContractionPlan &plan, const GpuSteps &steps,
                     ArrayRef<ContractionLoop> k) {
  constexpr double kTile = 25, kPoint = 8, kInside = 4; // once a tile; for each load that asks
  unsigned depth = plan.tile.depth;
  double cost = depth * plan.tile.products() + kTile;
  for (unsigned operand : {ContractionLoops::A, ContractionLoops::B}) {
    GpuCopy copy = planCopy(plan, operand);
    if (steps.flat)
      cost += kPoint * (copy.alongPoints ? copy.loads : llvm::divideCeil(depth, 8));
    if (steps.ragged() && !steps.oneRun)
      cost += kInside * copy.loads;
  }
  if (steps.flat || k.back().batched || steps.tiles.size() < k.size())
    return cost / depth;
  return cost * steps.tilesOfRun / k.back().extent;
}

/// Many values of k a tile where a thread has few products for each, as what is done once a tile
/// counts for more there; beside large parts the copies on their way would take registers that are
/// not there. Other depths than 8 or 16 are for runs that they divide.
static void chooseDepth(GpuContractionPlan &plan) {
  SmallVector<ContractionLoop> k(plan.k.begin(), plan.k.end());
  if (k.empty())
    k.push_back({1, false, SmallVector<int64_t>(plan.bases.size(), 0)});
  bool large = plan.tile.products() > 32, along = false, vectors = false;
  for (unsigned operand : {ContractionLoops::A, ContractionLoops::B})
    if (CopyDirection direction = directionOf(plan, operand); !direction.alongPoints)
      along = true, vectors |= direction.vectors;
  unsigned usual = large ? 8 : 16, most = large ? 12 : 25, best = 0;
  double least = 0;
  for (unsigned depth = 4; depth <= most; ++depth) {
    if (along && (vectors || depth > 8) && depth % 8) // sectors, and banks
      continue;
    plan.tile.depth = depth;
    auto consider = [&](const GpuSteps &steps) {
      double cost = costOf(plan, steps, k) * (depth > usual ? 1.05 : 1);
      if (best == 0 || cost < least)
        best = depth, least = cost, plan.steps = steps;
    };
    std::optional<GpuSteps> whole = stepsOfRuns(k, depth);
    if (whole)
      consider(*whole);
    if (depth <= usual || (large && k.back().extent % depth == 0))
      consider(stepsInRuns(k, depth));
    if (depth == usual)
      consider(flatSteps(k, depth));
  }
  plan.tile.depth = best;
}

GpuContractionPlan planGpuContraction(ComputeOp op, unsigned vector) {
  GpuContractionPlan plan;
  static_cast<ContractionLoops &>(plan) = contractionLoops(op, vector);
  // Rows may come in any order, but the batch: neighbours in memory go to neighbouring threads.
  auto distance = [](const ContractionLoop &row) {
    return row.batched ? INT64_MAX : std::abs(row.strides[ContractionLoops::A]);
  };
  llvm::stable_sort(plan.rows, [&](const ContractionLoop &a, const ContractionLoop &b) {
    return distance(a) > distance(b);
  });
  plan.tile = chooseTile(plan);
  chooseDepth(plan);
  plan.copies[0] = planCopy(plan, ContractionLoops::A);
  plan.copies[1] = planCopy(plan, ContractionLoops::B);
  for (unsigned operand = 0; operand < plan.bases.size(); ++operand)
    plan.vectors.push_back(walksVectors(plan, operand, plan.columns));
  plan.fragmentInRun = plan.columns.size() == 1 || plan.columns.back().extent % 4 == 0;
  return plan;
}

} // namespace gnc
