// Functions of numbers.
#include "LibraryCase.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace gnc;
using namespace gnc::test;

namespace {
struct Function {
  const char *name;
  double (*value)(double);
  const char *noGradient = "";
};
} // namespace

static double logistic(double x) { return 1 / (1 + std::exp(-x)); }
static double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
static double normalShare(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }
static double cut(double x, double low, double high) { return std::min(std::max(x, low), high); }

static const Function everywhere[] = {
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"abs", [](double x) { return std::fabs(x); }},
    {"square", [](double x) { return x * x; }},
    {"sign", [](double x) { return double(x > 0) - double(x < 0); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"ceil", [](double x) { return std::ceil(x); }},
    {"round", [](double x) { return std::nearbyint(x); }},
    {"stop", [](double x) { return x; }, "cut on purpose"},
    {"sigmoid", logistic},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"softplus", softplus},
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"relu6", [](double x) { return cut(x, 0, 6); }},
    {"leaky_relu", [](double x) { return x > 0 ? x : 0.01 * x; }},
    {"elu", [](double x) { return x > 0 ? x : std::expm1(x); }},
    {"celu", [](double x) { return x > 0 ? x : std::expm1(x); }},
    {"selu",
     [](double x) {
       return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
     }},
    {"silu", [](double x) { return x * logistic(x); }},
    {"swish", [](double x) { return x * logistic(x); }},
    {"gelu", [](double x) { return x * normalShare(x); }},
    {"gelu_tanh",
     [](double x) {
       return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
     }},
    {"mish", [](double x) { return x * std::tanh(softplus(x)); }},
    {"softsign", [](double x) { return x / (1 + std::fabs(x)); }},
    {"log_sigmoid", [](double x) { return -softplus(-x); }},
    {"hard_sigmoid", [](double x) { return cut(x / 6 + 0.5, 0, 1); }},
    {"hard_swish", [](double x) { return x * cut(x / 6 + 0.5, 0, 1); }},
    {"hard_tanh", [](double x) { return cut(x, -1, 1); }},
};

/// Where they are defined, and do not overflow f32.
static const Function somewhere[] = {
    {"exp", [](double x) { return std::exp(x); }},
    {"expm1", [](double x) { return std::expm1(x); }},
    {"log", [](double x) { return std::log(x); }},
    {"log1p", [](double x) { return std::log1p(x); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
};

static Reference apply(double (*value)(double)) {
  return one([value](const Arguments &in) {
    View x = in["x"];
    return fill({x.tensor.shape.begin(), x.tensor.shape.end()},
                [&](At at) { return value(x(at)); });
  });
}

/// Away from the kinks of all activations: -3, -1, 0, 1, 3, 6, and from whole numbers.
static Operand away() { return with(samples("x", 2, {3}), {-4.2, -1.3, -0.4, 0.7, 1.9, 4.6}); }
static Operand extremes() {
  return with(samples("x", 1, {8}), {-100, -30, -1e-6, 1e-6, 30, 100, -8, 8});
}

static void addWithSettings(Cases &cases) {
  cases.push_back({"leaky_relu", "leaky_relu(x, a = 0.2)", {away()}, apply([](double x) {
                     return x > 0 ? x : 0.2 * x;
                   })});
  cases.push_back({"elu", "elu(x, a = 2)", {away()}, apply([](double x) {
                     return x > 0 ? x : 2 * std::expm1(x);
                   })});
  cases.push_back({"celu", "celu(x, a = 2)", {away()}, apply([](double x) {
                     return x > 0 ? x : 2 * std::expm1(x / 2);
                   })});
  cases.push_back({"hard_tanh", "hard_tanh(x, low = -2, high = 4)", {away()}, apply([](double x) {
                     return cut(x, -2, 4);
                   })});
  cases.push_back({"pow",
                   "pow(x, y)",
                   {samples("x", 2, {3}, 1, 0.5, 2), samples("y", 2, {3}, 2)},
                   one([](const Arguments &in) {
                     return fill({2, 3}, [&](At at) { return std::pow(in["x"](at), in["y"](at)); });
                   })});
}

void gnc::test::addPointwiseCases(Cases &cases) {
  for (const Function &f : everywhere) {
    std::string expression = "x -> " + std::string(f.name);
    cases.push_back({f.name, expression, {away()}, apply(f.value), f.noGradient});
    cases.push_back({f.name, expression, {extremes()}, apply(f.value), "", true});
  }
  for (const Function &f : somewhere)
    cases.push_back(
        {f.name, "x -> " + std::string(f.name), {samples("x", 2, {3}, 1, 0.3, 2)}, apply(f.value)});
  addWithSettings(cases);
}
