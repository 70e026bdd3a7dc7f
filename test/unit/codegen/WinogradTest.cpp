//===- WinogradTest.cpp - compiled convolutions in tiles against the f64 evaluator ------------===//
#include "Compiled.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;

/// y = relu(w * x + b), the sum of c y as the loss, and its gradients.
static std::string step(int64_t channels, int64_t filters, int64_t height, int64_t width) {
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", channels, height, width);
  std::string y = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", filters, height, width);
  std::string w = llvm::formatv("tensor<{0}x{1}x3x3xf32>", filters, channels);
  return llvm::formatv(R"(
func.func @train(%x: {0} {{gnc.role = "input", gnc.path = "x"}, %w: {1} {{gnc.role = "weight", gnc.path = "w"},
                 %b: tensor<{3}xf32> {{gnc.role = "weight", gnc.path = "b"}, %c: {2} {{gnc.role = "input", gnc.path = "c"})
    -> ({2} {{gnc.path = "y"}, {0} {{gnc.path = "dx"}, {1} {{gnc.path = "dw"}) {{
  %y = gnc.compute [n = ?, k = {3}, i = {5}, j = {6}] sum [c = {4}, r = 3, s = 3]
      (%p = %w[k, c, r, s] : {1}, %q = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : {0}) -> {2} {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, k = {3}, i = {5}, j = {6}] (%p = %y[n, k, i, j] : {2}, %q = %b[k] : tensor<{3}xf32>) -> {2} {{
    %0 = arith.addf %p, %q : f32
    %zero = arith.constant 0.0 : f32
    %1 = arith.maximumf %0, %zero : f32
    gnc.yield %1 : f32
  }
  %loss = gnc.compute [] sum [n = ?, k = {3}, i = {5}, j = {6}]
      (%p = %z[n, k, i, j] : {2}, %q = %c[n, k, i, j] : {2}) -> tensor<f32> {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %g:2 = gnc.gradient %loss of (%x, %w) : tensor<f32> of {0}, {1} -> {0}, {1}
  return %z, %g#0, %g#1 : {2}, {0}, {1}
})",
                       x, w, y, filters, channels, height, width)
      .str();
}

/// Largest difference over the largest number, of each result.
static std::vector<double> worst(const Tensors &actual, const Tensors &expected) {
  std::vector<double> errors;
  for (size_t r = 0; r < actual.size(); ++r) {
    double error = 0, largest = 0;
    for (int64_t i = 0; i < actual[r].size(); ++i) {
      double off = std::fabs(actual[r].data[i] - expected[r].data[i]);
      error = off <= error ? error : off; // NaN counts as worst
      largest = std::max(largest, std::fabs(expected[r].data[i]));
    }
    errors.push_back(error / largest);
  }
  return errors;
}

static void check(int64_t channels, int64_t filters, int64_t height, int64_t width) {
  constexpr int64_t kSamples = 2;
  std::string text = step(channels, filters, height, width);
  SCOPED_TRACE(text);
  Compiled compiled(text, {.batch = 64}), direct(text, {.batch = 64, .disabled = {"winograd"}});
  ASSERT_TRUE(compiled.ok && direct.ok);
  EXPECT_GT(compiled.keys.size(), direct.keys.size());
  Tensors arguments = compiled.realNumbers(kSamples, 2, 1);
  Tensors expected = compiled.expected(arguments, Precision::F64);
  Tensors actual = compiled.run(arguments, kSamples, 1);
  for (double error : worst(actual, expected)) {
    EXPECT_LE(error, kWinograd);
    std::printf("measured: winograd %lldx%lldx%lldx%lld error %.1e of the largest\n",
                (long long)channels, (long long)filters, (long long)height, (long long)width,
                error);
  }
  expectEqual(compiled.run(arguments, kSamples, 3), actual);
}

/// The same of one image, with weights that stay.
static void checkInference(int64_t channels, int64_t size) {
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{1}xf32>", channels, size);
  std::string w = llvm::formatv("tensor<{0}x{0}x3x3xf32>", channels);
  std::string text = llvm::formatv(R"(
func.func @infer(%x: {0} {{gnc.role = "input", gnc.path = "x"}, %w: {1} {{gnc.role = "weight", gnc.path = "w"})
    -> ({0} {{gnc.path = "y"}) {{
  %y = gnc.compute [n = ?, k = {2}, i = {3}, j = {3}] sum [c = {2}, r = 3, s = 3]
      (%p = %w[k, c, r, s] : {1}, %q = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : {0}) -> {0} {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %y : {0}
})",
                                   x, w, channels, size);
  Compiled compiled(text, {.batch = 1}), direct(text, {.batch = 1, .disabled = {"winograd"}});
  ASSERT_TRUE(compiled.ok && direct.ok);
  EXPECT_GT(compiled.keys.size(), direct.keys.size());
  Tensors arguments = compiled.realNumbers(1, 2, 1);
  Tensors expected = compiled.expected(arguments, Precision::F64);
  Tensors actual = compiled.run(arguments, 1, 1);
  for (double error : worst(actual, expected)) {
    EXPECT_LE(error, kWinograd);
    std::printf("measured: winograd of one image %lldx%lldx%lld error %.1e of the largest\n",
                (long long)channels, (long long)size, (long long)size, error);
  }
  expectEqual(compiled.run(arguments, 1, 3), actual);
}

TEST(WinogradCode, OneImage) {
  checkInference(128, 7); // tiles of 4x2
  checkInference(256, 5); // of 2x2
}
TEST(WinogradCode, WholeTiles) { check(32, 32, 8, 12); }
TEST(WinogradCode, TilesOverTheBorder) { check(40, 32, 7, 6); }
