// Bounds, alignment and counts of memory accesses.
#include "runtime/emulator/Access.h"

#include <algorithm>
#include <array>

namespace gnc::emulator {

static const char *verb(Access access) {
  return access == Access::Write ? "write" : access == Access::Atomic ? "atomic operation" : "read";
}
static std::string of(unsigned bytes) {
  return " of " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

//===- Global memory --------------------------------------------------------------------------===//

[[noreturn]] static void misaligned(const Warp &w, unsigned lane, uint64_t address, unsigned bytes,
                                    Access access, const char *space) {
  w.fault(FaultKind::Misaligned, lane,
          std::string(verb(access)) + of(bytes) + " at " + space + " address " + hex(address) +
              ", which is no multiple of " + std::to_string(bytes),
          address);
}

[[noreturn]] static void outside(const Warp &w, unsigned lane, uint64_t address, unsigned bytes,
                                 Access access) {
  const DeviceMemory &memory = *w.block->launch->memory;
  std::string text = std::string(verb(access)) + of(bytes) + " at " + hex(address);
  std::optional<Allocation> near = memory.nearest(address);
  if (address < memory.begin() || address >= memory.end() || !near)
    w.fault(FaultKind::IllegalAddress, lane, text + ", which is no address of the device", address);
  std::string block = "allocation " + std::to_string(near->id) + " (" +
                      std::to_string(near->bytes) + " bytes at " + hex(near->base) + ")";
  if (near->freed && address >= near->base && address < near->end())
    text += ", inside of " + block + ", which was freed";
  else if (address < near->base)
    text += ", " + std::to_string(near->base - address) + " bytes before " + block;
  else if (address >= near->end())
    text += ", " + std::to_string(address - near->end()) + " bytes behind the end of " + block;
  else
    text += ", across the end of " + block;
  w.fault(FaultKind::IllegalAddress, lane, text, address);
}

/// The lanes lie in more than one allocation, or in one that this instruction has not met.
[[gnu::noinline]] static void enterSlowly(Warp &w, uint32_t mask, const uint64_t *addresses,
                                          unsigned bytes, Access access) {
  const DeviceMemory &memory = *w.block->launch->memory;
  Worker::Site &site = w.block->worker->sites[w.pc];
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    uint64_t address = addresses[lane];
    if (address % bytes)
      misaligned(w, lane, address, bytes, access, "global");
    if (address >= site.base && address + bytes <= site.end)
      continue;
    std::optional<Allocation> block = memory.find(address);
    if (!block || block->freed || address + bytes > block->end())
      outside(w, lane, address, bytes, access);
    site = {block->base, block->end()};
  }
}

static bool isRead(Access access) { return access == Access::Read || access == Access::StrongRead; }

static void count(Worker &worker, uint32_t mask, const uint64_t *addresses, unsigned bytes,
                  Access access) {
  Counters &all = worker.requests;
  countGlobal(isRead(access) ? all.globalLoads : all.globalStores, mask, addresses, bytes);
  SectorSet &touched = isRead(access) ? worker.read : worker.written;
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    touched.insert(addresses[firstLane(rest)]);
}

template <bool Checked>
void enterGlobal(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *addresses,
                 unsigned bytes, Access access) {
  const Worker::Site &site = w.block->worker->sites[w.pc];
  // Signed comparisons are what the host has; lanes that do not take part count as the first that
  // does.
  const auto any = static_cast<int64_t>(addresses[firstLane(mask)]);
  int64_t least = any, most = any, low = any;
  GNC_LANES {
    int64_t a = mask & kLaneBit[l] ? static_cast<int64_t>(addresses[l]) : any;
    least = a < least ? a : least;
    most = a > most ? a : most;
    low |= a;
  }
  if (least < static_cast<int64_t>(site.base) || most > static_cast<int64_t>(site.end) - bytes ||
      low & (bytes - 1))
    enterSlowly(w, mask, addresses, bytes, access);
  if (!w.block->worker->counts.empty())
    count(*w.block->worker, mask, addresses, bytes, access);
  if constexpr (Checked)
    checkGlobal(w, i, mask, addresses, bytes, access);
}
template void enterGlobal<false>(Warp &, const Instruction &, uint32_t, const uint64_t *, unsigned,
                                 Access);
template void enterGlobal<true>(Warp &, const Instruction &, uint32_t, const uint64_t *, unsigned,
                                Access);

//===- Shared memory --------------------------------------------------------------------------===//

[[gnu::noinline]] static void sharedFault(Warp &w, uint32_t mask, const uint32_t *addresses,
                                          unsigned bytes, Access access) {
  uint32_t size = w.block->launch->sharedBytes;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    uint32_t address = addresses[lane];
    if (address % bytes)
      misaligned(w, lane, address, bytes, access, "shared");
    if (uint64_t{address} + bytes > size)
      w.fault(FaultKind::IllegalAddress, lane,
              std::string(verb(access)) + of(bytes) + " at shared address " + hex(address) +
                  "; the block has " + std::to_string(size) + " bytes of shared memory",
              address);
  }
}

