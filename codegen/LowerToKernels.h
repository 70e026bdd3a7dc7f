//===- LowerToKernels.h - equations become kernels and launches -------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace gnc {

/// `--gnc-lower-to-kernels{batch=N lanes=8 registers=16 gpu=false}`: turns every function of
/// equations into a program of buffers and launches planned for N samples, and adds the kernels to
/// the module: one function for each distinct form.
std::unique_ptr<mlir::Pass> createLowerToKernels();
std::unique_ptr<mlir::Pass> createLowerToKernels(int64_t batch, VectorTarget target);
/// For the blocks of a GPU.
std::unique_ptr<mlir::Pass> createLowerToGpuKernels(int64_t batch);

} // namespace gnc
