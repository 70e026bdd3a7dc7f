// The declarations of DriverApi.h beside those of NVIDIA's cuda.h, where that is on the machine:
// every function of the table under its exported name, every size, every number.
#include "runtime/cuda/DriverApi.h"

#include <gtest/gtest.h>

#ifndef GNC_HAVE_CUDA_H
TEST(CudaHeader, AgreesWithOurs) { GTEST_SKIP() << "there is no cuda.h"; }
#else
#include <cuda.h>
#include <type_traits>

namespace {
template <typename Ours, typename Theirs> constexpr bool sameParameter() {
  constexpr bool pointers = std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>;
  return pointers && sizeof(Ours) == sizeof(Theirs);
}

/// As many parameters, of the same sizes, pointers where there are pointers.
template <typename Ours, typename Theirs> struct SameCall;
template <typename R, typename... Ours, typename S, typename... Theirs>
struct SameCall<R (*)(Ours...), S (*)(Theirs...)> {
  static constexpr bool value() {
    if constexpr (sizeof...(Ours) == sizeof...(Theirs))
      return sizeof(R) == sizeof(S) && (sameParameter<Ours, Theirs>() && ...);
    else
      return false;
  }
};

namespace ours {
using namespace gnc::cuda;
#define GNC_TYPE(name, symbol, parameters) using name = Code(*) parameters;
GNC_CUDA_RUNTIME_FUNCTIONS(GNC_TYPE)
#undef GNC_TYPE
} // namespace ours

#define GNC_COMPARE(name, symbol, parameters)                                                      \
  static_assert(SameCall<ours::name, decltype(&::symbol)>::value(), #symbol);
GNC_CUDA_RUNTIME_FUNCTIONS(GNC_COMPARE)
#undef GNC_COMPARE
} // namespace

TEST(CudaHeader, AgreesWithOurs) {
  using namespace gnc::cuda;
  EXPECT_EQ(sizeof(LaunchSettings), sizeof(CUlaunchConfig));
  EXPECT_EQ(sizeof(Uuid), sizeof(CUuuid));
  EXPECT_EQ(sizeof(GraphUpdateInfo), sizeof(CUgraphExecUpdateResultInfo));
  EXPECT_EQ(offsetof(LaunchSettings, stream), offsetof(CUlaunchConfig, hStream));
  EXPECT_EQ(streamNonBlocking, unsigned(CU_STREAM_NON_BLOCKING));
  EXPECT_EQ(eventBlockingSync, unsigned(CU_EVENT_BLOCKING_SYNC));
  EXPECT_EQ(eventDisableTiming, unsigned(CU_EVENT_DISABLE_TIMING));
#define GNC_NUMBER(our, their) EXPECT_EQ(int(our), int(their))
  GNC_NUMBER(Code::OutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  GNC_NUMBER(Code::NoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
  GNC_NUMBER(Code::InvalidPtx, CUDA_ERROR_INVALID_PTX);
  GNC_NUMBER(Code::UnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  GNC_NUMBER(Code::IllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
  GNC_NUMBER(Code::LaunchOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  GNC_NUMBER(Code::LaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
  GNC_NUMBER(Code::CaptureUnsupported, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  GNC_NUMBER(Code::CaptureWrongThread, CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  GNC_NUMBER(Attribute::Multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  GNC_NUMBER(Attribute::CapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  GNC_NUMBER(Attribute::CapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  GNC_NUMBER(Attribute::SharedPerBlockOptin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  GNC_NUMBER(Attribute::SharedReservedPerBlock,
             CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK);
  GNC_NUMBER(FunctionAttribute::Registers, CU_FUNC_ATTRIBUTE_NUM_REGS);
  GNC_NUMBER(FunctionAttribute::MaxDynamicSharedBytes,
             CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  GNC_NUMBER(JitOption::ErrorLog, CU_JIT_ERROR_LOG_BUFFER);
  GNC_NUMBER(JitOption::ErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  GNC_NUMBER(CaptureMode::ThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
#undef GNC_NUMBER
}
#endif
