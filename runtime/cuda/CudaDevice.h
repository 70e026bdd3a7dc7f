//===- CudaDevice.h - a card as a device ------------------------------------------------------===//
#pragma once

#include "runtime/Device.h"
#include "runtime/cuda/Driver.h"

namespace gnc::cuda {

/// What is worth knowing about a card.
struct Card {
  int ordinal = 0;
  std::string name;
  int capability = 0; ///< 90 for compute capability 9.0
  uint64_t memory = 0;
  int multiprocessors = 0;

  std::string target() const { return "sm_" + std::to_string(capability); }
};

/// All cards of a driver. Errors: environment "card-failed".
runtime::Result<std::vector<Card>> listCards(const Driver &driver);

/// The primary context of a card, which libraries in the same process share.
class CudaDevice final : public runtime::Device {
public:
  struct Options {
    int ordinal = 0;
    /// Launch by launch, each waited for, so that whatever fails is named; else whole runs are
    /// replayed as graphs. CUDA_LAUNCH_BLOCKING=1 in the environment asks for it too.
    bool stepwise = false;
    /// The library that runs plans; "": the system's cuDNN, or the software device's own.
    std::string cudnn = {};
  };
  /// Errors: usage "no-card" (no such number), environment "card-failed".
  static runtime::Result<std::unique_ptr<CudaDevice>> create(const Driver &driver,
                                                             const Options &options);
  ~CudaDevice() override;

  /// Errors beside those of Executor::create: "unsupported-card" and "old-driver" (the program's
  /// module is for later ones), "card-failed".
  runtime::Result<std::unique_ptr<runtime::Executor>>
  load(const runtime::Program &program) override;

  const Driver &driver() const { return api; }
  const Card &card() const { return info; }
  bool stepwise() const { return options.stepwise; }
  /// The cuDNN that runs plans; "": the system's.
  std::string cudnnLibrary() const {
    return options.cudnn.empty() && api.isEmulator() ? api.library : options.cudnn;
  }
  /// Makes the context current for the calling thread.
  Code enter() const { return api.ctxSetCurrent(context); }
  /// "card-failed" with the software device's report, if there is one, as notes.
  runtime::Error failure(const std::string &what, Code code) const;

private:
  CudaDevice(const Driver &driver, Options options, Card card)
      : api(driver), options(std::move(options)), info(std::move(card)) {}

  Driver api;
  Options options;
  Card info;
  Context context = nullptr;
};

} // namespace gnc::cuda
