//===- PtxVersions.h - which PTX a driver takes -----------------------------------------------===//
#pragma once

#include <utility>

namespace gnc::cuda {

/// Versions of PTX (83 is 8.3) and the CUDA (12030 is 12.3) whose driver knows them first: "Release
/// Notes" of NVIDIA's PTX ISA.
constexpr std::pair<int, int> ptxVersions[] = {{74, 11040}, {75, 11050}, {76, 11060}, {77, 11070},
                                               {78, 11080}, {80, 12000}, {81, 12010}, {82, 12020},
                                               {83, 12030}, {84, 12040}, {85, 12050}, {86, 12070},
                                               {87, 12080}, {88, 12090}, {90, 13000}, {91, 13010}};

/// The newest PTX that a driver of this CUDA takes; 0 if it is older than all.
constexpr int newestPtx(int cudaVersion) {
  int newest = 0;
  for (auto [ptx, cuda] : ptxVersions)
    newest = cuda <= cudaVersion ? ptx : newest;
  return newest;
}

/// The oldest CUDA whose driver takes this PTX; 0 for one that nobody has heard of.
constexpr int oldestCuda(int ptxVersion) {
  for (auto [ptx, cuda] : ptxVersions)
    if (ptx >= ptxVersion)
      return cuda;
  return 0;
}

} // namespace gnc::cuda
