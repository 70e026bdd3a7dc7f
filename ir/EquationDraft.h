//===- EquationDraft.h - an equation while it is being written --------------------------------===//
//
// `gnc.compute` keeps its accesses as attributes, which are good to compare and bad to edit. A
// draft holds the same equation in editable form: rewrites take one apart (`of`), change it, and
// build a new op (`create`). `tidy` brings any draft into simplest form and is what
// `--gnc-simplify` and the gradients share; it never changes a result's bits.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "ir/IndexSolver.h"
#include "mlir/IR/Builders.h"
#include <memory>

namespace gnc {

/// One read. Dims are indices of the equation; symbol k is the value of read k of the same draft.
struct DraftRead {
  mlir::Value tensor;
  llvm::SmallVector<mlir::AffineExpr> coords;
  llvm::SmallVector<int64_t> clamped;
  llvm::SmallVector<IndexCondition> conditions;
  std::optional<double> outside;

  bool operator==(const DraftRead &) const = default;
  bool isGuarded() const { return outside.has_value(); }
  bool isClamped(int64_t coordinate) const { return llvm::is_contained(clamped, coordinate); }
  llvm::ArrayRef<int64_t> shape() const {
    return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
  }
  /// Calls `visit` for each coordinate and each condition's expression.
  void walk(llvm::function_ref<void(mlir::AffineExpr)> visit) const;
  /// Replaces each coordinate and each condition's expression.
  void map(llvm::function_ref<mlir::AffineExpr(mlir::AffineExpr)> change);
};

class EquationDraft {
public:
  explicit EquationDraft(mlir::MLIRContext *context) : context(context) {}
  /// A draft of `op`; its regions are copied.
  static EquationDraft of(ComputeOp op);

  ComputeOp create(mlir::OpBuilder &builder, mlir::Location loc);

  mlir::MLIRContext *context;
  llvm::SmallVector<std::string> names;
  llvm::SmallVector<int64_t> extents;
  unsigned numParallel = 0;
  llvm::SmallVector<Reduction> reductions;
  llvm::SmallVector<mlir::Type> resultTypes;
  llvm::SmallVector<DraftRead> reads; ///< of the body, then of `finish`
  std::unique_ptr<mlir::Block> body = std::make_unique<mlir::Block>();
  std::unique_ptr<mlir::Block> finish; ///< may be null

  unsigned numBodyReads() const { return body->getNumArguments(); }
  mlir::BlockArgument argumentOf(unsigned read);
  /// Adds a read to the body (before there is a `finish`).
  mlir::BlockArgument addRead(DraftRead read, mlir::Location loc);
  mlir::Operation *yield() { return body->getTerminator(); }
  llvm::SmallVector<mlir::Block *, 2> blocks();

  /// Keeps the results listed, in that order.
  void keepResults(llvm::ArrayRef<unsigned> kept);
  /// Puts the reduction indices into another order, or the parallel ones (and whoever does gives
  /// the results their types): `newOrder` lists all indices by their present number.
  void reorderIndices(llvm::ArrayRef<unsigned> newOrder);

  /// Simplifies accesses by the ranges of the indices, drops guards that always hold, merges equal
  /// reads, folds the regions, and drops unused reads and reduction indices of extent 1.
  void tidy();
  /// For sums only: a static reduction index that no access and no scalar uses becomes a factor.
  void dropUnusedSumIndices();

private:
  bool provablyInside(mlir::AffineExpr expr, int64_t size) const;
  void tidyGuard(unsigned read);
  void simplifyAccesses();
  void mergeReads();
  void dropUnusedReads();
  void dropUnitReductions();
  void replaceInside(unsigned read, bool value);
  void keepReads(llvm::ArrayRef<unsigned> kept);
  void sortReads();
  void dropIndices(llvm::ArrayRef<bool> dropped);
  AccessAttr accessOf(unsigned read) const;
};

/// Folds and deduplicates the scalars of a region's block and erases dead ones.
void foldScalars(mlir::Block &block);

} // namespace gnc
