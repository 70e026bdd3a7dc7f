//===- Png.cpp - PNG by libpng ----------------------------------------------------------------===//
//
// libpng reports errors by longjmp. So every call of it is in `PngFile`'s two guarded functions,
// whose frames hold nothing that has to be destroyed.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/images/Formats.h"

#include <png.h>

#include <cstring>

namespace gnc::runtime {

namespace {
class PngFile {
public:
  explicit PngFile(std::span<const uint8_t> bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail, ignore);
    info = png ? png_create_info_struct(png) : nullptr;
  }
  ~PngFile() { png_destroy_read_struct(&png, &info, nullptr); }
  PngFile(const PngFile &) = delete;
  PngFile &operator=(const PngFile &) = delete;

  bool readHeader(bool mask);
  bool readRows(png_bytep *rows);

  uint64_t height = 0, width = 0, channels = 0;
  uint64_t fileRowBytes = 0; ///< in the file, unpacked
  uint64_t sampleBytes = 1;  ///< of a channel of a pixel as it is read: 2 of a mask of 16 bits
  char reason[128] = "not enough memory";

private:
  static PngFile &of(png_voidp pointer) { return *static_cast<PngFile *>(pointer); }
  static void fail(png_structp png, png_const_charp message) {
    PngFile &file = of(png_get_error_ptr(png));
    strncpy(file.reason, message, sizeof file.reason - 1);
    file.reason[sizeof file.reason - 1] = 0;
    png_longjmp(png, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void read(png_structp png, png_bytep to, size_t count) {
    PngFile &file = of(png_get_io_ptr(png));
    if (count > file.rest.size())
      png_error(png, "it ends too early");
    memcpy(to, file.rest.data(), count);
    file.rest = file.rest.subspan(count);
  }

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> rest;
};

/// Reads up to the pixels and asks for 8 bits a channel: grey or red, green, blue. The numbers of a
/// mask are only unpacked, never scaled.
bool PngFile::readHeader(bool mask) {
  if (!info || setjmp(png_jmpbuf(png)))
    return false;
  png_set_read_fn(png, this, read);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff); // checked by the caller, with the file's name
  // Nothing but size, palette and pixels is looked at: libpng takes the memory that another chunk
  // declares before it looks for its bytes.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, info);
  int kind = png_get_color_type(png, info);
  fileRowBytes = png_get_rowbytes(png, info);
  png_set_strip_alpha(png);
  if (mask) {
    png_set_packing(png);
  } else {
    png_set_scale_16(png);
    if (kind == PNG_COLOR_TYPE_PALETTE)
      png_set_palette_to_rgb(png);
    else if (kind == PNG_COLOR_TYPE_GRAY)
      png_set_expand_gray_1_2_4_to_8(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  height = png_get_image_height(png, info);
  width = png_get_image_width(png, info);
  channels = png_get_channels(png, info);
  sampleBytes = png_get_bit_depth(png, info) == 16 ? 2 : 1;
  return true;
}

bool PngFile::readRows(png_bytep *rows) {
  if (setjmp(png_jmpbuf(png)))
    return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

/// A mask of 16 bits, most significant byte first, as one of 8: only the file is wide, the numbers
/// have to fit.
Status narrow(const std::string &path, const PngFile &file, std::vector<uint8_t> &pixels) {
  for (size_t i = 0; i < pixels.size() / 2; ++i) {
    if (pixels[2 * i] != 0) {
      size_t pixel = i / file.channels;
      return inputError("mask-image", "the mask '" + path + "' has the number " +
                                          std::to_string(256 * pixels[2 * i] + pixels[2 * i + 1]) +
                                          " at row " + std::to_string(pixel / file.width) +
                                          ", column " + std::to_string(pixel % file.width) +
                                          "; numbers of masks are below 256")
          .withHelp("save masks with 8 bits a pixel, numbered from 0");
    }
    pixels[i] = pixels[2 * i + 1];
  }
  pixels.resize(pixels.size() / 2);
  return {};
}
} // namespace

Result<Image> decodePng(const std::string &path, std::span<const uint8_t> bytes, bool mask) {
  PngFile file(bytes);
  if (!file.readHeader(mask))
    return damagedImage(path, file.reason);
  if (Status status = checkSize(path, file.height, file.width); !status.ok())
    return std::move(status).error();
  // Deflate makes at most 1032 bytes of one.
  if (file.height * file.fileRowBytes / 1032 > bytes.size())
    return damagedImage(path, "it declares " + std::to_string(file.height) + "x" +
                                  std::to_string(file.width) + " pixels, more than its " +
                                  std::to_string(bytes.size()) + " bytes can hold");
  if (file.channels != 1 && file.channels != 3)
    return damagedImage(path, "it has " + std::to_string(file.channels) + " channels");
  uint64_t stride = file.width * file.channels * file.sampleBytes;
  std::vector<uint8_t> pixels(file.height * stride);
  std::vector<png_bytep> rows(file.height);
  for (uint64_t y = 0; y < file.height; ++y)
    rows[y] = pixels.data() + y * stride;
  if (!file.readRows(rows.data()))
    return damagedImage(path, file.reason);
  if (file.sampleBytes == 2)
    if (Status status = narrow(path, file, pixels); !status.ok())
      return std::move(status).error();
  return fromRows(pixels, int64_t(file.channels), int64_t(file.height), int64_t(file.width));
}

} // namespace gnc::runtime
