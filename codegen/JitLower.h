//===- JitLower.h - kernels to LLVM IR
//---------------------------------------------------------===//
#pragma once

#include "codegen/JitKernels.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <memory>

namespace gnc {

/// An LLVM module with a context of its own, so that several threads can each have one.
struct KernelModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
};

/// Everything that the lowering of kernels needs to have in the context.
void registerKernelDialects(mlir::DialectRegistry &registry);

/// vector, scf, memref, math, arith to the llvm dialect, in a module of kernels.
void addKernelLowering(mlir::OpPassManager &passes);

/// The name of the function that runs the kernel of this key (a runtime::KernelEntry).
std::string entryName(llvm::StringRef key);

/// The kernels in the llvm dialect, in a module of their own; `module` stays as it is. Functions
/// are lowered in parallel if the context allows it; but one call at a time, since it loads
/// dialects.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
lowerKernels(mlir::ModuleOp module, llvm::ArrayRef<KernelTable::Entry> kernels, bool verifyEach);

/// Takes some of the kernels out of a lowered module: LLVM IR, each kernel with its entry.
mlir::FailureOr<KernelModule>
translateKernels(mlir::ModuleOp lowered, llvm::ArrayRef<KernelTable::Entry> kernels, bool verify);

} // namespace gnc
