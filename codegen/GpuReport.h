//===- GpuReport.h - what kernels will cost on a card, without one ----------------------------===//
#pragma once

#include "codegen/CudaTarget.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gnc {

/// A table with a line for each launch of a planned program, at the batch that it is planned for:
/// blocks and threads; registers, spilled bytes, shared memory and how many of the threads that a
/// multiprocessor can have are there at once, from `resources` (ptxas; missing ones are left out);
/// operations, and bytes if each tensor went through memory once; and the time that the slower of
/// the two takes on the target's largest card (Williams, Waterman, Patterson 2009: Roofline), of
/// whose multiprocessors few blocks use few; the start of a kernel is not in it. Then the sums.
/// Launches of a library's plans have no kernel: blocks, threads and resources are left out, and
/// after the table comes a line for each contraction that was offered to the library: its plan, or
/// why it has none.
std::string gpuReport(mlir::func::FuncOp program, llvm::ArrayRef<KernelResources> resources,
                      const CudaTarget &target);

} // namespace gnc
