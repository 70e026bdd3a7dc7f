//===- ContractionEmitter.h - the kernel of a contraction under construction ------------------===//
#pragma once

#include "codegen/ContractionPlan.h"
#include "codegen/RegionEmitter.h"

namespace gnc {

/// Element offsets of one row tile.
struct TileRows {
  /// Per operand, per row; B has one entry: its outer part.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> offsets;
};

/// One panel of columns, at most ContractionPlan::width wide.
struct Panel {
  llvm::SmallVector<mlir::Value> offsets; ///< per operand
  mlir::Value column;                     ///< the first one
  mlir::Value packed;                     ///< where it lies in the packed block
  unsigned vectors = 1;                   ///< how many
  unsigned lastLanes = 0;                 ///< valid lanes of the last one
};

/// The part of k that is summed now; null values: all of it.
struct Block {
  mlir::Value a, b;        ///< what the loops of k outside the cut one add to A's and B's offsets
  mlir::Value from, to;    ///< iterations of the cut loop
  mlir::Value first, last; ///< whether this block begins or ends the sum (i1)
};

/// f32 of a cache line.
constexpr int64_t kLineElements = 16;

/// What a tile fetches into the second-level cache while it computes: element `start` of B, and
/// `step` more with every point of k, in so many cache lines. Null values: nothing.
struct Ahead {
  mlir::Value start, step;
  unsigned lines = 1;
};

/// Iterations from <= i < to of a loop.
struct Interval {
  mlir::Value from, to;
};

/// What a tile multiplies: element offsets of each of its rows of A, and of its columns of B.
struct TileOperands {
  llvm::SmallVector<mlir::Value> rows;
  mlir::Value columns;
};

/// EmitContraction.cpp has the order of tiles and the packing, ContractionPlaces.cpp where they
/// lie, ContractionTile.cpp what happens in a tile.
class ContractionEmitter {
public:
  ContractionEmitter(KernelBuilder &k, const KernelPart &product, unsigned vector,
                     const KernelPart *window);
  mlir::FailureOr<Tiles> emit();

private:
  using P = ContractionPlan;
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  using PanelBody = llvm::function_ref<void(const Panel &)>;
  using BlockBody = llvm::function_ref<void()>;

  // The order of tiles.
  void emitInPlace();
  void emitBlocked();
  void emitOneRow(Value from, Value to, const Values &base);
  void forEachColumnRun(unsigned level, Values offsets,
                        llvm::function_ref<void(const Values &)> body);
  void forEachPanel(Value from, Value to, const Values &offsets, PanelBody body);
  Panel panelAt(Value column, const Values &offsets, unsigned vectors, unsigned lastLanes);
  void forEachBlock(unsigned level, BlockBody body);
  void pack(Value from, Value to, Value columnsOfB);
  void packPoints(unsigned level, Value columnsOfB, Value target, Value from, Value to);
  Value stackRoom(int64_t elements);
  Value all(Value x, Value y);
  Value nextPanel(const Panel &panel, Value from, Value to, const Values &offsets);
  Ahead shareOf(Value row, Value rows, Value next);

  // Where tiles lie.
  void addCounters(llvm::ArrayRef<ContractionLoop> loops, Value flat,
                   llvm::MutableArrayRef<Value> offsets);
  std::pair<Value, Value> pointOf(Value tile, Value count);
  Values outerOffsets(Value outer);
  void boundSums(const Values &base);
  TileRows rowsOf(Value rowTile, const Values &base);

  // A tile that sums by minimal filters (FilterTile.cpp).
  void filterColumns();
  void filterRows(const TileRows &rows);
  Values filteredTile(const Panel &panel);
  Value plus(Value sum, double factor, Value value);
  llvm::SmallVector<Values> products(llvm::ArrayRef<unsigned> points, const Panel &panel,
                                     llvm::SmallVector<Values> sums);

  // A tile.
  void emitTile(const TileRows &rows, const Panel &panel);
  Values initialTile(const TileRows &rows, const Panel &panel);
  TileOperands operandsOf(const TileRows &rows, const Panel &panel);
  TileOperands advance(const TileOperands &operands, unsigned level, Value counter);
  Values sumOverK(unsigned level, const TileOperands &operands, Values tile, const Panel &panel);
  Values innermostLoop(const TileOperands &operands, Values tile, const Panel &panel);
  TileOperands memories(const TileOperands &operands);
  Values step(const TileOperands &memories, Value row, Value column, Values tile,
              const Panel &panel);
  int64_t vectorOffset(unsigned vector) const;
  Value loadColumns(Value columns, Value offset, const Panel &panel, unsigned vector);
  void finishTile(const TileRows &rows, const Panel &panel, llvm::ArrayRef<Value> tile);
  void writeTile(const TileRows &rows, const Panel &panel, llvm::ArrayRef<Value> tile, bool last);
  void writeWindows(const TileRows &rows, const Panel &panel, llvm::ArrayRef<Value> tile);
  Values windowOf(const TileRows &rows, const Panel &panel, llvm::ArrayRef<Value> tile,
                  unsigned first, unsigned vector);
  Value finish(Value sum, const TileRows &rows, const Panel &panel, unsigned row, unsigned vector);
  Values finishOf(ComputeOp equation, unsigned firstOperand, Values values, const TileRows &rows,
                  const Panel &panel, unsigned row, unsigned vector);
  Value readForFinish(unsigned operand, mlir::Type element, Value offset, unsigned lanes);

  unsigned lanesOf(const Panel &panel, unsigned vector) const {
    return vector + 1 == panel.vectors ? panel.lastLanes : k.target.lanes;
  }
  Value extentOf(const ContractionLoop &loop) {
    return loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent);
  }
  /// Of loop `level` of k, in this block.
  Interval iterationsOf(unsigned level) const {
    bool cut = block.from && level == plan.blocks.level;
    return cut ? Interval{block.from, block.to} : counted[level];
  }
  /// Elements of a packed panel from one iteration of k[level] to the next.
  int64_t packedStride(unsigned level) const;
  bool rowsLieInOnePiece() const;

  KernelBuilder &k;
  mlir::OpBuilder &b;
  ComputeOp op, window; // `window` may be null
  ContractionPlan plan;
  Contraction c;
  llvm::SmallVector<unsigned> buffers; // kernel argument per operand
  llvm::SmallVector<unsigned> results; // and per result; they lie alike
  Value rowCount, rowTiles;            // over the batch, if rows are batched
  Value room;                          // of the packed block
  Value filteredA, filteredB;          // transformed by the minimal filter
  llvm::SmallVector<Interval> counted; // of each loop of k, at this point of the outer ones
  Value noTerms;                       // whether none count (i1); null: some do everywhere
  Block block;
  Ahead ahead;
  bool failed_ = false;
};

} // namespace gnc
