//===- Trace.h - what ran when, as a file -----------------------------------------------------===//
//
// A device that runs programs on another one, launch by launch, and remembers how long each took,
// for a file in Chrome's Trace Event Format (complete events), which ui.perfetto.dev and
// chrome://tracing show. Launches are waited for one by one, so a traced run is slower than another
// one; what it computes is the same.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Device.h"

#include <chrono>
#include <vector>

namespace gnc::tools {

class TracingDevice final : public runtime::Device {
public:
  /// `device` must outlive this one. After `launches` launches nothing more is remembered, and
  /// programs run as on `device` itself.
  TracingDevice(runtime::Device &device, size_t launches) : device(device), most(launches) {}

  runtime::Result<std::unique_ptr<runtime::Executor>>
  load(const runtime::Program &program) override {
    return traced(device.load(program));
  }
  runtime::Result<std::unique_ptr<runtime::Executor>>
  loadHost(const runtime::Program &program, const runtime::Program &guest) override {
    return traced(device.loadHost(program, guest));
  }
  runtime::Result<std::unique_ptr<runtime::Executor>> loadGuest(const runtime::Program &program,
                                                                runtime::Executor &host) override {
    return traced(device.loadGuest(program, host));
  }
  /// Creates or replaces the file. Errors: environment ("cannot-write").
  runtime::Status write(const std::string &path) const;

private:
  class TracedExecutor;
  using Clock = std::chrono::steady_clock;
  struct Event {
    std::string program, layer, place, kernel;
    double flops = 0, bytes = 0;
    double start = 0, length = 0; ///< microseconds
    int64_t samples = 0;
  };

  runtime::Result<std::unique_ptr<runtime::Executor>>
  traced(runtime::Result<std::unique_ptr<runtime::Executor>> inner);

  runtime::Device &device;
  size_t most;
  Clock::time_point begin = Clock::now();
  std::vector<Event> events;
};

} // namespace gnc::tools
