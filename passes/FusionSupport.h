//===- FusionSupport.h - what the passes that join equations share ----------------------------===//
//
// Fusing means that scalars of one equation move into another. Three things must be translated on
// the way: an index of the old equation becomes an expression over the new one's indices (as a
// coordinate, and as a number where the scalars ask for it), the number of a read changes, and so
// does the symbol that stands for its value. The functions here do that on an EquationDraft, and
// answer the questions that decide whether joining is allowed and pays.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/EquationDraft.h"
#include "mlir/IR/IRMapping.h"

namespace gnc {

/// The batch size at which decisions are taken: it is not known when the graph is rewritten.
constexpr int64_t kPlannedBatch = 64;

//===------------------------------------------------------------------------------------------===//
// Questions
//===------------------------------------------------------------------------------------------===//

/// How many points `extents` span.
double pointsOf(llvm::ArrayRef<int64_t> extents, int64_t batch = kPlannedBatch);
double bytesOf(mlir::Type tensor, int64_t batch = kPlannedBatch);
/// The batch size that a program is compiled for: `batch`, or if that is 0 what the module's recipe
/// says, if anything.
int64_t samplesToPlan(mlir::func::FuncOp function, int64_t batch);

/// Some tensor is f16 or bf16. It is rounded where it is written, so which tensors there are is no
/// longer open: equations must not be joined or split.
bool storesHalf(mlir::func::FuncOp function);

/// A sum of products of two reads in which each is reused along an index of the other: it runs in a
/// register tile, and stays as it is.
bool isContraction(ComputeOp op);

/// Read `read` is the element at the parallel indices themselves.
bool isIdentityRead(ComputeOp op, unsigned read);

/// Some read is of random numbers, which are computed anew by every reader.
bool drawsNumbers(ComputeOp op);

/// Some access uses the value of `read` as an index.
bool isUsedAsIndex(ComputeOp op, unsigned read);

/// The work of one point.
struct ScalarCost {
  unsigned ops = 0;       ///< arithmetic; a division counts four
  bool expensive = false; ///< has a function of `math` that takes tens of cycles
};
ScalarCost costOf(mlir::Block &scalars);
/// The same without what does not change along the innermost index of `op`, pointwise: loops
/// compute that once.
ScalarCost innerCostOf(ComputeOp op);

/// A function returns `result` as the new value of a weight or state.
bool isUpdate(mlir::Value result);

/// Moves what `op` depends on before `place`, as far as it comes after it. Direct uses of the
/// results of `place` are allowed. False, with nothing moved, when something in between depends on
/// `place`, or when more than a few ops would have to move.
bool hoistOperands(mlir::Operation *op, mlir::Operation *place);

//===------------------------------------------------------------------------------------------===//
// Edits
//===------------------------------------------------------------------------------------------===//

/// Adds a read to the body; returns its number. Reads of `finish` move up by one.
unsigned addBodyRead(EquationDraft &draft, DraftRead read, mlir::Location loc);
/// Adds a read to `finish`, which exists; returns its number.
unsigned addFinishRead(EquationDraft &draft, DraftRead read, mlir::Location loc);
/// Adds a `finish` that hands the combined values on.
void ensureFinish(EquationDraft &draft, mlir::Location loc);
/// The simplest form. Where that leaves no reduction (a sum over one term), `finish` becomes part
/// of the body: what comes next takes an equation without a reduction for one of a body alone.
void settle(EquationDraft &draft, mlir::Location loc);

/// Replaces `op` by `draft`, in simplest form; `results` of `op` are those of the draft, in order.
ComputeOp replaceWith(ComputeOp op, EquationDraft &draft);

/// Replaces each index d with a non-empty `splits[d]` by that many indices, whose row-major
/// position is d. Result types follow.
void splitIndices(EquationDraft &draft, llvm::ArrayRef<llvm::SmallVector<int64_t>> splits);

/// How another equation's scalars read in a draft.
struct ScalarImport {
  mlir::IRMapping values;                      ///< of the block's arguments
  llvm::SmallVector<mlir::AffineExpr> indices; ///< of the other equation, over the draft's
  llvm::SmallVector<int64_t> extents;          ///< of the other equation's indices
  llvm::SmallVector<int64_t> reads; ///< the numbers of the other equation's reads in the draft
};

/// True if every index that `scalars` use as a number can be computed from `indices`.
bool canImport(mlir::Block &scalars, llvm::ArrayRef<mlir::AffineExpr> indices,
               llvm::ArrayRef<int64_t> draftExtents);
/// Copies `scalars` before `place`, an op of the draft; returns what they yield.
llvm::SmallVector<mlir::Value> importScalars(EquationDraft &draft, mlir::Block &scalars,
                                             ScalarImport &import, mlir::Operation *place);

} // namespace gnc
