// The pointwise ops of the library against closed forms.
#include "OpHarness.h"
#include "test/Tolerance.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

static double sigma(double x) { return 1 / (1 + std::exp(-x)); }

TEST(OpPointwise, Values) {
  using Function = std::function<double(double)>;
  const std::vector<std::pair<std::string, Function>> table = {
      {"exp", [](double x) { return std::exp(x); }},
      {"expm1", [](double x) { return std::expm1(x); }},
      {"sin", [](double x) { return std::sin(x); }},
      {"cos", [](double x) { return std::cos(x); }},
      {"erf", [](double x) { return std::erf(x); }},
      {"abs", [](double x) { return std::fabs(x); }},
      {"floor", [](double x) { return std::floor(x); }},
      {"ceil", [](double x) { return std::ceil(x); }},
      {"round", [](double x) { return std::nearbyint(x); }},
      {"stop", [](double x) { return x; }},
      {"sigmoid", sigma},
      {"tanh", [](double x) { return std::tanh(x); }},
      {"softplus", [](double x) { return std::log1p(std::exp(x)); }},
      {"relu", [](double x) { return x > 0 ? x : 0; }},
      {"relu6", [](double x) { return std::clamp(x, 0.0, 6.0); }},
      {"leaky_relu(a = 0.25)", [](double x) { return x > 0 ? x : x / 4; }},
      {"elu", [](double x) { return x > 0 ? x : std::expm1(x); }},
      {"elu(a = 0.5)", [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); }},
      {"selu",
       [](double x) {
         return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
       }},
      {"silu", [](double x) { return x * sigma(x); }},
      {"swish", [](double x) { return x * sigma(x); }},
      {"gelu", [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
      {"softsign", [](double x) { return x / (1 + std::fabs(x)); }},
      {"log_sigmoid", [](double x) { return std::log(sigma(x)); }},
      {"hard_sigmoid", [](double x) { return std::clamp(x + 3, 0.0, 6.0) / 6; }},
      {"hard_swish", [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }},
  };
  const std::vector<double> points = {-8, -3, -2.5, -1, -0.5, -0.1, 0, 0.1, 0.5, 1, 1.5, 2.5, 4, 7};
  for (const auto &[name, function] : table) {
    Program program("", "x -> " + name, {with(samples("x", 2, {7}), points)});
    TensorValue y = program.value();
    ASSERT_EQ(y.data.size(), points.size()) << name;
    for (size_t i = 0; i < points.size(); ++i)
      EXPECT_NEAR(y.data[i], function(points[i]),
                  kConstants32 * (1 + std::fabs(function(points[i]))))
          << name << " of " << points[i];
  }
}

TEST(OpPointwise, PositiveArguments) {
  const std::vector<double> points = {1e-3, 0.5, 1, 2, 9};
  auto check = [&](std::string name, double (*function)(double)) {
    TensorValue y = Program("", "x -> " + name, {with(numbers("x", {5}), points)}).value();
    for (size_t i = 0; i < points.size(); ++i)
      EXPECT_NEAR(y.data[i], function(points[i]), kMany64) << name;
  };
  check("log", [](double x) { return std::log(x); });
  check("log1p", [](double x) { return std::log1p(x); });
  check("sqrt", [](double x) { return std::sqrt(x); });
  check("rsqrt", [](double x) { return 1 / std::sqrt(x); });
}

TEST(OpPointwise, TwoOperands) {
  Operand x = with(numbers("x", {3}), {1, 2, 3}), y = with(numbers("y", {3}), {2, 0.5, -1});
  TensorValue power = Program("", "pow(x, y)", {x, y}).value();
  EXPECT_NEAR(power.data[0], 1, kFew64);
  EXPECT_NEAR(power.data[1], std::sqrt(2.0), kFew64);
  EXPECT_NEAR(power.data[2], 1 / 3.0, kFew64);
}

TEST(OpPointwise, ExtremesStayFinite) {
  for (std::string name : {"sigmoid", "softplus", "log_sigmoid", "silu", "elu", "selu", "gelu"}) {
    Operand x = with(numbers("x", {6}), {-1000, -100, -30, 30, 100, 1000});
    for (double y : Program("", "x -> " + name, {x}).value(Precision::F32).data)
      EXPECT_TRUE(std::isfinite(y)) << name;
  }
}

TEST(OpPointwise, MaxPropagatesNaN) {
  Operand x = with(numbers("x", {2}), {NAN, 1});
  EXPECT_TRUE(std::isnan(Program("", "relu(x)", {x}).value().data[0]));
}

TEST(OpPointwise, Channels) {
  Operand x = samples("x", 2, {2, 3}, 1), a = with(numbers("a", {2}), {2, -3});
  TensorValue sum = Program("", "add_channel(x, a)", {x, a}).value();
  TensorValue product = Program("", "mul_channel(x, a)", {x, a}).value();
  TensorValue prelu = Program("", "prelu_with(x, a)", {x, a}).value();
  TensorValue normal = Program("", "normalize(x, mean = [0.5, 1], std = [2, 4])", {x}).value();
  TensorValue plain = Program("", "normalize(x, mean = 0.5, std = 2)", {x}).value();
  for (int i = 0; i < 12; ++i) {
    double v = x.value.data[i], w = a.value.data[i / 3 % 2];
    EXPECT_NEAR(sum.data[i], v + w, kFew64);
    EXPECT_NEAR(product.data[i], v * w, kFew64);
    EXPECT_NEAR(prelu.data[i], v > 0 ? v : v * w, kFew64);
    EXPECT_NEAR(normal.data[i], i / 3 % 2 ? (v - 1) / 4 : (v - 0.5) / 2, kFew64);
    EXPECT_NEAR(plain.data[i], (v - 0.5) / 2, kFew64);
  }
}
