#include "codegen/MinimalFilter.h"

#include "codegen/ContractionPlan.h"
#include "codegen/TileWindows.h"
#include "codegen/VectorPass.h"
#include "ir/LibraryCall.h"
#include "passes/WeightsAlone.h"
#include <numeric>

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// The construction of Toom and Cook
//===------------------------------------------------------------------------------------------===//

MinimalFilter::MinimalFilter(unsigned outputs, unsigned taps)
    : outputs(outputs), taps(taps), points(outputs + taps - 1) {}

double MinimalFilter::at(unsigned point) const {
  if (point == 0)
    return 0;
  return (point % 2 ? 1 : -1) * positive((point - 1) / 2);
}

/// Coefficient i of the product of x - a over the finite points a, but for `point`: all of them for
/// infinity, which is the last.
double MinimalFilter::input(unsigned point, unsigned i) const {
  SmallVector<double> polynomial{1};
  for (unsigned other = 0; other + 1 < points; ++other) {
    if (other == point)
      continue;
    polynomial.push_back(0);
    for (unsigned power = polynomial.size(); power-- > 0;)
      polynomial[power] = (power ? polynomial[power - 1] : 0) - at(other) * polynomial[power];
  }
  return i < polynomial.size() ? polynomial[i] : 0;
}

double MinimalFilter::filterPower(unsigned point, unsigned tap) const {
  if (point + 1 == points)
    return tap + 1 == taps;
  return std::pow(at(point), tap); // 0^0 is 1
}

double MinimalFilter::filterScale(unsigned point) const {
  double scale = 1;
  for (unsigned other = 0; point + 1 < points && other + 1 < points; ++other)
    if (other != point)
      scale *= at(point) - at(other);
  return scale;
}

//===------------------------------------------------------------------------------------------===//
// The plan
//===------------------------------------------------------------------------------------------===//

/// The rows that are `apart` from each other in A, in runs of `length`; none if some are left.
static std::optional<SmallVector<SmallVector<unsigned>>> runsOf(ArrayRef<int64_t> offsets,
                                                                int64_t apart, unsigned length) {
  SmallVector<unsigned> left(offsets.size());
  std::iota(left.begin(), left.end(), 0);
  llvm::sort(left, [&](unsigned x, unsigned y) { return offsets[x] < offsets[y]; });
  SmallVector<SmallVector<unsigned>> runs;
  while (!left.empty()) {
    SmallVector<unsigned> run;
    for (unsigned i = 0; i < length; ++i) {
      auto *next = llvm::find_if(left, [&](unsigned row) {
        return offsets[row] == offsets[run.empty() ? row : run[0]] + i * apart;
      });
      if (next == left.end())
        return std::nullopt;
      run.push_back(*next);
      left.erase(next);
    }
    runs.push_back(run);
  }
  return runs;
}

/// The points of the loops of k besides the taps.
static SmallVector<std::pair<int64_t, int64_t>> otherPoints(const ContractionPlan &plan,
                                                            unsigned taps) {
  SmallVector<std::pair<int64_t, int64_t>> points{{0, 0}};
  for (auto [level, loop] : llvm::enumerate(plan.k)) {
    if (level == taps)
      continue;
    SmallVector<std::pair<int64_t, int64_t>> more;
    for (auto [a, b] : points)
      for (int64_t i = 0; i < loop.extent; ++i)
        more.push_back(
            {a + i * loop.strides[ContractionPlan::A], b + i * loop.strides[ContractionPlan::B]});
    points = more;
  }
  return points;
}

static bool fitsRegisters(const ContractionPlan &plan, const FilterPlan &filter,
                          VectorTarget target) {
  // The sums of the tile, those of two points, and what these are made of.
  unsigned sums = plan.rowTile + 2 * filter.runs.size();
  return sums * plan.vectors + plan.vectors + 2 <= target.registers;
}

/// Operations on whole vectors for one vector of results.
static double work(const ContractionPlan &plan, const FilterPlan &how, VectorTarget target) {
  const MinimalFilter &filter = how.filter;
  // As many numbers are loaded as multiplied in a cycle: few sums wait for what they load.
  double sums = how.runs.size() * plan.vectors, loads = how.runs.size() + plan.vectors;
  double products =
      double(filter.points) * how.others.size() / filter.outputs * std::max(loads / sums, 1.0);
  double outputs = double(filter.pairs()) * (2 + filter.outputs) / filter.outputs;
  double results = plan.rowTile * llvm::divideCeil(plan.columns.back().extent, target.lanes);
  double inputs = double(how.pieces.size()) * filter.points * MinimalFilter::kMostPoints /
                  target.lanes / results;
  return products + outputs + inputs;
}

