//===- EquationEmitter.h - one equation while it becomes a kernel
//------------------------------===//
//
// The state that the parts of emitEquation share: the loops that are open, the vector index, the
// values read at the current point. EmitEquation.cpp walks the nest, EquationReads.cpp reads,
// EquationReduction.cpp combines.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/LoopNest.h"
#include "codegen/PhiloxEmitter.h"
#include "codegen/RegionEmitter.h"

namespace gnc {

class EquationEmitter {
public:
  EquationEmitter(KernelBuilder &k, ComputeOp op, const KernelArguments &arguments)
      : k(k), b(k.b), op(op), arguments(arguments) {}
  mlir::FailureOr<Tiles> emit();

protected:
  /// Plans the loops and makes ready what points share.
  void prepare();
  // The nest
  void emitTile(mlir::Value tile);
  void emitLoops(unsigned level);
  void emitVectorLoop(const Loop &loop, mlir::Value from, mlir::Value to);
  void emitInnermost(const Loop &loop, mlir::Value from, mlir::Value to);
  void emitBeside();
  mlir::Value allInside();
  mlir::AffineExpr extreme(mlir::AffineExpr expr, bool greatest);
  bool isOfOpenLoops(mlir::AffineExpr expr);
  bool walksRandomGroups();
  void setCounter(const Loop &loop, mlir::Value counter);
  llvm::LogicalResult emitPoint();
  llvm::LogicalResult emitPointsBeside();
  void forEachBeside(llvm::function_ref<void(unsigned)> body);
  llvm::LogicalResult emitWrittenOut();
  /// What follows the reduction: `finish`, and the writes.
  llvm::LogicalResult finishPoint(llvm::ArrayRef<mlir::Value> carried);
  // Reductions
  llvm::SmallVector<mlir::Value> initialValues();
  llvm::SmallVector<mlir::Value> emitReduction(unsigned level,
                                               llvm::SmallVector<mlir::Value> carried);
  llvm::SmallVector<mlir::Value> emitTerm(llvm::SmallVector<mlir::Value> carried);
  llvm::SmallVector<mlir::Value> emitTermsBeside(llvm::SmallVector<mlir::Value> sums);
  mlir::Value position();
  unsigned carriedAt(unsigned result);
  std::optional<unsigned> positionOf(unsigned result);
  // Reads and writes
  mlir::Value read(unsigned i);
  mlir::Value readScattered(unsigned i);
  mlir::Value readMasked(unsigned i);
  bool masked(unsigned i);
  bool isOfLanes(unsigned i, mlir::AffineExpr condition);
  mlir::Value insideLanes(mlir::AffineExpr condition, int64_t limit);
  mlir::Value readUniformOrContiguous(unsigned i);
  mlir::Value readRandom(unsigned i);
  mlir::Value countUp(mlir::Value first, int64_t step, unsigned width);
  void prepareRandom();
  struct Location {
    mlir::Value offset, condition; // condition is null if always inside
  };
  Location locate(unsigned i, llvm::ArrayRef<mlir::Value> counters,
                  llvm::ArrayRef<mlir::Value> symbols);
  mlir::Value guarded(unsigned i, mlir::Value loaded, mlir::Value condition, unsigned lanes);
  std::optional<int64_t> vectorStride(unsigned i);
  std::optional<int64_t> addressStride(unsigned i);
  bool asksVectors(mlir::AffineMap map);
  void write(unsigned result, mlir::Value value);
  mlir::Value indexValue(unsigned index);

  KernelBuilder &k;
  mlir::OpBuilder &b;
  ComputeOp op;
  const KernelArguments &arguments;
  llvm::SmallVector<std::optional<StridedAddress>>
      addresses; // of reads that are plain linear addresses
  LoopNest nest;
  llvm::SmallVector<mlir::Value> counters; // per index of the equation; null inside merged loops
  llvm::SmallVector<std::pair<unsigned, mlir::Value>>
      steps; // (step index, counter) of every open loop
  std::optional<unsigned> vectorIndex;
  unsigned lanes = 1;
  bool interior = false; ///< all guards are known to hold
  /// How many points are computed together (LoopNest::beside), from this step of the index on.
  int64_t beside = 1;
  unsigned besideIndex = 0;
  llvm::SmallVector<mlir::Value> values, insides; // per read, at the current point
  llvm::DenseMap<unsigned, RandomKey> randomKeys; // by kernel argument of the site
  bool failed_ = false;
};

} // namespace gnc
