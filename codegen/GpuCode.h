//===- GpuCode.h - kernels of a GPU to text and machine code ----------------------------------===//
//
// Both ways to PTX start from the same functions (GpuBuilder.h):
//
//   nvptx   LLVM's own back end, in this process; needs nothing of NVIDIA's but libdevice, and that
//           only for functions such as exp
//   nvrtc   the functions printed as CUDA C++, compiled by NVIDIA's run-time compiler
//
// They give the same numbers: neither contracts products and sums on its own. Kernels of the user
// (UserKernel.h) go through nvrtc in either case, as nvcc would compile them.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"
#include "codegen/JitKernels.h"

namespace gnc {

enum class GpuCodegen : uint8_t { Nvptx, Nvrtc };

struct GpuOptions {
  const CudaTarget *target = nullptr;
  GpuCodegen codegen = GpuCodegen::Nvptx;
  bool verifyEach = false;
};

/// PTX with every kernel of the table under its gpuSymbol: runtime::Program::module.
runtime::Result<std::string> compileGpuKernels(mlir::ModuleOp module, const KernelTable &table,
                                               const GpuOptions &options);

enum class GpuForm : uint8_t { Cuda, Ptx, Cubin };

/// All kernels of a module as a text, or as an ELF file.
runtime::Result<std::string> emitGpuKernels(mlir::ModuleOp module, GpuForm form,
                                            const GpuOptions &options);

} // namespace gnc
