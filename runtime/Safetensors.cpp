//===- Safetensors.cpp - writing and checking safetensors files
//---------------------------------===//
#include "runtime/Safetensors.h"

#include "runtime/File.h"
#include "runtime/SafetensorsHeader.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace gnc::runtime {

std::string_view safetensorsType(ElementType type) {
  switch (type) {
  case ElementType::F32: return "F32";
  case ElementType::I32: return "I32";
  case ElementType::U8: return "U8";
  case ElementType::Bool: return "BOOL";
  }
  return "?";
}

//===- Writing --------------------------------------------------------------------------------===//

namespace {
std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (uint8_t(c) < 0x20) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", unsigned(c));
      json += escape;
    } else {
      json += c;
    }
  }
  return json + "\"";
}

uint64_t denseSize(const TensorToWrite &tensor) {
  uint64_t bytes = uint64_t(byteWidth(tensor.type));
  for (int64_t extent : tensor.shape)
    bytes *= uint64_t(extent);
  return bytes;
}

/// The header's entry of a tensor whose bytes begin at `offset`.
std::string headerEntry(const TensorToWrite &tensor, uint64_t offset) {
  std::string shape;
  for (int64_t extent : tensor.shape)
    shape += (shape.empty() ? "" : ",") + std::to_string(extent);
  return quoted(tensor.name) + ":{\"dtype\":\"" + std::string(safetensorsType(tensor.type)) +
         "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(offset) + "," +
         std::to_string(offset + denseSize(tensor)) + "]}";
}

/// Length and JSON, padded with blanks to a multiple of 8. `tensors` is in the order of the file.
std::string makeHeader(const std::vector<TensorToWrite> &tensors, const Metadata &metadata) {
  std::map<std::string_view, std::string> entries; // by name
  uint64_t offset = 0;
  for (const TensorToWrite &tensor : tensors) {
    entries[tensor.name] = headerEntry(tensor, offset);
    offset += denseSize(tensor);
  }
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto &[key, value] : metadata)
      json += (json.back() == '{' ? "" : ",") + quoted(key) + ":" + quoted(value);
    json += "}";
  }
  for (const auto &[name, entry] : entries)
    json += (json.back() == '{' ? "" : ",") + entry;
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  std::string header;
  for (int i = 0; i < 8; ++i)
    header += char(json.size() >> (8 * i) & 0xff);
  return header + json;
}

std::span<const uint8_t> bytesOf(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}
} // namespace

Status writeSafetensors(const std::string &path, std::vector<TensorToWrite> tensors,
                        const Metadata &metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite &a, const TensorToWrite &b) {
    int64_t wideA = byteWidth(a.type), wideB = byteWidth(b.type);
    return wideA != wideB ? wideA > wideB : a.name < b.name;
  });
  std::vector<std::string_view> names;
  for (const TensorToWrite &tensor : tensors)
    names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end() ||
      std::binary_search(names.begin(), names.end(), "__metadata__"))
    return internalError("two tensors of one name in '" + path + "'");
  std::string header = makeHeader(tensors, metadata);
  if (header.size() > maxHeaderBytes)
    return internalError("the header of '" + path + "' would have " +
                         std::to_string(header.size()) + " bytes");
  return replaceFile(
      path, [&, next = size_t(0), begun = false]() mutable -> Result<std::span<const uint8_t>> {
        if (!std::exchange(begun, true))
          return bytesOf(header);
        if (next > 0)
          std::vector<uint8_t>().swap(tensors[next - 1].bytes);
        while (next < tensors.size() &&
               denseSize(tensors[next]) == 0) // an empty piece would be the end
          ++next;
        if (next == tensors.size())
          return std::span<const uint8_t>();
        TensorToWrite &tensor = tensors[next++];
        if (Status made = tensor.make ? tensor.make(tensor.bytes) : Status(); !made.ok())
          return std::move(made).error();
        if (tensor.bytes.size() != denseSize(tensor))
          return internalError("'" + tensor.name + "' has " + std::to_string(tensor.bytes.size()) +
                               " bytes, its shape " + std::to_string(denseSize(tensor)));
        return std::span<const uint8_t>(tensor.bytes);
      });
}

//===- Reading --------------------------------------------------------------------------------===//

