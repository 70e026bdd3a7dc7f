//===- CodeLoader.h - machine code into this process
//--------------------------------------------===//
//
// A net's machine code (NativeCode) is position independent and complete but for the addresses of a
// few functions of the C library, so loading it is a copy into fresh pages: no linker, no file, no
// LLVM. Pages are written first and executable afterwards, never both.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Status.h"

namespace gnc::runtime {

/// The level of x86-64 (psABI: 1 to 4) of this processor, with what the kernel saves of its
/// registers; 0 on another architecture.
unsigned cpuLevel();

/// "x86-64-v3".
std::string cpuLevelName(unsigned level);

/// Whether this processor has the level. Errors: environment "no-target"; input "bad-program" for a
/// level that there is not.
Status checkLevel(unsigned level);

/// Maps `net.native` and sets Kernel::entry and Program::code of all its programs. A net without
/// native code (whose kernels have entries already, or run on a card) stays as it is.
/// Errors: environment "no-target" (the processor lacks the level), "cannot-load-code" (the system
/// refuses executable memory); input "bad-program" (the code is inconsistent, or calls what this
/// runtime does not have).
Status loadCode(CompiledNet &net);

} // namespace gnc::runtime
