//===- GpuEquation.h - any equation by the threads of a GPU -----------------------------------===//
//
// The loops over the result (LoopNest.h), flattened, are counted by threads: neighbours in a warp
// write neighbours in memory. A thread computes one element, or four where every access is a vector
// of four at a multiple of its size; what it reads and how is EquationReads.cpp, as on the
// processor.
//
// A sum is taken by one thread if it is short or there are results enough. Else the threads of a
// block share it: each one combines every `across`-th term, then their values are combined by
// shuffles and through shared memory. The order depends on the equation alone, so bits do not
// change from run to run.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/EquationEmitter.h"
#include "codegen/GpuBuilder.h"
#include "codegen/GpuPart.h"

namespace gnc {

/// How a block divides its threads between results and the terms of a result.
struct ThreadShare {
  unsigned points = 256; ///< results of a block
  unsigned across = 1;   ///< threads for the terms of one result
  /// Neighbours in a warp take neighbouring results; else neighbouring terms.
  bool pointsFirst = true;
  unsigned threads() const { return points * across; }
};

class GpuEquationEmitter final : public GpuPart, EquationEmitter {
public:
  /// Threads of a block, unless it shares a kernel with parts that have others.
  static constexpr unsigned kBlock = 256;

  /// For blocks of `block` threads, a multiple of a warp's, more for a long sum that is `alone`: of
  /// a kernel that has no other parts.
  GpuEquationEmitter(GpuBuilder &gpu, ComputeOp op, const KernelArguments &arguments,
                     unsigned block, bool alone);
  Tiles tiles() const final { return tilesOf(width, share.points); }
  unsigned threads() const final { return share.threads(); }
  llvm::LogicalResult emit() final;

private:
  bool isAligned(unsigned read);
  unsigned vectorWidth();
  ThreadShare divideThreads(unsigned block, bool alone);
  int64_t terms(int64_t batch);
  int64_t points(int64_t batch);

  mlir::Value stepsOf(const Loop &loop, unsigned width);
  mlir::Value countSteps(unsigned width);
  Tiles tilesOf(unsigned width, unsigned perBlock) const;
  void setPoint(mlir::Value flat, unsigned width);
  void emitElements();
  void emitShared();
  llvm::SmallVector<mlir::Value> reduceShare(mlir::Value first, unsigned across);
  mlir::Value combineWarp(Reduction reduction, mlir::Value value);
  mlir::Value combineShared(Reduction reduction, mlir::Value value, mlir::Value point,
                            mlir::Value term);

  GpuBuilder &gpu;
  ThreadShare share;
  unsigned width = 1; ///< elements of a thread
};

} // namespace gnc
