//===- HalfPrecisionTest.cpp - what the evaluator stores in f16 and bf16
//--------------------------===//
#include "ir/Evaluator.h"
#include "mlir/IR/Builders.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mlir;
using namespace gnc;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class HalfPrecisionTest : public testing::Test {
protected:
  double f16(double value) { return roundToHalf(value, Float16Type::get(&context)); }
  double bf16(double value) { return roundToHalf(value, BFloat16Type::get(&context)); }
  MLIRContext context;
};

TEST_F(HalfPrecisionTest, tiesGoToEven) {
  EXPECT_EQ(f16(1 + 0x1p-11), 1);
  EXPECT_EQ(f16(1 + 0x3p-11), 1 + 0x1p-9);
  EXPECT_EQ(f16(1 + 0x1p-11 + 0x1p-30), 1 + 0x1p-10);
  EXPECT_EQ(bf16(1 + 0x1p-8), 1);
  EXPECT_EQ(bf16(-1 - 0x3p-8), -1 - 0x1p-6);
  EXPECT_EQ(bf16(256), 256);
  EXPECT_EQ(bf16(257), 256);
}

TEST_F(HalfPrecisionTest, smallNumbersHaveFewerDigits) {
  EXPECT_EQ(f16(0x1p-24), 0x1p-24);
  EXPECT_EQ(f16(0x1p-25), 0);
  EXPECT_EQ(f16(0x3p-25), 0x1p-23);
  EXPECT_EQ(f16(0x1.8p-25), 0x1p-24);
  EXPECT_EQ(f16(0x1p-14 - 0x1p-26), 0x1p-14);
  EXPECT_EQ(bf16(0x1p-133), 0x1p-133);
  EXPECT_EQ(bf16(0x1p-134), 0);
  EXPECT_TRUE(std::signbit(bf16(-0x1p-140)));
}

TEST_F(HalfPrecisionTest, largeNumbersBecomeInfinite) {
  EXPECT_EQ(f16(65504), 65504);
  EXPECT_EQ(f16(65519.99), 65504);
  EXPECT_EQ(f16(65520), kInfinity);
  EXPECT_EQ(f16(-1e9), -kInfinity);
  EXPECT_EQ(bf16(0x1.FEp127), 0x1.FEp127);
  EXPECT_EQ(bf16(0x1.FFp127), kInfinity);
  EXPECT_EQ(bf16(-kInfinity), -kInfinity);
  EXPECT_TRUE(std::isnan(f16(std::numeric_limits<double>::quiet_NaN())));
}

} // namespace
