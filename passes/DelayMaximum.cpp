//===- DelayMaximum.cpp - a maximum with a constant comes after one over windows --------------===//
//
// The largest of all max(x, c) is the larger of c and the largest x:
//
//   y[i] = max(x[i], c)                           q[j] = max[r] x[2 j + r]
//   p[j] = max[r] y[2 j + r]            =>        p[j] = max(q[j], c)
//
// So a relu before a pool is computed once a window. What matters is the gradient: it asks p > c
// instead of x > c, so x need not be read again, nor kept, and the mask is part of what computes
// the gradient of p.
//
// No bit changes. NaN goes through both, and gradients are the same: where all of a window is below
// c, both are 0; where its maximum is above c, both orders find it at the same place.
//
// This comes before the backward pass is derived.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_DELAYMAXIMUM
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// The largest of some elements of one tensor, all of which exist, and nothing else.
static bool isMaximumOfElements(ComputeOp op) {
  return op.getNumResults() == 1 && op.getReads().size() == 1 && !op.isPointwise() &&
         !op.hasFinish() && op.getReduction(0) == Reduction::Max && !op.getAccess(0).isGuarded() &&
         op.getYielded()[0] == op.getBody().getArgument(0);
}

/// max(x, c) for every element of a tensor, with a constant c: the scalar; else null.
static arith::MaximumFOp clampOf(ComputeOp op) {
  if (op.getNumResults() != 1 || op.getReads().size() != 1 || !op.isPointwise() ||
      !isIdentityRead(op, 0) || drawsNumbers(op))
    return {};
  auto clamp = op.getYielded()[0].getDefiningOp<arith::MaximumFOp>();
  if (!clamp)
    return {};
  auto isConstant = [](Value value) { return value.getDefiningOp<arith::ConstantOp>() != nullptr; };
  Value x = op.getBody().getArgument(0);
  bool plain = (clamp.getLhs() == x && isConstant(clamp.getRhs())) ||
               (clamp.getRhs() == x && isConstant(clamp.getLhs()));
  return plain ? clamp : arith::MaximumFOp();
}

/// The scalars of `clamp` for every element of what `op` computes.
static ComputeOp clampResult(ComputeOp op, ComputeOp clamp) {
  EquationDraft draft(op.getContext());
  DraftRead read{op.getResult(0), {}, {}, {}, {}};
  for (unsigned i = 0; i < op.getNumParallel(); ++i) {
    draft.names.push_back(op.getIndexName(i).str());
    draft.extents.push_back(op.getExtents()[i]);
    read.coords.push_back(getAffineDimExpr(i, draft.context));
  }
  draft.numParallel = op.getNumParallel();
  draft.reductions = {Reduction::None};
  draft.resultTypes = {op.getResultTypes()[0]};
  IRMapping map;
  map.map(clamp.getBody().getArgument(0), draft.addRead(std::move(read), clamp.getLoc()));
  OpBuilder scalars(draft.context);
  scalars.setInsertionPointToEnd(draft.body.get());
  for (Operation &scalar : *clamp.getBodyBlock())
    scalars.clone(scalar, map);
  OpBuilder builder(op.getContext());
  builder.setInsertionPointAfter(op);
  return draft.create(builder, clamp.getLoc());
}

namespace {
struct DelayMaximum : gnc::impl::DelayMaximumBase<DelayMaximum> {
  void runOnOperation() override {
    SmallVector<ComputeOp> pools;
    getOperation().walk([&](ComputeOp op) {
      if (isMaximumOfElements(op))
        pools.push_back(op);
    });
    for (ComputeOp pool : pools) {
      auto clamp = pool.getReads()[0].getDefiningOp<ComputeOp>();
      if (!clamp || !clampOf(clamp) || !clamp->hasOneUse())
        continue;
      pool->setOperand(0, clamp.getReads()[0]);
      ComputeOp delayed = clampResult(pool, clamp);
      pool->getResult(0).replaceAllUsesExcept(delayed->getResult(0), delayed);
      clamp.erase();
    }
  }
};
} // namespace
