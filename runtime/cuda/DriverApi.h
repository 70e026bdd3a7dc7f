//===- DriverApi.h - the part of the CUDA driver API that is used here ------------------------===//
//
// Declared anew, so that neither building nor running needs a CUDA toolkit: types of the same size
// as those of cuda.h, and one table of functions under the names that the driver exports (cuda.h
// maps some names to suffixed ones). The runtime loads this table from a driver, the software
// device implements it; a test compares it with cuda.h where there is one. What the functions do is
// in NVIDIA's "CUDA Driver API" reference.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

namespace gnc::cuda {

/// CUresult. Every code of cuda.h may come; these have a meaning here.
enum class Code : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  Deinitialized = 4,
  StubLibrary = 34,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidImage = 200,
  InvalidContext = 201,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  JitCompilerNotFound = 221,
  UnsupportedPtxVersion = 222,
  InvalidHandle = 400,
  IllegalState = 401,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  LaunchOutOfResources = 701,
  LaunchTimeout = 702,
  PrimaryContextActive = 708,
  ContextIsDestroyed = 709,
  Assert = 710,
  HostMemoryAlreadyRegistered = 712,
  HostMemoryNotRegistered = 713,
  IllegalInstruction = 715,
  MisalignedAddress = 716,
  LaunchFailed = 719,
  NotPermitted = 800,
  NotSupported = 801,
  SystemNotReady = 802,
  SystemDriverMismatch = 803,
  CaptureUnsupported = 900,
  CaptureInvalidated = 901,
  CaptureMerge = 902,
  CaptureUnmatched = 903,
  CaptureUnjoined = 904,
  CaptureIsolation = 905,
  CaptureImplicit = 906,
  CapturedEvent = 907,
  CaptureWrongThread = 908,
  GraphExecUpdateFailure = 910,
  Unknown = 999,
};

using Device = int;             ///< CUdevice: ordinal
using DevicePointer = uint64_t; ///< CUdeviceptr
// Handles: addresses of what nobody looks into.
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Event = struct EventTag *;
using Graph = struct GraphTag *;
using GraphNode = struct GraphNodeTag *;
using GraphExec = struct GraphExecTag *;

struct Uuid {
  unsigned char bytes[16];
};

/// CUlaunchConfig.
struct LaunchSettings {
  unsigned grid[3], block[3];
  unsigned sharedBytes;
  Stream stream;
  void *attributes;
  unsigned attributeCount;
};

/// CUgraphExecUpdateResultInfo.
struct GraphUpdateInfo {
  int result;
  GraphNode errorNode, errorFromNode;
};

/// CUdevice_attribute.
enum class Attribute : int {
  MaxThreadsPerBlock = 1,
  MaxBlockX = 2,
  MaxBlockY = 3,
  MaxBlockZ = 4,
  MaxGridX = 5,
  MaxGridY = 6,
  MaxGridZ = 7,
  SharedPerBlock = 8,
  ConstantMemory = 9,
  WarpSize = 10,
  MaxPitch = 11,
  RegistersPerBlock = 12,
  ClockRate = 13,
  TextureAlignment = 14,
  GpuOverlap = 15,
  Multiprocessors = 16,
  KernelTimeout = 17,
  Integrated = 18,
  CanMapHostMemory = 19,
  ComputeMode = 20,
  ConcurrentKernels = 31,
  EccEnabled = 32,
  PciBusId = 33,
  PciDeviceId = 34,
  TccDriver = 35,
  MemoryClockRate = 36,
  MemoryBusWidth = 37,
  L2CacheSize = 38,
  MaxThreadsPerMultiprocessor = 39,
  AsyncEngines = 40,
  UnifiedAddressing = 41,
  CapabilityMajor = 75,
  CapabilityMinor = 76,
  StreamPriorities = 78,
  SharedPerMultiprocessor = 81,
  RegistersPerMultiprocessor = 82,
  ManagedMemory = 83,
  CooperativeLaunch = 95,
  SharedPerBlockOptin = 97,
  MaxBlocksPerMultiprocessor = 106,
  SharedReservedPerBlock = 111,
  MemoryPools = 115,
};

/// CUfunction_attribute.
enum class FunctionAttribute : int {
  MaxThreadsPerBlock = 0,
  SharedBytes = 1,
  ConstBytes = 2,
  LocalBytes = 3,
  Registers = 4,
  PtxVersion = 5,
  BinaryVersion = 6,
  CacheModeCa = 7,
  MaxDynamicSharedBytes = 8,
  SharedCarveout = 9,
};

/// CUjit_option.
enum class JitOption : int {
  MaxRegisters = 0,
  WallTime = 2,
  InfoLog = 3,
  InfoLogBytes = 4,
  ErrorLog = 5,
  ErrorLogBytes = 6,
  LogVerbose = 12,
  Last = 34,
};

