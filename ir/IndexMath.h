//===- IndexMath.h - ranges and normal forms of index expressions -----------------------------===//
//
// Index expressions are affine expressions with floordiv and mod over the indices of an equation
// (dims) and the values of integer reads (symbols). An index d_k runs over 0 <= d_k < extents[k];
// the batch extent is `ShapedType::kDynamic` and counts as unbounded above. Nothing is known of
// symbols.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include <cstdint>
#include <optional>

namespace gnc {

/// A closed interval of integers; an absent bound is infinite.
struct IndexRange {
  std::optional<int64_t> low, high;
  bool inside(int64_t extent) const { return low && high && *low >= 0 && *high < extent; }
  bool disjointFrom(int64_t extent) const { return (high && *high < 0) || (low && *low >= extent); }
};

/// The values that `expr` can take, by interval arithmetic (never too small; exact for an
/// expression in which no index occurs twice).
IndexRange rangeOf(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);

/// An equal expression in normal form: a sum of terms ordered by index, floordiv and mod resolved
/// as far as the ranges allow: (4*a + b) floordiv 4 = a and (4*a + b) mod 4 = b for 0 <= b < 4; an
/// index of extent 1 is 0.
mlir::AffineExpr simplify(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> extents);
mlir::AffineMap simplify(mlir::AffineMap map, llvm::ArrayRef<int64_t> extents);

/// `expr` as constant + sum of coefficient * atom, an atom being a dim, a symbol, a floordiv or a
/// mod.
struct LinearForm {
  int64_t constant = 0;
  llvm::SmallVector<std::pair<mlir::AffineExpr, int64_t>>
      terms; // distinct atoms, coefficients not 0
  int64_t coefficient(mlir::AffineExpr atom) const;
  void add(mlir::AffineExpr atom, int64_t coefficient);
  /// Dims by position, then symbols, then composite atoms in order of first occurrence.
  void sort();
  mlir::AffineExpr toExpr(mlir::MLIRContext *context) const;
  /// True if every atom is a dim.
  bool isAffineInDims() const;
};
LinearForm linearForm(mlir::AffineExpr expr);

/// Prints with the names of the indices ("2*i + r - 1"); symbol k prints as "read<k>".
void printIndexExpr(llvm::raw_ostream &os, mlir::AffineExpr expr,
                    llvm::ArrayRef<llvm::StringRef> names);

} // namespace gnc
