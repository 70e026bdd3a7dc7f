//===- GpuContraction.h - the tiled kernel of all contractions on a GPU -----------------------===//
#pragma once

#include "codegen/GpuBuilder.h"
#include "codegen/GpuContractionPlan.h"
#include "codegen/GpuPart.h"
#include "codegen/RegionEmitter.h"

namespace gnc {

/// GpuContraction.cpp has the order of tiles and the copies to shared memory,
/// GpuContractionTile.cpp what a thread multiplies and writes.
class GpuContractionEmitter final : public GpuPart {
public:
  /// `vector` is the column index, as contractionVector found it.
  GpuContractionEmitter(GpuBuilder &k, ComputeOp op, unsigned vector,
                        const KernelArguments &arguments);
  Tiles tiles() const final { return plan.tiles(); }
  unsigned threads() const final { return plan.tile.threads(); }
  llvm::LogicalResult emit() final;

private:
  using P = GpuContractionPlan;
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  /// Where one load of a thread comes from and goes to.
  struct Load {
    Value source; ///< offset without k
    Value start;  ///< offset with the load's k, without the tile's
    Value point;  ///< in the tile
    Value k;      ///< in the tile
    Value row;    ///< of shared memory: k, or behind the tile
  };

  // Where things lie
  Value addCounters(llvm::ArrayRef<ContractionLoop> loops, Value flat, unsigned operand,
                    Value offset);
  void findBlock();
  llvm::SmallVector<Load> planLoads(unsigned operand);
  unsigned rowLength(unsigned operand) const { return plan.copies[operand].points + kPadding; }
  unsigned sharedSize(unsigned operand) const {
    return plan.copies[operand].depth * rowLength(operand);
  }

  // Copies
  Value beforeRun();
  Value offsetOfTile(unsigned operand, Value tile);
  Values loadTile(Value tile, bool ragged);
  void storeTile(mlir::ValueRange values, Value half);

  // The tile
  Values sum();
  Values multiply(Values tile, Value half, bool unroll);
  Values fragments(unsigned operand, Value half, Value k);
  unsigned fragmentRows() const { return plan.tile.threadRows / 4; }
  unsigned fragmentColumns() const { return plan.tile.threadColumns / 4; }
  void writeTile(llvm::ArrayRef<Value> tile);
  void writeFragment(Value sum, unsigned fragment, llvm::ArrayRef<Value> rowOffsets);
  mlir::FailureOr<Value> finish(Value sum, llvm::ArrayRef<Values> offsets);

  static constexpr unsigned kPadding = 4; ///< keeps columns of a tile apart in the banks

  GpuBuilder &k;
  mlir::OpBuilder &b;
  ComputeOp op;
  GpuContractionPlan plan;
  llvm::SmallVector<unsigned> buffers;    // kernel argument per operand
  Value rowCount, columnCount, tileCount; // over the batch, if they are batched; of tiles of k
  Value firstRow, firstColumn;            // of the block's tile
  Values bases;                           // per operand: where the block's outer point lies
  Value memory[2];                        // shared
  llvm::SmallVector<Load> loads[2];       // of this thread
  Value threadRow, threadColumn;          // of the thread's first fragment, in the tile
  bool raggedRows, raggedColumns;         // the last tile is not whole
  bool failed_ = false;
};

} // namespace gnc
