//===- CudaPrinter.h - kernels of a GPU as CUDA C++ -------------------------------------------===//
#pragma once

#include "codegen/JitKernels.h"
#include "runtime/Status.h"

namespace gnc {

/// One translation unit that nvrtc and nvcc take: helpers for vectors, then a function for each
/// kernel, named by gpuSymbol. A value that is used once and computed without reading memory is
/// written where it is used; others get a line and a name.
runtime::Result<std::string> printCuda(llvm::ArrayRef<KernelTable::Entry> kernels);

} // namespace gnc
