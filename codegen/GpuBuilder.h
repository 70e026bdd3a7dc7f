//===- GpuBuilder.h - one kernel of a GPU under construction ----------------------------------===//
//
// func.func @k(buffers : flat memrefs, n : index) {gnc.threads = T}: a block of T threads computes
// one tile for a batch of n samples. Blocks are independent. The dialects are those of all kernels
// and gpu's ids, barrier and shuffle; memory that a block shares is a memref.alloca in the
// workgroup's address space. An index has 32 bits: createGpuTarget
// sees to it that they suffice.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"

namespace gnc {

/// Threads that run in step.
constexpr unsigned kWarp = 32;

class GpuBuilder : public KernelBuilder {
public:
  /// Vectors have four elements and lie at multiples of their size.
  GpuBuilder(mlir::ModuleOp module, mlir::Location loc, llvm::ArrayRef<mlir::Type> buffers);

  /// How many threads a block has.
  void setThreads(unsigned count);
  mlir::Value thread(); ///< number of this thread in its block
  mlir::Value block();  ///< number of this block: the tile
  /// What is emitted from now on is a part of the kernel, whose blocks are counted from `first` on.
  void startPart(mlir::Value first);

  /// f32 memory that the threads of a block share. Parts have the same memory: a block is of one.
  mlir::Value shared(int64_t elements);
  mlir::Value loadShared(mlir::Value memory, mlir::Value offset, unsigned lanes);
  void storeShared(mlir::Value value, mlir::Value memory, mlir::Value offset);
  /// All threads of the block get here before any goes on.
  void barrier();
  /// The f32 that the thread whose number differs in the bits of `distance` has.
  mlir::Value exchange(mlir::Value value, unsigned distance);

  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value maximum(mlir::Value x, mlir::Value y);
  /// Quotient and remainder by a number that may be known only at run time.
  mlir::Value divideBy(mlir::Value x, mlir::Value y);
  mlir::Value remainderBy(mlir::Value x, mlir::Value y);

private:
  mlir::Value threadId, blockId, part;
  llvm::SmallVector<mlir::Value> memory; ///< that blocks share
  unsigned memoryOfPart = 0;             ///< how many of them this part has
};

} // namespace gnc
