//===- HostPipeline.cpp - what the host does to an image before the program sees it
//-------------===//
#include "runtime/HostPipeline.h"

#include "runtime/Philox.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace gnc::runtime {

//===- Text -----------------------------------------------------------------------------------===//

namespace {
using Kind = HostTransform::Kind;

struct KindRow {
  std::string_view name;
  size_t arguments;
  Kind kind;
};
constexpr KindRow kinds[] = {
    {"gray", 0, Kind::Gray},
    {"rgb", 0, Kind::Rgb},
    {"resize", 1, Kind::ResizeShort},
    {"resize", 2, Kind::Resize},
    {"pad", 2, Kind::Pad},
    {"center_crop", 2, Kind::CenterCrop},
    {"random_crop", 2, Kind::RandomCrop},
    {"random_resized_crop", 6, Kind::RandomResizedCrop},
    {"random_flip", 1, Kind::RandomFlip},
};
constexpr std::string_view arrow = " -> ";

/// "resize(256, 256) #1".
bool parseTransform(std::string_view text, HostTransform &transform) {
  size_t hash = text.find(" #");
  if (hash != std::string_view::npos) {
    transform.site = strtoull(std::string(text.substr(hash + 2)).c_str(), nullptr, 10);
    text = text.substr(0, hash);
  }
  transform.text = text;
  size_t open = text.find('(');
  std::string_view name = text.substr(0, open);
  if (open != std::string_view::npos) {
    std::string list(text.substr(open + 1));
    const char *at = list.c_str();
    for (char *end = nullptr;; at = end + 1) {
      transform.arguments.push_back(strtod(at, &end));
      if (end == at)
        return false;
      if (*end != ',')
        break;
    }
  }
  for (const KindRow &row : kinds)
    if (row.name == name && row.arguments == transform.arguments.size()) {
      transform.kind = row.kind;
      return true;
    }
  return false;
}
} // namespace

std::string HostPipeline::memberOf(const std::string &text) {
  return text.substr(0, text.find(arrow));
}

Result<HostPipeline> HostPipeline::parse(const std::string &text) {
  HostPipeline pipeline;
  pipeline.member = memberOf(text);
  for (size_t at = pipeline.member.size(); at < text.size();) {
    at += arrow.size();
    size_t end = std::min(text.find(arrow, at), text.size());
    HostTransform transform;
    if (!parseTransform(std::string_view(text).substr(at, end - at), transform))
      return internalError("the host transforms '" + text + "' are not understood");
    pipeline.transforms.push_back(std::move(transform));
    at = end;
  }
  return pipeline;
}

//===- Transforms -----------------------------------------------------------------------------===//

namespace {
/// ITU-R 601, in whole numbers as PIL does it.
void toGray(Image &image) {
  if (image.channels == 1)
    return;
  int64_t count = image.height * image.width;
  const uint8_t *r = image.plane(0), *g = image.plane(1), *b = image.plane(2);
  for (int64_t i = 0; i < count; ++i) // the result takes the place of red
    image.pixels[size_t(i)] = uint8_t((19595 * r[i] + 38470 * g[i] + 7471 * b[i] + 32768) >> 16);
  image.channels = 1;
  image.pixels.resize(size_t(count));
}

void toColour(Image &image) {
  if (image.channels == 3)
    return;
  size_t count = image.pixels.size();
  image.channels = 3;
  image.pixels.resize(3 * count);
  for (size_t c : {1, 2})
    memcpy(image.pixels.data() + c * count, image.pixels.data(), count);
}

Image cropped(const Image &from, int64_t top, int64_t left, int64_t height, int64_t width) {
  Image to{from.channels, height, width, {}};
  to.pixels.reserve(size_t(from.channels * height * width));
  for (int64_t c = 0; c < from.channels; ++c)
    for (int64_t y = 0; y < height; ++y) {
      const uint8_t *line = from.plane(c) + (top + y) * from.width + left;
      to.pixels.insert(to.pixels.end(), line, line + width);
    }
  return to;
}

Image padded(const Image &from, int64_t rows, int64_t columns) {
  Image to{from.channels, from.height + 2 * rows, from.width + 2 * columns, {}};
  to.pixels.resize(size_t(to.channels * to.height * to.width));
  for (int64_t c = 0; c < from.channels; ++c)
    for (int64_t y = 0; y < from.height; ++y)
      memcpy(to.plane(c) + (y + rows) * to.width + columns, from.plane(c) + y * from.width,
             size_t(from.width));
  return to;
}

void flip(Image &image) {
  for (auto line = image.pixels.begin(); line != image.pixels.end(); line += image.width)
    std::reverse(line, line + image.width);
}

/// One application of one transform.
class Application {
public:
  Application(const HostTransform &transform, Image &image, bool mask, const DrawKey &key,
              const std::string &name)
      : transform(transform), image(image), mask(mask), key(key), name(name),
        stream(key.seed, Purpose::HostTransform, transform.site) {}

  Status run();

private:
  int64_t whole(size_t i) const { return int64_t(transform.arguments[i]); }
  PhiloxBlock draw(uint64_t attempt) const {
    return stream.block(key.epoch, key.sample * 16 + attempt);
  }
  /// A whole number in [0, bound), from one draw of 32 bits.
  static int64_t below(uint32_t bits, int64_t bound) {
    return int64_t(uint64_t(bits) * uint64_t(bound) >> 32);
  }
  Status resize(int64_t height, int64_t width);
  Status resizeShort();
  Status pad();
  Status crop(bool random);
  Status resizedCrop();
  Status checkResult(int64_t height, int64_t width) const;
  void cropAround(double lowest, double highest, int64_t rows, int64_t columns);
  Error sizeError(const std::string &problem) const;

