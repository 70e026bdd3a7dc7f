// Exports: memory of the device and of the host, copies.
#include "runtime/emulator/DriverCall.h"

#include <cstdlib>
#include <cstring>

namespace gnc::cuda {

using emulator::DeviceMemory;
using emulator::Operation;

GNC_DRIVER_EXPORT cuMemGetInfo_v2(size_t *free, size_t *total) {
  return call("cuMemGetInfo_v2", Needs::Context, [&](DriverState &, ContextState *context) {
    if (!free || !total)
      return Code::InvalidValue;
    *total = context->memory().capacity();
    *free = *total - context->memory().used();
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuMemAlloc_v2(DevicePointer *pointer, size_t bytes) {
  return call("cuMemAlloc_v2", Needs::Quiet, [&](DriverState &, ContextState *context) {
    if (!pointer || bytes == 0)
      return Code::InvalidValue;
    uint64_t address = context->memory().allocate(bytes);
    if (address == 0)
      return Code::OutOfMemory;
    context->allocations.insert(address);
    *pointer = address;
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuMemFree_v2(DevicePointer pointer) {
  return call("cuMemFree_v2", Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    if (pointer == 0)
      return Code::Success;
    if (!context->allocations.erase(pointer))
      return Code::InvalidValue;
    driver.drain(*context); // as the real one: it waits for whoever may use it
    context->memory().free(pointer);
    return context->failure;
  });
}

GNC_DRIVER_EXPORT cuMemGetAddressRange_v2(DevicePointer *base, size_t *bytes,
                                          DevicePointer pointer) {
  return call("cuMemGetAddressRange_v2", Needs::Context, [&](DriverState &, ContextState *context) {
    auto found = context->memory().find(pointer);
    if (!found || found->freed)
      return Code::NotFound;
    if (base)
      *base = found->base;
    if (bytes)
      *bytes = found->bytes;
    return Code::Success;
  });
}

//===- Host -----------------------------------------------------------------------------------===//

GNC_DRIVER_EXPORT cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
  return call("cuMemAllocHost_v2", Needs::Quiet, [&](DriverState &, ContextState *context) {
    if (!pointer || bytes == 0)
      return Code::InvalidValue;
    *pointer = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!*pointer)
      return Code::OutOfMemory;
    auto address = reinterpret_cast<uintptr_t>(*pointer);
    context->pinned[address] = bytes;
    context->ours.insert(address);
    return Code::Success;
  });
}
GNC_DRIVER_EXPORT cuMemAllocHost_v2(void **pointer, size_t bytes) {
  return cuMemHostAlloc(pointer, bytes, 0);
}

GNC_DRIVER_EXPORT cuMemFreeHost(void *pointer) {
  return call("cuMemFreeHost", Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    auto address = reinterpret_cast<uintptr_t>(pointer);
    if (!context->ours.erase(address))
      return Code::InvalidValue;
    driver.drain(*context);
    context->pinned.erase(address);
    free(pointer);
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned) {
  return call("cuMemHostRegister_v2", Needs::Quiet, [&](DriverState &, ContextState *context) {
    if (!pointer || bytes == 0)
      return Code::InvalidValue;
    auto begin = reinterpret_cast<uintptr_t>(pointer);
    for (auto [base, size] : context->pinned)
      if (base < begin + bytes && begin < base + size)
        return Code::HostMemoryAlreadyRegistered;
    context->pinned[begin] = bytes;
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuMemHostUnregister(void *pointer) {
  return call("cuMemHostUnregister", Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    auto address = reinterpret_cast<uintptr_t>(pointer);
    if (context->ours.contains(address) || !context->pinned.contains(address))
      return Code::HostMemoryNotRegistered;
    driver.drain(*context);
    context->pinned.erase(address);
    return Code::Success;
  });
}

//===- Copies ---------------------------------------------------------------------------------===//

namespace {
/// One side is null for a copy from or to the host.
struct Copy {
  uint64_t to, from;
  size_t bytes;
  bool toDevice, fromDevice;
};

bool isValid(const Copy &copy, DeviceMemory &memory) {
  return (!copy.toDevice || memory.valid(copy.to, copy.bytes)) &&
         (!copy.fromDevice || memory.valid(copy.from, copy.bytes));
}

/// Memory may have been freed since the copy was asked for.
void perform(const Copy &copy, ContextState &context) {
  if (!isValid(copy, context.memory()))
    return DriverState::get().fail(context, Code::IllegalAddress,
                                   "illegal address: a copy of memory that was freed before it");
  memmove(reinterpret_cast<void *>(copy.to), reinterpret_cast<const void *>(copy.from), copy.bytes);
  if (copy.toDevice && copy.fromDevice)
    context.memory().copyInitialised(copy.to, copy.from, copy.bytes);
  else if (copy.toDevice)
    context.memory().markInitialised(copy.to, copy.bytes);
}

/// In the order of the legacy stream, done when it returns.
Code copyNow(const char *name, const Copy &copy) {
  return call(name, Needs::Quiet, [&](DriverState &driver, ContextState *context) {
    if (!isValid(copy, context->memory()))
      return Code::InvalidValue;
    if (copy.bytes == 0)
      return Code::Success;
    Operation operation{Operation::Kind::Copy, [=] { perform(copy, *context); }};
    if (Code code = driver.enqueue(*context->legacy, std::move(operation)); code != Code::Success)
      return code;
    driver.drain(*context->legacy);
    return context->failure;
  });
}

Code copyLater(const char *name, const Copy &copy, Stream handle) {
  return call(name, Needs::Context, [&](DriverState &driver, ContextState *context) {
    auto stream = driver.stream(handle, *context);
    if (!stream)
      return Code::InvalidHandle;
    if (!isValid(copy, context->memory()))
      return Code::InvalidValue;
    if (copy.bytes == 0)
      return Code::Success;
    Operation operation{Operation::Kind::Copy, [=] { perform(copy, *context); }};
    auto host = reinterpret_cast<void *>(copy.toDevice ? copy.from : copy.to);
    bool pageable = copy.toDevice != copy.fromDevice && !context->isPinned(host, copy.bytes);
    Code code = driver.enqueue(*stream, std::move(operation));
    // The real one stages what is not pinned before it returns, and waits for what it reads back.
    if (code == Code::Success && pageable && !stream->capture)
      driver.drain(*stream);
    return code;
  });
}

Copy toDevice(DevicePointer to, const void *from, size_t bytes) {
  return {to, reinterpret_cast<uint64_t>(from), bytes, true, false};
}
Copy toHost(void *to, DevicePointer from, size_t bytes) {
  return {reinterpret_cast<uint64_t>(to), from, bytes, false, true};
}
} // namespace

GNC_DRIVER_EXPORT cuMemcpyHtoD_v2(DevicePointer to, const void *from, size_t bytes) {
  return copyNow("cuMemcpyHtoD_v2", toDevice(to, from, bytes));
}
GNC_DRIVER_EXPORT cuMemcpyDtoH_v2(void *to, DevicePointer from, size_t bytes) {
  return copyNow("cuMemcpyDtoH_v2", toHost(to, from, bytes));
}
GNC_DRIVER_EXPORT cuMemcpyDtoD_v2(DevicePointer to, DevicePointer from, size_t bytes) {
  return copyNow("cuMemcpyDtoD_v2", {to, from, bytes, true, true});
}
GNC_DRIVER_EXPORT cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t bytes,
                                       Stream stream) {
  return copyLater("cuMemcpyHtoDAsync_v2", toDevice(to, from, bytes), stream);
}
GNC_DRIVER_EXPORT cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t bytes, Stream stream) {
  return copyLater("cuMemcpyDtoHAsync_v2", toHost(to, from, bytes), stream);
}
GNC_DRIVER_EXPORT cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes,
                                       Stream stream) {
  return copyLater("cuMemcpyDtoDAsync_v2", {to, from, bytes, true, true}, stream);
}

//===- Sets -----------------------------------------------------------------------------------===//

namespace {
/// Memory full of one element of 1 or 4 bytes; a null stream handle with `now` waits.
Code set(const char *name, DevicePointer to, unsigned value, size_t width, size_t count,
         Stream handle, bool now) {
  Needs needs = now ? Needs::Quiet : Needs::Context;
  return call(name, needs, [&](DriverState &driver, ContextState *context) {
    auto stream = driver.stream(handle, *context);
    size_t bytes = count * width;
    if (!stream)
      return Code::InvalidHandle;
    if (count > SIZE_MAX / width || to % width || !context->memory().valid(to, bytes))
      return Code::InvalidValue;
    if (count == 0)
      return Code::Success;
    auto fill = [=] {
      if (!context->memory().valid(to, bytes))
        return DriverState::get().fail(*context, Code::IllegalAddress,
                                       "illegal address: a set of memory that was freed before it");
      auto *target = reinterpret_cast<uint8_t *>(to);
      if (width == 1)
        memset(target, int(value), bytes);
      for (size_t i = 0; width == 4 && i < count; ++i)
        memcpy(target + 4 * i, &value, 4);
      context->memory().markInitialised(to, bytes);
    };
    Code code = driver.enqueue(*stream, {Operation::Kind::Set, fill});
    if (code == Code::Success && now)
      driver.drain(*stream);
    return code == Code::Success && now ? context->failure : code;
  });
}
} // namespace

GNC_DRIVER_EXPORT cuMemsetD8_v2(DevicePointer to, unsigned char value, size_t bytes) {
  return set("cuMemsetD8_v2", to, value, 1, bytes, nullptr, true);
}
GNC_DRIVER_EXPORT cuMemsetD32_v2(DevicePointer to, unsigned value, size_t count) {
  return set("cuMemsetD32_v2", to, value, 4, count, nullptr, true);
}
GNC_DRIVER_EXPORT cuMemsetD8Async(DevicePointer to, unsigned char value, size_t bytes,
                                  Stream stream) {
  return set("cuMemsetD8Async", to, value, 1, bytes, stream, false);
}
GNC_DRIVER_EXPORT cuMemsetD32Async(DevicePointer to, unsigned value, size_t count, Stream stream) {
  return set("cuMemsetD32Async", to, value, 4, count, stream, false);
}

} // namespace gnc::cuda
