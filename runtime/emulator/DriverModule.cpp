// Exports: modules and functions.
#include "runtime/cuda/PtxVersions.h"
#include "runtime/emulator/DriverCall.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gnc::cuda {

using emulator::Card;
using emulator::FunctionState;
using emulator::ModuleState;

namespace {
/// The options of cuModuleLoadDataEx that mean something here.
struct JitOptions {
  char *errorLog = nullptr, *infoLog = nullptr;
  size_t errorBytes = 0, infoBytes = 0;
  void **errorUsed = nullptr, **infoUsed = nullptr;

  /// False for an option that cuda.h does not have.
  bool read(unsigned count, JitOption *options, void **values) {
    for (unsigned i = 0; i < count; ++i) {
      auto number = reinterpret_cast<uintptr_t>(values[i]);
      switch (options[i]) {
      case JitOption::ErrorLog: errorLog = static_cast<char *>(values[i]); break;
      case JitOption::InfoLog: infoLog = static_cast<char *>(values[i]); break;
      case JitOption::ErrorLogBytes: errorBytes = uint32_t(number), errorUsed = &values[i]; break;
      case JitOption::InfoLogBytes: infoBytes = uint32_t(number), infoUsed = &values[i]; break;
      default:
        if (options[i] < JitOption::MaxRegisters || options[i] > JitOption::Last)
          return false;
      }
    }
    return true;
  }
  static void write(char *log, size_t bytes, void **used, const std::string &text) {
    size_t copied = log && bytes ? std::min(bytes - 1, text.size()) : 0;
    if (log && bytes) {
      memcpy(log, text.data(), copied);
      log[copied] = 0;
    }
    if (used)
      *used = reinterpret_cast<void *>(copied);
  }
  void writeError(const std::string &text) const { write(errorLog, errorBytes, errorUsed, text); }
  void writeInfo(const std::string &text) const { write(infoLog, infoBytes, infoUsed, text); }
};

/// What comes behind `.version` or `.target sm_` of a PTX text; 0 if nothing does. "8.3" is 83.
unsigned numberAfter(std::string_view ptx, std::string_view directive) {
  size_t at = ptx.find(directive);
  if (at == std::string_view::npos)
    return 0;
  unsigned number = 0;
  for (char c : ptx.substr(at + directive.size())) {
    if (c >= '0' && c <= '9')
      number = number * 10 + unsigned(c - '0');
    else if (c != '.' && !(c == ' ' && number == 0))
      break;
  }
  return number;
}

/// Why a driver refuses an image before it looks into it.
Code checkImage(const char *image, const Card &card, int driver, std::string &log) {
  constexpr char elf[] = "\x7f"
                         "ELF",
                 fatbin[] = "\x50\xed\x55\xba";
  if (strncmp(image, elf, 4) == 0 || strncmp(image, fatbin, 4) == 0) {
    log = "the software device runs PTX text, no machine code";
    return Code::NoBinaryForGpu;
  }
  unsigned version = numberAfter(image, ".version"), target = numberAfter(image, ".target sm_");
  unsigned newest = unsigned(newestPtx(driver));
  if (version > newest) {
    log = "ptxas application ptx input, line 1; fatal   : Unsupported .version " +
          std::to_string(version / 10) + "." + std::to_string(version % 10) + "; current is " +
          std::to_string(newest / 10) + "." + std::to_string(newest % 10);
    return Code::UnsupportedPtxVersion;
  }
  if (target > card.sm) {
    log = "PTX for sm_" + std::to_string(target) + " on a card of sm_" + std::to_string(card.sm);
    return Code::NoBinaryForGpu;
  }
  return Code::Success;
}
} // namespace

