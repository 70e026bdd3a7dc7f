//===- FuseElementwise.cpp - pointwise equations join their neighbours ------------------------===//
//
// A pointwise equation that runs by itself costs a pass over memory, mostly many times what its
// arithmetic costs. It is computed where its operand is made (in the `finish` of a reduction), or
// else where its result is read (in the body of the reader). After autodiff a network's step looks
// like this:
//
//   y = conv(x, w)     a = y + b     r = max(a, 0)     p, k = max, argmax over window of r
//   dr = dp where k says so     da = dr where a > 0     dw = sum da * x     db = sum da
//
// `a` has two readers, r and the mask. A mask a > 0 is the same as r > 0, so that the mask can read
// r and `a` is only an intermediate value of the convolution: y, a, r become one op with `finish`.
// The first rewrite (FuseElementwiseMask.cpp) does that. Then, in order of the ops:
//
// 1. Finish (FuseElementwiseFinish.cpp): bias, activation, residual sum and the relu mask of the
//    gradient join the reduction before them. A reduction's value is rounded and combined before
//    they see it, so this changes no bit. The update of a weight stays outside: it is carried out
//    at the end of the step, and the gradient with all it reads would have to wait with it.
// 2. Inline (FuseElementwiseInline.cpp): what is left goes into its readers if all can take it: the
//    pool gradient `dr` into the mask, a window's relu into max and argmax. A contraction never
//    takes anything into its body: a pure product of two reads runs in the register-tiled kernel,
//    which is worth more than the memory pass. A value that is read many times is only computed
//    again if it is cheap.
//
// Each step removes an op, so repeating until nothing changes ends; and what is left cannot be
// fused by running the pass again. Values keep all their bits: the same scalars run in the same
// order.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/FuseElementwise.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// Pointwise equations with a `finish` (a sum over one term was simplified away) become plain ones.
static void dissolvePointwiseFinish(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block))
    if (auto compute = dyn_cast<ComputeOp>(op);
        compute && compute.isPointwise() && compute.hasFinish()) {
      EquationDraft draft = EquationDraft::of(compute);
      replaceWith(compute, draft); // settles it
    }
}

static bool sweep(Block &block) {
  bool changed = false;
  for (Operation *op = &block.front(), *next; op; op = next) {
    auto compute = dyn_cast<ComputeOp>(op);
    if (!compute || !compute.isPointwise() || compute->use_empty()) {
      next = op->getNextNode();
      continue;
    }
    next = op->getNextNode();
    if (joinFinish(compute)) {
      changed = true;
      continue;
    }
    // Readers are replaced in place, and the next op may be one.
    bool inlined = inlineIntoReaders(compute);
    next = op->getNextNode();
    if (inlined)
      op->erase();
    changed |= inlined;
  }
  return changed;
}

namespace {
struct FuseElementwise : gnc::impl::FuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    if (getOperation().isExternal() || storesHalf(getOperation()))
      return;
    Block &block = getOperation().front();
    dissolvePointwiseFinish(block);
    bool changed = true;
    while (changed) {
      changed = readMasksFromOutputs(block);
      while (sweep(block))
        changed = true;
    }
  }
};
} // namespace
