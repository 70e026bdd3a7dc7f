//===- Memory.cpp - memory that can be refused
//--------------------------------------------------===//
#include "runtime/Memory.h"

#include "runtime/Text.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace gnc::runtime {

namespace {
constexpr uint64_t hugePage = uint64_t(2) << 20;

/// The first number of a file such as `memory.max`; nothing if there is none ("max").
std::optional<uint64_t> readNumber(const char *path, const char *form) {
  FILE *file = fopen(path, "re");
  if (!file)
    return std::nullopt;
  char line[256];
  unsigned long long value = 0;
  bool found = false;
  while (!found && fgets(line, sizeof line, file))
    found = sscanf(line, form, &value) == 1;
  fclose(file);
  return found ? std::optional<uint64_t>(value) : std::nullopt;
}

Error outOfMemory(uint64_t size, const std::string &purpose) {
  return environmentError("out-of-memory", "there is not enough memory for " + purpose +
                                               ": it needs " + bytesText(size))
      .withNote("available: " + bytesText(availableMemory()));
}

/// Small requests are never worth two looks at the file system.
bool tooLarge(uint64_t size) { return size > 16 * hugePage && size > availableMemory(); }
} // namespace

uint64_t availableMemory() {
  uint64_t available = std::numeric_limits<uint64_t>::max();
  if (auto kibibytes = readNumber("/proc/meminfo", "MemAvailable: %llu"))
    available = *kibibytes * 1024;
  auto limit = readNumber("/sys/fs/cgroup/memory.max", "%llu");
  auto used = readNumber("/sys/fs/cgroup/memory.current", "%llu");
  if (limit && used) {
    // The group also counts cached files, which give way when asked.
    const char *stat = "/sys/fs/cgroup/memory.stat";
    uint64_t cached = readNumber(stat, "inactive_file %llu").value_or(0) +
                      readNumber(stat, "active_file %llu").value_or(0);
    uint64_t held = *used - std::min(*used, cached);
    available = std::min(available, *limit - std::min(*limit, held));
  }
  return available;
}

Result<Bytes> Bytes::allocate(uint64_t size, const std::string &purpose) {
  if (tooLarge(size))
    return outOfMemory(size, purpose);
  Bytes bytes;
  bytes.memory.reset(new (std::nothrow) uint8_t[size]);
  if (!bytes.memory)
    return outOfMemory(size, purpose);
  bytes.count = size;
  return bytes;
}

Arena &Arena::operator=(Arena &&other) noexcept {
  std::swap(mapping, other.mapping);
  std::swap(mapped, other.mapped);
  std::swap(begin, other.begin);
  std::swap(bytes, other.bytes);
  return *this;
}

Arena::~Arena() {
  if (mapping)
    munmap(mapping, mapped);
}

Result<Arena> Arena::allocate(uint64_t size, const std::string &purpose) {
  if (tooLarge(size) || size > std::numeric_limits<int64_t>::max() - 2 * hugePage)
    return outOfMemory(size, purpose);
  Arena arena;
  arena.bytes = size;
  // Small arenas (tests, tiny nets) need no huge page; a whole one would cost more than it saves.
  uint64_t alignment = size >= hugePage ? hugePage : 4096;
  uint64_t length = (std::max<uint64_t>(size, 1) + alignment - 1) / alignment * alignment;
  arena.mapped = length + alignment;
  void *mapping =
      mmap(nullptr, arena.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    return outOfMemory(size, purpose);
  arena.mapping = mapping;
  arena.begin =
      reinterpret_cast<uint8_t *>((uintptr_t(mapping) + alignment - 1) / alignment * alignment);
  // Advice only: a kernel without huge pages says no, and nothing is lost.
  madvise(arena.begin, length, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
  if (madvise(arena.begin, length, MADV_POPULATE_WRITE) == 0)
    return arena;
#endif
  memset(arena.begin, 0, length);
  return arena;
}

} // namespace gnc::runtime
