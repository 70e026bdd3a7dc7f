//===- LowerToKernels.h - equations become kernels and launches -------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace gnc {

/// `--gnc-lower-to-kernels{batch=N lanes=8 registers=16}`: turns every function of equations into a
/// program of buffers and launches planned for N samples, and adds the kernels to the module: one
/// function for each distinct form.
std::unique_ptr<mlir::Pass> createLowerToKernels();
std::unique_ptr<mlir::Pass> createLowerToKernels(int64_t batch, VectorTarget target);

} // namespace gnc
