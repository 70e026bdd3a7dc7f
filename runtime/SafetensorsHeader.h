//===- SafetensorsHeader.h - the JSON inside a safetensors file
//---------------------------------===//
#pragma once

#include "runtime/Safetensors.h"

namespace gnc::runtime {

/// The format's own limit.
constexpr uint64_t maxHeaderBytes = 100'000'000;

struct HeaderEntry {
  std::string type;
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0; ///< data_offsets
};

struct SafetensorsHeader {
  std::map<std::string, HeaderEntry> entries;
  Metadata metadata;
};

/// Parses the header's JSON event by event: nesting costs no stack, duplicate keys are seen,
/// nothing is built that the format does not allow. Returns what is wrong, or nothing. Numbers are
/// not yet checked against each other.
std::string parseHeader(std::span<const uint8_t> json, SafetensorsHeader &header);

} // namespace gnc::runtime
