//===- Text.cpp - how messages spell shapes, types and names
//------------------------------------===//
#include "runtime/Text.h"

#include <algorithm>
#include <cstdio>

namespace gnc::runtime {

std::string shapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t d = 0; d < shape.size(); ++d)
    text += (d ? ", " : "") + std::to_string(shape[d]);
  return text + "]";
}

std::string_view typeText(ElementType type) {
  switch (type) {
  case ElementType::F32: return "f32";
  case ElementType::I32: return "i32";
  case ElementType::U8: return "u8";
  case ElementType::Bool: return "bool";
  }
  return "?";
}

std::string bytesText(uint64_t bytes) {
  std::string exact = std::to_string(bytes) + " bytes";
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024)
    return exact;
  double value = double(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit)
    value /= 1024;
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%.1f %s", value, units[unit]);
  return std::string(buffer) + " (" + exact + ")";
}

std::string listText(std::span<const std::string> names, size_t limit) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), limit); ++i)
    text += (i ? ", " : "") + names[i];
  if (names.size() > limit)
    text += " and " + std::to_string(names.size() - limit) + " more";
  return text;
}

static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  // Names come from files: a long one must not cost quadratic time, and nobody mistyped it anyway.
  constexpr size_t longest = 256;
  if (name.size() > longest)
    return {};
  std::string best;
  size_t bestDistance = name.size() / 3 + 1;
  for (const std::string &candidate : candidates) {
    if (candidate.size() > longest)
      continue;
    size_t distance = editDistance(name, candidate);
    if (distance < bestDistance || (distance == bestDistance && best.empty())) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

} // namespace gnc::runtime
