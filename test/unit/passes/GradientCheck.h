//===- GradientCheck.h - derived gradients against central differences ------------------------===//
#pragma once

#include "ir/Evaluator.h"
#include "test/Tolerance.h"
#include <cstdint>
#include <gtest/gtest.h>
#include <string>

namespace gnc::test {

/// An equation in a function: `arguments`, then %y = gnc.compute as text.
inline std::string function(const std::string &arguments, const std::string &body,
                            const std::string &type) {
  return "func.func @f(" + arguments + ") -> " + type + " {\n" + body + "  return %y : " + type +
         "\n}\n";
}

/// The region of an equation that multiplies its reads %a and %b.
inline const char *const kProduct = "{ %0 = arith.mulf %a, %b : f32  gnc.yield %0 : f32 }\n";

/// How a case is checked.
struct GradientCheck {
  int64_t batch = 2;
  uint64_t seed = 1;
  /// Elements of integer arguments are drawn from 0..classes-1.
  int64_t classes = 5;
  /// Values for arguments that are not drawn at random, by position.
  std::vector<std::pair<unsigned, std::vector<double>>> given = {};
  /// Floats are drawn from low..high.
  double low = -2, high = 2;
  double tolerance = kSmoothTolerance;
};

/// Compares the gradient of sum(g * f(arguments)) with central differences in f64, for random g and
/// every f32 argument of the one function in `source`; before and after `--gnc-simplify`.
void checkGradient(const std::string &source, const GradientCheck &check = {});

/// Checks that `--gnc-simplify` changes no bit of f32 results, neither of the function nor of its
/// derived gradients, and that a second run changes nothing.
void checkSimplify(const std::string &source, const GradientCheck &check = {});

/// The gradients for the given arguments and weights 1, in f64; one tensor per f32 argument.
std::vector<TensorValue> gradientsAt(const std::string &source,
                                     const std::vector<std::vector<double>> &arguments);

/// The derived function for `source`, as text (after `--gnc-autodiff --gnc-simplify`), its results
/// the gradients.
std::string derivedText(const std::string &source);

} // namespace gnc::test
