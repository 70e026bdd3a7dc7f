#include "runtime/HostPipeline.h"
#include "TestFiles.h"
#include "TestImages.h"

#include <cmath>
#include <map>
#include <set>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
Image applied(const std::string &transforms, Image image, DrawKey key = {}, bool mask = false) {
  Result<HostPipeline> pipeline = HostPipeline::parse("image -> " + transforms);
  EXPECT_TRUE(pipeline.ok());
  Status status = pipeline->apply(image, mask, key, "p.png");
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : format(status.error()));
  return image;
}

std::pair<int64_t, int64_t> sizeOf(const Image &image) { return {image.height, image.width}; }

/// Two dimensions at once, in f64, without rounding between them.
double resizedAt(const Image &from, int64_t c, int64_t y, int64_t x, int64_t rows,
                 int64_t columns) {
  auto weight = [](int64_t at, int64_t to, int64_t extent, int64_t size) {
    double scale = double(extent) / double(size), reach = std::max(scale, 1.0);
    return std::max(0.0, 1 - std::abs(double(at) + 0.5 - (double(to) + 0.5) * scale) / reach);
  };
  double sum = 0, total = 0;
  for (int64_t i = 0; i < from.height; ++i)
    for (int64_t j = 0; j < from.width; ++j) {
      double w = weight(i, y, from.height, rows) * weight(j, x, from.width, columns);
      total += w;
      sum += w * from.plane(c)[i * from.width + j];
    }
  return sum / total;
}
} // namespace

TEST(HostPipeline, TextIsParsed) {
  Result<HostPipeline> pipeline = HostPipeline::parse(
      "a.image -> rgb -> random_resized_crop(224, 200, 0.08, 1, 0.75, 1.5) #12 -> resize(7)");
  ASSERT_TRUE(pipeline.ok());
  EXPECT_EQ(pipeline->member, "a.image");
  ASSERT_EQ(pipeline->transforms.size(), 3u);
  EXPECT_EQ(pipeline->transforms[1].arguments, (std::vector<double>{224, 200, 0.08, 1, 0.75, 1.5}));
  EXPECT_EQ(pipeline->transforms[1].site, 12u);
  EXPECT_EQ(pipeline->transforms[2].text, "resize(7)");
  for (const char *bad :
       {"x -> blur", "x -> resize", "x -> resize(1, 2, 3)", "x -> pad(a)", "x -> "})
    EXPECT_FALSE(HostPipeline::parse(bad).ok()) << bad;
}

TEST(HostPipeline, ResizeIsTheMeanUnderATriangle) {
  // Two roundings to whole numbers, and weights of 22 bits: less than 1 in all.
  for (auto [h, w, rows, columns] :
       {std::array<int64_t, 4>{9, 14, 4, 5}, {5, 4, 11, 13}, {8, 8, 8, 3}, {1, 7, 5, 1}}) {
    Image from = noise(2, h, w, uint64_t(h * w));
    Image to =
        applied("resize(" + std::to_string(rows) + ", " + std::to_string(columns) + ")", from);
    ASSERT_EQ(sizeOf(to), std::pair(rows, columns));
    for (int64_t c = 0; c < 2; ++c)
      for (int64_t y = 0; y < rows; ++y)
        for (int64_t x = 0; x < columns; ++x)
          EXPECT_LT(
              std::abs(to.plane(c)[y * columns + x] - resizedAt(from, c, y, x, rows, columns)),
              1.01);
  }
}

TEST(HostPipeline, ResizeToTheSameSizeChangesNothing) {
  Image from = noise(3, 6, 9, 1);
  EXPECT_EQ(applied("resize(6, 9)", from).pixels, from.pixels);
}

TEST(HostPipeline, MasksTakeTheNearestPixel) {
  Image from = noise(1, 4, 4, 2);
  Image to = applied("resize(8, 2)", from, {}, true);
  for (int64_t y = 0; y < 8; ++y)
    for (int64_t x = 0; x < 2; ++x)
      EXPECT_EQ(to.pixels[size_t(y * 2 + x)], from.pixels[size_t(y / 2 * 4 + 2 * x + 1)]);
}

// The shorter side gets the size, the longer one is rounded down: torchvision's rule.
TEST(HostPipeline, ShorterSide) {
  EXPECT_EQ(sizeOf(applied("resize(10)", noise(1, 20, 33, 1))),
            (std::pair<int64_t, int64_t>{10, 16}));
  EXPECT_EQ(sizeOf(applied("resize(10)", noise(1, 33, 20, 1))),
            (std::pair<int64_t, int64_t>{16, 10}));
  EXPECT_EQ(sizeOf(applied("resize(10)", noise(1, 7, 7, 1))),
            (std::pair<int64_t, int64_t>{10, 10}));
}

TEST(HostPipeline, ChannelsPadsAndCrops) {
  Image from = noise(3, 4, 5, 3);
  Image gray = applied("gray", from);
  for (int64_t i = 0; i < 20; ++i) {
    double luma = 0.299 * from.plane(0)[i] + 0.587 * from.plane(1)[i] + 0.114 * from.plane(2)[i];
    EXPECT_LE(std::abs(gray.pixels[size_t(i)] - luma), 0.5 + 1e-2); // weights of 16 bits
  }
  Image colour = applied("rgb", gray);
  ASSERT_EQ(colour.channels, 3);
  for (int64_t c = 0; c < 3; ++c)
    EXPECT_TRUE(std::equal(gray.pixels.begin(), gray.pixels.end(), colour.plane(c)));
  Image padded = applied("pad(1, 2)", from);
  EXPECT_EQ(sizeOf(padded), (std::pair<int64_t, int64_t>{6, 9}));
  EXPECT_EQ(padded.plane(1)[0], 0);
  EXPECT_EQ(applied("center_crop(4, 5)", padded).pixels, from.pixels);
  EXPECT_EQ(applied("random_flip(1)", applied("random_flip(1)", from)).pixels, from.pixels);
  EXPECT_EQ(applied("random_flip(0)", from).pixels, from.pixels);
  Image flipped = applied("random_flip(1)", from);
  EXPECT_EQ(flipped.plane(2)[0], from.plane(2)[4]);
}

