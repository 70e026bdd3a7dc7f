//===- OnePassVariance.cpp - mean and variance in one pass over memory ------------------------===//
//
// A variance is asked for as the mean of squared distances from the mean, which must be known
// first: two passes over a map, one after the other.
//
//   mu[c] = sum[n, i] x[n, c, i] / count       var[c] = sum[n, i] (x[n, c, i] - mu[c])^2 / count
//
// become one equation with two results. With d = x - s and any s[c],
//
//   mu = s + sum d / count                     var = sum d^2 / count - (sum d / count)^2
//
// With s = 0 this is the textbook formula that loses all digits where the mean is large beside the
// deviation. Here s[c] is an element of the data, x[0, c, 0] (Chan, Golub, LeVeque 1983: Algorithms
// for computing the sample variance): the variance loses a factor of 1 + k^2 in relative rounding
// error, k being how many deviations this element is from the mean. Equal elements have variance 0
// exactly; rounding never makes it negative.
//
// Only over the batch, where the map is the largest thing there is and elements are samples of one
// distribution; a few numbers of one sample, one of which may be far from all others, keep their
// two passes.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/LibraryCall.h"
#include "ir/ScalarBuilder.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_ONEPASSVARIANCE
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// `value` is a quotient by the number of all terms of the sum: its dividend; else null.
static Value dividedByCount(ComputeOp op, Value value) {
  auto quotient = value.getDefiningOp<arith::DivFOp>();
  auto count = quotient ? quotient.getRhs().getDefiningOp<ExtentOp>() : ExtentOp();
  if (!count)
    return {};
  llvm::SmallDenseSet<int64_t> counted(count.getIndices().begin(), count.getIndices().end());
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i)
    if (!counted.erase(i))
      return {};
  return counted.empty() ? quotient.getLhs() : Value();
}

/// One f32 sum over the batch and perhaps more, with nothing after it.
static bool isBatchSum(ComputeOp op) {
  return op.getNumResults() == 1 && !op.isPointwise() && !op.hasFinish() &&
         op.getReduction(0) == Reduction::Sum && op.getYielded()[0].getType().isF32() &&
         !isLibraryCall(op) && llvm::any_of(op.getReductionExtents(), ShapedType::isDynamic);
}

static bool isMean(ComputeOp op) {
  return isBatchSum(op) && op.getReads().size() == 1 && !op.getAccess(0).isGuarded() &&
         op.getAccess(0).getClamped().empty() && !op.getReads()[0].getDefiningOp<RandomOp>() &&
         dividedByCount(op, op.getYielded()[0]) == op.getBody().getArgument(0);
}

/// The mean of which `op` is the variance; null if it is none.
static ComputeOp meanOf(ComputeOp op) {
  if (!isBatchSum(op) || op.getReads().size() != 2)
    return {};
  Value square = dividedByCount(op, op.getYielded()[0]);
  auto product = square ? square.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!product || product.getLhs() != product.getRhs())
    return {};
  auto distance = product.getLhs().getDefiningOp<arith::SubFOp>();
  if (!distance)
    return {};
  for (unsigned element : {0u, 1u}) {
    unsigned center = 1 - element;
    auto mean = op.getReads()[center].getDefiningOp<ComputeOp>();
    if (mean && isMean(mean) && isIdentityRead(op, center) &&
        mean.getExtents() == op.getExtents() && mean.getNumParallel() == op.getNumParallel() &&
        mean.getReads()[0] == op.getReads()[element] &&
        mean.getAccess(0).getCoords().getResults() ==
            op.getAccess(element).getCoords().getResults() &&
        !op.getAccess(element).isGuarded() && op.getAccess(element).getClamped().empty()) {
      // Only x - mu and mu - x are squared.
      Value x = op.getBody().getArgument(element), mu = op.getBody().getArgument(center);
      if ((distance.getLhs() == x && distance.getRhs() == mu) ||
          (distance.getLhs() == mu && distance.getRhs() == x))
        return mean;
    }
  }
  return {};
}

/// The first element that is summed.
static DraftRead firstElement(const EquationDraft &draft) {
  SmallVector<AffineExpr> indices;
  for (unsigned i = 0; i < draft.extents.size(); ++i)
    indices.push_back(i < draft.numParallel ? getAffineDimExpr(i, draft.context)
                                            : getAffineConstantExpr(0, draft.context));
  DraftRead read = draft.reads[0];
  read.map([&](AffineExpr expr) { return expr.replaceDims(indices); });
  return read;
}

/// Mean and variance, where `mean` stands.
static ComputeOp createMoments(ComputeOp mean, ComputeOp variance) {
  Location loc = variance.getLoc();
  EquationDraft draft = EquationDraft::of(mean);
  DraftRead first = firstElement(draft);
  draft.reductions.push_back(Reduction::Sum);
  draft.resultTypes.push_back(variance.getResultTypes()[0]);
  Value shift = draft.argumentOf(addBodyRead(draft, first, loc));
  ScalarBuilder body(draft.yield());
  Value count = draft.yield()->getOperand(0).getDefiningOp<arith::DivFOp>().getRhs();
  Value distance = body.sub(draft.argumentOf(0), shift);
  Value square = body.mul(distance, distance);
  draft.yield()->setOperands({body.div(distance, count), body.div(square, count)});
  ensureFinish(draft, loc);
  Value center = draft.argumentOf(addFinishRead(draft, first, loc));
  Operation *yield = draft.finish->getTerminator();
  ScalarBuilder finish(yield);
  Value more = draft.finish->getArgument(0), squares = draft.finish->getArgument(1);
  Value spread = finish.sub(squares, finish.mul(more, more));
  Value positive = finish.create<arith::MaximumFOp>(spread, finish.constant(0));
  yield->setOperands({finish.add(center, more), positive});
  draft.tidy();
  OpBuilder builder(mean);
  return draft.create(builder, loc);
}

namespace {
struct OnePassVariance : gnc::impl::OnePassVarianceBase<OnePassVariance> {
  void runOnOperation() override {
    if (getOperation().isExternal() || storesHalf(getOperation()))
      return;
    for (Operation &op : llvm::make_early_inc_range(getOperation().front())) {
      auto variance = dyn_cast<ComputeOp>(op);
      ComputeOp mean = variance ? meanOf(variance) : ComputeOp();
      if (!mean)
        continue;
      ComputeOp moments = createMoments(mean, variance);
      mean->getResult(0).replaceAllUsesWith(moments->getResult(0));
      variance->getResult(0).replaceAllUsesWith(moments->getResult(1));
      variance.erase();
      mean.erase();
    }
  }
};
} // namespace
