//===- Memory.h - memory that can be refused
//----------------------------------------------------===//
//
// Sizes come from files and programs, so an allocation is a question: the answer may be an error
// that names the bytes, never an exception, and never the machine's out-of-memory killer.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

#include <span>

namespace gnc::runtime {

/// Bytes that this process may still use, as the kernel and the control group estimate it.
uint64_t availableMemory();

/// An owned, uninitialised run of bytes of fixed size.
class Bytes {
public:
  Bytes() = default;
  /// `purpose` completes "there is not enough memory for ..".
  static Result<Bytes> allocate(uint64_t size, const std::string &purpose);

  uint8_t *data() { return memory.get(); }
  const uint8_t *data() const { return memory.get(); }
  size_t size() const { return count; }
  std::span<const uint8_t> span() const { return {memory.get(), count}; }

private:
  std::unique_ptr<uint8_t[]> memory;
  size_t count = 0;
};

/// Zeroed memory for an arena: aligned to 2 MiB, on huge pages where the kernel has them, already
/// faulted in, so that no step pays for it.
class Arena {
public:
  Arena() = default;
  Arena(Arena &&other) noexcept { *this = std::move(other); }
  Arena &operator=(Arena &&other) noexcept;
  ~Arena();
  static Result<Arena> allocate(uint64_t size, const std::string &purpose);

  uint8_t *data() { return begin; }
  const uint8_t *data() const { return begin; }
  uint64_t size() const { return bytes; }

private:
  void *mapping = nullptr;
  uint64_t mapped = 0;
  uint8_t *begin = nullptr;
  uint64_t bytes = 0;
};

} // namespace gnc::runtime
