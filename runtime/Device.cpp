//===- Device.cpp - the processor as a device -------------------------------------------------===//
#include "runtime/Device.h"

namespace gnc::runtime {

Result<std::unique_ptr<HostDevice>> HostDevice::create(int threads) {
  auto pool = ThreadPool::create(threads);
  if (!pool.ok())
    return std::move(pool).error();
  auto device = std::make_unique<HostDevice>();
  device->pool = std::move(*pool);
  return device;
}

} // namespace gnc::runtime
