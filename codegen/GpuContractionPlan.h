//===- GpuContractionPlan.h - how a contraction is tiled on a GPU -----------------------------===//
//
// C[outer + rows + columns] = finish(sum_k A[outer + rows + k] * B[outer + columns + k]), as on the
// processor (ContractionPlan.h), with the tile in the registers of a block of threads. For each
// `depth` values of k, the block copies its rows of A and columns of B into shared memory, k
// outermost; each thread holds a part of the tile and reads what it needs of both from there:
//
//   load tile 0;  for each further tile of k: { read it into registers;  multiply the one before
//   from shared memory;  write it to the other half of shared memory;  barrier };  multiply the
//   last
//
// (Volkov, Demmel 2008: Benchmarking GPUs to tune dense linear algebra.) An element of C sums its
// products in the order of k: bits do not depend on the tile.
//
// Tiles of k follow the loops of k where they can, so that a thread's loads have the same distances
// in all of them: a tile lies in one run of the innermost loop, or is all the points of several
// inner loops. Where tiles do not fill a run, its first one begins before it, and counts as 0
// there. Where that would be too much in vain, k is one run whose points each load looks for.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/ContractionPlan.h"

namespace gnc {

/// The tile of a block, and the part of one thread: fragments of 4 x 4, spread over the tile so
/// that neighbouring threads read neighbours in shared memory.
struct GpuTile {
  unsigned rows = 128, columns = 64;
  unsigned threadRows = 8, threadColumns = 8;
  unsigned depth = 8; ///< values of k in shared memory
  unsigned threads() const { return rows / threadRows * (columns / threadColumns); }
  unsigned products() const { return threadRows * threadColumns; } ///< of a thread, per value of k
};

/// How a block copies its part of A or B: `width` elements a load. Where it runs along k, eight
/// neighbours in k are read by neighbouring threads: a sector of memory, and no two of a warp's
/// writes meet in a bank. Every thread loads as often: what there is beyond the tile is its last
/// value of k once more, and lies in shared memory behind it.
struct GpuCopy {
  unsigned points = 0;     ///< rows or columns of the tile
  unsigned width = 1;      ///< elements of a load: neighbours in memory
  bool alongPoints = true; ///< in memory, rows or columns lie together; else values of k
  unsigned loads = 0;      ///< of each thread
  unsigned depth = 0;      ///< values of k in shared memory, those beyond the tile included
};

/// The order of k: tile by tile.
struct GpuSteps {
  llvm::SmallVector<ContractionLoop> tiles;  ///< the loops over tiles, outermost first
  llvm::SmallVector<ContractionLoop> inTile; ///< the loops in a tile
  bool flat = false;                         ///< no loops over tiles: `inTile` is all of k
  int64_t tilesOfRun = 1;                    ///< if tiles.back() walks a run, its steps
  /// So many values of k before a run are in its first tile; not known if the one run is batched.
  std::optional<int64_t> before;
  bool oneRun = false; ///< k is a single run: no tile but the first is ragged
  bool ragged() const { return before != 0; }
};

struct GpuContractionPlan : ContractionLoops {
  GpuTile tile;
  GpuSteps steps;
  GpuCopy copies[2]; ///< of A and of B
  /// Fragments of C are vectors in memory; and those of each read of `finish` that is contiguous.
  llvm::SmallVector<bool> vectors; ///< per operand
  /// No column fragment straddles two runs of the innermost column loop.
  bool fragmentInRun = false;

  Tiles tiles() const;
};

GpuContractionPlan planGpuContraction(ComputeOp op, unsigned vector);

} // namespace gnc
