//===- MergeDomains.cpp - equations over one domain become one --------------------------------===//
//
// Two equations that run over the same points and read the same tensor pass over memory twice for
// it; and where one reads the other's result at its own point, that result is written and read back
// for nothing. One equation with several results does both in one pass: Adam's m, v and w; max and
// argmax of a window; the sums of a batch norm's gradients.
//
// A and B (later in the function) merge when
//   - parallel and reduction extents agree by position, and neither is a contraction;
//   - they share a read, at equal coordinates, of a tensor that is worth it (not a small one which
//     every point reads, as a bias or a learning rate), or B reads A's result at its own indices:
//     in the body if pointwise, in `finish` if they are reductions;
//   - nothing on the way from A to B depends on A: then what else B needs moves before A, and the
//     merged op takes A's place;
//   - no weight's update is pulled before the end. Updates are carried out last, when the step is
//     known to be whole; an equation that other ops wait for must not write one, unless it did.
// Results that only the merged equation itself read are not written any more.
//
// Every merge removes an op, and merging goes on until nothing merges: the pass is idempotent. Ops
// are tried in the order of the function, so that its outcome is a function of the graph. It
// changes no bit. Partners are not looked for among the readers of a tensor that very many ops
// read, which would take quadratic time.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_MERGEDOMAINS
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// May they merge?
//===------------------------------------------------------------------------------------------===//

static bool sameDomain(ComputeOp a, ComputeOp b) {
  return !(a.isPointwise() && (a.hasFinish() || b.hasFinish())) &&
         a.getNumParallel() == b.getNumParallel() && a.getExtents() == b.getExtents();
}

static bool readsFrom(ComputeOp op, unsigned read, ComputeOp source) {
  return op.getReads()[read].getDefiningOp() == source;
}

/// All that `b` reads of `a` are values that the merged equation has at hand.
static bool canUseDirectly(ComputeOp a, ComputeOp b) {
  for (unsigned read = 0; read < b.getReads().size(); ++read) {
    if (!readsFrom(b, read, a))
      continue;
    bool available = b.isPointwise() || read >= b.getNumBodyReads();
    if (!available || !isIdentityRead(b, read) || isUsedAsIndex(b, read))
      return false;
  }
  return true;
}

namespace {
/// What the rest of the function does with the results of an op, or of two.
struct Outlook {
  bool updates = false, feeds = false;
  bool mixed() const { return updates && feeds; }
};
} // namespace

static Outlook outlookOf(ComputeOp op, ComputeOp partner) {
  Outlook outlook;
  for (Value result : op->getResults()) {
    outlook.updates |= isUpdate(result);
    outlook.feeds |= llvm::any_of(result.getUsers(), [&](Operation *user) {
      return !user->hasTrait<OpTrait::IsTerminator>() && user != partner;
    });
  }
  return outlook;
}

/// An update that could wait until the end still can.
static bool keepsUpdatesLast(ComputeOp a, ComputeOp b) {
  Outlook first = outlookOf(a, b), second = outlookOf(b, a);
  Outlook merged{first.updates || second.updates, first.feeds || second.feeds};
  if (!merged.mixed())
    return true;
  auto couldWait = [](ComputeOp op) {
    Outlook alone = outlookOf(op, nullptr);
    return alone.updates && !alone.feeds;
  };
  return !couldWait(a) && !couldWait(b);
}

static bool mayMerge(ComputeOp a, ComputeOp b) {
  constexpr unsigned kMostResults = 8, kMostReads = 24;
  return a != b && a->isBeforeInBlock(b) && sameDomain(a, b) && !isContraction(a) &&
         !isContraction(b) && a.getNumResults() + b.getNumResults() <= kMostResults &&
         a.getReads().size() + b.getReads().size() <= kMostReads && canUseDirectly(a, b) &&
         keepsUpdatesLast(a, b);
}

//===------------------------------------------------------------------------------------------===//
// Does it pay?
//===------------------------------------------------------------------------------------------===//

