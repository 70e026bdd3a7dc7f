//===- Launch.h - running a kernel ------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Counters.h"
#include "runtime/emulator/Memory.h"
#include "runtime/emulator/Module.h"

#include <cstdint>
#include <span>
#include <string>

namespace gnc::emulator {

struct LaunchConfig {
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t sharedBytes = 0;              ///< dynamic, beside the static ones
  std::span<const std::byte> parameters; ///< Function::parameterBytes of them
};

struct EngineOptions {
  /// Find uninitialised reads, races and misuse of barriers. Wants a memory that is checked too.
  bool checked = false;
  /// Order of warps, and of whatever else PTX leaves open, in the checked mode. The same seed gives
  /// the same run.
  uint64_t seed = 0;
  unsigned threads = 1; ///< blocks run on so many; the checked mode uses one
  /// Instructions of a warp after which a launch counts as hanging.
  uint64_t fuel = uint64_t{1} << 40;
  bool globalRaces = true; ///< in the checked mode: also races in global memory
  /// Where counts are added up, null for none.
  Counters *counters = nullptr;
  const Card *card = nullptr; ///< limits are checked against; null: the default card
};

/// What went wrong in a launch.
enum class FaultKind : uint8_t {
  None,
  InvalidLaunch,  ///< the configuration exceeds a limit
  IllegalAddress, ///< outside every allocation, or beyond the end of one
  Misaligned,
  Uninitialised, ///< read before written
  Race,
  Barrier,     ///< a barrier or .sync instruction used against its rules
  Deadlock,    ///< everyone waits
  Hang,        ///< out of fuel
  Trap,        ///< trap, a failed assertion
  OutOfMemory, ///< of the host
};
/// "illegal address", "race", ..
const char *describe(FaultKind kind);

struct Outcome {
  FaultKind kind = FaultKind::None;
  std::string message; ///< one line: what was found, what was needed
  std::string kernel;
  unsigned line = 0;       ///< of the PTX text; 0 where no instruction is to blame
  std::string instruction; ///< its text
  std::string source;      ///< "file:line" of the PTX's .loc, empty without
  uint32_t block[3] = {0, 0, 0};
  uint32_t thread[3] = {0, 0, 0};
  uint64_t address = 0; ///< that was accessed, where one was

  bool ok() const { return kind == FaultKind::None; }
  /// `race: MESSAGE`, then kernel, line, block and thread, one fact a line.
  std::string text() const;
};

/// Runs a kernel to its end. Several launches may run at once on the same memory.
Outcome launch(const Function &function, const LaunchConfig &config, DeviceMemory &memory,
               const EngineOptions &options);

} // namespace gnc::emulator