  const HostTransform &transform;
  Image &image;
  const bool mask;
  const DrawKey &key;
  const std::string &name;
  RandomStream stream;
};

Error Application::sizeError(const std::string &problem) const {
  return inputError("image-size", transform.text + " of '" + name + "', which is " +
                                      std::to_string(image.height) + "x" +
                                      std::to_string(image.width) + " (height x width) here, " +
                                      problem);
}

Status Application::checkResult(int64_t height, int64_t width) const {
  if (width <= kMostPixels / std::max<int64_t>(height, 1))
    return {};
  return sizeError("has more than " + std::to_string(kMostPixels) + " pixels")
      .withHelp("resize to both sides: resize(256x256)");
}

Status Application::resize(int64_t height, int64_t width) {
  if (Status status = checkResult(height, width); !status.ok())
    return status;
  image = resized(image, 0, 0, image.height, image.width, height, width, mask);
  return {};
}

Status Application::resizeShort() {
  int64_t s = whole(0);
  if (image.height <= image.width)
    return resize(s, std::max<int64_t>(s * image.width / image.height, 1));
  return resize(std::max<int64_t>(s * image.height / image.width, 1), s);
}

Status Application::pad() {
  int64_t height = image.height + 2 * whole(0), width = image.width + 2 * whole(1);
  if (height * width > kMostPixels)
    return sizeError("has more than " + std::to_string(kMostPixels) + " pixels")
        .withHelp("pad less");
  image = padded(image, whole(0), whole(1));
  return {};
}

Status Application::crop(bool random) {
  int64_t height = whole(0), width = whole(1);
  int64_t down = image.height - height, right = image.width - width;
  if (down < 0 || right < 0)
    return sizeError("is larger than the picture")
        .withHelp("make small pictures larger first: resize(" +
                  std::to_string(std::max(height, width)) + ") -> " + transform.text);
  PhiloxBlock bits = draw(0);
  // As torchvision rounds: half of an odd rest goes up for even numbers.
  int64_t top = random ? below(bits[0], down + 1) : int64_t(std::nearbyint(double(down) / 2));
  int64_t left = random ? below(bits[1], right + 1) : int64_t(std::nearbyint(double(right) / 2));
  image = cropped(image, top, left, height, width);
  return {};
}

/// The middle, as large as the picture allows with an aspect between the bounds.
void Application::cropAround(double lowest, double highest, int64_t rows, int64_t columns) {
  double aspect = double(image.width) / double(image.height);
  int64_t height = image.height, width = image.width;
  if (aspect < lowest)
    height = std::clamp<int64_t>(std::lround(double(width) / lowest), 1, height);
  else if (aspect > highest)
    width = std::clamp<int64_t>(std::lround(double(height) * highest), 1, width);
  image = resized(image, (image.height - height) / 2, (image.width - width) / 2, height, width,
                  rows, columns, mask);
}

/// Szegedy et al., "Going deeper with convolutions" (2015), section 6, in torchvision's form: ten
/// attempts, then the middle.
Status Application::resizedCrop() {
  const std::vector<double> &a = transform.arguments;
  if (Status status = checkResult(whole(0), whole(1)); !status.ok())
    return status;
  double area = double(image.height) * double(image.width);
  for (uint64_t attempt = 0; attempt < 10; ++attempt) {
    PhiloxBlock bits = draw(attempt);
    double part = area * (a[2] + (a[3] - a[2]) * RandomStream::toUniform(bits[0]));
    double low = std::log(a[4]), high = std::log(a[5]);
    double aspect = std::exp(low + (high - low) * RandomStream::toUniform(bits[1]));
    int64_t width = std::lround(std::sqrt(part * aspect));
    int64_t height = std::lround(std::sqrt(part / aspect));
    if (width < 1 || width > image.width || height < 1 || height > image.height)
      continue;
    image =
        resized(image, below(bits[2], image.height - height + 1),
                below(bits[3], image.width - width + 1), height, width, whole(0), whole(1), mask);
    return {};
  }
  cropAround(a[4], a[5], whole(0), whole(1));
  return {};
}

Status Application::run() {
  switch (transform.kind) {
  case Kind::Gray: toGray(image); return {};
  case Kind::Rgb: toColour(image); return {};
  case Kind::ResizeShort: return resizeShort();
  case Kind::Resize: return resize(whole(0), whole(1));
  case Kind::Pad: return pad();
  case Kind::CenterCrop: return crop(false);
  case Kind::RandomCrop: return crop(true);
  case Kind::RandomResizedCrop: return resizedCrop();
  case Kind::RandomFlip:
    if (RandomStream::toUniform(draw(0)[0]) < transform.arguments[0])
      flip(image);
    return {};
  }
  return {};
}
} // namespace

Status HostPipeline::apply(Image &image, bool mask, const DrawKey &key,
                           const std::string &name) const {
  for (const HostTransform &transform : transforms)
    if (Status status = Application(transform, image, mask, key, name).run(); !status.ok())
      return status;
  return {};
}

bool isImageName(const std::string &name) {
  std::string lower =
      name.substr(name.rfind('.') == std::string::npos ? name.size() : name.rfind('.'));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return char(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return lower == ".png" || lower == ".jpg" || lower == ".jpeg";
}

} // namespace gnc::runtime
