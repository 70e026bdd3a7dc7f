#include "codegen/ProgramOrder.h"

using namespace mlir;

namespace gnc {

/// What depends on weights alone: these equations are taken from `ops`.
static SmallVector<ComputeOp> takeOfWeights(func::FuncOp function,
                                            SmallVectorImpl<Operation *> &ops) {
  llvm::DenseSet<Value> known;
  for (BlockArgument argument : function.getArguments()) {
    auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), names::kRole);
    if (role && isPersistentRole(role.getValue()))
      known.insert(argument);
  }
  auto ofWeights = [&](ComputeOp op) {
    return llvm::none_of(op.getExtents(), ShapedType::isDynamic) &&
           llvm::all_of(op.getReads(), [&](Value read) {
             auto reshape = read.getDefiningOp<ReshapeOp>();
             return known.contains(reshape ? reshape.getInput() : read);
           });
  };
  SmallVector<ComputeOp> taken;
  llvm::erase_if(ops, [&](Operation *op) {
    auto equation = dyn_cast<ComputeOp>(op);
    if (!equation || !ofWeights(equation))
      return false;
    taken.push_back(equation);
    known.insert_range(equation.getResults());
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
