//===- KernelBuilder.h - one kernel function under construction -------------------------------===//
//
// A kernel of the processor is func.func @k(lo, hi, n : index, buffers : flat memrefs): it computes
// tiles lo <= t < hi of a launch for a batch of n samples. One of a GPU is func.func @k(buffers, n)
// and computes the tile of its block (GpuBuilder.h). This is the emitters' pen: index arithmetic
// that folds constants, affine expressions over loop counters, loads and stores by element offset,
// and loops.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

namespace gnc {

/// The vector unit that kernels are written for.
struct VectorTarget {
  unsigned lanes = 8;      ///< f32 elements of one register
  unsigned registers = 16; ///< how many there are
  /// Vectors in memory start at a multiple of their size: who loads one has made sure of it.
  bool aligned = false;
};

class KernelBuilder {
public:
  /// Creates the function at the end of `module`. `buffers` are flat memref types.
  KernelBuilder(mlir::ModuleOp module, mlir::Location loc, llvm::ArrayRef<mlir::Type> buffers,
                VectorTarget target);

  mlir::func::FuncOp function;
  mlir::OpBuilder b;
  mlir::Location loc;
  const VectorTarget target;

  mlir::Value low() { return function.getArgument(0); }
  mlir::Value high() { return function.getArgument(1); }
  mlir::Value batch() { return function.getArgument(batchArgument); }
  mlir::Value buffer(unsigned i) { return function.getArgument(firstBuffer + i); }

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y) { return add(x, constant(y)); }
  mlir::Value mul(mlir::Value x, int64_t y) { return mul(x, constant(y)); }
  /// Quotient and remainder of a non-negative number by a positive one.
  mlir::Value divide(mlir::Value x, int64_t y);
  mlir::Value remainder(mlir::Value x, int64_t y);
  mlir::Value floorDivide(mlir::Value x, int64_t y, bool nonNegative);
  mlir::Value minimum(mlir::Value x, mlir::Value y);
  mlir::Value maximum(mlir::Value x, mlir::Value y);
  /// 0 <= x < limit.
  mlir::Value inside(mlir::Value x, int64_t limit);
  mlir::Value both(mlir::Value x, mlir::Value y);
  /// The value of an index expression; `dims` and `symbols` are index values.
  mlir::Value expression(mlir::AffineExpr expr, llvm::ArrayRef<mlir::Value> dims,
                         llvm::ArrayRef<mlir::Value> symbols);

  /// Element type, or a vector of it for lanes > 1.
  mlir::Type typeFor(mlir::Type element, unsigned lanes);
  mlir::Value splat(mlir::Value scalar, unsigned lanes);
  mlir::Value floatConstant(double value, unsigned lanes);
  /// Bool tensors are bytes in memory and i1 in registers; f16 and bf16 are f32 in registers.
  /// `element` is the type in registers.
  mlir::Value load(unsigned buffer, mlir::Value offset, mlir::Type element, unsigned lanes) {
    return load(this->buffer(buffer), offset, element, lanes);
  }
  void store(mlir::Value value, unsigned buffer, mlir::Value offset);
  /// Loads or stores the first `count` lanes of a full vector.
  mlir::Value loadMasked(unsigned buffer, mlir::Value offset, mlir::Type element, unsigned count) {
    return loadMasked(this->buffer(buffer), offset, element, count);
  }
  /// The same of a memref.
  mlir::Value load(mlir::Value memory, mlir::Value offset, mlir::Type element, unsigned lanes);
  mlir::Value loadMasked(mlir::Value memory, mlir::Value offset, mlir::Type element,
                         unsigned count);
  /// A memref whose element 0 is element `offset` of `memory`: its address is computed here, and
  /// not where it is read.
  mlir::Value from(mlir::Value memory, mlir::Value offset);
  void storeMasked(mlir::Value value, unsigned buffer, mlir::Value offset, unsigned count);

  /// for i = from; i < to; i += step: body(i, carried) -> carried. Emits no loop if the trip count
  /// is known to be 0 or 1.
  using LoopBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value i, mlir::ValueRange carried)>;
  llvm::SmallVector<mlir::Value> loop(mlir::Value from, mlir::Value to, int64_t step,
                                      mlir::ValueRange initial, LoopBody body);
  void loop(mlir::Value from, mlir::Value to, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// if condition: yes() else no(); without `no` nothing.
  void when(mlir::Value condition, llvm::function_ref<void()> yes,
            llvm::function_ref<void()> no = nullptr);

protected:
  /// A function of these arguments, ready to be filled.
  KernelBuilder(mlir::ModuleOp module, mlir::Location loc, llvm::ArrayRef<mlir::Type> arguments,
                unsigned firstBuffer, unsigned batchArgument, VectorTarget target);

private:
  mlir::Type storedIn(unsigned i) { return storedIn(buffer(i)); }
  static mlir::Type storedIn(mlir::Value memory);
  /// What was loaded from `memory` as it is in registers, and back.
  mlir::Value widen(mlir::Value loaded, mlir::Value memory, mlir::Type element);
  mlir::Value narrow(mlir::Value value, unsigned buffer);
  mlir::Value mask(unsigned count);
  /// Of a vector in memory; none: that of its elements.
  llvm::MaybeAlign alignmentOf(mlir::VectorType type);
  unsigned firstBuffer, batchArgument;
  llvm::DenseMap<int64_t, mlir::Value> constants;
};

/// The memref that holds `elements` elements of a tensor's type.
mlir::MemRefType flatBuffer(mlir::Type element, int64_t elements);

/// The value of `value` if it is a constant.
std::optional<int64_t> constantOf(mlir::Value value);

} // namespace gnc
