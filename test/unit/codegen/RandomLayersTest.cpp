//===- RandomLayersTest.cpp - layers that draw: statistics, masks, gradients ------------------===//
#include "Compiled.h"
#include "dsl/Frontend.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

/// The text of a net without sections, whose results are those of the compiled function.
Compiled compile(const std::string &text, int64_t batch) {
  return Compiled(
      [&](mlir::MLIRContext &context) {
        dsl::SourceManager sources;
        dsl::Diagnostics diagnostics;
        auto result =
            dsl::elaborateText("net", text, dsl::FrontendOptions(), context, sources, diagnostics);
        EXPECT_FALSE(diagnostics.hasErrors()) << diagnostics.str();
        return std::move(result.module);
      },
      {.batch = batch});
}

/// A net of one input and a train section: the loss is the sum of what `layers` make of x.
std::string training(const std::string &shape, const std::string &layers,
                     const std::string &declarations = "") {
  return formatv(R"({0}
block scaled(x: [S..]) -> [S..] {{
  param g: [] = 1
  x * g
}
net N(x: {1}) -> y: {1} {{
  y = x -> scaled {2}
}
data d {{
  source = synthetic(8)
  x = source.x
}
train N on d {{
  loss = sum(y)
  optimizer = sgd(1)
  batch = 2
  steps = 1
}
)",
                 declarations, shape, layers);
}

/// One in every element; the stream at the given step.
Tensors ones(Compiled &compiled, int64_t n, int step) {
  Tensors arguments = compiled.arguments(n, [](bool) { return 1.0; });
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (compiled.argumentTensor(i)->role == runtime::Role::Stream)
      arguments[i].data = {7, 0, static_cast<double>(step), 0};
  return arguments;
}

double lossOf(Compiled &compiled, int step) {
  return compiled.run(ones(compiled, 1, step), 1, 1).at(0).data.at(0);
}

//===- The numbers ----------------------------------------------------------------------------===//

/// Mean and variance of what an expression over x draws, 20000 numbers.
struct Moments {
  double mean = 0, variance = 0, low = 1e9, high = -1e9;
};
constexpr double kCount = 20000;

Moments momentsOf(const std::string &expression) {
  Compiled compiled = compile("net N(x: [1000]) {\n  " + expression + "\n}\n", 20);
  EXPECT_TRUE(compiled.ok);
  if (!compiled.ok)
    return {};
  Tensors values = compiled.run(ones(compiled, 20, 0), 20, 2);
  Moments moments;
  EXPECT_EQ(values.at(0).data.size(), kCount);
  for (double value : values[0].data) {
    moments.mean += value / kCount;
    moments.low = std::min(moments.low, value);
    moments.high = std::max(moments.high, value);
  }
  for (double value : values[0].data)
    moments.variance += (value - moments.mean) * (value - moments.mean) / kCount;
  return moments;
}

TEST(RandomLayersTest, bernoulli) {
  Moments m = momentsOf("bernoulli(x, p = 0.3)");
  EXPECT_NEAR(m.mean * kCount, 0.3 * kCount, countOf(kCount, 0.3));
  EXPECT_EQ(m.low, 0);
  EXPECT_EQ(m.high, 1);
  EXPECT_EQ(momentsOf("bernoulli(x, p = 0)").high, 0);
  EXPECT_EQ(momentsOf("bernoulli(x, p = 1)").low, 1);
}

TEST(RandomLayersTest, uniform) {
  Moments m = momentsOf("uniform(x, low = -2, high = 4)");
  EXPECT_NEAR(m.mean, 1, meanOf(kCount, 6 / std::sqrt(12)));
  EXPECT_NEAR(m.variance, 3, meanOf(kCount, 36 / std::sqrt(180))); // of the squared deviation
  EXPECT_GE(m.low, -2);
  EXPECT_LE(m.high, 4);
}

TEST(RandomLayersTest, normal) {
  Moments m = momentsOf("normal(x, mean = 3, std = 2)");
  EXPECT_NEAR(m.mean, 3, meanOf(kCount, 2));
  EXPECT_NEAR(m.variance, 4, meanOf(kCount, 4 * std::sqrt(2)));
  EXPECT_LT(std::max(m.high - 3, 3 - m.low), 2 * 5.77);
}

/// One number a sample, and of a shape of its own.
TEST(RandomLayersTest, shapes) {
  Compiled compiled = compile(R"(net N(x: [6]) -> (a: [6], b: [2, 3]) {
  a = 0 * x + uniform(x, shape = [])
  b = uniform(x, shape = [2, 3])
})",
                              4);
  ASSERT_TRUE(compiled.ok);
  Tensors values = compiled.run(ones(compiled, 4, 0), 4, 1);
  ASSERT_EQ(values.size(), 2u);
  for (int n = 0; n < 4; ++n)
    for (int i = 1; i < 6; ++i) {
      EXPECT_EQ(values[0].data[n * 6 + i], values[0].data[n * 6]);
      EXPECT_NE(values[1].data[n * 6 + i], values[1].data[n * 6]);
    }
  EXPECT_NE(values[0].data[0], values[0].data[6]);
}

//===- Layers ---------------------------------------------------------------------------------===//

/// What is kept counts 1 / (1 - p), in units of `size` elements; both kinds occur, as often as
/// said.
void checkDrops(const std::string &layer, double units, double size, double keep) {
  SCOPED_TRACE(layer);
  Compiled compiled = compile(training("[4, 4, 4]", "-> " + layer), 2);
  ASSERT_TRUE(compiled.ok);
  constexpr int kSteps = 100;
  double kept = 0;
  for (int step = 1; step <= kSteps; ++step) {
    double count = lossOf(compiled, step) * keep / size;
    ASSERT_EQ(count, std::round(count));
    kept += count;
  }
  EXPECT_NEAR(kept, keep * units * kSteps, countOf(units * kSteps, keep));
}

TEST(RandomLayersTest, dropout) { checkDrops("dropout(0.5)", 64, 1, 0.5); }
TEST(RandomLayersTest, wholeMaps) { checkDrops("spatial_dropout(0.75)", 4, 16, 0.25); }
TEST(RandomLayersTest, wholeSamples) { checkDrops("drop_path(0.5)", 1, 64, 0.5); }

/// A shared layer draws other numbers at each of its uses: twice the same mask would keep a half,
/// two masks keep a quarter.
TEST(RandomLayersTest, sharedLayer) {
  std::string text = training("[4000]", "-> twice",
                              "block twice(x: [S..]) -> [S..] {\n  layer d = dropout(0.5)\n"
                              "  x -> d -> d\n}\n");
  Compiled compiled = compile(text, 2);
  ASSERT_TRUE(compiled.ok);
  EXPECT_NEAR(lossOf(compiled, 1) / 4, 1000, countOf(4000, 0.25));
}

//===- The gradient ---------------------------------------------------------------------------===//

/// With the numbers held, the gradient is that of central differences: plain gradient descent with
/// rate 1 subtracts it from the weights.
TEST(RandomLayersTest, centralDifferences) {
  Compiled compiled = compile(R"(
net N(x: [2, 4, 4]) -> y: [3] {
  x -> conv(3, 3x3) -> spatial_dropout(0.25) -> tanh -> dropout(0.4) -> flatten
    -> linear(8) -> tanh -> drop_path(0.5) -> linear(3)
}
data d {
  source = synthetic(8)
  x = source.x
}
train N on d {
  loss = sum(y * y)
  optimizer = sgd(1)
  batch = 4
  steps = 1
})",
                              4);
  ASSERT_TRUE(compiled.ok);
  std::mt19937_64 random(5);
  Tensors arguments =
      compiled.arguments(4, [&](bool) { return static_cast<double>(random() % 2000) / 1000 - 1; });
  for (unsigned i = 0; i < arguments.size(); ++i) {
    runtime::Role role = compiled.argumentTensor(i)->role;
    if (role == runtime::Role::Stream)
      arguments[i].data = {7, 0, 1, 0};
    if (role == runtime::Role::Schedule)
      arguments[i].data = {1};
  }
  Tensors base = compiled.expected(arguments, Precision::F64);
  unsigned checked = 0;
  for (unsigned i = 0; i < arguments.size(); ++i) {
    if (compiled.argumentTensor(i)->role != runtime::Role::Weight)
      continue;
    const TensorValue &updated = base.at(*compiled.updateOf(i));
    for (size_t e = 0; e < arguments[i].data.size(); e += 1 + arguments[i].data.size() / 5) {
      auto lossAt = [&](double shift) {
        Tensors moved = arguments;
        moved[i].data[e] += shift;
        return compiled.expected(moved, Precision::F64).at(0).data.at(0);
      };
      double slope = (lossAt(kDifferenceStep) - lossAt(-kDifferenceStep)) / (2 * kDifferenceStep);
      double gradient = arguments[i].data[e] - updated.data[e];
      EXPECT_NEAR(gradient, slope, kDifferenceAbsolute + kDifferenceRelative * std::fabs(slope))
          << "argument " << i << ", element " << e;
      checked += slope != 0;
    }
  }
  EXPECT_GT(checked, 10u);
}

} // namespace
