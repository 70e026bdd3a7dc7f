// Layers of random nets that work on maps. Shapes are computed here once more, from what the
// library says about itself.
#include "NetLayers.h"

#include <algorithm>

using llvm::formatv;

namespace gnc::test {

MaybeType mapOf(int64_t channels, int64_t height, int64_t width) {
  if (channels < 1 || height < 1 || width < 1)
    return std::nullopt;
  return NetType{{channels, height, width}};
}

int64_t windowsOf(int64_t extent, int64_t window, int64_t stride) {
  return extent < window ? 0 : (extent - window) / stride + 1;
}

//===- Convolutions ---------------------------------------------------------------------------===//

/// One group, two, or one for each channel; 0 if they do not fit.
static int64_t groupsOf(int64_t mode, const NetType &x) {
  if (!isMap(x))
    return 0;
  int64_t groups = mode == 2 ? x.shape[0] : mode + 1;
  return x.shape[0] % groups ? 0 : groups;
}

static NetLayer convolution() {
  enum { K, R, S, StrideH, StrideW, PadH, PadW, DilateH, DilateW, Groups, Bias, End };
  NetLayer layer{.name = "conv", .often = 12, .exact = true, .weights = true};
  layer.range = {{1, 6}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {0, 2},
                 {0, 2}, {1, 2}, {1, 2}, {0, 2}, {0, 1}, {0, 1}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    int64_t groups = groupsOf(s[Groups], x[0]);
    if (!groups)
      return std::nullopt;
    int64_t h = x[0].shape[1] + 2 * s[PadH] + s[End], w = x[0].shape[2] + 2 * s[PadW] + s[End];
    return mapOf(s[K] * groups, windowsOf(h, s[DilateH] * (s[R] - 1) + 1, s[StrideH]),
                 windowsOf(w, s[DilateW] * (s[S] - 1) + 1, s[StrideW]));
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &types) -> std::string {
    int64_t groups = groupsOf(s[Groups], types[0]);
    std::string end = s[End] ? ", pad_end = " + sizeText(s[PadH] + 1, s[PadW] + 1) : "";
    return formatv("{0} -> conv({1}, {2}, stride = {3}, pad = {4}, dilate = {5}, groups = {6}, "
                   "bias = {7}{8})",
                   x[0], s[K] * groups, sizeText(s[R], s[S]), sizeText(s[StrideH], s[StrideW]),
                   sizeText(s[PadH], s[PadW]), sizeText(s[DilateH], s[DilateW]), groups,
                   truth(s[Bias]), end);
  };
  return layer;
}

static NetLayer transposedConvolution() {
  enum { K, R, S, StrideH, StrideW, PadH, PadW, OutH, OutW, Dilate, Groups, Bias };
  NetLayer layer{.name = "conv_up", .often = 4, .exact = true, .weights = true};
  layer.range = {{1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {0, 1},
                 {0, 1}, {0, 1}, {0, 1}, {1, 2}, {0, 2}, {0, 1}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    int64_t groups = groupsOf(s[Groups], x[0]);
    if (!groups || s[OutH] >= std::max(s[StrideH], s[Dilate]) ||
        s[OutW] >= std::max(s[StrideW], s[Dilate]))
      return std::nullopt;
    auto extent = [&](int64_t from, int64_t stride, int64_t window, int64_t out, int64_t pad) {
      return (from - 1) * stride + s[Dilate] * (window - 1) + 1 + out - 2 * pad;
    };
    return mapOf(s[K] * groups, extent(x[0].shape[1], s[StrideH], s[R], s[OutH], s[PadH]),
                 extent(x[0].shape[2], s[StrideW], s[S], s[OutW], s[PadW]));
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &types) -> std::string {
    int64_t groups = groupsOf(s[Groups], types[0]);
    return formatv("{0} -> conv_up({1}, {2}, stride = {3}, pad = {4}, output_pad = {5}, "
                   "dilate = {6}, groups = {7}, bias = {8})",
                   x[0], s[K] * groups, sizeText(s[R], s[S]), sizeText(s[StrideH], s[StrideW]),
                   sizeText(s[PadH], s[PadW]), sizeText(s[OutH], s[OutW]), s[Dilate], groups,
                   truth(s[Bias]));
  };
  return layer;
}

void addConvolutions(std::vector<NetLayer> &layers) {
  layers.push_back(convolution());
  layers.push_back(transposedConvolution());
}

//===- Pools ----------------------------------------------------------------------------------===//

static NetLayer pool(const std::string &name) {
  enum { R, S, StrideH, StrideW, PadH, PadW, Ceil, Inside };
  bool isMean = name == "avgpool";
  NetLayer layer{.name = name, .often = 3, .exact = !isMean};
  layer.range = {{1, 3}, {1, 3}, {1, 3}, {1, 3}, {0, 1}, {0, 1}, {0, 1}, {0, isMean ? 1 : 0}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    if (!isMap(x[0]) || 2 * s[PadH] > s[R] || 2 * s[PadW] > s[S])
      return std::nullopt;
    auto count = [&](int64_t extent, int64_t size, int64_t stride, int64_t pad) {
      int64_t inside = windowsOf(extent + 2 * pad, size, stride);
      if (!s[Ceil] || !inside)
        return inside;
      return std::min((extent + 2 * pad - size + stride - 1) / stride,
                      (extent + pad - 1) / stride) +
             1;
    };
    return mapOf(x[0].shape[0], count(x[0].shape[1], s[R], s[StrideH], s[PadH]),
                 count(x[0].shape[2], s[S], s[StrideW], s[PadW]));
  };
  layer.text = [=](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> {1}({2}, stride = {3}, pad = {4}, ceil = {5}{6})", x[0], name,
                   sizeText(s[R], s[S]), sizeText(s[StrideH], s[StrideW]),
                   sizeText(s[PadH], s[PadW]), truth(s[Ceil]), s[Inside] ? ", padded = false" : "");
  };
  return layer;
}

/// To a size that is a setting.
static NetLayer resampled(const std::string &name, bool exact, bool corners = false) {
  NetLayer layer{.name = name, .exact = exact};
  layer.range = {{1, 5}, {1, 5}, {0, corners ? 1 : 0}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    return isMap(x[0]) ? mapOf(x[0].shape[0], s[0], s[1]) : std::nullopt;
  };
  layer.text = [=](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> {1}(to = {2}{3})", x[0], name, sizeText(s[0], s[1]),
                   s[2] ? ", corners = true" : "");
  };
  return layer;
}

