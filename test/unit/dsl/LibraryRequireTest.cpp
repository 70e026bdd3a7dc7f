// What a layer of the library requires: refused on one side of the limit, in the layer's own words,
// and accepted on the other.
#include "LibraryCase.h"

#include "dsl/StandardLibrary.h"
#include "llvm/Support/Regex.h"

#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;

namespace {
struct Limit {
  const char *use; ///< of a map or vector `x`
  std::vector<int64_t> shape;
  const char *message; ///< of the refusal; null: accepted
};
} // namespace

static const std::vector<int64_t> kMap = {6, 4, 5}, kTokens = {3, 6};

static const Limit kLimits[] = {
    // Convolutions.
    {"conv2d(x, w, extra = 1x1)", kMap, nullptr},
    {"conv2d(x, w, extra = 1/2 * 1x1)", kMap, "adds whole rows and columns, got 1/2x1/2"},
    {"conv(1)", kMap, nullptr},
    {"conv(0)", kMap, "conv needs at least one output channel, got 0"},
    {"conv(2, 1x1)", kMap, nullptr},
    {"conv(2, 0x1)", kMap, "conv needs a window of at least one cell, got 0x1"},
    {"conv(2, 1x0)", kMap, "conv needs a window of at least one cell, got 1x0"},
    {"conv(6, groups = 6)", kMap, nullptr},
    {"conv(6, groups = 0)", kMap, "conv needs at least one group, got 0"},
    {"conv(8, groups = 4)", kMap, "conv has 6 input channels, which 4 groups do not divide"},
    {"conv(8, groups = 3)", kMap, "conv has 8 output channels, which 3 groups do not divide"},
    {"conv(2, stride = 0x1)", kMap, "conv needs a stride of at least 1, got 0x1"},
    {"conv(2, stride = 1x0)", kMap, "conv needs a stride of at least 1, got 1x0"},
    {"conv(2, dilate = 0x1)", kMap, "conv needs a dilation of at least 1, got 0x1"},
    {"conv(2, dilate = 1x0)", kMap, "conv needs a dilation of at least 1, got 1x0"},
    {"conv(2, 4x2, pad = half)", kMap, nullptr},
    {"conv(2, 0x3, pad = half)", kMap, "conv needs a window of at least one cell, got 0x3"},
    {"conv_up(1)", kMap, nullptr},
    {"conv_up(0)", kMap, "conv_up needs at least one output channel, got 0"},
    {"conv_up(2, 1x1)", kMap, nullptr},
    {"conv_up(2, 0x1)", kMap, "conv_up needs a window of at least one cell, got 0x1"},
    {"conv_up(2, 1x0)", kMap, "conv_up needs a window of at least one cell, got 1x0"},
    {"conv_up(2, stride = 1)", kMap, nullptr},
    {"conv_up(2, stride = 0x1)", kMap, "conv_up needs a stride of at least 1, got 0x1"},
    {"conv_up(2, stride = 1x0)", kMap, "conv_up needs a stride of at least 1, got 1x0"},
    {"conv_up(2, dilate = 0x1)", kMap, "conv_up needs a dilation of at least 1, got 0x1"},
    {"conv_up(2, dilate = 1x0)", kMap, "conv_up needs a dilation of at least 1, got 1x0"},
    {"conv_up(6, groups = 6)", kMap, nullptr},
    {"conv_up(6, groups = 0)", kMap, "conv_up needs at least one group, got 0"},
    {"conv_up(8, groups = 4)", kMap, "conv_up has 6 input channels, which 4 groups do not divide"},
    {"conv_up(8, groups = 3)", kMap, "conv_up has 8 output channels, which 3 groups do not divide"},
    {"conv_up(2, stride = 2, output_pad = 1)", kMap, nullptr},
    {"conv_up(2, stride = 1, dilate = 3, output_pad = 2)", kMap, nullptr},
    {"conv_up(2, stride = 2, output_pad = 2x0)", kMap, "its stride or dilation, got 2x0"},
    {"conv_up(2, stride = 2, output_pad = 0x2)", kMap, "its stride or dilation, got 0x2"},
    // Linear layers.
    {"linear(1, inputs = 7)", {7}, nullptr},
    {"linear(1, inputs = 8)", {7}, "linear expects 8 inputs, but gets 7"},
    {"linear(0)", {7}, "linear needs at least one output, got 0"},
    {"linear_each(1)", kTokens, nullptr},
    {"linear_each(0)", kTokens, "linear_each needs at least one output, got 0"},
    {"split_heads(1)", kTokens, nullptr},
    {"split_heads(6)", kTokens, nullptr},
    {"split_heads(0)", kTokens, "6 features do not split into 0 heads"},
    {"split_heads(4)", kTokens, "6 features do not split into 4 heads"},
    {"attention(1)", kTokens, nullptr},
    {"attention(0)", kTokens, "6 features do not split into 0 heads"},
    {"attention(4)", kTokens, "6 features do not split into 4 heads"},
    // Norms.
    {"group_norm(1)", kMap, nullptr},
    {"group_norm(6)", kMap, nullptr},
    {"group_norm(0)", kMap, "group_norm needs at least one group, got 0"},
    {"group_norm(4)", kMap, "6 channels do not split into 4 groups"},
    {"local_response_norm(1)", kMap, nullptr},
    {"local_response_norm(0)", kMap, "local_response_norm needs at least one channel, got 0"},
    // Pools and resizing.
    {"maxpool(2, stride = 1)", kMap, nullptr},
    {"maxpool(2, stride = 0x1)", kMap, "maxpool needs a stride of at least 1, got 0x1"},
    {"maxpool(2, stride = 1x0)", kMap, "maxpool needs a stride of at least 1, got 1x0"},
    {"maxpool(2, pad = 1)", kMap, nullptr},
    {"maxpool(2, pad = 2x1)", kMap, "maxpool cannot pad by more than half its window"},
    {"maxpool(2, pad = 1x2)", kMap, "maxpool cannot pad by more than half its window"},
    {"avgpool(2, stride = 1)", kMap, nullptr},
    {"avgpool(2, stride = 0x1)", kMap, "avgpool needs a stride of at least 1, got 0x1"},
    {"avgpool(2, stride = 1x0)", kMap, "avgpool needs a stride of at least 1, got 1x0"},
    {"avgpool(2, pad = 1)", kMap, nullptr},
    {"avgpool(2, pad = 2x1)", kMap, "avgpool cannot pad by more than half its window"},
    {"avgpool(2, pad = 1x2)", kMap, "avgpool cannot pad by more than half its window"},
    {"adaptive_avgpool(1)", kMap, nullptr},
    {"adaptive_avgpool(0x1)", kMap, "adaptive_avgpool needs at least one cell, got 0x1"},
    {"adaptive_avgpool(1x0)", kMap, "adaptive_avgpool needs at least one cell, got 1x0"},
    {"adaptive_maxpool(1)", kMap, nullptr},
    {"adaptive_maxpool(0x1)", kMap, "adaptive_maxpool needs at least one cell, got 0x1"},
    {"adaptive_maxpool(1x0)", kMap, "adaptive_maxpool needs at least one cell, got 1x0"},
    {"resize_linear(1)", kMap, nullptr},
    {"resize_linear(0x1)", kMap, "resize_linear needs at least one cell, got 0x1"},
    {"resize_linear(1x0)", kMap, "resize_linear needs at least one cell, got 1x0"},
    {"resize_nearest(1)", kMap, nullptr},
    {"resize_nearest(0x1)", kMap, "resize_nearest needs at least one cell, got 0x1"},
    {"resize_nearest(1x0)", kMap, "resize_nearest needs at least one cell, got 1x0"},
    // Random numbers.
    {"dropout(0)", {7}, nullptr},
    {"dropout(-0.1)", {7}, "dropout needs 0 <= p < 1, got -1/10"},
    {"dropout(1)", {7}, "dropout needs 0 <= p < 1, got 1"},
    {"spatial_dropout(0)", kMap, nullptr},
    {"spatial_dropout(-0.1)", kMap, "spatial_dropout needs 0 <= p < 1, got -1/10"},
    {"spatial_dropout(1)", kMap, "spatial_dropout needs 0 <= p < 1, got 1"},
    {"drop_path(0)", {7}, nullptr},
    {"drop_path(-0.1)", {7}, "drop_path needs 0 <= p < 1, got -1/10"},
    {"drop_path(1)", {7}, "drop_path needs 0 <= p < 1, got 1"},
    // Shapes.
    {"pad_reflect(3)", kMap, nullptr},
    {"pad_reflect(4)", kMap, "needs a map larger than the padding; it is 4 x 5"},
    {"pad_reflect(0x5)", kMap, "needs a map larger than the padding; it is 4 x 5"},
    {"pad_reflect(0, end = 4x0)", kMap, "needs a map larger than the padding; it is 4 x 5"},
    {"pad_reflect(0, end = 0x5)", kMap, "needs a map larger than the padding; it is 4 x 5"},
    {"slice(0, 6)", kMap, nullptr},
    {"slice(5, 1)", kMap, nullptr},
    {"slice(-1, 2)", kMap, "a slice of 2 from -1 on does not fit into 6"},
    {"slice(0, 0)", kMap, "a slice of 0 from 0 on does not fit into 6"},
    {"slice(1, 6)", kMap, "a slice of 6 from 1 on does not fit into 6"},
    {"chunk(6, 0)", kMap, nullptr},
    {"chunk(6, 5)", kMap, nullptr},
    {"chunk(0, 0)", kMap, "6 does not split into 0 equal parts"},
    {"chunk(4, 0)", kMap, "6 does not split into 4 equal parts"},
    {"chunk(2, -1)", kMap, "of 2 parts there is none of number -1"},
    {"chunk(2, 2)", kMap, "of 2 parts there is none of number 2"},
    {"crop(3x3, at = 1x2)", kMap, nullptr},
    {"crop(3x3, at = 2x2)", kMap, "a crop of 3x3 at 2x2 does not fit into 4 x 5"},
    {"crop(3x3, at = 1x3)", kMap, "a crop of 3x3 at 1x3 does not fit into 4 x 5"},
    {"center_crop(4x5)", kMap, nullptr},
    {"center_crop(5x5)", kMap, "a crop of 5x5 does not fit into 4 x 5"},
    {"center_crop(4x6)", kMap, "a crop of 4x6 does not fit into 4 x 5"},
    {"channel_shuffle(6)", kMap, nullptr},
    {"channel_shuffle(0)", kMap, "6 channels do not split into 0 groups"},
    {"channel_shuffle(4)", kMap, "6 channels do not split into 4 groups"},
    {"pixel_shuffle(2x3)", kMap, nullptr},
    {"pixel_shuffle(0x1)", kMap, "6 channels do not make patches of 0x1"},
    {"pixel_shuffle(2x2)", kMap, "6 channels do not make patches of 2x2"},
    {"pixel_unshuffle(2x5)", kMap, nullptr},
    {"pixel_unshuffle(0x1)", kMap, "4 x 5 does not split into patches of 0x1"},
    {"pixel_unshuffle(3x5)", kMap, "4 x 5 does not split into patches of 3x5"},
    {"pixel_unshuffle(2x2)", kMap, "4 x 5 does not split into patches of 2x2"},
    // Augmentations.
    {"random_crop(4x5)", kMap, nullptr},
    {"random_crop(5x5)", kMap, "random_crop(5x5) does not fit into an image of 4 x 5"},
    {"random_crop(4x6)", kMap, "random_crop(4x6) does not fit into an image of 4 x 5"},
    {"elastic(1, sigma = 0.1)", kMap, nullptr},
    {"elastic(1, sigma = 0)", kMap, "elastic needs a sigma above 0, got 0"},
    {"mixup(alpha = 0)", kMap, "mixup needs an alpha above 0, got 0"},
};

