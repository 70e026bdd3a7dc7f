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

/// Which pixels of a line make one of the result, and their shares.
struct Support {
  int64_t first = 0;
  std::vector<int32_t> weights; ///< sum 2^kWeightBits, but for rounding
};

std::vector<Support> supports(int64_t from, int64_t to) {
  double scale = double(from) / double(to), reach = std::max(scale, 1.0);
  std::vector<Support> list(static_cast<size_t>(to));
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
    Support &support = list[size_t(i)];
    support.first = first;
    for (double weight : exact)
      support.weights.push_back(int32_t(std::lround(weight / sum * (1 << kWeightBits))));
  }
  return list;
}

uint8_t weightedMean(const Support &support, const uint8_t *line, int64_t stride) {
  int64_t sum = int64_t(1) << (kWeightBits - 1);
  const uint8_t *at = line + support.first * stride;
  for (int32_t weight : support.weights) {
    sum += int64_t(weight) * *at;
    at += stride;
  }
  return uint8_t(std::clamp<int64_t>(sum >> kWeightBits, 0, 255));
}

/// `height` lines, which are `stride` apart, become as wide as `across` says, and dense.
void resizeAcross(const std::vector<Support> &across, const uint8_t *from, int64_t stride,
                  int64_t height, uint8_t *to) {
  for (int64_t y = 0; y < height; ++y)
    for (const Support &support : across)
      *to++ = weightedMean(support, from + y * stride, 1);
}

/// The first `width` columns of lines that are `stride` apart become as high as `down` says, and
/// dense.
void resizeDown(const std::vector<Support> &down, const uint8_t *from, int64_t stride,
                int64_t width, uint8_t *to) {
  for (const Support &support : down)
    for (int64_t x = 0; x < width; ++x)
      *to++ = weightedMean(support, from + x, stride);
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
  std::vector<Support> across = supports(width, columns), down = supports(height, rows);
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
