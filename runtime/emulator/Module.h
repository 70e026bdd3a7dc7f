//===- Module.h - a PTX text, loaded ----------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Card.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gnc::emulator {

class DeviceMemory;
struct Program; // Program.h: the decoded instructions

/// Why a text was refused: anything that is not understood is, and never skipped.
struct CompileError {
  unsigned line = 0; ///< of the PTX text, from 1; 0 where it is about the whole text
  std::string message;
};

/// A value, or why there is none.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Expected(CompileError error) : state(std::in_place_index<1>, std::move(error)) {}
  bool ok() const { return state.index() == 0; }
  T &operator*() { return *std::get_if<0>(&state); }
  T *operator->() { return std::get_if<0>(&state); }
  const CompileError &error() const { return *std::get_if<1>(&state); }

private:
  std::variant<T, CompileError> state;
};

/// Where a parameter lies in the parameter buffer of a launch.
struct Parameter {
  std::string name;
  std::string type; ///< as PTX writes it: "u64", "f32"; "b8" for a struct
  uint32_t offset = 0;
  uint32_t bytes = 0;
  uint32_t alignment = 1;
  bool pointer = false;          ///< declared with .ptr
  uint32_t pointerAlignment = 0; ///< what .ptr .align promises, 0 without
};

/// A kernel (.entry).
struct Function {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0; ///< size of the parameter buffer
  uint32_t sharedBytes = 0;    ///< static
  uint32_t localBytes = 0;     ///< a thread
  uint32_t registers = 0;      ///< 32-bit registers that live at once: an estimate of ptxas's count
  uint32_t maxThreads = 0;     ///< .maxntid or .reqntid multiplied out, the card's limit without
  uint32_t requiredBlock[3] = {0, 0, 0}; ///< .reqntid, 0 without
  bool usesDynamicShared = false;
  std::shared_ptr<const Program> program;
};

/// A variable of .global or .const space.
struct Global {
  uint64_t address = 0;
  uint64_t bytes = 0;
};

class Module {
public:
  /// Parses, checks and decodes a text, and places its variables in `memory`, which must outlive
  /// the module. The card limits what is accepted: a text for a later one is refused.
  static Expected<std::unique_ptr<Module>> load(std::string_view ptx, const Card &card,
                                                DeviceMemory &memory);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  /// Null where there is none of that name.
  const Function *function(std::string_view name) const;
  const Global *global(std::string_view name) const;
  /// By name.
  const std::map<std::string, Function, std::less<>> &functions() const { return kernels; }
  const std::map<std::string, Global, std::less<>> &globals() const { return variables; }

private:
  explicit Module(DeviceMemory &memory) : memory(memory) {}

  DeviceMemory &memory;
  std::map<std::string, Function, std::less<>> kernels;
  std::map<std::string, Global, std::less<>> variables;
};

/// What this machine lacks to run the engine ("AVX2"), empty where it lacks nothing.
std::string missingFeature();

} // namespace gnc::emulator
