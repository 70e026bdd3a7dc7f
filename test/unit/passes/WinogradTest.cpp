//===- WinogradTest.cpp - convolutions in tiles are the same convolutions ---------------------===//
//
// In exact arithmetic the rewritten graph computes the same numbers; here in f64, where 1e-10 is
// left of it, and in f32.
//
//===------------------------------------------------------------------------------------------===//
#include "FusionCheck.h"
#include "passes/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

namespace {
struct Shape {
  int64_t c, k, height, width, pad;
};
} // namespace

/// y = x * w, in one of two directions of the taps.
static std::string convolution(Shape s, bool reversed, bool finish) {
  int64_t oh = s.height + 2 * s.pad - 2, ow = s.width + 2 * s.pad - 2;
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", s.c, s.height, s.width);
  std::string y = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", s.k, oh, ow);
  std::string sign = reversed ? "-" : "+";
  int64_t shift = reversed ? 2 - s.pad : -s.pad;
  std::string end = llvm::formatv(
      R"( finish (%sum : f32) (%bias = %b[k] : tensor<{0}xf32>, %skip = %z[n, k, i, j] : {1}) {{
    %1 = arith.addf %sum, %bias : f32
    %2 = arith.addf %1, %skip : f32
    %zero = arith.constant 0.0 : f32
    %3 = arith.maximumf %2, %zero : f32
    gnc.yield %3 : f32
  })",
      s.k, y);
  return llvm::formatv(R"(
func.func @f(%x: {0}, %w: tensor<{1}x{2}x3x3xf32>, %b: tensor<{1}xf32>, %z: {3}) -> {3} {{
  %y = gnc.compute [n = ?, k = {1}, i = {4}, j = {5}] sum [c = {2}, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<{1}x{2}x3x3xf32>,
       %q = %x[n, c, i {6} r + {7}, j {6} s + {7}] ?? 0.0 : {0}) -> {3} {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }{8}
  return %y : {3}
})",
                       x, s.k, s.c, y, oh, ow, sign, shift, finish ? end : "")
      .str();
}

/// dy is read `margin` off its border, and so much of it lies behind what is read.
static std::string weightGradient(Shape s, int64_t margin = 0) {
  int64_t oh = s.height + 2 * s.pad - 2, ow = s.width + 2 * s.pad - 2;
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", s.c, s.height, s.width);
  std::string y = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", s.k, oh + 2 * margin, ow + 2 * margin);
  return llvm::formatv(R"(
func.func @f(%x: {0}, %dy: {1}) -> tensor<{2}x{3}x3x3xf32> {{
  %dw = gnc.compute [k = {2}, c = {3}, r = 3, s = 3] sum [n = ?, i = {4}, j = {5}]
      (%p = %x[n, c, i + r - {6}, j + s - {6}] ?? 0.0 : {0}, %q = %dy[n, k, i + {7}, j + {7}] : {1}) -> tensor<{2}x{3}x3x3xf32> {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %dw : tensor<{2}x{3}x3x3xf32>
})",
                       x, y, s.k, s.c, oh, ow, s.pad, margin)
      .str();
}

/// Whole tiles; tiles over the border in one dimension and in both; no padding, much of it.
static const Shape kShapes[] = {{3, 2, 8, 8, 1},  {2, 3, 7, 8, 1}, {3, 2, 5, 6, 1},
                                {2, 4, 6, 10, 0}, {2, 2, 4, 4, 2}, {2, 2, 3, 3, 1}};

static void check(const std::string &source) {
  for (int64_t rows : {4, 2})
    for (int64_t columns : {4, 2}) {
      SCOPED_TRACE(llvm::formatv("tiles of {0} x {1}: {2}", rows, columns, source).str());
      PassMaker pass = [=] { return createWinograd({.rows = rows, .columns = columns}); };
      checkPasses(source, {pass}, Promise::Rounding);
      std::string points = llvm::formatv("u = {0}, v = {1}", rows + 2, columns + 2);
      EXPECT_EQ(count(after(source, {pass}), points), 3u);
    }
}

TEST(Winograd, Convolution) {
  for (Shape shape : kShapes)
    check(convolution(shape, false, false));
}
TEST(Winograd, ReversedTaps) {
  for (Shape shape : kShapes)
    check(convolution(shape, true, false));
}
TEST(Winograd, FinishMovesAlong) {
  for (Shape shape : kShapes)
    check(convolution(shape, false, true));
}
TEST(Winograd, WeightGradient) {
  for (Shape shape : kShapes)
    check(weightGradient(shape));
}
/// A tile that reaches over what is summed finds numbers there, not the border.
TEST(Winograd, WeightGradientOfAPart) {
  for (Shape shape : kShapes)
    check(weightGradient(shape, /*margin=*/2));
}
