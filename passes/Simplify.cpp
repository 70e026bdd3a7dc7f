//===- Simplify.cpp - the graph in simplest form ----------------------------------------------===//
//
// What is known of one equation is in EquationDraft::tidy; here is what takes two of them: equal
// ops become one, copies and tensors of one number are forwarded to their readers, unused results
// go. The pass repeats until nothing changes, so that running it again changes nothing.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/EquationDraft.h"
#include "ir/ScalarBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OperationSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// Equality
//===------------------------------------------------------------------------------------------===//

/// True if two equations say the same; the names of their indices do not count.
static bool sameEquation(ComputeOp a, ComputeOp b) {
  return a->getOperands() == b->getOperands() && a->getResultTypes() == b->getResultTypes() &&
         a.getExtents() == b.getExtents() && a.getNumParallel() == b.getNumParallel() &&
         a.getReductions() == b.getReductions() && a.getAccesses() == b.getAccesses() &&
         a->getDiscardableAttrDictionary() == b->getDiscardableAttrDictionary() &&
         OperationEquivalence::isRegionEquivalentTo(&a.getBody(), &b.getBody(),
                                                    OperationEquivalence::IgnoreLocations) &&
         OperationEquivalence::isRegionEquivalentTo(&a.getFinish(), &b.getFinish(),
                                                    OperationEquivalence::IgnoreLocations);
}

static bool sameOp(Operation *a, Operation *b) {
  if (a->getName() != b->getName())
    return false;
  if (auto compute = dyn_cast<ComputeOp>(a))
    return sameEquation(compute, cast<ComputeOp>(b));
  return a->getNumRegions() == 0 &&
         OperationEquivalence::isEquivalentTo(a, b, OperationEquivalence::IgnoreLocations);
}

static llvm::hash_code hashOf(Operation *op) {
  llvm::hash_code hash = llvm::hash_value(op->getName().getAsOpaquePointer());
  for (Value operand : op->getOperands())
    hash = llvm::hash_combine(hash, operand);
  if (auto compute = dyn_cast<ComputeOp>(op))
    hash = llvm::hash_combine(hash, compute.getAccesses());
  return hash;
}

/// Replaces ops by earlier equal ones.
static bool mergeEqualOps(Block &block) {
  DenseMap<size_t, SmallVector<Operation *, 1>> seen;
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (!isPure(&op) || op.hasTrait<OpTrait::IsTerminator>())
      continue;
    auto &candidates = seen[hashOf(&op)];
    auto *it = llvm::find_if(candidates, [&](Operation *other) { return sameOp(other, &op); });
    if (it == candidates.end()) {
      candidates.push_back(&op);
      continue;
    }
    op.replaceAllUsesWith(*it);
    op.erase();
    changed = true;
  }
  return changed;
}

//===------------------------------------------------------------------------------------------===//
// Forwarding
//===------------------------------------------------------------------------------------------===//

/// The tensor that result `i` copies, if it is a plain copy.
static Value copiedTensor(ComputeOp op, unsigned i) {
  if (!op.isPointwise() || op.hasFinish())
    return nullptr;
  auto argument = dyn_cast<BlockArgument>(op.getYielded()[i]);
  if (!argument)
    return nullptr;
  unsigned read = argument.getArgNumber();
  AccessAttr access = op.getAccess(read);
  Value tensor = op.getReads()[read];
  if (tensor.getType() != op.getResultTypes()[i] || access.isGuarded())
    return nullptr;
  // An index of extent 1 is written 0.
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults()))
    if (coordinate != getAffineDimExpr(dim, op.getContext()) &&
        !(op.getExtents()[dim] == 1 && coordinate == getAffineConstantExpr(0, op.getContext())))
      return nullptr;
  return tensor;
}

/// Reads of a copy read the original. A function still returns its own copy of an argument.
static bool forwardCopies(ComputeOp op) {
  bool changed = false;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    Value tensor = copiedTensor(op, i);
    if (!tensor)
      continue;
    op->getResult(i).replaceUsesWithIf(tensor, [&](OpOperand &use) {
      bool kept = isa<BlockArgument>(tensor) && use.getOwner()->hasTrait<OpTrait::IsTerminator>();
      changed |= !kept;
      return !kept;
    });
  }
  return changed;
}

