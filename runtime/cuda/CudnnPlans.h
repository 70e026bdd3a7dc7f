//===- CudnnPlans.h - the plans of a program, ready to run ------------------------------------===//
#pragma once

#include "runtime/cuda/Cudnn.h"
#include "runtime/cuda/DriverApi.h"

#include <memory>
#include <optional>

namespace gnc::cuda {

/// A handle of cuDNN in the current context, and what the launches of a program run through it.
class CudnnPlans {
public:
  /// `file` is the library ("": the system's); everything runs in `stream`. Errors: environment
  /// "no-cudnn" (not there, or it does not start).
  static runtime::Result<std::unique_ptr<CudnnPlans>> create(const std::string &file,
                                                             Stream stream);
  ~CudnnPlans();

  /// Makes ready what a launch of a plan does, with its arguments in the arena. Returns the number
  /// for `run`. Errors, at the launch's place: environment "old-cudnn" (the plan is of another
  /// version), "card-failed".
  runtime::Result<size_t> add(const runtime::Program &program, const runtime::Launch &launch,
                              DevicePointer arena);
  /// Puts the work into the stream.
  cudnn::Status run(size_t number) const;
  std::string describe(cudnn::Status status) const { return library.describe(status); }

private:
  explicit CudnnPlans(const cudnn::Cudnn &library) : library(library) {}
  runtime::Error refused(const runtime::Program &program, const runtime::Launch &launch,
                         cudnn::Status status) const;

  struct Work {
    const cudnn::OwnedDescriptor *plan;
    cudnn::OwnedDescriptor tensors; ///< the variant pack
  };
  cudnn::Cudnn library;
  cudnn::Handle handle = nullptr;
  std::vector<std::unique_ptr<cudnn::OwnedDescriptor>> plans; ///< by their number; null: not yet
  std::vector<Work> work;
};

} // namespace gnc::cuda