namespace {
/// Bits of one element, or 0 for a type that the format does not know.
uint64_t bitsOf(const std::string &type) {
  static const std::map<std::string, uint64_t> known = {
      {"BOOL", 8}, {"U8", 8},   {"I8", 8},   {"F8_E4M3", 8}, {"F8_E5M2", 8},
      {"I16", 16}, {"U16", 16}, {"F16", 16}, {"BF16", 16},   {"I32", 32},
      {"U32", 32}, {"F32", 32}, {"I64", 64}, {"U64", 64},    {"F64", 64}};
  auto found = known.find(type);
  return found == known.end() ? 0 : found->second;
}

/// Type, shape and offsets agree with each other and with the `dataBytes` bytes after the header.
/// Returns what is wrong, or nothing.
std::string checkEntry(const HeaderEntry &entry, uint64_t dataBytes) {
  uint64_t bits = bitsOf(entry.type);
  if (bits == 0)
    return "has the unknown type '" + entry.type.substr(0, 40) + "'";
  uint64_t bytes = bits / 8;
  bool overflow = false, empty = false;
  for (uint64_t extent : entry.shape) {
    empty |= extent == 0;
    overflow |= extent > uint64_t(INT64_MAX) || __builtin_mul_overflow(bytes, extent, &bytes);
  }
  if (overflow)
    return "has a shape beyond all memory";
  if (empty)
    bytes = 0;
  if (entry.begin > entry.end || entry.end > dataBytes)
    return "lies at bytes " + std::to_string(entry.begin) + " to " + std::to_string(entry.end) +
           " of " + std::to_string(dataBytes);
  if (entry.end - entry.begin != bytes)
    return "has " + std::to_string(entry.end - entry.begin) +
           " bytes, but its type and shape need " + std::to_string(bytes);
  return {};
}

/// Tensors follow each other without overlap or gap and fill the file. Returns what is wrong, or
/// nothing.
std::string checkCoverage(const std::map<std::string, HeaderEntry> &entries, uint64_t dataBytes) {
  std::vector<const std::pair<const std::string, HeaderEntry> *> order;
  for (const auto &entry : entries)
    order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](auto *a, auto *b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t expected = 0;
  for (auto *entry : order) {
    if (entry->second.begin != expected)
      return "tensor '" + entry->first + "' begins at byte " + std::to_string(entry->second.begin) +
             " of the data, where " + std::to_string(expected) +
             " is expected: tensors overlap or leave a gap";
    expected = entry->second.end;
  }
  if (expected != dataBytes)
    return "its tensors end at byte " + std::to_string(expected) + " of the data, which has " +
           std::to_string(dataBytes);
  return {};
}

uint64_t littleEndian(const uint8_t *bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i)
    value |= uint64_t(bytes[i]) << (8 * i);
  return value;
}

/// Fills `file` from its storage. Returns what is wrong, or nothing.
std::string parse(SafetensorsFile &file) {
  std::span<const uint8_t> bytes = file.storage.span();
  if (bytes.size() < 8)
    return "it has " + std::to_string(bytes.size()) + " bytes; a header needs more than 8";
  uint64_t length = littleEndian(bytes.data());
  if (length > maxHeaderBytes)
    return "it declares a header of " + std::to_string(length) + " bytes; at most " +
           std::to_string(maxHeaderBytes) + " are allowed";
  if (length > bytes.size() - 8)
    return "it declares a header of " + std::to_string(length) + " bytes, but only " +
           std::to_string(bytes.size() - 8) + " follow";
  SafetensorsHeader header;
  if (std::string problem = parseHeader(bytes.subspan(8, length), header); !problem.empty())
    return problem;
  std::span<const uint8_t> data = bytes.subspan(8 + length);
  for (const auto &[name, entry] : header.entries)
    if (std::string problem = checkEntry(entry, data.size()); !problem.empty())
      return "tensor '" + name + "' " + problem;
  if (std::string problem = checkCoverage(header.entries, data.size()); !problem.empty())
    return problem;
  for (auto &[name, entry] : header.entries)
    file.tensors[name] = {entry.type, std::vector<int64_t>(entry.shape.begin(), entry.shape.end()),
                          data.subspan(entry.begin, entry.end - entry.begin)};
  file.metadata = std::move(header.metadata);
  return {};
}
} // namespace

Result<SafetensorsFile> parseSafetensors(Bytes bytes, const std::string &name) {
  SafetensorsFile file;
  file.storage = std::move(bytes);
  if (std::string problem = parse(file); !problem.empty())
    return inputError("bad-safetensors",
                      "'" + name + "' is not a good safetensors file: " + problem);
  return file;
}

Result<SafetensorsFile> readSafetensors(const std::string &path) {
  Result<Bytes> bytes = readFile(path);
  if (!bytes.ok())
    return std::move(bytes).error();
  return parseSafetensors(std::move(*bytes), path);
}

} // namespace gnc::runtime
