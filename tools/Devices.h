//===- Devices.h - where --device says that programs run --------------------------------------===//
#pragma once

#include "runtime/Device.h"
#include "tools/Command.h"

namespace gnc::tools {

/// A device, and what the compiler has to know about it.
struct OpenedDevice {
  std::unique_ptr<runtime::Device> device;
  std::string card;                        ///< "sm_90": what it runs; "": the processor
  std::string cudnn;                       ///< the cuDNN to plan with; "": the system's
  std::function<std::string()> statistics; ///< of --emulator-stats; null without

  runtime::Device &operator*() const { return *device; }
  /// The arguments, for compiling: --target and --cudnn are the card's, unless they were given.
  Arguments arguments(const Arguments &given) const;
  /// Prints what was asked for with --emulator-stats: kernels with the layers of `net` that they
  /// are launched for.
  void printStatistics(const runtime::CompiledNet &net) const;
};

/// Opens what --device, --cuda-driver and the --emulator options say. Errors: "no-driver",
/// "no-card", "old-driver", "card-failed"; usage "device" (options that contradict each other);
/// those of ThreadPool::create.
runtime::Result<OpenedDevice> openDevice(const Arguments &arguments);

} // namespace gnc::tools
