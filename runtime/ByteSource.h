//===- ByteSource.h - a file's bytes, unpacked on the way
//---------------------------------------===//
#pragma once

#include "runtime/File.h"

#include <zlib.h>

namespace gnc::runtime {

/// Reads a plain or gzip file from the beginning. Which of the two is decided by the file's first
/// bytes; a name that ends in .gz on something else is an error.
class ByteSource {
public:
  ByteSource() = default;
  ByteSource(const ByteSource &) = delete;
  ByteSource &operator=(const ByteSource &) = delete;
  ~ByteSource();

  Status open(const std::string &path);

  /// Reads up to `count` bytes; fewer only at the end.
  Result<uint64_t> read(uint8_t *to, uint64_t count);

  /// No more bytes than this can come out: the file's length, or what deflate could make of it at
  /// best.
  uint64_t most() const;

  /// The file ended in the middle of its gzip stream (known once read() has come back short).
  bool cutShort() const { return truncated; }
  uint64_t fileBytes() const { return size; }
  bool packed() const { return compressed; }

private:
  Result<uint64_t> inflateInto(uint8_t *to, uint64_t count);
  Status refill();

  std::string path;
  Descriptor file;
  uint64_t size = 0;
  bool compressed = false, started = false, finished = false, truncated = false;
  z_stream stream{};
  std::vector<uint8_t> input;
};

} // namespace gnc::runtime