GNC_DRIVER_EXPORT cuModuleLoadDataEx(Module *module, const void *image, unsigned count,
                                     JitOption *options, void **values) {
  return call("cuModuleLoadDataEx", Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    JitOptions jit;
    if (!module || !image || (count && (!options || !values)) || !jit.read(count, options, values))
      return Code::InvalidValue;
    auto text = static_cast<const char *>(image);
    const Card &card = *context->device->card;
    std::string log;
    if (Code code = checkImage(text, card, driver.config.version, log); code != Code::Success) {
      jit.writeError(log);
      return code;
    }
    auto loaded = emulator::Module::load(text, card, context->memory());
    if (!loaded.ok()) {
      jit.writeError("ptxas application ptx input, line " + std::to_string(loaded.error().line) +
                     "; error   : " + loaded.error().message);
      return Code::InvalidPtx;
    }
    auto state = std::make_shared<ModuleState>();
    state->module = std::move(*loaded);
    state->context = context->weak_from_this();
    *module = driver.add<Module>(state, context);
    jit.writeError("");
    jit.writeInfo("");
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuModuleLoadData(Module *module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

GNC_DRIVER_EXPORT cuModuleUnload(Module module) {
  return call("cuModuleUnload", Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    auto state = driver.find<ModuleState>(module);
    if (!state)
      return Code::InvalidHandle;
    driver.drain(*context);
    for (const auto &function : state->functions)
      driver.remove(function.get(), context);
    driver.remove(state.get(), context);
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuModuleGetFunction(Function *function, Module module, const char *name) {
  return call("cuModuleGetFunction", Needs::Context,
              [&](DriverState &driver, ContextState *context) {
                auto state = driver.find<ModuleState>(module);
                if (!state || !function || !name)
                  return !state ? Code::InvalidHandle : Code::InvalidValue;
                const emulator::Function *found = state->module->function(name);
                if (!found)
                  return Code::NotFound;
                auto made = std::make_shared<FunctionState>();
                made->function = found;
                made->module = state;
                made->maxDynamicShared =
                    int(context->device->card->sharedPerBlock) - int(found->sharedBytes);
                state->functions.push_back(made);
                *function = driver.add<Function>(made, context);
                return Code::Success;
              });
}

GNC_DRIVER_EXPORT cuModuleGetGlobal_v2(DevicePointer *pointer, size_t *bytes, Module module,
                                       const char *name) {
  return call("cuModuleGetGlobal_v2", Needs::Context, [&](DriverState &driver, ContextState *) {
    auto state = driver.find<ModuleState>(module);
    if (!state || !name)
      return !state ? Code::InvalidHandle : Code::InvalidValue;
    const emulator::Global *found = state->module->global(name);
    if (!found)
      return Code::NotFound;
    if (pointer)
      *pointer = found->address;
    if (bytes)
      *bytes = found->bytes;
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuFuncGetAttribute(int *value, FunctionAttribute attribute, Function function) {
  return call("cuFuncGetAttribute", Needs::Context,
              [&](DriverState &driver, ContextState *context) {
                auto state = driver.find<FunctionState>(function);
                if (!state || !value)
                  return !state ? Code::InvalidHandle : Code::InvalidValue;
                const emulator::Function &found = *state->function;
                int sm = int(context->device->card->sm);
                switch (attribute) {
                case FunctionAttribute::MaxThreadsPerBlock: *value = int(found.maxThreads); break;
                case FunctionAttribute::SharedBytes: *value = int(found.sharedBytes); break;
                case FunctionAttribute::LocalBytes: *value = int(found.localBytes); break;
                case FunctionAttribute::Registers: *value = int(found.registers); break;
                case FunctionAttribute::PtxVersion:
                case FunctionAttribute::BinaryVersion: *value = sm; break;
                case FunctionAttribute::ConstBytes:
                case FunctionAttribute::CacheModeCa: *value = 0; break;
                case FunctionAttribute::MaxDynamicSharedBytes:
                  *value = state->maxDynamicShared;
                  break;
                case FunctionAttribute::SharedCarveout: *value = state->carveout; break;
                default: return Code::InvalidValue;
                }
                return Code::Success;
              });
}

GNC_DRIVER_EXPORT cuFuncSetAttribute(Function function, FunctionAttribute attribute, int value) {
  return call(
      "cuFuncSetAttribute", Needs::Context, [&](DriverState &driver, ContextState *context) {
        auto state = driver.find<FunctionState>(function);
        if (!state)
          return Code::InvalidHandle;
        int most =
            int(context->device->card->sharedPerBlockOptin) - int(state->function->sharedBytes);
        if (attribute == FunctionAttribute::MaxDynamicSharedBytes && 0 <= value && value <= most)
          state->maxDynamicShared = value;
        else if (attribute == FunctionAttribute::SharedCarveout && -1 <= value && value <= 100)
          state->carveout = value;
        else
          return Code::InvalidValue;
        return Code::Success;
      });
}

} // namespace gnc::cuda