/// A tensor of which the domain reads most elements few times.
static bool isLarge(Value tensor, ComputeOp op) {
  constexpr double kShare = 8;
  return kShare * pointsOf(cast<RankedTensorType>(tensor.getType()).getShape()) >=
         pointsOf(op.getExtents());
}

/// The same coordinates; the symbols of data-dependent ones count as different.
static bool sameAccess(AccessAttr a, AccessAttr b) {
  return a.getCoords().getResults() == b.getCoords().getResults() &&
         a.getConditions().getResults() == b.getConditions().getResults() &&
         a.getLimits() == b.getLimits() && a.getClamped() == b.getClamped() &&
         a.getOutside() == b.getOutside();
}

static bool sharesRead(ComputeOp a, ComputeOp b) {
  for (unsigned i = 0; i < a.getNumBodyReads(); ++i)
    for (unsigned j = 0; j < b.getNumBodyReads(); ++j)
      if (a.getReads()[i] == b.getReads()[j] && sameAccess(a.getAccess(i), b.getAccess(j)) &&
          isLarge(a.getReads()[i], a))
        return true;
  return false;
}

/// Few enough ops read it for each to look at all others.
static bool hasFewReaders(Value tensor) {
  constexpr unsigned kMostReaders = 64;
  return !llvm::hasNItemsOrMore(tensor.getUses(), kMostReaders + 1);
}

/// Earlier ops that `op` reads from or shares a large read with, in order.
static SmallVector<ComputeOp> candidatesFor(ComputeOp op) {
  SmallVector<ComputeOp> found;
  auto add = [&](Operation *other) {
    auto compute = dyn_cast_or_null<ComputeOp>(other);
    if (compute && compute != op && compute->isBeforeInBlock(op) && sameDomain(compute, op) &&
        !llvm::is_contained(found, compute))
      found.push_back(compute);
  };
  for (Value tensor : op.getReads()) {
    add(tensor.getDefiningOp());
    if (isLarge(tensor, op) && hasFewReaders(tensor))
      for (Operation *user : tensor.getUsers())
        add(user);
  }
  llvm::erase_if(found, [&](ComputeOp other) {
    bool reads =
        llvm::any_of(op.getReads(), [&](Value tensor) { return tensor.getDefiningOp() == other; });
    return !reads && !sharesRead(other, op);
  });
  llvm::sort(found, [](ComputeOp x, ComputeOp y) { return x->isBeforeInBlock(y); });
  return found;
}

//===------------------------------------------------------------------------------------------===//
// Merging
//===------------------------------------------------------------------------------------------===//

namespace {
/// Writes equation `b` into a draft of equation `a`.
class Merger {
public:
  Merger(ComputeOp a, ComputeOp b)
      : a(a), b(b), draft(EquationDraft::of(a)), other(EquationDraft::of(b)),
        numFirst(a.getNumResults()) {}
  EquationDraft run();

private:
  void importReads(unsigned begin, unsigned end, bool inFinish);
  void appendBody();
  void appendFinish();

  ComputeOp a, b;
  EquationDraft draft, other;
  unsigned numFirst;
  ScalarImport import;
  SmallVector<AffineExpr> symbols; // of the other equation's reads
};
} // namespace

/// A read of `a`'s result is the value that `a` yields; other reads are added.
void Merger::importReads(unsigned begin, unsigned end, bool inFinish) {
  for (unsigned i = begin; i < end; ++i) {
    DraftRead read = other.reads[i];
    if (readsFrom(b, i, a)) {
      Block &block = inFinish ? *draft.finish : *draft.body;
      unsigned source = cast<OpResult>(read.tensor).getResultNumber();
      import.values.map(other.argumentOf(i), block.getTerminator()->getOperand(source));
      import.reads.push_back(-1);
      symbols.push_back(getAffineConstantExpr(0, draft.context)); // not used
      continue;
    }
    read.map([&](AffineExpr expr) { return expr.replaceSymbols(symbols); });
    unsigned position =
        inFinish ? addFinishRead(draft, read, b.getLoc()) : addBodyRead(draft, read, b.getLoc());
    import.values.map(other.argumentOf(i), draft.argumentOf(position));
    import.reads.push_back(position);
    symbols.push_back(getAffineSymbolExpr(position, draft.context));
  }
}

