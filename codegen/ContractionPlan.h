//===- ContractionPlan.h - how a contraction is tiled -----------------------------------------===//
//
// All operands are addressed by strides. Indices of one role are sorted by the memory order of the
// operand they walk and neighbours that every operand walks as one are merged, so the plan depends
// only on the equation's canonical form:
//
//   C[outer + rows + columns] = finish(sum_k A[outer + rows + k] * B[outer + columns + k])
//
// The register tile is `rowTile` rows by `vectors` vectors of columns. A is read in place as
// broadcast scalars. A small B is read in place as vectors. For a larger one k is cut into blocks,
// and later blocks continue from C. A B with long rows would be walked with a stride that falls on
// few sets of a cache, so each block's part of it is copied into contiguous panels first (Goto, van
// de Geijn 2008: Anatomy of high-performance matrix multiplication). A B of weights that stay lies
// in such panels already (codegen/PackWeights.h): the same blocks, and nothing to copy. So does one
// whose columns come in runs of rows without gaps, such as the transposed weights of a layer after
// a map of channels.
//
// Rows of a tile that are neighbours along an axis of k may share products:
// codegen/MinimalFilter.h.
//
// A pool over windows of rows that follow each other joins in registers (codegen/TileWindows.h):
// then C is its result, which steps along no index of a window.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/Emit.h"
#include "codegen/MinimalFilter.h"

namespace gnc {

/// One loop of a contraction: strides per operand, in elements.
struct ContractionLoop {
  int64_t extent = 1;
  bool batched = false; ///< runs `extent` times the batch
  /// A, B, C, then the reads of `finish`, those of a window's, bounds.
  llvm::SmallVector<int64_t> strides;
  bool window = false;  ///< its steps are reduced to one row
  int64_t position = 0; ///< of a window: from one step to the next among its points, row-major
};

/// How the work is cut into blocks where B is in panels; `points` is 0 if it is not cut.
struct PackedBlocks {
  int64_t points = 0;      ///< values of k in a block
  unsigned level = 0;      ///< the loop of k that is cut; those outside it walk whole blocks
  int64_t iterations = 0;  ///< of that loop, in one block
  bool copied = false;     ///< each block of B is copied into panels first
  int64_t rowGroup = 1;    ///< row tiles that use a packed block before it is overwritten
  int64_t panelGroup = 1;  ///< panels that are packed together
  int64_t panelGroups = 1; ///< how many of those the vector loop has
};

/// The loops of each role, whatever holds the tile.
struct ContractionLoops {
  enum Operand : unsigned { A, B, C, Finish };
  /// What decides whether a term counts is addressed as operands are, after all of them: the sum
  /// skips what is not within 0 <= value < limit.
  llvm::SmallVector<int64_t> limits;
  unsigned firstBound() const { return bases.size() - limits.size(); }
  llvm::SmallVector<ContractionLoop> outer, rows, columns,
      k;                            ///< outermost first; columns.back() is the vector loop
  llvm::SmallVector<int64_t> bases; ///< constant offset per operand
  /// Columns of a panel of B as it lies in memory, of weights that were packed or of rows that
  /// follow each other in runs of columns; 0: it has none.
  int64_t panel = 0;

  bool batchedRows() const;
  bool batchedColumns() const;
  int64_t outerCount(int64_t batch) const;
  int64_t rowCount() const;    ///< per sample, if batched
  int64_t columnCount() const; ///< per sample, if batched
  int64_t kCount() const;      ///< a batch counts as 64
};

/// Loops of one step are dropped, and neighbours that every operand walks as one are merged.
/// `window`, if not null, reduces what `op` computes.
ContractionLoops contractionLoops(ComputeOp op, unsigned vector, ComputeOp window = {});

struct ContractionPlan : ContractionLoops {
  unsigned rowTile = 1; ///< rows held in registers
  unsigned vectors = 1; ///< vectors of columns held in registers
  int64_t width = 8;    ///< columns of a panel: `vectors` full vectors
  PackedBlocks blocks;
  /// Every row tile is a box of the innermost loops of rows: row offsets differ by constants.
  bool aligned = false;
  int64_t window = 1;               ///< rows that are reduced to one
  std::optional<FilterPlan> filter; ///< how the tile sums, if not point by point

  /// What the rows of an aligned tile add to the offset of `operand`, from its first row on.
  llvm::SmallVector<int64_t> rowOffsets(unsigned operand) const;
  bool blocked() const { return blocks.points != 0; }
  /// Row tiles hold whole windows of whole sums, all of whose terms count, and columns lie side by
  /// side in the result.
  bool takesWindow() const;
  /// Blocks of B are copied into panels.
  bool packs() const { return blocked() && blocks.copied; }
  /// How a packed contraction treats a single row: each number of B is used once, so it is read in
  /// its place, in panels as wide as sums can run beside each other; a group holds whole ones.
  ContractionPlan ofOneRow() const;
  /// A tile is a row tile of an outer point; in a packed contraction, a group of row tiles by a
  /// group of panels, panels running faster.
  Tiles tiles() const;
};

/// Whether every tile of so many rows is a box of the innermost loops of rows.
bool isBox(const ContractionPlan &plan, unsigned rows);

/// An equation that is marked (names::kMinimalFilter) sums by minimal filters.
ContractionPlan planContraction(ComputeOp op, unsigned vector, VectorTarget target,
                                ComputeOp window = {});

} // namespace gnc
