//===- SplitReduction.cpp - long reductions with few results, in two stages -------------------===//
//
// db[c] = sum[n, i, j] dy[n, c, i, j] has 32 results and 36,864 terms for each: too few results to
// keep the cores busy, and no index along which neighbours in memory are independent sums, as
// vectors need them. So the sum is taken in two stages,
//
//   p[c, j] = sum[n, i] dy[n, c, i, j]        db[c] = sum[j] p[c, j]
//
// and what stage 1 has made parallel is decided by the graph alone: the order of summation, so
// every bit, is the same for any number of threads. It is another order than that of the single
// sum: sums and products of this pass differ from the graph before it in rounding (maxima and
// minima do not).
//
// Which index becomes parallel:
//   contractions   the batch: one partial result per sample, each a contraction again. Only for
//                  results that are small beside the work, as the weight gradients of a
//                  convolution; those of a linear layer have parallelism of their own. For a
//                  card, whose blocks of threads want to be many: one index more where a long sum
//                  has few results, as in the first linear layer behind convolutions.
//   others         the index of the last dimension of what is read, if it is summed over (vectors
//                  run along it); else the batch; else the longest. Repeated while results are
//                  few and sums long.
//
// A `finish` moves to stage 2. If it asks how many samples there were (a mean), the batch becomes
// parallel, as stage 2 has no other way to know.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/LibraryCall.h"
#include "ir/ScalarBuilder.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_SPLITREDUCTION
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// What to split
//===------------------------------------------------------------------------------------------===//

static bool isReductionIndex(ComputeOp op, unsigned index) {
  return index >= op.getNumParallel() && index < op.getNumIndices();
}

static std::optional<unsigned> batchReductionIndex(ComputeOp op) {
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i)
    if (ShapedType::isDynamic(op.getExtents()[i]))
      return i;
  return std::nullopt;
}

/// The scalars of `finish` in terms of reduction indices: their number only, never their value.
static bool finishCountsBatch(ComputeOp op) {
  std::optional<unsigned> batch = batchReductionIndex(op);
  if (!op.hasFinish() || !batch)
    return false;
  return llvm::any_of(op.getFinish().getOps<ExtentOp>(), [&](ExtentOp extent) {
    return llvm::is_contained(extent.getIndices(), static_cast<int64_t>(*batch));
  });
}

/// f32 sums, products, maxima and minima whose `finish` can move to another equation.
static bool isSplittable(ComputeOp op) {
  if (op.isPointwise())
    return false;
  for (auto [i, value] : llvm::enumerate(op.getYielded())) {
    Reduction kind = op.getReduction(i);
    if (kind == Reduction::ArgMax || kind == Reduction::ArgMin || !value.getType().isF32())
      return false;
  }
  for (unsigned i = 0; i < op.getNumBodyReads(); ++i)
    for (unsigned j = op.getNumBodyReads(); j < op.getReads().size(); ++j)
      for (AffineMap map : {op.getAccess(j).getCoords(), op.getAccess(j).getConditions()})
        for (AffineExpr expr : map.getResults())
          if (expr.isFunctionOfSymbol(i))
            return false;
  return !op.hasFinish() || llvm::none_of(op.getFinish().front(), [&](Operation &scalar) {
    auto index = dyn_cast<IndexOp>(scalar);
    auto inside = dyn_cast<InsideOp>(scalar);
    return (index && isReductionIndex(op, index.getIndex())) ||
           (inside && inside.getRead() < op.getNumBodyReads());
  });
}

namespace {
/// What is worth splitting: at most so many results, and at least so many terms.
struct Limits {
  int64_t fewResults, longReduction;
  int64_t blocks; ///< that a contraction should be divided into, each of kBlockResults
};

/// The reduction indices that stage 1 makes parallel, and what that leaves.
struct Choice {
  Limits limits;
  unsigned numParallel;
  ArrayRef<int64_t> extents;
  SmallVector<unsigned> parallel;
  double results, terms;

  Choice(ComputeOp op, Limits limits)
      : limits(limits), numParallel(op.getNumParallel()), extents(op.getExtents()),
        results(pointsOf(op.getParallelExtents(), 1)), terms(pointsOf(op.getReductionExtents())) {}
  bool has(unsigned index) const { return llvm::is_contained(parallel, index); }
  bool isLong() const { return terms > limits.longReduction; }
  bool needsMore() const { return results < limits.fewResults && isLong(); }
  /// Stage 1 must have something left to reduce.
  bool canTake(unsigned index) const {
    return index >= numParallel && !has(index) && terms >= 2 * pointsOf(extents[index]);
  }
  void take(unsigned index) {
    parallel.push_back(index);
    results *= pointsOf(extents[index], 1);
    terms /= pointsOf(extents[index]);
  }
};
} // namespace

