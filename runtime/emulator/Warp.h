//===- Warp.h - what a launch, a block and a warp are while they run --------------------------===//
#pragma once

#include "runtime/emulator/Launch.h"
#include "runtime/emulator/Program.h"
#include "runtime/emulator/Sectors.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <tuple>

namespace gnc::emulator {

struct Block;
struct Worker;
class SharedShadow;

/// Thrown where a kernel goes wrong; caught by the worker. No public function throws.
struct Fault {
  Outcome outcome;
};

/// Lanes of a warp that are at the same instruction.
struct Fragment {
  enum class State : uint8_t { Ready, AtSync, AtBarrier };
  uint32_t pc = 0;
  uint32_t mask = 0;
  State state = State::Ready;
  uint8_t barrier = 0; ///< that it waits at
  bool late = false;   ///< has run long: others come first
};

struct Warp {
  std::byte *registers = nullptr; ///< RegisterLayout::bytes of them, 64-byte aligned
  Block *block = nullptr;
  uint32_t pc = 0;    ///< of the instruction that runs
  uint32_t index = 0; ///< in its block
  uint32_t alive = 0; ///< lanes that have not exited
  std::vector<Fragment> fragments;

  template <class T> T *slot(uint32_t offset) const {
    return reinterpret_cast<T *>(registers + offset);
  }
  uint32_t predicate(uint32_t offset) const { return *slot<uint32_t>(offset); }
  void setPredicate(uint32_t offset, uint32_t value, uint32_t mask) const {
    uint32_t &p = *slot<uint32_t>(offset);
    p = (p & ~mask) | (value & mask);
  }
  [[noreturn]] void fault(FaultKind kind, unsigned lane, std::string message,
                          uint64_t address = 0) const;
};

/// cp.async copies of one thread that are under way; only the checked mode delays them.
struct AsyncCopy {
  uint32_t lane;
  uint32_t group; ///< ~0: not committed yet
  uint32_t to;
  uint64_t from;
  uint8_t bytes, sourceBytes;
  bool early; ///< has been copied
  uint32_t pc;
};

/// One of the 16 barriers of a block.
struct Barrier {
  uint32_t arrived = 0;  ///< threads
  uint32_t expected = 0; ///< threads; 0: all that have not exited
  uint8_t form = 0;      ///< flags of the instructions that arrived
  uint32_t firstPc = 0;
  uint32_t ones = 0; ///< bar.red: threads whose predicate is true
  uint32_t voters = 0;
};

/// What a launch is to its workers; does not change while they run.
struct LaunchState {
  const Program *program;
  const LaunchConfig *config;
  const EngineOptions *options;
  DeviceMemory *memory;
  const std::byte *parameters;
  uint32_t sharedBytes; ///< static and dynamic
  uint32_t threads;     ///< of a block
  uint32_t warps;       ///< of a block
  uint32_t number;      ///< of the launch
};

struct Block {
  const LaunchState *launch = nullptr;
  Worker *worker = nullptr;
  uint32_t index[3] = {0, 0, 0};
  uint64_t linear = 0;
  uint32_t aliveThreads = 0;
  std::vector<Warp> warps;
  Barrier barriers[16];
  std::vector<std::byte> shared;
  std::vector<std::byte> local; ///< of all threads, one after another
  std::unique_ptr<std::byte[]> registerRoom;

  // Checked mode only.
  std::unique_ptr<SharedShadow> shadow;
  std::vector<std::vector<AsyncCopy>> copies;   ///< by warp
  std::vector<std::array<uint32_t, 32>> groups; ///< by warp and lane: groups committed
};

/// A thread of the host, running blocks.
struct Worker {
  /// The allocation that an instruction accessed last.
  struct Site {
    uint64_t base = 1, end = 0;
  };
  struct Count {
    uint64_t issued = 0, lanes = 0;
  };
  const LaunchState *launch = nullptr;
  std::vector<Site> sites;   ///< by instruction
  std::vector<Count> counts; ///< by instruction, empty without counters
  Counters requests;         ///< only the memory requests in it are used
  SectorSet read, written;   ///< of global memory, if there are counters
  uint64_t random = 0;
  uint64_t fuel = 0;
  bool eagerMerge = true; ///< lanes join wherever they meet, not only at .sync instructions
  std::atomic<bool> *stop = nullptr;

  uint64_t nextRandom() { // splitmix64
    uint64_t z = random += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
};

/// Places the threads of a block and gives its registers their first values.
void beginBlock(Block &block, uint64_t linear);
/// Runs a block for at most `slice` instructions; true when all its threads have exited.
bool runBlock(Block &block, uint64_t slice);
/// A barrier instruction; true where the fragment goes on.
bool arriveAtBarrier(Warp &w, Fragment &fragment, const Instruction &i, uint32_t mask);
/// Threads have exited: barriers that wait for all may be complete.
void releaseBarriers(Block &block);
/// Nothing in the block can run: says why.
[[noreturn]] void reportDeadlock(Block &block);

/// Adds up what workers counted in one launch.
void addCounts(Counters &counters, const Program &program, const std::vector<Worker> &workers,
               uint64_t blocks, double seconds);

std::string hex(uint64_t value);

} // namespace gnc::emulator
