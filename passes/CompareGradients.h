//===- CompareGradients.h - gradients against difference quotients ----------------------------===//
//
// Checks a gradient by the function that it is the gradient of, with the reference evaluator: in
// f64 against central differences, and in f32 against f64 where numbers are large or small.
//
// A central difference is no derivative at a kink (relu at 0) or a jump (floor). There the two
// one-sided differences disagree by more than the tolerance; such an element is drawn again.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Evaluator.h"

#include <random>

namespace gnc {

/// How gradients are compared. The error of (f(x + h) - f(x - h)) / 2h is h^2 |f'''| / 6 + u |f| /
/// h: for h = 1e-6, third derivatives up to 1e6 and |f| up to 1e4 each is below 1e-6.
struct GradientTolerance {
  double step = 1e-6, absolute = 1e-5, relative = 1e-3;
  double at(double quotient) const { return absolute + relative * std::abs(quotient); }
};

/// An entry of a gradient that is not what the difference quotient says.
struct GradientEntry {
  unsigned input = 0;               ///< number of the argument
  llvm::SmallVector<int64_t> index; ///< in it, the batch first
  double at = 0;                    ///< the argument's value there
  double derived = 0, quotient = 0;
};

struct GradientComparison {
  int64_t compared = 0;
  int64_t kinks = 0; ///< entries that were drawn again or left out
  /// The largest |derived - quotient| / max(1, |quotient|).
  double worstError = 0;
  /// The worst entry outside of the tolerance.
  std::optional<GradientEntry> worst;
  /// Why nothing was compared; "" if something was.
  std::string problem;
};

/// What values are drawn for a function's arguments.
struct DrawOptions {
  uint64_t seed = 1;
  int64_t batch = 2;
  /// Per argument: whole numbers are drawn below it; 0: what the element type holds, at most 5.
  llvm::SmallVector<int64_t> classes = {};
  unsigned entries = 32; ///< to compare, at most, of one argument
};

/// Compares `adjoint` (see AdjointFunction.h) with `forward` at random arguments: numbers from -2
/// to 2, or where that leads to values that are not finite, positive ones.
GradientComparison compareGradients(mlir::func::FuncOp forward, mlir::func::FuncOp adjoint,
                                    const DrawOptions &options);

/// The same at the given arguments; all entries of them, but for those at kinks.
GradientComparison compareGradientsAt(mlir::func::FuncOp forward, mlir::func::FuncOp adjoint,
                                      llvm::ArrayRef<TensorValue> arguments);

/// A value that f32 arithmetic loses: infinite or no number where f64 gives a number of f32's
/// range.
struct LostValue {
  bool gradient = false; ///< of an argument, else a result
  unsigned number = 0;   ///< of the result, or of the argument
  double input = 0;      ///< the number that arguments hold; 0: a mixture of all
  double exact = 0;      ///< in f64
};

/// Evaluates both functions in f32 and f64 with arguments of +-1e-6, +-30, +-100.
std::optional<LostValue> findLostValue(mlir::func::FuncOp forward, mlir::func::FuncOp adjoint,
                                       const DrawOptions &options);

} // namespace gnc
