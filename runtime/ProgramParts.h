//===- ProgramParts.h - what descriptions and files share
//---------------------------------------===//
#pragma once

#include "runtime/Status.h"

#include <array>
#include <span>

namespace gnc::runtime {

inline std::array<Program *, 4> programsOf(CompiledNet &net) {
  return {&net.train, &net.eval, &net.score, &net.infer};
}
inline std::array<const Program *, 4> programsOf(const CompiledNet &net) {
  return {&net.train, &net.eval, &net.score, &net.infer};
}

Error badProgram(const std::string &what);
Error otherVersion(uint64_t found, uint64_t known);

/// A description without kernels: entries are null.
Result<CompiledNet> parseDescription(std::span<const uint8_t> description);
/// What came from outside, once its kernels are there: whether it can be run as it says.
Status checkNet(const CompiledNet &net);

} // namespace gnc::runtime
