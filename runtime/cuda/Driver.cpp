//===- Driver.cpp - the CUDA driver, loaded at run time ---------------------------------------===//
#include "runtime/cuda/Driver.h"

#include <dlfcn.h>

namespace gnc::cuda {

using runtime::environmentError;
using runtime::Error;
using runtime::Result;
using runtime::Status;

namespace {
/// One line that says all: this is what a machine without a card sees.
Error noDriver(const std::string &what) {
  return environmentError("no-driver", what + ": install NVIDIA's driver, or use --device=emulator "
                                              "or --device=cpu");
}

Error noLibrary(const std::string &path) {
  const char *reason = dlerror();
  if (path == Driver::systemLibrary)
    return noDriver("there is no CUDA driver (libcuda.so.1)");
  return environmentError("no-driver", "cannot load the driver '" + path +
                                           "': " + (reason ? reason : "no reason given"));
}

std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }
} // namespace

std::string cudaVersionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

PtxHeader readPtxHeader(const std::string &ptx) {
  PtxHeader header;
  auto numberBehind = [&](const char *directive, size_t &end) {
    size_t at = ptx.find(directive);
    int number = 0;
    if (at == std::string::npos)
      return number;
    end = ptx.find_first_of("0123456789", at);
    for (; end < ptx.size() && ((ptx[end] >= '0' && ptx[end] <= '9') || ptx[end] == '.'); ++end)
      if (ptx[end] != '.')
        number = number * 10 + (ptx[end] - '0');
    return number;
  };
  size_t end = 0;
  header.version = numberBehind(".version", end);
  header.capability = numberBehind(".target sm_", end);
  header.exact = header.capability && end < ptx.size() && ptx[end] == 'a';
  return header;
}

std::string Driver::describe(Code code) const {
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(code, &name) != Code::Success || !name ||
      getErrorString(code, &text) != Code::Success || !text)
    return "error " + std::to_string(int(code));
  return std::string(text) + " (" + name + ")";
}

Result<Driver> Driver::load(const std::string &path) {
  std::string library = path.empty() ? systemLibrary : path;
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return noLibrary(library);
  Driver driver;
  driver.library = library;
  const char *missing = nullptr;
#define GNC_LOAD(name, symbol, parameters)                                                         \
  driver.name = reinterpret_cast<Code(*) parameters>(dlsym(handle, #symbol));                      \
  if (!driver.name && !missing)                                                                    \
    missing = #symbol;
  GNC_CUDA_RUNTIME_FUNCTIONS(GNC_LOAD)
#undef GNC_LOAD
  driver.emulatorReport = reinterpret_cast<const char *(*)()>(dlsym(handle, "gncEmulatorReport"));
  driver.emulatorStatistics =
      reinterpret_cast<const char *(*)()>(dlsym(handle, "gncEmulatorStatistics"));
  if (missing)
    return environmentError("old-driver", "the driver '" + library + "' lacks " + missing)
        .withHelp("install a driver for CUDA 11.4 or later, or use --device=cpu");
  Code code = driver.init(0);
  if (code == Code::NoDevice)
    return noDriver("the CUDA driver finds no card (CUDA_ERROR_NO_DEVICE)");
  if (code != Code::Success) {
    Error error = noDriver("the CUDA driver does not start: " + driver.describe(code));
    if (std::string text = driver.report(); !text.empty())
      error.notes.push_back(firstLine(text));
    return error;
  }
  if (driver.driverGetVersion(&driver.version) != Code::Success)
    driver.version = 0;
  return driver;
}

} // namespace gnc::cuda
