//===- WinogradTransforms.h - the matrices of F(4, 3) as scalars ------------------------------===//
//
// Four results of a correlation with three taps take six products instead of twelve (Winograd 1980;
// in two dimensions Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"),
//
//   y = A' [(G w) * (B' x)],
//
// here with the interpolation points 0, 1, -1, 2, -2 and infinity. It is linear in w, in x and in
// y, so its adjoints are the fast form of the weight's gradient: dw = G' [(B' x) * (A dy)].
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/ScalarBuilder.h"

namespace gnc::winograd {

constexpr unsigned kTaps = 3;    ///< of the filter, in one dimension
constexpr unsigned kOutputs = 4; ///< results of a tile
constexpr unsigned kPoints = 6;  ///< products of a tile, and values that it reads

/// A matrix times a vector of scalars.
using Transform = llvm::SmallVector<mlir::Value> (*)(ScalarBuilder &, llvm::ArrayRef<mlir::Value>);

llvm::SmallVector<mlir::Value> input(ScalarBuilder &s, llvm::ArrayRef<mlir::Value> x);  ///< B'
llvm::SmallVector<mlir::Value> filter(ScalarBuilder &s, llvm::ArrayRef<mlir::Value> w); ///< G
llvm::SmallVector<mlir::Value> output(ScalarBuilder &s, llvm::ArrayRef<mlir::Value> m); ///< A'
llvm::SmallVector<mlir::Value> outputAdjoint(ScalarBuilder &s,
                                             llvm::ArrayRef<mlir::Value> dy); ///< A
llvm::SmallVector<mlir::Value> filterAdjoint(ScalarBuilder &s,
                                             llvm::ArrayRef<mlir::Value> m); ///< G'

/// One index of the equation: the row (or column) of the transformed square; reversed, 0 is its
/// last one.
struct Position {
  unsigned index;
  bool reversed = false;
};

/// Element (row, column) of T X T', where X is a square of scalars, row-major: an equation that has
/// `row` and `column` among its indices computes the element of its point.
mlir::Value square(ScalarBuilder &s, Transform transform, llvm::ArrayRef<mlir::Value> x,
                   Position row, Position column);

} // namespace gnc::winograd
