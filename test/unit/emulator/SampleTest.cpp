// PTX from nvcc, clang and MLIR: the samples of the design, where GNC_PTX_SAMPLES names their
// folder. What nvrtc makes on the spot is in KernelTest.
#include "Harness.h"

#include <bit>
#include <cmath>
#include <cstdlib>

using namespace gnc::test;

namespace {
class SampleTest : public testing::TestWithParam<bool> {
protected:
  bool load(const std::string &name) {
    std::string text = sampleText(name);
    return !text.empty() && device.load(text);
  }
  std::vector<float> run(const char *kernel, std::array<uint32_t, 3> grid,
                         std::array<uint32_t, 3> block, std::vector<Device::Argument> arguments,
                         uint64_t result, size_t count) {
    Outcome outcome =
        arguments.size() == 2
            ? device.run(kernel, grid, block, {arguments[0], arguments[1]})
            : device.run(kernel, grid, block, {arguments[0], arguments[1], arguments[2]});
    EXPECT_TRUE(outcome.ok()) << kernel << ": " << outcome.text();
    return device.read<float>(result, count);
  }
  Device device{GetParam()};
};

#define LOAD(name) ASSERT_TRUE(load(name)) << "GNC_PTX_SAMPLES names no folder with " << name

/// Without samples there are no tests of them.
std::vector<bool> modes(std::vector<bool> wanted) {
  return std::getenv("GNC_PTX_SAMPLES") ? wanted : std::vector<bool>();
}

std::vector<float> wholes(size_t n, size_t from = 0) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i)
    values[i] = wholeAt(i + from);
  return values;
}
/// Small whole numbers are exact in 16 bits: the upper half of f32, or f16 by the host's type.
std::vector<uint16_t> brains(const std::vector<float> &values) {
  std::vector<uint16_t> bits;
  for (float value : values)
    bits.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
  return bits;
}
std::vector<_Float16> halves(const std::vector<float> &values) {
  return {values.begin(), values.end()};
}
std::vector<float> product(const std::vector<float> &a, const std::vector<float> &b, int m, int n,
                           int k, bool transposedB = false) {
  std::vector<float> c(static_cast<size_t>(m) * n);
  for (int i = 0; i < m; ++i)
    for (int s = 0; s < k; ++s)
      for (int j = 0; j < n; ++j)
        c[i * n + j] += a[i * k + s] * (transposedB ? b[j * k + s] : b[s * n + j]);
  return c;
}
} // namespace

TEST_P(SampleTest, sgemm) {
  LOAD("sgemm.sm80.ptx");
  const int m = 70, n = 100, k = 40;
  std::vector<float> a = wholes(m * k), b = wholes(k * n, 3), c = wholes(m * n, 7);
  uint64_t to = device.buffer(c);
  Outcome outcome = device.run("sgemm", {2, 2, 1}, {256, 1, 1},
                               {device.buffer(a), device.buffer(b), to, m, n, k, 2.0f, 3.0f});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  std::vector<float> expected = product(a, b, m, n, k);
  for (int i = 0; i < m * n; ++i)
    expected[i] = 2 * expected[i] + 3 * c[i];
  EXPECT_EQ(device.read<float>(to, m * n), expected);
}

TEST_P(SampleTest, convolution) {
  LOAD("conv.sm80.ptx");
  const int N = 2, C = 3, H = 10, W = 9, K = 70, R = 3, S = 2, stride = 2, pad = 1, OH = 5, OW = 5;
  std::vector<float> x = wholes(N * C * H * W), w = wholes(K * C * R * S, 2), bias = wholes(K, 5);
  std::vector<float> y(N * K * OH * OW), dw(K * C * R * S);
  auto each = [&](auto f) {
    for (int n = 0; n < N; ++n)
      for (int k = 0; k < K; ++k)
        for (int oh = 0; oh < OH; ++oh)
          for (int ow = 0; ow < OW; ++ow)
            for (int c = 0; c < C; ++c)
              for (int r = 0; r < R; ++r)
                for (int s = 0; s < S; ++s) {
                  int ih = oh * stride - pad + r, iw = ow * stride - pad + s;
                  if (ih >= 0 && ih < H && iw >= 0 && iw < W)
                    f(((n * K + k) * OH + oh) * OW + ow, ((k * C + c) * R + r) * S + s,
                      ((n * C + c) * H + ih) * W + iw);
                }
  };
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = bias[i / (OH * OW) % K];
  each([&](int o, int f, int i) { y[o] += w[f] * x[i]; });
  for (float &value : y)
    value = std::fmax(value, 0);
  uint64_t from = device.buffer(x), to = device.room<float>(y.size());
  Outcome outcome = device.run("conv_igemm", {1, 2, 1}, {256, 1, 1},
                               {from, device.buffer(w), device.buffer(bias), to, N, C, H, W, K, R,
                                S, OH, OW, stride, pad, 1});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(device.read<float>(to, y.size()), y);

  std::vector<float> dy = wholes(y.size(), 4);
  each([&](int o, int f, int i) { dw[f] += dy[o] * x[i]; });
  to = device.buffer(std::vector<float>(dw.size()));
  outcome = device.run("conv_wgrad", {static_cast<uint32_t>(dw.size()), 1, 1}, {64, 1, 1},
                       {from, device.buffer(dy), to, N, C, H, W, K, R, S, OH, OW, stride, pad});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(device.read<float>(to, dw.size()), dw);
}

