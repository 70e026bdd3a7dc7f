//===- Fuzz.cpp - what the fuzz targets share -------------------------------------------------===//
#include "test/fuzz/Fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sanitizer/allocator_interface.h>
#include <sys/mman.h>
#include <unistd.h>

namespace gnc::test {

namespace {
bool counting = false;
int64_t live = 0, peak = 0;

void onAllocate(const volatile void *, size_t size) {
  if (!counting)
    return;
  live += int64_t(size);
  peak = std::max(peak, live);
}

/// What was allocated before counting began may be freed here: `live` may fall below zero.
void onFree(const volatile void *memory) {
  if (counting && memory)
    live -= int64_t(__sanitizer_get_allocated_size(const_cast<const void *>(memory)));
}

[[noreturn]] void die(const char *what) {
  perror(what);
  abort();
}

bool startsWith(Input bytes, std::initializer_list<uint8_t> start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}
} // namespace

InputFile::InputFile() : descriptor(memfd_create("input", MFD_CLOEXEC)) {
  if (descriptor < 0)
    die("memfd_create");
  name = "/proc/self/fd/" + std::to_string(descriptor);
}

void InputFile::write(Input bytes) {
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, bytes.data(), bytes.size(), 0) != ssize_t(bytes.size()))
    die("cannot write the input");
}

uint64_t unpackedBytes(Input bytes) {
  if (startsWith(bytes, {0x1f, 0x8b}) || startsWith(bytes, {0x89, 'P', 'N', 'G'}))
    return bytes.size() * 1032;
  if (startsWith(bytes, {0xff, 0xd8, 0xff}))
    // A picture has at most 512 pixels a byte. A pixel takes three bytes and, in a progressive file,
    // three coefficients of two.
    return bytes.size() * 512 * 9;
  return bytes.size();
}

MemoryLimit::MemoryLimit(uint64_t unpacked, uint64_t constant)
    : most(int64_t(2 * unpacked + constant)) {
  static const int hooks = __sanitizer_install_malloc_and_free_hooks(onAllocate, onFree);
  if (hooks == 0)
    die("no room for malloc hooks");
  live = peak = 0;
  counting = true;
}

MemoryLimit::~MemoryLimit() {
  counting = false;
  if (peak <= most)
    return;
  fprintf(stderr, "memory: %lld bytes at once, %lld are allowed for this input\n",
          static_cast<long long>(peak), static_cast<long long>(most));
  abort();
}

void touch(Input bytes) {
  uint8_t sum = 0;
  for (uint8_t byte : bytes)
    sum = uint8_t(sum + byte);
  volatile uint8_t sink = sum;
  (void)sink;
}

} // namespace gnc::test
