#include "runtime/images/Images.h"
#include "TestFiles.h"
#include "TestImages.h"

#include <cstdlib>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
Result<Image> decode(const std::string &text, bool mask = false) {
  TemporaryFolder folder;
  writeText(folder / "p", text);
  return imageDecoder().decode(folder / "p", mask);
}

std::string slugOf(const std::string &text, bool mask = false) {
  TemporaryFolder folder;
  writeText(folder / "p", text);
  Result<Image> image = imageDecoder().decode(folder / "p", mask);
  if (image.ok())
    return "ok";
  EXPECT_EQ(image.error().code, ErrorCode::Input);
  EXPECT_NE(image.error().message.find(folder / "p"), std::string::npos) << image.error().message;
  EXPECT_FALSE(image.error().help.empty());
  return image.error().slug;
}

void expectPattern(const Image &image, int64_t channels) {
  ASSERT_EQ(image.channels, channels);
  ASSERT_EQ(image.height, 3);
  ASSERT_EQ(image.width, 5);
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < 3; ++y)
      for (int64_t x = 0; x < 5; ++x)
        EXPECT_EQ(image.plane(c)[y * 5 + x], 50 * c + 10 * y + x);
}
} // namespace

TEST(Images, PngBecomesPlanesWithoutAlpha) {
  for (auto [colour, channels] : {std::pair(Grey, 1), {Rgb, 3}, {GreyAlpha, 1}, {Rgba, 3}}) {
    Result<Image> image = decode(pngPattern(5, 3, colour));
    ASSERT_TRUE(image.ok()) << format(image.error());
    expectPattern(*image, channels);
  }
}

TEST(Images, DepthsBecomeEightBits) {
  Result<Image> one = decode(pngText(3, 1, Grey, "\xa0", 1)); // 1 0 1
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->pixels, (std::vector<uint8_t>{255, 0, 255}));
  Result<Image> wide = decode(pngText(2, 1, Grey, std::string("\x80\x80\x12\x12", 4), 16));
  ASSERT_TRUE(wide.ok());
  EXPECT_EQ(wide->pixels, (std::vector<uint8_t>{0x80, 0x12}));
}

// A palette is colours of a picture, and numbers of a mask.
TEST(Images, PaletteOfPictureAndMask) {
  std::string text = pngText(4, 1, Palette, "\x1b", 2, "abcdefghijkl"); // 0 1 2 3
  Result<Image> picture = decode(text), mask = decode(text, true);
  ASSERT_TRUE(picture.ok() && mask.ok());
  EXPECT_EQ(picture->channels, 3);
  EXPECT_EQ(std::string(picture->pixels.begin(), picture->pixels.end()), "adgjbehkcfil");
  EXPECT_EQ(mask->channels, 1);
  EXPECT_EQ(mask->pixels, (std::vector<uint8_t>{0, 1, 2, 3}));
}

TEST(Images, MasksAreNumbersNotColours) {
  Result<Image> grey = decode(pngText(2, 1, Rgb, "aaabbb"), true);
  ASSERT_TRUE(grey.ok());
  EXPECT_EQ(grey->channels, 1);
  EXPECT_EQ(std::string(grey->pixels.begin(), grey->pixels.end()), "ab");
  EXPECT_EQ(slugOf(pngText(2, 1, Rgb, "aaabcd"), true), "mask-image");
  EXPECT_EQ(slugOf(jpegText(8, 8, false, 9), true), "mask-image");
}

