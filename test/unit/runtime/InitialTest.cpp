#include "runtime/Initial.h"
#include "test/Tolerance.h"

#include <gtest/gtest.h>

using namespace gnc::runtime;

static Tensor tensorOf(std::vector<int64_t> shape, Initializer initial) {
  Tensor tensor;
  tensor.name = "Net.w";
  tensor.shape = std::move(shape);
  tensor.initial = initial;
  return tensor;
}

/// The deviation of a normal distribution cut at two of its own: its variance is 1 - 4 f(2) / (F(2)
/// - F(-2)) with the density f and the distribution function F.
static constexpr double kTruncatedDeviation = 0.87962566;

TEST(InitialValues, TruncatedNormalStaysWithinTwoDeviations) {
  InitialValues values(tensorOf({20000}, {Initializer::Kind::TruncatedNormal, 1, 0.5}), 3);
  double mean = 0, square = 0;
  for (uint64_t i = 0; i < 20000; ++i) {
    double z = (values(i) - 1) / 0.5;
    ASSERT_LE(std::fabs(z), 2);
    mean += z / 20000, square += z * z / 20000;
  }
  EXPECT_NEAR(mean, 0, gnc::test::meanOf(20000, kTruncatedDeviation));
  // z^2 lies between 0 and 4: its deviation is at most 2.
  EXPECT_NEAR(square, kTruncatedDeviation * kTruncatedDeviation, gnc::test::meanOf(20000, 2));
}

/// The product of the rows, or of the columns if they are fewer.
static double product(const InitialValues &values, int64_t rows, int64_t columns, int64_t a,
                      int64_t b) {
  bool wide = rows < columns;
  double sum = 0;
  for (int64_t i = 0; i < (wide ? columns : rows); ++i)
    sum += values(wide ? a * columns + i : i * columns + a) *
           values(wide ? b * columns + i : i * columns + b);
  return sum;
}

TEST(InitialValues, OrthogonalMatrices) {
  for (auto shape : {std::vector<int64_t>{6, 4}, {4, 6}, {5, 5}, {8, 3, 2, 3}, {1, 7}}) {
    int64_t rows = shape[0], columns = 1;
    for (size_t i = 1; i < shape.size(); ++i)
      columns *= shape[i];
    InitialValues values(tensorOf(shape, {Initializer::Kind::Orthogonal, 3, 0}), 5);
    for (int64_t a = 0; a < std::min(rows, columns); ++a)
      for (int64_t b = 0; b < std::min(rows, columns); ++b)
        EXPECT_NEAR(product(values, rows, columns, a, b), a == b ? 9 : 0, gnc::test::kFew64);
  }
}

/// Uniform among all orthogonal matrices, so every element has the mean 0.
TEST(InitialValues, OrthogonalMatricesDependOnTheSeedAlone) {
  Tensor tensor = tensorOf({4, 4}, {Initializer::Kind::Orthogonal, 1, 0});
  InitialValues a(tensor, 1), b(tensor, 1), c(tensor, 2);
  bool differs = false;
  for (uint64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(a(i), b(i));
    differs |= a(i) != c(i);
  }
  EXPECT_TRUE(differs);
  double mean = 0;
  for (uint64_t seed = 0; seed < 400; ++seed)
    mean += InitialValues(tensor, seed)(0) / 400;
  EXPECT_NEAR(mean, 0, gnc::test::meanOf(400, 0.5)); // the mean square of 4 elements is 1/4
}
