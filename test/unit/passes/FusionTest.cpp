//===- FusionTest.cpp - fusing passes keep the meaning of graphs ------------------------------===//
#include "FusionCheck.h"
#include "RandomGraph.h"
#include "passes/Passes.h"
#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

static const PassMaker simplifyPass = [] { return createSimplify(); };
static const PassMaker splitIndicesPass = [] { return createSplitIndices(); };
static const PassMaker fusePass = [] { return createFuseElementwise(); };
static const PassMaker mergePass = [] { return createMergeDomains(); };
static const PassMaker materializePass = [] { return createMaterializeGuards(); };
static const PassMaker writePaddedPass = [] { return createWritePadded(); };
/// With limits that small graphs reach.
static const PassMaker splitReductionPass = [] {
  return createSplitReduction({.fewResults = 64, .longReduction = 16});
};

/// Checks graphs of `seeds` seeds; the last pass must do something to a good part of them.
static void checkSeeds(const std::vector<PassMaker> &passes, uint64_t seeds,
                       Promise promise = Promise::SameBits) {
  uint64_t changed = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    std::string source = randomGraph(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + source);
    checkPasses(source, passes, promise, /*batch=*/2 + seed % 2, seed);
    if (testing::Test::HasFailure())
      return;
    std::vector<PassMaker> others(passes.begin(), passes.end() - 1);
    changed += after(source, passes) != after(source, others);
  }
  EXPECT_GE(changed * 10, seeds) << changed << " of " << seeds << " graphs changed";
}

TEST(RandomFusion, SplitIndices) { checkSeeds({splitIndicesPass}, 400); }
TEST(RandomFusion, FuseElementwise) { checkSeeds({fusePass}, 400); }
TEST(RandomFusion, MergeDomains) { checkSeeds({mergePass}, 400); }
TEST(RandomFusion, SplitReduction) { checkSeeds({splitReductionPass}, 400, Promise::Rounding); }
TEST(RandomFusion, AllButSplitReduction) {
  checkSeeds({simplifyPass, splitIndicesPass, fusePass, mergePass}, 400);
}
TEST(RandomFusion, All) {
  checkSeeds({simplifyPass, splitIndicesPass, fusePass, mergePass, splitReductionPass}, 400,
             Promise::Rounding);
}

//===------------------------------------------------------------------------------------------===//
// A training step
//===------------------------------------------------------------------------------------------===//

