//===- GpuContractionPlan.h - how a contraction is tiled on a GPU -----------------------------===//
//
// C[outer + rows + columns] = finish(sum_k A[outer + rows + k] * B[outer + columns + k]), as on the
// processor (ContractionPlan.h), with the tile in the registers of a block of threads. For each
// `depth` values of k, the block copies its rows of A and columns of B into shared memory, k
// outermost; each thread holds a part of the tile and reads what it needs of both from there:
//
//   load tile 0;  for each tile of k: { read the next one into registers;  multiply this one from
//   shared memory;  write the next one to the other half of shared memory;  barrier }
//
// (Volkov, Demmel 2008: Benchmarking GPUs to tune dense linear algebra.) An element of C sums its
// products in the order of k: bits do not depend on the tile.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/ContractionPlan.h"

namespace gnc {

/// The tile of a block, and the part of one thread: fragments of 4 x 4, spread over the tile so
/// that neighbouring threads read neighbours in shared memory.
struct GpuTile {
  unsigned rows = 128, columns = 128;
  unsigned threadRows = 8, threadColumns = 8;
  /// Values of k in shared memory: more of them where a thread has few products for each, as what
  /// is done once a tile of k counts for more there. Beside large tiles the copies on their way
  /// would take registers that are not there.
  unsigned depth = 8;
  unsigned threads() const { return rows / threadRows * (columns / threadColumns); }
  /// Blocks that fit a multiprocessor with 128 registers a thread.
  unsigned blocksTogether() const { return 512 / threads(); }
};

/// How a block copies its part of A or B: `width` elements a load. Where it runs along k, eight
/// neighbours in k are read by neighbouring threads: a sector of memory, and no two of a warp's
/// writes meet in a bank.
struct GpuCopy {
  unsigned points = 0;     ///< rows or columns of the tile
  unsigned width = 1;      ///< elements of a load: neighbours in memory
  bool alongPoints = true; ///< in memory, rows or columns lie together; else values of k
  unsigned loads = 0;      ///< of each thread
};

struct GpuContractionPlan : ContractionLoops {
  GpuTile tile;
  GpuCopy copies[2]; ///< of A and of B
  /// Fragments of C are vectors in memory; and those of each read of `finish` that is contiguous.
  llvm::SmallVector<bool> vectors; ///< per operand
  /// A tile of k lies within one run of the innermost loop of k.
  bool tileInRun = false;
  /// No column fragment straddles two runs of the innermost column loop.
  bool fragmentInRun = false;

  Tiles tiles() const;
};

GpuContractionPlan planGpuContraction(ComputeOp op, unsigned vector);

} // namespace gnc