/// The reduction index that alone steps along the last dimension of the largest tensor for which
/// there is one.
static std::optional<unsigned> lastDimensionIndex(ComputeOp op, const Choice &choice) {
  constexpr int64_t kVector = 8;
  std::optional<unsigned> found;
  double size = 0;
  for (unsigned read = 0; read < op.getNumBodyReads(); ++read) {
    AffineMap coords = op.getAccess(read).getCoords();
    if (coords.getNumResults() == 0)
      continue;
    auto index = dyn_cast<AffineDimExpr>(coords.getResults().back());
    double points = pointsOf(cast<RankedTensorType>(op.getReads()[read].getType()).getShape());
    if (!index || !choice.canTake(index.getPosition()) ||
        op.getExtents()[index.getPosition()] < kVector || points <= size)
      continue;
    found = index.getPosition();
    size = points;
  }
  return found;
}

static std::optional<unsigned> longestIndex(ComputeOp op, const Choice &choice) {
  std::optional<unsigned> found;
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i)
    if (choice.canTake(i) && (!found || op.getExtents()[i] > op.getExtents()[*found]))
      found = i;
  return found;
}

/// Whether the index alone steps along what the layouts will put last: channels, where there are
/// pictures.
static bool walksNeighbours(ComputeOp op, unsigned index) {
  for (unsigned read = 0; read < op.getNumBodyReads(); ++read) {
    ArrayRef<AffineExpr> coords = op.getAccess(read).getCoords().getResults();
    auto type = cast<RankedTensorType>(op.getReads()[read].getType());
    bool pictures = type.getRank() == 4 && type.isDynamicDim(0);
    if (!coords.empty() &&
        (pictures ? coords[1] : coords.back()) == getAffineDimExpr(index, op.getContext()))
      return true;
  }
  return false;
}

static void chooseForContraction(ComputeOp op, Choice &choice) {
  constexpr double kSmallResult = 65536, kFewestTerms = 64;
  std::optional<unsigned> batch = batchReductionIndex(op);
  if (batch && choice.isLong() && choice.results <= kSmallResult &&
      choice.terms / kPlannedBatch >= kFewestTerms)
    choice.take(*batch);
  constexpr double kBlockResults = 64 * 64, kWorthTwoStages = 2048, kTermsOfBlock = 128;
  double results = pointsOf(op.getParallelExtents());
  for (unsigned index : choice.parallel)
    results *= pointsOf(op.getExtents()[index]);
  double times = double(choice.limits.blocks) * kBlockResults / results;
  if (times < 2 || choice.terms < kWorthTwoStages)
    return;
  // The longest index that leaves each block enough to sum and makes no more blocks than wanted;
  // not the one along which neighbours lie together, if there is another.
  std::optional<std::pair<bool, int64_t>> most;
  unsigned best = 0;
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i) {
    int64_t extent = op.getExtents()[i];
    if (!choice.canTake(i) || ShapedType::isDynamic(extent) || double(extent) > times ||
        choice.terms / double(extent) < kTermsOfBlock)
      continue;
    std::pair<bool, int64_t> merit(!walksNeighbours(op, i), extent);
    if (!most || merit > *most) {
      most = merit;
      best = i;
    }
  }
  if (most)
    choice.take(best);
}

static void chooseForReduction(ComputeOp op, Choice &choice) {
  std::optional<unsigned> batch = batchReductionIndex(op);
  while (choice.needsMore()) {
    std::optional<unsigned> next = lastDimensionIndex(op, choice);
    if (!next && batch && choice.canTake(*batch))
      next = batch;
    if (!next)
      next = longestIndex(op, choice);
    if (!next)
      return;
    choice.take(*next);
  }
}

static Choice choose(ComputeOp op, Limits limits) {
  Choice choice(op, limits);
  if (!isSplittable(op))
    return choice;
  if (isContraction(op))
    chooseForContraction(op, choice);
  else
    chooseForReduction(op, choice);
  // A mean needs the batch in stage 2.
  std::optional<unsigned> batch = batchReductionIndex(op);
  if (!choice.parallel.empty() && finishCountsBatch(op) && !choice.has(*batch)) {
    if (!choice.canTake(*batch))
      choice.parallel.clear();
    else
      choice.take(*batch);
  }
  return choice;
}

//===------------------------------------------------------------------------------------------===//
// Splitting
//===------------------------------------------------------------------------------------------===//

/// The order of stage 1: the batch first, as every batched tensor has it, then the results'
/// indices, the other parallel ones, and what is still reduced. In a contraction the others come
/// before the results': its columns stay neighbours in memory.
static SmallVector<unsigned> stageOneOrder(ComputeOp op, const Choice &choice) {
  SmallVector<unsigned> order, chosen = choice.parallel;
  llvm::sort(chosen);
  auto isBatch = [&](unsigned i) { return ShapedType::isDynamic(op.getExtents()[i]); };
  llvm::copy_if(chosen, std::back_inserter(order), isBatch);
  SmallVector<unsigned> others;
  llvm::copy_if(chosen, std::back_inserter(others), [&](unsigned i) { return !isBatch(i); });
  bool first = isContraction(op);
  unsigned results = 0;
  if (first && op.getNumParallel() && isBatch(0))
    order.push_back(results++);
  if (first)
    llvm::append_range(order, others);
  while (results < op.getNumParallel())
    order.push_back(results++);
  if (!first)
    llvm::append_range(order, others);
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i)
    if (!choice.has(i))
      order.push_back(i);
  return order;
}