/// Convolution, bias, relu, maximum pooling, linear layer, squared error; momentum on both weights.
static const char *const kStep = R"(
func.func @train(%x: tensor<?x2x8x8xf32> {gnc.role = "input"}, %t: tensor<?x3xf32> {gnc.role = "input"},
                 %w: tensor<4x2x3x3xf32> {gnc.role = "weight"}, %b: tensor<4xf32> {gnc.role = "weight"},
                 %u: tensor<3x36xf32> {gnc.role = "weight"}, %vw: tensor<4x2x3x3xf32> {gnc.role = "optimizer"},
                 %vu: tensor<3x36xf32> {gnc.role = "optimizer"})
    -> (tensor<f32> {gnc.path = "loss"}, tensor<4x2x3x3xf32> {gnc.updates = 2 : i64}, tensor<4xf32> {gnc.updates = 3 : i64},
        tensor<3x36xf32> {gnc.updates = 4 : i64}, tensor<4x2x3x3xf32> {gnc.updates = 5 : i64}, tensor<3x36xf32> {gnc.updates = 6 : i64}) {
  %c = gnc.compute [n = ?, k = 4, i = 6, j = 6] sum [c = 2, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<4x2x3x3xf32>, %q = %x[n, c, i + r, j + s] : tensor<?x2x8x8xf32>) -> tensor<?x4x6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %a = gnc.compute [n = ?, k = 4, i = 6, j = 6] (%p = %c[n, k, i, j] : tensor<?x4x6x6xf32>, %q = %b[k] : tensor<4xf32>) -> tensor<?x4x6x6xf32> {
    %0 = arith.addf %p, %q : f32
    gnc.yield %0 : f32
  }
  %r = gnc.compute [n = ?, k = 4, i = 6, j = 6] (%p = %a[n, k, i, j] : tensor<?x4x6x6xf32>) -> tensor<?x4x6x6xf32> {
    %z = arith.constant 0.0 : f32
    %0 = arith.maximumf %p, %z : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [n = ?, k = 4, i = 3, j = 3] max [r = 2, s = 2] (%p = %r[n, k, i * 2 + r, j * 2 + s] : tensor<?x4x6x6xf32>) -> tensor<?x4x3x3xf32> {
    gnc.yield %p : f32
  }
  %f = gnc.reshape %m : tensor<?x4x3x3xf32> -> tensor<?x36xf32>
  %y = gnc.compute [n = ?, o = 3] sum [i = 36] (%p = %u[o, i] : tensor<3x36xf32>, %q = %f[n, i] : tensor<?x36xf32>) -> tensor<?x3xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [n = ?, o = 3] (%p = %y[n, o] : tensor<?x3xf32>, %q = %t[n, o] : tensor<?x3xf32>) -> tensor<f32> {
    %d = arith.subf %p, %q : f32
    %0 = arith.mulf %d, %d : f32
    gnc.yield %0 : f32
  }
  %g:3 = gnc.gradient %l of (%w, %b, %u) : tensor<f32> of tensor<4x2x3x3xf32>, tensor<4xf32>, tensor<3x36xf32> -> tensor<4x2x3x3xf32>, tensor<4xf32>, tensor<3x36xf32>
  %vw1 = gnc.compute [a = 4, c = 2, r = 3, s = 3] (%p = %vw[a, c, r, s] : tensor<4x2x3x3xf32>, %q = %g#0[a, c, r, s] : tensor<4x2x3x3xf32>) -> tensor<4x2x3x3xf32> {
    %0 = arith.addf %p, %q : f32
    gnc.yield %0 : f32
  }
  %w1 = gnc.compute [a = 4, c = 2, r = 3, s = 3] (%p = %w[a, c, r, s] : tensor<4x2x3x3xf32>, %q = %vw1[a, c, r, s] : tensor<4x2x3x3xf32>) -> tensor<4x2x3x3xf32> {
    %0 = arith.subf %p, %q : f32
    gnc.yield %0 : f32
  }
  %b1 = gnc.compute [a = 4] (%p = %b[a] : tensor<4xf32>, %q = %g#1[a] : tensor<4xf32>) -> tensor<4xf32> {
    %0 = arith.subf %p, %q : f32
    gnc.yield %0 : f32
  }
  %vu1 = gnc.compute [a = 3, c = 36] (%p = %vu[a, c] : tensor<3x36xf32>, %q = %g#2[a, c] : tensor<3x36xf32>) -> tensor<3x36xf32> {
    %0 = arith.addf %p, %q : f32
    gnc.yield %0 : f32
  }
  %u1 = gnc.compute [a = 3, c = 36] (%p = %u[a, c] : tensor<3x36xf32>, %q = %vu1[a, c] : tensor<3x36xf32>) -> tensor<3x36xf32> {
    %0 = arith.subf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %l, %w1, %b1, %u1, %vw1, %vu1 : tensor<f32>, tensor<4x2x3x3xf32>, tensor<4xf32>, tensor<3x36xf32>, tensor<4x2x3x3xf32>, tensor<3x36xf32>
}
)";

static std::string derivedStep() {
  return after(kStep, {[] { return createAutodiff(); }, simplifyPass});
}

/// Two results with borders of two sizes, read with a border of something else, and as they are.
TEST(Fusion, BordersKeepTheirBits) {
  checkPasses(R"(
func.func @f(%x: tensor<?x2x6xf32>, %w: tensor<4x2x3xf32>, %v: tensor<4x2x5xf32>) -> (tensor<?x4x6xf32>, tensor<?x4x6xf32>, tensor<?x2x8xf32>, tensor<?x2xf32>) {
  %t:2 = gnc.compute [n = ?, c = 2, i = 6] (%a = %x[n, c, i] : tensor<?x2x6xf32>) -> (tensor<?x2x6xf32>, tensor<?x2x6xf32>) {
    %0 = math.exp %a : f32
    %1 = gnc.index 2 : f32
    %2 = arith.addf %a, %1 : f32
    gnc.yield %0, %2 : f32, f32
  }
  %y = gnc.compute [n = ?, k = 4, i = 6] sum [c = 2, r = 3] (%a = %w[k, c, r] : tensor<4x2x3xf32>, %b = %t#0[n, c, i + r - 1] ?? 0.0 : tensor<?x2x6xf32>) -> tensor<?x4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, k = 4, i = 6] sum [c = 2, r = 5] (%a = %v[k, c, r] : tensor<4x2x5xf32>, %b = %t#1[n, c, i + r - 2] ?? 0.0 : tensor<?x2x6xf32>) -> tensor<?x4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, c = 2, i = 8] (%a = %t#0[n, c, i - 1] ?? 1.0 : tensor<?x2x6xf32>, %b = %t#1[n, c, i floordiv 2] where (i mod 2 < 1) ?? 2.0 : tensor<?x2x6xf32>) -> tensor<?x2x8xf32> {
    %0 = arith.subf %a, %b : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [n = ?, c = 2] max [i = 6] (%a = %t#0[n, c, i] : tensor<?x2x6xf32>) -> tensor<?x2xf32> {
    gnc.yield %a : f32
  }
  return %y, %z, %p, %m : tensor<?x4x6xf32>, tensor<?x4x6xf32>, tensor<?x2x8xf32>, tensor<?x2xf32>
})",
              {materializePass, writePaddedPass});
}

TEST(Fusion, TrainingStepKeepsItsBits) {
  checkPasses(derivedStep(), {splitIndicesPass, fusePass, mergePass});
}

TEST(Fusion, TrainingStepInTwoStagesRoundsOnly) {
  checkPasses(derivedStep(), {splitIndicesPass, fusePass, mergePass, splitReductionPass},
              Promise::Rounding);
}

/// Forward: convolution with bias and relu, pooling (maximum and position), linear layer, loss.
/// Backward: error, weight and input gradient of the linear layer, mask with the gradient of
/// pooling, weight and bias gradient. Two updates with momentum and one without.
TEST(Fusion, TrainingStepIsThirteenEquations) {
  std::string text = after(derivedStep(), {splitIndicesPass, fusePass, mergePass});
  EXPECT_EQ(count(text, "gnc.compute"), 13u) << text;
  EXPECT_EQ(count(text, "gnc.reshape"), 0u) << text;
  EXPECT_EQ(count(text, "finish"), 1u) << text;
  EXPECT_EQ(count(text, "(max, argmax)"), 1u) << text;
}
