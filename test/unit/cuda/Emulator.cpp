#include "Emulator.h"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

namespace gnc::cuda::test {

Emulator::Emulator(const Variables &variables) : set(variables) {
  static int count = 0;
  copy = testing::TempDir() + "gnc-emulator-" + std::to_string(getpid()) + "-" +
         std::to_string(count++) + ".so";
  std::filesystem::copy_file(GNC_EMULATOR_LIBRARY, copy);
  for (const auto &[name, value] : set)
    setenv(("GNC_EMULATOR_" + name).c_str(), value.c_str(), 1);
}

Emulator::~Emulator() {
  for (const auto &[name, value] : set)
    unsetenv(("GNC_EMULATOR_" + name).c_str());
  std::filesystem::remove(copy);
}

runtime::Result<Driver> Emulator::load() const { return Driver::load(copy); }

Driver Emulator::driver() const {
  auto driver = load();
  if (!driver.ok()) {
    ADD_FAILURE() << format(driver.error());
    std::abort();
  }
  return *driver;
}

std::unique_ptr<CudaDevice> Emulator::device(bool stepwise) const {
  auto device = CudaDevice::create(driver(), {0, stepwise});
  EXPECT_TRUE(device.ok()) << (device.ok() ? "" : format(device.error()));
  return device.ok() ? std::move(*device) : nullptr;
}

void *Emulator::lookUp(const char *symbol) const {
  void *library = dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  void *address = library ? dlsym(library, symbol) : nullptr;
  EXPECT_NE(address, nullptr) << symbol;
  return address;
}

} // namespace gnc::cuda::test