/// The number that every element of `tensor` is, if an equation says so.
static std::optional<double> uniformValue(Value tensor) {
  auto op = tensor.getDefiningOp<ComputeOp>();
  if (!op || !op.isPointwise() || op.hasFinish())
    return std::nullopt;
  return ScalarBuilder::constantOf(op.getYielded()[cast<OpResult>(tensor).getResultNumber()]);
}

/// Reads of a tensor of one number are that number.
static void forwardNumbers(EquationDraft &draft) {
  for (unsigned i = 0; i < draft.reads.size(); ++i) {
    const DraftRead &read = draft.reads[i];
    std::optional<double> number = uniformValue(read.tensor);
    BlockArgument argument = draft.argumentOf(i);
    if (!number || argument.use_empty())
      continue;
    ScalarBuilder scalars(&argument.getOwner()->front());
    Value value = scalars.constant(*number);
    if (read.isGuarded() && *read.outside != *number)
      value = scalars.select(scalars.create<InsideOp>(IntegerType::get(draft.context, 1), i), value,
                             scalars.constant(*read.outside));
    argument.replaceAllUsesWith(value);
  }
}

//===------------------------------------------------------------------------------------------===//
// One equation
//===------------------------------------------------------------------------------------------===//

static void dropUnusedResults(ComputeOp op, EquationDraft &draft, SmallVectorImpl<Value> &results) {
  SmallVector<unsigned> used;
  for (OpResult result : op->getResults())
    if (!result.use_empty() || op.hasFinish())
      used.push_back(result.getResultNumber());
  for (unsigned i : used)
    results.push_back(op->getResult(i));
  if (used.size() < op.getNumResults())
    draft.keepResults(used);
}

/// Rewrites `op` in simplest form. True if that is another form.
static bool simplifyEquation(ComputeOp op) {
  if (op->use_empty())
    return false; // erased later
  bool changed = forwardCopies(op);
  if (op->use_empty())
    return true;
  EquationDraft draft = EquationDraft::of(op);
  SmallVector<Value> results;
  dropUnusedResults(op, draft, results);
  forwardNumbers(draft);
  draft.tidy();
  OpBuilder builder(op);
  ComputeOp simplified = draft.create(builder, op.getLoc());
  simplified->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  if (sameEquation(op, simplified)) {
    simplified.erase();
    return changed;
  }
  for (auto [before, now] : llvm::zip_equal(results, simplified->getResults()))
    before.replaceAllUsesWith(now);
  op.erase();
  return true;
}

static bool foldReshape(ReshapeOp op) {
  if (auto random = op.getInput().getDefiningOp<RandomOp>()) { // counts elements in any shape
    OpBuilder builder(op);
    op.replaceAllUsesWith(RandomOp::create(builder, random.getLoc(), op.getType(),
                                           random.getStream(), random.getSite())
                              .getResult());
    op.erase();
    return true;
  }
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(results)))
    return false;
  if (!results.empty()) {
    op.replaceAllUsesWith(cast<Value>(results.front()));
    op.erase();
  }
  return true;
}

static bool simplifyBlock(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (auto compute = dyn_cast<ComputeOp>(op))
      changed |= simplifyEquation(compute);
    else if (auto reshape = dyn_cast<ReshapeOp>(op))
      changed |= foldReshape(reshape);
    else if (auto custom = dyn_cast<CustomOp>(op))
      for (Region &region : custom->getRegions())
        changed |= simplifyBlock(region.front());
  }
  changed |= mergeEqualOps(block);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op)) {
      op.erase();
      changed = true;
    }
  return changed;
}

namespace {
struct Simplify : gnc::impl::SimplifyBase<Simplify> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    while (simplifyBlock(getOperation().front()))
      ;
  }
};
} // namespace
