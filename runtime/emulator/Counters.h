//===- Counters.h - what a kernel did ---------------------------------------------------------===//
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace gnc::emulator {

/// Classes of instructions in the statistics.
enum class InstructionClass : uint8_t {
  Fma,     ///< fma and mad of floating-point numbers
  Float,   ///< other floating-point arithmetic
  Special, ///< ex2, lg2, rcp, sqrt, sin, ..: the special function unit
  Integer,
  Move,       ///< mov, cvt, selp, ..
  Compare,    ///< setp
  Matrix,     ///< mma, wmma
  GlobalLoad, ///< of global, constant and generic space
  GlobalStore,
  SharedLoad,
  SharedStore,
  Local, ///< local memory
  Parameter,
  Atomic,
  Async,   ///< cp.async
  Control, ///< branches
  Sync,    ///< barriers, shuffles, votes
};
constexpr unsigned kClasses = 17;
const char *name(InstructionClass kind);

/// Requests of a warp to one kind of memory.
struct Requests {
  uint64_t count = 0;
  uint64_t bytes = 0;      ///< that lanes asked for
  uint64_t units = 0;      ///< global: sectors of 32 bytes; shared: wavefronts of 32 banks
  uint64_t idealUnits = 0; ///< that the distinct bytes need at least
};

/// Sums over warps, of one launch or of many.
struct Counters {
  uint64_t launches = 0;
  uint64_t blocks = 0;
  std::array<uint64_t, kClasses> issued{}; ///< warp instructions
  std::array<uint64_t, kClasses> lanes{};  ///< active lanes in them
  uint64_t flops = 0;                      ///< an fma is two; a matrix product 2 m n k
  Requests globalLoads, globalStores, sharedLoads, sharedStores;
  /// Sectors that a launch reads or writes at all, in bytes: what passes between memory and a cache
  /// that holds all that the launch works on.
  uint64_t bytesRead = 0, bytesWritten = 0;
  /// Of the loop that issued most, without the loops inside of it: warp instructions, and fmas.
  uint64_t loopIssued = 0, loopFma = 0;
  double seconds = 0; ///< of the host

  uint64_t totalIssued() const;
  uint64_t totalLanes() const;
  void add(const Counters &other);
  /// A table, one fact a line.
  std::string text() const;
};

} // namespace gnc::emulator
