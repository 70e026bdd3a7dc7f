//===- TestImages.h - small pictures for tests, written without what is tested
//------------------===//
#pragma once

#include "runtime/Image.h"

#include <string>
#include <vector>

namespace gnc::runtime::test {

enum PngColour { Grey = 0, Rgb = 2, Palette = 3, GreyAlpha = 4, Rgba = 6 };

/// A PNG file as text: IHDR, PLTE if there is a palette, one IDAT, IEND. `rows` holds the packed
/// samples row after row.
std::string pngText(uint32_t width, uint32_t height, PngColour colour, const std::string &rows,
                    int bits = 8, const std::string &palette = "");

/// A picture whose pixels tell where they are: channel c at (y, x) is 50 c + 10 y + x, mod 256.
std::string pngPattern(uint32_t width, uint32_t height, PngColour colour);

/// A JPEG file as text, of one shade, grey or (shade, shade / 2, 0).
std::string jpegText(int width, int height, bool colour, uint8_t shade);

/// [channels, height, width] of seeded bytes.
Image noise(int64_t channels, int64_t height, int64_t width, uint64_t seed);

} // namespace gnc::runtime::test
