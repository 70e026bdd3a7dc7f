// Whole kernels, from CUDA C++ that nvrtc compiles on the spot.
#include "Harness.h"
#include "test/Tolerance.h"

#include <cmath>

using namespace gnc::test;

namespace {
class KernelTest : public testing::TestWithParam<bool> {
protected:
  void SetUp() override {
    static const std::string text = compileInput("kernels.cu");
    if (text.empty())
      GTEST_SKIP() << "no nvrtc";
    ASSERT_TRUE(device.load(text));
  }
  void expectOk(const Outcome &outcome) { EXPECT_TRUE(outcome.ok()) << outcome.text(); }
  Device device{GetParam()};
};

std::vector<float> wholes(size_t n, size_t from = 0) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i)
    values[i] = wholeAt(i + from);
  return values;
}
} // namespace

// Whole numbers: every sum is exact, on edges of tiles too.
TEST_P(KernelTest, tiledProduct) {
  const int m = 70, n = 90, k = 37;
  std::vector<float> a = wholes(m * k), b = wholes(k * n, 5), expected(m * n);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j)
      for (int s = 0; s < k; ++s)
        expected[i * n + j] += a[i * k + s] * b[s * n + j];
  uint64_t c = device.room<float>(m * n);
  expectOk(device.run("tiledProduct", {2, 2, 1}, {256, 1, 1},
                      {device.buffer(a), device.buffer(b), c, m, n, k}));
  EXPECT_EQ(device.read<float>(c, m * n), expected);
}

TEST_P(KernelTest, convolution) {
  const int channels = 3, size = 9, filters = 5, window = 3, out = 7;
  std::vector<float> x = wholes(channels * size * size), w = wholes(filters * channels * 9, 3),
                     expected(filters * out * out);
  for (int f = 0; f < filters; ++f)
    for (int i = 0; i < out; ++i)
      for (int j = 0; j < out; ++j)
        for (int c = 0; c < channels; ++c)
          for (int r = 0; r < window; ++r)
            for (int s = 0; s < window; ++s)
              expected[(f * out + i) * out + j] +=
                  w[((f * channels + c) * window + r) * window + s] *
                  x[(c * size + i + r) * size + j + s];
  uint64_t y = device.room<float>(expected.size());
  expectOk(device.run("convolution", {3, 1, 1}, {96, 1, 1},
                      {device.buffer(x), device.buffer(w), y, channels, size, filters, window}));
  EXPECT_EQ(device.read<float>(y, expected.size()), expected);
}

TEST_P(KernelTest, rowSums) {
  const int rows = 3, n = 1000;
  std::vector<float> x = wholes(rows * n), expected(rows);
  for (int i = 0; i < rows * n; ++i)
    expected[i / n] += x[i];
  uint64_t y = device.room<float>(rows);
  expectOk(device.run("rowSums", {3, 1, 1}, {256, 1, 1}, {device.buffer(x), y, n}));
  EXPECT_EQ(device.read<float>(y, rows), expected);
}

TEST_P(KernelTest, softmax) {
  const int n = 70;
  std::vector<float> x(2 * n);
  for (int i = 0; i < 2 * n; ++i)
    x[i] = 0.3f * wholeAt(i);
  uint64_t y = device.room<float>(2 * n);
  expectOk(device.run("softmax", {2, 1, 1}, {32, 1, 1}, {device.buffer(x), y, n}));
  std::vector<float> found = device.read<float>(y, 2 * n);
  for (int row = 0; row < 2; ++row) {
    double sum = 0;
    for (int i = 0; i < n; ++i)
      sum += std::exp(static_cast<double>(x[row * n + i]));
    for (int i = 0; i < n; ++i) {
      double truth = std::exp(static_cast<double>(x[row * n + i])) / sum;
      // The difference, exp (2 units), the sum and the quotient round; the difference, up to 5, is
      // what exp multiplies.
      EXPECT_NEAR(found[row * n + i], truth, roundings(n + 2 + 4 + 1 + 5) * truth);
    }
  }
}

