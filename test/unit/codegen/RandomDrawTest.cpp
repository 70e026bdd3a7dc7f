//===- RandomDrawTest.cpp - random numbers in compiled code -----------------------------------===//
//
// Numbers are functions of seed, site, step, sample and element: whatever the passes, the vectors,
// the layouts and the threads, they are those of the reference evaluator, bit for bit.
//
//===------------------------------------------------------------------------------------------===//
#include "../ir/StreamFor.h"
#include "Compiled.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

const char *const kStream = "%s: tensor<4xi32> {gnc.role = \"stream\"}";

/// Compiles, runs with a seed, a step and a first sample, and returns the results.
Tensors drawn(const std::string &text, const Plan &plan, int64_t n, uint64_t seed, uint64_t step,
              uint64_t first) {
  Compiled compiled(text, plan);
  EXPECT_TRUE(compiled.ok);
  if (!compiled.ok)
    return {};
  Tensors arguments = compiled.realNumbers(n, 2, 3);
  auto word = [](uint64_t bits) { return static_cast<double>(static_cast<int32_t>(bits)); };
  arguments.back().data = {word(seed), word(seed >> 32), word(step), word(first)};
  Tensors result = compiled.run(arguments, n, 1);
  expectEqual(result, compiled.expected(arguments, Precision::F32));
  expectEqual(result, compiled.run(arguments, n, 3));
  return result;
}

/// The known answer of key and counter zero that is published with the algorithm.
TEST(RandomDrawTest, publishedVector) {
  auto [seed, site] = streamFor(0, 0);
  std::string text = formatv(R"(func.func @f({0}) -> tensor<f32> {{
  %u = gnc.random %s site {1} : tensor<f32>
  return %u : tensor<f32>
})",
                             kStream, site);
  EXPECT_EQ(drawn(text, {}, 1, seed, 0, 0).at(0).data.at(0), (0x6627e8d5 >> 8) * 0x1p-24);
}

/// All bits of seed, step and first sample count.
TEST(RandomDrawTest, largeWords) {
  std::string text = formatv(R"(func.func @f(%x: tensor<?x21xf32>, {0}) -> tensor<?x21xf32> {{
  %u = gnc.random %s site 9123456789012345678 : tensor<?x21xf32>
  return %u : tensor<?x21xf32>
})",
                             kStream);
  Tensors base = drawn(text, {.batch = 3}, 3, 0x8000000180000002, 4000000000, 3000000000);
  Tensors next = drawn(text, {.batch = 3}, 3, 0x8000000180000002, 4000000000, 3000000001);
  ASSERT_EQ(base.at(0).size(), 63);
  for (int64_t i = 0; i < 42; ++i) // the second sample now is the first one
    ASSERT_EQ(next[0].data[i], base[0].data[i + 21]);
}

//===- Reads ----------------------------------------------------------------------------------===//

/// One equation over `indices` that reads random numbers of the type `shape` at `coords`, and x.
std::string reading(const std::string &indices, const std::string &kind, const std::string &result,
                    const std::string &shape, const std::string &coords, const std::string &x) {
  return formatv(R"(func.func @f(%x: tensor<?x4x24xf32>, {0}) -> {3} {{
  %u = gnc.random %s site 77 : {4}
  %y = gnc.compute {1} {2} (%a = %u[{5}] : {4}, %b = %x[{6}] : tensor<?x4x24xf32>) -> {3} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : {3}
})",
                 kStream, indices, kind, result, shape, coords, x);
}

