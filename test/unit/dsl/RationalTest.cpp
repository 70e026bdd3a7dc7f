#include "dsl/Rational.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using gnc::dsl::Rational;

static Rational q(int64_t num, int64_t den = 1) { return *Rational::make(num, den); }

TEST(Rational, LiteralsAreExact) {
  EXPECT_EQ(Rational::parse("60_000"), q(60000));
  EXPECT_EQ(Rational::parse("0.5"), q(1, 2));
  EXPECT_EQ(Rational::parse("1e-3"), q(1, 1000));
  EXPECT_EQ(Rational::parse("2.50E+2"), q(250));
  EXPECT_EQ(Rational::parse("0.000"), q(0));
  EXPECT_EQ(Rational::parse("0e999999"), q(0));
  EXPECT_EQ(Rational::parse("1000000000000000000000000000000e-30"), q(1));
  EXPECT_EQ(Rational::parse("1e-30")->str(), "1/1000000000000000000000000000000");
  for (const char *bad :
       {"", "e3", "1e", "1e5x", "1.2.3", "x", "1e99", "1e-99", "-", "1e99999999999"})
    EXPECT_FALSE(Rational::parse(bad)) << bad;
}

TEST(Rational, Arithmetic) {
  EXPECT_EQ(q(63) / q(2), q(63, 2));
  EXPECT_EQ(q(63, 2).str(), "63/2");
  EXPECT_EQ(q(6, -4).str(), "-3/2");
  EXPECT_EQ(q(1, 3) + q(1, 6), q(1, 2));
  EXPECT_EQ(q(1, 3) - q(1, 3), q(0));
  EXPECT_EQ(q(2, 3) * q(3, 4), q(1, 2));
  EXPECT_EQ(q(-7).floorDiv(q(2)), q(-4));
  EXPECT_EQ(q(7).floorDiv(q(-2)), q(-4));
  EXPECT_EQ(q(-7).mod(q(3)), q(2)); // follows the divisor
  EXPECT_EQ(q(7).mod(q(-3)), q(-2));
  EXPECT_EQ(q(7, 2).mod(q(1)), q(1, 2));
  EXPECT_EQ(q(-3, 2).floor(), q(-2));
  EXPECT_EQ(q(-3, 2).ceil(), q(-1));
  EXPECT_EQ(q(2, 3).pow(-2), q(9, 4));
  EXPECT_EQ(q(-1).pow(1000000001), q(-1));
  EXPECT_EQ(q(0).pow(0), q(1));
  EXPECT_FALSE(q(0).pow(-1));
  EXPECT_FALSE(q(1) / q(0));
  EXPECT_FALSE(q(1).mod(q(0)));
  EXPECT_FALSE(q(3, 2).asInt());
  EXPECT_EQ(q(-4).asInt(), -4);
}

TEST(Rational, OverflowIsNoResult) {
  Rational big = *q(2).pow(126);
  EXPECT_FALSE(big + big);
  EXPECT_FALSE(big * q(2));
  EXPECT_FALSE(q(2).pow(127));
  EXPECT_FALSE(q(3).pow(1000));
  EXPECT_FALSE(big.asInt());
  EXPECT_TRUE(big - big);
  EXPECT_EQ(big * q(1, 4), q(2).pow(124));
  Rational nearOne = *(big / *(*q(2).pow(125) + q(1))); // cross products would overflow
  EXPECT_LT(nearOne, q(2));
  EXPECT_GT(nearOne, q(1));
}

TEST(Rational, ComparesLikeTheIntegersItIsMadeOf) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<int64_t> number(-50, 50), positive(1, 20);
  for (int i = 0; i < 20000; ++i) {
    int64_t a = number(random), b = positive(random), c = number(random), d = positive(random);
    Rational x = q(a, b), y = q(c, d);
    EXPECT_EQ(x <=> y, a * d <=> c * b) << x.str() << ' ' << y.str();
    EXPECT_EQ(x + y, q(a * d + c * b, b * d));
    EXPECT_EQ(x * y, q(a * c, b * d));
    if (c) {
      EXPECT_EQ(*(*x.floorDiv(y) * y) + *x.mod(y), x);
    }
  }
}

TEST(Rational, RoundsOnce) {
  EXPECT_EQ(q(1, 10).toDouble(), 0.1);
  EXPECT_EQ(q(1, 255).toFloat(), 1.0f / 255.0f);
  EXPECT_EQ(Rational::parse("1e-30")->toDouble(), 1e-30);
  EXPECT_EQ(Rational::parse("1e-37")->toFloat(), 1e-37f);
  EXPECT_EQ(Rational::parse("3.4028234e38"), std::nullopt); // above 2^127
  EXPECT_EQ(q(-3).toDouble(), -3.0);
  EXPECT_EQ(q(2).pow(-126)->toFloat(), std::ldexp(1.0f, -126));
  // 1 + 2^-24 + 2^-60 lies above the tie: rounding to double first would lose that.
  Rational above = *(*(q(1) + *q(2).pow(-24)) + *q(2).pow(-60));
  EXPECT_EQ(above.toFloat(), std::nextafter(1.0f, 2.0f));
  EXPECT_EQ((q(1) + *q(2).pow(-24))->toFloat(), 1.0f); // the tie itself goes to even
  std::mt19937_64 random(2);
  for (int i = 0; i < 20000; ++i) {
    int64_t a = int64_t(random() >> 12), b = int64_t(random() >> (12 + i % 50)) + 1;
    EXPECT_EQ(q(a, b).toDouble(), double(a) / double(b)); // both exact below 2^53
  }
}
