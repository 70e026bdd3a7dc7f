//===- UpdateTest.cpp - weights take new values, in place or by copy --------------------------===//
//
// New values are computed from old ones, all of them, whatever order the launches have; what the
// host reads is there before anything is committed (Compiled::run reads it between).
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"

using namespace gnc;
using namespace gnc::test;

namespace {

/// Returns the number of launches: an update in place needs no copy. On whole numbers, for some
/// updates are contractions.
size_t check(const std::string &text) {
  auto whole = [](Compiled &compiled) { return compiled.wholeNumbers(2, 5, 3); };
  for (unsigned bits : {128u, 256u})
    expectSameBits(text, {.batch = 2, .vectorBits = bits}, 2, 3, whole);
  return Compiled(text, {.batch = 2}).program.launches.size();
}

std::string twoWeights(const std::string &body, const std::string &a, const std::string &b) {
  return R"(
func.func @f(%a: tensor<6x6xf32> {gnc.role = "weight"}, %b: tensor<6x6xf32> {gnc.role = "weight"}, %g: tensor<6x6xf32>)
    -> (tensor<6x6xf32> {gnc.updates = 0 : i64}, tensor<6x6xf32> {gnc.updates = 1 : i64}) {
)" + body +
         "\n  return " + a + ", " + b + " : tensor<6x6xf32>, tensor<6x6xf32>\n}\n";
}

std::string pointwise(const std::string &name, const std::string &reads, const std::string &body) {
  return "  " + name + " = gnc.compute [i = 6, j = 6] (" + reads + ") -> tensor<6x6xf32> {\n    " +
         body + "\n    gnc.yield %0 : f32\n  }\n";
}

const char *const kAdd = "%0 = arith.addf %p, %q : f32", *const kSub =
                                                             "%0 = arith.subf %p, %q : f32";
const std::string kA = "%p = %a[i, j] : tensor<6x6xf32>", kB = "%q = %b[i, j] : tensor<6x6xf32>",
                  kG = "%q = %g[i, j] : tensor<6x6xf32>";

TEST(UpdateTest, inPlace) {
  std::string step = pointwise("%a2", kA + ", " + kG, kSub);
  EXPECT_EQ(check(twoWeights(step, "%a2", "%b")), 1u);
  EXPECT_EQ(check(twoWeights("", "%a", "%b")), 0u);
}

/// A dimension of extent 1 is read at 0: the weight of a convolution with one input channel.
TEST(UpdateTest, unitDimension) {
  EXPECT_EQ(check(R"(
func.func @f(%w: tensor<8x1x5xf32> {gnc.role = "weight"}, %g: tensor<8x1x5xf32>) -> (tensor<8x1x5xf32> {gnc.updates = 0 : i64}) {
  %v = gnc.compute [k = 8, c = 1, r = 5] (%p = %w[k, 0, r] : tensor<8x1x5xf32>, %q = %g[k, c, r] : tensor<8x1x5xf32>) -> tensor<8x1x5xf32> {
    %0 = arith.subf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %v : tensor<8x1x5xf32>
})"),
            1u);
}

/// Dimensions of extent 1 lie anywhere: two orders that differ in them alone are one.
TEST(UpdateTest, unitDimensionsInAnyOrder) {
  EXPECT_EQ(check(R"(
#first = affine_map<(d0, d1, d2) -> (d2, d1, d0)>
#last = affine_map<(d0, d1, d2) -> (d1, d0, d2)>
func.func @f(%w: tensor<8x5x1xf32, #first> {gnc.role = "weight"}, %g: tensor<8x5x1xf32, #last>) -> (tensor<8x5x1xf32, #last> {gnc.updates = 0 : i64}) {
  %v = gnc.compute [k = 8, c = 5, r = 1] (%p = %w[k, c, r] : tensor<8x5x1xf32, #first>, %q = %g[k, c, r] : tensor<8x5x1xf32, #last>) -> tensor<8x5x1xf32, #last> {
    %0 = arith.subf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %v : tensor<8x5x1xf32, #last>
})"),
            1u);
}

/// a <- b, b <- a.
TEST(UpdateTest, swapped) { check(twoWeights("", "%b", "%a")); }

TEST(UpdateTest, oneFromTheOther) {
  std::string sum = pointwise("%a2", kA + ", " + kB, kAdd),
              difference = pointwise("%b2", kA + ", " + kB, kSub);
  check(twoWeights(sum + difference, "%a2", "%b2"));
  check(twoWeights(sum + difference, "%b2", "%a2"));
  check(twoWeights(difference + sum, "%a2", "%b2"));
  check(twoWeights(sum, "%a2", "%a"));
  check(twoWeights(sum, "%b", "%a2"));
  check(twoWeights(sum, "%a2", "%a2"));
  check(twoWeights(sum, "%a", "%a"));
}

/// An element that depends on others cannot be written over them.
TEST(UpdateTest, fromOtherElements) {
  check(twoWeights(pointwise("%a2", "%p = %a[j, i] : tensor<6x6xf32>, " + kG, kAdd), "%a2", "%b"));
  check(twoWeights(pointwise("%a2", "%p = %a[i, j - 1] ?? 0.0 : tensor<6x6xf32>, " + kG, kAdd),
                   "%a2", "%b"));
  check(twoWeights(pointwise("%a2", "%p = %a[clamp(i - 1), j] : tensor<6x6xf32>, " + kG, kAdd),
                   "%a2", "%b"));
  check(twoWeights(
      R"(  %a2 = gnc.compute [i = 6, j = 6] sum [k = 6] (%p = %a[i, k] : tensor<6x6xf32>, %q = %b[k, j] : tensor<6x6xf32>) -> tensor<6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%o = %a[i, j] : tensor<6x6xf32>) {
    %0 = arith.subf %o, %s : f32
    gnc.yield %0 : f32
  })",
      "%a2", "%b"));
}

TEST(UpdateTest, throughAView) {
  check(twoWeights(R"(  %flat = gnc.reshape %a : tensor<6x6xf32> -> tensor<36xf32>
  %r = gnc.compute [i = 36] (%p = %flat[35 - i] : tensor<36xf32>) -> tensor<36xf32> {
    gnc.yield %p : f32
  }
  %a2 = gnc.reshape %r : tensor<36xf32> -> tensor<6x6xf32>
)" + pointwise("%b2", "%p = %b[i, j] : tensor<6x6xf32>, " + kG, kAdd),
                   "%a2", "%b2"));
}

