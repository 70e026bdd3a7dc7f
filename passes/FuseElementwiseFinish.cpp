//===- FuseElementwiseFinish.cpp - pointwise equations join the reduction before them ---------===//
#include "passes/Contraction.h"
#include "passes/FuseElementwise.h"
#include "passes/FusionSupport.h"

using namespace mlir;
using namespace gnc;

static bool isPosition(ComputeOp op, unsigned result) {
  return op.getReduction(result) == Reduction::ArgMax ||
         op.getReduction(result) == Reduction::ArgMin;
}

/// `op` reads results of `reduction` nowhere but at its own indices, and never as an index.
static bool readsOnlyAtIndices(ComputeOp op, ComputeOp reduction) {
  for (auto [i, tensor] : llvm::enumerate(op.getReads()))
    if (tensor.getDefiningOp() == reduction && (!isIdentityRead(op, i) || isUsedAsIndex(op, i)))
      return false;
  return true;
}

/// The result that `op` can take the place of: it alone uses it.
static std::optional<unsigned> replaceableResult(ComputeOp op, ComputeOp reduction) {
  if (reduction.isPointwise() || reduction.getParallelExtents() != op.getExtents() ||
      !readsOnlyAtIndices(op, reduction))
    return std::nullopt;
  for (OpResult result : reduction->getResults())
    if (!result.use_empty() && !isPosition(reduction, result.getResultNumber()) &&
        llvm::all_of(result.getUsers(), [&](Operation *user) { return user == op; }))
      return result.getResultNumber();
  return std::nullopt;
}

/// The last reduction whose `finish` can compute `op`, so that nothing moves further than needed.
static std::pair<ComputeOp, unsigned> findReduction(ComputeOp op) {
  std::pair<ComputeOp, unsigned> found;
  for (Value tensor : op.getReads()) {
    auto reduction = tensor.getDefiningOp<ComputeOp>();
    if (!reduction || reduction == found.first)
      continue;
    std::optional<unsigned> result = replaceableResult(op, reduction);
    if (result && (!found.first || found.first->isBeforeInBlock(reduction)))
      found = {reduction, *result};
  }
  return found;
}

/// Adds the scalars and reads of `op` to the `finish` of `draft`, in place of `result`.
static void append(EquationDraft &draft, ComputeOp reduction, unsigned result, ComputeOp op) {
  EquationDraft tail = EquationDraft::of(op);
  Operation *yield = draft.finish->getTerminator();
  ScalarImport import;
  import.extents = tail.extents;
  for (unsigned i = 0; i < tail.extents.size(); ++i)
    import.indices.push_back(getAffineDimExpr(i, draft.context));
  SmallVector<AffineExpr> symbols;
  for (auto [i, read] : llvm::enumerate(tail.reads)) {
    if (read.tensor.getDefiningOp() == reduction) {
      unsigned source = cast<OpResult>(read.tensor).getResultNumber();
      import.values.map(tail.argumentOf(i), yield->getOperand(source));
      import.reads.push_back(-1);
      symbols.push_back(getAffineConstantExpr(0, draft.context)); // not used
      continue;
    }
    read.map([&](AffineExpr expr) { return expr.replaceSymbols(symbols); });
    unsigned position = addFinishRead(draft, read, op.getLoc());
    import.values.map(tail.argumentOf(i), draft.finish->getArguments().back());
    import.reads.push_back(position);
    symbols.push_back(getAffineSymbolExpr(position, draft.context));
  }
  yield->setOperand(result, importScalars(draft, *tail.body, import, yield).front());
  draft.resultTypes[result] = op.getResultTypes().front();
}

namespace gnc {

bool joinFinish(ComputeOp op) {
  // Updates are carried out at the end of the step. In the `finish` of a weight's gradient they
  // would hold it, and with it everything that it reads, back until then.
  if (op.getNumResults() != 1 || isUpdate(op->getResult(0)))
    return false;
  auto [reduction, result] = findReduction(op);
  if (!reduction)
    return false;
  // The tile of a contraction stores what it computed, with what else strides can find.
  if (drawsNumbers(op) && isProductSum(reduction))
    return false;
  // Other results of the reduction may be needed before `op`: then it stays where it is.
  bool stays = reduction.getNumResults() > 1;
  if (stays && !hoistOperands(op, reduction))
    return false;
  EquationDraft draft = EquationDraft::of(reduction);
  ensureFinish(draft, op.getLoc());
  append(draft, reduction, result, op);
  settle(draft, reduction.getLoc());
  OpBuilder builder(stays ? reduction.getOperation() : op.getOperation());
  ComputeOp joined = draft.create(builder, reduction.getLoc());
  joined->setDiscardableAttrs(reduction->getDiscardableAttrDictionary());
  op->getResult(0).replaceAllUsesWith(joined->getResult(result));
  op.erase();
  reduction->replaceAllUsesWith(joined->getResults());
  reduction.erase();
  return true;
}

} // namespace gnc
