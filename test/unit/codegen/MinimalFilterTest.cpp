//===- MinimalFilterTest.cpp - sums along an axis with fewer products -------------------------===//
//
// The matrices of every filter, in f64; and convolutions drawn by a seed against the evaluator in
// f64: of one channel, where filters pay, with windows after them or not, with steps between taps,
// batches of fewer samples than planned, columns beside whole vectors.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/MinimalFilter.h"
#include "Compiled.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

/// sum[t] x[i + t] w[t] for whole numbers, by the products of the filter's points.
TEST(MinimalFilterTest, construction) {
  Random random(caseSeed(0));
  for (auto [outputs, taps] :
       {std::pair(2u, 3u), {4u, 3u}, {2u, 5u}, {4u, 5u}, {2u, 7u}, {6u, 3u}}) {
    MinimalFilter filter(outputs, taps);
    ASSERT_LE(filter.points, MinimalFilter::kMostPoints);
    std::vector<double> x(filter.points), w(taps), products(filter.points);
    for (double &number : x)
      number = random(-9, 9);
    for (double &number : w)
      number = random(-9, 9);
    for (unsigned point = 0; point < filter.points; ++point) {
      double ofX = 0, ofW = 0;
      for (unsigned i = 0; i < filter.points; ++i)
        ofX += filter.input(point, i) * x[i];
      for (unsigned tap = 0; tap < taps; ++tap)
        ofW += filter.filterPower(point, tap) * w[tap];
      products[point] = ofX * ofW / filter.filterScale(point);
    }
    for (unsigned i = 0; i < outputs; ++i) {
      double direct = 0, sum = i == 0 ? products[0] : 0;
      for (unsigned tap = 0; tap < taps; ++tap)
        direct += x[i + tap] * w[tap];
      for (unsigned pair = 0; pair < filter.pairs(); ++pair)
        sum += std::pow(MinimalFilter::positive(pair), i) *
               (products[1 + 2 * pair] + (i % 2 ? -1 : 1) * products[2 + 2 * pair]);
      if (i + 1 == outputs)
        sum += products.back();
      EXPECT_NEAR(sum, direct, 1e-9) << outputs << " of " << taps;
    }
  }
}

struct Shape {
  int64_t columns, tapsY, tapsX, stepY, stepX, rows, pixels;
  bool pooled, residual;

  explicit Shape(Random &random)
      : columns(random(5, 70)), tapsY(random(1, 5)), tapsX(random(1, 5)), stepY(random(1, 2)),
        stepX(random(1, 2)), rows(2 * random(1, 8)), pixels(4 * random(1, 7)), pooled(random(0, 1)),
        residual(random(0, 1)) {
    if (random(0, 7)) // where it pays
      tapsX = random(0, 5) ? 5 : 7, tapsY = random(3, 5);
    if (random(0, 7) == 0)
      pixels += random(1, 3);
  }

  std::string text() const {
    std::string image = formatv("tensor<?x{0}x{1}xf32>", rows + (tapsY - 1) * stepY,
                                pixels + (tapsX - 1) * stepX),
                weight = formatv("tensor<{0}x{1}x{2}xf32>", columns, tapsY, tapsX),
                map = formatv("tensor<?x{0}x{1}x{2}xf32>", columns, rows, pixels),
                half = formatv("tensor<?x{0}x{1}x{2}xf32>", columns, rows / 2, pixels / 2);
    std::string pool = formatv(R"(
  %p = gnc.compute [n = ?, k = {0}, i = {1}, j = {2}] max [r = 2, s = 2]
      (%a = %y[n, k, i * 2 + r, j * 2 + s] : {3}) -> {4} {{
    gnc.yield %a : f32
  }
  return %p : {4}
})",
                               columns, rows / 2, pixels / 2, map, half);
    return formatv(
        R"(
func.func @infer(%x: {0}, %w: {1}, %v: tensor<{2}xf32>, %q: {3}) -> {4} {{
  %y = gnc.compute [n = ?, k = {2}, i = {5}, j = {6}] sum [u = {7}, t = {8}]
      (%a = %x[n, i + u * {9}, j + t * {10}] : {0}, %b = %w[k, u, t] : {1}) -> {3} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%c = %v[k] : tensor<{2}xf32>{11}) {{
    %0 = arith.addf %s, %c : f32
    {12}
    gnc.yield %1 : f32
  }
  {13})",
        image, weight, columns, map, pooled ? half : map, rows, pixels, tapsY, tapsX, stepY, stepX,
        residual ? formatv(", %e = %q[n, k, i, j] : {0}", map).str() : std::string(),
        residual ? "%1 = arith.addf %0, %e : f32" : "%1 = arith.mulf %0, %0 : f32",
        pooled ? pool : formatv("return %y : {0}\n}", map).str());
  }
};

/// Returns the largest error over the largest number where sums go by filters, otherwise nothing.
std::optional<double> check(const std::string &text, int64_t planned, int64_t n, unsigned bits,
                            uint64_t seed) {
  auto plan = [&](std::vector<std::string> disabled) {
    return Plan{.batch = planned, .vectorBits = bits, .disabled = std::move(disabled)};
  };
  Compiled compiled(text, plan({})), direct(text, plan({"winograd"}));
  if (!compiled.ok || !direct.ok) {
    ADD_FAILURE() << "not compiled";
    return std::nullopt;
  }
  if (compiled.keys == direct.keys)
    return std::nullopt;
  Tensors arguments = compiled.realNumbers(n, 3, seed);
  Tensors actual = compiled.run(arguments, n, 1);
  const TensorValue expected = compiled.expected(arguments, Precision::F64)[0];
  double error = 0, largest = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double off = std::fabs(actual[0].data[i] - expected.data[i]);
    error = off <= error ? error : off; // NaN counts as worst
    largest = std::max(largest, std::fabs(expected.data[i]));
  }
  EXPECT_LE(error, kMinimalFilter * largest);
  expectEqual(compiled.run(arguments, n, 3), actual);
  return error / largest;
}

TEST(MinimalFilterTest, convolutions) {
  unsigned filtered = 0, count = caseCount(16, 400);
  double worst = 0;
  for (unsigned i = 0; i < count || (filtered < count / 4 && i < 8 * count); ++i) {
    Random random(caseSeed(i));
    std::string text = Shape(random).text();
    unsigned bits = random(0, 3) ? 512 : 256; // few registers take no filters
    int64_t planned = random(1, 9), n = random(1, planned);
    SCOPED_TRACE(text +
                 formatv("// seed {0}, {1} bits, {2} of {3}", caseSeed(i), bits, n, planned).str());
    if (std::optional<double> error = check(text, planned, n, bits, caseSeed(i)))
      ++filtered, worst = std::max(worst, *error);
    if (testing::Test::HasFailure())
      return;
  }
  EXPECT_GE(filtered, count / 4);
  std::printf("measured: %u convolutions by minimal filters, error %.1e of the largest\n", filtered,
              worst);
}

} // namespace
