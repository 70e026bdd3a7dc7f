// Exports: initialisation, devices, contexts.
#include "runtime/emulator/DriverCall.h"

#include <algorithm>
#include <cstring>

namespace gnc::cuda {

using emulator::Card;
using emulator::DeviceState;

GNC_DRIVER_EXPORT cuInit(unsigned flags) {
  if (flags)
    return Code::InvalidValue;
  DriverState &driver = DriverState::get();
  std::lock_guard guard(driver.lock);
  Code code = driver.initialise();
  return code == Code::Success ? driver.injected("cuInit") : code;
}

GNC_DRIVER_EXPORT cuDriverGetVersion(int *version) {
  if (!version)
    return Code::InvalidValue;
  // May be asked before cuInit.
  *version = emulator::DriverConfig::fromEnvironment().version;
  return Code::Success;
}

GNC_DRIVER_EXPORT cuDeviceGetCount(int *count) {
  return call("cuDeviceGetCount", Needs::Driver, [&](DriverState &driver, ContextState *) {
    if (!count)
      return Code::InvalidValue;
    *count = int(driver.devices.size());
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuDeviceGet(Device *device, int ordinal) {
  return call("cuDeviceGet", Needs::Driver, [&](DriverState &driver, ContextState *) {
    if (!device)
      return Code::InvalidValue;
    if (!driver.device(ordinal))
      return Code::InvalidDevice;
    *device = ordinal;
    return Code::Success;
  });
}

/// Calls body(device) for a device that is there.
template <typename Body> static Code onDevice(const char *name, Device device, Body body) {
  return call(name, Needs::Driver, [&](DriverState &driver, ContextState *) {
    DeviceState *found = driver.device(device);
    return found ? body(driver, *found) : Code::InvalidDevice;
  });
}

GNC_DRIVER_EXPORT cuDeviceGetName(char *name, int length, Device device) {
  return onDevice("cuDeviceGetName", device, [&](DriverState &, DeviceState &state) {
    if (!name || length < 1)
      return Code::InvalidValue;
    std::string text = "gnc emulator of " + std::string(state.card->name);
    size_t copied = std::min(text.size(), size_t(length) - 1);
    memcpy(name, text.data(), copied);
    name[copied] = 0;
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuDeviceGetUuid_v2(Uuid *uuid, Device device) {
  return onDevice("cuDeviceGetUuid_v2", device, [&](DriverState &, DeviceState &state) {
    if (!uuid)
      return Code::InvalidValue;
    memcpy(uuid->bytes, "gnc emulator", 12);
    uuid->bytes[12] = uuid->bytes[13] = 0;
    uuid->bytes[14] = static_cast<unsigned char>(state.card->sm);
    uuid->bytes[15] = static_cast<unsigned char>(device);
    return Code::Success;
  });
}
GNC_DRIVER_EXPORT cuDeviceGetUuid(Uuid *uuid, Device device) {
  return cuDeviceGetUuid_v2(uuid, device);
}

GNC_DRIVER_EXPORT cuDeviceTotalMem_v2(size_t *bytes, Device device) {
  return onDevice("cuDeviceTotalMem_v2", device, [&](DriverState &driver, DeviceState &state) {
    if (!bytes)
      return Code::InvalidValue;
    *bytes = std::min(driver.config.memory, state.card->memoryBytes);
    return Code::Success;
  });
}

/// False for an attribute that nobody has told us the meaning of.
static bool attributeOf(const Card &card, Attribute attribute, int &value) {
  auto is = [&](uint64_t number) {
    value = int(number);
    return true;
  };
  switch (attribute) {
  case Attribute::MaxThreadsPerBlock: return is(card.maxThreadsPerBlock);
  case Attribute::MaxBlockX: return is(card.maxBlock[0]);
  case Attribute::MaxBlockY: return is(card.maxBlock[1]);
  case Attribute::MaxBlockZ: return is(card.maxBlock[2]);
  case Attribute::MaxGridX: return is(card.maxGrid[0]);
  case Attribute::MaxGridY: return is(card.maxGrid[1]);
  case Attribute::MaxGridZ: return is(card.maxGrid[2]);
  case Attribute::SharedPerBlock: return is(card.sharedPerBlock);
  case Attribute::ConstantMemory: return is(card.constantBytes);
  case Attribute::WarpSize: return is(32);
  case Attribute::MaxPitch: return is(0x7fffffff);
  case Attribute::RegistersPerBlock: return is(card.registersPerBlock);
  case Attribute::ClockRate: return is(card.clockKHz);
  case Attribute::TextureAlignment: return is(512);
  case Attribute::Multiprocessors: return is(card.multiprocessors);
  case Attribute::GpuOverlap:
  case Attribute::CanMapHostMemory:
  case Attribute::ConcurrentKernels:
  case Attribute::UnifiedAddressing:
  case Attribute::StreamPriorities: return is(1);
  case Attribute::KernelTimeout:
  case Attribute::Integrated:
  case Attribute::ComputeMode:
  case Attribute::EccEnabled:
  case Attribute::PciBusId:
  case Attribute::PciDeviceId:
  case Attribute::TccDriver:
  case Attribute::ManagedMemory:
  case Attribute::CooperativeLaunch:
  case Attribute::MemoryPools: return is(0);
  case Attribute::MemoryClockRate: return is(card.memoryClockKHz);
  case Attribute::MemoryBusWidth: return is(card.memoryBusBits);
  case Attribute::L2CacheSize: return is(card.l2Bytes);
  case Attribute::MaxThreadsPerMultiprocessor: return is(card.maxThreadsPerMultiprocessor);
  case Attribute::AsyncEngines: return is(2);
  case Attribute::CapabilityMajor: return is(card.sm / 10);
  case Attribute::CapabilityMinor: return is(card.sm % 10);
  case Attribute::SharedPerMultiprocessor: return is(card.sharedPerMultiprocessor);
  case Attribute::RegistersPerMultiprocessor: return is(card.registersPerMultiprocessor);
  case Attribute::SharedPerBlockOptin: return is(card.sharedPerBlockOptin);
  case Attribute::MaxBlocksPerMultiprocessor: return is(card.maxBlocksPerMultiprocessor);
  case Attribute::SharedReservedPerBlock: return is(card.sharedReserved);
  }
  return false;
}

GNC_DRIVER_EXPORT cuDeviceGetAttribute(int *value, Attribute attribute, Device device) {
  return onDevice("cuDeviceGetAttribute", device, [&](DriverState &, DeviceState &state) {
    return value && attributeOf(*state.card, attribute, *value) ? Code::Success
                                                                : Code::InvalidValue;
  });
}

//===- Contexts -------------------------------------------------------------------------------===//

GNC_DRIVER_EXPORT cuDevicePrimaryCtxRetain(Context *context, Device device) {
  return onDevice("cuDevicePrimaryCtxRetain", device, [&](DriverState &driver, DeviceState &state) {
    if (!context)
      return Code::InvalidValue;
    if (!state.primary) {
      if (Code code = driver.createContext(state, state.primary); code != Code::Success)
        return code;
      state.primary->primary = true;
    }
    ++state.primaryUsers;
    *context = reinterpret_cast<Context>(static_cast<emulator::Object *>(state.primary.get()));
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuDevicePrimaryCtxReset_v2(Device device) {
  return onDevice("cuDevicePrimaryCtxReset_v2", device,
                  [&](DriverState &driver, DeviceState &state) {
                    if (state.primary)
                      driver.destroyContext(*state.primary);
                    state.primary = nullptr;
                    return Code::Success;
                  });
}

GNC_DRIVER_EXPORT cuDevicePrimaryCtxRelease_v2(Device device) {
  return onDevice("cuDevicePrimaryCtxRelease_v2", device,
                  [&](DriverState &driver, DeviceState &state) {
                    if (state.primaryUsers == 0)
                      return Code::InvalidContext;
                    if (--state.primaryUsers == 0 && state.primary) {
                      driver.destroyContext(*state.primary);
                      state.primary = nullptr;
                    }
                    return Code::Success;
                  });
}

GNC_DRIVER_EXPORT cuCtxCreate_v2(Context *context, unsigned, Device device) {
  return onDevice("cuCtxCreate", device, [&](DriverState &driver, DeviceState &state) {
    std::shared_ptr<ContextState> made;
    if (!context)
      return Code::InvalidValue;
    if (Code code = driver.createContext(state, made); code != Code::Success)
      return code;
    driver.stack().push_back(made.get());
    *context = reinterpret_cast<Context>(static_cast<emulator::Object *>(made.get()));
    return Code::Success;
  });
}
GNC_DRIVER_EXPORT cuCtxCreate_v4(Context *context, const void *parameters, unsigned flags,
                                 Device device) {
  return parameters ? Code::NotSupported : cuCtxCreate_v2(context, flags, device);
}

/// Calls body(context) for a context that is there.
template <typename Body> static Code onContext(const char *name, Context context, Body body) {
  return call(name, Needs::Driver, [&](DriverState &driver, ContextState *) {
    std::shared_ptr<ContextState> found = driver.find<ContextState>(context);
    return found ? body(driver, *found) : Code::InvalidContext;
  });
}

GNC_DRIVER_EXPORT cuCtxDestroy_v2(Context context) {
  return onContext("cuCtxDestroy_v2", context, [&](DriverState &driver, ContextState &state) {
    if (state.primary)
      return Code::InvalidContext;
    if (!driver.stack().empty() && driver.stack().back() == &state)
      driver.stack().pop_back();
    driver.destroyContext(state);
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuCtxPushCurrent_v2(Context context) {
  return onContext("cuCtxPushCurrent_v2", context, [&](DriverState &driver, ContextState &state) {
    driver.stack().push_back(&state);
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuCtxSetCurrent(Context context) {
  if (!context)
    return call("cuCtxSetCurrent", Needs::Driver, [&](DriverState &driver, ContextState *) {
      if (!driver.stack().empty())
        driver.stack().pop_back();
      return Code::Success;
    });
  return onContext("cuCtxSetCurrent", context, [&](DriverState &driver, ContextState &state) {
    if (driver.stack().empty())
      driver.stack().push_back(&state);
    driver.stack().back() = &state;
    return Code::Success;
  });
}

static Context handleOf(ContextState *state) {
  return reinterpret_cast<Context>(static_cast<emulator::Object *>(state));
}

GNC_DRIVER_EXPORT cuCtxGetCurrent(Context *context) {
  return call("cuCtxGetCurrent", Needs::Driver, [&](DriverState &driver, ContextState *) {
    if (!context)
      return Code::InvalidValue;
    *context = driver.stack().empty() ? nullptr : handleOf(driver.stack().back());
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuCtxPopCurrent_v2(Context *context) {
  return call("cuCtxPopCurrent_v2", Needs::Driver, [&](DriverState &driver, ContextState *) {
    if (driver.stack().empty())
      return Code::InvalidContext;
    if (context)
      *context = handleOf(driver.stack().back());
    driver.stack().pop_back();
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuCtxGetDevice(Device *device) {
  return call("cuCtxGetDevice", Needs::Context, [&](DriverState &, ContextState *context) {
    if (!device)
      return Code::InvalidValue;
    *device = context->device->ordinal;
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuCtxSynchronize() {
  return call("cuCtxSynchronize", Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    driver.drain(*context);
    return context->failure;
  });
}

} // namespace gnc::cuda