static NetLayer enlarged(const std::string &name, bool exact) {
  NetLayer layer{.name = name, .exact = exact, .range = {{1, 3}, {1, 3}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    return isMap(x[0]) ? mapOf(x[0].shape[0], x[0].shape[1] * s[0], x[0].shape[2] * s[1])
                       : std::nullopt;
  };
  layer.text = [=](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> {1}(by = {2})", x[0], name, sizeText(s[0], s[1]));
  };
  return layer;
}

void addPools(std::vector<NetLayer> &layers) {
  layers.push_back(pool("maxpool"));
  layers.push_back(pool("avgpool"));
  layers.push_back(resampled("adaptive_avgpool", false));
  layers.push_back(resampled("adaptive_maxpool", true));
  layers.push_back(resampled("resize_nearest", true));
  layers.push_back(resampled("resize_linear", false, true));
  layers.push_back(enlarged("upsample", true));
  layers.push_back(enlarged("upsample_linear", false));
  for (bool isMax : {false, true})
    layers.push_back(unary(
        isMax ? "global_maxpool" : "global_avgpool",
        [](const NetType &x) -> MaybeType {
          return x.shape.size() < 2 ? MaybeType() : NetType{{x.shape[0]}};
        },
        isMax));
}

//===- What moves elements --------------------------------------------------------------------===//

static NetLayer padded(const std::string &name) {
  enum { Top, Left, Bottom, Right };
  NetLayer layer{.name = name, .exact = true, .range = {{0, 2}, {0, 2}, {0, 2}, {0, 2}}};
  layer.type = [=](const NetTypes &x, const Settings &s) -> MaybeType {
    if (!isMap(x[0]) || (name == "pad_reflect" && (std::max(s[Top], s[Bottom]) >= x[0].shape[1] ||
                                                   std::max(s[Left], s[Right]) >= x[0].shape[2])))
      return std::nullopt;
    return mapOf(x[0].shape[0], x[0].shape[1] + s[Top] + s[Bottom],
                 x[0].shape[2] + s[Left] + s[Right]);
  };
  layer.text = [=](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> {1}({2}, end = {3}{4})", x[0], name, sizeText(s[Top], s[Left]),
                   sizeText(s[Bottom], s[Right]), name == "pad" ? ", value = 2" : "");
  };
  return layer;
}

