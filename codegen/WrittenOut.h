//===- WrittenOut.h - indices whose points are written out ------------------------------------===//
//
// An equation may select by the value of an index,
//
//   y[.., p, ..] = select(p == 0, e0, select(p == 1, e1, ..))
//
// as the transforms of --gnc-winograd do. Walked by a loop it would compute every e_i at every p.
// Such an index gets no loop: its points are written out one after the other, the selections are
// decided, and scalars that several points share are computed once.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/RegionEmitter.h"

namespace gnc {

/// The parallel indices of a pointwise equation that its points are written out for: those that
/// select, of few values, and not `innermost`, which is the vector's.
llvm::SmallVector<unsigned> writtenOutIndices(ComputeOp op, unsigned innermost);

/// The scalars of a pointwise equation at several points of such indices.
class WrittenOutRegion {
public:
  /// `read` gives the value of a read at the current point.
  WrittenOutRegion(KernelBuilder &k, ComputeOp op, llvm::ArrayRef<unsigned> indices,
                   const RegionContext &context, llvm::function_ref<mlir::Value(unsigned)> read);

  /// What the equation yields where the indices have these values.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> at(llvm::ArrayRef<int64_t> point);

private:
  using Bits = uint32_t; ///< a set of `indices`, by position
  Bits dependence(mlir::Value value);
  Bits dependence(unsigned read);
  std::optional<bool> decided(mlir::Value condition);
  mlir::FailureOr<mlir::Value> valueOf(mlir::Value value);
  mlir::FailureOr<mlir::Value> compute(mlir::Value value);

  KernelBuilder &k;
  ComputeOp op;
  llvm::ArrayRef<unsigned> indices;
  const RegionContext &context;
  llvm::function_ref<mlir::Value(unsigned)> read;
  llvm::ArrayRef<int64_t> point;
  llvm::DenseMap<mlir::Value, Bits> depends;
  /// By scalar and by the values of the indices that it depends on.
  llvm::DenseMap<std::pair<mlir::Value, uint64_t>, mlir::Value> known;
};

} // namespace gnc
