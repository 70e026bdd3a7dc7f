//===- Jpeg.cpp - JPEG by libjpeg-turbo
//---------------------------------------------------------===//
//
// libjpeg reports errors by a function that must not return: as with PNG, longjmp out of guarded
// functions whose frames hold nothing that has to be destroyed.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/images/Formats.h"

#include <csetjmp>
#include <cstdio> // jpeglib.h needs FILE

#include <jerror.h>
#include <jpeglib.h>

namespace gnc::runtime {

namespace {
class JpegFile {
public:
  explicit JpegFile(std::span<const uint8_t> bytes) : bytes(bytes) {
    decoder.err = jpeg_std_error(&errors);
    decoder.client_data = this;
    errors.error_exit = fail;
    errors.emit_message = warn;
    errors.output_message = [](j_common_ptr) {};
  }
  ~JpegFile() { jpeg_destroy_decompress(&decoder); }
  JpegFile(const JpegFile &) = delete;
  JpegFile &operator=(const JpegFile &) = delete;

  bool readHeader();
  bool start();
  bool readRows(uint8_t *pixels);

  jpeg_decompress_struct decoder{};
  char reason[JMSG_LENGTH_MAX] = "";

private:
  static void fail(j_common_ptr decoder) {
    auto *file = static_cast<JpegFile *>(decoder->client_data);
    decoder->err->format_message(decoder, file->reason);
    longjmp(file->escape, 1);
  }
  /// libjpeg fills what is missing with grey and goes on; here that is an error. Stray bytes
  /// between segments lose nothing.
  static void warn(j_common_ptr decoder, int level) {
    int code = decoder->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA)
      fail(decoder);
  }

  std::span<const uint8_t> bytes;
  jpeg_error_mgr errors{};
  jmp_buf escape;
};

bool JpegFile::readHeader() {
  if (setjmp(escape))
    return false;
  jpeg_create_decompress(&decoder);
  decoder.client_data = this;
  jpeg_mem_src(&decoder, bytes.data(), bytes.size());
  jpeg_read_header(&decoder, TRUE);
  return true;
}

bool JpegFile::start() {
  if (setjmp(escape))
    return false;
  decoder.out_color_space = decoder.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  decoder.dct_method = JDCT_ISLOW; // exact in whole numbers: the same on every machine
  jpeg_start_decompress(&decoder);
  return true;
}

bool JpegFile::readRows(uint8_t *pixels) {
  if (setjmp(escape))
    return false;
  size_t stride = size_t(decoder.output_width) * size_t(decoder.output_components);
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = pixels + decoder.output_scanline * stride;
    jpeg_read_scanlines(&decoder, &row, 1);
  }
  jpeg_finish_decompress(&decoder);
  return true;
}

/// Whether the file can hold what it declares: a Huffman code has a bit at least, and codes a block
/// of 64 samples. (An arithmetic code could hold more of a blank page; it is refused all the same.)
bool canHold(const jpeg_decompress_struct &decoder, uint64_t bytes) {
  uint64_t pixels = uint64_t(decoder.image_height) * decoder.image_width;
  return pixels / (8 * 64) <= bytes;
}
} // namespace

Result<Image> decodeJpeg(const std::string &path, std::span<const uint8_t> bytes) {
  JpegFile file(bytes);
  if (!file.readHeader())
    return damagedImage(path, file.reason);
  jpeg_decompress_struct &decoder = file.decoder;
  if (Status status = checkSize(path, decoder.image_height, decoder.image_width); !status.ok())
    return std::move(status).error();
  if (decoder.num_components != 1 && decoder.num_components != 3)
    return inputError("not-an-image", "'" + path + "' has " +
                                          std::to_string(decoder.num_components) +
                                          " channels (CMYK?), not 1 or 3")
        .withHelp("convert it to RGB");
  if (!canHold(decoder, bytes.size()))
    return damagedImage(path, "it declares " + std::to_string(decoder.image_height) + "x" +
                                  std::to_string(decoder.image_width) + " pixels, more than its " +
                                  std::to_string(bytes.size()) + " bytes can hold");
  if (!file.start())
    return damagedImage(path, file.reason);
  int64_t channels = decoder.output_components, height = decoder.output_height,
          width = decoder.output_width;
  std::vector<uint8_t> pixels(size_t(channels * height * width));
  if (!file.readRows(pixels.data()))
    return damagedImage(path, file.reason);
  return fromRows(pixels, channels, height, width);
}

} // namespace gnc::runtime
