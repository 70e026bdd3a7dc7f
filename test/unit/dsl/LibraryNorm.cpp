// Normalisation.
#include "LibraryCase.h"

#include <cmath>

using namespace gnc;
using namespace gnc::test;

namespace {
struct Moments {
  double mean = 0, variance = 0;
  int64_t count = 0;
};
} // namespace

/// Of the elements of x that `same` puts together.
static Moments momentsOf(View x, const std::function<bool(At)> &same) {
  Moments m;
  std::vector<int64_t> shape(x.tensor.shape.begin(), x.tensor.shape.end());
  auto each = [&](const std::function<void(double)> &visit) {
    fill(shape, [&](At at) {
      if (same(at))
        visit(x(at));
      return 0.0;
    });
  };
  each([&](double v) { m.mean += v, ++m.count; });
  m.mean /= double(m.count);
  each([&](double v) { m.variance += (v - m.mean) * (v - m.mean) / double(m.count); });
  return m;
}

static double normal(double v, const Moments &m, double eps = 1e-5) {
  return (v - m.mean) / std::sqrt(m.variance + eps);
}

/// Each element normalised by those that `same` puts together with it, then `finish`ed.
static Reference normalised(
    std::function<bool(At, At)> same, std::function<double(double, At, const Arguments &)> finish =
                                          [](double v, At, const Arguments &) { return v; }) {
  return one([=](const Arguments &in) {
    View x = in["x"];
    return fill({x.tensor.shape.begin(), x.tensor.shape.end()}, [&](At o) {
      return finish(normal(x(o), momentsOf(x, [&](At p) { return same(o, p); })), o, in);
    });
  });
}

static bool sameSample(At o, At p) { return o[0] == p[0]; }
static bool sameChannel(At o, At p) { return o[1] == p[1]; }
static bool samePosition(At o, At p) { return o.drop_back() == p.drop_back(); }
static bool sameGroup(At o, At p) { return o[0] == p[0] && o[1] / 2 == p[1] / 2; }
static bool sameMap(At o, At p) { return o[0] == p[0] && o[1] == p[1]; }

static double scaledChannel(double v, At o, const Arguments &in) {
  return v * in["g"]({o[1]}) + in["b"]({o[1]});
}
static double scaledLast(double v, At o, const Arguments &in) {
  return v * in["g"]({o.back()}) + in["b"]({o.back()});
}
static double scaledAll(double v, At o, const Arguments &in) {
  return v * in["g"](o.drop_front()) + in["b"](o.drop_front());
}

static void addBatchNorm(Cases &cases) {
  Operand x = samples("x", 3, {2, 2, 3}, 11);
  cases.push_back({"moments", "moments(x)", {x}, [](const Arguments &in) {
                     std::vector<TensorValue> results(3, TensorValue({2}));
                     for (int64_t c = 0; c < 2; ++c) {
                       Moments m = momentsOf(in["x"], [c](At o) { return o[1] == c; });
                       results[0].data[c] = m.mean;
                       results[1].data[c] = m.variance;
                       results[2].data[c] = m.variance * double(m.count) / double(m.count - 1);
                     }
                     return results;
                   }});
  auto running = one([](const Arguments &in) {
    View x = in["x"];
    return fill({3, 2, 2, 3}, [&](At o) {
      Moments m{in["mu"]({o[1]}), in["var"]({o[1]})};
      return scaledChannel(normal(x(o), m), o, in);
    });
  });
  cases.push_back({"channel_norm",
                   "channel_norm(x, mu, var, g, b)",
                   {x, numbers("mu", {2}, 13), numbers("var", {2}, 14, 0.5, 2),
                    numbers("g", {2}, 15), numbers("b", {2}, 16)},
                   running});
  cases.push_back({"bn", "x -> bn", {x}, normalised(sameChannel, scaledChannel)});
  LibraryCase later{"bn", "x -> bn", {x}, running};
  later.mode = gnc::dsl::ast::Mode::Infer;
  cases.push_back(later);
}

/// Convolution with running statistics, then relu.
static double stage(const Arguments &in, At o) {
  View w = in["w"], x = in["x"];
  double sum = 0;
  for (int64_t c = 0; c < x.extent(1); ++c)
    for (int64_t r = 0; r < 3; ++r)
      for (int64_t s = 0; s < 3; ++s)
        sum += w({o[1], c, r, s}) * x({o[0], c, 2 * o[2] + r - 1, 2 * o[3] + s - 1});
  Moments m{in["mu"]({o[1]}), in["var"]({o[1]})};
  return std::max(scaledChannel(normal(sum, m), o, in), 0.0);
}

