//===- Text.h - how messages spell shapes, types and names
//--------------------------------------===//
#pragma once

#include "runtime/Program.h"

#include <span>
#include <string_view>

namespace gnc::runtime {

/// "[1, 28, 28]"; "[]" for a scalar.
std::string shapeText(std::span<const int64_t> shape);

/// "f32", "i32", "u8", "bool": as the language writes them.
std::string_view typeText(ElementType type);

/// "1.5 GiB (1610612736 bytes)"; small sizes only in bytes.
std::string bytesText(uint64_t bytes);

/// "a, b, c and 7 more" for at most `limit` names.
std::string listText(std::span<const std::string> names, size_t limit = 8);

/// The candidate with the least edit distance to `name`, or nothing if none is close (more than a
/// third of the letters differ).
std::string nearest(std::string_view name, std::span<const std::string> candidates);

} // namespace gnc::runtime
