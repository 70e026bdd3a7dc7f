#include "TestImages.h"

#include "TestFiles.h"

#include <jpeglib.h>

namespace gnc::runtime::test {

namespace {
std::string word(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8)
    text += char(value >> shift & 0xff);
  return text;
}

std::string chunk(const std::string &type, const std::string &data) {
  std::string body = type + data;
  uLong sum = crc32(0, reinterpret_cast<const Bytef *>(body.data()), uInt(body.size()));
  return word(uint32_t(data.size())) + body + word(uint32_t(sum));
}

int channelsOf(PngColour colour) {
  return colour == Rgb ? 3 : colour == Rgba ? 4 : colour == GreyAlpha ? 2 : 1;
}
} // namespace

std::string pngText(uint32_t width, uint32_t height, PngColour colour, const std::string &rows,
                    int bits, const std::string &palette) {
  size_t stride = (size_t(width) * size_t(channelsOf(colour) * bits) + 7) / 8;
  std::string raw;
  for (size_t y = 0; y * stride < rows.size(); ++y)
    raw += '\0' + rows.substr(y * stride, stride); // filter 0
  uLongf length = compressBound(uLong(raw.size()));
  std::string packed(length, '\0');
  compress(reinterpret_cast<Bytef *>(packed.data()), &length,
           reinterpret_cast<const Bytef *>(raw.data()), uLong(raw.size()));
  packed.resize(length);
  std::string header =
      word(width) + word(height) + char(bits) + char(colour) + std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) +
         (palette.empty() ? "" : chunk("PLTE", palette)) + chunk("IDAT", packed) +
         chunk("IEND", "");
}

std::string pngPattern(uint32_t width, uint32_t height, PngColour colour) {
  std::string rows;
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x)
      for (int c = 0; c < channelsOf(colour); ++c)
        rows += char(50 * c + 10 * int(y) + int(x));
  return pngText(width, height, colour, rows);
}

std::string jpegText(int width, int height, bool colour, uint8_t shade) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char *memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &memory, &size);
  encoder.image_width = JDIMENSION(width);
  encoder.image_height = JDIMENSION(height);
  encoder.input_components = colour ? 3 : 1;
  encoder.in_color_space = colour ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, 95, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  std::vector<uint8_t> row;
  for (int x = 0; x < width; ++x)
    for (int c = 0; c < encoder.input_components; ++c)
      row.push_back(uint8_t(c == 0 ? shade : c == 1 ? shade / 2 : 0));
  JSAMPROW line = row.data();
  while (encoder.next_scanline < encoder.image_height)
    jpeg_write_scanlines(&encoder, &line, 1);
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  std::string text(reinterpret_cast<char *>(memory), size);
  free(memory);
  return text;
}

Image noise(int64_t channels, int64_t height, int64_t width, uint64_t seed) {
  Dice dice(seed);
  Image image{channels, height, width, {}};
  for (int64_t i = 0; i < channels * height * width; ++i)
    image.pixels.push_back(uint8_t(dice.below(256)));
  return image;
}

} // namespace gnc::runtime::test