static void addStage(Cases &cases) {
  LibraryCase inference{"conv_bn_relu",
                        "x -> conv_bn_relu(3, stride = 2)",
                        {samples("x", 2, {2, 4, 4}, 14)},
                        one([](const Arguments &in) {
                          return fill({2, 3, 2, 2}, [&](At o) { return stage(in, o); });
                        })};
  inference.mode = gnc::dsl::ast::Mode::Infer;
  cases.push_back(inference);
}

/// Layers that draw random numbers in training are the identity after it.
static void addRandomLayers(Cases &cases) {
  for (std::string name : {"dropout", "spatial_dropout", "drop_path"}) {
    LibraryCase inference{name,
                          "x -> " + name,
                          {samples("x", 2, {2, 3})},
                          one([](const Arguments &in) { return in["x"].tensor; })};
    inference.mode = gnc::dsl::ast::Mode::Infer;
    cases.push_back(inference);
  }
}

static void addSampleNorms(Cases &cases) {
  Operand x = samples("x", 2, {4, 2, 3}, 12), tokens = samples("x", 2, {3, 5}, 17);
  cases.push_back({"standardize", "standardize(x)", {x}, normalised(sameSample)});
  cases.push_back({"layer_norm", "x -> layer_norm", {x}, normalised(sameSample, scaledAll)});
  cases.push_back({"standardize_each", "standardize_each(x)", {tokens}, normalised(samePosition)});
  cases.push_back(
      {"layer_norm_each", "x -> layer_norm_each", {tokens}, normalised(samePosition, scaledLast)});
  cases.push_back(
      {"standardize_groups", "standardize_groups(x, groups = 2)", {x}, normalised(sameGroup)});
  cases.push_back({"group_norm", "x -> group_norm(2)", {x}, normalised(sameGroup, scaledChannel)});
  cases.push_back({"instance_norm", "x -> instance_norm", {x}, normalised(sameMap, scaledChannel)});
  std::vector<Operand> scaled{samples("x", 2, {3, 2}), numbers("g", {3, 2}, 33),
                              numbers("b", {3, 2}, 34)};
  cases.push_back({"scale_shift", "scale_shift(x, g, b)", scaled, one([](const Arguments &in) {
                     return fill({2, 3, 2}, [&](At o) { return scaledAll(in["x"](o), o, in); });
                   })});
  std::vector<Operand> each{tokens, numbers("g", {5}, 35), numbers("b", {5}, 36)};
  cases.push_back(
      {"scale_shift_each", "scale_shift_each(x, g, b)", each, one([](const Arguments &in) {
         return fill({2, 3, 5}, [&](At o) { return scaledLast(in["x"](o), o, in); });
       })});
}

static void addOthers(Cases &cases) {
  cases.push_back({"local_response_norm",
                   "local_response_norm(x, n = 3, alpha = 0.5)",
                   {samples("x", 2, {5, 2}, 18, -3, 3)},
                   one([](const Arguments &in) {
                     View x = in["x"];
                     return fill({2, 5, 2}, [&](At o) {
                       double sum = 0;
                       for (int64_t c = o[1] - 1; c <= o[1] + 1; ++c)
                         sum += std::pow(x({o[0], c, o[2]}), 2);
                       return x(o) / std::pow(2 + 0.5 * sum, 0.75);
                     });
                   })});
  auto unit = one([](const Arguments &in) {
    View x = in["x"];
    return fill({x.extent(0), x.extent(1)}, [&](At o) {
      double sum = 1e-12;
      for (int64_t i = 0; i < x.extent(1); ++i)
        sum += std::pow(x({o[0], i}), 2);
      return x(o) / std::sqrt(sum);
    });
  });
  cases.push_back({"l2_normalize", "l2_normalize(x)", {samples("x", 2, {4}, 19)}, unit});
  cases.push_back({"l2_normalize",
                   "l2_normalize(x)",
                   {with(samples("x", 1, {3}), {0, 1e-6, -1e-6})},
                   unit,
                   "",
                   true});
}

void gnc::test::addNormCases(Cases &cases) {
  addBatchNorm(cases);
  addSampleNorms(cases);
  addOthers(cases);
  addStage(cases);
  addRandomLayers(cases);
}
