//===- ComputeGradient.h - the gradient of an equation is equations -------------------------===//
//
// For T[o] = reduce over r of body(.., x[A(o, r)], ..) and one read of x:
//
//   d.x[q] = sum over all (o, r) with A(o, r) = q of w(o, r) * d(body)/d(read)
//
// where w is dT[o] for a sum; dT[o] times the product of the other terms for `prod`; and for `max`
// and `min` dT[o] at the first extreme point of the reduction, 0 elsewhere. The solver
// (IndexSolver.h) turns the side condition into indices, so the result is again a gather: one
// gnc.compute per read, no atomics.
//
// What the side condition leaves over is written as conditions of the read of dT, which is 0 where
// they fail. All other reads only have to be harmless there: a read that may leave its tensor gets
// `?? 0`; and where the remaining factor is not a polynomial (1/0 * 0 is NaN) the term becomes
// select(inside(dT), term, 0).
//
// A clamped coordinate reads the edge from many points: its gradient is the sum of three equations,
// for the points inside, those below and those above.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/EquationDraft.h"
#include "mlir/IR/IRMapping.h"

namespace gnc {

/// Where the points of one piece of a clamped coordinate lie.
enum class Piece { Inside, Below, Above };

/// What the forward equation keeps for the gradient of one result, besides its reads.
struct Saved {
  mlir::Value position;       // max, min: where the extreme is
  mlir::Value product, zeros; // prod: of the terms that are not zero; how many are
};

/// Whether the gradient of `op` for one of its reads is not zero whatever the values are: false
/// behind `floor`, comparisons and positions, and behind `stop` unless `throughStop`.
bool hasDerivative(ComputeOp op, unsigned read, bool throughStop);

class ComputeGradient {
public:
  ComputeGradient(ComputeOp op, mlir::OpBuilder &builder, mlir::ValueRange adjoints)
      : op(op), builder(builder), adjoints(adjoints), context(op.getContext()),
        loc(mlir::NameLoc::get(builder.getStringAttr("backward"), op.getLoc())),
        saved(op.getNumResults()) {}

  llvm::LogicalResult run(llvm::ArrayRef<bool> wanted,
                          llvm::SmallVectorImpl<llvm::SmallVector<mlir::Value>> &contributions);

private:
  llvm::LogicalResult gradientOf(unsigned read, llvm::ArrayRef<Piece> pieces,
                                 llvm::SmallVectorImpl<mlir::Value> &summands);

  // The value of one equation, over the forward indices.
  llvm::LogicalResult buildValue(unsigned read);
  mlir::FailureOr<mlir::Value> buildTerm(unsigned read, unsigned result, mlir::IRMapping &body);
  mlir::Value factorOf(unsigned result, mlir::Value term, mlir::Value derivative);
  unsigned addReadAtResult(mlir::Value tensor);
  void savePosition(unsigned result);
  void saveProduct(unsigned result);
  llvm::SmallVector<unsigned> rowMajorIndices();
  mlir::AffineExpr rowMajorPosition();

  // Which points count, and what they are in the new indices.
  void solve(llvm::ArrayRef<Piece> pieces);
  void requirePiece(IndexSolver &solver, unsigned coordinate, Piece piece);
  void shareFacts(IndexSolver &solver);

  // The same equation over the new indices.
  void placeForwardRead(unsigned read);
  void placeFact(unsigned fact, DraftRead &read);
  void placeReadsAtResult();
  void placeScalars();
  bool isTrusted(mlir::AffineExpr coordinate) const;
  bool isImplied(const IndexCondition &condition) const;
  mlir::AffineExpr substitute(mlir::AffineExpr expr) const {
    return simplify(expr.replaceDims(solution.values), solution.extents);
  }

  ComputeOp op;
  mlir::OpBuilder &builder;
  mlir::ValueRange adjoints;
  mlir::MLIRContext *context;
  mlir::Location loc;
  llvm::SmallVector<Saved> saved; // per result

  /// A read that is 0 unless an exact division in it is whole.
  struct Fact {
    unsigned read;
    IndexCondition condition;
    unsigned number; // in the solver
  };

  // Of the equation that is being built:
  unsigned target = 0;                // the read whose tensor gets the gradient
  std::optional<EquationDraft> draft; // forward reads first, then reads at the result
  llvm::SmallVector<DraftRead>
      forwardReads; // the reads of `draft` as they are over the forward indices
  llvm::SmallVector<unsigned> adjointReads;
  llvm::SmallVector<bool> vanishing; // per forward read: where it is 0, so is the whole value
  bool polynomial = true;            // the value is finite wherever its reads are
  llvm::SmallVector<Fact> facts;
  std::optional<IndexSolver> solver;
  IndexSolution solution;
};

} // namespace gnc
