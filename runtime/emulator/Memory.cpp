#include "runtime/emulator/Memory.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

namespace gnc::emulator {

static constexpr uint64_t kPage = 4096;

static uint64_t roundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

/// Addresses without memory: the system gives a page, zero, when one is written.
static uint8_t *lazyZeros(uint64_t bytes) {
  void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<uint8_t *>(p);
}

std::unique_ptr<DeviceMemory> DeviceMemory::create(const Options &options, std::string &error) {
  std::unique_ptr<DeviceMemory> memory(new DeviceMemory);
  memory->options = options;
  if (!memory->reserve(error))
    return nullptr;
  return memory;
}

bool DeviceMemory::reserve(std::string &error) {
  // Twice the capacity, so that red zones and gaps between blocks never run out first.
  reserved = roundUp(2 * options.capacity + options.quarantine, kPage);
  uint64_t all = reserved + 3 * kWindow;
  void *p = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    error =
        "cannot reserve " + std::to_string(all >> 20) +
        " MiB of addresses for device memory: raise the limit (ulimit -v) or lower the capacity";
    return false;
  }
  base = reinterpret_cast<uint64_t>(p);
  windows = base + reserved;
  gaps[base] = windows;
  if (!options.checked)
    return true;
  initialised = lazyZeros(reserved / 8);
  races = lazyZeros(reserved / 4 * kShadow);
  if (!initialised || !races)
    error = "cannot reserve addresses for the checked mode: lower the capacity of device memory";
  return initialised && races;
}

DeviceMemory::~DeviceMemory() {
  if (base)
    munmap(reinterpret_cast<void *>(base), reserved + 3 * kWindow);
  if (initialised)
    munmap(initialised, reserved / 8);
  if (races)
    munmap(races, reserved / 4 * kShadow);
}

uint64_t DeviceMemory::allocate(uint64_t bytes, uint64_t alignment) {
  std::lock_guard hold(lock);
  if (bytes > options.capacity - inUse)
    return 0;
  alignment = std::max<uint64_t>(alignment, 256);
  // Pages are a block's own: when it is gone, so is its memory.
  uint64_t room = roundUp(bytes + 2 * kRedZone, kPage);
  for (auto gap = gaps.begin(); gap != gaps.end(); ++gap) {
    uint64_t begin = gap->first, address = roundUp(begin + kRedZone, alignment);
    uint64_t end = roundUp(std::max(begin + room, address + bytes + kRedZone), kPage);
    if (end > gap->second)
      continue;
    if (mprotect(reinterpret_cast<void *>(begin), end - begin, PROT_READ | PROT_WRITE) != 0)
      return 0;
    uint64_t last = gap->second;
    gaps.erase(gap);
    if (end < last)
      gaps[end] = last;
    std::fill_n(reinterpret_cast<uint32_t *>(address), (bytes + 3) / 4, kPoison);
    if (initialised)
      std::memset(initialised + (begin - base) / 8, 0, (end - begin) / 8);
    blocks[address] = {{address, bytes, ++lastId, false}, begin, end};
    inUse += bytes;
    return address;
  }
  return 0;
}

/// Gives the pages of a block back and joins their range with the gaps beside it.
void DeviceMemory::release(const Block &block) {
  uint64_t begin = block.begin, end = block.end;
  void *p = reinterpret_cast<void *>(begin);
  madvise(p, end - begin, MADV_DONTNEED);
  mprotect(p, end - begin, PROT_NONE);
  if (races)
    madvise(races + (begin - base) / 4 * kShadow, (end - begin) / 4 * kShadow, MADV_DONTNEED);
  blocks.erase(block.allocation.base);
  auto after = gaps.upper_bound(begin);
  if (after != gaps.end() && after->first == end) {
    end = after->second;
    after = gaps.erase(after);
  }
  if (after != gaps.begin() && std::prev(after)->second == begin)
    std::prev(after)->second = end;
  else
    gaps[begin] = end;
}

bool DeviceMemory::free(uint64_t address) {
  std::lock_guard hold(lock);
  auto found = blocks.find(address);
  if (found == blocks.end() || found->second.allocation.freed)
    return false;
  Allocation &block = found->second.allocation;
  block.freed = true;
  inUse -= block.bytes;
  quarantined += block.bytes;
  freedInOrder.push_back(address);
  while (quarantined > options.quarantine) {
    Block oldest = blocks.at(freedInOrder.front());
    freedInOrder.pop_front();
    quarantined -= oldest.allocation.bytes;
    release(oldest);
  }
  return true;
}

std::optional<Allocation> DeviceMemory::find(uint64_t address) const {
  std::lock_guard hold(lock);
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin())
    return std::nullopt;
  const Allocation &block = std::prev(after)->second.allocation;
  if (address >= block.end())
    return std::nullopt;
  return block;
}

std::optional<Allocation> DeviceMemory::nearest(uint64_t address) const {
  std::lock_guard hold(lock);
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin())
    return after == blocks.end() ? std::nullopt : std::optional(after->second.allocation);
  const Allocation &before = std::prev(after)->second.allocation;
  if (after != blocks.end() && address >= before.end() &&
      after->first - address < address - before.end())
    return after->second.allocation;
  return before;
}

bool DeviceMemory::valid(uint64_t address, uint64_t bytes) const {
  std::optional<Allocation> block = find(address);
  return block && !block->freed && bytes <= block->end() - address;
}

uint32_t DeviceMemory::nextLaunch() {
  std::lock_guard hold(lock);
  return ++launches ? launches : ++launches;
}

//===- Which bytes were ever written ----------------------------------------------------------===//

static void setBits(uint8_t *bits, uint64_t from, uint64_t count, bool value) {
  for (; count && from % 8; ++from, --count)
    bits[from / 8] = static_cast<uint8_t>((bits[from / 8] & ~(1u << from % 8)) |
                                          (static_cast<unsigned>(value) << from % 8));
  std::memset(bits + from / 8, value ? 0xff : 0, count / 8);
  for (from += count / 8 * 8, count %= 8; count; ++from, --count)
    bits[from / 8] = static_cast<uint8_t>((bits[from / 8] & ~(1u << from % 8)) |
                                          (static_cast<unsigned>(value) << from % 8));
}

void DeviceMemory::markInitialised(uint64_t address, uint64_t bytes) {
  if (initialised && address >= base && address + bytes <= end())
    setBits(initialised, address - base, bytes, true);
}

void DeviceMemory::copyInitialised(uint64_t to, uint64_t from, uint64_t bytes) {
  if (!initialised)
    return;
  for (uint64_t i = 0; i < bytes; ++i) {
    uint64_t source = from - base + i;
    setBits(initialised, to - base + i, 1, initialised[source / 8] >> source % 8 & 1);
  }
}

std::optional<uint64_t> DeviceMemory::firstUninitialised(uint64_t address, uint64_t bytes) const {
  if (!initialised)
    return std::nullopt;
  for (uint64_t i = 0; i < bytes; ++i) {
    uint64_t byte = address - base + i;
    if (byte % 8 == 0 && bytes - i >= 8 && initialised[byte / 8] == 0xff)
      i += 7;
    else if (!(initialised[byte / 8] >> byte % 8 & 1))
      return address + i;
  }
  return std::nullopt;
}

} // namespace gnc::emulator
