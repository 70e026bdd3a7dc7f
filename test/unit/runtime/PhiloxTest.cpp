#include "runtime/Philox.h"
#include "runtime/Layout.h"
#include "test/Tolerance.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace gnc::runtime;

// The known-answer vectors published with the algorithm.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t f = 0xffffffff;
  EXPECT_EQ(philox({f, f, f, f}, {f, f}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SiteHashIsFnv1a) {
  EXPECT_EQ(siteHash(""), 0xcbf29ce484222325u);
  EXPECT_EQ(siteHash("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(siteHash("foobar"), 0x85944171f73967e8u);
}

TEST(Philox, StreamsDifferInEveryPartOfTheKey) {
  RandomStream base(1, Purpose::Initial, 2);
  auto first = base.block(0, 0);
  EXPECT_NE(first, RandomStream(2, Purpose::Initial, 2).block(0, 0));
  EXPECT_NE(first, RandomStream(1, Purpose::Shuffle, 2).block(0, 0));
  EXPECT_NE(first, RandomStream(1, Purpose::Initial, 3).block(0, 0));
  EXPECT_NE(first, RandomStream(1 + (uint64_t(1) << 32), Purpose::Initial, 2).block(0, 0));
  EXPECT_NE(first, base.block(1, 0));
  EXPECT_NE(first, base.block(0, 1));
  EXPECT_NE(first, base.block(0, uint64_t(1) << 32));
}

TEST(Philox, UniformAndNormalHaveTheirMoments) {
  RandomStream stream(7, Purpose::Initial, 1);
  constexpr int n = 100000;
  double sum = 0, normalSum = 0, normalSquares = 0;
  for (int i = 0; i < n; ++i) {
    double u = stream.uniform(0, uint64_t(i)), z = stream.normal(1, uint64_t(i));
    ASSERT_TRUE(u >= 0 && u < 1);
    ASSERT_EQ(double(float(u)), u);
    sum += u;
    normalSum += z;
    normalSquares += z * z;
  }
  EXPECT_NEAR(sum / n, 0.5, gnc::test::meanOf(n, std::sqrt(1 / 12.0)));
  EXPECT_NEAR(normalSum / n, 0, gnc::test::meanOf(n, 1));
  EXPECT_NEAR(normalSquares / n, 1, gnc::test::meanOf(n, std::sqrt(2.0)));
}

TEST(Philox, BelowReachesEveryValue) {
  RandomStream stream(7, Purpose::Initial, 1);
  int seen[5] = {};
  for (uint64_t i = 0; i < 5000; ++i) {
    uint64_t value = stream.below(5, 0, i);
    ASSERT_LT(value, 5u);
    ++seen[value];
  }
  for (int count : seen)
    EXPECT_NEAR(count, 1000, gnc::test::countOf(5000, 0.2));
  EXPECT_EQ(stream.below(1, 0, 0), 0u);
}

namespace {
Tensor matrix(std::vector<int64_t> strides) {
  Tensor tensor;
  tensor.name = "Net.w";
  tensor.role = Role::Weight;
  tensor.shape = {3, 4};
  tensor.strides = std::move(strides);
  tensor.bytes = 256;
  tensor.initial = {Initializer::Kind::Normal, 0.5, 2};
  return tensor;
}

std::vector<float> logical(const Tensor &tensor, const std::vector<uint8_t> &arena) {
  std::vector<float> values(12);
  pack(tensor, 1, arena.data(), reinterpret_cast<uint8_t *>(values.data()));
  return values;
}
} // namespace

TEST(Initialize, DependsOnPathAndSeedNotOnLayout) {
  Tensor rows = matrix({4, 1}), columns = matrix({1, 3}), padded = matrix({16, 1});
  std::vector<uint8_t> a(256), b(256), c(256), d(256);
  initialize(rows, 5, a.data());
  initialize(columns, 5, b.data());
  initialize(padded, 5, c.data());
  EXPECT_EQ(logical(rows, a), logical(columns, b));
  EXPECT_EQ(logical(rows, a), logical(padded, c));
  initialize(rows, 6, d.data());
  EXPECT_NE(logical(rows, a), logical(rows, d));
  rows.name = "Net.v";
  initialize(rows, 5, d.data());
  EXPECT_NE(logical(columns, b), logical(rows, d));
}

TEST(Initialize, EveryElementHasItsOwnDraw) {
  Tensor tensor = matrix({4, 1});
  std::vector<uint8_t> arena(256);
  RandomStream stream(5, Purpose::Initial, siteHash("Net.w"));
  for (auto kind : {Initializer::Kind::Normal, Initializer::Kind::Uniform}) {
    tensor.initial = {kind, 0, 1};
    initialize(tensor, 5, arena.data());
    std::vector<float> values = logical(tensor, arena);
    for (uint64_t e = 0; e < 12; ++e) {
      bool normal = kind == Initializer::Kind::Normal;
      EXPECT_EQ(values[e], float(normal ? stream.normal(0, e) : stream.uniform(0, e)));
    }
  }
}

TEST(Initialize, KindsAndTypes) {
  Tensor tensor = matrix({4, 1});
  std::vector<uint8_t> arena(256);
  tensor.initial = {Initializer::Kind::Uniform, 1,
                    std::nextafter(1.0f, 2.0f)}; // one float wide: only its lower bound is inside
  initialize(tensor, 1, arena.data());
  for (float value : logical(tensor, arena))
    EXPECT_EQ(value, 1.0f);
  tensor.initial = {Initializer::Kind::Constant, 0.25, 0};
  initialize(tensor, 1, arena.data());
  for (float value : logical(tensor, arena))
    EXPECT_EQ(value, 0.25f);
  tensor.type = ElementType::U8;
  tensor.initial = {Initializer::Kind::Constant, 300, 0};
  initialize(tensor, 1, arena.data());
  EXPECT_EQ(arena[0], 255);
}
