//===- AdjointFunction.cpp - the gradient of a function, as a function ------------------------===//
#include "passes/AdjointFunction.h"
#include "ir/ReverseMode.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"

using namespace mlir;

namespace gnc {

static bool isFloat(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType().isF32();
}

FailureOr<AdjointFunction> makeAdjointFunction(func::FuncOp forward, StringRef name) {
  func::FuncOp function = forward.clone();
  function.setName(name);
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  forward->getParentOfType<ModuleOp>().push_back(function);
  AdjointFunction made{function, {}};
  Block &block = function.front();
  Operation *end = block.getTerminator();
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator())
    ops.push_back(&op);
  SmallVector<Value> wanted, adjoints;
  llvm::copy_if(block.getArguments(), std::back_inserter(wanted), isFloat);
  SmallVector<Seed> seeds;
  for (Value result : end->getOperands())
    if (isFloat(result))
      seeds.push_back({result, block.addArgument(result.getType(), forward.getLoc())});
  OpBuilder builder(end);
  if (failed(deriveAdjoints(builder, ops, seeds, wanted, adjoints)))
    return failure();
  for (auto [input, adjoint] : llvm::zip_equal(wanted, adjoints)) {
    made.zero.push_back(!adjoint);
    if (!adjoint)
      adjoint = fillTensor(builder, forward.getLoc(), input.getType(), 0);
  }
  end->setOperands(adjoints);
  function.setType(builder.getFunctionType(block.getArgumentTypes(), end->getOperandTypes()));
  PassManager passes(forward.getContext(), func::FuncOp::getOperationName());
  passes.addPass(createAutodiff()); // nothing is left to derive; custom and stop ops go
  passes.addPass(createSimplify());
  if (failed(passes.run(function)))
    return failure();
  return made;
}

} // namespace gnc
