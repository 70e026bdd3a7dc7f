// The values of the library's ops against plain loops.
#include "OpHarness.h"
#include "test/Tolerance.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

namespace {
/// Reads a tensor by indices; 0 outside.
struct View {
  const TensorValue &tensor;
  double operator()(std::initializer_list<int64_t> at) const {
    int64_t offset = 0, dim = 0;
    for (int64_t i : at) {
      int64_t extent = tensor.shape[dim++];
      if (i < 0 || i >= extent)
        return 0;
      offset = offset * extent + i;
    }
    return tensor.data[offset];
  }
};

void expectNear(const TensorValue &found, const std::vector<int64_t> &shape,
                const std::vector<double> &expected) {
  ASSERT_EQ(std::vector<int64_t>(found.shape.begin(), found.shape.end()), shape);
  ASSERT_EQ(found.data.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found.data[i], expected[i], kConstants32 * (1 + std::fabs(expected[i])))
        << "element " << i;
}

/// Fills a result of `shape` from its indices.
std::vector<double> fill(std::vector<int64_t> shape,
                         const std::function<double(const std::vector<int64_t> &)> &at) {
  std::vector<double> data;
  std::vector<int64_t> index(shape.size(), 0);
  while (true) {
    data.push_back(at(index));
    size_t d = shape.size();
    while (d > 0 && ++index[d - 1] == shape[d - 1])
      index[--d] = 0;
    if (d == 0)
      return data;
  }
}
} // namespace

//===- convolution --------------------------------------------------------------------------===//

struct ConvCase {
  int64_t channels, outputs, size, stride, pad, dilate, groups;
};

static void checkConv(const ConvCase &c) {
  const int64_t n = 2, h = 7, w = 6, d = c.channels / c.groups, m = c.outputs / c.groups;
  Operand x = samples("x", n, {c.channels, h, w}, 1);
  Operand f = numbers("w", {c.outputs, d, c.size, c.size}, 2);
  auto text = "conv2d(x, w, stride = " + std::to_string(c.stride) +
              ", pad = " + std::to_string(c.pad) + ", dilate = " + std::to_string(c.dilate) + ")";
  Program program("", text, {x, f});
  int64_t oh = (h + 2 * c.pad - c.dilate * (c.size - 1) - 1) / c.stride + 1;
  int64_t ow = (w + 2 * c.pad - c.dilate * (c.size - 1) - 1) / c.stride + 1;
  View image{x.value}, weight{f.value};
  expectNear(program.value(), {n, c.outputs, oh, ow},
             fill({n, c.outputs, oh, ow}, [&](const std::vector<int64_t> &o) {
               double sum = 0;
               for (int64_t k = 0; k < d; ++k)
                 for (int64_t r = 0; r < c.size; ++r)
                   for (int64_t s = 0; s < c.size; ++s)
                     sum += weight({o[1], k, r, s}) *
                            image({o[0], o[1] / m * d + k, o[2] * c.stride + r * c.dilate - c.pad,
                                   o[3] * c.stride + s * c.dilate - c.pad});
               return sum;
             }));
}

TEST(OpValue, Conv2d) {
  checkConv({3, 4, 3, 1, 0, 1, 1});
  checkConv({3, 4, 3, 1, 1, 1, 1});
  checkConv({2, 2, 3, 2, 1, 1, 1});
  checkConv({2, 2, 2, 3, 0, 1, 1});
  checkConv({2, 3, 3, 1, 2, 2, 1});
  checkConv({4, 6, 3, 2, 1, 1, 2});
  checkConv({4, 4, 3, 1, 1, 1, 4}); // depthwise
  checkConv({4, 8, 1, 1, 0, 1, 1});
  checkConv({4, 8, 1, 2, 0, 1, 4});
}

/// Every input cell is spread over the output: the definition that the gather must agree with.
static void checkConvUp(int64_t size, int64_t stride, int64_t pad) {
  const int64_t n = 2, c = 2, k = 3, h = 4, w = 3;
  Operand x = samples("x", n, {c, h, w}, 3);
  Operand f = numbers("w", {c, k, size, size}, 4);
  Program program("",
                  "conv2d_up(x, w, stride = " + std::to_string(stride) +
                      ", pad = " + std::to_string(pad) + ")",
                  {x, f});
  int64_t oh = (h - 1) * stride + size - 2 * pad, ow = (w - 1) * stride + size - 2 * pad;
  std::vector<double> expected(n * k * oh * ow, 0);
  View image{x.value}, weight{f.value};
  for (int64_t b = 0; b < n; ++b)
    for (int64_t q = 0; q < c; ++q)
      for (int64_t p = 0; p < h * w; ++p)
        for (int64_t o = 0; o < k; ++o)
          for (int64_t t = 0; t < size * size; ++t) {
            int64_t i = p / w * stride + t / size - pad, j = p % w * stride + t % size - pad;
            if (i >= 0 && i < oh && j >= 0 && j < ow)
              expected[((b * k + o) * oh + i) * ow + j] +=
                  image({b, q, p / w, p % w}) * weight({q, o, t / size, t % size});
          }
  expectNear(program.value(), {n, k, oh, ow}, expected);
}