template <bool Checked>
void enterShared(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *addresses,
                 unsigned bytes, Access access) {
  uint32_t most = 0, low = 0;
  GNC_LANES {
    uint32_t a = mask & kLaneBit[l] ? addresses[l] : 0;
    most = a > most ? a : most;
    low |= a;
  }
  if (uint64_t{most} + bytes > w.block->launch->sharedBytes || low & (bytes - 1))
    sharedFault(w, mask, addresses, bytes, access);
  if (!w.block->worker->counts.empty()) {
    Counters &all = w.block->worker->requests;
    countShared(isRead(access) ? all.sharedLoads : all.sharedStores, mask, addresses, bytes);
  }
  if constexpr (Checked) {
    if (isRead(access))
      w.block->shadow->read(w, i, mask, addresses, bytes);
    else
      w.block->shadow->write(w, i, mask, addresses, bytes, access);
  }
}
template void enterShared<false>(Warp &, const Instruction &, uint32_t, const uint32_t *, unsigned,
                                 Access);
template void enterShared<true>(Warp &, const Instruction &, uint32_t, const uint32_t *, unsigned,
                                Access);

//===- Counts ---------------------------------------------------------------------------------===//

/// How many of the units of `size` bytes the lanes touch, each counted once.
template <class Address>
static uint64_t distinctUnits(uint32_t mask, const Address *addresses, unsigned bytes,
                              unsigned size) {
  std::array<uint64_t, 64> units;
  size_t count = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint64_t first = addresses[firstLane(rest)] / size;
    // Neighbouring lanes mostly share one.
    if (count == 0 || units[count - 1] != first)
      units[count++] = first;
  }
  (void)bytes; // aligned accesses lie in one unit
  std::sort(units.begin(), units.begin() + static_cast<ptrdiff_t>(count));
  return static_cast<uint64_t>(
      std::unique(units.begin(), units.begin() + static_cast<ptrdiff_t>(count)) - units.begin());
}

/// Requests go out for all lanes at once; what counts are sectors of 32 bytes.
void countGlobal(Requests &requests, uint32_t mask, const uint64_t *addresses, unsigned bytes) {
  ++requests.count;
  uint64_t asked = uint64_t{bytes} * static_cast<unsigned>(std::popcount(mask));
  requests.bytes += asked;
  requests.units += distinctUnits(mask, addresses, bytes, 32);
  requests.idealUnits += (distinctUnits(mask, addresses, bytes, bytes) * bytes + 31) / 32;
}

/// Shared memory has 32 banks of 4 bytes. Lanes are served in groups (all, halves for 8 bytes,
/// quarters for 16), and a group needs as many wavefronts as the busiest bank has different words.
/// NVIDIA documents this for its cards and not in the ISA.
void countShared(Requests &requests, uint32_t mask, const uint32_t *addresses, unsigned bytes) {
  ++requests.count;
  requests.bytes += uint64_t{bytes} * static_cast<unsigned>(std::popcount(mask));
  unsigned words = std::max(1u, bytes / 4), group = 32 / words;
  for (unsigned begin = 0; begin < 32; begin += group) {
    uint32_t members = mask >> begin & (group == 32 ? ~0u : (1u << group) - 1);
    if (!members)
      continue;
    std::array<uint32_t, 64> seen;
    uint8_t load[32] = {};
    size_t count = 0;
    uint8_t most = 0;
    for (uint32_t rest = members; rest; rest &= rest - 1) {
      uint32_t word = addresses[begin + firstLane(rest)] / 4;
      if (std::find(seen.begin(), seen.begin() + static_cast<ptrdiff_t>(count), word) !=
          seen.begin() + static_cast<ptrdiff_t>(count))
        continue;
      seen[count++] = word;
      for (unsigned k = 0; k < words; ++k)
        most = std::max(most, ++load[(word + k) % 32]);
    }
    requests.units += most;
    requests.idealUnits += 1;
  }
}

} // namespace gnc::emulator
