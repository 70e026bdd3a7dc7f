//===- Images.cpp - which format a file has ---------------------------------------------------===//
#include "runtime/images/Images.h"

#include "runtime/File.h"
#include "runtime/images/Formats.h"

#include <algorithm>
#include <cstring>

namespace gnc::runtime {

namespace {
bool startsWith(std::span<const uint8_t> bytes, std::span<const uint8_t> start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}

/// A mask in colours that are all grey is one in grey; others name no number.
Status makeMask(const std::string &path, Image &image) {
  if (image.channels == 1)
    return {};
  const uint8_t *r = image.plane(0), *g = image.plane(1), *b = image.plane(2);
  for (int64_t i = 0; i < image.height * image.width; ++i)
    if (r[i] != g[i] || r[i] != b[i])
      return inputError("mask-image", "the mask '" + path + "' is in colours: (" +
                                          std::to_string(r[i]) + ", " + std::to_string(g[i]) +
                                          ", " + std::to_string(b[i]) + ") at row " +
                                          std::to_string(i / image.width) + ", column " +
                                          std::to_string(i % image.width))
          .withHelp("save masks in grey or with a palette: one number a pixel");
  image.channels = 1;
  image.pixels.resize(size_t(image.height * image.width));
  return {};
}

class FileDecoder final : public ImageDecoder {
public:
  Result<Image> decode(const std::string &path, bool mask) const override {
    Result<Bytes> bytes = readFile(path);
    if (!bytes.ok())
      return std::move(bytes).error();
    if (startsWith(bytes->span(), kPngStart)) {
      Result<Image> image = decodePng(path, bytes->span(), mask);
      if (image.ok() && mask)
        if (Status status = makeMask(path, *image); !status.ok())
          return std::move(status).error();
      return image;
    }
    if (!startsWith(bytes->span(), kJpegStart))
      return inputError("not-an-image", "'" + path + "' is neither a PNG nor a JPEG file")
          .withHelp(bytes->size() == 0 ? "the file is empty; fetch it again"
                                       : "convert it to PNG, or remove it");
    if (mask)
      return inputError("mask-image", "the mask '" + path +
                                          "' is a JPEG, whose pixels are not "
                                          "exact")
          .withHelp("save masks as PNG");
    return decodeJpeg(path, bytes->span());
  }
};
} // namespace

const ImageDecoder &imageDecoder() {
  static const FileDecoder decoder;
  return decoder;
}

bool isImageFile(const std::string &path) {
  uint64_t size = 0;
  Result<Descriptor> file = openForReading(path, size);
  uint8_t start[8] = {};
  if (!file.ok() || readFully(file->get(), start, 8) < 3)
    return false;
  return startsWith(start, kPngStart) || startsWith(start, kJpegStart);
}

Image fromRows(const std::vector<uint8_t> &rows, int64_t channels, int64_t height, int64_t width) {
  Image image{channels, height, width, {}};
  image.pixels.resize(rows.size());
  for (int64_t c = 0; c < channels; ++c) {
    uint8_t *to = image.plane(c);
    for (int64_t i = 0; i < height * width; ++i)
      to[i] = rows[size_t(i * channels + c)];
  }
  return image;
}

Error damagedImage(const std::string &path, const std::string &reason) {
  return inputError("damaged-image", "'" + path + "' cannot be decoded: " + reason)
      .withHelp("the file is cut off or damaged; fetch it again, or remove it");
}

Status checkSize(const std::string &path, uint64_t height, uint64_t width) {
  if (height > 0 && width > 0 && width <= uint64_t(kMostPixels) / height)
    return {};
  return inputError("image-size", "'" + path + "' declares " + std::to_string(height) + "x" +
                                      std::to_string(width) + " pixels (height x width); at most " +
                                      std::to_string(kMostPixels) + " are read")
      .withHelp("the file is damaged, or has to be made smaller first");
}

} // namespace gnc::runtime
