//===- Autodiff.cpp - every gnc.gradient becomes equations ------------------------------------===//
//
// The gradient of each op is the op's own business (GradientOpInterface); reverse mode over the
// graph is in ir/ReverseMode.h. What is left is to find the ops between the wanted tensors and the
// loss, to start with d.loss = 1, and to clean up what has no further meaning: given gradients and
// `stop`.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/ReverseMode.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace gnc {
#define GEN_PASS_DEF_AUTODIFF
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// The ops that `value` depends on, in the order of the block.
static SmallVector<Operation *> producersOf(Value value) {
  llvm::SetVector<Operation *> found;
  SmallVector<Value> pending{value};
  while (!pending.empty())
    if (Operation *op = pending.pop_back_val().getDefiningOp(); op && found.insert(op))
      llvm::append_range(pending, op->getOperands());
  SmallVector<Operation *> ops = found.takeVector();
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ops;
}

static LogicalResult expand(GradientOp op) {
  OpBuilder builder(op);
  Value one = fillTensor(builder, op.getLoc(), op.getLoss().getType(), 1);
  SmallVector<Value> adjoints;
  if (failed(deriveAdjoints(builder, producersOf(op.getLoss()), Seed{op.getLoss(), one}, op.getOf(),
                            adjoints)))
    return failure();
  for (auto [result, adjoint] : llvm::zip_equal(op.getResults(), adjoints))
    result.replaceAllUsesWith(adjoint ? adjoint
                                      : fillTensor(builder, op.getLoc(), result.getType(), 0));
  op.erase();
  return success();
}

static void inlineForward(CustomOp op) {
  OpBuilder builder(op);
  IRMapping mapping;
  mapping.map(op.getForward().getArguments(), op.getInputs());
  Block &block = op.getForward().front();
  for (Operation &inner : block.without_terminator())
    builder.clone(inner, mapping);
  for (auto [result, value] :
       llvm::zip_equal(op.getResults(), block.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookupOrDefault(value));
  op.erase();
}

namespace {
struct Autodiff : gnc::impl::AutodiffBase<Autodiff> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    // The last one first: a gradient on the way to another's loss is then still there, and says so.
    SmallVector<GradientOp> gradients;
    getOperation().walk([&](GradientOp op) { gradients.push_back(op); });
    for (GradientOp op : llvm::reverse(gradients))
      if (failed(expand(op)))
        return signalPassFailure();
    for (bool found = true; found;) { // `custom` may stand in the regions of another
      SmallVector<CustomOp> customs(getOperation().getOps<CustomOp>());
      llvm::for_each(customs, inlineForward);
      found = !customs.empty();
    }
    getOperation().walk([](StopOp op) {
      op.replaceAllUsesWith(op.getOperand());
      op.erase();
    });
    eraseUnused();
  }

private:
  /// Recomputed forward equations that no gradient needed after all.
  void eraseUnused() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(getOperation().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};
} // namespace
