//===- Harness.h - kernels on the software device, from tests ---------------------------------===//
#pragma once

#include "runtime/emulator/Launch.h"

#include <cstring>
#include <gtest/gtest.h>
#include <initializer_list>
#include <variant>

namespace gnc::test {

using emulator::Card;
using emulator::Counters;
using emulator::DeviceMemory;
using emulator::EngineOptions;
using emulator::FaultKind;
using emulator::LaunchConfig;
using emulator::Outcome;

/// Small numbers of both signs: sums of their products are exact in f32.
inline float wholeAt(size_t i) { return static_cast<float>(static_cast<int>(i * 7919 % 17) - 8); }

/// A device with one module.
class Device {
public:
  explicit Device(bool checked = false) {
    std::string error;
    memory = DeviceMemory::create(
        {.capacity = uint64_t{256} << 20, .checked = checked, .quarantine = 1 << 20}, error);
    EXPECT_TRUE(memory) << error;
    options.checked = checked;
    options.card = emulator::findCard("sm_120");
  }
  ~Device() { module.reset(); }

  /// False, with a failed expectation, where the text is refused.
  bool load(std::string_view ptx, const char *card = "sm_120") {
    auto loaded = emulator::Module::load(ptx, *emulator::findCard(card), *memory);
    EXPECT_TRUE(loaded.ok()) << loaded.error().line << ": " << loaded.error().message;
    if (loaded.ok())
      module = std::move(*loaded);
    return module != nullptr;
  }

  template <class T> uint64_t buffer(const std::vector<T> &values) {
    uint64_t address = memory->allocate(values.size() * sizeof(T));
    std::memcpy(reinterpret_cast<void *>(address), values.data(), values.size() * sizeof(T));
    memory->markInitialised(address, values.size() * sizeof(T));
    return address;
  }
  template <class T> uint64_t room(size_t count) { return memory->allocate(count * sizeof(T)); }
  template <class T> std::vector<T> read(uint64_t address, size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), reinterpret_cast<const void *>(address), count * sizeof(T));
    return values;
  }

  using Argument = std::variant<uint64_t, int32_t, float>;
  Outcome run(const char *kernel, std::array<uint32_t, 3> grid, std::array<uint32_t, 3> block,
              std::initializer_list<Argument> arguments, uint32_t shared = 0) {
    const emulator::Function *function = module->function(kernel);
    EXPECT_TRUE(function) << kernel;
    std::vector<std::byte> parameters;
    for (const Argument &argument : arguments)
      std::visit(
          [&](auto value) {
            size_t at = (parameters.size() + sizeof value - 1) / sizeof value * sizeof value;
            parameters.resize(at + sizeof value);
            std::memcpy(parameters.data() + at, &value, sizeof value);
          },
          argument);
    LaunchConfig config;
    std::copy(grid.begin(), grid.end(), config.grid);
    std::copy(block.begin(), block.end(), config.block);
    config.sharedBytes = shared;
    config.parameters = parameters;
    return emulator::launch(*function, config, *memory, options);
  }

  std::unique_ptr<DeviceMemory> memory;
  std::unique_ptr<emulator::Module> module;
  EngineOptions options;
};

/// A kernel of one block around a body; registers %p<40>, %h<40>, %r<80>, %f<40>, %d<40>, %rd<40>
/// and the parameters `in` and `out` in %rd1 and %rd2, the thread in %r1.
std::string kernelText(std::string_view body, std::string_view declarations = "",
                       unsigned target = 80);

/// The text of a PTX file of the design's samples, empty where they are not at hand
/// (GNC_PTX_SAMPLES).
std::string sampleText(const std::string &name);
/// PTX that nvrtc makes of CUDA C++, empty where there is no nvrtc.
std::string compileCuda(const std::string &source, unsigned sm = 80);
/// PTX of a CUDA sample of test/unit/emulator/Inputs.
std::string compileInput(const std::string &name, unsigned sm = 80);
/// What ptxas has against a text, "" if nothing; not there: skipped with `found` false.
std::string assemblerErrors(std::string_view ptx, unsigned sm, bool &found);

} // namespace gnc::test
