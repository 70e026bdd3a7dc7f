// What users write in ops: packs, batches, boundaries, reductions anywhere, data as indices.
#include "OpHarness.h"
#include "test/Tolerance.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace gnc;
using namespace gnc::test;

namespace {
double at(const TensorValue &t, std::initializer_list<int64_t> index) {
  int64_t offset = 0, dim = 0;
  for (int64_t i : index)
    offset = offset * t.shape[dim++] + i;
  return t.data[offset];
}

/// One op `f` on the operands, its values and its gradient.
std::vector<double> value(std::string op, std::string call, std::vector<Operand> operands,
                          bool gradient = true) {
  Program program(op, call, operands);
  EXPECT_TRUE(program.good()) << program.messages();
  if (!program.good())
    return {};
  auto data = program.value().data;
  if (gradient)
    EXPECT_EQ(Program(op, call, operands).checkGradient(), "") << op;
  return data;
}
} // namespace

TEST(OpEquation, PointwiseCallsAndConstants) {
  Operand x = samples("x", 2, {3});
  auto y = value("op mish(x) = x * tanh(log(1 + exp(x)))\n"
                 "op twice(x; k = 2) = k * mish(x)",
                 "twice(x)", {x});
  for (int i = 0; i < 6; ++i)
    EXPECT_NEAR(y[i], 2 * x.value.data[i] * std::tanh(std::log1p(std::exp(x.value.data[i]))),
                kMany64);
}

TEST(OpEquation, ScalarsBroadcast) {
  Operand x = samples("x", 2, {3}), s = samples("s", 2, {}, 5), k = numbers("k", {}, 6);
  auto y = value("op f(x, s, k) = x * s + k", "f(x, s, k)", {x, s, k});
  for (int i = 0; i < 6; ++i)
    EXPECT_NEAR(y[i], x.value.data[i] * s.value.data[i / 3] + k.value.data[0], kFew64);
}

TEST(OpEquation, ComparisonsAreNumbers) {
  Operand x = with(numbers("x", {4}), {-1, 0, 1, 2});
  EXPECT_EQ(value("op f(x) = (0 <= x < 2) + 2 * (not x > 0)", "f(x)", {x}, false),
            (std::vector<double>{2, 3, 1, 0}));
  EXPECT_EQ(
      value("op f(x; on = true) = if on and x > 0 then x else 5", "f(x, on = true)", {x}, false),
      (std::vector<double>{5, 5, 1, 2}));
}

TEST(OpEquation, GroupNormalize) {
  const char *op = R"(
op group_normalize(x: [C, H, W], g: [C], b: [C]; groups, eps = 1e-5) -> y: [C, H, W] {
  require C % groups == 0, "{C} channels do not split into {groups} groups"
  m            = C / groups
  mu[n < groups]  = mean[c < m, i, j] x[n*m + c, i, j]
  var[n < groups] = mean[c < m, i, j] (x[n*m + c, i, j] - mu[n])^2
  y[c, i, j]   = g[c] * (x[c, i, j] - mu[c // m]) / sqrt(var[c // m] + eps) + b[c]
})";
  Operand x = samples("x", 2, {4, 2, 3}), g = numbers("g", {4}, 2), b = numbers("b", {4}, 3);
  auto y = value(op, "group_normalize(x, g, b, groups = 2)", {x, g, b});
  double mean = 0, variance = 0;
  for (int i = 0; i < 12; ++i)
    mean += x.value.data[12 + i] / 12;
  for (int i = 0; i < 12; ++i)
    variance += std::pow(x.value.data[12 + i] - mean, 2) / 12;
  EXPECT_NEAR(y[12],
              g.value.data[2] * (x.value.data[12] - mean) / std::sqrt(variance + 1e-5f) +
                  b.value.data[2],
              kMany64);
}

TEST(OpEquation, InnerReductions) {
  const char *op = R"(
op dice(z: [2, H, W], t: index(2)[H, W]; eps = 1) -> l: [] {
  p[i, j] = sigmoid(z[1, i, j] - z[0, i, j])
  l = 1 - (2 * sum[i, j] (p[i, j] * t[i, j]) + eps) / (sum[i, j] (p[i, j] + t[i, j]) + eps)
})";
  Operand z = samples("z", 2, {2, 3, 2}), t = classes("t", 2, {3, 2}, 2);
  auto l = value(op, "dice(z, t)", {z, t});
  double both = 0, any = 0;
  for (int i = 0; i < 6; ++i) {
    double p = 1 / (1 + std::exp(z.value.data[i] - z.value.data[6 + i]));
    both += p * t.value.data[i], any += p + t.value.data[i];
  }
  EXPECT_NEAR(l[0], 1 - (2 * both + 1) / (any + 1), kMany64);
}

