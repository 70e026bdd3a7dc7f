//===- WindowTest.cpp - windows over each channel by itself -----------------------------------===//
//
// They are no contractions. Those beside each other are computed together, and what is inside
// without asking: on whole numbers, where every order of summation is exact and products need not
// be rounded, bit for bit.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

/// Channels innermost, as contractions around it would have them.
std::string window(Random &random) {
  int64_t channels = random(3, 40), r = random(1, 4), s = random(1, 4), stride = random(1, 2),
          dilate = random(1, 2), pad = random(0, 2);
  // Wide maps have little border, so that reads stay guarded.
  int64_t h = random(dilate * (r - 1) + 1, 12),
          w = random(0, 1) ? random(50, 60) : random(dilate * (s - 1) + 1, 12);
  if (w >= 50)
    h = random(50, 55);
  int64_t i = (h + 2 * pad - dilate * (r - 1) - 1) / stride + 1,
          j = (w + 2 * pad - dilate * (s - 1) - 1) / stride + 1;
  std::string x = formatv("tensor<?x{0}x{1}x{2}xf32>", h, w, channels),
              f = formatv("tensor<{0}x{1}x{2}xf32>", r, s, channels),
              y = formatv("tensor<?x{0}x{1}x{2}xf32>", i, j, channels);
  // Backwards as in a gradient, or forwards; the weight first or last.
  bool backwards = random(0, 1), last = random(0, 1);
  auto coordinate = [&](const char *at, const char *tap, int64_t taps) {
    return backwards ? formatv("{0} * {1} - {2} * {3} + {4}", at, stride, tap, dilate,
                               dilate * (taps - 1) - pad)
                           .str()
                     : formatv("{0} * {1} + {2} * {3} - {4}", at, stride, tap, dilate, pad).str();
  };
  std::string map = formatv("%a = %x[n, {0}, {1}, c] {2} : {3}", coordinate("i", "r", r),
                            coordinate("j", "s", s), pad ? "?? 0.0" : "", x),
              weight = formatv("%b = %f[r, s, c] : {0}", f);
  return formatv(R"(
func.func @f(%x: {0}, %f: {1}, %v: tensor<{2}xf32>) -> {3} {{
  %y = gnc.compute [n = ?, i = {4}, j = {5}, c = {2}] sum [r = {6}, s = {7}] ({8}, {9}) -> {3} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%d = %v[c] : tensor<{2}xf32>) {{
    %0 = arith.addf %s, %d : f32
    gnc.yield %0 : f32
  }
  return %y : {3}
})",
                 x, f, channels, y, i, j, r, s, last ? map : weight, last ? weight : map);
}

TEST(WindowTest, besideEachOther) {
  for (unsigned i = 0; i < caseCount(12, 300) && !HasFailure(); ++i) {
    Random random(caseSeed(i));
    std::string text = window(random);
    unsigned bits = 128u << random(0, 2);
    SCOPED_TRACE(formatv("// seed {0}, {1} bits", caseSeed(i), bits).str() + text);
    auto whole = [&](Compiled &compiled) { return compiled.wholeNumbers(2, 3, caseSeed(i)); };
    expectSameBits(text, {.batch = 2, .vectorBits = bits}, 2, caseSeed(i), whole);
  }
}

/// Products of anything but the border's zeros: what lies outside has a value that counts.
TEST(WindowTest, valueOutside) {
  for (unsigned bits : {128u, 256u, 512u}) {
    std::string text = R"(
func.func @f(%x: tensor<?x9x14x20xf32>, %f: tensor<3x3x20xf32>) -> tensor<?x9x14x20xf32> {
  %y = gnc.compute [n = ?, i = 9, j = 14, c = 20] sum [r = 3, s = 3]
      (%a = %x[n, i + r - 1, j + s - 1, c] ?? 2.0 : tensor<?x9x14x20xf32>, %b = %f[r, s, c] : tensor<3x3x20xf32>) -> tensor<?x9x14x20xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x9x14x20xf32>
})";
    SCOPED_TRACE(bits);
    auto whole = [&](Compiled &compiled) { return compiled.wholeNumbers(3, 3, 5); };
    expectSameBits(text, {.batch = 3, .vectorBits = bits}, 3, 5, whole);
  }
}

} // namespace