// The numbers of a mask in grey are not scaled from the file's depth to 8 bits.
TEST(Images, MasksKeepTheirNumbersAtAnyDepth) {
  auto numbers = [](int bits, const std::string &row, uint32_t width) {
    Result<Image> mask = decode(pngText(width, 1, Grey, row, bits), true);
    return mask.ok() ? mask->pixels : std::vector<uint8_t>{};
  };
  EXPECT_EQ(numbers(1, "\xa0", 3), (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_EQ(numbers(2, "\x1b", 4), (std::vector<uint8_t>{0, 1, 2, 3}));
  EXPECT_EQ(numbers(4, "\x5f", 2), (std::vector<uint8_t>{5, 15}));
  EXPECT_EQ(numbers(16, std::string("\0\x03\0\xff", 4), 2), (std::vector<uint8_t>{3, 255}));
}

TEST(Images, NumbersOfMasksAreBelow256) {
  TemporaryFolder folder;
  writeText(folder / "p", pngText(2, 2, Grey, std::string("\0\x03\0\x04\0\x05\x01\x02", 8), 16));
  Result<Image> mask = imageDecoder().decode(folder / "p", true);
  ASSERT_FALSE(mask.ok());
  EXPECT_EQ(mask.error().slug, "mask-image");
  EXPECT_EQ(mask.error().message, "the mask '" + (folder / "p") +
                                      "' has the number 258 at row 1, column 1; numbers of masks "
                                      "are below 256");
}

TEST(Images, JpegOfOneShade) {
  for (bool colour : {false, true}) {
    Result<Image> image = decode(jpegText(11, 7, colour, 120));
    ASSERT_TRUE(image.ok()) << format(image.error());
    EXPECT_EQ(image->channels, colour ? 3 : 1);
    EXPECT_EQ(image->height, 7);
    EXPECT_EQ(image->width, 11);
    // Quality 95 divides the mean of a block by at most 2 and YCbCr rounds once more either way.
    for (int64_t c = 0; c < image->channels; ++c)
      for (int64_t i = 0; i < 77; ++i)
        EXPECT_LE(std::abs(image->plane(c)[i] - (c == 0 ? 120 : c == 1 ? 60 : 0)), 4);
  }
}

TEST(Images, CutOffAtEveryByte) {
  std::string png = pngPattern(5, 3, Rgb), jpeg = jpegText(16, 16, true, 90);
  for (size_t length = 0; length < png.size(); ++length)
    EXPECT_EQ(slugOf(png.substr(0, length)), length < 8 ? "not-an-image" : "damaged-image")
        << length;
  for (size_t length = 0; length + 2 < jpeg.size(); ++length)
    EXPECT_EQ(slugOf(jpeg.substr(0, length)), length < 3 ? "not-an-image" : "damaged-image")
        << length;
}

TEST(Images, SizesAreLimitedBeforeMemoryIsTaken) {
  EXPECT_EQ(slugOf(pngText(100000, 100000, Rgb, "abc")), "image-size");
  EXPECT_EQ(slugOf(pngText(kMostPixels / 8 + 1, 8, Grey, "a")), "image-size");
  EXPECT_EQ(slugOf(pngText(0x7fffffff, 0x7fffffff, Grey, "a")), "image-size");
  EXPECT_EQ(slugOf(pngText(5000, 5000, Grey, "a")), "damaged-image"); // no file of 100 bytes
  std::string jpeg = jpegText(16, 16, false, 90);
  size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i : {5, 6, 7, 8}) // height and width become 65500
    jpeg[frame + i] = char(i % 2 ? 0xff : 0xdc);
  EXPECT_EQ(slugOf(jpeg), "image-size");
  for (size_t i : {5, 7}) // .. and 4316, which is not too large, but more than 512 pixels a byte
    jpeg[frame + i] = 0x10;
  EXPECT_EQ(slugOf(jpeg), "damaged-image");
  EXPECT_NE(decode(jpeg).error().message.find("declares 4316x4316 pixels, more than its"),
            std::string::npos);
}

// Text, times and cameras are of no interest: not even a chunk that is damaged.
TEST(Images, OtherChunksArePassedOver) {
  std::string png = pngPattern(5, 3, Rgb);
  png.insert(png.find("IDAT") - 4, std::string("\0\0\0\4iCCPxxxxwhat", 16));
  Result<Image> image = decode(png);
  ASSERT_TRUE(image.ok()) << format(image.error());
  expectPattern(*image, 3);
}

TEST(Images, OtherFilesAreNone) {
  EXPECT_EQ(slugOf(""), "not-an-image");
  EXPECT_EQ(slugOf("GIF89a"), "not-an-image");
  Result<Image> absent = imageDecoder().decode("/nonexistent/p.png", false);
  EXPECT_EQ(absent.error().slug, "unreadable-file");
}

TEST(Images, MutationsNeverCrash) {
  TemporaryFolder folder;
  Dice dice(7);
  std::string texts[] = {pngPattern(5, 3, Rgb), pngText(4, 1, Palette, "\x1b", 2, "abcdefghijkl"),
                         jpegText(16, 9, true, 77), jpegText(8, 8, false, 3)};
  int good = 0;
  for (int i = 0; i < 8000; ++i) {
    writeText(folder / "m", mutate(texts[i % 4], dice));
    Result<Image> image = imageDecoder().decode(folder / "m", i % 3 == 0);
    if (!image.ok())
      continue;
    ++good;
    EXPECT_EQ(int64_t(image->pixels.size()), image->channels * image->height * image->width);
  }
  EXPECT_GT(good, 0);
}
