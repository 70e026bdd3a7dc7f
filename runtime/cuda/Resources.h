//===- Resources.h - what a driver gives and takes back ---------------------------------------===//
#pragma once

#include "runtime/cuda/Driver.h"

#include <utility>

namespace gnc::cuda {

/// Owns a handle of the driver. `release` is the member of Driver that takes it back; its failure
/// means that the context has failed or is gone, and with it the resource.
template <typename Handle, auto release> class Owned {
public:
  Owned() = default;
  Owned(const Driver &driver, Handle handle) : driver(&driver), handle(handle) {}
  Owned(Owned &&other) noexcept { *this = std::move(other); }
  Owned &operator=(Owned &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(handle, other.handle);
    return *this;
  }
  ~Owned() {
    if (handle)
      (driver->*release)(handle);
  }
  Handle get() const { return handle; }
  explicit operator bool() const { return handle != Handle{}; }

private:
  const Driver *driver = nullptr;
  Handle handle{};
};

using OwnedStream = Owned<Stream, &Driver::streamDestroy>;
using OwnedEvent = Owned<Event, &Driver::eventDestroy>;
using OwnedModule = Owned<Module, &Driver::moduleUnload>;
using OwnedGraph = Owned<Graph, &Driver::graphDestroy>;
using OwnedGraphExec = Owned<GraphExec, &Driver::graphExecDestroy>;
using DeviceMemory = Owned<DevicePointer, &Driver::memFree>;
using Pinned = Owned<uint8_t *, &Driver::memFreeHost>;

} // namespace gnc::cuda
