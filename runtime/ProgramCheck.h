//===- ProgramCheck.h - is a program consistent? ----------------------------------------------===//
#pragma once

#include "runtime/Status.h"

namespace gnc::runtime {

/// Whether everything a program says fits together: places inside the arena, shapes, kernels of its
/// target, commit and prologue. Compilers write programs, users do not, so what does not fit is an
/// internal error.
Status checkProgram(const Program &program);

} // namespace gnc::runtime
