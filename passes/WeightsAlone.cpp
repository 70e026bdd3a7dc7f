#include "passes/WeightsAlone.h"

using namespace mlir;

namespace gnc {

bool changesWeights(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (function.getResultAttr(i, names::kUpdates))
      return true;
  return false;
}

llvm::DenseSet<Value> persistentArguments(func::FuncOp function) {
  llvm::DenseSet<Value> found;
  for (BlockArgument argument : function.getArguments()) {
    auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), names::kRole);
    if (role && isPersistentRole(role.getValue()))
      found.insert(argument);
  }
  return found;
}

llvm::DenseSet<Value> weightsAlone(func::FuncOp function) {
  llvm::DenseSet<Value> found = persistentArguments(function);
  for (Operation &op : function.front()) {
    auto compute = dyn_cast<ComputeOp>(op);
    bool fixed = isa<ReshapeOp>(op) ||
                 (compute && llvm::none_of(compute.getExtents(), ShapedType::isDynamic));
    if (fixed && llvm::all_of(op.getOperands(), [&](Value read) { return found.contains(read); }))
      found.insert_range(op.getResults());
  }
  return found;
}

} // namespace gnc
