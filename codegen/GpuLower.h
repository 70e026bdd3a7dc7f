//===- GpuLower.h - kernels of a GPU to PTX, in this process ----------------------------------===//
//
// Each kernel goes its way alone, several at a time: func.func to gpu.func, one conversion to the
// llvm and nvvm dialects, LLVM IR, libdevice where it calls for it, PTX. Then the texts are put
// together under one header.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"
#include "codegen/JitKernels.h"

namespace gnc {

/// The dialects that kernels of a GPU need in the context, besides registerKernelDialects.
void registerGpuDialects(mlir::DialectRegistry &registry);

/// The name of a kernel in its module.
std::string gpuSymbol(llvm::StringRef key);

/// Blocks of so many threads that a multiprocessor should have room for, which bounds a thread's
/// registers. Contractions have up to 128 threads, with 168 registers: 128 would do, but for a few
/// that ptxas then spills. Large blocks are those of equations, which hold little; where ptxas
/// unrolls a sum to read further ahead, it may take all there are.
inline int64_t blocksTogether(int64_t threads) {
  return std::max<int64_t>((threads >= 256 ? 256 : 384) / threads, 1);
}

/// PTX with every kernel of the table. An environment error if libdevice is needed and missing.
runtime::Result<std::string> translateToPtx(mlir::ModuleOp module,
                                            llvm::ArrayRef<KernelTable::Entry> kernels,
                                            const CudaTarget &target, bool verify);

} // namespace gnc
