//===- Access.h - the lanes of a warp and memory ----------------------------------------------===//
#pragma once

#include "runtime/emulator/Lanes.h"
#include "runtime/emulator/Shadow.h"

namespace gnc::emulator {

/// Checks an access of every lane of the mask to global memory: inside one living allocation and
/// aligned to `bytes`; counts it; in the checked mode also what the shadow says.
template <bool Checked>
void enterGlobal(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *addresses,
                 unsigned bytes, Access access);
/// The same for shared memory, whose addresses are offsets.
template <bool Checked>
void enterShared(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *addresses,
                 unsigned bytes, Access access);

/// Counts a request to memory, as hardware serves it.
void countGlobal(Requests &requests, uint32_t mask, const uint64_t *addresses, unsigned bytes);
void countShared(Requests &requests, uint32_t mask, const uint32_t *addresses, unsigned bytes);

/// What op[1] + immediate is in every lane; a shared address may lie in 32 or 64 bits.
inline void address64(const Warp &w, const Instruction &i, uint32_t op, uint64_t (&to)[32]) {
  const uint64_t *from = w.slot<uint64_t>(op);
  const auto offset = static_cast<uint64_t>(i.immediate);
  GNC_LANES to[l] = from[l] + offset;
}
inline void address32(const Warp &w, const Instruction &i, uint32_t op, uint32_t (&to)[32]) {
  const auto offset = static_cast<uint32_t>(i.immediate);
  if (i.flags & kWide) {
    const uint64_t *from = w.slot<uint64_t>(op);
    GNC_LANES to[l] = static_cast<uint32_t>(from[l]) + offset;
  } else {
    const uint32_t *from = w.slot<uint32_t>(op);
    GNC_LANES to[l] = from[l] + offset;
  }
}

inline unsigned firstLane(uint32_t mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

} // namespace gnc::emulator
