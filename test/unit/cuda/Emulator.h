//===- Emulator.h - the software device, anew for every test ----------------------------------===//
//
// It reads its options when it starts and keeps its state as long as it is loaded, so every test
// loads a copy of the library under a name of its own.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/cuda/CudaDevice.h"

#include <map>

namespace gnc::cuda::test {

class Emulator {
public:
  using Variables = std::map<std::string, std::string>;

  /// With these variables GNC_EMULATOR_*: {{"CARD", "sm_90"}}.
  explicit Emulator(const Variables &variables = {});
  ~Emulator();

  /// Loads the copy; the driver of most tests.
  runtime::Result<Driver> load() const;
  Driver driver() const;
  /// A device of driver().
  std::unique_ptr<CudaDevice> device(bool stepwise = false) const;
  /// A function of the driver API that the runtime does not use.
  template <typename Function> Function find(const char *symbol) const {
    return reinterpret_cast<Function>(lookUp(symbol));
  }
  const std::string &path() const { return copy; }

private:
  void *lookUp(const char *symbol) const;
  std::string copy;
  Variables set;
};

} // namespace gnc::cuda::test