TEST(OpValue, Conv2dUp) {
  checkConvUp(2, 2, 0);
  checkConvUp(3, 2, 1);
  checkConvUp(3, 1, 0);
  checkConvUp(2, 3, 0);
}

//===- pooling, resampling ------------------------------------------------------------------===//

TEST(OpValue, Pools) {
  const int64_t n = 2, c = 2, h = 7, w = 6;
  for (auto [size, stride, pad] : {std::array{2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {2, 3, 1}}) {
    Operand x = samples("x", n, {c, h, w}, 5, -3, -1); // all below what pads
    std::string settings = "(x, size = " + std::to_string(size) +
                           ", stride = " + std::to_string(stride) +
                           ", pad = " + std::to_string(pad);
    int64_t oh = (h + 2 * pad - size) / stride + 1, ow = (w + 2 * pad - size) / stride + 1;
    View image{x.value};
    auto window = [&](const std::vector<int64_t> &o, double &best, double &sum, int64_t &inside) {
      best = -INFINITY, sum = 0, inside = 0;
      for (int64_t r = 0; r < size * size; ++r) {
        int64_t i = o[2] * stride + r / size - pad, j = o[3] * stride + r % size - pad;
        if (i < 0 || i >= h || j < 0 || j >= w)
          continue;
        best = std::max(best, image({o[0], o[1], i, j})), sum += image({o[0], o[1], i, j}),
        ++inside;
      }
    };
    auto expect = [&](const std::string &op, auto pick) {
      Program program("", op, {x});
      expectNear(program.value(), {n, c, oh, ow}, fill({n, c, oh, ow}, [&](const auto &o) {
                   double best, sum;
                   int64_t inside;
                   window(o, best, sum, inside);
                   return pick(best, sum, inside);
                 }));
    };
    expect("maxpool" + settings + ")", [](double best, double, int64_t) { return best; });
    expect("avgpool" + settings + ")",
           [size = size](double, double sum, int64_t) { return sum / (size * size); });
    expect("avgpool" + settings + ", padded = false)",
           [](double, double sum, int64_t inside) { return sum / inside; });
  }
}

TEST(OpValue, GlobalPools) {
  Operand x = samples("x", 2, {3, 4, 5}, 6);
  Program mean("", "global_avgpool(x)", {x}), best("", "global_maxpool(x)", {x});
  auto reduce = [&](auto combine, double start) {
    return fill({2, 3}, [&](const auto &o) {
      double total = start;
      for (int64_t i = 0; i < 20; ++i)
        total = combine(total, View{x.value}({o[0], o[1], i / 5, i % 5}));
      return total;
    });
  };
  auto sums = reduce([](double a, double b) { return a + b / 20; }, 0);
  expectNear(mean.value(), {2, 3}, sums);
  expectNear(best.value(), {2, 3}, reduce([](double a, double b) { return std::max(a, b); }, -9));
}

TEST(OpValue, Upsample) {
  Operand x = samples("x", 2, {2, 3, 4}, 7);
  Program program("", "upsample(x, by = 3)", {x});
  expectNear(program.value(), {2, 2, 9, 12}, fill({2, 2, 9, 12}, [&](const auto &o) {
               return View{x.value}({o[0], o[1], o[2] / 3, o[3] / 3});
             }));
}

TEST(OpValue, UpsampleLinear) {
  const int64_t h = 3, w = 4;
  Operand x = samples("x", 1, {1, h, w}, 7);
  for (int64_t by : {2, 3}) {
    Program program("", "upsample_linear(x, by = " + std::to_string(by) + ")", {x});
    auto along = [&](int64_t i, int64_t extent, int64_t &low, double &part) {
      double place = (i + 0.5) / by - 0.5;
      low = std::floor(place), part = place - low;
      return std::pair(std::clamp<int64_t>(low, 0, extent - 1),
                       std::clamp<int64_t>(low + 1, 0, extent - 1));
    };
    expectNear(program.value(), {1, 1, h * by, w * by},
               fill({1, 1, h * by, w * by}, [&](const auto &o) {
                 int64_t low;
                 double v, u;
                 auto [i0, i1] = along(o[2], h, low, v);
                 auto [j0, j1] = along(o[3], w, low, u);
                 View image{x.value};
                 return (1 - v) * ((1 - u) * image({0, 0, i0, j0}) + u * image({0, 0, i0, j1})) +
                        v * ((1 - u) * image({0, 0, i1, j0}) + u * image({0, 0, i1, j1}));
               }));
  }
}

//===- linear, norms ------------------------------------------------------------------------===//

TEST(OpValue, Linear) {
  Operand x = samples("x", 3, {5}, 8), w = numbers("w", {4, 5}, 9), b = numbers("b", {4}, 10);
  Program program("", "add(matvec(x, w), b)", {x, w, b});
  expectNear(program.value(), {3, 4}, fill({3, 4}, [&](const auto &o) {
               double sum = b.value.data[o[1]];
               for (int64_t i = 0; i < 5; ++i)
                 sum += View{w.value}({o[1], i}) * View{x.value}({o[0], i});
               return sum;
             }));
}

TEST(OpValue, Moments) {
  const int64_t n = 3, c = 2, count = n * 12;
  Operand x = samples("x", n, {c, 3, 4}, 11);
  Program program("", "moments(x)", {x});
  auto results = program.run();
  ASSERT_EQ(results.size(), 3u);
  for (int64_t k = 0; k < c; ++k) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < count; ++i)
      mean += x.value.data[(i / 12 * c + k) * 12 + i % 12] / count;
    for (int64_t i = 0; i < count; ++i)
      variance += std::pow(x.value.data[(i / 12 * c + k) * 12 + i % 12] - mean, 2) / count;
    EXPECT_NEAR(results[0].data[k], mean, kMany64);
    EXPECT_NEAR(results[1].data[k], variance, kMany64);
    EXPECT_NEAR(results[2].data[k], variance * count / (count - 1), kMany64);
  }
}

