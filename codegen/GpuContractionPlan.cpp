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
/// of shared memory for each product) and where there are few threads to hide waiting.
static GpuTile chooseTile(const ContractionLoops &plan) {
  struct Candidate {
    unsigned rows, columns, threadRows, threadColumns;
    double slower;
  };
  constexpr Candidate kCandidates[] = {
      {128, 128, 8, 8, 1.0}, {128, 64, 8, 8, 1.0},  {64, 128, 8, 8, 1.0}, {64, 64, 8, 8, 1.0},
      {128, 32, 8, 4, 1.25}, {32, 128, 4, 8, 1.25}, {64, 64, 4, 4, 2.0},  {32, 32, 4, 4, 2.0},
      {128, 16, 4, 4, 2.0},  {16, 128, 4, 4, 2.0},
  };
  constexpr double kMultiprocessors = 128, kThreadsToHideWaiting = 256;
  int64_t rows = plan.rowCount() * (plan.batchedRows() ? kUsualBatch : 1);
  int64_t columns = plan.columnCount() * (plan.batchedColumns() ? kUsualBatch : 1);
  GpuTile best;
  double least = 0;
  for (const Candidate &one : kCandidates) {
    GpuTile tile{one.rows, one.columns, one.threadRows, one.threadColumns};
    double blocks = double(plan.outerCount(kUsualBatch)) *
                    double(llvm::divideCeil(rows, tile.rows)) *
                    double(llvm::divideCeil(columns, tile.columns));
    double each = std::ceil(blocks / kMultiprocessors);
    double time = each * tile.rows * tile.columns * one.slower;
    time *= std::max(1.0, kThreadsToHideWaiting / (each * tile.threads()));
    if (least == 0 || time < least) {
      least = time;
      best = tile;
    }
  }
  return best;
}

/// A run of k that is whole in tiles of 8 stays so.
static unsigned chooseDepth(const ContractionLoops &plan, const GpuTile &tile) {
  if (tile.threadRows * tile.threadColumns > 16 || plan.k.empty())
    return 8;
  const ContractionLoop &run = plan.k.back();
  return run.batched || run.extent % 16 == 0 || (run.extent > 16 && run.extent % 8) ? 16 : 8;
}

/// Vectors where there is one direction that allows them, else scalars along the direction in which
/// neighbours are nearer.
static GpuCopy planCopy(const GpuContractionPlan &plan, unsigned operand) {
  ArrayRef<ContractionLoop> points = operand == ContractionLoops::A ? plan.rows : plan.columns;
  GpuCopy copy;
  copy.points = operand == ContractionLoops::A ? plan.tile.rows : plan.tile.columns;
  auto strideOf = [&](ArrayRef<ContractionLoop> loops) {
    return loops.empty() ? INT64_MAX : std::abs(loops.back().strides[operand]);
  };
  bool vectors = true;
  if (walksVectors(plan, operand, points))
    copy.alongPoints = true;
  else if (walksVectors(plan, operand, plan.k))
    copy.alongPoints = false;
  else {
    vectors = false;
    copy.alongPoints = strideOf(points) <= strideOf(plan.k);
  }
  // Every thread has something to copy.
  unsigned elements = copy.points * plan.tile.depth / plan.tile.threads();
  copy.width = vectors ? std::min(elements, 4u) : 1;
  copy.loads = elements / copy.width;
  return copy;
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
  plan.tile.depth = chooseDepth(plan, plan.tile);
  plan.copies[0] = planCopy(plan, ContractionLoops::A);
  plan.copies[1] = planCopy(plan, ContractionLoops::B);
  for (unsigned operand = 0; operand < plan.bases.size(); ++operand)
    plan.vectors.push_back(walksVectors(plan, operand, plan.columns));
  plan.tileInRun =
      plan.k.size() <= 1 || (!plan.k.back().batched && plan.k.back().extent % plan.tile.depth == 0);
  plan.fragmentInRun = plan.columns.size() == 1 || plan.columns.back().extent % 4 == 0;
  return plan;
}

} // namespace gnc
