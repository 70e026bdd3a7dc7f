#include "runtime/emulator/Module.h"

#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Memory.h"

namespace gnc::emulator {

std::string missingFeature() {
  // What -march=x86-64-v3 may use.
  static constexpr struct {
    const char *name;
    bool (*has)();
  } features[] = {{"AVX2", [] { return __builtin_cpu_supports("avx2") != 0; }},
                  {"FMA", [] { return __builtin_cpu_supports("fma") != 0; }},
                  {"F16C", [] { return __builtin_cpu_supports("f16c") != 0; }},
                  {"BMI2", [] { return __builtin_cpu_supports("bmi2") != 0; }}};
  for (const auto &feature : features)
    if (!feature.has())
      return feature.name;
  return "";
}

Module::~Module() {
  for (const auto &[name, global] : variables)
    memory.free(global.address);
}

/// Gives every variable of global and constant space memory and its initial value.
static void placeGlobals(const Text &text, DeviceMemory &memory,
                         std::map<uint32_t, uint64_t> &addresses) {
  uint64_t constants = 0;
  for (uint32_t id : text.globals) {
    const Variable &v = text.variables[id];
    if (v.space == Space::Shared)
      continue;
    if (v.external)
      throw ParseFailure{{v.line, "the variable " + quoted(v.name) + " is defined nowhere"}};
    constants += v.space == Space::Const ? v.bytes : 0;
    if (constants > 64 << 10)
      throw ParseFailure{{v.line, "more than 64 KiB of .const variables"}};
    uint64_t address = memory.allocate(v.bytes, v.alignment);
    if (!address)
      throw ParseFailure{{v.line, "no device memory for " + quoted(v.name) + " (" +
                                      std::to_string(v.bytes) + " bytes)"}};
    addresses[id] = address;
    auto *to = reinterpret_cast<std::byte *>(address);
    std::memset(to, 0, v.bytes);
    std::copy(v.initial.begin(), v.initial.end(), to);
    memory.markInitialised(address, v.bytes);
  }
  for (const auto &[id, address] : addresses)
    for (const Variable::Reference &reference : text.variables[id].references) {
      uint64_t target = 0;
      for (const auto &[other, otherAddress] : addresses)
        if (text.variables[other].name == reference.variable)
          target = otherAddress;
      if (!target)
        throw ParseFailure{{text.variables[id].line,
                            quoted(reference.variable) + " is no .global or .const variable"}};
      target += static_cast<uint64_t>(reference.addend);
      std::memcpy(reinterpret_cast<std::byte *>(address) + reference.offset, &target, 8);
    }
}

static void checkLimits(const Function &f, const Routine &routine, const Card &card) {
  auto refuse = [&](const std::string &what, uint64_t have, uint64_t most) {
    throw ParseFailure{{routine.line, quoted(f.name) + " uses " + std::to_string(have) + " " +
                                          what + ", sm_" + std::to_string(card.sm) + " has " +
                                          std::to_string(most)}};
  };
  if (f.sharedBytes > card.sharedPerBlock)
    refuse("bytes of static shared memory", f.sharedBytes, card.sharedPerBlock);
  if (f.localBytes > DeviceMemory::kWindow)
    refuse("bytes of local memory", f.localBytes, DeviceMemory::kWindow);
}

Expected<std::unique_ptr<Module>> Module::load(std::string_view ptx, const Card &card,
                                               DeviceMemory &memory) {
  if (std::string missing = missingFeature(); !missing.empty())
    return CompileError{0, "this processor has no " + missing + ", which the emulator needs"};
  Expected<Text> parsed = parse(ptx);
  if (!parsed.ok())
    return parsed.error();
  const Text &text = *parsed;
  if (text.target > card.sm)
    return CompileError{1, "the text is for sm_" + std::to_string(text.target) +
                               ", the card is sm_" + std::to_string(card.sm)};
  std::unique_ptr<Module> module(new Module(memory));
  std::map<uint32_t, uint64_t> addresses;
  // The module frees what was placed, even where decoding fails.
  auto remember = [&] {
    for (const auto &[id, address] : addresses)
      module->variables.insert_or_assign(std::string(text.variables[id].name),
                                         Global{address, text.variables[id].bytes});
  };
  try {
    placeGlobals(text, memory, addresses);
    remember();
    for (const Routine &routine : text.routines) {
      if (!routine.entry || !routine.defined)
        continue;
      Function f = Decoder(text, memory, addresses).decode(routine);
      checkLimits(f, routine, card);
      f.registers = std::min(f.registers + 8, card.maxRegistersPerThread);
      if (!f.maxThreads)
        f.maxThreads = card.maxThreadsPerBlock;
      if (!module->kernels.emplace(f.name, f).second)
        throw ParseFailure{{routine.line, quoted(f.name) + " is defined twice"}};
    }
  } catch (ParseFailure &failure) {
    remember();
    return std::move(failure.error);
  }
  return module;
}

const Function *Module::function(std::string_view name) const {
  auto found = kernels.find(name);
  return found == kernels.end() ? nullptr : &found->second;
}
const Global *Module::global(std::string_view name) const {
  auto found = variables.find(name);
  return found == variables.end() ? nullptr : &found->second;
}

} // namespace gnc::emulator