TEST(OpEquation, NestedReductions) {
  Operand x = samples("x", 2, {3, 4}, 3, 0.5, 2);
  auto y = value("op f(x: [A, B]) -> y: [] { y = sum[a] max[b] x[a, b] * (prod[c < 3] x[a, c]) }",
                 "f(x)", {x});
  double expected = 0;
  for (int a = 0; a < 3; ++a) {
    double product = 1, best = -9;
    for (int c = 0; c < 3; ++c)
      product *= x.value.data[a * 4 + c];
    for (int b = 0; b < 4; ++b)
      best = std::max(best, x.value.data[a * 4 + b] * product);
    expected += best;
  }
  EXPECT_NEAR(y[0], expected, kMany64);
}

TEST(OpEquation, AnyAllCount) {
  Operand x = with(samples("x", 2, {3}), {1, 2, 3, -1, 0, 5});
  EXPECT_EQ(
      value("op f(x: [C]) -> y: [] { y = if any[c] (x[c] > 4) then 1 else 0 }", "f(x)", {x}, false),
      (std::vector<double>{0, 1}));
  EXPECT_EQ(value("op f(x: [C]) -> y: [] { y = all[c] (x[c] > 0) }", "f(x)", {x}, false),
            (std::vector<double>{1, 0}));
  EXPECT_EQ(value("op f(x: [N; C]) -> y: [C] { y[c] = count[n, k] x[n; k] }", "f(x)", {x}, false),
            (std::vector<double>{6, 6, 6}));
}

