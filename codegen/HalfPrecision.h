//===- HalfPrecision.h - f16 and bf16 in memory, f32 in registers -----------------------------===//
//
// Both directions are written in integer and f32 arithmetic: that is the same on every machine, and
// needs no library where the processor has no such instruction.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"

namespace gnc {

/// f32 of f16 or bf16, scalar or vector. Exact; a NaN stays one.
mlir::Value widenHalf(KernelBuilder &k, mlir::Value half);

/// The nearest number of type f16 or bf16 (`element`) to one of f32, of two the one whose last bit
/// is 0; too large ones become infinite. A NaN stays one.
mlir::Value narrowToHalf(KernelBuilder &k, mlir::Value single, mlir::Type element);

} // namespace gnc
