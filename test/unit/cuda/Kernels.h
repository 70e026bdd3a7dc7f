//===- Kernels.h - PTX written by hand --------------------------------------------------------===//
#pragma once

#include <string>

namespace gnc::cuda::test {

/// scale(x, y, n): y[i] = 2 x[i] for i < n, blocks of 32.
std::string scaleKernel();
/// sum(x, y, n): y[block] = the sum of x[0 .. 63] + block, in shared memory with barriers; 64
/// threads.
std::string sumKernel();
/// The head that a module begins with.
std::string moduleHead(const char *version = "7.8", const char *target = "sm_80");

} // namespace gnc::cuda::test
