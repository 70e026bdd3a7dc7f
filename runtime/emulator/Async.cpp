// cp.async (PTX ISA 9.7.9.25). The fast mode copies at once. The checked mode copies when the copy
// is waited for, the last legal moment, or, for one seed in four, at once, the first; in between
// the destination may not be touched.
#include "runtime/emulator/Handlers.h"

#include "runtime/emulator/Access.h"

#include <algorithm>

namespace gnc::emulator {

static void copy(std::byte *to, uint64_t from, unsigned bytes, unsigned given) {
  std::memcpy(to, reinterpret_cast<const void *>(from), given);
  std::memset(to + given, 0, bytes - given);
}

template <unsigned Bytes, bool Checked>
static void copyAsync(Warp &w, const Instruction &i, uint32_t mask) {
  uint64_t from[32];
  uint32_t to[32], given[32];
  address64(w, i, i.op[1], from);
  const uint32_t offset = *w.slot<uint32_t>(i.op[3]);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    to[lane] = offset + (i.flags & kWide ? static_cast<uint32_t>(w.slot<uint64_t>(i.op[0])[lane])
                                         : w.slot<uint32_t>(i.op[0])[lane]);
    given[lane] = i.flags & kZeroFill ? w.slot<uint32_t>(i.op[2])[lane] : Bytes;
  }
  uint32_t full = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    if (given[lane] > Bytes)
      w.fault(FaultKind::IllegalAddress, lane,
              "a source size of " + std::to_string(given[lane]) + " bytes in a copy of " +
                  std::to_string(Bytes));
    full |= static_cast<uint32_t>(given[lane] == Bytes) << lane;
    // A part of the source: only its bytes need to exist.
    for (uint32_t k = 0; given[lane] < Bytes && k < given[lane]; ++k) {
      uint64_t byte[32] = {};
      byte[lane] = from[lane] + k;
      enterGlobal<Checked>(w, i, 1u << lane, byte, 1, Access::Read);
    }
  }
  if (full)
    enterGlobal<Checked>(w, i, full, from, Bytes, Access::Read);
  enterShared<false>(w, i, mask, to, Bytes, Access::Write);
  const bool early = !Checked || w.block->launch->options->seed % 4 == 3;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    if constexpr (Checked) {
      w.block->shadow->asyncBegin(w, i, lane, to[lane], Bytes);
      w.block->copies[w.index].push_back({lane, ~0u, to[lane], from[lane],
                                          static_cast<uint8_t>(Bytes),
                                          static_cast<uint8_t>(given[lane]), early, w.pc});
    }
    if (early)
      copy(w.block->shared.data() + to[lane], from[lane], Bytes, given[lane]);
  }
}

HandlerPair copyAsyncHandler(unsigned bytes) {
  switch (bytes) {
  case 4: return {copyAsync<4, false>, copyAsync<4, true>};
  case 8: return {copyAsync<8, false>, copyAsync<8, true>};
  case 16: return {copyAsync<16, false>, copyAsync<16, true>};
  default: return {};
  }
}

static void nothing(Warp &, const Instruction &, uint32_t) {}

static void commitGroup(Warp &w, const Instruction &, uint32_t mask) {
  std::array<uint32_t, 32> &groups = w.block->groups[w.index];
  for (AsyncCopy &copy : w.block->copies[w.index])
    if (copy.group == ~0u && mask >> copy.lane & 1)
      copy.group = groups[copy.lane];
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    ++groups[firstLane(rest)];
}
HandlerPair commitGroupHandler() { return {nothing, commitGroup}; }

static void waitGroup(Warp &w, const Instruction &i, uint32_t mask) {
  const std::array<uint32_t, 32> &groups = w.block->groups[w.index];
  std::erase_if(w.block->copies[w.index], [&](const AsyncCopy &c) {
    if (!(mask >> c.lane & 1))
      return false;
    bool done = i.immediate < 0 ||
                (c.group != ~0u && c.group + static_cast<uint64_t>(i.immediate) < groups[c.lane]);
    if (!done)
      return false;
    if (!c.early)
      copy(w.block->shared.data() + c.to, c.from, c.bytes, c.sourceBytes);
    w.block->shadow->asyncEnd(w.index, c.lane, c.to, c.bytes, c.pc);
    return true;
  });
}
HandlerPair waitGroupHandler() { return {nothing, waitGroup}; }

} // namespace gnc::emulator