TEST(OpEquation, Boundaries) {
  Operand x = with(samples("x", 1, {4}), {1, 2, 3, 4});
  auto f = [&](std::string read) {
    return value("op f(x: [C]) -> y: [C] { y[i] = " + read + " }", "f(x)", {x}, false);
  };
  EXPECT_EQ(f("x[i - 1] ?? 0"), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(f("x[i + 1] ?? -7"), (std::vector<double>{2, 3, 4, -7}));
  EXPECT_EQ(f("x[clamp(i + 2)]"), (std::vector<double>{3, 4, 4, 4}));
  EXPECT_EQ(f("x[wrap(i - 1)]"), (std::vector<double>{4, 1, 2, 3}));
  EXPECT_EQ(f("x[mirror(i + 2)]"), (std::vector<double>{3, 4, 3, 2}));
  EXPECT_EQ(f("x[mirror(i - 2)]"), (std::vector<double>{3, 2, 1, 2}));
  EXPECT_EQ(f("x[mirror(i - 20)]"), (std::vector<double>{3, 2, 1, 2}));
  EXPECT_EQ(f("x[i // 2]"), (std::vector<double>{1, 1, 2, 2}));
  EXPECT_EQ(f("x[i % 2]"), (std::vector<double>{1, 2, 1, 2}));
  EXPECT_EQ(f("x[(i - 1) / 2] ?? 0"), (std::vector<double>{0, 1, 0, 2}));
  EXPECT_EQ(f("x[i / 2 + 1/2] ?? 9"), (std::vector<double>{9, 2, 9, 3}));
  EXPECT_EQ(f("x[3 - i]"), (std::vector<double>{4, 3, 2, 1}));
  EXPECT_EQ(f("x[i - 1] ?? (x[i] * 10)"), (std::vector<double>{10, 1, 2, 3}));
  EXPECT_EQ(f("x[2*i / 2]"), (std::vector<double>{1, 2, 3, 4}));
}

TEST(OpEquation, BoundaryGradients) {
  Operand x = samples("x", 2, {4});
  for (std::string read :
       {"x[i - 1] ?? 0", "x[clamp(i + 2)]", "x[wrap(i - 1)]", "x[mirror(i - 2)]", "x[i // 2]",
        "x[(i - 1) / 2] ?? 0", "x[i - 1] ?? (x[i] * 10)", "x[i % 2]"})
    value("op f(x: [C]) -> y: [C] { y[i] = x[i] * (" + read + ") }", "f(x)", {x});
}

TEST(OpEquation, MirroredMaps) {
  Operand x = samples("x", 1, {3, 4});
  auto y = value("op f(x: [H, W]) -> y: [H, W] { y[i, j] = x[mirror(i - 1), mirror(j + 2)] }",
                 "f(x)", {x});
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      EXPECT_EQ(y[i * 4 + j], x.value.data[(i ? i - 1 : 1) * 4 + (j < 2 ? j + 2 : 4 - j)]);
}

TEST(OpEquation, GuardsThatAreNotNeededVanish) {
  Operand x = samples("x", 1, {2, 6, 6}), w = numbers("w", {3, 2, 3, 3});
  std::string graph = Program("", "conv2d(x, w)", {x, w}).graph();
  EXPECT_EQ(graph.find("??"), std::string::npos) << graph;
  EXPECT_EQ(graph.find("floordiv"), std::string::npos) << graph;
  EXPECT_NE(graph.find("[n = ?, k = 3, i = 4, j = 4] sum [c = 2, r = 3, s = 3]"), std::string::npos)
      << graph;
  EXPECT_NE(graph.find("[n, c, i + r, j + s]"), std::string::npos) << graph;
}

TEST(OpEquation, DataAsIndices) {
  Operand table = numbers("e", {5, 3}), t = classes("t", 2, {4}, 5);
  auto y = value("op embed(e: [K, D], t: index(K)[L]) -> y: [L, D] { y[l, d] = e[t[l], d] }",
                 "embed(e, t)", {table, t});
  for (int l = 0; l < 8; ++l)
    for (int d = 0; d < 3; ++d)
      EXPECT_EQ(y[l * 3 + d], at(table.value, {int64_t(t.value.data[l]), d}));
  Operand z = with(samples("z", 2, {3}), {1, 5, 2, 9, 8, 7}), v = samples("v", 2, {3}, 8);
  auto best = value("op f(z: [K], v: [K]) -> y: [] { y = v[argmax[k] z[k]] }", "f(z, v)", {z, v});
  EXPECT_EQ(best, (std::vector<double>{v.value.data[1], v.value.data[3]}));
}

TEST(OpEquation, IndexResults) {
  Operand z = with(samples("z", 2, {2, 2}), {1, 5, 2, 9, 8, 7, 6, 1});
  EXPECT_EQ(
      value("op f(z: [A, B]) -> y: index(4) { y = argmax[a, b] z[a, b] }", "f(z)", {z}, false),
      (std::vector<double>{3, 0}));
  EXPECT_EQ(
      value("op f(z: [A, B]) -> y: index(2)[B] { y[b] = argmin[a] z[a, b] }", "f(z)", {z}, false),
      (std::vector<double>{0, 0, 1, 1}));
  EXPECT_EQ(value("op f(z: [A, B]) -> y: index(10)[A] { y[a] = index(z[a, 0] + 0.5, 10) }", "f(z)",
                  {z}, false),
            (std::vector<double>{1, 2, 8, 6}));
}

/// What is no class is brought inside, whatever its size; fractions are cut toward 0.
TEST(OpEquation, IndexIsBroughtInside) {
  const double inf = std::numeric_limits<double>::infinity();
  Operand x = with(numbers("x", {8}), {0.9, -1, 1e9, 1.7, -inf, inf, NAN, -0.5});
  Operand y = with(numbers("y", {4}), {10, 20, 30, 40});
  EXPECT_EQ(value("op f(x: [A], y: [K]) -> z: [A] { z[i] = y[index(x[i], 4)] }", "f(x, y)", {x, y},
                  false),
            (std::vector<double>{10, 10, 40, 20, 10, 40, 10, 10}));
  EXPECT_EQ(value("op f(x: [A]) -> z: index(4)[A] { z[i] = index(x[i], 4) }", "f(x)", {x}, false),
            (std::vector<double>{0, 0, 3, 1, 0, 3, 0, 0}));
  EXPECT_EQ(value("", "index(x, 4)", {x}, false), (std::vector<double>{0, 0, 3, 1, 0, 3, 0, 0}));
}

/// f32 does not tell larger whole numbers apart.
TEST(OpEquation, ClassesAreCounted) {
  Operand x = with(numbers("x", {2}), {16777215, 1e10});
  for (std::string text : {"op f(x) = index(x, 16777216)", ""}) {
    std::string call = text.empty() ? "index(x, 16777216)" : "f(x)";
    EXPECT_EQ(value(text, call, {x}, false), (std::vector<double>{16777215, 16777215})) << text;
    auto number = [](std::string s) { return s.replace(s.find("6777216"), 7, "6777217"); };
    Program more(text.empty() ? text : number(text), text.empty() ? number(call) : call, {x});
    EXPECT_FALSE(more.good());
    EXPECT_NE(more.messages().find("numbers count exactly up to 16777216 [class-count]"),
              std::string::npos)
        << more.messages();
  }
}

/// With `??` the value stands for all that is no class: also where the tensor has more elements
/// than there are classes, and where the rest of the index would lead back inside.
TEST(OpEquation, IndexWithAValueOutside) {
  const double inf = std::numeric_limits<double>::infinity();
  Operand x = with(numbers("x", {9}), {0.9, -1, 1e9, 1.7, -inf, inf, NAN, -0.5, 4});
  auto read = [&](std::string index, int64_t extent) {
    Operand y = numbers("y", {extent});
    for (int64_t i = 0; i < extent; ++i)
      y.value.data[i] = 10 * (i + 1);
    return value("op f(x: [A], y: [K]) -> z: [A] { z[i] = y[" + index + "] ?? -7 }", "f(x, y)",
                 {x, y}, false);
  };
  EXPECT_EQ(read("index(x[i], 4)", 4), (std::vector<double>{10, -7, -7, 20, -7, -7, -7, 10, -7}));
  EXPECT_EQ(read("index(x[i], 4)", 6), (std::vector<double>{10, -7, -7, 20, -7, -7, -7, 10, -7}));
  EXPECT_EQ(read("index(x[i], 4) % 2", 2),
            (std::vector<double>{10, -7, -7, 20, -7, -7, -7, 10, -7}));
  EXPECT_EQ(read("index(x[i], 4) + 1", 2),
            (std::vector<double>{20, -7, -7, -7, -7, -7, -7, 20, -7}));
  // The gradient reaches what was read, and nothing else.
  Operand inside = with(numbers("x", {4}), {0.3, -5, 2.6, 9}), y = numbers("y", {4});
  value("op f(x: [A], y: [K]) -> z: [A] { z[i] = (y[index(x[i], 4)] ?? -7) + y[index(x[i], 4)]^2 }",
        "f(x, y)", {inside, y});
}

/// Indices whose values are known and inside need no value outside.
TEST(OpEquation, IndexOfKnownRange) {
  Operand y = with(numbers("y", {4}), {10, 20, 30, 40});
  EXPECT_EQ(value("op f(y: [K]) -> z: [K] { z[i] = y[index((i - 1) / 2, 2)] }", "f(y)", {y}, false),
            (std::vector<double>{10, 10, 10, 20}));
  EXPECT_EQ(value("op f(y: [K]) -> z: [K] { z[i] = y[index(i + 2, 4)] ?? 0 }", "f(y)", {y}, false),
            (std::vector<double>{30, 40, 0, 0}));
}

TEST(OpEquation, BytesAreNumbers) {
  Operand x = with(samples("x", 1, {3}), {0, 128, 255});
  x.type.element = dsl::ElementKind::U8;
  auto y =
      value("op scale(x: u8[C]) -> y: [C] { y[c] = x[c] / 255 - 1/2 }", "scale(x)", {x}, false);
  EXPECT_NEAR(y[2], 0.5, kFew64);
  EXPECT_NEAR(y[1], 128 / 255.0 - 0.5, kFew64);
}

TEST(OpEquation, ExplicitBatch) {
  Operand x = samples("x", 3, {2});
  auto y = value(
      "op center(x: [N; C]) -> y: [N; C] { m[c] = mean[n] x[n; c]\n y[n; c] = x[n; c] - m[c] }",
      "center(x)", {x});
  for (int c = 0; c < 2; ++c)
    EXPECT_NEAR(y[c] + y[2 + c] + y[4 + c], 0, kFew64);
  // Every sample against every other one.
  auto near = value("op near(x: [N; C]) -> y: [N;] {\n"
                    "  y[n;] = log(sum[m] exp(0 - (x[n; 0] - x[m; 0])^2))\n}",
                    "near(x)", {x});
  double expected = 0;
  for (int m = 0; m < 3; ++m)
    expected += std::exp(-std::pow(x.value.data[0] - x.value.data[2 * m], 2));
  EXPECT_NEAR(near[0], std::log(expected), kMany64);
}

TEST(OpEquation, RankPacks) {
  for (std::vector<int64_t> rest : {std::vector<int64_t>{}, {3}, {3, 2}, {1, 2, 2}}) {
    std::vector<int64_t> shape{2};
    shape.insert(shape.end(), rest.begin(), rest.end());
    value("op f(x: [C, S..], b: [C]) -> y: [S.., C] { y[i.., c] = x[c, i..] * b[c] + mean[k] x[k, "
          "i..] }",
          "f(x, b)", {samples("x", 2, shape), numbers("b", {2})});
  }
}

TEST(OpEquation, IndicesAsNumbers) {
  EXPECT_EQ(value("op f(x: [C]) -> y: [C] { y[i] = x[i] * 0 + i * 2 + (if i == 1 then 10 else 0) }",
                  "f(x)", {samples("x", 1, {3})}, false),
            (std::vector<double>{0, 12, 4}));
}

//===- gradients that are given -------------------------------------------------------------===//

TEST(OpEquation, GivenGradient) {
  const char *op = "op quantize(x; bits = 8) = round(x * 2^bits) / 2^bits\n"
                   "grad @surrogate {\n  d.x = d.y * (if abs(x) <= 1 then 1 else 0)\n}\n";
  Operand x = with(samples("x", 1, {3}), {0.26, -0.9, 1.7});
  Program program(op, "quantize(x, bits = 2)", {x});
  ASSERT_TRUE(program.good()) << program.messages();
  EXPECT_NE(program.graph().find("gnc.custom"), std::string::npos);
  EXPECT_NE(program.checkGradient(), ""); // it is not the derivative
  auto g = program.gradients(0);
  EXPECT_NEAR(g[0], std::sin(1.0), kConstants32);
  EXPECT_NEAR(g[1], std::sin(3.5), kConstants32);
  EXPECT_EQ(g[2], 0);
  Program inferred(op, "quantize(x, bits = 2)", {x}, dsl::ast::Mode::Infer);
  EXPECT_EQ(inferred.graph().find("gnc.custom"), std::string::npos);
  EXPECT_EQ(inferred.value().data[0], 0.25);
}

TEST(OpEquation, GivenGradientOfEquations) {
  // The right derivative, written by hand for one input; the other is derived.
  const char *op = R"(
op affine(x: [I], w: [O, I]) -> y: [O] { y[o] = tanh(sum[i] w[o, i] * x[i]) }
grad {
  h[o]      = (1 - y[o]^2) * d.y[o]
  d.w[o, i] = h[o] * x[i]
})";
  EXPECT_EQ(
      Program(op, "affine(x, w)", {samples("x", 2, {3}), numbers("w", {2, 3})}).checkGradient(),
      "");
}