static EquationDraft stageOne(ComputeOp op, const Choice &choice, ArrayRef<unsigned> order) {
  EquationDraft draft = EquationDraft::of(op);
  draft.finish.reset();
  draft.reads.truncate(op.getNumBodyReads());
  draft.reorderIndices(order);
  draft.numParallel += choice.parallel.size();
  for (Type &type : draft.resultTypes)
    type = RankedTensorType::get(ArrayRef(draft.extents).take_front(draft.numParallel),
                                 Float32Type::get(op.getContext()));
  return draft;
}

/// The indices of stage 2: those of the results, then those that stage 1 made parallel.
/// `positions[i]` is where index i of `op` went, -1 if it is not there.
static SmallVector<int64_t> numberStageTwo(ComputeOp op, ArrayRef<unsigned> partialOrder,
                                           EquationDraft &draft) {
  SmallVector<int64_t> positions(op.getNumIndices(), -1);
  auto add = [&](unsigned i) {
    positions[i] = draft.extents.size();
    draft.names.push_back(op.getIndexName(i).str());
    draft.extents.push_back(op.getExtents()[i]);
  };
  for (unsigned i = 0; i < op.getNumParallel(); ++i)
    add(i);
  for (unsigned i : partialOrder)
    if (isReductionIndex(op, i))
      add(i);
  draft.numParallel = op.getNumParallel();
  return positions;
}

/// Gives stage 2 the `finish` of `op`, with its reads.
static void moveFinish(ComputeOp op, ArrayRef<int64_t> positions, EquationDraft &draft) {
  EquationDraft whole = EquationDraft::of(op);
  ensureFinish(draft, op.getLoc());
  ScalarImport import;
  import.extents = whole.extents;
  for (int64_t position : positions)
    import.indices.push_back(position < 0 ? getAffineConstantExpr(0, draft.context)
                                          : getAffineDimExpr(position, draft.context));
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    import.values.map(whole.finish->getArgument(i), draft.finish->getArgument(i));
  SmallVector<AffineExpr> symbols(op.getNumBodyReads(), getAffineConstantExpr(0, draft.context));
  import.reads.assign(op.getNumBodyReads(), -1);
  for (unsigned i = op.getNumBodyReads(); i < whole.reads.size(); ++i) {
    DraftRead read = whole.reads[i];
    read.map([&](AffineExpr expr) { return expr.replaceDimsAndSymbols(import.indices, symbols); });
    unsigned position = addFinishRead(draft, read, op.getLoc());
    import.values.map(whole.argumentOf(i), draft.argumentOf(position));
    import.reads.push_back(position);
    symbols.push_back(getAffineSymbolExpr(position, draft.context));
  }
  Operation *yield = draft.finish->getTerminator();
  yield->setOperands(importScalars(draft, *whole.finish, import, yield));
}

static EquationDraft stageTwo(ComputeOp op, ComputeOp partial, ArrayRef<unsigned> partialOrder) {
  EquationDraft draft(op.getContext());
  SmallVector<int64_t> positions = numberStageTwo(op, partialOrder, draft);
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    draft.reductions.push_back(op.getReduction(i));
  llvm::append_range(draft.resultTypes, partial.getResultTypes());
  DraftRead read;
  for (unsigned i : partialOrder)
    read.coords.push_back(getAffineDimExpr(positions[i], draft.context));
  for (Value tensor : partial->getResults()) {
    read.tensor = tensor;
    draft.addRead(read, op.getLoc());
  }
  OpBuilder builder = endOf(draft.body.get(), draft.context);
  YieldOp::create(builder, op.getLoc(), draft.body->getArguments());
  if (op.hasFinish())
    moveFinish(op, positions, draft);
  draft.resultTypes.assign(op.getResultTypes().begin(), op.getResultTypes().end());
  return draft;
}

/// True if `op` was replaced; `next` are the stages, which may be long themselves.
static bool split(ComputeOp op, Limits limits, SmallVectorImpl<ComputeOp> &next) {
  Choice choice = choose(op, limits);
  if (choice.parallel.empty())
    return false;
  OpBuilder builder(op);
  SmallVector<unsigned> order = stageOneOrder(op, choice);
  ComputeOp partial = stageOne(op, choice, order).create(builder, op.getLoc());
  order.truncate(partial.getNumParallel());
  ComputeOp whole = stageTwo(op, partial, order).create(builder, op.getLoc());
  whole->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  op->replaceAllUsesWith(whole->getResults());
  op.erase();
  next.append({partial, whole});
  return true;
}

namespace {
struct SplitReduction : gnc::impl::SplitReductionBase<SplitReduction> {
  using SplitReductionBase::SplitReductionBase;
  void runOnOperation() override {
    if (storesHalf(getOperation()))
      return;
    SmallVector<ComputeOp> work;
    getOperation().walk([&](ComputeOp op) {
      if (!isLibraryCall(op))
        work.push_back(op);
    });
    while (!work.empty())
      split(work.pop_back_val(), {fewResults, longReduction, blocks}, work);
  }
};
} // namespace
