// The declarations of CudnnApi.h beside those of NVIDIA's cudnn_graph.h, where that is on the
// machine.
#include "runtime/cuda/CudnnApi.h"

#include <gtest/gtest.h>

#ifndef GNC_HAVE_CUDNN_H
TEST(CudnnHeader, AgreesWithOurs) { GTEST_SKIP() << "there is no cudnn_graph.h"; }
#else
#include <cudnn_graph.h>
#include <type_traits>

namespace {
template <typename Ours, typename Theirs> struct SameCall;
template <typename R, typename... Ours, typename S, typename... Theirs>
struct SameCall<R (*)(Ours...), S (*)(Theirs...)> {
  template <typename T> static constexpr size_t size() {
    if constexpr (std::is_void_v<T>)
      return 0;
    else
      return sizeof(T);
  }
  static constexpr bool value() {
    if constexpr (sizeof...(Ours) == sizeof...(Theirs))
      return size<R>() == size<S>() && ((sizeof(Ours) == sizeof(Theirs)) && ...) &&
             ((std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>) && ...);
    else
      return false;
  }
};

namespace ours {
using namespace gnc::cudnn;
#define GNC_TYPE(name, symbol, result, parameters) using name = result(*) parameters;
GNC_CUDNN_FUNCTIONS(GNC_TYPE)
#undef GNC_TYPE
} // namespace ours

#define GNC_COMPARE(name, symbol, result, parameters)                                              \
  static_assert(SameCall<ours::name, decltype(&::symbol)>::value(), #symbol);
GNC_CUDNN_FUNCTIONS(GNC_COMPARE)
#undef GNC_COMPARE
} // namespace

TEST(CudnnHeader, AgreesWithOurs) {
  using namespace gnc::cudnn;
#define GNC_NUMBER(our, their) EXPECT_EQ(int(our), int(CUDNN_##their))
  GNC_NUMBER(Status::NotInitialized, STATUS_NOT_INITIALIZED);
  GNC_NUMBER(Status::SerializationMismatch, STATUS_SERIALIZATION_VERSION_MISMATCH);
  GNC_NUMBER(Status::NotSupported, STATUS_NOT_SUPPORTED);
  GNC_NUMBER(Status::ArchitectureMismatch, STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
  GNC_NUMBER(Kind::Convolution, BACKEND_CONVOLUTION_DESCRIPTOR);
  GNC_NUMBER(Kind::Pointwise, BACKEND_POINTWISE_DESCRIPTOR);
  GNC_NUMBER(Kind::Engine, BACKEND_ENGINE_DESCRIPTOR);
  GNC_NUMBER(Kind::EngineConfig, BACKEND_ENGINECFG_DESCRIPTOR);
  GNC_NUMBER(Kind::EngineHeuristics, BACKEND_ENGINEHEUR_DESCRIPTOR);
  GNC_NUMBER(Kind::ExecutionPlan, BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  GNC_NUMBER(Kind::Forward, BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  GNC_NUMBER(Kind::BackwardFilter, BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
  GNC_NUMBER(Kind::BackwardData, BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
  GNC_NUMBER(Kind::PointwiseOperation, BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  GNC_NUMBER(Kind::OperationGraph, BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  GNC_NUMBER(Kind::VariantPack, BACKEND_VARIANT_PACK_DESCRIPTOR);
  GNC_NUMBER(Kind::Tensor, BACKEND_TENSOR_DESCRIPTOR);
  GNC_NUMBER(Kind::DeviceProperties, BACKEND_DEVICEPROP_DESCRIPTOR);
  GNC_NUMBER(Name::PointwiseMode, ATTR_POINTWISE_MODE);
  GNC_NUMBER(Name::PointwisePrecision, ATTR_POINTWISE_MATH_PREC);
  GNC_NUMBER(Name::ConvolutionType, ATTR_CONVOLUTION_COMP_TYPE);
  GNC_NUMBER(Name::ConvolutionMode, ATTR_CONVOLUTION_CONV_MODE);
  GNC_NUMBER(Name::ConvolutionDilations, ATTR_CONVOLUTION_DILATIONS);
  GNC_NUMBER(Name::ConvolutionStrides, ATTR_CONVOLUTION_FILTER_STRIDES);
  GNC_NUMBER(Name::ConvolutionPostPaddings, ATTR_CONVOLUTION_POST_PADDINGS);
  GNC_NUMBER(Name::ConvolutionPrePaddings, ATTR_CONVOLUTION_PRE_PADDINGS);
  GNC_NUMBER(Name::ConvolutionSpatialDims, ATTR_CONVOLUTION_SPATIAL_DIMS);
  GNC_NUMBER(Name::HeuristicsMode, ATTR_ENGINEHEUR_MODE);
  GNC_NUMBER(Name::HeuristicsGraph, ATTR_ENGINEHEUR_OPERATION_GRAPH);
  GNC_NUMBER(Name::HeuristicsResults, ATTR_ENGINEHEUR_RESULTS);
  GNC_NUMBER(Name::HeuristicsDevice, ATTR_ENGINEHEUR_DEVICEPROP);
  GNC_NUMBER(Name::EngineConfigEngine, ATTR_ENGINECFG_ENGINE);
  GNC_NUMBER(Name::PlanEngineConfig, ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  GNC_NUMBER(Name::PlanWorkspace, ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  GNC_NUMBER(Name::PlanJson, ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  GNC_NUMBER(Name::PlanDevice, ATTR_EXECUTION_PLAN_DEVICEPROP);
  GNC_NUMBER(Name::ForwardAlpha, ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA);
  GNC_NUMBER(Name::ForwardBeta, ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
  GNC_NUMBER(Name::ForwardConvolution, ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
  GNC_NUMBER(Name::ForwardW, ATTR_OPERATION_CONVOLUTION_FORWARD_W);
  GNC_NUMBER(Name::ForwardX, ATTR_OPERATION_CONVOLUTION_FORWARD_X);
  GNC_NUMBER(Name::ForwardY, ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
  GNC_NUMBER(Name::BackwardDataAlpha, ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA);
  GNC_NUMBER(Name::BackwardDataBeta, ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
  GNC_NUMBER(Name::BackwardDataConvolution, ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
  GNC_NUMBER(Name::BackwardDataW, ATTR_OPERATION_CONVOLUTION_BWD_DATA_W);
  GNC_NUMBER(Name::BackwardDataDx, ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX);
  GNC_NUMBER(Name::BackwardDataDy, ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY);
  GNC_NUMBER(Name::BackwardFilterAlpha, ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA);
  GNC_NUMBER(Name::BackwardFilterBeta, ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
  GNC_NUMBER(Name::BackwardFilterConvolution, ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
  GNC_NUMBER(Name::BackwardFilterDw, ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW);
  GNC_NUMBER(Name::BackwardFilterX, ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X);
  GNC_NUMBER(Name::BackwardFilterDy, ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY);
  GNC_NUMBER(Name::PointwiseDescriptor, ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  GNC_NUMBER(Name::PointwiseX, ATTR_OPERATION_POINTWISE_XDESC);
  GNC_NUMBER(Name::PointwiseB, ATTR_OPERATION_POINTWISE_BDESC);
  GNC_NUMBER(Name::PointwiseY, ATTR_OPERATION_POINTWISE_YDESC);
  GNC_NUMBER(Name::GraphOperations, ATTR_OPERATIONGRAPH_OPS);
  GNC_NUMBER(Name::TensorAlignment, ATTR_TENSOR_BYTE_ALIGNMENT);
  GNC_NUMBER(Name::TensorType, ATTR_TENSOR_DATA_TYPE);
  GNC_NUMBER(Name::TensorDimensions, ATTR_TENSOR_DIMENSIONS);
  GNC_NUMBER(Name::TensorStrides, ATTR_TENSOR_STRIDES);
  GNC_NUMBER(Name::TensorId, ATTR_TENSOR_UNIQUE_ID);
  GNC_NUMBER(Name::TensorIsVirtual, ATTR_TENSOR_IS_VIRTUAL);
  GNC_NUMBER(Name::VariantIds, ATTR_VARIANT_PACK_UNIQUE_IDS);
  GNC_NUMBER(Name::VariantPointers, ATTR_VARIANT_PACK_DATA_POINTERS);
  GNC_NUMBER(Name::VariantWorkspace, ATTR_VARIANT_PACK_WORKSPACE);
  GNC_NUMBER(Name::EngineIndex, ATTR_ENGINE_GLOBAL_INDEX);
  GNC_NUMBER(Name::EngineNumericalNotes, ATTR_ENGINE_NUMERICAL_NOTE);
  GNC_NUMBER(Name::DeviceJson, ATTR_DEVICEPROP_JSON_REPRESENTATION);
  GNC_NUMBER(Type::Handle, TYPE_HANDLE);
  GNC_NUMBER(Type::DataType, TYPE_DATA_TYPE);
  GNC_NUMBER(Type::Boolean, TYPE_BOOLEAN);
  GNC_NUMBER(Type::Int64, TYPE_INT64);
  GNC_NUMBER(Type::Float, TYPE_FLOAT);
  GNC_NUMBER(Type::Pointer, TYPE_VOID_PTR);
  GNC_NUMBER(Type::ConvolutionMode, TYPE_CONVOLUTION_MODE);
  GNC_NUMBER(Type::HeuristicsMode, TYPE_HEUR_MODE);
  GNC_NUMBER(Type::NumericalNote, TYPE_NUMERICAL_NOTE);
  GNC_NUMBER(Type::PointwiseMode, TYPE_POINTWISE_MODE);
  GNC_NUMBER(Type::Descriptor, TYPE_BACKEND_DESCRIPTOR);
  GNC_NUMBER(Type::Char, TYPE_CHAR);
  GNC_NUMBER(DataType::Float, DATA_FLOAT);
  GNC_NUMBER(ConvolutionMode::Correlation, CROSS_CORRELATION);
  GNC_NUMBER(PointwiseMode::Add, POINTWISE_ADD);
  GNC_NUMBER(PointwiseMode::Relu, POINTWISE_RELU_FWD);
  GNC_NUMBER(HeuristicsMode::A, HEUR_MODE_A);
  GNC_NUMBER(HeuristicsMode::Fallback, HEUR_MODE_FALLBACK);
  GNC_NUMBER(Note::TensorCore, NUMERICAL_NOTE_TENSOR_CORE);
  GNC_NUMBER(Note::DownConvertInputs, NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
  GNC_NUMBER(Note::ReducedPrecisionReduction, NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
  GNC_NUMBER(Note::Nondeterministic, NUMERICAL_NOTE_NONDETERMINISTIC);
  GNC_NUMBER(Note::StrictNan, NUMERICAL_NOTE_STRICT_NAN_PROP);
  GNC_NUMBER(noteCount, NUMERICAL_NOTE_TYPE_COUNT);
#undef GNC_NUMBER
  // Deprecated by name, and still what a plan for a card takes its handle by.
  EXPECT_EQ(int(Name::PlanHandle), int(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG) - 1);
}
#endif
