//===- Recompute.cpp - what is cheap to compute again is not kept -----------------------------===//
//
// A training step keeps much of its forward pass for the backward one: read once at once, and once
// more a long time later. In between it is memory that others could have. Such a tensor may be
// computed a second time, just before its late readers, by a copy of its equation:
//
//   a = f(x)                      a  = f(x)
//   .. g(a) ..                    .. g(a) ..
//   .. the peak ..       =>       .. the peak ..
//                                 a' = f(x)
//   .. h(a) ..                    .. h(a') ..
//
// The peak is the place of the function where most bytes are alive. As long as there is a tensor at
// the peak that is worth it, the best one is dropped there, and the next peak is looked for:
//
//   without a budget, tensors at least twice as large as all that a cheap equation makes them of,
//   where that is alive anyway (image tiles of Winograd's form: 2.25 times the image). So what this
//   costs is one pass over less than was saved;
//   with a budget, whatever saves most for its work, until the budget is kept or nothing is left.
//
// It changes no bit: an equation computes the same from the same. It has to be the last pass that
// works on equations, as `simplify` would find that there are two that are equal.
//
// Chen, Xu, Zhang and Guestrin 2016, "Training Deep Nets with Sublinear Memory Cost", has the idea
// with segments of a chain; here, as in Jain et al. 2020, "Checkmate", each tensor is a choice,
// made greedily instead of by an integer program.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/LibraryCall.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"
#include "passes/WeightsAlone.h"

namespace gnc {
#define GEN_PASS_DEF_RECOMPUTE
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

namespace {
/// Below this a tensor is not worth a launch.
constexpr double kFewBytes = 256 * 1024;
/// Without a budget: how much larger than its operands a tensor is.
constexpr double kExpansion = 2;
/// Operations of a point that are done while its number is written.
constexpr unsigned kCheapOps = 256;
/// What a byte that moves through the caches costs, in operations.
constexpr double kOpsPerByte = 6;

/// Where in the function a tensor is needed. Positions are those of ops in the block.
struct Life {
  double bytes = 0;
  int64_t first = 0, last = 0;
  SmallVector<std::pair<int64_t, OpOperand *>> uses; ///< by position
};

/// A tensor that may be computed twice.
struct Choice {
  ComputeOp op;
  unsigned late = 0; ///< its use, by position, before which it is computed again
  double saved = 0, work = 0;
};

class Recomputation {
public:
  Recomputation(func::FuncOp function, int64_t batch, double budget)
      : function(function), batch(batch), budget(budget) {}
  void run();

private:
  void measure();
  double bytes(Value tensor) const { return bytesOf(tensor.getType(), batch); }
  std::optional<Choice> choiceFor(ComputeOp op) const;
  double extended(ComputeOp op, int64_t until) const;
  double readBytes(ComputeOp op) const;
  double workOf(ComputeOp op) const;
  bool better(const Choice &a, const Choice &b) const;
  void apply(const Choice &choice);

