//===- CudnnApi.h - the part of cuDNN's backend API that is used here -------------------------===//
//
// Declared anew, as the CUDA driver is in DriverApi.h: values of the same meaning as those of
// cudnn_graph.h (cuDNN 9), and one table of functions. The compiler has plans made through it, the
// runtime runs them, and the software device has a mock of it (emulator/DriverCudnn.h); a test
// compares it with cudnn_graph.h where there is one. What the functions do is in NVIDIA's "cuDNN
// Backend" reference.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

namespace gnc::cudnn {

/// cudnnStatus_t. Every code may come; these have a meaning here.
enum class Status : int {
  Success = 0,
  NotInitialized = 1001,
  SerializationMismatch = 1003,
  BadParameter = 2000,
  NullPointer = 2002,
  MisalignedPointer = 2003,
  NotFinalized = 2004,
  OutOfBound = 2005,
  SizeInsufficient = 2006,
  ShapeMismatch = 2008,
  DuplicatedEntries = 2009,
  WrongAttributeType = 2010,
  WrongDescriptorType = 2012,
  NotSupported = 3000,
  ArchitectureMismatch = 3007,
  ExecutionFailed = 5000,
};

/// cudnnBackendDescriptorType_t.
enum class Kind : int {
  Pointwise = 0,
  Convolution = 1,
  Engine = 2,
  EngineConfig = 3,
  EngineHeuristics = 4,
  ExecutionPlan = 5,
  Forward = 10,
  BackwardFilter = 11,
  BackwardData = 12,
  PointwiseOperation = 13,
  OperationGraph = 15,
  VariantPack = 16,
  Tensor = 17,
  DeviceProperties = 38,
};

/// cudnnBackendAttributeName_t.
enum class Name : int {
  PointwiseMode = 0,
  PointwisePrecision = 1,
  ConvolutionType = 100,
  ConvolutionMode = 101,
  ConvolutionDilations = 102,
  ConvolutionStrides = 103,
  ConvolutionPostPaddings = 104,
  ConvolutionPrePaddings = 105,
  ConvolutionSpatialDims = 106,
  HeuristicsMode = 200,
  HeuristicsGraph = 201,
  HeuristicsResults = 202,
  HeuristicsDevice = 204,
  EngineConfigEngine = 300,
  PlanHandle = 400,
  PlanEngineConfig = 401,
  PlanWorkspace = 402,
  PlanJson = 405,
  PlanDevice = 407,
  ForwardAlpha = 700,
  ForwardBeta = 701,
  ForwardConvolution = 702,
  ForwardW = 703,
  ForwardX = 704,
  ForwardY = 705,
  BackwardDataAlpha = 706,
  BackwardDataBeta = 707,
  BackwardDataConvolution = 708,
  BackwardDataW = 709,
  BackwardDataDx = 710,
  BackwardDataDy = 711,
  BackwardFilterAlpha = 712,
  BackwardFilterBeta = 713,
  BackwardFilterConvolution = 714,
  BackwardFilterDw = 715,
  BackwardFilterX = 716,
  BackwardFilterDy = 717,
  PointwiseDescriptor = 750,
  PointwiseX = 751,
  PointwiseB = 752,
  PointwiseY = 753,
  GraphOperations = 801,
  TensorAlignment = 900,
  TensorType = 901,
  TensorDimensions = 902,
  TensorStrides = 903,
  TensorId = 906,
  TensorIsVirtual = 907,
  VariantIds = 1000,
  VariantPointers = 1001,
  VariantWorkspace = 1003,
  EngineIndex = 1301,
  EngineNumericalNotes = 1303,
  DeviceJson = 2702,
};

/// cudnnBackendAttributeType_t.
enum class Type : int {
  Handle = 0,
  DataType = 1,
  Boolean = 2,
  Int64 = 3,
  Float = 4,
  Pointer = 6,
  ConvolutionMode = 7,
  HeuristicsMode = 8,
  NumericalNote = 11,
  PointwiseMode = 14,
  Descriptor = 15,
  Char = 24,
};

enum class DataType : int { Float = 0 };              ///< cudnnDataType_t
enum class ConvolutionMode : int { Correlation = 1 }; ///< cudnnConvolutionMode_t
enum class PointwiseMode : int { Add = 0, Relu = 100 };
enum class HeuristicsMode : int { Fallback = 2, A = 3 }; ///< cudnnBackendHeurMode_t

/// cudnnBackendNumericalNote_t: how the numbers of an engine differ from those of plain f32 sums.
enum class Note : int {
  TensorCore = 0, ///< of f32 operands: rounded to TF32
  DownConvertInputs = 1,
  ReducedPrecisionReduction = 2,
  Fft = 3,
  Nondeterministic = 4,
  Winograd = 5,
  Winograd4x4 = 6,
  Winograd6x6 = 7,
  Winograd13x13 = 8,
  StrictNan = 9,
};
constexpr int64_t noteCount = 10;

using Descriptor = void *;             ///< cudnnBackendDescriptor_t
using Handle = struct HandleTag *;     ///< cudnnHandle_t
using CudaStream = struct StreamTag *; ///< a stream of the driver

/// X(name, exported symbol, result, parameters).
#define GNC_CUDNN_FUNCTIONS(X)                                                                     \
  X(getVersion, cudnnGetVersion, size_t, ())                                                       \
  X(getErrorString, cudnnGetErrorString, const char *, (Status status))                            \
  X(getLastErrorString, cudnnGetLastErrorString, void, (char *text, size_t size))                  \
  X(create, cudnnCreate, Status, (Handle * handle))                                                \
  X(destroy, cudnnDestroy, Status, (Handle handle))                                                \
  X(setStream, cudnnSetStream, Status, (Handle handle, CudaStream stream))                         \
  X(createDescriptor, cudnnBackendCreateDescriptor, Status, (Kind kind, Descriptor * descriptor))  \
  X(destroyDescriptor, cudnnBackendDestroyDescriptor, Status, (Descriptor descriptor))             \
  X(finalize, cudnnBackendFinalize, Status, (Descriptor descriptor))                               \
  X(setAttribute, cudnnBackendSetAttribute, Status,                                                \
    (Descriptor descriptor, Name name, Type type, int64_t count, const void *elements))            \
  X(getAttribute, cudnnBackendGetAttribute, Status,                                                \
    (Descriptor descriptor, Name name, Type type, int64_t wanted, int64_t *count, void *elements)) \
  X(execute, cudnnBackendExecute, Status, (Handle handle, Descriptor plan, Descriptor pack))

} // namespace gnc::cudnn