TEST(OpValue, Norms) {
  Operand x = samples("x", 2, {3, 2, 2}, 12), mu = numbers("mu", {3}, 13),
          var = numbers("var", {3}, 14, 0.5, 2), g = numbers("g", {3}, 15),
          b = numbers("b", {3}, 16);
  Program norm("", "channel_norm(x, mu, var, g, b)", {x, mu, var, g, b});
  expectNear(norm.value(), {2, 3, 2, 2}, fill({2, 3, 2, 2}, [&](const auto &o) {
               int64_t c = o[1];
               return g.value.data[c] * (View{x.value}({o[0], c, o[2], o[3]}) - mu.value.data[c]) /
                          std::sqrt(var.value.data[c] + double(1e-5f)) +
                      b.value.data[c];
             }));
  Program standard("", "standardize(x)", {x});
  TensorValue y = standard.value();
  for (int64_t sample = 0; sample < 2; ++sample) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < 12; ++i)
      mean += y.data[sample * 12 + i] / 12, square += std::pow(y.data[sample * 12 + i], 2) / 12;
    EXPECT_NEAR(mean, 0, kMany64);
    EXPECT_NEAR(square, 1, kNormalised);
  }
}

//===- losses -------------------------------------------------------------------------------===//

TEST(OpValue, Softmax) {
  Operand z = samples("z", 2, {5}, 17, -4, 4);
  Program program("", "softmax(z)", {z}), logs("", "log_softmax(z)", {z});
  auto expected = fill({2, 5}, [&](const auto &o) {
    double total = 0;
    for (int64_t k = 0; k < 5; ++k)
      total += std::exp(View{z.value}({o[0], k}));
    return std::exp(View{z.value}({o[0], o[1]})) / total;
  });
  expectNear(program.value(), {2, 5}, expected);
  for (double &p : expected)
    p = std::log(p);
  expectNear(logs.value(), {2, 5}, expected);
}

TEST(OpValue, CrossEntropy) {
  Operand z = samples("z", 4, {5}, 18, -4, 4), t = classes("t", 4, {}, 5);
  auto expected = fill({4}, [&](const auto &o) {
    double total = 0;
    for (int64_t k = 0; k < 5; ++k)
      total += std::exp(View{z.value}({o[0], k}));
    return std::log(total) - View{z.value}({o[0], int64_t(t.value.data[o[0]])});
  });
  Program program("", "cross_entropy(z, t)", {z, t});
  expectNear(program.value(), {4}, expected);
  // Without the shift exp would overflow in f32.
  Operand large = with(samples("z", 1, {3}), {1000, 999, -1000});
  Program stable("", "cross_entropy(z, t)", {large, with(classes("t", 1, {}, 3), {1})});
  expectNear(stable.value(Precision::F32), {1}, {std::log(1 + std::exp(-1.0)) + 1});
}

TEST(OpValue, MapCrossEntropy) {
  Operand z = samples("z", 2, {3, 2, 2}, 19), t = classes("t", 2, {2, 2}, 3);
  Program program("", "map_cross_entropy(z, t)", {z, t});
  expectNear(program.value(), {2}, fill({2}, [&](const auto &o) {
               double loss = 0;
               for (int64_t p = 0; p < 4; ++p) {
                 double total = 0;
                 for (int64_t k = 0; k < 3; ++k)
                   total += std::exp(View{z.value}({o[0], k, p / 2, p % 2}));
                 int64_t label = View{t.value}({o[0], p / 2, p % 2});
                 loss += (std::log(total) - View{z.value}({o[0], label, p / 2, p % 2})) / 4;
               }
               return loss;
             }));
}

TEST(OpValue, Accuracy) {
  Operand z = with(samples("z", 3, {3}), {1, 3, 2, 5, 4, 4, 0, 0, 0});
  Operand t = with(classes("t", 3, {}, 3), {1, 1, 0});
  expectNear(Program("", "accuracy(z, t)", {z, t}).value(), {3}, {1, 0, 1});
  expectNear(Program("", "top(z, t, n = 2)", {z, t}).value(), {3}, {1, 1, 1});
  expectNear(Program("", "top(z, t, n = 1)", {z, t}).value(), {3}, {1, 0, 1});
}