// libdevice's code: directed rounding, f64, tables, local memory (sinf of large arguments).
TEST_P(KernelTest, functions) {
  const int n = 100;
  std::vector<float> x(n);
  for (int i = 0; i < n; ++i)
    x[i] = 0.11f * static_cast<float>(i - 50);
  uint64_t y = device.room<float>(8 * n);
  expectOk(device.run("functions", {1, 1, 1}, {128, 1, 1}, {device.buffer(x), y, n}));
  std::vector<float> found = device.read<float>(y, 8 * n);
  auto expect = [&](int which, int i, double truth, double ulps) {
    EXPECT_LE(floatsBetween(found[which * n + i], static_cast<float>(truth)), ulps + 1)
        << which << " of " << x[i];
  };
  for (int i = 0; i < n; ++i) { // errors as the CUDA C++ Programming Guide states them
    double v = x[i], absolute = std::fabs(x[i]);
    expect(0, i, std::exp(v), 2);
    expect(1, i, std::log(static_cast<double>(std::fabs(x[i]) + 1)), 1);
    expect(2, i, std::tanh(v), 2);
    expect(3, i, std::sin(static_cast<double>(x[i] * 1000)), 2);
    expect(4, i, std::pow(absolute, static_cast<double>(1.3f)), 4);
    expect(5, i, std::erf(v), 2);
    expect(7, i, std::fmod(x[i], 0.7f), 0);
  }
}

TEST_P(KernelTest, adam) {
  const int n = 50;
  std::vector<float> w = wholes(n), m(n), v(n), g = wholes(n, 9);
  uint64_t weight = device.buffer(w);
  expectOk(device.run("adam", {1, 1, 1}, {64, 1, 1},
                      {weight, device.buffer(m), device.buffer(v), device.buffer(g), n, 0.01f}));
  std::vector<float> found = device.read<float>(weight, n);
  for (int i = 0; i < n; ++i) {
    double step = 0.01 * 0.1 * g[i] / (std::sqrt(0.001 * g[i] * g[i]) + 1e-8);
    EXPECT_NEAR(found[i], w[i] - step, roundings(8) * (std::fabs(w[i]) + std::fabs(step)));
  }
}

TEST_P(KernelTest, atomics) {
  const int n = 1000;
  std::vector<int> x(n), expected(16);
  for (int i = 0; i < n; ++i)
    ++expected[(x[i] = i * i % 23) & 15];
  uint64_t count = device.buffer(std::vector<int>(16));
  expectOk(device.run("histogram", {3, 1, 1}, {64, 1, 1}, {device.buffer(x), count, n}));
  EXPECT_EQ(device.read<int>(count, 16), expected);
}

TEST_P(KernelTest, calls) {
  std::vector<int> x(40), expected(40);
  for (int i = 0; i < 40; ++i) {
    x[i] = i + 1;
    for (int k = i + 1; k != 1; ++expected[i])
      k = k % 2 ? 3 * k + 1 : k / 2;
  }
  uint64_t y = device.room<int>(40);
  expectOk(device.run("calls", {1, 1, 1}, {40, 1, 1}, {device.buffer(x), y}));
  EXPECT_EQ(device.read<int>(y, 40), expected);
}

// Lanes spin on one of their own warp: no lane may starve.
TEST_P(KernelTest, lock) {
  uint64_t state = device.buffer(std::vector<int>(1)), total = device.buffer(std::vector<int>(1));
  device.options.globalRaces = false; // the lock's, not a barrier's, ordering
  expectOk(device.run("lock", {2, 1, 1}, {64, 1, 1}, {state, total}));
  EXPECT_EQ(device.read<int>(total, 1)[0], 128);
}

// Blocks spin on later ones: several live at once.
TEST_P(KernelTest, waitForNext) {
  uint64_t flag = device.buffer(std::vector<int>(4)), order = device.room<int>(3);
  device.options.globalRaces = false;
  expectOk(device.run("waitForNext", {3, 1, 1}, {1, 1, 1}, {flag, order}));
  EXPECT_EQ(device.read<int>(order, 3), (std::vector<int>{2, 1, 0}));
}

INSTANTIATE_TEST_SUITE_P(Modes, KernelTest, testing::Values(false, true),
                         [](const auto &info) { return info.param ? "checked" : "fast"; });
