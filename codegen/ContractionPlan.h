//===- ContractionPlan.h - how a contraction is tiled -----------------------------------------===//
//
// All operands are addressed by strides. Indices of one role are sorted by the memory order of the
// operand they walk and neighbours that every operand walks as one are merged, so the plan depends
// only on the equation's canonical form:
//
//   C[outer + rows + columns] = finish(sum_k A[outer + rows + k] * B[outer + columns + k])
//
// The register tile is `rowTile` rows by `vectors` vectors of columns. B is read in place as
// vectors, A in place as broadcast scalars. If B is large, k is cut into blocks that stay in cache
// while `rowGroup` row tiles pass over them; later blocks continue from C.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/Emit.h"

namespace gnc {

/// One loop of a contraction: strides per operand, in elements.
struct ContractionLoop {
  int64_t extent = 1;
  bool batched = false;               ///< runs `extent` times the batch
  llvm::SmallVector<int64_t> strides; ///< A, B, C, then the reads of `finish`
};

struct ContractionPlan {
  enum Operand : unsigned { A, B, C, Finish };
  llvm::SmallVector<ContractionLoop> outer, rows, columns,
      k;                            ///< outermost first; columns.back() is the vector loop
  llvm::SmallVector<int64_t> bases; ///< constant offset per operand
  unsigned rowTile = 1;             ///< rows held in registers
  unsigned vectors = 1;             ///< vectors of columns held in registers
  int64_t kBlock = 0;               ///< iterations of k[0] per block; 0: no blocks
  int64_t rowGroup = 1;             ///< row tiles that share a block of B before the next panel
  /// Every row tile lies within one run of rows.back(): row offsets differ by a constant.
  bool aligned = false;

  bool batchedRows() const;
  int64_t rowCount() const; ///< per sample, if batched
  int64_t kCount() const;   ///< a batch counts as 64
  Tiles tiles() const;
};

ContractionPlan planContraction(ComputeOp op, unsigned vector, VectorTarget target);

} // namespace gnc
