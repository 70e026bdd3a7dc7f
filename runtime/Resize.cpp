//===- Resize.cpp - images of another size
//------------------------------------------------------===//
//
// Separable: all rows become `columns` wide, then all columns `rows` high, rounded to bytes after
// either, as PIL does it. The other way round where what lies between would be too large: of the
// two orders one never needs more than the larger of source and result. A pixel of the result is
// the mean of the pixels under a triangle around its centre; the triangle is as wide as two pixels
// of the result, at least two of the source. In whole numbers, so that every machine gives the same
// bytes.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/HostPipeline.h"

#include <algorithm>
#include <cmath>

namespace gnc::runtime {

namespace {
constexpr int kWeightBits = 22; // 8 bits of pixel and 22 of weight fit 32 with a sign to spare

/// Which pixels of a line make one of the result.
struct Support {
  int64_t first;       ///< of them
  size_t begin, count; ///< their shares in Supports::weights
};

/// Of all pixels of a resized line.
struct Supports {
  std::vector<Support> list;
  std::vector<int32_t> weights; ///< of one pixel: sum 2^kWeightBits, but for rounding
};

Supports supportsOf(int64_t from, int64_t to) {
  double scale = double(from) / double(to), reach = std::max(scale, 1.0);
  Supports supports;
  supports.list.reserve(size_t(to));
  std::vector<double> exact;
  for (int64_t i = 0; i < to; ++i) {
    double centre = (double(i) + 0.5) * scale, sum = 0;
    int64_t first = std::max<int64_t>(int64_t(centre - reach + 0.5), 0);
    int64_t last = std::min<int64_t>(int64_t(centre + reach + 0.5), from);
    exact.clear();
    for (int64_t x = first; x < last; ++x) {
      exact.push_back(std::max(1 - std::abs((double(x) - centre + 0.5) / reach), 0.0));
      sum += exact.back();
    }
    supports.list.push_back({first, supports.weights.size(), exact.size()});
    for (double weight : exact)
      supports.weights.push_back(int32_t(std::lround(weight / sum * (1 << kWeightBits))));
  }
  return supports;
}

uint8_t weightedMean(const Supports &supports, const Support &support, const uint8_t *line,
                     int64_t stride) {
  int64_t sum = int64_t(1) << (kWeightBits - 1);
  const uint8_t *at = line + support.first * stride;
  const int32_t *weights = supports.weights.data() + support.begin;
  for (size_t i = 0; i < support.count; ++i) {
    sum += int64_t(weights[i]) * *at;
    at += stride;
  }
  return uint8_t(std::clamp<int64_t>(sum >> kWeightBits, 0, 255));
}

/// `height` lines, which are `stride` apart, become as wide as `across` says, and dense.
void resizeAcross(const Supports &across, const uint8_t *from, int64_t stride, int64_t height,
                  uint8_t *to) {
  for (int64_t y = 0; y < height; ++y)
    for (const Support &support : across.list)
      *to++ = weightedMean(across, support, from + y * stride, 1);
}

/// The first `width` columns of lines that are `stride` apart become as high as `down` says, and
/// dense.
void resizeDown(const Supports &down, const uint8_t *from, int64_t stride, int64_t width,
                uint8_t *to) {
  for (const Support &support : down.list)
    for (int64_t x = 0; x < width; ++x)
      *to++ = weightedMean(down, support, from + x, stride);
}

Image nearestPixels(const Image &from, int64_t top, int64_t left, int64_t height, int64_t width,
                    int64_t rows, int64_t columns) {
  Image to{from.channels, rows, columns, {}};
  to.pixels.reserve(size_t(from.channels * rows * columns));
  for (int64_t c = 0; c < from.channels; ++c)
    for (int64_t y = 0; y < rows; ++y) {
      const uint8_t *line =
          from.plane(c) + (top + (2 * y + 1) * height / (2 * rows)) * from.width + left;
      for (int64_t x = 0; x < columns; ++x)
        to.pixels.push_back(line[(2 * x + 1) * width / (2 * columns)]);
    }
  return to;
}
} // namespace

Image resized(const Image &from, int64_t top, int64_t left, int64_t height, int64_t width,
              int64_t rows, int64_t columns, bool nearest) {
  if (nearest)
    return nearestPixels(from, top, left, height, width, rows, columns);
  Supports across = supportsOf(width, columns), down = supportsOf(height, rows);
  Image to{from.channels, rows, columns, {}};
  to.pixels.resize(size_t(from.channels * rows * columns));
  bool rowsFirst = height * columns > kMostPixels;
  std::vector<uint8_t> lines(size_t(rowsFirst ? rows * width : height * columns));
  for (int64_t c = 0; c < from.channels; ++c) {
    const uint8_t *part = from.plane(c) + top * from.width + left;
    if (rowsFirst) {
      resizeDown(down, part, from.width, width, lines.data());
      resizeAcross(across, lines.data(), width, rows, to.plane(c));
    } else {
      resizeAcross(across, part, from.width, height, lines.data());
      resizeDown(down, lines.data(), columns, columns, to.plane(c));
    }
  }
  return to;
}

} // namespace gnc::runtime
