#include "codegen/UpdatePlan.h"
#include "ir/CopyEquation.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"

using namespace mlir;

namespace gnc {

static Value appendCopy(func::FuncOp function, Value tensor, Type type) {
  OpBuilder builder(function.getBody().front().getTerminator());
  return createCopy(builder, tensor.getLoc(), tensor, cast<RankedTensorType>(type));
}

/// Each coordinate is the index of its dimension; that of extent 1 may be written 0.
static bool isIdentity(ComputeOp op, AccessAttr access) {
  if (access.getCoords().getNumResults() != op.getNumParallel())
    return false;
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults()))
    if (coordinate != getAffineDimExpr(dim, op.getContext()) &&
        !(op.getExtents()[dim] == 1 && coordinate == getAffineConstantExpr(0, op.getContext())))
      return false;
  return true;
}

/// Elements are of one type and lie in the same places, however their dimensions of extent 1 are
/// ordered.
static bool lieAlike(Type a, Type b) {
  auto x = cast<RankedTensorType>(a), y = cast<RankedTensorType>(b);
  if (x.getShape() != y.getShape() || x.getElementType() != y.getElementType())
    return false;
  return llvm::all_of(llvm::zip_equal(x.getShape(), physicalStrides(x), physicalStrides(y)),
                      [](auto dimension) {
                        auto [extent, one, other] = dimension;
                        return extent == 1 || one == other;
                      });
}

/// Element i of the result depends on no other element of `tensor`.
static bool readsElementwise(ComputeOp op, Value tensor) {
  for (auto [i, read] : llvm::enumerate(op.getReads()))
    if (read == tensor) {
      AccessAttr access = op.getAccess(i);
      if (!op.isPointwise() || access.isGuarded() || !access.getClamped().empty() ||
          !isIdentity(op, access))
        return false;
    }
  return true;
}

/// Whether the old value may be read after `writer` ran: by another op of the commit phase, or
/// through a view.
static bool isReadLater(Value old, ComputeOp writer,
                        const llvm::SmallPtrSetImpl<Operation *> &commits) {
  return llvm::any_of(old.getUsers(), [&](Operation *user) {
    return user != writer && (isa<ReshapeOp>(user) || commits.contains(user));
  });
}

UpdatePlan planUpdates(func::FuncOp function) {
  Block &block = function.getBody().front();
  Operation *end = block.getTerminator();
  struct Update {
    unsigned result, argument;
  };
  SmallVector<Update> updates;
  llvm::DenseSet<Value> taken; // values that have a buffer with a meaning already
  for (unsigned i = 0; i < end->getNumOperands(); ++i) {
    if (auto argument = function.getResultAttrOfType<IntegerAttr>(i, names::kUpdates)) {
      updates.push_back({i, static_cast<unsigned>(argument.getInt())});
      continue;
    }
    Value value = end->getOperand(i);
    if (isa<BlockArgument>(value) || isa_and_nonnull<ReshapeOp>(value.getDefiningOp()) ||
        !taken.insert(value).second)
      end->setOperand(i, appendCopy(function, value, value.getType()));
  }
  // Candidates: equations whose results nothing in the function reads but the end, and the host
  // does not look at: it does so before anything is committed.
  const llvm::DenseSet<Value> shown = taken;
  UpdatePlan plan;
  auto candidate = [&](Update update) {
    Value value = end->getOperand(update.result);
    auto op = value.getDefiningOp<ComputeOp>();
    Value old = block.getArgument(update.argument);
    // What a library computes cannot be held back.
    return op && !isLibraryCall(op) && lieAlike(value.getType(), old.getType()) &&
           !taken.contains(value) && readsElementwise(op, old) &&
           llvm::none_of(op.getResults(), [&](Value result) { return shown.contains(result); }) &&
           llvm::all_of(op->getUsers(), [&](Operation *user) { return user == end; });
  };
  llvm::SmallPtrSet<Operation *, 8> writers;
  for (Update update : updates)
    if (candidate(update))
      writers.insert(end->getOperand(update.result).getDefiningOp());
  SmallVector<Update> copies;
  for (Update update : updates) {
    Value value = end->getOperand(update.result);
    Value old = block.getArgument(update.argument);
    if (value == old)
      continue; // unchanged
    auto op = value.getDefiningOp<ComputeOp>();
    if (candidate(update) && !isReadLater(old, op, writers)) {
      plan.inPlace.push_back({value, update.argument});
      plan.commits.insert(op);
      taken.insert(value);
    } else {
      copies.push_back(update);
    }
  }
  for (Update update : copies) {
    Value value = end->getOperand(update.result);
    if (isa<BlockArgument>(value)) // may itself be updated before the copy runs
      value = appendCopy(function, value, value.getType());
    Value copy = appendCopy(function, value, block.getArgument(update.argument).getType());
    end->setOperand(update.result, copy);
    plan.inPlace.push_back({copy, update.argument});
    plan.commits.insert(copy.getDefiningOp());
  }
  return plan;
}

} // namespace gnc
