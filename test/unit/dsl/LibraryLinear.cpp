// Products of matrices, attention, and arithmetic of channels.
#include "LibraryCase.h"

#include <cmath>

using namespace gnc;
using namespace gnc::test;

/// The rows of `x` [.., I], times w [O, I], plus b.
static TensorValue affine(View x, View w, const View *b = nullptr) {
  std::vector<int64_t> shape(x.tensor.shape.begin(), x.tensor.shape.end());
  const int64_t in = shape.back();
  shape.back() = w.extent(0);
  size_t row = 0;
  TensorValue y = fill(shape, [&](At at) {
    double sum = b ? (*b)({at.back()}) : 0;
    for (int64_t i = 0; i < in; ++i)
      sum += w({at.back(), i}) * x.tensor.data[row / shape.back() * in + i];
    ++row;
    return sum;
  });
  return y;
}

static TensorValue attended(View q, View k, View v, bool causal) {
  const int64_t n = q.extent(0), heads = q.extent(1), t = q.extent(2), d = q.extent(3),
                s = k.extent(2), e = v.extent(3);
  return fill({n, heads, t, e}, [&](At o) {
    double total = 0, sum = 0;
    for (int64_t j = 0; j < s; ++j) {
      double dot = 0;
      for (int64_t i = 0; i < d; ++i)
        dot += q({o[0], o[1], o[2], i}) * k({o[0], o[1], j, i});
      double weight = causal && j > o[2] ? 0 : std::exp(dot / std::sqrt(double(d)));
      total += weight;
      sum += weight * v({o[0], o[1], j, o[3]});
    }
    return sum / total;
  });
}

/// [n, T, D] to [n, heads, T, D / heads].
static TensorValue split(View x, int64_t heads) {
  const int64_t d = x.extent(2) / heads;
  return fill({x.extent(0), heads, x.extent(1), d},
              [&](At o) { return x({o[0], o[2], o[1] * d + o[3]}); });
}
static TensorValue join(View x) {
  const int64_t d = x.extent(3);
  return fill({x.extent(0), x.extent(2), x.extent(1) * d},
              [&](At o) { return x({o[0], o[2] / d, o[1], o[2] % d}); });
}

static TensorValue selfAttention(const Arguments &in, int64_t heads) {
  auto project = [&](View x, const std::string &layer) {
    View w = in[layer + ".w"], b = in[layer + ".b"];
    return affine(x, w, &b);
  };
  View x = in["x"];
  TensorValue parts[3];
  const char *layers[] = {"linear_each", "linear_each.2", "linear_each.3"};
  for (int i = 0; i < 3; ++i) {
    TensorValue projected = project(x, layers[i]);
    parts[i] = split(View{projected}, heads);
  }
  TensorValue mixed = attended(View{parts[0]}, View{parts[1]}, View{parts[2]}, false);
  TensorValue joined = join(View{mixed});
  return project(View{joined}, "linear_each.4");
}

static void addProducts(Cases &cases) {
  auto product = one([](const Arguments &in) { return affine(in["x"], in["w"]); });
  Operand w = numbers("w", {3, 5}, 28);
  cases.push_back({"matvec", "matvec(x, w)", {samples("x", 2, {5}), w}, product});
  cases.push_back({"matvec", "matvec(x, w)", {samples("x", 2, {2, 3, 5}), w}, product});
  auto biased = one([](const Arguments &in) {
    View b = in["b"];
    return affine(in["x"], in["w"], &b);
  });
  cases.push_back({"linear", "x -> linear(4)", {samples("x", 2, {5})}, biased});
  cases.push_back({"linear_each", "x -> linear_each(4)", {samples("x", 2, {3, 5})}, biased});
  auto matrices = [](std::vector<int64_t> stack) {
    return one([stack](const Arguments &in) {
      std::vector<int64_t> shape{2};
      shape.insert(shape.end(), stack.begin(), stack.end());
      shape.insert(shape.end(), {3, 2});
      return fill(shape, [&](At o) {
        std::vector<int64_t> a(o.begin(), o.end()), b(o.begin(), o.end());
        double sum = 0;
        for (int64_t i = 0; i < 4; ++i) {
          a[a.size() - 1] = b[b.size() - 2] = i;
          sum += in["a"](a) * in["b"](b);
        }
        return sum;
      });
    });
  };
  cases.push_back({"matmul",
                   "matmul(a, b)",
                   {samples("a", 2, {3, 4}), samples("b", 2, {4, 2}, 2)},
                   matrices({})});
  cases.push_back({"matmul",
                   "matmul(a, b)",
                   {samples("a", 2, {5, 3, 4}), samples("b", 2, {5, 4, 2}, 2)},
                   matrices({5})});
}

static void addAttention(Cases &cases) {
  std::vector<Operand> operands{samples("q", 2, {2, 3, 4}, 1, -2, 2), samples("k", 2, {2, 3, 4}, 2),
                                samples("v", 2, {2, 3, 5}, 3)};
  for (bool causal : {false, true})
    cases.push_back({"attend", causal ? "attend(q, k, v, causal = true)" : "attend(q, k, v)",
                     operands, one([causal](const Arguments &in) {
                       return attended(in["q"], in["k"], in["v"], causal);
                     })});
  cases.push_back({"split_heads",
                   "split_heads(x, heads = 2)",
                   {samples("x", 2, {3, 6})},
                   one([](const Arguments &in) { return split(in["x"], 2); })});
  cases.push_back(
      {"join_heads", "join_heads(x)", {samples("x", 2, {2, 3, 4})}, one([](const Arguments &in) {
         return join(in["x"]);
       })});
  cases.push_back(
      {"attention", "x -> attention(2)", {samples("x", 2, {3, 4})}, one([](const Arguments &in) {
         return selfAttention(in, 2);
       })});
}

/// y[c, ..] from x[c, ..] and numbers of the channel.
static Reference channelwise(std::function<double(double, int64_t, const Arguments &)> value) {
  return one([value](const Arguments &in) {
    View x = in["x"];
    return fill({x.tensor.shape.begin(), x.tensor.shape.end()},
                [&](At o) { return value(x(o), o[1], in); });
  });
}

static void addChannels(Cases &cases) {
  Operand x = samples("x", 2, {2, 4, 3}, 21), a = numbers("a", {2}, 22, 0.5, 2);
  cases.push_back(
      {"add_channel", "add_channel(x, a)", {x, a}, channelwise([](double v, int64_t c, auto &in) {
         return v + in["a"]({c});
       })});
  cases.push_back(
      {"mul_channel", "mul_channel(x, a)", {x, a}, channelwise([](double v, int64_t c, auto &in) {
         return v * in["a"]({c});
       })});
  cases.push_back(
      {"normalize",
       "normalize(x, mean = [0.1, 0.2], std = 3)",
       {x},
       channelwise([](double v, int64_t c, auto &) { return (v - (c ? 0.2 : 0.1)) / 3; })});
  auto sloped =
      channelwise([](double v, int64_t c, auto &in) { return v > 0 ? v : v * in["a"]({c}); });
  cases.push_back({"prelu_with", "prelu_with(x, a)", {x, a}, sloped});
  cases.push_back({"prelu", "x -> prelu", {x}, sloped});
  cases.push_back({"add", "add(x, a)", {samples("x", 2, {3, 2}), a}, one([](const Arguments &in) {
                     return fill({2, 3, 2}, [&](At o) { return in["x"](o) + in["a"]({o[2]}); });
                   })});
}

void gnc::test::addLinearCases(Cases &cases) {
  addProducts(cases);
  addAttention(cases);
  addChannels(cases);
}