// clang's PTX.
TEST_P(SampleTest, small) {
  LOAD("minik.sm80.ptx");
  const int m = 20, n = 30, k = 33;
  std::vector<float> a = wholes(m * k), b = wholes(k * n, 3);
  uint64_t to = device.room<float>(m * n);
  Outcome outcome =
      device.run("mm", {2, 2, 1}, {16, 16, 1}, {device.buffer(a), device.buffer(b), to, m, n, k});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(device.read<float>(to, m * n), product(a, b, m, n, k));
}

TEST_P(SampleTest, tensorCores) {
  LOAD("mma.sm80.ptx");
  const int m = 64, n = 64, k = 96;
  std::vector<float> a = wholes(m * k), b = wholes(k * n, 3);
  uint64_t to = device.room<float>(m * n);
  Outcome outcome = device.run("gemm_bf16", {1, 1, 1}, {128, 1, 1},
                               {device.buffer(brains(a)), device.buffer(brains(b)), to, m, n, k});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(device.read<float>(to, m * n), product(a, b, m, n, k));
  std::vector<float> c = wholes(16 * 24, 1), d = wholes(24 * 8, 2);
  to = device.room<float>(128);
  outcome =
      device.run("gemm_tf32", {1, 1, 1}, {32, 1, 1}, {device.buffer(c), device.buffer(d), to, 24});
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(device.read<float>(to, 128), product(c, d, 16, 8, 24));
}

// MLIR's: one product of 16 x 8 x 16, factors through shared memory; B lies by columns.
TEST_P(SampleTest, mlirTensorCores) {
  LOAD("mma_bf16.ptx");
  std::vector<float> a = wholes(256), b = wholes(128, 3);
  uint64_t to = device.room<float>(128);
  EXPECT_EQ(run("mma_bf16", {1, 1, 1}, {32, 1, 1},
                {device.buffer(brains(a)), device.buffer(brains(b)), to}, to, 128),
            product(a, b, 16, 8, 16, true));
  ASSERT_TRUE(load("mma_nvgpu.ptx"));
  EXPECT_EQ(run("mma_f16", {1, 1, 1}, {32, 1, 1},
                {device.buffer(halves(a)), device.buffer(halves(b)), to}, to, 128),
            product(a, b, 16, 8, 16, true));
}

TEST_P(SampleTest, mlirReductions) {
  LOAD("red.ptx");
  std::vector<float> x = wholes(256);
  float all = 0, first = 0;
  for (int i = 0; i < 256; ++i)
    all += x[i], first += i < 32 ? x[i] : 0;
  uint64_t from = device.buffer(x), to = device.room<float>(256);
  EXPECT_EQ(run("warp_sr", {1, 1, 1}, {32, 1, 1}, {from, to}, to, 32),
            std::vector<float>(32, first));
  // gpu.all_reduce has lanes store to a word that others of the warp have read, with shuffles
  // between, which order no memory (ISA 9.7.9.6): values are right, and the checked mode says so.
  Outcome outcome = device.run("block_ar", {1, 1, 1}, {256, 1, 1}, {from, to});
  EXPECT_EQ(outcome.kind, GetParam() ? FaultKind::Race : FaultKind::None) << outcome.text();
  if (outcome.ok())
    EXPECT_EQ(device.read<float>(to, 256), std::vector<float>(256, all));
  EXPECT_EQ(run("block_sr", {1, 1, 1}, {256, 1, 1}, {from, to}, to, 256),
            std::vector<float>(256, all));
  std::vector<float> rows = wholes(64000);
  uint64_t out = device.room<float>(64000);
  std::vector<float> y =
      run("softmax", {8, 1, 1}, {256, 1, 1}, {device.buffer(rows), out}, out, 64000);
  for (int row = 0; row < 64; ++row) {
    double sum = 0;
    for (int i = 0; i < 1000; ++i)
      sum += std::exp(static_cast<double>(rows[row * 1000 + i]));
    for (int i = 0; i < 1000; i += 37) {
      double truth = std::exp(static_cast<double>(rows[row * 1000 + i])) / sum;
      EXPECT_NEAR(y[row * 1000 + i], truth, 1e-5 * truth);
    }
  }
}

