//===- DriverCudnn.h - the software device's own cuDNN ----------------------------------------===//
//
// A mock of the backend API (runtime/cuda/CudnnApi.h) for what gnc asks of it: plans for
// correlations with bias and relu, made without a device and run in a stream of this one. It has
// one engine that computes in double, and beside it engines that nobody must choose. Every argument
// is checked, and the first mistake is told in words by cudnnGetLastErrorString.
//
// Plans are texts as cuDNN 9's own: `operationGraph` says what is computed, so those of the real
// library run here as well.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/cuda/CudnnApi.h"
#include "runtime/emulator/DriverState.h"

#include <optional>
#include <vector>

namespace gnc::emulator::dnn {

using namespace gnc::cudnn;

using Numbers = std::vector<int64_t>;

/// N, channels, height, width; of a weight: channels of y, of x, taps.
struct TensorText {
  int64_t id = 0;
  Numbers dims, strides;
  bool isVirtual = false; ///< between two operations, not in memory
  int64_t alignment = 1;

  bool operator==(const TensorText &) const = default;
  /// From the first to the last element.
  uint64_t bytes() const;
};

/// What a plan computes.
struct GraphText {
  Kind product = Kind::Forward; ///< or BackwardData, BackwardFilter
  TensorText x, w, y;           ///< the correlation's
  Numbers pre, post, stride, dilation;
  std::optional<TensorText> bias;
  bool relu = false;
  TensorText result; ///< of the last operation

  /// Those that are in memory, the result last.
  std::vector<TensorText> inMemory() const;
  int64_t groups() const { return x.dims[1] / w.dims[1]; }
};

/// What is wrong with shapes and their relations; "" if nothing is.
std::string mistakeIn(const GraphText &graph);

/// As cuDNN writes it; `profile` is the JSON of the device properties.
std::string planText(const GraphText &graph, const std::string &profile, int64_t workspace);
struct PlanText {
  GraphText graph;
  int64_t workspace = 0, device = 0; ///< 900 for sm_90
};
/// Null with `mistake` set for a text that is no plan, or one of something else.
std::optional<PlanText> readPlan(const std::string &text, std::string &mistake);
/// The key of the device properties that is missing in a JSON text; "" if none is.
std::string missingProperty(const std::string &text);

/// The addresses of the tensors in memory, as GraphText::inMemory has them.
void compute(const GraphText &graph, const std::vector<void *> &tensors);

} // namespace gnc::emulator::dnn
