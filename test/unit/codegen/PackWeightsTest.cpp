//===- PackWeightsTest.cpp - contractions whose weights lie in panels -------------------------===//
//
// Whole numbers, bit for bit beside the evaluator. Shapes are drawn by a seed, of all that panels
// make a difference to: columns that fill the last panel or do not, groups, windows, rows of one
// sample and of many, every width of vectors; in programs that change weights, what is computed of
// them in each step, in any order of dimensions.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

/// y = max(sum of w * x + v, 0) of a program that changes no weight.
std::string inference(const std::string &x, const std::string &w, int64_t columns,
                      const std::string &y, const std::string &indices, const std::string &reads) {
  return formatv(R"(
func.func @infer(%x: {0} {{gnc.role = "input", gnc.path = "x"}, %w: {1} {{gnc.role = "weight", gnc.path = "w"},
                 %v: tensor<{2}xf32> {{gnc.role = "weight", gnc.path = "v"}) -> ({3} {{gnc.path = "y"}) {{
  %y = gnc.compute {4} ({5}) -> {3} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%c = %v[k] : tensor<{2}xf32>) {{
    %z = arith.constant 0.0 : f32
    %0 = arith.addf %s, %c : f32
    %1 = arith.maximumf %0, %z : f32
    gnc.yield %1 : f32
  }
  return %y : {3}
})",
                 x, w, columns, y, indices, reads);
}

std::string layer(Random &random) {
  int64_t summed = random(20, 700), columns = random(17, 200);
  std::string x = formatv("tensor<?x{0}xf32>", summed),
              w = formatv("tensor<{0}x{1}xf32>", columns, summed),
              y = formatv("tensor<?x{0}xf32>", columns);
  return inference(x, w, columns, y, formatv("[n = ?, k = {0}] sum [c = {1}]", columns, summed),
                   formatv("%a = %x[n, c] : {0}, %b = %w[k, c] : {1}", x, w));
}

std::string window(Random &random) {
  int64_t groups = random(0, 3) == 0 ? 2 : 1;
  int64_t c = random(30, 60), k = random(66, 130), r = random(1, 3), size = random(r, 9),
          pad = random(0, 1), stride = random(1, 2);
  int64_t out = (size + 2 * pad - r) / stride + 1;
  std::string x = formatv("tensor<?x{0}x{1}x{1}xf32>", c * groups, size),
              w = formatv("tensor<{0}x{1}x{2}x{2}xf32>", k * groups, c, r),
              y = formatv("tensor<?x{0}x{1}x{1}xf32>", k * groups, out);
  std::string channel =
      groups == 1 ? std::string("c") : formatv("(k floordiv {0}) * {1} + c", k, c).str();
  return inference(
      x, w, k * groups, y,
      formatv("[n = ?, k = {0}, i = {1}, j = {1}] sum [c = {2}, r = {3}, s = {3}]", k * groups, out,
              c, r),
      formatv("%a = %x[n, {0}, i * {1} + r - {2}, j * {1} + s - {2}] {3} : {4}, %b = %w[k, c, r, "
              "s] : {5}",
              channel, stride, pad, pad ? "?? 0.0" : "", x, w));
}

/// y = sum of x * u, where each step computes u of weights: in `outer` products, of some numbers
/// each, and with the column's number in it.
std::string step(Random &random) {
  int64_t outer = random(1, 3), columns = random(0, 3) ? 64 * random(3, 6) : random(140, 300),
          summed = random(20, 400), taps = random(1, 2);
  std::vector<std::pair<char, int64_t>> dims = {{'p', outer}, {'k', columns}, {'c', summed}};
  std::swap(dims[0], dims[random(0, 2)]);
  std::swap(dims[1], dims[random(1, 2)]);
  std::string indices, shape, at;
  unsigned column = llvm::find(dims, std::pair<char, int64_t>('k', columns)) - dims.begin();
  for (auto [name, extent] : dims) {
    indices += formatv("{0}{1} = {2}", indices.empty() ? "" : ", ", name, extent);
    shape += formatv("{0}x", extent);
    at += formatv("{0}{1}", at.empty() ? "" : ", ", name);
  }
  std::string x = formatv("tensor<?x{0}x{1}xf32>", outer, summed),
              w = formatv("tensor<{0}x{1}x{2}xf32>", columns, summed, taps),
              v = formatv("tensor<{0}xf32>", outer),
              y = formatv("tensor<?x{0}x{1}xf32>", outer, columns), u = "tensor<" + shape + "f32>";
  return formatv(R"(
func.func @train(%x: {0} {{gnc.role = "input", gnc.path = "x"}, %w: {1} {{gnc.role = "weight", gnc.path = "w"},
                 %v: {2} {{gnc.role = "weight", gnc.path = "v"})
    -> ({3} {{gnc.path = "y"}, {1} {{gnc.updates = 1 : i64}) {{
  %u = gnc.compute [{5}] sum [t = {6}] (%a = %w[k, c, t] : {1}, %b = %v[p] : {2}) -> {4} {{
    %i = gnc.index {11} : f32
    %two = arith.constant 200.0 : f32
    %late = arith.cmpf ogt, %i, %two : f32
    %0 = arith.addf %a, %b : f32
    %1 = arith.select %late, %0, %a : f32
    gnc.yield %1 : f32
  }
  %y = gnc.compute [n = ?, p = {7}, k = {8}] sum [c = {9}] (%a = %x[n, p, c] : {0}, %b = %u[{10}] : {4}) -> {3} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %n = gnc.compute [k = {8}, c = {9}, t = {6}] (%a = %w[k, c, t] : {1}) -> {1} {{
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %n : {3}, {1}
})",
                 x, w, v, y, u, indices, taps, outer, columns, summed, at, column);
}

/// Returns whether panels made a difference.
bool check(const std::string &text, int64_t planned, int64_t n, unsigned bits, uint64_t seed) {
  auto plan = [&](std::vector<std::string> disabled) {
    return Plan{.batch = planned, .vectorBits = bits, .disabled = std::move(disabled)};
  };
  Compiled compiled(text, plan({"winograd"}));
  EXPECT_TRUE(compiled.ok);
  if (!compiled.ok)
    return false;
  Tensors arguments = compiled.wholeNumbers(n, 3, seed);
  Tensors expected = compiled.expected(arguments, Precision::F32);
  for (unsigned threads : {1, 3})
    expectEqual(compiled.run(arguments, n, threads), expected);
  // Sums are taken in the same order, also in tiles.
  arguments = compiled.realNumbers(n, 3, seed);
  compiled.compileAgain(plan({}));
  Tensors inPanels = compiled.run(arguments, n, 1);
  std::vector<std::string> kernels = compiled.keys;
  compiled.compileAgain(plan({"pack-weights"}));
  expectEqual(inPanels, compiled.run(arguments, n, 1));
  return compiled.keys != kernels;
}

void run(std::string (*family)(Random &), unsigned few, unsigned many) {
  unsigned packed = 0, count = caseCount(few, many);
  for (unsigned i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    Random random(caseSeed(i));
    std::string text = family(random);
    unsigned bits = 128u << random(0, 2);
    int64_t planned = random(1, 70);
    for (int64_t n : {int64_t(1), random(1, planned)}) {
      SCOPED_TRACE(
          text + formatv("// seed {0}, {1} bits, {2} of {3}", caseSeed(i), bits, n, planned).str());
      packed += check(text, planned, n, bits, caseSeed(i));
    }
  }
  EXPECT_GT(packed, 0u) << "of " << 2 * count;
}

TEST(PackWeightsTest, layers) { run(layer, 8, 200); }
TEST(PackWeightsTest, windows) { run(window, 8, 200); }
TEST(PackWeightsTest, steps) { run(step, 8, 200); }

/// The panels of one width, read in vectors of another: of a file that was printed for a machine,
/// and goes on on a second one.
TEST(PackWeightsTest, otherVectors) {
  for (unsigned bits : {128u, 256u, 512u}) {
    SCOPED_TRACE(bits);
    std::string text = formatv(R"(
func.func @infer(%x: tensor<?x90xf32> {{gnc.role = "input", gnc.path = "x"}, %w: tensor<5x90x16xf32> {{gnc.role = "weight", gnc.path = "w"})
    -> (tensor<?x80xf32> {{gnc.path = "y"}) {{
  %y = gnc.compute [n = ?, k = 80] sum [c = 90]
      (%a = %x[n, c] : tensor<?x90xf32>, %b = %w[k floordiv 16, c, k mod 16] : tensor<5x90x16xf32>) -> tensor<?x80xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x80xf32>
})");
    for (int64_t n : {1, 9}) {
      Compiled compiled(text, {.batch = 9, .vectorBits = bits});
      ASSERT_TRUE(compiled.ok);
      Tensors arguments = compiled.wholeNumbers(n, 3, 7);
      expectEqual(compiled.run(arguments, n, 2), compiled.expected(arguments, Precision::F32));
    }
  }
}

} // namespace
