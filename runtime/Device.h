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
  /// The same, with room for a guest, where programs share memory.
  virtual Result<std::unique_ptr<Executor>> loadHost(const Program &program, const Program &) {
    return load(program);
  }
  /// As Executor::createGuest, where programs share memory.
  virtual Result<std::unique_ptr<Executor>> loadGuest(const Program &program, Executor &) {
    return load(program);
  }
};

class HostDevice final : public Device {
public:
  /// `threads` as of ThreadPool::create, whose errors it returns.
  static Result<std::unique_ptr<HostDevice>> create(int threads);
  Result<std::unique_ptr<Executor>> load(const Program &program) override {
    return Executor::create(program, *pool);
  }
  Result<std::unique_ptr<Executor>> loadHost(const Program &program,
                                             const Program &guest) override {
    return Executor::create(program, *pool, &guest);
  }
  Result<std::unique_ptr<Executor>> loadGuest(const Program &program, Executor &host) override {
    return Executor::createGuest(program, *pool, host);
  }

private:
  std::unique_ptr<ThreadPool> pool;
};

} // namespace gnc::runtime
