//===- LineKernels.h - the kernels of the line net as PTX -------------------------------------===//
#pragma once

#include <string>

namespace gnc::cuda::test {

/// forward, score, reduce, update.
std::string lineModule();

} // namespace gnc::cuda::test
