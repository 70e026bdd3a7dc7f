// Exports: names of errors, addresses of functions, and what the software device knows beyond the
// driver API.
#include "runtime/emulator/DriverCall.h"

#include <cstring>
#include <dlfcn.h>

namespace gnc::cuda {

namespace {
struct ErrorText {
  Code code;
  const char *name, *text;
};

constexpr ErrorText errors[] = {
    {Code::Success, "CUDA_SUCCESS", "no error"},
    {Code::InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {Code::OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {Code::NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {Code::Deinitialized, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {Code::NoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {Code::InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {Code::InvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {Code::InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {Code::NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {Code::InvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {Code::JitCompilerNotFound, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
     "PTX JIT compiler library not found"},
    {Code::UnsupportedPtxVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {Code::InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {Code::IllegalState, "CUDA_ERROR_ILLEGAL_STATE",
     "the operation cannot be performed in the present state"},
    {Code::NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {Code::NotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {Code::IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {Code::LaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {Code::LaunchTimeout, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {Code::PrimaryContextActive, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE",
     "cannot set while device is active in this process"},
    {Code::ContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {Code::Assert, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {Code::HostMemoryAlreadyRegistered, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {Code::HostMemoryNotRegistered, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {Code::IllegalInstruction, "CUDA_ERROR_ILLEGAL_INSTRUCTION",
     "an illegal instruction was encountered"},
    {Code::MisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {Code::LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {Code::NotPermitted, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {Code::NotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {Code::SystemNotReady, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {Code::SystemDriverMismatch, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
     "system has unsupported display driver / cuda driver combination"},
    {Code::CaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {Code::CaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {Code::CaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {Code::CaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {Code::CaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capturing stream has unjoined work"},
    {Code::CaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {Code::CaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {Code::CapturedEvent, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {Code::CaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {Code::GraphExecUpdateFailure, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE",
     "the graph update was not performed because it included changes which violated constraints"},
    {Code::Unknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

Code lookUp(Code code, const char **result, const char *ErrorText::*field) {
  if (!result)
    return Code::InvalidValue;
  *result = nullptr;
  for (const ErrorText &error : errors)
    if (error.code == code)
      *result = error.*field;
  return *result ? Code::Success : Code::InvalidValue;
}
} // namespace

GNC_DRIVER_EXPORT cuGetErrorName(Code code, const char **name) {
  return lookUp(code, name, &ErrorText::name);
}
GNC_DRIVER_EXPORT cuGetErrorString(Code code, const char **text) {
  return lookUp(code, text, &ErrorText::text);
}

/// `cuMemAlloc` of a version from 3020 on is cuMemAlloc_v2: the newest form of a name that cuda.h
/// of CUDA 13 has.
GNC_DRIVER_EXPORT cuGetProcAddress_v2(const char *symbol, void **address, int, uint64_t,
                                      int *status) {
  if (!symbol || !address)
    return Code::InvalidValue;
  Dl_info here;
  void *library = dladdr(reinterpret_cast<void *>(&cuInit), &here)
                      ? dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                      : nullptr;
  *address = nullptr;
  for (const char *suffix : {"_v4", "_v3", "_v2", "WithFlags", ""})
    if (library && !*address)
      *address = dlsym(library, (std::string(symbol) + suffix).c_str());
  if (library)
    dlclose(library);
  if (status)
    *status = *address ? 0 : 1; // found; symbol not found
  return *address ? Code::Success : Code::NotFound;
}
GNC_DRIVER_EXPORT cuGetProcAddress(const char *symbol, void **address, int version,
                                   uint64_t flags) {
  return cuGetProcAddress_v2(symbol, address, version, flags, nullptr);
}

} // namespace gnc::cuda

//===- Beyond the driver API ------------------------------------------------------------------===//

/// What went wrong first: kernel, line, thread. Empty if nothing did; valid until the next call.
extern "C" __attribute__((visibility("default"))) const char *gncEmulatorReport() {
  return gnc::emulator::DriverState::get().report.c_str();
}

/// With GNC_EMULATOR_STATS=1: DriverState::statisticsText. Valid until the next call.
extern "C" __attribute__((visibility("default"))) const char *gncEmulatorStatistics() {
  using gnc::emulator::DriverState;
  static std::string text;
  DriverState &driver = DriverState::get();
  std::lock_guard guard(driver.lock);
  text = driver.statisticsText();
  return text.c_str();
}
