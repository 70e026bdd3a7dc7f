#include "runtime/emulator/Shadow.h"

#include <algorithm>

namespace gnc::emulator {

// A record: clock (26 bits), warp (5), lane (5; of reads 6, with kMany), flags, instruction (24).
static constexpr uint32_t kClockMax = (1u << 26) - 1;
static constexpr uint64_t kStrongBit = uint64_t{1} << 24, kPendingBit = uint64_t{1} << 25,
                          kManyBit = uint64_t{1} << 26;
static uint32_t clockOf(uint64_t record) { return static_cast<uint32_t>(record >> 38); }
static uint32_t warpOf(uint64_t record) { return record >> 33 & 31; }
static uint32_t laneOf(uint64_t record) { return record >> 28 & 31; }
static uint32_t pcOf(uint64_t record) { return record & 0xffffff; }
static uint64_t makeRecord(uint32_t clock, uint32_t warp, uint32_t lane, uint32_t pc) {
  return uint64_t{clock} << 38 | uint64_t{warp} << 33 | uint64_t{lane} << 28 | pc;
}

SharedShadow::SharedShadow(const LaunchState &launch)
    : shift(launch.program->sharedShift), warps(launch.warps) {
  size_t granules = (launch.sharedBytes >> shift) + 4;
  writes.resize(granules);
  reads.resize(granules * warps);
}

void SharedShadow::begin() {
  uint32_t last = *std::max_element(clocks, clocks + 32);
  base = std::max(base, last) + 2; // see `read`
  if (base > kClockMax / 2) {      // start over
    std::fill(writes.begin(), writes.end(), 0);
    std::fill(reads.begin(), reads.end(), 0);
    base = 1;
  }
  barriers = 0;
  for (uint32_t w = 0; w < 32; ++w) {
    clocks[w] = base;
    std::fill_n(seen[w], 32, base - 1);
  }
  std::memset(arriving, 0, sizeof arriving);
  std::memset(waiting, 0, sizeof waiting);
}

void SharedShadow::warpSync(uint32_t warp) { seen[warp][warp] = clocks[warp]++; }

void SharedShadow::arrive(uint32_t warp, uint8_t barrier, bool waits) {
  for (uint32_t v = 0; v < 32; ++v)
    arriving[barrier][v] = std::max(arriving[barrier][v], seen[warp][v]);
  arriving[barrier][warp] = std::max(arriving[barrier][warp], clocks[warp]);
  if (waits)
    waiting[barrier] |= 1u << warp;
  warpSync(warp);
}

void SharedShadow::complete(uint8_t barrier) {
  for (uint32_t rest = waiting[barrier]; rest; rest &= rest - 1) {
    uint32_t *mine = seen[std::countr_zero(rest)];
    for (uint32_t v = 0; v < 32; ++v)
      mine[v] = std::max(mine[v], arriving[barrier][v]);
  }
  waiting[barrier] = 0;
  std::memset(arriving[barrier], 0, sizeof arriving[barrier]);
  ++barriers;
}

//===- Messages -------------------------------------------------------------------------------===//

static std::string describeThread(const Warp &w, uint32_t warp, uint32_t lane) {
  uint32_t linear = warp * kLanes + lane;
  const uint32_t *n = w.block->launch->config->block;
  return "thread (" + std::to_string(linear % n[0]) + ", " + std::to_string(linear / n[0] % n[1]) +
         ", " + std::to_string(linear / n[0] / n[1]) + ")";
}
static const char *verb(Access access) {
  switch (access) {
  case Access::Read:
  case Access::StrongRead: return "read";
  case Access::Write: return "write";
  case Access::Atomic: return "atomic operation";
  }
  return "";
}
static unsigned lineOf(const Warp &w, uint32_t pc) {
  return w.block->launch->program->about[pc].line;
}

void SharedShadow::race(const Warp &w, unsigned lane, uint32_t granule, Access now, Access before,
                        uint64_t record) const {
  std::string address = "shared address " + hex(uint64_t{granule} << shift);
  std::string line = std::to_string(lineOf(w, pcOf(record)));
  if (record & kPendingBit)
    w.fault(FaultKind::Race, lane,
            std::string(verb(now)) + " of " + address + ", which the cp.async of line " + line +
                " by " + describeThread(w, warpOf(record), laneOf(record)) +
                " may still write: cp.async.wait_group is needed first");
  std::string who =
      record & kManyBit ? "several threads" : describeThread(w, warpOf(record), laneOf(record));
  const char *needed =
      warpOf(record) == w.index && !(record & kManyBit) ? "bar.warp.sync" : "a barrier";
  w.fault(FaultKind::Race, lane,
          std::string(verb(now)) + " of " + address + " after a " + verb(before) + " by " + who +
              " (line " + line + ") with no barrier between: " + needed + " is needed");
}

//===- Accesses -------------------------------------------------------------------------------===//

void SharedShadow::checkRead(Warp &w, const Instruction &, unsigned lane, uint32_t granule,
                             uint64_t record, bool strong) {
  if (clockOf(record) < base)
    w.fault(FaultKind::Uninitialised, lane,
            "read of shared address " + hex(uint64_t{granule} << shift) +
                ", which no thread of the block has written");
  bool mine = warpOf(record) == w.index && laneOf(record) == lane && !(record & kPendingBit);
  if (mine || (strong && record & kStrongBit))
    return;
  race(w, lane, granule, Access::Read, record & kStrongBit ? Access::Atomic : Access::Write,
       record);
}

void SharedShadow::read(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *addresses,
                        unsigned bytes) {
  const uint32_t *before = seen[w.index];
  const uint32_t clock = clocks[w.index], granules = std::max(1u, bytes >> shift);
  const bool strong = i.flags & kStrong;
  // In locals, as the compiler has to expect that records lie anywhere.
  const uint64_t *written = writes.data();
  uint64_t *const mineOf = reads.data() + w.index * writes.size();
  const uint32_t down = shift, floor = base - 1, warp = w.index, pc = w.pc;
  uint32_t previous = ~0u; // neighbouring lanes often read the same
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const uint32_t first = addresses[lane] >> down;
    const bool again = first == previous;
    previous = first;
    const uint64_t mine = makeRecord(clock, warp, lane, pc);
    for (uint32_t g = first; g < first + granules; ++g) {
      uint64_t &last = mineOf[g];
      if (again) {
        last |= strong ? 0 : kManyBit;
        continue;
      }
      // One comparison for both: clocks of earlier blocks are below `floor` and wrap around.
      const uint64_t record = written[g];
      if (clockOf(record) - floor > before[warpOf(record)] - floor) [[unlikely]] {
        checkRead(w, i, lane, g, record, strong);
        previous = ~0u; // allowed to this lane, perhaps not to the next
      }
      if (strong)
        continue;
      const bool many = clockOf(last) == clock && (laneOf(last) != lane || (last & kManyBit));
      last = mine | (many ? kManyBit : 0);
    }
  }
}

