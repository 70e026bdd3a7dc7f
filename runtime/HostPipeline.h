//===- HostPipeline.h - what the host does to an image before the program sees it
//---------------===//
//
// Images of a source may differ in size; the inputs of a program do not. A pipeline says which
// member of the source fills an input and by which transforms on the way, as text in
// Tensor::member:
//
//   image -> rgb -> random_resized_crop(224, 224, 0.08, 1, 0.75, 1.3333) #1 -> random_flip(0.5) #2
//
//   gray, rgb                            1 or 3 channels
//   resize(s)                            the shorter side becomes s, the longer s * long / short
//   resize(h, w)                         exactly
//   pad(h, w)                            zeros: h rows above and below, w columns left and right
//   center_crop(h, w), random_crop(h, w)
//   random_resized_crop(h, w, a, b, r, s)  a part of a..b of the area, of an aspect of r..s,
//                                        resized
//   random_flip(p)                       left and right change places with probability p
//
// Resizing is bilinear over the whole support of the filter (antialiased) with the rounding of PIL,
// so torchvision's transforms on PIL images give the same; masks take the nearest pixel. `#k` is
// the site: transforms with the same site share their draw for a sample. A draw is a pure function
// of (seed, site, epoch, sample).
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Image.h"

namespace gnc::runtime {

struct HostTransform {
  enum class Kind : uint8_t {
    Gray,
    Rgb,
    ResizeShort,
    Resize,
    Pad,
    CenterCrop,
    RandomCrop,
    RandomResizedCrop,
    RandomFlip
  } kind = Kind::Gray;
  std::vector<double> arguments;
  uint64_t site = 0;
  std::string text; ///< "resize(256)", for messages
};

/// What a draw depends on.
struct DrawKey {
  uint64_t seed = 0, epoch = 0, sample = 0;
};

struct HostPipeline {
  std::string member;
  std::vector<HostTransform> transforms;

  /// The text is written by the compiler: one that cannot be understood is an internal error.
  static Result<HostPipeline> parse(const std::string &text);

  /// The member of such a text; no check.
  static std::string memberOf(const std::string &text);

  /// Transforms `image` in place; `name` is the file's, for messages. Errors: input, "image-size":
  /// a crop that is larger than the picture, or a picture that grows beyond kMostPixels.
  Status apply(Image &image, bool mask, const DrawKey &key, const std::string &name) const;
};

/// The part of `from` at (top, left), `height` x `width` within it, as an image of rows x columns.
Image resized(const Image &from, int64_t top, int64_t left, int64_t height, int64_t width,
              int64_t rows, int64_t columns, bool nearest);

} // namespace gnc::runtime