TEST(HostPipeline, DrawsDependOnSeedEpochSampleAndSiteAlone) {
  Image from = noise(1, 40, 40, 4);
  Image first = applied("random_crop(8, 8) #1", from, {1, 2, 3});
  EXPECT_EQ(applied("random_crop(8, 8) #1", from, {1, 2, 3}).pixels, first.pixels);
  EXPECT_NE(applied("random_crop(8, 8) #1", from, {9, 2, 3}).pixels, first.pixels);
  EXPECT_NE(applied("random_crop(8, 8) #1", from, {1, 9, 3}).pixels, first.pixels);
  EXPECT_NE(applied("random_crop(8, 8) #1", from, {1, 2, 9}).pixels, first.pixels);
  EXPECT_NE(applied("random_crop(8, 8) #9", from, {1, 2, 3}).pixels, first.pixels);
}

TEST(HostPipeline, RandomCropsReachEveryPlaceEvenly) {
  Image from{1, 3, 4, {}};
  for (uint8_t i = 0; i < 12; ++i)
    from.pixels.push_back(i);
  std::map<uint8_t, int> places; // by the corner's pixel: 2 x 3 places
  for (uint64_t sample = 0; sample < 6000; ++sample)
    ++places[applied("random_crop(2, 2) #1", from, {1, 0, sample}).pixels[0]];
  EXPECT_EQ(places.size(), 6u);
  for (auto [corner, count] : places)
    EXPECT_NEAR(count, 1000, 5 * std::sqrt(6000 * (1. / 6) * (5. / 6))) << int(corner);
}

TEST(HostPipeline, RandomResizedCropsHaveTheirAreaAndAspect) {
  // A picture whose pixels are its columns: the crop's width is what its range tells.
  Image from{2, 200, 200, {}};
  for (int64_t c = 0; c < 2; ++c)
    for (int64_t y = 0; y < 200; ++y)
      for (int64_t x = 0; x < 200; ++x)
        from.pixels.push_back(uint8_t(c ? y : x));
  std::set<int> widths;
  for (uint64_t sample = 0; sample < 300; ++sample) {
    Image crop =
        applied("random_resized_crop(100, 100, 0.25, 0.36, 1, 1) #1", from, {1, 0, sample});
    int width = crop.plane(0)[99] - crop.plane(0)[0];
    int height = crop.plane(1)[99 * 100] - crop.plane(1)[0];
    EXPECT_GE(width, 97); // sides 100 to 120, less what the triangle takes at both ends
    EXPECT_LE(width, 121);
    EXPECT_LE(std::abs(width - height), 2);
    widths.insert(width);
  }
  EXPECT_GT(widths.size(), 10u);
}

// Where no part of the picture has the aspect, the middle is taken.
TEST(HostPipeline, ResizedCropFallsBackToTheMiddle) {
  Image from = noise(1, 10, 400, 5);
  Image crop = applied("random_resized_crop(4, 4, 1, 1, 1, 1) #1", from);
  EXPECT_EQ(crop.pixels, resized(from, 0, 195, 10, 10, 4, 4, false).pixels);
}

TEST(HostPipeline, CropsLargerThanThePictureAreErrors) {
  Image image = noise(1, 4, 9, 1);
  Status status =
      HostPipeline::parse("image -> random_crop(5, 5)")->apply(image, false, {}, "p.png");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().slug, "image-size");
  EXPECT_EQ(status.error().message, "random_crop(5, 5) of 'p.png', which is 4x9 (height x width) "
                                    "here, is larger than the picture");
  status = HostPipeline::parse("image -> resize(1000000)")->apply(image, false, {}, "p.png");
  EXPECT_EQ(status.error().slug, "image-size");
}

TEST(HostPipeline, ImageNames) {
  for (const char *name : {"a.png", "a.JPG", "b.c.jpeg"})
    EXPECT_TRUE(isImageName(name)) << name;
  for (const char *name : {"png", "a.gif", "a.png.txt", ""})
    EXPECT_FALSE(isImageName(name)) << name;
}

// Made narrower first, the lines between would have 4096 times the pixels that are allowed.
TEST(Resize, TallPicturesTakeLittleMemoryOnTheWay) {
  Image tall{1, 1 << 22, 1, std::vector<uint8_t>(1 << 22, 9)};
  Image wide = resized(tall, 0, 0, tall.height, 1, 1, 1 << 16, false);
  EXPECT_EQ(wide.height, 1);
  EXPECT_EQ(wide.pixels, std::vector<uint8_t>(1 << 16, 9));
}

TEST(Resize, PartsOfTallPicturesAreTakenWhereTheyAre) {
  Image tall{1, 1 << 15, 3, {}};
  for (int64_t y = 0; y < tall.height; ++y)
    tall.pixels.insert(tall.pixels.end(), {1, uint8_t(y < tall.height / 2 ? 50 : 100), 2});
  Image part = resized(tall, tall.height / 2, 1, tall.height / 2, 1, 2, 1 << 13, false);
  EXPECT_EQ(part.pixels, std::vector<uint8_t>(2 << 13, 100));
}
