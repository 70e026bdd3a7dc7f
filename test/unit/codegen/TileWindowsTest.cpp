//===- TileWindowsTest.cpp - pools in the tiles of contractions -------------------------------===//
//
// Whole numbers, bit for bit beside the evaluator, and other numbers, bit for bit beside the pool
// as a launch of its own. Convolutions and windows are drawn by a seed: windows that cover all of a
// map or not, of other sizes than their steps, in one dimension or two; with positions or
// without; vectors of every width; what follows the sum, and what follows the window.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

struct Shape {
  int64_t channels, columns, taps, height, width; // of the image before the convolution
  int64_t stepY, stepX, windowY, windowX;
  std::string kind;
  bool residual, positions;

  explicit Shape(Random &random)
      : channels(random(1, 5)), columns(random(9, 80)), taps(random(1, 4)),
        height(taps + random(3, 14)), width(taps + random(3, 14)), stepY(random(1, 3)),
        stepX(random(2, 4)), windowY(random(1, stepY)), windowX(random(2, stepX)),
        kind(std::vector{"max", "max", "min", "sum"}[random(0, 3)]), residual(random(0, 1)),
        positions(kind != "sum" && random(0, 1)) {}

  std::string text() const {
    int64_t rows = height - taps + 1, pixels = width - taps + 1;
    std::string image = formatv("tensor<?x{0}x{1}x{2}xf32>", channels, height, width),
                weight = formatv("tensor<{0}x{1}x{2}x{2}xf32>", columns, channels, taps),
                map = formatv("tensor<?x{0}x{1}x{2}xf32>", columns, rows, pixels),
                pooled = formatv("tensor<?x{0}x{1}x{2}xf32>", columns, (rows - windowY) / stepY + 1,
                                 (pixels - windowX) / stepX + 1);
    std::string bytes = pooled.substr(0, pooled.size() - 4) + "i8>";
    // A window of one pixel is no index of the reduction.
    std::string y = windowY > 1 ? formatv("i * {0} + r", stepY).str() : formatv("i * {0}", stepY);
    return formatv(
        R"(
func.func @infer(%x: {0}, %w: {1}, %v: tensor<{2}xf32>, %q: {3}) -> {18} {{
  %y = gnc.compute [n = ?, k = {2}, i = {4}, j = {5}] sum [c = {6}, u = {7}, t = {7}]
      (%a = %x[n, c, i + u, j + t] : {0}, %b = %w[k, c, u, t] : {1}) -> {8} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%c = %v[k] : tensor<{2}xf32>) {{
    %0 = arith.addf %s, %c : f32
    gnc.yield %0 : f32
  }
  %p{20} = gnc.compute [n = ?, k = {2}, i = {9}, j = {10}] {11} [{12}s = {13}]
      (%a = %y[n, k, {14}, j * {15} + s] : {8}) -> {18} {{
    gnc.yield %a{21}
  } finish (%m : f32{22}) ({16}) {{
    %z = arith.constant 0.0 : f32
    %0 = arith.maximumf %m, %z : f32
    {17}
    gnc.yield %1{23}
  }
  return %p{24} : {19}
})",
        image, weight, columns, pooled, rows, pixels, channels, taps, map,
        (rows - windowY) / stepY + 1, (pixels - windowX) / stepX + 1, reduction(),
        windowY > 1 ? formatv("r = {0}, ", windowY).str() : std::string(), windowX, y, stepX,
        residual ? formatv("%e = %q[n, k, i, j] : {0}", pooled).str() : std::string(),
        residual ? "%1 = arith.addf %0, %e : f32" : "%1 = arith.addf %0, %z : f32",
        positions ? "(" + pooled + ", " + bytes + ")" : pooled,
        positions ? pooled + ", " + bytes : pooled, positions ? ":2" : "",
        positions ? ", %a : f32, f32" : " : f32", positions ? ", %at : i8" : "",
        positions ? ", %at : f32, i8" : " : f32", positions ? "#0, %p#1" : "");
  }

  std::string reduction() const { return positions ? "(" + kind + ", arg" + kind + ")" : kind; }
};

/// Returns whether a window joined its contraction.
bool check(const std::string &text, int64_t planned, int64_t n, unsigned bits, uint64_t seed) {
  auto plan = [&](std::vector<std::string> disabled) {
    disabled.push_back("winograd");
    return Plan{.batch = planned, .vectorBits = bits, .disabled = std::move(disabled)};
  };
  Compiled compiled(text, plan({}));
  if (!compiled.ok)
    return false;
  Tensors arguments = compiled.wholeNumbers(n, 3, seed);
  Tensors expected = compiled.expected(arguments, Precision::F32);
  for (unsigned threads : {1, 3})
    expectEqual(compiled.run(arguments, n, threads), expected);
  arguments = compiled.realNumbers(n, 3, seed);
  Tensors together = compiled.run(arguments, n, 1);
  size_t launches = compiled.program.launches.size();
  // Of NaN, infinities and zeros of either sign a window keeps what a pool does.
  Tensors unusual = compiled.arguments(n, [&, engine = Random(seed)](bool) mutable {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    int64_t chance = engine(0, 59);
    return chance == 0 ? NAN : chance == 1 ? kInfinity : chance < 40 ? -0.0 : double(chance - 50);
  });
  Tensors unusualTogether = compiled.run(unusual, n, 1);
  compiled.compileAgain(plan({"tile-windows"}));
  expectEqual(together, compiled.run(arguments, n, 1));
  Tensors unusualApart = compiled.run(unusual, n, 1);
  expectEqual(unusualTogether, unusualApart);
  for (size_t r = 0; r < unusualApart.size(); ++r)
    for (int64_t i = 0; i < unusualApart[r].size(); ++i) {
      double here = unusualTogether[r].data[i], there = unusualApart[r].data[i];
      EXPECT_TRUE(std::isnan(here) || std::signbit(here) == std::signbit(there));
    }
  return launches < compiled.program.launches.size();
}

/// Some fit no tile, as their columns do not lie side by side: as many more are drawn.
TEST(TileWindowsTest, convolutions) {
  unsigned joined = 0, count = caseCount(16, 400);
  for (unsigned i = 0; i < count || (joined < count / 4 && i < 8 * count); ++i) {
    Random random(caseSeed(i));
    std::string text = Shape(random).text();
    unsigned bits = 128u << random(0, 2);
    int64_t planned = random(1, 9), n = random(1, planned);
    SCOPED_TRACE(text +
                 formatv("// seed {0}, {1} bits, {2} of {3}", caseSeed(i), bits, n, planned).str());
    joined += check(text, planned, n, bits, caseSeed(i));
    if (testing::Test::HasFailure())
      return;
  }
  EXPECT_GE(joined, count / 4);
}

/// 25 columns in vectors of four: the last byte of a row of positions is stored alone.
TEST(TileWindowsTest, partOfAVectorOfBytes) {
  Random random(1);
  Shape shape(random);
  shape.channels = 1, shape.columns = 25, shape.taps = 3, shape.height = 13, shape.width = 10;
  shape.stepY = shape.stepX = shape.windowY = shape.windowX = 2;
  shape.kind = "min", shape.residual = false, shape.positions = true;
  EXPECT_TRUE(check(shape.text(), 3, 3, 128, 1));
}

} // namespace
