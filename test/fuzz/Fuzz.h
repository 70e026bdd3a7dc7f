//===- Fuzz.h - what the fuzz targets share ---------------------------------------------------===//
//
// A target reads one input with one reader of files. libFuzzer and the sanitizers find crashes and
// hangs; MemoryLimit finds readers that believe a size.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

#include <cstdint>
#include <span>
#include <string>

namespace gnc::test {

using Input = std::span<const uint8_t>;

/// A file in memory under a name that stays the same, for readers that take a path.
class InputFile {
public:
  InputFile();
  /// Replaces what the file holds.
  void write(Input bytes);
  const std::string &path() const { return name; }

private:
  int descriptor;
  std::string name;
};

/// The most that an input of so many bytes may unpack to: a gzip or PNG file what deflate can make
/// of it at best, 1032 bytes of one (RFC 1951: 258 bytes for 2 bits); a JPEG 512
/// pixels a byte (its reader refuses more), each of three colours of one byte and, in a progressive
/// file, one coefficient of two; anything else is not packed.
uint64_t unpackedBytes(Input bytes);

/// While it lives, what is allocated and not yet freed may reach twice `unpacked` plus `constant`
/// bytes. More ends the process in its destructor, which the fuzzer reports with the input.
class MemoryLimit {
public:
  MemoryLimit(uint64_t unpacked, uint64_t constant);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit &) = delete;
  MemoryLimit &operator=(const MemoryLimit &) = delete;

private:
  int64_t most;
};

/// Looks at every byte, so that a span into freed or foreign memory is found out.
void touch(Input bytes);

} // namespace gnc::test
