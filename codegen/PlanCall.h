//===- PlanCall.h - launches of a library's plans ---------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/Program.h"

namespace gnc {

/// A kernel without a body, which stands for what the library does with its plan (it carries the
/// equation's names::kLibrary), and the buffers that one launch of it works on: the tensors in the
/// order of the plan's ids, then its workspace.
struct PlanCall {
  mlir::func::FuncOp plan;
  llvm::SmallVector<mlir::Value> arguments;
  llvm::SmallVector<int64_t> written;
};

/// For an equation that a library computes. An error at `op` if its tensors do not lie as the plan
/// says.
mlir::FailureOr<PlanCall> declarePlan(mlir::OpBuilder &builder, mlir::ModuleOp module, ComputeOp op,
                                      llvm::function_ref<mlir::Value(mlir::Value)> bufferOf);

/// The plan of names::kLibrary, for the runtime.
runtime::LibraryPlan libraryPlanOf(mlir::DictionaryAttr call);

/// Whether what is computed depends on all samples, those beyond the batch included.
bool sumsSamples(mlir::DictionaryAttr call);

} // namespace gnc
