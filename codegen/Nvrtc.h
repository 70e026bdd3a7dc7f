//===- Nvrtc.h - NVIDIA's run-time compiler ---------------------------------------------------===//
#pragma once

#include "codegen/CudaTarget.h"

namespace gnc {

/// PTX of a CUDA C++ text. libnvrtc is loaded when it is first asked for; an environment error if
/// there is none or if it does not know the target, an internal one with its log if it refuses the
/// text. Products and sums are not contracted.
runtime::Result<std::string> compileCuda(const std::string &source, const CudaTarget &target);

} // namespace gnc