TEST(RandomDrawTest, reads) {
  const std::string all = "[n = ?, c = 4, i = 24]", full = "tensor<?x4x24xf32>";
  const std::string texts[] = {
      reading(all, "", full, full, "n, c, i", "n, c, i"),
      reading(all, "", full, "tensor<?x24x4xf32>", "n, i, c", "n, c, i"),            // strided
      reading(all, "", full, "tensor<?x4xf32>", "n, c", "n, c, i"),                  // uniform
      reading(all, "", full, "tensor<?xf32>", "n", "n, c, i"),                       // a sample
      reading(all, "", full, "tensor<4x24xf32>", "c, i", "n, c, i"),                 // no batch
      reading(all, "", full, "tensor<f32>", "", "n, c, i"),                          // one number
      reading(all, "", full, "tensor<?x50xf32>", "n, 2 * i + 3", "n, c, i"),         // every second
      reading(all, "", full, "tensor<?x24xf32>", "n, 23 - i", "n, c, i"),            // backwards
      reading(all, "", full, full, "n, c, i - 2] ?? -3.0", "n, c, i"),               // guarded
      reading(all, "", full, full, "n, c - 1, i] ?? 0.5", "n, c, i"),                // by the row
      reading(all, "", full, full, "n, c, clamp(2 * i - 9)", "n, c, i"),             // clamped
      reading(all, "", full, full, "n, c, (i * 7) mod 24", "n, c, i"),               // scattered
      reading("[n = ?]", "", "tensor<?xf32>", "tensor<?x3xf32>", "n, 1", "n, 0, 0"), // over samples
      reading("[c = 4]", "sum [n = ?, i = 24]", "tensor<4xf32>", full, "n, c, i", "n, c, i"),
      reading("[n = ?, c = 4]", "max [i = 24]", "tensor<?x4xf32>", full, "n, c, i", "n, c, i"),
      reading("[]", "sum [n = ?, c = 4, i = 24]", "tensor<f32>", full, "n, c, i", "n, c, i"),
  };
  unsigned i = 0;
  for (std::string text : texts) {
    // A guard stands behind the bracket.
    size_t guard = text.find("] ?? ");
    if (guard != std::string::npos)
      text.erase(text.find("]", guard + 5), 1);
    SCOPED_TRACE(text);
    drawn(text, {.batch = 5, .vectorBits = 128u << caseSeed(i) % 3}, 1 + i % 5, 11, 7, 0);
    ++i;
    if (HasFatalFailure())
      return;
  }
}

/// Long rows take whole groups of numbers at once, and their rests one by one.
TEST(RandomDrawTest, groups) {
  unsigned width = 0;
  for (const char *shape : {"?x64", "?x200", "?x3x64", "?x2x128", "?x5x40", "200", "2x100"}) {
    std::string extents = shape, indices, coords;
    for (unsigned i = 0; !extents.empty(); ++i) {
      std::string extent = extents.substr(0, extents.find('x'));
      extents.erase(0, extent.size() + 1);
      indices += (i ? ", i" : "i") + std::to_string(i) + " = " + extent;
      coords += (i ? ", i" : "i") + std::to_string(i);
    }
    std::string text = formatv(
        R"(func.func @f(%x: tensor<{1}xf32>, %one: tensor<f32>, {0}) -> (tensor<{1}xf32>, tensor<{1}xf32>) {{
  %u = gnc.random %s site 77 : tensor<{1}xf32>
  %v = gnc.random %s site 78 : tensor<{1}xf32>
  %w = gnc.random %s site 79 : tensor<f32>
  %y:2 = gnc.compute [{2}] (%a = %u[{3}] : tensor<{1}xf32>, %b = %x[{3}] : tensor<{1}xf32>, %c = %v[{3}] : tensor<{1}xf32>, %d = %w[] : tensor<f32>) -> (tensor<{1}xf32>, tensor<{1}xf32>) {{
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %d : f32
    gnc.yield %0, %1 : f32, f32
  }
  return %y#0, %y#1 : tensor<{1}xf32>, tensor<{1}xf32>
})",
        kStream, shape, indices, coords);
    SCOPED_TRACE(text);
    drawn(text, {.batch = 3, .vectorBits = 128u << caseSeed(width++) % 3}, 2, 11, 7, 0);
    if (HasFatalFailure())
      return;
  }
}

