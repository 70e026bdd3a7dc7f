//===- GpuLaunchTest.cpp - equations that share a launch, on the software device --------------===//
//
// The device is in checked mode: a race, a barrier in a branch or an address that is off is a
// failure of the run.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"

using namespace gnc;
using namespace gnc::test;

namespace {

Plan whole(int64_t batch) { // the graph would split the longest sums itself
  Plan plan = {.batch = batch, .card = "sm_90"};
  plan.disabled = {"split-reduction"};
  return plan;
}

/// Parts of one launch whose number of blocks is rounded up: those beyond the end touch nothing.
TEST(GpuLaunchTest, partsOfALaunch) {
  std::string text =
      R"(func.func @f(%x: tensor<?x900xf32>, %w: tensor<2x3001xf32>) -> (tensor<?x900xf32>, tensor<2xf32>) {
  %y = gnc.compute [n = ?, i = 900] (%a = %x[n, i] : tensor<?x900xf32>) -> tensor<?x900xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %s = gnc.compute [p = 2] sum [t = 3001] (%a = %w[p, t] : tensor<2x3001xf32>) -> tensor<2xf32> {
    gnc.yield %a : f32
  }
  return %y, %s : tensor<?x900xf32>, tensor<2xf32>
})";
  Compiled compiled(text, whole(7));
  ASSERT_TRUE(compiled.ok);
  ASSERT_EQ(compiled.program.launches.size(), 1u);
  ASSERT_GT(compiled.program.launches[0].tiles.at(7), (7 * 900 + 1023) / 1024 + 2);
  Tensors arguments = compiled.wholeNumbers(7, 2, 1);
  expectEqual(compiled.run(arguments, 7, 1), compiled.expected(arguments, Precision::F32));
}

/// Products are parts of a launch, too, beside each other and beside a sum: all have the same
/// memory that a block shares, and blocks beyond the last one's end do nothing.
TEST(GpuLaunchTest, productsOfALaunch) {
  std::string text =
      R"(func.func @f(%x: tensor<?x70xf32>, %w: tensor<70x50xf32>, %v: tensor<70x50xf32>, %m: tensor<2x3001xf32>) -> (tensor<?x50xf32>, tensor<?x50xf32>, tensor<2xf32>) {
  %s = gnc.compute [p = 2] sum [t = 3001] (%a = %m[p, t] : tensor<2x3001xf32>) -> tensor<2xf32> {
    gnc.yield %a : f32
  }
  %y = gnc.compute [n = ?, i = 50] sum [t = 70] (%a = %x[n, t] : tensor<?x70xf32>, %b = %w[t, i] : tensor<70x50xf32>) -> tensor<?x50xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, i = 50] sum [t = 70] (%a = %x[n, t] : tensor<?x70xf32>, %b = %v[t, i] : tensor<70x50xf32>) -> tensor<?x50xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z, %s : tensor<?x50xf32>, tensor<?x50xf32>, tensor<2xf32>
})";
  for (int64_t batch : {7, 64, 130}) {
    Compiled compiled(text, whole(batch));
    ASSERT_TRUE(compiled.ok);
    EXPECT_EQ(compiled.program.launches.size(), 1u);
    Tensors arguments = compiled.wholeNumbers(batch, 2, 1);
    expectEqual(compiled.run(arguments, batch, 1), compiled.expected(arguments, Precision::F32));
  }
}

/// A product of each sample as the last part: a block beyond its end would read beyond the arena.
TEST(GpuLaunchTest, samplesOfALaunch) {
  std::string text =
      R"(func.func @f(%x: tensor<?x900xf32>, %a: tensor<?x64x64xf32>, %b: tensor<?x64x64xf32>) -> (tensor<?x900xf32>, tensor<?x64x64xf32>) {
  %y = gnc.compute [n = ?, i = 900] (%v = %x[n, i] : tensor<?x900xf32>) -> tensor<?x900xf32> {
    %0 = arith.addf %v, %v : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 64, j = 64] sum [t = 64] (%v = %a[n, i, t] : tensor<?x64x64xf32>, %w = %b[n, t, j] : tensor<?x64x64xf32>) -> tensor<?x64x64xf32> {
    %0 = arith.mulf %v, %w : f32
    gnc.yield %0 : f32
  }
  return %y, %p : tensor<?x900xf32>, tensor<?x64x64xf32>
})";
  Compiled compiled(text, whole(7));
  ASSERT_TRUE(compiled.ok);
  ASSERT_EQ(compiled.program.launches.size(), 1u);
  EXPECT_GT(compiled.program.launches[0].tiles.at(7), (7 * 900 + 1023) / 1024 + 7);
  Tensors arguments = compiled.wholeNumbers(7, 2, 1);
  expectEqual(compiled.run(arguments, 7, 1), compiled.expected(arguments, Precision::F32));
}

} // namespace