TEST(OpEquation, GivenGradientInsideEquations) {
  const char *op = "op step(x) = if x > 0 then 1 else 0\ngrad @surrogate { d.x = d.y }\n"
                   "op soft(x) = 3 * step(x)\n"
                   "op f(x: [C], w: [C]) -> y: [] { y = sum[c] soft(x[c] * 2) * w[c] }\n";
  Operand x = with(samples("x", 1, {2}), {0.5, -0.5}), w = with(numbers("w", {2}), {2, 3});
  Program program(op, "f(x, w)", {x, w});
  ASSERT_TRUE(program.good()) << program.messages();
  program.checkGradient();
  auto g = program.gradients(0);
  double seed = std::sin(1.0f);
  EXPECT_NEAR(g[0], 12 * seed, 12 * kConstants32);
  EXPECT_NEAR(g[1], 18 * seed, 18 * kConstants32);
}

TEST(OpEquation, GivenGradientOfScalars) {
  const char *op = "op scale(x, k) = x * k\ngrad { d.x = d.y * k\n d.k = d.y * x }\n";
  EXPECT_EQ(Program(op, "scale(x, k)", {samples("x", 2, {3}), numbers("k", {})}).checkGradient(),
            "");
  EXPECT_EQ(Program(op, "scale(x, k)", {samples("x", 2, {3}), samples("k", 2, {})}).checkGradient(),
            "");
  EXPECT_EQ(Program(op, "scale(x, k)", {numbers("x", {3}), samples("k", 2, {3})}).checkGradient(),
            "");
}