static NetLayer sliced() {
  NetLayer layer{.name = "slice", .often = 3, .exact = true, .range = {{0, 3}, {1, 4}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    if (x[0].shape.empty() || s[0] + s[1] > x[0].shape[0])
      return std::nullopt;
    NetType type = x[0];
    type.shape[0] = s[1];
    return type;
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> slice(from = {1}, count = {2})", x[0], s[0], s[1]);
  };
  return layer;
}

static NetLayer chunk() {
  NetLayer layer{.name = "chunk", .often = 2, .exact = true, .range = {{1, 3}, {0, 2}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    if (x[0].shape.empty() || x[0].shape[0] % s[0] || s[1] >= s[0])
      return std::nullopt;
    NetType type = x[0];
    type.shape[0] /= s[0];
    return type;
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> chunk({1}, {2})", x[0], s[0], s[1]);
  };
  return layer;
}

static NetLayer cropped() {
  NetLayer layer{.name = "crop", .exact = true, .range = {{1, 4}, {1, 4}, {0, 2}, {0, 2}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    if (!isMap(x[0]) || s[0] + s[2] > x[0].shape[1] || s[1] + s[3] > x[0].shape[2])
      return std::nullopt;
    return mapOf(x[0].shape[0], s[0], s[1]);
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> crop({1}, at = {2})", x[0], sizeText(s[0], s[1]), sizeText(s[2], s[3]));
  };
  return layer;
}

/// Channels against cells.
static NetLayer shuffled(bool toCells) {
  NetLayer layer{.name = toCells ? "pixel_shuffle" : "pixel_unshuffle", .exact = true};
  layer.range = {{1, 2}, {1, 3}};
  layer.type = [=](const NetTypes &x, const Settings &s) -> MaybeType {
    if (!isMap(x[0]))
      return std::nullopt;
    int64_t c = x[0].shape[0], h = x[0].shape[1], w = x[0].shape[2];
    if (toCells)
      return c % (s[0] * s[1]) ? std::nullopt : mapOf(c / (s[0] * s[1]), h * s[0], w * s[1]);
    return h % s[0] || w % s[1] ? std::nullopt : mapOf(c * s[0] * s[1], h / s[0], w / s[1]);
  };
  layer.text = [name = layer.name](const Names &x, const Settings &s,
                                   const NetTypes &) -> std::string {
    return formatv("{0} -> {1}({2})", x[0], name, sizeText(s[0], s[1]));
  };
  return layer;
}

static NetLayer channelShuffle() {
  NetLayer layer{.name = "channel_shuffle", .exact = true, .range = {{1, 3}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    return x[0].shape.empty() || x[0].shape[0] % s[0] ? MaybeType() : x[0];
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &) -> std::string {
    return formatv("{0} -> channel_shuffle({1})", x[0], s[0]);
  };
  return layer;
}

/// One dimension, or two: the first `s` and the rest.
static NetLayer reshaped() {
  NetLayer layer{.name = "reshape", .often = 3, .exact = true, .range = {{1, 6}}};
  layer.type = [](const NetTypes &x, const Settings &s) -> MaybeType {
    int64_t elements = 1;
    for (int64_t extent : x[0].shape)
      elements *= extent;
    return elements % s[0] ? MaybeType() : NetType{{s[0], elements / s[0]}};
  };
  layer.text = [](const Names &x, const Settings &s, const NetTypes &types) -> std::string {
    int64_t elements = 1;
    for (int64_t extent : types[0].shape)
      elements *= extent;
    return formatv("{0} -> reshape([{1}, {2}])", x[0], s[0], elements / s[0]);
  };
  return layer;
}

void addMoves(std::vector<NetLayer> &layers) {
  for (const char *name : {"pad", "pad_reflect", "pad_edge", "pad_wrap"})
    layers.push_back(padded(name));
  layers.push_back(sliced());
  layers.push_back(chunk());
  layers.push_back(cropped());
  layers.push_back(shuffled(true));
  layers.push_back(shuffled(false));
  layers.push_back(channelShuffle());
  layers.push_back(reshaped());
  auto mapsOnly = [](const NetType &x) { return isMap(x) ? MaybeType(x) : std::nullopt; };
  layers.push_back(unary("flip", mapsOnly));
  layers.push_back(unary("flip_vertical", mapsOnly));
  layers.push_back(unary("tokens", [](const NetType &x) -> MaybeType {
    return isMap(x) ? NetType{{x.shape[1] * x.shape[2], x.shape[0]}} : MaybeType();
  }));
  layers.push_back(unary("flatten", [](const NetType &x) -> MaybeType {
    int64_t elements = 1;
    for (int64_t extent : x.shape)
      elements *= extent;
    return x.shape.empty() ? MaybeType() : NetType{{elements}};
  }));
  // The first dimension goes to place `to`, or the last to the front.
  auto rotated = [](int64_t to) {
    return [=](const NetType &x) -> MaybeType {
      if (x.shape.size() < 2)
        return std::nullopt;
      NetType type = x;
      auto first = type.shape.begin();
      if (to < 0)
        std::rotate(first, type.shape.end() - 1, type.shape.end());
      else
        std::rotate(first, first + 1, to ? first + to + 1 : type.shape.end());
      return type;
    };
  };
  layers.push_back(unary("transpose", rotated(1)));
  layers.push_back(unary("channels_last", rotated(0)));
  layers.push_back(unary("channels_first", rotated(-1)));
}

} // namespace gnc::test