static void appendYield(Block &block, ArrayRef<Value> values) {
  SmallVector<Value> all = llvm::to_vector(block.getTerminator()->getOperands());
  all.append(values.begin(), values.end());
  block.getTerminator()->setOperands(all);
}

void Merger::appendBody() {
  importReads(0, other.numBodyReads(), /*inFinish=*/false);
  appendYield(*draft.body, importScalars(draft, *other.body, import, draft.yield()));
}

void Merger::appendFinish() {
  for (unsigned i = 0; i < other.resultTypes.size(); ++i) {
    BlockArgument combined = other.finish->getArgument(i);
    import.values.map(combined,
                      draft.finish->insertArgument(numFirst + i, combined.getType(), b.getLoc()));
  }
  importReads(other.numBodyReads(), other.reads.size(), /*inFinish=*/true);
  appendYield(*draft.finish,
              importScalars(draft, *other.finish, import, draft.finish->getTerminator()));
}

EquationDraft Merger::run() {
  if (draft.finish || other.finish) {
    ensureFinish(draft, a.getLoc());
    ensureFinish(other, b.getLoc());
  }
  for (unsigned i = 0; i < draft.extents.size(); ++i)
    import.indices.push_back(getAffineDimExpr(i, draft.context));
  import.extents = draft.extents;
  appendBody();
  draft.reductions.append(other.reductions);
  draft.resultTypes.append(other.resultTypes);
  if (draft.finish)
    appendFinish();
  return std::move(draft);
}

/// Result `i` is an end in itself: no other result is made from its combined value, which goes with
/// it.
static bool isSeparate(EquationDraft &draft, unsigned i) {
  return !draft.finish || llvm::all_of(draft.finish->getArgument(i).getUses(), [&](OpOperand &use) {
    return use.getOwner() == draft.finish->getTerminator() && use.getOperandNumber() == i;
  });
}

/// The results that something outside of the merged equation uses, or that it needs to go on with.
static SmallVector<unsigned> neededResults(ArrayRef<Value> results, ComputeOp b,
                                           EquationDraft &draft) {
  SmallVector<unsigned> needed;
  for (auto [i, result] : llvm::enumerate(results))
    if (!isSeparate(draft, i) ||
        llvm::any_of(result.getUsers(), [&](Operation *user) { return user != b; }))
      needed.push_back(i);
  if (needed.empty())
    needed.push_back(0);
  return needed;
}

static void merge(ComputeOp a, ComputeOp b) {
  EquationDraft draft = Merger(a, b).run();
  SmallVector<Value> results(a->result_begin(), a->result_end());
  llvm::append_range(results, b->getResults());
  SmallVector<unsigned> needed = neededResults(results, b, draft);
  draft.keepResults(needed);
  draft.tidy();
  OpBuilder builder(a);
  ComputeOp merged = draft.create(builder, a.getLoc());
  for (auto [i, result] : llvm::enumerate(needed))
    results[result].replaceAllUsesWith(merged->getResult(i));
  b.erase();
  a.erase();
}

/// Merges `op` with the first earlier op that it can merge with.
static bool mergeWithEarlier(ComputeOp op) {
  for (ComputeOp earlier : candidatesFor(op))
    if (mayMerge(earlier, op) && hoistOperands(op, earlier)) {
      merge(earlier, op);
      return true;
    }
  return false;
}

static bool sweep(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block))
    if (auto compute = dyn_cast<ComputeOp>(op); compute && !compute->use_empty())
      changed |= mergeWithEarlier(compute);
  return changed;
}

namespace {
struct MergeDomains : gnc::impl::MergeDomainsBase<MergeDomains> {
  void runOnOperation() override {
    if (getOperation().isExternal() || storesHalf(getOperation()))
      return;
    while (sweep(getOperation().front()))
      ;
  }
};
} // namespace
