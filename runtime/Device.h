//===- Device.h - where programs run ----------------------------------------------------------===//
#pragma once

#include "runtime/Executor.h"

namespace gnc::runtime {

/// A processor's threads, or a card. Outlives its executors; one of them runs at a time.
class Device {
public:
  virtual ~Device() = default;
  /// Makes a program ready to run here; the program must outlive the executor. Errors: those of
  /// Executor::create; a program for another target is an internal error.
  virtual Result<std::unique_ptr<Executor>> load(const Program &program) = 0;
};

class HostDevice final : public Device {
public:
  /// `threads` as of ThreadPool::create, whose errors it returns.
  static Result<std::unique_ptr<HostDevice>> create(int threads);
  Result<std::unique_ptr<Executor>> load(const Program &program) override {
    return Executor::create(program, *pool);
  }

private:
  std::unique_ptr<ThreadPool> pool;
};

} // namespace gnc::runtime
