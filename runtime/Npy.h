//===- Npy.h - NumPy's array files
//--------------------------------------------------------------===//
#pragma once

#include "runtime/Memory.h"

namespace gnc::runtime {

/// An array in memory, as a program takes it: u8 and bool as they are, i32 and i64 as i32, f32 and
/// f64 as f32.
struct NpyArray {
  std::string file;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape; ///< not empty
  Bytes data;
};

/// Reads a file of version 1, 2 or 3: C order, little endian, u8, bool, i32, i64, f32 or f64. A
/// size that the file cannot hold is refused before memory is asked for. Errors: input;
/// "unreadable-file", "not-npy", "npy-type", "npy-order", "truncated-data", "trailing-data",
/// "empty-data", "npy-value" (a whole number beyond 32 bits).
Result<NpyArray> readNpy(const std::string &path);

/// Does the file begin like one?
bool isNpy(const std::string &path);

} // namespace gnc::runtime
