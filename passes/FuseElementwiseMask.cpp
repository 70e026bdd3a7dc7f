//===- FuseElementwiseMask.cpp - masks are read from an activation's output -------------------===//
//
// The gradient of y = max(x, c) asks x > c. Since y > c says the same (a NaN says no to both), it
// can ask y, and x need not be kept for the way back. The same holds for `if x > c then x else a`
// with a <= c, and for `if x > 0 then x else a * x` with a >= 0.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/ScalarBuilder.h"
#include "passes/FuseElementwise.h"
#include "passes/FusionSupport.h"

using namespace mlir;
using namespace gnc;

/// The number c if `value` is `argument > c`.
static std::optional<double> thresholdOf(Value value, BlockArgument argument) {
  auto compare = value.getDefiningOp<arith::CmpFOp>();
  if (!compare || compare.getPredicate() != arith::CmpFPredicate::OGT ||
      compare.getLhs() != argument)
    return std::nullopt;
  return ScalarBuilder::constantOf(compare.getRhs());
}

/// `other`, in `if x > c then x else other`, is never above c where x is not.
static bool staysBelow(Value other, BlockArgument x, double c) {
  if (std::optional<double> number = ScalarBuilder::constantOf(other))
    return *number <= c;
  auto product = other.getDefiningOp<arith::MulFOp>();
  if (!product || c != 0)
    return false;
  Value slope = product.getLhs() == x ? product.getRhs() : product.getLhs();
  std::optional<double> number = ScalarBuilder::constantOf(slope);
  return (product.getLhs() == x || product.getRhs() == x) && number && *number >= 0;
}

/// The number c if y > c exactly where x > c, for every x, `y` being the result for argument x.
static std::optional<double> sharedThreshold(Value y, BlockArgument x) {
  if (auto max = y.getDefiningOp<arith::MaximumFOp>()) {
    if (max.getLhs() != x && max.getRhs() != x)
      return std::nullopt;
    return ScalarBuilder::constantOf(max.getLhs() == x ? max.getRhs() : max.getLhs());
  }
  auto select = y.getDefiningOp<arith::SelectOp>();
  if (!select || select.getTrueValue() != x)
    return std::nullopt;
  std::optional<double> threshold = thresholdOf(select.getCondition(), x);
  if (!threshold || !staysBelow(select.getFalseValue(), x, *threshold))
    return std::nullopt;
  return threshold;
}

/// All that `use` wants to know of the tensor is where it is above c.
static bool onlyAsks(OpOperand &use, double c) {
  auto reader = dyn_cast<ComputeOp>(use.getOwner());
  if (!reader)
    return false;
  unsigned read = use.getOperandNumber();
  bool inBody = read < reader.getNumBodyReads();
  BlockArgument argument = inBody ? reader.getBody().getArgument(read)
                                  : reader.getFinish().getArgument(reader.getNumResults() + read -
                                                                   reader.getNumBodyReads());
  return llvm::all_of(argument.getUsers(), [&](Operation *user) {
    return user->getNumResults() == 1 && thresholdOf(user->getResult(0), argument) == c;
  });
}

/// Lets every other reader of the input of `op`, an activation of one tensor, read its output
/// instead.
static bool readOutputOf(ComputeOp op) {
  if (!op.isPointwise() || op.hasFinish() || op.getNumResults() != 1 || op.getReads().size() != 1 ||
      op.getReads()[0].getType() != op.getResultTypes()[0] || !isIdentityRead(op, 0))
    return false;
  Value input = op.getReads()[0], output = op->getResult(0);
  std::optional<double> threshold =
      sharedThreshold(op.getYielded()[0], op.getBody().getArgument(0));
  if (!threshold || !input.getDefiningOp() || input.hasOneUse())
    return false;
  SmallVector<OpOperand *> masks;
  for (OpOperand &use : input.getUses()) {
    if (use.getOwner() != op && !onlyAsks(use, *threshold))
      return false;
    if (use.getOwner() != op)
      masks.push_back(&use);
  }
  op->moveAfter(input.getDefiningOp());
  for (OpOperand *mask : masks)
    mask->set(output);
  return true;
}

namespace gnc {

bool readMasksFromOutputs(Block &block) {
  bool changed = false;
  for (Operation &op : llvm::make_early_inc_range(block))
    if (auto compute = dyn_cast<ComputeOp>(op))
      changed |= readOutputOf(compute);
  return changed;
}

} // namespace gnc
