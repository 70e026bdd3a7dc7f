//===- WinogradTransforms.h - the matrices of F(4, 3) and F(2, 3) as scalars ------------------===//
//
// Four results of a correlation with three taps take six products instead of twelve, two of them
// four instead of six (Winograd 1980; in two dimensions Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks"),
//
//   y = A' [(G w) * (B' x)],
//
// here with the interpolation points 0, 1, -1, 2, -2 and infinity, or 0, 1, -1 and infinity. It is
// linear in w, in x and in y, so its adjoints are the fast form of the weight's gradient:
// dw = G' [(B' x) * (A dy)]. In two dimensions, rows and columns may take different ones.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/ScalarBuilder.h"

namespace gnc::winograd {

constexpr unsigned kTaps = 3; ///< of the filter, in one dimension

/// A matrix times a vector of scalars.
using Transform = llvm::SmallVector<mlir::Value> (*)(ScalarBuilder &, llvm::ArrayRef<mlir::Value>);

/// F(outputs, 3).
struct Form {
  int64_t outputs;         ///< results of a tile, in one dimension
  int64_t points;          ///< products of a tile, and values that it reads
  Transform input;         ///< B'
  Transform filter;        ///< G
  Transform output;        ///< A'
  Transform outputAdjoint; ///< A
  Transform filterAdjoint; ///< G'
};

/// Those that there are, by what they save.
llvm::ArrayRef<Form> forms();

/// One index of the equation: the row (or column) of the transformed rectangle; reversed, 0 is its
/// last one.
struct Position {
  unsigned index;
  bool reversed = false;
};

/// Element (row, column) of R X C', where X is a rectangle of scalars, row-major, of so many rows:
/// an equation that has `row` and `column` among its indices computes the element of its point.
mlir::Value rectangle(ScalarBuilder &s, Transform ofRows, Transform ofColumns,
                      llvm::ArrayRef<mlir::Value> x, unsigned rows, Position row, Position column);

} // namespace gnc::winograd
