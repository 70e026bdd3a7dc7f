//===- FoldWeightsTest.cpp - the deployed program computes what evaluation does ---------------===//
#include "Compiled.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include <random>

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

/// The same behind an activation: what the activation gives is the x that is scaled and shifted.
constexpr const char *kBehindActivation = R"(
func.func @infer(%x: tensor<?x5xf32>, %v: tensor<5xf32> {gnc.role = "weight"}, %w: tensor<5xf32> {gnc.role = "weight"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] (%p = %x[n, k] : tensor<?x5xf32>, %a = %v[k] : tensor<5xf32>, %b = %w[k] : tensor<5xf32>) -> tensor<?x5xf32> {
    %0 = math.absf %p : f32
    %1 = math.absf %a : f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.subf %2, %b : f32
    %4 = arith.mulf %3, %a : f32
    gnc.yield %4 : f32
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

TEST(FoldWeightsTest, beginsAnewBehindAnActivation) {
  Compiled compiled(kBehindActivation, {.batch = 4});
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.program.prologue, 1u);
  Tensors arguments = compiled.wholeNumbers(3, 3, 5);
  expectClose(compiled.run(arguments, 3, 2), compiled.expected(arguments, Precision::F64),
              [](double) { return 0.0; });
}

TEST(FoldWeightsTest, nothingRunsBeforehandWithoutIt) {
  Compiled compiled(kBatchNorm, {.batch = 4, .disabled = {"fold-weights"}});
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.program.prologue, 0u);
}

/// Chains of sums, products, absolute values and choices of a sample's number and of weights: with
/// whole numbers, exact in any order.
static std::string randomChain(uint64_t seed) {
  std::mt19937_64 engine(seed);
  auto below = [&](unsigned n) { return unsigned(engine() % n); };
  std::string text = R"(
func.func @infer(%x: tensor<?x5xf32>, %v: tensor<5xf32> {gnc.role = "weight"}, %w: tensor<5xf32> {gnc.role = "weight"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] (%0 = %x[n, k] : tensor<?x5xf32>, %1 = %v[k] : tensor<5xf32>, %2 = %w[k] : tensor<5xf32>) -> tensor<?x5xf32> {
    %3 = arith.constant 0.0 : f32
    %4 = arith.constant 1.0 : f32
)";
  unsigned next = 5, steps = 2 + below(8);
  auto name = [](unsigned value) { return "%" + std::to_string(value); };
  for (unsigned step = 0; step < steps; ++step) {
    std::string a = name(below(next)), b = name(step % 2 ? next - 1 : below(next)),
                y = name(next++);
    switch (below(6)) {
    case 0: text += y + " = arith.addf " + a + ", " + b + " : f32\n"; break;
    case 1: text += y + " = arith.subf " + a + ", " + b + " : f32\n"; break;
    case 2: text += y + " = arith.mulf " + a + ", " + name(below(5)) + " : f32\n"; break;
    case 3: text += y + " = math.absf " + a + " : f32\n"; break;
    case 4: text += y + " = arith.negf " + b + " : f32\n"; break;
    default:
      text += "%c" + y.substr(1) + " = arith.cmpf ogt, %1, %2 : f32\n" + y + " = arith.select %c" +
              y.substr(1) + ", " + a + ", " + b + " : f32\n";
    }
  }
  return text + "    gnc.yield " + name(next - 1) +
         " : f32\n  }\n  return %y : tensor<?x5xf32>\n}\n";
}

TEST(FoldWeightsTest, chainsOfAnyKindAreComputedOnceOrEachTime) {
  for (unsigned i = 0; i < caseCount(40, 1000); ++i) {
    std::string text = randomChain(caseSeed(i));
    SCOPED_TRACE(text);
    Compiled compiled(text, {.batch = 4});
    ASSERT_TRUE(compiled.ok);
    Tensors arguments = compiled.wholeNumbers(3, 3, 5);
    expectClose(compiled.run(arguments, 3, 2), compiled.expected(arguments, Precision::F64),
                [](double) { return 0.0; });
    if (HasFailure())
      return;
  }
}