/// Rows that begin inside a group, and reads that begin behind its first element.
TEST(RandomDrawTest, insideGroups) {
  const std::string text = formatv(
      R"(func.func @f(%x: tensor<?x128xf32>, {0}) -> (tensor<?x3x100xf32>, tensor<?x100xf32>) {{
  %u = gnc.random %s site 77 : tensor<?x3x100xf32>
  %v = gnc.random %s site 78 : tensor<?x128xf32>
  %y = gnc.compute [n = ?, c = 3, i = 100] (%a = %u[n, c, i] : tensor<?x3x100xf32>, %b = %x[n, i + 28] : tensor<?x128xf32>) -> tensor<?x3x100xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, i = 100] (%a = %v[n, i + 28] : tensor<?x128xf32>, %b = %x[n, i] : tensor<?x128xf32>) -> tensor<?x100xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x3x100xf32>, tensor<?x100xf32>
})",
      kStream);
  for (unsigned bits : {128u, 256u, 512u})
    drawn(text, {.batch = 3, .vectorBits = bits}, 2, 11, 7, 0);
}

//===- Graphs ---------------------------------------------------------------------------------===//

/// A linear layer, dropout on its map, and a second one on the flat map; a loss and its gradients.
/// With whole numbers and a half, everything is exact.
const char *const kDropout = R"(
func.func @f(%x: tensor<?x6xf32>, %w: tensor<24x6xf32>, %v: tensor<5x24xf32>, %g: tensor<?x5xf32>, %s: tensor<4xi32> {gnc.role = "stream"})
    -> (tensor<f32>, tensor<24x6xf32>, tensor<5x24xf32>, tensor<?x6xf32>) {
  %h0 = gnc.compute [n = ?, o = 24] sum [i = 6] (%a = %x[n, i] : tensor<?x6xf32>, %b = %w[o, i] : tensor<24x6xf32>) -> tensor<?x24xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %h = gnc.reshape %h0 : tensor<?x24xf32> -> tensor<?x4x6xf32>
  %u = gnc.random %s site 5 : tensor<?x4x6xf32>
  %m = gnc.compute [n = ?, c = 4, i = 6] (%a = %u[n, c, i] : tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
    %p = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %zero = arith.constant 0.0 : f32
    %c0 = arith.cmpf olt, %a, %p : f32
    %0 = arith.select %c0, %one, %zero : f32
    gnc.yield %0 : f32
  }
  %d = gnc.compute [n = ?, c = 4, i = 6] (%a = %h[n, c, i] : tensor<?x4x6xf32>, %b = %m[n, c, i] : tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
    %two = arith.constant 2.0 : f32
    %0 = arith.mulf %a, %b : f32
    %1 = arith.mulf %0, %two : f32
    gnc.yield %1 : f32
  }
  %flat = gnc.reshape %d : tensor<?x4x6xf32> -> tensor<?x24xf32>
  %y = gnc.compute [n = ?, o = 5] sum [i = 24] (%a = %flat[n, i] : tensor<?x24xf32>, %b = %v[o, i] : tensor<5x24xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %loss = gnc.compute [] sum [n = ?, o = 5] (%a = %y[n, o] : tensor<?x5xf32>, %b = %g[n, o] : tensor<?x5xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %e:3 = gnc.gradient %loss of (%w, %v, %x) : tensor<f32> of tensor<24x6xf32>, tensor<5x24xf32>, tensor<?x6xf32> -> tensor<24x6xf32>, tensor<5x24xf32>, tensor<?x6xf32>
  return %loss, %e#0, %e#1, %e#2 : tensor<f32>, tensor<24x6xf32>, tensor<5x24xf32>, tensor<?x6xf32>
})";

/// Forward and backward draw the same mask, with every pass and without each of them.
TEST(RandomDrawTest, dropoutWithGradient) {
  auto whole = [](Compiled &compiled) { return compiled.wholeNumbers(4, 3, 5); };
  expectSameBits(kDropout, {.batch = 4}, 4, 5, whole);
  for (const char *pass : {"simplify", "split-indices", "fuse-elementwise", "merge-domains",
                           "materialize-guards", "assign-layouts"})
    expectSameBits(kDropout, {.batch = 4, .vectorBits = 256, .disabled = {pass}}, 4, 5, whole);
}

/// Masks are not stored. There are six products, the loss, copies of two weights in other layouts,
/// and the dropout, here forward and backward at once; a mask would be one launch more.
TEST(RandomDrawTest, masksAreRecomputed) {
  Compiled compiled(kDropout, {.batch = 4});
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.program.launches.size(), 10u);
}

