// Convolutions, straight from their definitions.
#include "LibraryCase.h"

#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;

namespace {
struct ConvCase {
  int64_t channels, outputs, height, width;
  int64_t strideH = 1, strideW = 1, padH = 0, padW = 0, extraH = 0, extraW = 0;
  int64_t dilateH = 1, dilateW = 1, groups = 1, outputPad = 0;
};
} // namespace

static TensorValue convolve(View x, View w, const ConvCase &c) {
  int64_t d = c.channels / c.groups, m = c.outputs / c.groups, h = x.extent(2), v = x.extent(3);
  int64_t oh = (h + 2 * c.padH + c.extraH - c.dilateH * (c.height - 1) - 1) / c.strideH + 1;
  int64_t ow = (v + 2 * c.padW + c.extraW - c.dilateW * (c.width - 1) - 1) / c.strideW + 1;
  return fill({x.extent(0), c.outputs, oh, ow}, [&](At o) {
    double sum = 0;
    for (int64_t k = 0; k < d; ++k)
      for (int64_t r = 0; r < c.height; ++r)
        for (int64_t s = 0; s < c.width; ++s)
          sum += w({o[1], k, r, s}) *
                 x({o[0], o[1] / m * d + k, o[2] * c.strideH + r * c.dilateH - c.padH,
                    o[3] * c.strideW + s * c.dilateW - c.padW});
    return sum;
  });
}

static void addConv(Cases &cases, const ConvCase &c) {
  std::string text = llvm::formatv(
      "conv2d(x, w, stride = {0}x{1}, pad = {2}x{3}, dilate = {4}x{5}{6})", c.strideH, c.strideW,
      c.padH, c.padW, c.dilateH, c.dilateW,
      c.extraH || c.extraW ? llvm::formatv(", extra = {0}x0 + {1} * 0x1", c.extraH, c.extraW).str()
                           : std::string());
  cases.push_back({"conv2d",
                   text,
                   {samples("x", 2, {c.channels, 6, 5}, 21),
                    numbers("w", {c.outputs, c.channels / c.groups, c.height, c.width}, 22)},
                   one([c](const Arguments &in) { return convolve(in["x"], in["w"], c); })});
}

/// Every input cell is spread over the output: the definition that the gather must agree with.
static TensorValue spread(View x, View w, const ConvCase &c) {
  int64_t d = c.outputs / c.groups, m = c.channels / c.groups, h = x.extent(2), v = x.extent(3);
  int64_t oh = (h - 1) * c.strideH + c.dilateH * (c.height - 1) + 1 + c.outputPad - 2 * c.padH;
  int64_t ow = (v - 1) * c.strideW + c.dilateW * (c.width - 1) + 1 + c.outputPad - 2 * c.padW;
  TensorValue y({x.extent(0), c.outputs, oh, ow});
  fill({x.extent(0), c.channels, h, v, d, c.height, c.width}, [&](At at) {
    int64_t i = at[2] * c.strideH + at[5] * c.dilateH - c.padH;
    int64_t j = at[3] * c.strideW + at[6] * c.dilateW - c.padW;
    if (i >= 0 && i < oh && j >= 0 && j < ow)
      y.data[((at[0] * c.outputs + at[1] / m * d + at[4]) * oh + i) * ow + j] +=
          x(at.take_front(4)) * w({at[1], at[4], at[5], at[6]});
    return 0;
  });
  return y;
}

static void addConvUp(Cases &cases, const ConvCase &c) {
  std::string text = llvm::formatv("conv2d_up(x, w, stride = {0}x{1}, pad = {2}x{3}, output_pad = "
                                   "{4}, dilate = {5}x{6}, groups = {7})",
                                   c.strideH, c.strideW, c.padH, c.padW, c.outputPad, c.dilateH,
                                   c.dilateW, c.groups);
  cases.push_back({"conv2d_up",
                   text,
                   {samples("x", 2, {c.channels, 4, 3}, 23),
                    numbers("w", {c.channels, c.outputs / c.groups, c.height, c.width}, 24)},
                   one([c](const Arguments &in) { return spread(in["x"], in["w"], c); })});
}