/// The host reads old values, new values, and what is computed beside them.
TEST(UpdateTest, whatTheHostReads) {
  const std::string head = R"(
func.func @f(%a: tensor<6x6xf32> {gnc.role = "weight"}, %g: tensor<6x6xf32>)
    -> (tensor<6x6xf32> {gnc.updates = 0 : i64}, tensor<6x6xf32>, tensor<6x6xf32>) {
)",
                    tail = " : tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>\n}\n";
  std::string step = pointwise("%a2", kA + ", " + kG, kSub);
  check(head + step + "  return %a2, %a, %g" + tail);
  check(head + step + "  return %a2, %a2, %a2" + tail);
  std::string both = "  %r:2 = gnc.compute [i = 6, j = 6] (" + kA + ", " + kG +
                     R"() -> (tensor<6x6xf32>, tensor<6x6xf32>) {
    %0 = arith.subf %p, %q : f32
    %1 = arith.mulf %p, %q : f32
    gnc.yield %0, %1 : f32, f32
  }
)";
  check(head + both + "  return %r#0, %r#1, %g" + tail);
  check(head + both + "  return %r#1, %r#0, %r#1" + tail);
}

/// A sum that the loss needs, and an optimizer's state that its own update reads.
TEST(UpdateTest, momentum) {
  EXPECT_EQ(check(R"(
func.func @f(%w: tensor<19xf32> {gnc.role = "weight"}, %v: tensor<19xf32> {gnc.role = "optimizer"}, %x: tensor<?x19xf32>, %x0: tensor<19xf32>,
             %lr: tensor<f32> {gnc.role = "schedule"})
    -> (tensor<f32>, tensor<19xf32> {gnc.updates = 0 : i64}, tensor<19xf32> {gnc.updates = 1 : i64}) {
  %loss = gnc.compute [] sum [n = ?, i = 19] (%a = %x[n, i] : tensor<?x19xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  %r:2 = gnc.compute [i = 19] (%a = %w[i] : tensor<19xf32>, %b = %v[i] : tensor<19xf32>, %c = %x0[i] : tensor<19xf32>, %d = %lr[] : tensor<f32>)
      -> (tensor<19xf32>, tensor<19xf32>) {
    %m = arith.constant 0.5 : f32
    %0 = arith.mulf %b, %m : f32
    %1 = arith.addf %0, %c : f32
    %2 = arith.mulf %d, %1 : f32
    %3 = arith.subf %a, %2 : f32
    gnc.yield %3, %1 : f32, f32
  }
  return %loss, %r#0, %r#1 : tensor<f32>, tensor<19xf32>, tensor<19xf32>
})"),
            2u);
}

} // namespace