// One block of 4096 x 4096: double-buffered, vector loads.
TEST_P(SampleTest, mlirProduct) {
  LOAD("gemm_gen.ptx");
  const int n = 4096, tile = 128;
  std::vector<float> a(static_cast<size_t>(n) * n), b(a.size()), left(tile * n), right(n * tile);
  for (int i = 0; i < tile; ++i)
    for (int s = 0; s < n; ++s) {
      a[static_cast<size_t>(i) * n + s] = left[i * n + s] = wholeAt(i * 31 + s);
      b[static_cast<size_t>(s) * n + i] = right[s * tile + i] = wholeAt(i * 17 + s * 3);
    }
  uint64_t to = device.room<float>(a.size());
  std::vector<float> c =
      run("gemm", {1, 1, 1}, {256, 1, 1}, {device.buffer(a), device.buffer(b), to}, to, a.size());
  std::vector<float> expected = product(left, right, tile, tile, n);
  for (int i = 0; i < tile; ++i)
    for (int j = 0; j < tile; ++j)
      ASSERT_EQ(c[static_cast<size_t>(i) * n + j], expected[i * tile + j]) << i << ", " << j;
}

// The same of bf16 by tensor cores: three stages of cp.async, ldmatrix; B lies by columns.
TEST_P(SampleTest, mlirTensorProduct) {
  LOAD("bf16gemm.ptx");
  const int n = 4096, tile = 128;
  std::vector<float> a = wholes(static_cast<size_t>(tile) * n), b = wholes(a.size(), 5);
  uint64_t to = device.room<float>(static_cast<size_t>(tile) * n);
  Outcome outcome =
      device.run("bf16gemm", {1, 1, 1}, {256, 1, 1},
                 {device.buffer(brains(a)), device.buffer(brains(b)), to}, /*shared=*/61440);
  ASSERT_TRUE(outcome.ok()) << outcome.text();
  std::vector<float> c = device.read<float>(to, static_cast<size_t>(tile) * n);
  for (int i = 0; i < tile; ++i)
    for (int j = 0; j < tile; ++j) {
      float expected = 0;
      for (int s = 0; s < n; ++s)
        expected += a[i * n + s] * b[j * n + s];
      ASSERT_EQ(c[static_cast<size_t>(i) * n + j], expected) << i << ", " << j;
    }
}

// Two blocks of a convolution as MLIR makes it: 3x3, padding 1, 32 pictures of 128 x 28 x 28, 128
// channels, with bias and relu; weights lie as [3][3][channel in][channel out].
TEST_P(SampleTest, mlirConvolution) {
  LOAD("conv.ptx");
  const int C = 128, K = 128, side = 28, area = side * side, blocks = 2;
  std::vector<float> x = wholes(size_t{32} * C * area), w = wholes(9 * C * K, 2), bias = wholes(K);
  uint64_t to = device.room<float>(size_t{32} * K * area);
  Outcome outcome = device.run("conv", {blocks, 1, 1}, {256, 1, 1},
                               {device.buffer(x), device.buffer(w), device.buffer(bias), to});
  ASSERT_TRUE(outcome.ok()) << outcome.text();
  std::vector<float> y = device.read<float>(to, size_t{K} * area);
  for (int at = 0; at < 128 * blocks; ++at) {
    std::vector<float> sums = bias;
    for (int r = 0; r < 3; ++r)
      for (int s = 0; s < 3; ++s) {
        int row = at / side + r - 1, column = at % side + s - 1;
        if (row < 0 || row >= side || column < 0 || column >= side)
          continue;
        for (int c = 0; c < C; ++c)
          for (int k = 0; k < K; ++k)
            sums[k] += w[((r * 3 + s) * C + c) * K + k] * x[(c * side + row) * side + column];
      }
    for (int k = 0; k < K; ++k)
      ASSERT_EQ(y[k * area + at], std::max(sums[k], 0.0f)) << k << " at " << at;
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SampleTest);
INSTANTIATE_TEST_SUITE_P(Modes, SampleTest, testing::ValuesIn(modes({false, true})),
                         [](const auto &info) { return info.param ? "checked" : "fast"; });
