//===- Shadow.h - races and uninitialised reads -----------------------------------------------===//
//
// Every access is compared with the last ones to the same bytes. Two accesses of different threads,
// one of them a write, need something between them that orders them: a barrier that both threads
// pass, or a bar.warp.sync of their warp. What happened before is known by vector clocks at the
// granularity of warps (Flanagan and Freund 2009, "FastTrack"): a warp's clock counts its
// synchronisations, and a barrier joins the clocks of those who arrive into those who wait.
//
// Shared memory keeps a record a granule (the smallest access of the kernel), global memory one a
// word of four bytes in the shadow of DeviceMemory. There, blocks of a launch are never ordered.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Warp.h"

namespace gnc::emulator {

/// Kinds of access, as records and messages know them.
enum class Access : uint8_t { Read, Write, StrongRead, Atomic };

class SharedShadow {
public:
  explicit SharedShadow(const LaunchState &launch);
  /// A new block: nothing is initialised.
  void begin();

  void read(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *addresses,
            unsigned bytes);
  void write(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *addresses,
             unsigned bytes, Access access);
  /// A cp.async writes here until it is waited for.
  void asyncBegin(Warp &w, const Instruction &i, unsigned lane, uint32_t address, unsigned bytes);
  void asyncEnd(uint32_t warp, unsigned lane, uint32_t address, unsigned bytes, uint32_t pc);

  void arrive(uint32_t warp, uint8_t barrier, bool waits);
  void complete(uint8_t barrier);
  void warpSync(uint32_t warp);

  // For global memory: the same clocks order the threads of a block.
  uint32_t clock(uint32_t warp) const { return clocks[warp]; }
  bool ordered(uint32_t me, uint32_t other, uint32_t when) const { return when <= seen[me][other]; }
  uint32_t epoch() const { return barriers; }

private:
  void checkRead(Warp &w, const Instruction &i, unsigned lane, uint32_t address, uint64_t record,
                 bool strong);
  void checkWrite(Warp &w, const Instruction &i, uint32_t mask, unsigned lane, uint32_t granule,
                  Access access);
  [[noreturn]] void race(const Warp &w, unsigned lane, uint32_t granule, Access now, Access before,
                         uint64_t record) const;

  uint32_t shift; ///< log2 of a granule
  uint32_t warps;
  uint32_t base = 1; ///< records below it are of earlier blocks
  uint32_t barriers = 0;
  std::vector<uint64_t> writes;
  std::vector<uint64_t> reads; ///< of each warp, by granule: what it reads lies together
  uint32_t clocks[32] = {};
  uint32_t seen[32][32] = {};     ///< [me][other]: the other's clock that happened before me
  uint32_t arriving[16][32] = {}; ///< by barrier: joined clocks of those who arrived
  uint32_t waiting[16] = {};      ///< by barrier: warps
};

/// Uninitialised reads and, with EngineOptions::globalRaces, races.
void checkGlobal(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *addresses,
                 unsigned bytes, Access access);

} // namespace gnc::emulator
