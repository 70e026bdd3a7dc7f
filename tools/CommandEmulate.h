//===- CommandEmulate.h - gnc emulate: a kernel of any PTX text on the software device --------===//
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gnc::tools {

/// What the command line says.
struct EmulateRequest {
  std::string file;
  std::string kernel; ///< may be empty where the text has one
  std::vector<uint32_t> grid = {1}, block = {32};
  uint32_t shared = 0;
  std::vector<std::string> arguments; ///< u32=5, f32[1024]=random, x.npy
  std::vector<unsigned> print;        ///< arguments, from 0
  std::vector<std::string> save;      ///< N=FILE.npy
  std::string card = "sm_80";
  bool check = false, statistics = false;
  bool time = false; ///< of the launch; what it does is counted in a second one
  uint64_t seed = 0;
  unsigned threads = 1;
};

/// Returns the exit code: 1 where the text is refused or the kernel goes wrong.
int runEmulate(const EmulateRequest &request);

} // namespace gnc::tools
