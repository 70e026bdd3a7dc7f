//===- DriverConfig.h - what the environment says about the software device -------------------===//
#pragma once

#include "runtime/cuda/DriverApi.h"
#include "runtime/emulator/Card.h"

#include <map>
#include <string>
#include <vector>

namespace gnc::emulator {

/// When a stream does what it was told. The host may rely on none of these.
enum class Order : uint8_t {
  Late,   ///< when somebody waits for it: who forgets to wait reads old data
  Early,  ///< at once
  Random, ///< some now, some later, by the seed
};

/// The variables GNC_EMULATOR_*, see the README.
struct DriverConfig {
  std::vector<const Card *> cards; ///< one a device
  uint64_t memory = uint64_t{4} << 30;
  int version = 13000; ///< of the driver, as cuDriverGetVersion counts
  bool checked = false, statistics = false;
  Order order = Order::Late;
  uint64_t seed = 0;
  unsigned threads = 0; ///< 0: all processors
  /// Failures to make: by the name of a function of the API (or "kernel", whose execution then
  /// fails), the number of the call and the code.
  struct Fault {
    uint64_t call = 1;
    cuda::Code code = cuda::Code::Unknown;
  };
  std::map<std::string, Fault, std::less<>> faults;
  std::string error; ///< what is wrong with the variables; empty if nothing is

  static DriverConfig fromEnvironment();
};

} // namespace gnc::emulator
