//===- Image.h - a decoded picture, and who decodes it ----------------------------------------===//
//
// The runtime itself reads no image format: a decoder (runtime/images/, or a host program's own) is
// handed to openDataset. What links no decoder can do everything but read image files.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

namespace gnc::runtime {

/// Bytes [channels, height, width], dense.
struct Image {
  int64_t channels = 0, height = 0, width = 0;
  std::vector<uint8_t> pixels;

  uint8_t *plane(int64_t channel) { return pixels.data() + channel * height * width; }
  const uint8_t *plane(int64_t channel) const { return pixels.data() + channel * height * width; }
};

/// Larger pictures are refused before memory is taken for them.
constexpr int64_t kMostPixels = int64_t(1) << 26;

class ImageDecoder {
public:
  virtual ~ImageDecoder() = default;
  /// A picture with 1 channel (grey) or 3 (red, green, blue), as the file has them; without alpha,
  /// 8 bits a channel. A `mask` holds a number a pixel: 1 channel, what the file has (grey, or the
  /// indices of a palette) as it is, never scaled. Called by several threads at once. Errors:
  /// input; "unreadable-file", "not-an-image", "damaged-image", "image-size", "mask-image".
  virtual Result<Image> decode(const std::string &path, bool mask) const = 0;
};

/// Does the name end in .png, .jpg or .jpeg, in any case?
bool isImageName(const std::string &name);

} // namespace gnc::runtime
