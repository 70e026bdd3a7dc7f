//===- CudaTarget.h - the cards that code is made for, and NVIDIA's tools ---------------------===//
//
// Nothing of the CUDA toolkit is needed to make PTX, but for functions such as exp its libdevice
// (bitcode); nothing of it is linked or copied, all is looked for where it usually is.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace gnc {

/// An architecture of cards. Code for one runs on it and on later ones, translated by the driver.
struct CudaTarget {
  llvm::StringLiteral name; ///< "sm_80"
  unsigned ptx;             ///< the oldest PTX version that has it, times 10: older drivers take it
  unsigned multiprocessors; ///< of its largest card, for predictions
  double teraflops;         ///< of that card, f32 without tensor cores
  double terabytesPerSecond; ///< of that card's memory
  int64_t threadsTogether;   ///< of a multiprocessor
  int64_t sharedTogether;    ///< bytes of shared memory of a multiprocessor
  llvm::StringLiteral card;  ///< its name
  // For those who plan for the card (LibraryPlan.h):
  int64_t blocksTogether;         ///< of a multiprocessor
  int64_t gibibytes, l2Mebibytes; ///< memory, second-level cache
  int64_t megahertz, memoryMegahertz;
};

/// "sm_75" to "sm_120"; null for an unknown one.
const CudaTarget *cudaTargetNamed(llvm::StringRef name);
llvm::ArrayRef<CudaTarget> cudaTargets();

/// A file of the CUDA toolkit ("nvvm/libdevice/libdevice.10.bc"), in $CUDA_HOME or $CUDA_PATH, and
/// in /usr/local/cuda only if neither is set.
std::optional<std::string> findInToolkit(llvm::StringRef file);
/// Paths to try for one of its libraries ("libnvrtc.so"): as the loader finds it, unless the
/// environment names a toolkit, then in the toolkit; each also with the versions that there are.
std::vector<std::string> librariesOfToolkit(llvm::StringRef name);

/// What ptxas says about a kernel.
struct KernelResources {
  std::string symbol;
  unsigned registers = 0, spilledBytes = 0, sharedBytes = 0;
};

struct Cubin {
  std::string bytes; ///< an ELF file
  std::vector<KernelResources> kernels;
};

/// Machine code for `target` from PTX, by ptxas. An environment error without one; an internal one
/// if it refuses the text.
runtime::Result<Cubin> assemblePtx(const std::string &ptx, const CudaTarget &target);

} // namespace gnc
