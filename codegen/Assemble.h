//===- Assemble.h - a planned module as data for the runtime
//-----------------------------------===//
#pragma once

#include "codegen/JitKernels.h"
#include "ir/Gnc.h"
#include "runtime/Program.h"

namespace gnc {

/// The programs of a module after `--gnc-plan-memory`, with their recipe; kernels have their keys
/// alone. Errors are emitted at the op that the runtime has no form for.
mlir::FailureOr<runtime::CompiledNet> assemble(mlir::ModuleOp module, const KernelTable &table);

/// One program function.
mlir::FailureOr<runtime::Program> assembleProgram(mlir::func::FuncOp function,
                                                  const KernelTable &table);

/// The `gnc.recipe` of a module; an empty one if it has none.
mlir::FailureOr<runtime::Recipe> assembleRecipe(mlir::ModuleOp module);

/// Name and place in the user's own file of what an op came from.
runtime::Site siteOf(mlir::Location location);

/// Of all tensors that a launch of planned buffers reads or writes, each once.
runtime::Work bytesOf(LaunchOp launch);

} // namespace gnc
