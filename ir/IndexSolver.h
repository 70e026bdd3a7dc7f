//===- IndexSolver.h - which points of an equation read element q? ----------------------------===//
//
// An equation T[o] = reduce over r of body(.., x[A(o, r)], ..) reads each element of x at many
// points. Its gradient gathers: d.x[q] is a sum over all points (o, r) with A(o, r) = q. This file
// solves A(o, r) = q for the indices, so that as few as possible are left to sum over and compare.
//
// The variables of the system are the indices of the equation, the targets q (one per dimension of
// x) and fresh ones. Each coordinate of A gives one equation `expr = q_j`; what is known moves to
// the right, the unknown atoms stay on the left, and the first rule that fits is applied:
//
//   nothing unknown        a condition: (q - expr) lies in 0..0
//   common factor c        divide both sides; the right side must then be a multiple of c
//   one index              the index is the right side; its extent becomes a condition
//   e floordiv a (exact)   e = a*q            (x[.., (i - r) / 2]: an index that is not whole lies
//   outside) e floordiv a           e = a*q + u        with a new index u < a e mod a e = a*m + q
//   with a new index m, and q < a a*u + v, 0 <= v < a    u = q floordiv a and v = q mod a   (mixed
//   radix; chains by repetition) affine                 solve for one index: a parallel one rather
//   than a reduction, a small coefficient a*(v floordiv n) + ..  split v = n*g + u and go on with g
//   and u otherwise              the indices stay; (q - expr) in 0..0 is a condition, which is
//   always correct
//
// Exact quotients are kept as variables of their own (t = e / c) until everything is solved. Then
// an index v that e contains can be re-parametrised so that e / c is whole by construction. Worked
// example: the gradient by x of a convolution y[i] = sum[r < 3] x[2*i + r - 1] * w[r], written
// x[2*i + r - 1] = q:
//
//   2*i = q + 1 - r          solved for the parallel index i, not for r
//   i = t, t = (q + 1 - r) / 2
//   r = (q + 1) mod 2 + 2*r' with r' < 2; then t = (q + 1) floordiv 2 - r', and r < 3 is a
//   condition d.x[q] = sum[r' < 2] dy[(q + 1) floordiv 2 - r'] * w[(q + 1) mod 2 + 2*r']      (each
//   0 outside)
//
// which visits two taps per element where the condition (q + 1 - r) mod 2 = 0 would have thrown
// half of three away. In the weight gradient of a transposed convolution, x[(i - q) / 2] with i
// left to sum over, t itself becomes the index, i = 2*t + q, and no floordiv is left at all.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/IndexMath.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace gnc {

/// 0 <= expr < limit.
struct IndexCondition {
  mlir::AffineExpr expr;
  int64_t limit;
  bool operator==(const IndexCondition &) const = default;
};

/// An index of the forward equation.
struct SolverIndex {
  std::string name;
  int64_t extent;
  bool parallel;
};

/// The solved system, in the dims of the new equation: targets first, then the indices left to sum
/// over.
struct IndexSolution {
  llvm::SmallVector<std::string> names;
  llvm::SmallVector<int64_t> extents;
  unsigned numTargets = 0;
  /// Each forward index, as an expression of the new ones.
  llvm::SmallVector<mlir::AffineExpr> values;
  /// What must hold for a point to count. Symbol k is the value of read k.
  llvm::SmallVector<IndexCondition> conditions;
  /// No point counts: the gradient is zero.
  bool empty = false;
};

class IndexSolver {
public:
  using Expr = mlir::AffineExpr;
  using Exprs = llvm::SmallVector<Expr>;

  /// `symbolUses[k]`: the index expressions that the value of read k depends on.
  IndexSolver(mlir::MLIRContext *context, llvm::ArrayRef<SolverIndex> indices,
              llvm::ArrayRef<int64_t> targetShape, llvm::ArrayRef<Exprs> symbolUses);

  /// Requires `expr`, over the forward indices, to lie in 0..limit-1.
  void require(Expr expr, int64_t limit);
  /// Requires `expr`, over the forward indices, to be target `target`.
  void equate(Expr expr, unsigned target);
  /// Requires target `target` to be `value`.
  void fix(unsigned target, int64_t value);
  /// Takes it into account that only points with e a multiple of `divisor` contribute, `e` being
  /// `expr` over the forward indices. Returns the number of the fact, for `quotient`; nothing if
  /// the fact is of no use.
  std::optional<unsigned> divides(Expr expr, int64_t divisor);
  /// Points at which `expr`, over the forward indices, is outside 0..limit-1 contribute nothing.
  void bound(Expr expr, int64_t limit);

  /// Re-parametrises exact quotients, tightens what is left, and numbers the new indices.
  IndexSolution finish();
  /// After `finish`: `e floordiv divisor` for fact `fact`, if e is a multiple at every point of the
  /// new equation.
  Expr quotient(unsigned fact) const;

private:
  enum class Kind { Index, Target, Quotient, Solved };
  struct Variable {
    std::string name;
    int64_t extent;
    Kind kind;
    bool parallel = false;
    Expr numerator{}; // Quotient: the variable is numerator / divisor - low
    int64_t divisor = 1;
    int64_t low = 0, high = 0; // Quotient: what numerator / divisor can be
    bool implied = false;      // Quotient: need not be checked if it stays
    bool exact = false;        // Quotient: whole by construction
  };

  Expr dim(unsigned variable) const;
  /// `form` without its term in `atom`.
  Expr restOf(LinearForm form, Expr atom) const;
  Expr quotientExpr(unsigned variable) const;
  Expr apply(Expr expr) const;
  IndexRange range(Expr expr) const;
  bool isUnknown(Expr expr) const;
  bool dependsOn(Expr expr, unsigned variable) const;
  bool isKnownExact(Expr numerator, int64_t divisor) const;
  unsigned sourceOf(Expr expr) const;
  unsigned fresh(unsigned source, int64_t extent);

  void solve(Expr expr, Expr value);
  void solveAtom(Expr atom, Expr value);
  bool solveMixedRadix(LinearForm &form, Expr value);
  bool solveForIndex(LinearForm &form, Expr value);
  bool splitIndex(const LinearForm &form, Expr value);
  Expr divide(Expr numerator, int64_t divisor);
  std::optional<unsigned> introduceQuotient(Expr numerator, int64_t divisor, bool implied);
  void assign(unsigned variable, Expr value);
  void substitute(unsigned variable, Expr value);
  void addCondition(Expr expr, int64_t limit);

  struct Choice;
  void resolveQuotient(unsigned variable);
  std::optional<Choice> chooseIndex(unsigned variable) const;
  std::pair<int64_t, int64_t> boundsOf(unsigned variable) const;
  bool tighten(const IndexCondition &condition);
  void number(IndexSolution &solution);

  mlir::MLIRContext *context;
  unsigned numIndices, numTargets;
  llvm::SmallVector<Variable> variables;
  llvm::SmallVector<int64_t> extents; // of the variables
  llvm::SmallVector<Expr> values;     // of the variables: an unsolved one is itself
  llvm::SmallVector<unsigned> order;  // of the indices in the sums
  llvm::SmallVector<Exprs> symbolUses;
  llvm::SmallVector<IndexCondition> conditions, bounds;
  llvm::SmallVector<unsigned> quotients; // variables, in order of introduction
  llvm::SmallVector<unsigned> facts;     // the quotient of each fact
  llvm::SmallVector<Expr> finalDims;     // of the variables, after `finish`
  bool impossible = false;
};

} // namespace gnc
