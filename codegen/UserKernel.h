//===- UserKernel.h - kernels that the user wrote in CUDA C++ --------------------------------===//
//
// A gnc.cuda becomes a launch like any other, of a kernel without work of its own: an empty
// func.func of the tensors' buffers and the batch that carries what the text needs. Whichever way
// our own kernels go to PTX, NVIDIA's run-time compiler translates these, and the texts are put
// together.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"
#include "codegen/JitKernels.h"
#include "ir/Gnc.h"

namespace gnc {

/// What one launch of a kernel needs.
struct UserLaunch {
  mlir::func::FuncOp kernel;
  llvm::SmallVector<mlir::Value> arguments; ///< buffers
  llvm::SmallVector<int64_t> written;
  llvm::SmallVector<int64_t> tiles; ///< of the launch
};

/// Adds the kernel to `module`. An error at the op if its threads are too many to count.
mlir::FailureOr<UserLaunch>
declareUserKernel(mlir::ModuleOp module, CudaOp op, int64_t batch,
                  llvm::function_ref<mlir::Value(mlir::Value)> bufferOf);

bool isUserKernel(mlir::func::FuncOp kernel);

/// Kernels as CUDA C++: the user's text as the body of a function. With `lines`, compilers place
/// what they say about it in a file called by the kernel's number, in the lines of the .net file.
std::string printUserKernels(llvm::ArrayRef<KernelTable::Entry> kernels, bool lines);

/// PTX of the kernels, with its head. Errors: "no-nvrtc", "cuda-source" (what the compiler says
/// about the text, in its line).
runtime::Result<std::string> compileUserKernels(llvm::ArrayRef<KernelTable::Entry> kernels,
                                                const CudaTarget &target);

/// One text of two, under the later version of both.
std::string joinPtx(const std::string &first, const std::string &second);

/// For a processor: an error at the first kernel of the user, "needs-card".
runtime::Status refuseUserKernels(mlir::ModuleOp module);

} // namespace gnc