static std::string messagesOf(const Limit &limit) {
  bool arrow = !llvm::StringRef(limit.use).contains("(x, ");
  Program program("", (arrow ? "(x -> " : "(") + std::string(limit.use) + ")",
                  {samples("x", 2, limit.shape), numbers("w", {2, 6, 3, 3})});
  return program.messages();
}

TEST(LibraryRequire, OnBothSidesOfEveryLimit) {
  for (const Limit &limit : kLimits) {
    SCOPED_TRACE(limit.use);
    std::string found = messagesOf(limit);
    if (limit.message)
      EXPECT_NE(found.find(limit.message), std::string::npos) << found;
    else
      EXPECT_EQ(found.find("error:"), std::string::npos) << found;
  }
}

/// "got {x}" as an expression that finds "got 3".
static std::string patternOf(llvm::StringRef message) {
  std::string pattern;
  while (!message.empty()) {
    auto [text, rest] = message.split('{');
    pattern += llvm::Regex::escape(text);
    if (message.contains('{'))
      pattern += ".*";
    message = rest.split('}').second;
  }
  return pattern;
}

/// No `require` of an op or a block is forgotten. (Those of metrics need a train section:
/// test/dsl/errors/section-metric-class.net.)
TEST(LibraryRequire, NoneIsForgotten) {
  std::string said;
  for (const Limit &limit : kLimits)
    if (limit.message)
      said += messagesOf(limit);
  unsigned count = 0;
  for (const dsl::LibraryFile &file : dsl::standardLibrary()) {
    llvm::StringRef text = file.text;
    if (file.name == std::string("std/metric.net"))
      continue;
    for (size_t at = text.find("\n  require "); at != llvm::StringRef::npos;
         at = text.find("\n  require ", at + 1)) {
      std::string pattern = patternOf(text.substr(at).split('"').second.split('"').first);
      ++count;
      EXPECT_TRUE(llvm::Regex(pattern).match(said)) << pattern;
    }
  }
  EXPECT_GE(count, 40u);
}
