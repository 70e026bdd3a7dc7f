//===- Safetensors.h - the file format of weights
//-----------------------------------------------===//
//
// A safetensors file is a length (8 bytes, little-endian), a JSON header of that length, and the
// tensors' bytes without gaps. Written bytes depend on nothing but the content. Reading trusts
// nothing: every length, offset, type and name is checked before it is used.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

#include <functional>
#include <map>

namespace gnc::runtime {

/// The format's names of our types: "F32", "I32", "U8", "BOOL".
std::string_view safetensorsType(ElementType type);

/// A tensor to be written: dense, row-major, little-endian.
struct TensorToWrite {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
  /// Makes the bytes when it is the tensor's turn, so that no more than one is in memory; they are
  /// dropped when they are written. Null: they are there.
  std::function<Status(std::vector<uint8_t> &bytes)> make = nullptr;
};

using Metadata = std::map<std::string, std::string>;

/// Replaces the file at `path` as replaceFile does. Header keys and tensors are sorted by name,
/// wider types first, so that every tensor is aligned. Names must be distinct, valid UTF-8 and not
/// "__metadata__", and there are as many bytes as the shape says (internal errors).
Status writeSafetensors(const std::string &path, std::vector<TensorToWrite> tensors,
                        const Metadata &metadata);

/// A tensor in a file that was read.
struct StoredTensor {
  std::string type; ///< as the file says: "F32", also ones that we cannot hold, such as "BF16"
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes; ///< into SafetensorsFile::storage; not aligned
};

struct SafetensorsFile {
  Bytes storage;
  std::map<std::string, StoredTensor> tensors;
  Metadata metadata;
};

/// Reads and checks a file. Errors: "unreadable-file", or input "bad-safetensors" saying what is
/// wrong where.
Result<SafetensorsFile> readSafetensors(const std::string &path);

/// The same for a file in memory; `name` is for messages.
Result<SafetensorsFile> parseSafetensors(Bytes bytes, const std::string &name);

} // namespace gnc::runtime