/// Random numbers themselves as the factor of a matrix product are written down before it.
TEST(RandomDrawTest, operandOfAProduct) {
  const std::string text =
      formatv(R"(func.func @f(%x: tensor<?xf32>, %w: tensor<32x16xf32>, {0}) -> tensor<?x16xf32> {{
  %u = gnc.random %s site 5 : tensor<?x32xf32>
  %y = gnc.compute [n = ?, o = 16] sum [i = 32] (%a = %u[n, i] : tensor<?x32xf32>, %b = %w[i, o] : tensor<32x16xf32>) -> tensor<?x16xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x16xf32>
})",
              kStream);
  EXPECT_EQ(Compiled(text, {.batch = 4}).program.launches.size(), 2u);
  for (const std::vector<std::string> &disabled : {std::vector<std::string>{},
                                                   {"materialize-guards"},
                                                   {"assign-layouts"},
                                                   {"materialize-guards", "assign-layouts"}}) {
    Compiled compiled(text, {.batch = 4, .disabled = disabled});
    ASSERT_TRUE(compiled.ok);
    Tensors arguments = compiled.realNumbers(3, 2, 9);
    expectClose(compiled.run(arguments, 3, 2), compiled.expected(arguments, Precision::F64),
                [](double magnitude) { return sumOfProducts(32, magnitude); });
  }
}

/// What is returned, and what is returned in another shape, is there to be read.
TEST(RandomDrawTest, asResults) {
  const std::string text = formatv(
      R"(func.func @f(%x: tensor<?xf32>, {0}) -> (tensor<?x6xf32>, tensor<?x2x3xf32>, tensor<?x6xf32>) {{
  %u = gnc.random %s site 5 : tensor<?x6xf32>
  %v = gnc.reshape %u : tensor<?x6xf32> -> tensor<?x2x3xf32>
  return %u, %v, %u : tensor<?x6xf32>, tensor<?x2x3xf32>, tensor<?x6xf32>
})",
      kStream);
  for (const char *pass : {"merge-domains", "simplify"}) {
    Tensors results = drawn(text, {.batch = 3, .disabled = {pass}}, 3, 1, 1, 0);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].data, results[1].data);
    EXPECT_EQ(results[0].data, results[2].data);
  }
}

/// Layers that differ in nothing but their site share a kernel, and draw different numbers.
TEST(RandomDrawTest, sitesShareKernels) {
  const std::string text = formatv(
      R"(func.func @f(%x: tensor<?x40xf32>, {0}) -> (tensor<?x40xf32>, tensor<?x40xf32>) {{
  %u = gnc.random %s site 5 : tensor<?x40xf32>
  %v = gnc.random %s site 6 : tensor<?x40xf32>
  %y = gnc.compute [n = ?, i = 40] (%a = %u[n, i] : tensor<?x40xf32>) -> tensor<?x40xf32> {{
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, i = 40] (%a = %v[n, i] : tensor<?x40xf32>) -> tensor<?x40xf32> {{
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x40xf32>, tensor<?x40xf32>
})",
      kStream);
  Tensors results = drawn(text, {.batch = 4}, 4, 1, 1, 0);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_NE(results[0].data, results[1].data);
  Compiled compiled(text, {.batch = 4});
  ASSERT_EQ(compiled.program.launches.size(), 2u);
  EXPECT_EQ(compiled.program.kernels.size(), 1u);
}

} // namespace
