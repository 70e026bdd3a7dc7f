//===- SplitIndices.h - which dimensions and indices go together ------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/IntEqClasses.h"

namespace gnc {

using Extents = llvm::SmallVector<int64_t>;

/// The dimensions of all tensors and the indices of all equations of a function, in classes: what
/// is in one class can only be split together, and in the same way.
class SplitClasses {
public:
  explicit SplitClasses(mlir::func::FuncOp function);

  unsigned ofDimension(mlir::Value tensor, unsigned dim) const;
  unsigned ofIndex(ComputeOp op, unsigned index) const;

  /// Splits the class if it may be split so, now or as it was asked before. `parts` are the classes
  /// of the dimensions on the other side of the reshape, which keep their shape for that.
  bool canSplit(unsigned cls, llvm::ArrayRef<int64_t> extents,
                llvm::ArrayRef<unsigned> parts) const;
  void split(unsigned cls, llvm::ArrayRef<int64_t> extents, llvm::ArrayRef<unsigned> parts);
  /// The extents that a class is split into; empty if it is not.
  const Extents &splitOf(unsigned cls) const { return splits[cls]; }

private:
  /// A coordinate that is not just an index of the same extent.
  struct LooseRead {
    ComputeOp op;
    unsigned read, dim, node;
  };

  void addNodes(mlir::func::FuncOp function);
  void block(mlir::Value tensor);
  void link(ComputeOp op);
  void link(mlir::Value a, unsigned dimA, mlir::Value b, unsigned dimB);
  void linkResults(mlir::func::FuncOp function);
  bool staysSimple(const LooseRead &loose, llvm::ArrayRef<int64_t> extents) const;

  llvm::DenseMap<mlir::Value, unsigned> firstOfTensor;
  llvm::DenseMap<mlir::Operation *, unsigned> firstOfEquation;
  llvm::IntEqClasses classes;
  unsigned numNodes = 0;
  llvm::SmallVector<bool> blocked;   // per node, then per class
  llvm::SmallVector<Extents> splits; // per class
  llvm::SmallVector<bool> isPart;    // per class
  std::vector<LooseRead> looseReads;
};

/// One coordinate of a dimension as those of the dimensions it is split into, row-major.
llvm::SmallVector<mlir::AffineExpr> splitCoordinate(mlir::AffineExpr coordinate,
                                                    llvm::ArrayRef<int64_t> parts,
                                                    llvm::ArrayRef<int64_t> extents);

/// Dimensions of both sides of a reshape that hold the same elements: [beginFrom, endFrom) and
/// [beginTo, endTo).
struct ReshapeGroup {
  unsigned beginFrom, endFrom, beginTo, endTo;
  unsigned sizeFrom() const { return endFrom - beginFrom; }
  unsigned sizeTo() const { return endTo - beginTo; }
};
llvm::SmallVector<ReshapeGroup> reshapeGroups(llvm::ArrayRef<int64_t> from,
                                              llvm::ArrayRef<int64_t> to);

} // namespace gnc
