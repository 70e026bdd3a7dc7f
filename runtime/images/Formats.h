//===- Formats.h - the two formats, behind one face
//---------------------------------------------===//
#pragma once

#include "runtime/Image.h"

#include <span>

namespace gnc::runtime {

constexpr uint8_t kPngStart[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr uint8_t kJpegStart[3] = {0xff, 0xd8, 0xff};

Result<Image> decodePng(const std::string &path, std::span<const uint8_t> bytes, bool mask);
Result<Image> decodeJpeg(const std::string &path, std::span<const uint8_t> bytes);

/// Rows of interleaved samples become planes.
Image fromRows(const std::vector<uint8_t> &rows, int64_t channels, int64_t height, int64_t width);

Error damagedImage(const std::string &path, const std::string &reason);
/// An error for a size that is refused.
Status checkSize(const std::string &path, uint64_t height, uint64_t width);

} // namespace gnc::runtime
