//===- LibraryPlan.h - plans of NVIDIA's library for correlations, made without a card --------===//
//
// cuDNN is told which card is meant and what is to be computed, and answers with engines in the
// order in which it expects them to be fast. The first is taken whose numbers are those of f32
// sums in a fixed order: none that rounds operands (tensor cores: TF32), adds in less than f32, is
// not deterministic, or transforms (FFT, Winograd). A plan is a text of cuDNN's own, from which its
// run-time part makes what it executes.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"
#include "passes/Correlation.h"
#include "runtime/cuda/Cudnn.h"
#include "llvm/ADT/StringMap.h"
#include <mutex>

namespace gnc {

/// What follows a forward correlation in the same plan.
struct LibraryEpilogue {
  bool bias = false; ///< plus a number a channel
  bool relu = false; ///< then at least 0
};

/// What a tensor is called in a plan.
enum class LibraryTensor : int64_t { X = 1, W = 2, Y = 3, Bias = 4 };

struct LibraryPlan {
  std::string text;      ///< cuDNN's
  int64_t workspace = 0; ///< bytes
  int64_t engine = 0;    ///< number of the engine, for reports
};

class LibraryPlanner {
public:
  /// Loads the library (`file`, or the one that is found). Errors: environment "no-cudnn"; or it
  /// does not take the card's properties.
  static runtime::Result<std::unique_ptr<LibraryPlanner>> create(const std::string &file,
                                                                 const CudaTarget &target);

  /// A plan for `batch` samples; or none, and why not. Equal ones are made once. From any thread.
  std::optional<LibraryPlan> plan(const Correlation &correlation, int64_t batch,
                                  LibraryEpilogue epilogue, std::string &why);

private:
  LibraryPlanner(const cudnn::Cudnn &library) : library(library) {}

  struct Known {
    std::optional<LibraryPlan> plan;
    std::string why;
  };
  Known make(const Correlation &correlation, int64_t batch, LibraryEpilogue epilogue);

  cudnn::Cudnn library;
  std::optional<cudnn::OwnedDescriptor> device;
  llvm::StringMap<Known> known;
  std::mutex lock;
};

/// "forward 32x64x56x56, 128 of 3x3, stride 2, pad 1": what is computed, for reports; different
/// for different correlations.
std::string describe(const Correlation &correlation, int64_t batch);

} // namespace gnc
