//===- HalfPrecisionTest.cpp - f16 and bf16 in memory
//---------------------------------------------===//
//
// Compiled code rounds in integer arithmetic, the evaluator by division: neither knows the other.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "codegen/Jit.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace gnc;
using namespace gnc::test;

namespace {

/// The edges of both types: ties, the last and first normal number, subnormal numbers, overflow.
std::vector<double> edges() {
  std::vector<double> list{0, 65504, 65519.996, 65520, 65536, 1e30, 3.3895e38, 3.4028e38};
  for (double base : {1.0, 0x1p-14, 0x1p-24, 0x1p-25, 0x1p-126, 0x1p-133, 0x1p-134, 0x1p15})
    for (double unit : {0x1p-7, 0x1p-8, 0x1p-10, 0x1p-11, 0x1p-23})
      for (int steps : {-3, -1, 0, 1, 2, 3})
        list.push_back(static_cast<float>(base * (1 + steps * unit)));
  list.push_back(std::numeric_limits<double>::infinity());
  list.push_back(std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0, count = list.size(); i < count; ++i)
    list.push_back(-list[i]);
  return list;
}

class HalfPrecisionTest : public testing::TestWithParam<const char *> {};

TEST_P(HalfPrecisionTest, roundsAtTheEdges) {
  std::vector<double> numbers = edges();
  // An odd count: whole vectors and what is left.
  numbers.resize(numbers.size() / 64 * 64 + 77, 1.0 + 0x1p-9);
  std::string text = llvm::formatv(R"(
func.func @train(%x: tensor<?x{1}xf32>) -> tensor<?x{1}xf32> {{
  %a = gnc.compute [n = ?, i = {1}] (%p = %x[n, i] : tensor<?x{1}xf32>) -> tensor<?x{1}x{0}> {{
    gnc.yield %p : f32
  }
  %b = gnc.compute [n = ?, i = {1}] (%p = %a[n, i] : tensor<?x{1}x{0}>) -> tensor<?x{1}xf32> {{
    gnc.yield %p : f32
  }
  return %b : tensor<?x{1}xf32>
})",
                                   GetParam(), numbers.size());
  for (unsigned bits : {128u, 256u, 512u}) {
    Compiled compiled(text, {.batch = 1, .vectorBits = bits});
    ASSERT_TRUE(compiled.ok);
    TensorValue x({1, static_cast<int64_t>(numbers.size())});
    x.data = numbers;
    expectEqual(compiled.run({x}, 1, 1), compiled.expected({x}, Precision::F32));
  }
}

/// A product with both factors and the result in half, its columns no multiple of a vector: masks,
/// panels and sums over several blocks of k.
TEST_P(HalfPrecisionTest, productsOfWholeNumbers) {
  for (auto [i, o] : {std::pair(5, 3), {40, 21}, {900, 70}}) {
    std::string text = llvm::formatv(R"(
func.func @train(%x: tensor<?x{1}xf32>, %w: tensor<{2}x{1}xf32> {{gnc.role = "weight"}) -> tensor<?x{2}xf32> {{
  %a = gnc.compute [n = ?, i = {1}] (%p = %x[n, i] : tensor<?x{1}xf32>) -> tensor<?x{1}x{0}> {{
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?, o = {2}] sum [i = {1}] (%p = %a[n, i] : tensor<?x{1}x{0}>, %q = %w[o, i] : tensor<{2}x{1}xf32>) -> tensor<?x{2}x{0}> {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %c = gnc.compute [n = ?, o = {2}] (%p = %b[n, o] : tensor<?x{2}x{0}>) -> tensor<?x{2}xf32> {{
    gnc.yield %p : f32
  }
  return %c : tensor<?x{2}xf32>
})",
                                     GetParam(), i, o);
    auto whole = [](Compiled &compiled) { return compiled.wholeNumbers(13, 3, 1); };
    for (unsigned level = 2; level <= hostCpuLevel(); ++level) // x86-64-v2 knows no half precision
      expectSameBits(text, {.batch = 16, .cpuLevel = level}, 13, 1, whole);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, HalfPrecisionTest, testing::Values("bf16", "f16"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
