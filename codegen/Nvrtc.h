//===- Nvrtc.h - NVIDIA's run-time compiler ---------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"

namespace gnc {

/// What the compiler made of a text, or what it says against it.
struct NvrtcOutput {
  bool accepted = false;
  std::string text; ///< PTX, or the compiler's log
};

/// Compiles a CUDA C++ text, with more options than target and language. libnvrtc is loaded when it
/// is first asked for; an environment error ("no-nvrtc") if there is none or if it does not know
/// the target.
runtime::Result<NvrtcOutput> runNvrtc(const std::string &source, const CudaTarget &target,
                                      llvm::ArrayRef<const char *> options);

/// PTX of a text of ours; an internal error with the log if it is refused. Products and sums are
/// not contracted.
runtime::Result<std::string> compileCuda(const std::string &source, const CudaTarget &target);

} // namespace gnc
