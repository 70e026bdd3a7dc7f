//===- GpuPtx.h - LLVM's NVPTX back end -------------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"
#include "codegen/JitLower.h"

namespace gnc {

/// `.version`, `.target`, `.address_size`.
std::string ptxHeader(const CudaTarget &target);

/// A translated kernel as PTX without its header. All names but that of the kernel begin with
/// `symbol`, so that the texts of several kernels may follow each other. `kernel` is used up.
runtime::Result<std::string> emitPtx(KernelModule &kernel, const std::string &symbol,
                                     const CudaTarget &target);

} // namespace gnc
