// Losses and metrics of one sample.
#include "LibraryCase.h"

#include <algorithm>
#include <cmath>

using namespace gnc;
using namespace gnc::test;

/// log softmax of z[n, ., p..] at class k.
static double logSoftmax(View z, int64_t n, int64_t k, At place) {
  auto score = [&](int64_t c) {
    std::vector<int64_t> at{n, c};
    at.insert(at.end(), place.begin(), place.end());
    return z(at);
  };
  double best = -INFINITY, total = 0;
  for (int64_t c = 0; c < z.extent(1); ++c)
    best = std::max(best, score(c));
  for (int64_t c = 0; c < z.extent(1); ++c)
    total += std::exp(score(c) - best);
  return score(k) - best - std::log(total);
}

/// One number a sample.
static Reference samplewise(std::function<double(int64_t, const Arguments &)> loss) {
  return one([loss](const Arguments &in) {
    View first = in["z"];
    return fill({first.extent(0)}, [&](At o) { return loss(o[0], in); });
  });
}

/// The mean over the elements of one sample of z and r.
static Reference meanOf(double (*term)(double z, double r)) {
  return samplewise([term](int64_t n, const Arguments &in) {
    View z = in["z"], r = in["r"];
    size_t count = z.tensor.data.size() / z.extent(0);
    double sum = 0;
    for (size_t i = 0; i < count; ++i)
      sum += term(z.tensor.data[n * count + i], r.tensor.data[n * count + i]);
    return sum / double(count);
  });
}

/// Scores without ties or near ties.
static Operand scores(int64_t n, std::vector<int64_t> shape) {
  Operand z = samples("z", n, shape);
  for (size_t i = 0; i < z.value.data.size(); ++i)
    z.value.data[i] = double((i * 37) % z.value.data.size()) / 7 - 1;
  return z;
}
/// Distributions over 4 classes, one with a zero.
static Operand distributions() {
  return with(samples("r", 3, {4}), {.1, .2, .3, .4, .7, .1, .1, .1, .25, .5, 0.1, .15});
}
static Operand extremeScores() {
  return with(samples("z", 3, {4}), {100, -100, 30, -30, 1e-6, -1e-6, 0, 1e-6, -30, -31, -29, 30});
}

static double target(const Arguments &in, At at) { return in["t"](at); }
static int64_t label(const Arguments &in, At at) { return int64_t(target(in, at)); }

static void addClassLosses(Cases &cases) {
  Operand t = classes("t", 3, {}, 4);
  auto add = [&](const char *name, const char *expression, const Reference &reference) {
    cases.push_back({name, expression, {scores(3, {4}), t}, reference});
    cases.push_back({name, expression, {extremeScores(), t}, reference, "", true});
  };
  add("cross_entropy", "cross_entropy(z, t)", samplewise([](int64_t n, const Arguments &in) {
        return -logSoftmax(in["z"], n, label(in, {n}), {});
      }));
  add("cross_entropy", "cross_entropy(z, t, smooth = 0.1, weights = [1, 2, 0.5, 3], ignore = 2)",
      samplewise([](int64_t n, const Arguments &in) {
        const double weights[] = {1, 2, 0.5, 3};
        int64_t c = label(in, {n});
        if (c == 2)
          return 0.0;
        double loss = -0.9 * weights[c] * logSoftmax(in["z"], n, c, {});
        for (int64_t k = 0; k < 4; ++k)
          loss -= 0.1 / 4 * weights[k] * logSoftmax(in["z"], n, k, {});
        return loss;
      }));
  add("focal_loss", "focal_loss(z, t)", samplewise([](int64_t n, const Arguments &in) {
        double e = -logSoftmax(in["z"], n, label(in, {n}), {});
        return std::pow(std::expm1(-e), 2) * e;
      }));
  cases.push_back({"focal_loss",
                   "focal_loss(z, t, gamma = 1.5)",
                   {scores(3, {4}), t},
                   samplewise([](int64_t n, const Arguments &in) {
                     double e = -logSoftmax(in["z"], n, label(in, {n}), {});
                     return std::pow(-std::expm1(-e), 1.5) * e;
                   })});
}