  func::FuncOp function;
  int64_t batch;
  double budget;                                      ///< 0: none
  llvm::DenseMap<Operation *, Operation *> originals; ///< of copies
  llvm::DenseMap<Operation *, Operation *> copies;    ///< the earliest one of an original
  double outside = 0; ///< bytes that are there from the start to the end
  llvm::DenseMap<Value, Life> lives;
  int64_t peak = 0;
  double peakBytes = 0;
};
} // namespace

/// A reshape is its operand under another type.
static Value memoryOf(Value tensor) {
  while (auto reshape = tensor.getDefiningOp<ReshapeOp>())
    tensor = reshape.getInput();
  return tensor;
}

/// Lives of all temporaries, and the peak of their sum.
void Recomputation::measure() {
  lives.clear();
  outside = 0;
  for (BlockArgument argument : function.getArguments())
    outside += bytes(argument);
  SmallVector<double> change;
  int64_t position = 0;
  for (Operation &op : function.front()) {
    for (OpOperand &operand : op.getOpOperands()) {
      Value tensor = memoryOf(operand.get());
      auto life = lives.find(tensor);
      if (life == lives.end() || isa<ReshapeOp>(op))
        continue;
      life->second.last = position;
      life->second.uses.push_back({position, &operand});
    }
    if (!isa<ReshapeOp, RandomOp>(op)) // random numbers are drawn where they are read
      for (Value result : op.getResults())
        lives[result] = {bytes(result), position, position, {}};
    ++position;
  }
  change.assign(position + 1, 0);
  for (auto &[tensor, life] : lives) {
    change[life.first] += life.bytes;
    change[life.last + 1] -= life.bytes;
  }
  double alive = 0;
  peakBytes = 0;
  for (int64_t i = 0; i < position; ++i)
    if (alive += change[i]; alive > peakBytes)
      peak = i, peakBytes = alive;
}

/// Bytes of operands that would have to live on until there, of those that the peak has not.
double Recomputation::extended(ComputeOp op, int64_t until) const {
  llvm::SmallDenseSet<Value> tensors;
  for (Value read : op.getReads())
    tensors.insert(memoryOf(read));
  double sum = 0;
  for (Value tensor : tensors) {
    auto life = lives.find(tensor);
    if (life != lives.end() && life->second.last < until)
      // Without a budget nothing may live longer; with one, what is at the peak costs nothing
      // there.
      sum += budget > 0 && life->second.last >= peak ? 0 : life->second.bytes;
  }
  return sum;
}

double Recomputation::readBytes(ComputeOp op) const {
  double sum = 0;
  for (Value read : llvm::SmallDenseSet<Value>(op.getReads().begin(), op.getReads().end()))
    sum += bytes(read);
  return sum;
}

double Recomputation::workOf(ComputeOp op) const {
  return (bytes(op.getResult(0)) + readBytes(op)) * kOpsPerByte +
         pointsOf(op.getExtents(), batch) * std::max(1u, costOf(*op.getBodyBlock()).ops);
}

/// The equation's result is alive at the peak, and needed only before and after it.
std::optional<Choice> Recomputation::choiceFor(ComputeOp op) const {
  if (op.getNumResults() != 1 || isLibraryCall(op) || drawsNumbers(op))
    return std::nullopt;
  const Life &life = lives.at(op.getResult(0));
  if (life.bytes < kFewBytes || life.first >= peak || life.last <= peak)
    return std::nullopt;
  Choice choice{op, 0, 0, 0};
  for (auto [position, use] : life.uses) {
    if (position == peak || use->getOwner()->hasTrait<OpTrait::IsTerminator>() ||
        memoryOf(use->get()) != use->get()) // through a reshape, which would have to be copied, too
      return std::nullopt;
    choice.late += position < peak;
  }
  if (choice.late == 0) // a tensor that is early for its first reader: an order, not a choice
    return std::nullopt;
  double longer = extended(op, life.uses[choice.late].first);
  choice.saved = life.bytes - longer;
  choice.work = workOf(op);
  if (budget > 0)
    return choice.saved > 0 ? std::optional(choice) : std::nullopt;
  bool cheap = op.isPointwise() && costOf(*op.getBodyBlock()).ops <= kCheapOps;
  bool expands = life.bytes >= kExpansion * readBytes(op);
  return cheap && expands && longer == 0 ? std::optional(choice) : std::nullopt;
}

bool Recomputation::better(const Choice &a, const Choice &b) const {
  return a.saved * b.work > b.saved * a.work;
}

void Recomputation::apply(const Choice &choice) {
  const Life &life = lives.at(choice.op->getResult(0));
  auto late = ArrayRef(life.uses).drop_front(choice.late);
  OpBuilder builder(late.front().second->getOwner());
  Operation *again = builder.clone(*choice.op);
  for (auto [position, use] : late)
    use->set(again->getResult(0));
  // A copy that an earlier choice has made for later readers: one is enough.
  Operation *original = originals.lookup_or(choice.op, choice.op);
  Operation *&copy = copies[original];
  if (copy && copy != choice.op && again->isBeforeInBlock(copy)) {
    copy->replaceAllUsesWith(again->getResults());
    originals.erase(copy);
    copy->erase();
  }
  copy = again;
  originals[again] = original;
}

void Recomputation::run() {
  // What is computed again at one place may have its operands live longer at another; that this
  // ends is a matter of counting.
  size_t most = 2 * llvm::range_size(function.getOps<ComputeOp>());
  for (size_t i = 0; i < most; ++i) {
    measure();
    if (budget > 0 && outside + peakBytes <= budget)
      return;
    std::optional<Choice> best;
    for (ComputeOp op : function.getOps<ComputeOp>())
      if (std::optional<Choice> choice = choiceFor(op); choice && (!best || better(*choice, *best)))
        best = choice;
    if (!best)
      return;
    apply(*best);
  }
}

namespace {
struct Recompute : gnc::impl::RecomputeBase<Recompute> {
  using RecomputeBase::RecomputeBase;
  void runOnOperation() override {
    // Others keep nothing for long.
    if (!getOperation().isExternal() && changesWeights(getOperation()))
      Recomputation(getOperation(), samplesToPlan(getOperation(), batch), double(budget)).run();
  }
};
} // namespace
