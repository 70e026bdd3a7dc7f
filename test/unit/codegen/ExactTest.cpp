//===- ExactTest.cpp - contractions and pools beside the evaluator, bit for bit ---------------===//
//
// Whole numbers make every order of summation exact, so tiles, panels, masks, blocks, padding and
// threads can be tested with equality. Shapes are drawn by a seed; test/full runs 500 of each
// family.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "codegen/Jit.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;

namespace {

/// y, its weighted sum as the loss, and both gradients: results y, dx, dw.
std::string withGradients(std::string forward, std::string x, std::string w, std::string y,
                          std::string indices) {
  return llvm::formatv(R"(
func.func @train(%x: {1} {{gnc.role = "input", gnc.path = "x"}, %w: {2} {{gnc.role = "weight", gnc.path = "w"},
                 %c: {3} {{gnc.role = "input", gnc.path = "c"})
    -> ({3} {{gnc.path = "y"}, {1} {{gnc.path = "dx"}, {2} {{gnc.path = "dw"}) {{
  {0}
  %loss = gnc.compute [] sum [{4}] (%a = %y[{5}] : {3}, %b = %c[{5}] : {3}) -> tensor<f32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %g:2 = gnc.gradient %loss of (%x, %w) : tensor<f32> of {1}, {2} -> {1}, {2}
  return %y, %g#0, %g#1 : {3}, {1}, {2}
})",
                       forward, x, w, y, indices,
                       [&] {
                         std::string names;
                         for (llvm::StringRef rest = indices; !rest.empty();) {
                           auto [one, tail] = rest.split(", ");
                           names += (names.empty() ? "" : ", ") + one.split(" =").first.str();
                           rest = tail;
                         }
                         return names;
                       }())
      .str();
}

void expectExact(const std::string &text, int64_t planned, int64_t n, uint64_t seed) {
  auto whole = [&](Compiled &compiled) { return compiled.wholeNumbers(n, 3, seed); };
  // Every level of processors that this machine can run.
  unsigned level = 2 + unsigned(seed % (hostCpuLevel() - 1));
  SCOPED_TRACE(level);
  // Tiles of Winograd's form round: what is exact are direct sums.
  expectSameBits(text, {.batch = planned, .disabled = {"winograd"}, .cpuLevel = level}, n, seed,
                 whole);
}

/// The same on the software device.
void expectExactOnCard(const std::string &text, const Plan &plan, int64_t n, uint64_t seed) {
  SCOPED_TRACE(text);
  Compiled compiled(text, plan);
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = compiled.wholeNumbers(n, 3, seed);
  expectEqual(compiled.run(arguments, n, 1), compiled.expected(arguments, Precision::F32));
}

std::string convolution(Random &random, int64_t &planned, int64_t &n) {
  int64_t groups = random(0, 3) == 0 ? random(2, 3) : 1;
  int64_t c = random(1, 6), k = random(1, 12) * (random(0, 2) == 0 ? 3 : 1);
  if (groups == 1 && random(0, 2) == 0) // wide enough for packed columns, several blocks of k
    c = random(16, 48), k = random(24, 72);
  int64_t r = random(1, 4), s = random(1, 4), stride = random(1, 3), dilate = random(1, 2),
          pad = random(0, 2);
  int64_t h = random(dilate * (r - 1) + 1, 11), w = random(dilate * (s - 1) + 1, 11);
  int64_t oh = (h + 2 * pad - dilate * (r - 1) - 1) / stride + 1,
          ow = (w + 2 * pad - dilate * (s - 1) - 1) / stride + 1;
  planned = random(1, 5);
  n = random(1, planned);
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", c * groups, h, w),
              y = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", k * groups, oh, ow);
  std::string wt = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", k * groups, c, r, s);
  std::string channel =
      groups == 1 ? std::string("c") : llvm::formatv("(k floordiv {0}) * {1} + c", k, c).str();
  std::string forward = llvm::formatv(
      R"(%y = gnc.compute [n = ?, k = {0}, i = {1}, j = {2}] sum [c = {3}, r = {4}, s = {5}]
      (%a = %w[k, c, r, s] : {6}, %b = %x[n, {7}, i * {8} + r * {9} - {10}, j * {8} + s * {9} - {10}] {11} : {12}) -> {13} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  })",
      k * groups, oh, ow, c, r, s, wt, channel, stride, dilate, pad, pad ? "?? 0.0" : "", x, y);
  return withGradients(forward, x, wt, y,
                       llvm::formatv("n = ?, k = {0}, i = {1}, j = {2}", k * groups, oh, ow));
}

std::string product(Random &random, int64_t &planned, int64_t &n) {
  bool long_ = random(0, 3) == 0;
  int64_t i = random(1, long_ ? 900 : 40), o = random(1, 70);
  planned = random(1, 20);
  n = random(1, planned);
  std::string x = llvm::formatv("tensor<?x{0}xf32>", i),
              w = llvm::formatv("tensor<{0}x{1}xf32>", o, i),
              y = llvm::formatv("tensor<?x{0}xf32>", o);
  std::string forward = llvm::formatv(
      R"(%y = gnc.compute [n = ?, o = {0}] sum [i = {1}] (%a = %w[o, i] : {2}, %b = %x[n, i] : {3}) -> {4} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  })",
      o, i, w, x, y);
  return withGradients(forward, x, w, y, llvm::formatv("n = ?, o = {0}", o));
}

/// A window over x scaled by w per channel, so that both have gradients.
std::string pool(Random &random, int64_t &planned, int64_t &n) {
  bool max = random(0, 1);
  int64_t c = random(1, 19), size = random(1, 3), stride = random(1, 3), pad = random(0, size / 2);
  int64_t h = random(size, 9), w = random(size, 9);
  int64_t oh = (h + 2 * pad - size) / stride + 1, ow = (w + 2 * pad - size) / stride + 1;
  planned = random(1, 4);
  n = random(1, planned);
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", c, h, w),
              y = llvm::formatv("tensor<?x{0}x{1}x{2}xf32>", c, oh, ow);
  std::string wt = llvm::formatv("tensor<{0}xf32>", c);
  std::string guard = pad ? (max ? "?? 0xFFF0000000000000" : "?? 0.0") : "";
  std::string forward =
      llvm::formatv(R"(%p = gnc.compute [n = ?, c = {0}, i = {1}, j = {2}] {3} [r = {4}, s = {4}]
      (%a = %x[n, c, i * {5} + r - {6}, j * {5} + s - {6}] {7} : {8}) -> {9} {{
    gnc.yield %a : f32
  }
  %y = gnc.compute [n = ?, c = {0}, i = {1}, j = {2}] (%a = %p[n, c, i, j] : {9}, %b = %w[c] : {10}) -> {9} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  })",
                    c, oh, ow, max ? "max" : "sum", size, stride, pad, guard, x, y, wt);
  return withGradients(forward, x, wt, y,
                       llvm::formatv("n = ?, c = {0}, i = {1}, j = {2}", c, oh, ow));
}

template <typename Family> void runFamily(Family family, const char *what) {
  unsigned count = caseCount(12, 500);
  for (unsigned i = 0; i < count; ++i) {
    uint64_t seed = caseSeed(i);
    SCOPED_TRACE(seed);
    Random random(seed);
    int64_t planned, n;
    std::string text = family(random, planned, n);
    expectExact(text, planned, n, seed);
    if (testing::Test::HasFatalFailure())
      return;
  }
  printf("  measured: exact: %u random %s, forward and both gradients, bit for bit\n", count, what);
}

class ExactOnACard : public OnACard {};
INSTANTIATE_TEST_SUITE_P(By, ExactOnACard, bothCodegens(), codegenOf);

TEST_P(ExactOnACard, contractionsAndPools) {
  const unsigned count = caseCount(3, 300);
  for (unsigned i = 0; i < count && !HasFatalFailure(); ++i) {
    SCOPED_TRACE(caseSeed(i));
    Random random(caseSeed(i));
    int64_t planned, n;
    std::string text = i % 3 == 0   ? convolution(random, planned, n)
                       : i % 3 == 1 ? product(random, planned, n)
                                    : pool(random, planned, n);
    expectExactOnCard(text, plan(planned), n, caseSeed(i));
  }
  printf(
      "  measured: exact by %s: %u random contractions and pools on the software device, forward "
      "and both gradients, bit for bit\n",
      codegenName(), count);
}

TEST(ExactTest, convolutions) { runFamily(convolution, "convolutions"); }

/// A second convolution reads what the first laid out channels-last: rows of 3 x c numbers, longer
/// than a block of k, so that rows lie outside of the loop that is cut.
std::string longRows(Random &random, int64_t &planned, int64_t &n) {
  int64_t c = random(108, 120), map = random(4, 5), out = map - 2;
  planned = random(2, 4);
  n = random(1, planned);
  std::string x = llvm::formatv("tensor<?x{0}x{1}x{1}xf32>", c, map),
              y = llvm::formatv("tensor<?x{0}x{1}x{1}xf32>", c, out),
              wt = llvm::formatv("tensor<{0}x{0}x3x3xf32>", c);
  std::string forward = llvm::formatv(
      R"(%h = gnc.compute [n = ?, k = {0}, i = {1}, j = {1}] sum [c = {0}]
      (%a = %w[k, c, 0, 0] : {3}, %b = %x[n, c, i, j] : {4}) -> {4} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = {0}, i = {2}, j = {2}] sum [c = {0}, r = 3, s = 3]
      (%a = %w[k, c, r, s] : {3}, %b = %h[n, c, i + r, j + s] : {4}) -> {5} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  })",
      c, map, out, wt, x, y);
  return withGradients(forward, x, wt, y,
                       llvm::formatv("n = ?, k = {0}, i = {1}, j = {1}", c, out));
}

TEST(ExactTest, longRows) {
  for (unsigned i = 0; i < caseCount(1, 30); ++i) {
    SCOPED_TRACE(caseSeed(i));
    Random random(caseSeed(i));
    int64_t planned, n;
    std::string text = longRows(random, planned, n);
    expectExact(text, planned, n, caseSeed(i));
  }
}

/// A layer large enough to be copied into panels: the kernel of any batch treats a batch of one in
/// a way of its own.
TEST(ExactTest, oneRow) {
  for (unsigned i = 0; i < caseCount(2, 20); ++i) {
    SCOPED_TRACE(caseSeed(i));
    Random random(caseSeed(i));
    int64_t summed = random(400, 700), columns = random(24, 150);
    std::string x = llvm::formatv("tensor<?x{0}xf32>", summed),
                wt = llvm::formatv("tensor<{0}x{1}xf32>", summed, columns),
                y = llvm::formatv("tensor<?x{0}xf32>", columns);
    std::string forward = llvm::formatv(R"(%y = gnc.compute [n = ?, j = {0}] sum [k = {1}]
      (%a = %x[n, k] : {2}, %b = %w[k, j] : {3}) -> {4} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  })",
                                        columns, summed, x, wt, y);
    std::string text = withGradients(forward, x, wt, y, llvm::formatv("n = ?, j = {0}", columns));
    for (int64_t n : {1, 2})
      expectExact(text, 64, n, caseSeed(i));
  }
}

TEST(ExactTest, products) { runFamily(product, "products"); }
TEST(ExactTest, pools) { runFamily(pool, "pools"); }

} // namespace