static void addDistributionLosses(Cases &cases) {
  auto soft = samplewise([](int64_t n, const Arguments &in) {
    double loss = 0;
    for (int64_t k = 0; k < 4; ++k)
      loss -= in["r"]({n, k}) * logSoftmax(in["z"], n, k, {});
    return loss;
  });
  auto divergence = samplewise([](int64_t n, const Arguments &in) {
    double loss = 0;
    for (int64_t k = 0; k < 4; ++k) {
      double r = in["r"]({n, k});
      loss += r > 0 ? r * (std::log(r) - logSoftmax(in["z"], n, k, {})) : 0;
    }
    return loss;
  });
  Operand some = distributions();
  some.value.data[10] = 0.05; // a difference quotient needs room on both sides
  for (auto [z, extreme] : {std::pair{scores(3, {4}), false}, {extremeScores(), true}}) {
    cases.push_back(
        {"soft_cross_entropy", "soft_cross_entropy(z, r)", {z, some}, soft, "", extreme});
    cases.push_back({"kl_divergence", "kl_divergence(z, r)", {z, some}, divergence, "", extreme});
  }
  Operand zero = distributions();
  zero.value.data[10] = 0;
  cases.push_back({"kl_divergence",
                   "kl_divergence(z, r)",
                   {scores(3, {4}), zero},
                   divergence,
                   "the logarithm of 0 has none",
                   true});
}

static Reference softmaxOf(bool logarithm) {
  return one([logarithm](const Arguments &in) {
    View z = in["z"];
    return fill({z.tensor.shape.begin(), z.tensor.shape.end()}, [&](At o) {
      double p = logSoftmax(z, o[0], o[1], o.drop_front(2));
      return logarithm ? p : std::exp(p);
    });
  });
}

static void addSoftmax(Cases &cases) {
  for (bool logarithm : {false, true}) {
    std::string name = logarithm ? "log_softmax" : "softmax";
    for (const Operand &z : {scores(3, {4}), scores(2, {3, 2, 2})})
      cases.push_back({name, name + "(z)", {z}, softmaxOf(logarithm)});
    cases.push_back({name, name + "(z)", {extremeScores()}, softmaxOf(logarithm), "", true});
  }
}

static void addMapLosses(Cases &cases) {
  std::vector<Operand> operands{scores(2, {3, 2, 2}), classes("t", 2, {2, 2}, 3)};
  auto weighted = [](std::vector<double> weights) {
    return samplewise([weights](int64_t n, const Arguments &in) {
      double loss = 0, total = 0;
      for (int64_t p = 0; p < 4; ++p) {
        int64_t c = label(in, {n, p / 2, p % 2});
        loss -= weights[c] * logSoftmax(in["z"], n, c, {p / 2, p % 2});
        total += weights[c];
      }
      return loss / total;
    });
  };
  cases.push_back({"map_cross_entropy", "map_cross_entropy(z, t)", operands, weighted({1, 1, 1})});
  cases.push_back({"map_cross_entropy", "map_cross_entropy(z, t, weights = [1, 2, 4], ignore = 0)",
                   operands, weighted({0, 2, 4})});
  cases.push_back(
      {"dice_loss", "dice_loss(z, t)", operands, samplewise([](int64_t n, const Arguments &in) {
         double loss = 1;
         for (int64_t k = 0; k < 3; ++k) {
           double both = 0, all = 0;
           for (int64_t p = 0; p < 4; ++p) {
             double s = std::exp(logSoftmax(in["z"], n, k, {p / 2, p % 2}));
             bool is = label(in, {n, p / 2, p % 2}) == k;
             both += is ? s : 0, all += s + is;
           }
           loss -= (2 * both + 1) / (all + 1) / 3;
         }
         return loss;
       })});
  cases.push_back({"map_accuracy", "map_accuracy(z, t)", operands,
                   samplewise([](int64_t n, const Arguments &in) {
                     double right = 0;
                     for (int64_t p = 0; p < 4; ++p) {
                       int64_t best = 0;
                       for (int64_t k = 1; k < 3; ++k)
                         if (in["z"]({n, k, p / 2, p % 2}) > in["z"]({n, best, p / 2, p % 2}))
                           best = k;
                       right += best == label(in, {n, p / 2, p % 2});
                     }
                     return right / 4;
                   }),
                   "counts"});
}

static double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
static double focal(double z, double r) {
  double e = softplus(z) - r * z;
  return (0.25 * r + 0.75 * (1 - r)) * std::pow(std::expm1(-e), 2) * e;
}

