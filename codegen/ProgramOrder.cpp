#include "codegen/ProgramOrder.h"

#include "passes/WeightsAlone.h"

using namespace mlir;

namespace gnc {

/// What depends on weights alone: these equations are taken from `ops`.
static SmallVector<ComputeOp> takeOfWeights(func::FuncOp function,
                                            SmallVectorImpl<Operation *> &ops) {
  llvm::DenseSet<Value> known = weightsAlone(function);
  SmallVector<ComputeOp> taken;
  llvm::erase_if(ops, [&](Operation *op) {
    auto equation = dyn_cast<ComputeOp>(op);
    if (!equation || !known.contains(equation.getResult(0)))
      return false;
    taken.push_back(equation);
    return true;
  });
  return taken;
}

ProgramOrder orderOf(func::FuncOp function, const UpdatePlan &plan) {
  ProgramOrder order;
  for (Operation &op : function.getBody().front()) {
    if (plan.commits.contains(&op))
      order.commits.push_back(cast<ComputeOp>(op));
    else if (isa<ComputeOp, CudaOp>(op))
      order.others.push_back(&op);
  }
  if (order.commits.empty())
    order.ofWeights = takeOfWeights(function, order.others);
  return order;
}

} // namespace gnc