enum class CaptureMode : int { Global = 0, ThreadLocal = 1, Relaxed = 2 };
enum class CaptureStatus : int { None = 0, Active = 1, Invalidated = 2 };

constexpr unsigned streamNonBlocking = 1;  ///< CU_STREAM_NON_BLOCKING
constexpr unsigned eventBlockingSync = 1;  ///< CU_EVENT_BLOCKING_SYNC
constexpr unsigned eventDisableTiming = 2; ///< CU_EVENT_DISABLE_TIMING

/// X(name, exported symbol, parameters): what the runtime calls, as Driver::name. None is younger
/// than CUDA 11.4.
#define GNC_CUDA_RUNTIME_FUNCTIONS(X)                                                              \
  X(init, cuInit, (unsigned flags))                                                                \
  X(driverGetVersion, cuDriverGetVersion, (int *version))                                          \
  X(deviceGetCount, cuDeviceGetCount, (int *count))                                                \
  X(deviceGet, cuDeviceGet, (Device * device, int ordinal))                                        \
  X(deviceGetName, cuDeviceGetName, (char *name, int length, Device device))                       \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int *value, Attribute attribute, Device device))    \
  X(deviceTotalMem, cuDeviceTotalMem_v2, (size_t *bytes, Device device))                           \
  X(devicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, (Context * context, Device device))          \
  X(devicePrimaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (Device device))                        \
  X(ctxSetCurrent, cuCtxSetCurrent, (Context context))                                             \
  X(memGetInfo, cuMemGetInfo_v2, (size_t *free, size_t *total))                                    \
  X(memAlloc, cuMemAlloc_v2, (DevicePointer * pointer, size_t bytes))                              \
  X(memFree, cuMemFree_v2, (DevicePointer pointer))                                                \
  X(memAllocHost, cuMemAllocHost_v2, (void **pointer, size_t bytes))                               \
  X(memFreeHost, cuMemFreeHost, (void *pointer))                                                   \
  X(memcpyHtoDAsync, cuMemcpyHtoDAsync_v2,                                                         \
    (DevicePointer to, const void *from, size_t bytes, Stream stream))                             \
  X(memcpyDtoHAsync, cuMemcpyDtoHAsync_v2,                                                         \
    (void *to, DevicePointer from, size_t bytes, Stream stream))                                   \
  X(memcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                                                         \
    (DevicePointer to, DevicePointer from, size_t bytes, Stream stream))                           \
  X(memsetD8Async, cuMemsetD8Async,                                                                \
    (DevicePointer to, unsigned char value, size_t bytes, Stream stream))                          \
  X(moduleLoadDataEx, cuModuleLoadDataEx,                                                          \
    (Module * module, const void *image, unsigned count, JitOption *options, void **values))       \
  X(moduleGetFunction, cuModuleGetFunction,                                                        \
    (Function * function, Module module, const char *name))                                        \
  X(moduleUnload, cuModuleUnload, (Module module))                                                 \
  X(funcSetAttribute, cuFuncSetAttribute,                                                          \
    (Function function, FunctionAttribute attribute, int value))                                   \
  X(launchKernel, cuLaunchKernel,                                                                  \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,           \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream stream, void **parameters,     \
     void **extra))                                                                                \
  X(streamCreate, cuStreamCreate, (Stream * stream, unsigned flags))                               \
  X(streamDestroy, cuStreamDestroy_v2, (Stream stream))                                            \
  X(streamSynchronize, cuStreamSynchronize, (Stream stream))                                       \
  X(streamWaitEvent, cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))              \
  X(streamBeginCapture, cuStreamBeginCapture_v2, (Stream stream, CaptureMode mode))                \
  X(streamEndCapture, cuStreamEndCapture, (Stream stream, Graph * graph))                          \
  X(eventCreate, cuEventCreate, (Event * event, unsigned flags))                                   \
  X(eventDestroy, cuEventDestroy_v2, (Event event))                                                \
  X(eventRecord, cuEventRecord, (Event event, Stream stream))                                      \
  X(eventSynchronize, cuEventSynchronize, (Event event))                                           \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                                                 \
    (GraphExec * exec, Graph graph, unsigned long long flags))                                     \
  X(graphLaunch, cuGraphLaunch, (GraphExec exec, Stream stream))                                   \
  X(graphDestroy, cuGraphDestroy, (Graph graph))                                                   \
  X(graphExecDestroy, cuGraphExecDestroy, (GraphExec exec))                                        \
  X(getErrorName, cuGetErrorName, (Code code, const char **name))                                  \
  X(getErrorString, cuGetErrorString, (Code code, const char **text))

} // namespace gnc::cuda
