//===- PackCode.h - object files to code that can be copied anywhere
//----------------------------===//
#pragma once

#include "runtime/Program.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace gnc {

/// The object file of one kernel.
struct KernelObject {
  std::string key;
  llvm::SmallVector<char, 0> bytes;
};

/// Lays the instructions of all kernels one behind the other, in the order of their keys, then all
/// constants, and resolves what refers to them; calls of the C library go through a table at the
/// end. Equal kernels give equal bytes. An error is a kernel that needs anything else: it is a bug.
llvm::Expected<runtime::NativeCode> packCode(std::vector<KernelObject> objects, unsigned level);

} // namespace gnc