/// The tile of `rows` rows that sums by F(outputs, taps) along loop `loop` of k.
static std::optional<FilterPlan> filterOf(ContractionPlan &plan, unsigned loop, unsigned outputs,
                                          unsigned rows) {
  if (rows % plan.window != 0 || !isBox(plan, rows))
    return std::nullopt;
  plan.rowTile = rows;
  const ContractionLoop &taps = plan.k[loop];
  SmallVector<int64_t> offsets = plan.rowOffsets(ContractionPlan::A);
  auto runs = runsOf(offsets, taps.strides[ContractionPlan::A], outputs);
  if (!runs)
    return std::nullopt;
  FilterPlan found{
      MinimalFilter(outputs, taps.extent), loop, *runs, otherPoints(plan, loop), {}, {}};
  for (ArrayRef<unsigned> run : found.runs)
    for (auto [a, b] : found.others) {
      int64_t start = offsets[run.front()] + a;
      auto *piece = llvm::find(found.pieces, start);
      found.pieceNumbers.push_back(piece - found.pieces.begin());
      if (piece == found.pieces.end())
        found.pieces.push_back(start);
    }
  return found;
}

void planFilter(ContractionPlan &plan, VectorTarget target) {
  constexpr int64_t kMostOthers = 16; // all are written out
  // Of the work: to save less is not worth the rounding, which shows where numbers are compared
  // or rounded to a grid next. Filters of three taps save less.
  constexpr double kLess = 0.7;
  if (plan.blocked() || plan.panel || !plan.limits.empty() || !plan.outer.empty() ||
      plan.columns.size() != 1 || plan.columns.back().strides[ContractionPlan::B] != 1 ||
      llvm::any_of(plan.k, [](const ContractionLoop &loop) { return loop.batched; }))
    return;
  int64_t count = plan.kCount();
  double least = kLess * count;
  ContractionPlan best = plan;
  for (auto [level, loop] : llvm::enumerate(plan.k))
    for (unsigned outputs : {4, 2}) {
      if (outputs + loop.extent - 1 > MinimalFilter::kMostPoints ||
          (outputs + loop.extent) % 2 == 0 || loop.strides[ContractionPlan::A] == 0 ||
          count / loop.extent > kMostOthers)
        continue;
      for (unsigned rows = 4 * outputs; rows >= outputs; rows -= outputs) {
        ContractionPlan tried = plan;
        tried.vectors = std::min(plan.vectors, target.registers >= 32 ? 2u : 1u);
        tried.width = static_cast<int64_t>(tried.vectors) * target.lanes;
        tried.filter = filterOf(tried, level, outputs, rows);
        if (!tried.filter || !fitsRegisters(tried, *tried.filter, target) ||
            work(tried, *tried.filter, target) >= least)
          continue;
        tried.aligned = true;
        least = work(tried, *tried.filter, target);
        best = tried;
      }
    }
  plan = best;
}

//===------------------------------------------------------------------------------------------===//
// The pass
//===------------------------------------------------------------------------------------------===//

namespace {
struct MinimalFilters : VectorPass<MinimalFilters> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MinimalFilters)
  using VectorPass::VectorPass;

  StringRef getArgument() const final { return "gnc-minimal-filters"; }
  StringRef getDescription() const final {
    return "sums along an axis with fewer products, where the tile of a contraction can";
  }

  void run(func::FuncOp function, VectorTarget target) {
    // Neighbours are rounded differently, so a pool of equal numbers may choose another one: losses
    // of a training with Adam then leave those of direct sums by 2e-4 in three steps.
    if (changesWeights(function))
      return;
    for (ComputeOp op : function.getOps<ComputeOp>()) {
      std::optional<unsigned> vector =
          contractionVector(op, {.panelLanes = target.lanes, .bounds = true});
      if (!vector || isLibraryCall(op))
        continue;
      auto f32 = [](Type type) { return cast<RankedTensorType>(type).getElementType().isF32(); };
      if (!f32(op.getResultTypes()[0]) ||
          !llvm::all_of(op.getReads().take_front(2).getTypes(), f32))
        continue; // what is rounded would be rounded differently
      ComputeOp window = windowOfTile(op, target);
      op->setAttr(names::kMinimalFilter, UnitAttr::get(op.getContext()));
      if (!planContraction(op, *vector, target, window).filter ||
          windowOfTile(op, target) != window)
        op->removeAttr(names::kMinimalFilter);
    }
  }
};
} // namespace

std::unique_ptr<Pass> createMinimalFilters(VectorTarget target) {
  return std::make_unique<MinimalFilters>(target);
}

} // namespace gnc
