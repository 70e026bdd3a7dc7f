//===- FoldWeightsTest.cpp - the deployed program computes what evaluation does ---------------===//
#include "Compiled.h"
#include "test/Tolerance.h"

using namespace gnc;
using namespace gnc::test;

namespace {
/// A normalised sum of products, as of a linear layer with batch norm and an activation.
constexpr const char *kBatchNorm = R"(
func.func @infer(%x: tensor<?x7xf32>, %w: tensor<5x7xf32> {gnc.role = "weight"}, %g: tensor<5xf32> {gnc.role = "weight"},
                 %mu: tensor<5xf32> {gnc.role = "state"}, %var: tensor<5xf32> {gnc.role = "state"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] sum [i = 7] (%p = %x[n, i] : tensor<?x7xf32>, %q = %w[k, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%a = %g[k] : tensor<5xf32>, %b = %mu[k] : tensor<5xf32>, %c = %var[k] : tensor<5xf32>) {
    %one = arith.constant 1.0 : f32
    %0 = arith.subf %s, %b : f32
    %1 = arith.mulf %a, %0 : f32
    %2 = arith.mulf %c, %c : f32
    %3 = arith.addf %2, %one : f32
    %4 = math.sqrt %3 : f32
    %5 = arith.divf %1, %4 : f32
    %6 = arith.addf %5, %b : f32
    gnc.yield %6 : f32
  }
  return %y : tensor<?x5xf32>
}
)";
} // namespace

TEST(FoldWeightsTest, agreesWithTheEquation) {
  Compiled compiled(kBatchNorm, {.batch = 4});
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.program.prologue, 1u);
  Tensors arguments = compiled.realNumbers(3, 2, 5);
  // 7 products and their sums, and some ten operations on the way, in either order.
  expectClose(compiled.run(arguments, 3, 2), compiled.expected(arguments, Precision::F64),
              [](double magnitude) { return sumOfProducts(7 + 10, magnitude); });
}

TEST(FoldWeightsTest, nothingRunsBeforehandWithoutIt) {
  Compiled compiled(kBatchNorm, {.batch = 4, .disabled = {"fold-weights"}});
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.program.prologue, 0u);
}