static void addElementLosses(Cases &cases) {
  Operand z = scores(3, {4}), r = samples("r", 3, {4}, 35, 0, 1);
  Operand truth = with(samples("r", 3, {4}), {1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0});
  auto add = [&](const char *name, const char *expression, double (*term)(double, double)) {
    cases.push_back({name, expression, {z, r}, meanOf(term)});
    cases.push_back({name, expression, {extremeScores(), truth}, meanOf(term), "", true});
  };
  add("binary_cross_entropy", "binary_cross_entropy(z, r)",
      [](double z, double r) { return softplus(z) - r * z; });
  add("binary_cross_entropy", "binary_cross_entropy(z, r, positive = 3)",
      [](double z, double r) { return (1 - r) * softplus(z) + 3 * r * softplus(-z); });
  add("binary_focal_loss", "binary_focal_loss(z, r)", focal);
  add("mse", "mse(z, r)", [](double z, double r) { return (z - r) * (z - r); });
  add("mae", "mae(z, r)", [](double z, double r) { return std::fabs(z - r); });
  add("huber", "huber(z, r, delta = 0.5)", [](double z, double r) {
    double e = std::fabs(z - r);
    return e < 0.5 ? e * e / 2 : 0.5 * (e - 0.25);
  });
}

static double apart(const Arguments &in, const char *a, const char *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < 4; ++i)
    sum += std::pow(in[a]({n, i}) - in[b]({n, i}), 2);
  return sum;
}

static void addPairLosses(Cases &cases) {
  std::vector<Operand> three{scores(3, {4}), samples("p", 3, {4}, 5), samples("q", 3, {4}, 6)};
  cases.push_back({"triplet_loss", "triplet_loss(z, p, q)", three,
                   samplewise([](int64_t n, const Arguments &in) {
                     return std::max(apart(in, "z", "p", n) - apart(in, "z", "q", n) + 0.2, 0.0);
                   })});
  auto root = samplewise(
      [](int64_t n, const Arguments &in) { return std::sqrt(apart(in, "z", "p", n) + 1e-12); });
  cases.push_back({"distance", "distance(z, p)", {three[0], three[1]}, root});
  Operand same = three[0];
  same.name = "p";
  cases.push_back({"distance", "distance(z, p)", {three[0], same}, root, "", true});
  cases.push_back({"contrastive_loss",
                   "contrastive_loss(z, s)",
                   {with(samples("z", 4, {}), {0.3, 0.4, 1.7, 0.6}),
                    with(classes("s", 4, {}, 2), {1, 0, 0, 1})},
                   samplewise([](int64_t n, const Arguments &in) {
                     double r = in["z"]({n});
                     return std::pow(in["s"]({n}) == 1 ? r : std::max(1 - r, 0.0), 2);
                   })});
}

static void addPenalties(Cases &cases) {
  auto sum = [](double (*term)(double)) {
    return one([term](const Arguments &in) {
      return fill({}, [&](At) {
        double total = 0;
        for (double w : in["w"].tensor.data)
          total += term(w);
        return total;
      });
    });
  };
  Operand w = numbers("w", {3, 2});
  cases.push_back({"l2", "l2(w)", {w}, sum([](double x) { return x * x; })});
  cases.push_back({"l1", "l1(w)", {w}, sum([](double x) { return std::fabs(x); })});
}

static void addMetrics(Cases &cases) {
  std::vector<Operand> operands{with(samples("z", 3, {3}), {1, 3, 2, 5, 4, 4, 0, 0, 0}),
                                with(classes("t", 3, {}, 3), {1, 1, 0})};
  auto known = [](std::vector<double> values) {
    return one([values](const Arguments &) {
      TensorValue tensor({3});
      tensor.data = values;
      return tensor;
    });
  };
  cases.push_back({"accuracy", "accuracy(z, t)", operands, known({1, 0, 1}), "counts"});
  cases.push_back({"top", "top(z, t, n = 2)", operands, known({1, 1, 1}), "counts"});
  cases.push_back({"top", "top(z, t, n = 1)", operands, known({1, 0, 1}), "counts"});
}

void gnc::test::addLossCases(Cases &cases) {
  addClassLosses(cases);
  addDistributionLosses(cases);
  addSoftmax(cases);
  addMapLosses(cases);
  addElementLosses(cases);
  addPairLosses(cases);
  addPenalties(cases);
  addMetrics(cases);
}
