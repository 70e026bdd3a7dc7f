//===- GradientAccessTest.cpp - the gradient of every form of access --------------------------===//
#include "GradientCheck.h"

using namespace gnc::test;

TEST(Gradient, Gather) {
  checkGradient(function("%t: tensor<?x3xi32>, %e: tensor<5x4xf32>",
                         "%y = gnc.compute [n = ?, l = 3, j = 4] (%i = %t[n, l] : tensor<?x3xi32>, "
                         "%a = %e[read0, j] : tensor<5x4xf32>) -> tensor<?x3x4xf32> "
                         "{ %0 = arith.mulf %a, %a : f32 gnc.yield %0 : f32 }\n",
                         "tensor<?x3x4xf32>"));
}

// Data and index in one coordinate: solved for the index, the data stay on the right.
TEST(Gradient, ShiftedGather) {
  checkGradient(
      function("%t: tensor<3xi32>, %x: tensor<9xf32>",
               "%y = gnc.compute [l = 3, j = 4] (%i = %t[l] : tensor<3xi32>, "
               "%a = %x[read0 + j] : tensor<9xf32>) -> tensor<3x4xf32> { gnc.yield %a : f32 }\n",
               "tensor<3x4xf32>"));
}

// The data depend on the index beside them: it cannot be solved for.
TEST(Gradient, GatherThatDependsOnItsIndex) {
  checkGradient(
      function("%t: tensor<4xi32>, %x: tensor<9xf32>",
               "%y = gnc.compute [j = 4] (%i = %t[j] : tensor<4xi32>, "
               "%a = %x[read0 + j] : tensor<9xf32>) -> tensor<4xf32> { gnc.yield %a : f32 }\n",
               "tensor<4xf32>"));
}

TEST(Gradient, ClampedWindow) {
  checkGradient(function(
      "%x: tensor<?x5x6xf32>",
      "%y = gnc.compute [n = ?, i = 5, j = 6] sum [r = 3, s = 5] (%a = %x[n, clamp(i + r - 1), "
      "clamp(j + s - 2)] : tensor<?x5x6xf32>) -> tensor<?x5x6xf32> "
      "{ %0 = arith.mulf %a, %a : f32 gnc.yield %0 : f32 }\n",
      "tensor<?x5x6xf32>"));
}

TEST(Gradient, Wrap) {
  checkGradient(
      function("%x: tensor<6xf32>, %w: tensor<5xf32>",
               "%y = gnc.compute [i = 6] sum [r = 5] (%a = %x[(i + r - 2) mod 6] : tensor<6xf32>, "
               "%b = %w[r] : tensor<5xf32>) -> tensor<6xf32> " +
                   std::string(kProduct),
               "tensor<6xf32>"));
}

TEST(Gradient, NearestUpsampling) {
  checkGradient(
      function("%x: tensor<?x3x4xf32>",
               "%y = gnc.compute [n = ?, i = 7, j = 12] (%a = %x[n, i floordiv 3, j floordiv 3] : "
               "tensor<?x3x4xf32>) -> tensor<?x7x12xf32> { gnc.yield %a : f32 }\n",
               "tensor<?x7x12xf32>"));
}

// Flatten and its inverse, written as accesses.
TEST(Gradient, DivModChains) {
  checkGradient(function(
      "%x: tensor<?x3x4x5xf32>",
      "%y = gnc.compute [n = ?, f = 60] (%a = %x[n, f floordiv 20, f floordiv 5 mod 4, f mod 5] : "
      "tensor<?x3x4x5xf32>) -> tensor<?x60xf32> { gnc.yield %a : f32 }\n",
      "tensor<?x60xf32>"));
  checkGradient(
      function("%x: tensor<?x60xf32>",
               "%y = gnc.compute [n = ?, c = 3, i = 4, j = 5] (%a = %x[n, c * 20 + i * 5 + j] : "
               "tensor<?x60xf32>) -> tensor<?x3x4x5xf32> { gnc.yield %a : f32 }\n",
               "tensor<?x3x4x5xf32>"));
}

// Sub-pixel shuffle: mod and floordiv of two indices in three coordinates.
TEST(Gradient, PixelShuffle) {
  std::string text =
      function("%x: tensor<?x12x3x4xf32>",
               "%y = gnc.compute [n = ?, c = 3, i = 6, j = 8] (%a = %x[n, c * 4 + (i mod 2) * 2 + "
               "j mod 2, i floordiv 2, j floordiv 2] "
               ": tensor<?x12x3x4xf32>) -> tensor<?x3x6x8xf32> { gnc.yield %a : f32 }\n",
               "tensor<?x3x6x8xf32>");
  checkGradient(text);
}

TEST(Gradient, DiagonalAndConstants) {
  checkGradient(
      function("%x: tensor<4x4x3xf32>",
               "%y = gnc.compute [i = 4] (%a = %x[i, i, 1] : tensor<4x4x3xf32>) -> tensor<4xf32> "
               "{ gnc.yield %a : f32 }\n",
               "tensor<4xf32>"));
  checkGradient(function(
      "%x: tensor<4x7xf32>",
      "%y = gnc.compute [i = 4] sum [r = 4] (%a = %x[i, i + r] : tensor<4x7xf32>) -> tensor<4xf32> "
      "{ gnc.yield %a : f32 }\n",
      "tensor<4xf32>"));
  checkGradient(function(
      "%x: tensor<10x7xf32>",
      "%y = gnc.compute [i = 4] sum [r = 4] (%a = %x[2 * i + r, i + r] : tensor<10x7xf32>) -> "
      "tensor<4xf32> { gnc.yield %a : f32 }\n",
      "tensor<4xf32>"));
}

// A condition that is no exact division: a mask on the read.
TEST(Gradient, GuardedTriangle) {
  checkGradient(
      function("%x: tensor<5x5xf32>, %v: tensor<5xf32>",
               "%y = gnc.compute [i = 5] sum [j = 5] (%a = %x[i, j] where (i - j < 5) ?? 0.5 : "
               "tensor<5x5xf32>, %b = %v[j] : tensor<5xf32>) -> tensor<5xf32> " +
                   std::string(kProduct),
               "tensor<5xf32>"));
}

// Integral image of halves: fractions that do not solve simply stay conditions.
TEST(Gradient, AwkwardAccess) {
  checkGradient(function("%x: tensor<9xf32>, %w: tensor<4xf32>",
                         "%y = gnc.compute [i = 6] sum [r = 4] (%a = %x[(i + r) floordiv 2 + i "
                         "floordiv 3 + r floordiv 2] : "
                         "tensor<9xf32>, %b = %w[r] : tensor<4xf32>) -> tensor<6xf32> " +
                             std::string(kProduct),
                         "tensor<6xf32>"));
}
