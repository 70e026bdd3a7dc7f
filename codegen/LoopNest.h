//===- LoopNest.h - the loops of an equation over its result ----------------------------------===//
//
// Parallel indices in the physical order of the first result, neighbours merged where every access
// walks them as one (a pointwise equation over equal layouts becomes a single loop over memory).
// The outer loops, flattened, are the tiles of the launch; the inner ones run inside a tile, the
// last one in vectors.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace gnc {

/// Neighbouring indices, outermost first, walked as one counter of `extent` steps (times the batch,
/// if `batched`).
struct Loop {
  llvm::SmallVector<unsigned> indices;
  int64_t extent = 1;
  bool batched = false;
  /// The index that a step of this loop advances; none if the result is a single number.
  std::optional<unsigned> stepIndex() const {
    return indices.empty() ? std::nullopt : std::optional(indices.back());
  }
};

struct LoopNest {
  llvm::SmallVector<Loop> loops;
  unsigned outer = 0;                     ///< loops[0, outer) form the tiles
  llvm::SmallVector<unsigned> writtenOut; ///< indices without a loop (WrittenOut.h)
  int64_t chunk = 0; ///< if not 0: outer is 0 and tiles are chunks of the single loop
  /// Steps of the last outer loop that a tile takes together: sums over windows that overlap, and
  /// share their weights, so that what they share is read once.
  int64_t beside = 1;
  /// How many tiles outer loop `i` is cut into, for one sample.
  int64_t tilesOf(unsigned i) const {
    return i + 1 == outer ? llvm::divideCeil(loops[i].extent, beside) : loops[i].extent;
  }
  Tiles tiles() const;
};

LoopNest planLoops(ComputeOp op, llvm::ArrayRef<std::optional<StridedAddress>> reads,
                   unsigned lanes);

} // namespace gnc
