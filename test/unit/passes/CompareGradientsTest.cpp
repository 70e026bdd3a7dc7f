// The comparison behind `gnc check --grad`: it finds a wrong entry, leaves kinks alone, and sees
// where f32 loses a value.
#include "passes/CompareGradients.h"
#include "passes/AdjointFunction.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace gnc;

namespace {

/// A function @f of text and its adjoint.
struct Functions {
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp forward;
  AdjointFunction adjoint;

  explicit Functions(const std::string &text) {
    context.loadDialect<GncDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    forward = module->lookupSymbol<func::FuncOp>("f");
    auto made = makeAdjointFunction(forward, "adjoint");
    EXPECT_TRUE(succeeded(made));
    adjoint = *made;
  }
};

/// A pointwise function of four numbers; `body` makes %r of %a.
std::string pointwise(const std::string &body) {
  return "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
         "  %y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<4xf32> {\n" +
         body + "\n    gnc.yield %r : f32\n  }\n  return %y : tensor<4xf32>\n}\n";
}

const char *const kCustom = R"(
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = gnc.custom(%x) {given = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%v: tensor<4xf32>):
    %0 = gnc.compute [i = 4] (%a = %v[i] : tensor<4xf32>) -> tensor<4xf32> {
      %1 = arith.mulf %a, %a : f32
      gnc.yield %1 : f32
    }
    gnc.return %0 : tensor<4xf32>
  } gradient {
  ^bb0(%v: tensor<4xf32>, %r: tensor<4xf32>, %d: tensor<4xf32>):
    %0 = gnc.compute [i = 4] (%a = %v[i] : tensor<4xf32>, %b = %d[i] : tensor<4xf32>) -> tensor<4xf32> {
      %1 = arith.mulf %a, %b : f32
      gnc.yield %1 : f32
    }
    gnc.return %0 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
})";

} // namespace

TEST(CompareGradients, ARightOneAgrees) {
  Functions f(pointwise("    %r = math.tanh %a : f32"));
  GradientComparison found = compareGradients(f.forward, f.adjoint.function, {});
  EXPECT_EQ(found.compared, 4);
  EXPECT_FALSE(found.worst);
  EXPECT_LT(found.worstError, 1e-6);
}

TEST(CompareGradients, AWrongOneIsFoundWithItsEntry) {
  Functions f(kCustom); // x^2 with the gradient x
  GradientComparison found = compareGradients(f.forward, f.adjoint.function, {});
  ASSERT_TRUE(found.worst);
  EXPECT_EQ(found.worst->input, 0u);
  EXPECT_EQ(found.worst->index.size(), 1u);
  EXPECT_NEAR(found.worst->derived * 2, found.worst->quotient, 1e-5);
}

/// The largest error is relative to the quotient where that is above 1: half of it here.
TEST(CompareGradients, TheWorstErrorIsRelative) {
  Functions f(kCustom);
  TensorValue x(ArrayRef<int64_t>{4});
  x.data = {1, 50, -100, 0.1};
  GradientComparison found = compareGradientsAt(f.forward, f.adjoint.function, {x});
  ASSERT_TRUE(found.worst);
  EXPECT_GT(std::fabs(found.worst->quotient), 1);
  EXPECT_NEAR(found.worstError, 0.5, 1e-5);
}

TEST(CompareGradients, KinksAreLeftOut) {
  Functions f(pointwise("    %r = math.absf %a : f32"));
  TensorValue x(ArrayRef<int64_t>{4});
  x.data = {0, 1, -1, 5e-7};
  GradientComparison found = compareGradientsAt(f.forward, f.adjoint.function, {x});
  EXPECT_EQ(found.kinks, 2);
  EXPECT_EQ(found.compared, 2);
  EXPECT_FALSE(found.worst);
}

TEST(CompareGradients, PositiveNumbersWhereOthersHaveNoValue) {
  Functions f(pointwise("    %r = math.log %a : f32"));
  EXPECT_EQ(compareGradients(f.forward, f.adjoint.function, {}).compared, 4);
}

TEST(CompareGradients, AnInfiniteGradientIsSaid) {
  Functions f(pointwise("    %r = math.sqrt %a : f32"));
  TensorValue x(ArrayRef<int64_t>{4});
  x.data = {0, 1, 2, 3}; // sqrt(0) is 0, its gradient is not finite
  GradientComparison found = compareGradientsAt(f.forward, f.adjoint.function, {x});
  EXPECT_EQ(found.compared, 0);
  EXPECT_EQ(found.problem, "its values are not finite here");
}

TEST(CompareGradients, WhatIsRoughEverywhereIsSaid) {
  Functions f(pointwise("    %c = arith.constant 1.0e9 : f32\n    %0 = arith.mulf %a, %c : f32\n"
                        "    %r = math.sin %0 : f32"));
  GradientComparison found = compareGradients(f.forward, f.adjoint.function, {});
  EXPECT_EQ(found.compared, 0);
  EXPECT_EQ(found.problem, "it has a kink or a jump wherever it was looked at");
}

TEST(CompareGradients, ALostValueIsFound) {
  Functions f(pointwise("    %c = arith.constant 1.0 : f32\n    %0 = math.exp %a : f32\n"
                        "    %1 = arith.addf %c, %0 : f32\n    %r = math.log %1 : f32"));
  auto lost = findLostValue(f.forward, f.adjoint.function, {});
  ASSERT_TRUE(lost); // log(1 + exp(100)) is 100, but exp(100) is no f32
  EXPECT_EQ(lost->input, 100);
  EXPECT_EQ(lost->exact, 100);
  Functions stable(pointwise("    %r = gnc.softplus %a : f32"));
  EXPECT_FALSE(findLostValue(stable.forward, stable.adjoint.function, {}));
}

/// Each of the numbers that are tried is lost by a function that overflows there alone.
TEST(CompareGradients, LargeAndSmallNumbersOfBothSignsAreTried) {
  for (const char *number : {"1.0e-6", "-1.0e-6", "30.0", "-30.0", "100.0", "-100.0"}) {
    Functions f(pointwise(std::string("    %v = arith.constant ") + number + R"( : f32
    %big = arith.constant 1.0e30 : f32
    %one = arith.constant 1.0 : f32
    %near = arith.constant 1.0e-7 : f32
    %0 = arith.subf %a, %v : f32
    %1 = math.absf %0 : f32
    %2 = arith.cmpf olt, %1, %near : f32
    %3 = arith.select %2, %big, %one : f32
    %4 = arith.mulf %3, %3 : f32
    %r = arith.divf %4, %3 : f32)"));
    auto lost = findLostValue(f.forward, f.adjoint.function, {});
    ASSERT_TRUE(lost) << number;
    EXPECT_EQ(lost->input, std::stod(number));
  }
}

TEST(AdjointFunction, SaysWhatIsZero) {
  Functions f(pointwise("    %r = math.floor %a : f32"));
  EXPECT_EQ(f.adjoint.zero, SmallVector<bool>{true});
  Functions g(pointwise("    %r = math.exp %a : f32"));
  EXPECT_EQ(g.adjoint.zero, SmallVector<bool>{false});
}
