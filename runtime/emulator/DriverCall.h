//===- DriverCall.h - what every call of the driver API begins with ---------------------------===//
#pragma once

#include "runtime/emulator/DriverState.h"

#define GNC_DRIVER_EXPORT extern "C" __attribute__((visibility("default"))) gnc::cuda::Code

namespace gnc::emulator {

/// What a call needs.
enum class Needs : uint8_t {
  Driver,  ///< cuInit
  Context, ///< a current context that has not failed
  Quiet,   ///< and nothing of this thread's being captured: it might wait or allocate
};

/// Checks what is needed, in the order of the real driver; then `body(DriverState &, ContextState
/// *)`. The context is null where none is needed.
template <typename Body> Code call(const char *name, Needs needs, Body body) {
  DriverState &driver = DriverState::get();
  std::lock_guard guard(driver.lock);
  if (!driver.initialised())
    return Code::NotInitialized;
  if (Code code = driver.injected(name); code != Code::Success)
    return code;
  if (needs == Needs::Driver)
    return body(driver, nullptr);
  std::shared_ptr<ContextState> context = driver.current();
  if (!context)
    return driver.stack().empty() || !driver.stack().back() ? Code::InvalidContext
                                                            : Code::ContextIsDestroyed;
  if (context->failure != Code::Success)
    return context->failure;
  if (needs == Needs::Quiet)
    if (Code code = driver.checkUnsafe(); code != Code::Success)
      return code;
  return body(driver, context.get());
}

} // namespace gnc::emulator

// The exported functions are in the namespace of their types. This declares those of the table, so
// that a definition with other parameters does not compile.
namespace gnc::cuda {
using emulator::call;
using emulator::ContextState;
using emulator::DriverState;
using emulator::Needs;

#define GNC_DECLARE(name, symbol, parameters) GNC_DRIVER_EXPORT symbol parameters;
GNC_CUDA_RUNTIME_FUNCTIONS(GNC_DECLARE)
#undef GNC_DECLARE
} // namespace gnc::cuda