static TensorValue withBias(TensorValue y, View b) {
  size_t cell = 0, map = y.shape[2] * y.shape[3];
  for (double &value : y.data)
    value += b({int64_t(cell++ / map) % y.shape[1]});
  return y;
}

static void addBlocks(Cases &cases) {
  Operand x = samples("x", 2, {4, 6, 5}, 25);
  ConvCase plain{4, 6, 3, 2, 2, 1, 1, 1, 1, -1, 1, 1, 2};
  cases.push_back({"conv",
                   "x -> conv(6, 3x2, stride = 2x1, pad = 1, pad_end = 2x0, groups = 2)",
                   {x},
                   one([plain](const Arguments &in) {
                     return withBias(convolve(in["x"], in["w"], plain), in["b"]);
                   })});
  ConvCase half{4, 4, 3, 3, 1, 1, 2, 2, 0, 0, 2, 2, 4};
  cases.push_back({"conv",
                   "x -> conv(4, pad = half, dilate = 2, groups = 4, bias = false)",
                   {x},
                   one([half](const Arguments &in) { return convolve(in["x"], in["w"], half); })});
  ConvCase up{4, 2, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 2, 1};
  cases.push_back(
      {"conv_up",
       "x -> conv_up(2, 3, pad = 1, output_pad = 1, groups = 2)",
       {x},
       one([up](const Arguments &in) { return withBias(spread(in["x"], in["w"], up), in["b"]); })});
}

static TensorValue excited(View x, const Arguments &in) {
  const int64_t n = x.extent(0), c = x.extent(1), h = x.extent(2), w = x.extent(3);
  // linear, then linear.2: the weights of the first have as many columns as there are channels.
  View first = in["linear.w"], firstBias = in["linear.b"];
  View second = in["linear.2.w"], secondBias = in["linear.2.b"];
  return fill({n, c, h, w}, [&](At at) {
    double gate = secondBias({at[1]});
    for (int64_t k = 0; k < first.extent(0); ++k) {
      double hidden = firstBias({k});
      for (int64_t i = 0; i < c; ++i)
        for (int64_t p = 0; p < h * w; ++p)
          hidden += first({k, i}) * x({at[0], i, p / w, p % w}) / double(h * w);
      gate += second({at[1], k}) * std::max(hidden, 0.0);
    }
    return x(at) / (1 + std::exp(-gate));
  });
}

void gnc::test::addConvolutionCases(Cases &cases) {
  addConv(cases, {2, 3, 3, 3});
  addConv(cases, {2, 4, 3, 2, 2, 1, 1, 0});             // another stride and padding a side
  addConv(cases, {2, 3, 1, 5, 1, 1, 0, 2});             // an asymmetric kernel
  addConv(cases, {2, 2, 3, 3, 1, 1, 2, 2, 0, 0, 2, 2}); // dilated
  addConv(cases, {2, 2, 2, 2, 3, 2, 1, 1, 0, 0, 2, 1});
  addConv(cases, {2, 2, 3, 3, 1, 1, 1, 1, 1, -1}); // more below, less on the right
  addConv(cases, {2, 2, 3, 3, 2, 2, 0, 0, 1, 1});
  addConv(cases, {4, 6, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 2}); // groups
  addConv(cases, {3, 3, 3, 3, 1, 1, 1, 1, 0, 0, 1, 1, 3}); // depthwise
  addConv(cases, {2, 4, 1, 1});
  addConvUp(cases, {2, 3, 2, 2, 2, 2});
  addConvUp(cases, {2, 3, 3, 2, 2, 1, 1, 0});
  addConvUp(cases, {2, 2, 2, 2, 3, 3});
  addConvUp(cases, {2, 2, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1, 1}); // output padding
  addConvUp(cases, {2, 2, 3, 3, 1, 2, 0, 0, 0, 0, 2, 2});       // dilated
  addConvUp(cases, {4, 6, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 2});    // groups
  addBlocks(cases);
  cases.push_back({"squeeze_excite",
                   "x -> squeeze_excite(2)",
                   {samples("x", 2, {4, 2, 3}, 26)},
                   one([](const Arguments &in) { return excited(in["x"], in); })});
}
