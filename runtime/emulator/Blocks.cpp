// How a block begins, and what is said when a thread goes wrong.
#include "runtime/emulator/Shadow.h"
#include "runtime/emulator/Warp.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace gnc::emulator {

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

/// What a special register holds in a lane.
static uint64_t specialValue(const Warp &w, Special which, uint32_t lane) {
  const Block &b = *w.block;
  const LaunchConfig &c = *b.launch->config;
  uint32_t thread = w.index * kLanes + lane;
  switch (which) {
  case Special::TidX: return thread % c.block[0];
  case Special::TidY: return thread / c.block[0] % c.block[1];
  case Special::TidZ: return thread / c.block[0] / c.block[1];
  case Special::NtidX: return c.block[0];
  case Special::NtidY: return c.block[1];
  case Special::NtidZ: return c.block[2];
  case Special::CtaidX: return b.index[0];
  case Special::CtaidY: return b.index[1];
  case Special::CtaidZ: return b.index[2];
  case Special::NctaidX: return c.grid[0];
  case Special::NctaidY: return c.grid[1];
  case Special::NctaidZ: return c.grid[2];
  case Special::Laneid: return lane;
  case Special::Warpid: return w.index;
  case Special::Nwarpid: return b.launch->warps;
  case Special::Smid: return 0;
  case Special::Nsmid: return 1;
  case Special::Gridid: return b.launch->number;
  case Special::LanemaskEq: return 1u << lane;
  case Special::LanemaskLe: return (2u << lane) - 1;
  case Special::LanemaskLt: return (1u << lane) - 1;
  case Special::LanemaskGe: return ~((1u << lane) - 1);
  case Special::LanemaskGt: return ~((2u << lane) - 1);
  case Special::DynamicShared: return c.sharedBytes;
  case Special::TotalShared: return b.launch->sharedBytes;
  }
  return 0;
}

static void beginWarp(Warp &w, uint32_t threads) {
  const RegisterLayout &layout = w.block->launch->program->layout;
  *w.slot<uint32_t>(0) = kAllLanes; // the predicates that never change
  *w.slot<uint32_t>(4) = 0;
  std::memset(w.registers + layout.zeroBegin, 0, layout.zeroEnd - layout.zeroBegin);
  for (const RegisterLayout::SpecialRegister &s : layout.specials)
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      if (s.wide)
        w.slot<uint64_t>(s.offset)[lane] = specialValue(w, s.which, lane);
      else
        w.slot<uint32_t>(s.offset)[lane] = static_cast<uint32_t>(specialValue(w, s.which, lane));
  uint32_t rest = threads - w.index * kLanes;
  w.alive = rest >= kLanes ? kAllLanes : (1u << rest) - 1;
  Fragment all;
  all.mask = w.alive;
  w.fragments.assign(1, all);
  w.pc = 0;
}

void beginBlock(Block &block, uint64_t linear) {
  const uint32_t *grid = block.launch->config->grid;
  block.linear = linear;
  block.index[0] = static_cast<uint32_t>(linear % grid[0]);
  block.index[1] = static_cast<uint32_t>(linear / grid[0] % grid[1]);
  block.index[2] = static_cast<uint32_t>(linear / grid[0] / grid[1]);
  block.aliveThreads = block.launch->threads;
  std::fill(std::begin(block.barriers), std::end(block.barriers), Barrier());
  // What a block finds in shared memory is not defined: the same pattern for all.
  for (size_t k = 0; k + 4 <= block.shared.size(); k += 4)
    std::memcpy(block.shared.data() + k, &DeviceMemory::kPoison, 4);
  for (Warp &w : block.warps)
    beginWarp(w, block.launch->threads);
  if (block.shadow) {
    block.shadow->begin();
    block.copies.assign(block.warps.size(), {});
    block.groups.assign(block.warps.size(), {});
  }
}

void Warp::fault(FaultKind kind, unsigned lane, std::string message, uint64_t address) const {
  const LaunchState &launch = *block->launch;
  const Description &about = launch.program->about[pc];
  const uint32_t *n = launch.config->block;
  uint32_t thread = index * kLanes + lane;
  Fault fault;
  Outcome &o = fault.outcome;
  o.kind = kind;
  o.message = std::move(message);
  o.kernel = launch.program->kernel;
  o.line = about.line;
  o.instruction = about.text;
  if (about.place)
    o.source = launch.program->places[about.place - 1];
  std::copy_n(block->index, 3, o.block);
  o.thread[0] = thread % n[0];
  o.thread[1] = thread / n[0] % n[1];
  o.thread[2] = thread / n[0] / n[1];
  o.address = address;
  throw fault;
}

const char *describe(FaultKind kind) {
  static constexpr const char *names[] = {"no fault",
                                          "invalid launch",
                                          "illegal address",
                                          "misaligned address",
                                          "uninitialised read",
                                          "race",
                                          "barrier misuse",
                                          "deadlock",
                                          "hang",
                                          "trap",
                                          "out of memory"};
  return names[static_cast<unsigned>(kind)];
}

std::string Outcome::text() const {
  auto triple = [](const uint32_t (&n)[3]) {
    return "(" + std::to_string(n[0]) + ", " + std::to_string(n[1]) + ", " + std::to_string(n[2]) +
           ")";
  };
  std::string all = std::string(describe(kind)) + ": " + message + "\n  kernel " + kernel;
  if (line) {
    all += "\n  line " + std::to_string(line) + ": " + instruction;
    if (!source.empty())
      all += "\n  source " + source;
    all += "\n  block " + triple(block) + ", thread " + triple(thread);
  }
  return all + "\n";
}

} // namespace gnc::emulator