/// Do two lanes of this instruction write the same value to the same address?
static bool sameValue(const Warp &w, const Instruction &i, uint32_t mask, unsigned lane,
                      uint64_t record) {
  if (pcOf(record) != w.pc || warpOf(record) != w.index || !(mask >> laneOf(record) & 1) ||
      i.count > 1)
    return false;
  uint32_t other = laneOf(record);
  return i.bytes == 8 ? w.slot<uint64_t>(i.op[0])[lane] == w.slot<uint64_t>(i.op[0])[other]
                      : w.slot<uint32_t>(i.op[0])[lane] == w.slot<uint32_t>(i.op[0])[other];
}

void SharedShadow::checkWrite(Warp &w, const Instruction &i, uint32_t mask, unsigned lane,
                              uint32_t granule, Access access) {
  const uint32_t *before = seen[w.index];
  uint64_t record = writes[granule];
  if (clockOf(record) >= base && clockOf(record) > before[warpOf(record)]) {
    bool mine = warpOf(record) == w.index && laneOf(record) == lane && !(record & kPendingBit);
    bool strong = access == Access::Atomic && record & kStrongBit;
    if (!mine && !strong && !sameValue(w, i, mask, lane, record))
      race(w, lane, granule, access, record & kStrongBit ? Access::Atomic : Access::Write, record);
  }
  const uint64_t *other = &reads[granule];
  for (uint32_t v = 0; v < warps; ++v, other += writes.size())
    if (clockOf(*other) > before[v] && clockOf(*other) >= base &&
        (v != w.index || laneOf(*other) != lane || (*other & kManyBit)))
      race(w, lane, granule, access, Access::Read, *other);
}

void SharedShadow::write(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *addresses,
                         unsigned bytes, Access access) {
  const uint32_t granules = std::max(1u, bytes >> shift);
  const uint64_t strong = access == Access::Atomic ? kStrongBit : 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(rest));
    uint32_t first = addresses[lane] >> shift;
    for (uint32_t g = first; g < first + granules; ++g) {
      if (access == Access::Atomic && clockOf(writes[g]) < base)
        checkRead(w, i, lane, g, writes[g], true);
      checkWrite(w, i, mask, lane, g, access);
      writes[g] = makeRecord(clocks[w.index], w.index, lane, w.pc) | strong;
    }
  }
}

void SharedShadow::asyncBegin(Warp &w, const Instruction &i, unsigned lane, uint32_t address,
                              unsigned bytes) {
  for (uint32_t g = address >> shift, end = (address + bytes) >> shift; g < end; ++g) {
    checkWrite(w, i, 0, lane, g, Access::Write);
    writes[g] = makeRecord(kClockMax, w.index, lane, w.pc) | kPendingBit;
  }
}

void SharedShadow::asyncEnd(uint32_t warp, unsigned lane, uint32_t address, unsigned bytes,
                            uint32_t pc) {
  for (uint32_t g = address >> shift, end = (address + bytes) >> shift; g < end; ++g)
    writes[g] = makeRecord(clocks[warp], warp, lane, pc);
}

} // namespace gnc::emulator
