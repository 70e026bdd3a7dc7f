//===- Jit.h - kernels to machine code
//---------------------------===//
#pragma once

#include "codegen/JitKernels.h"
#include "runtime/Program.h"
#include <string>
#include <vector>

namespace gnc {

struct CodeOptions {
  unsigned optLevel = 0;   ///< see gnc::optimize
  bool verifyEach = false; ///< after every pass, and the LLVM IR
  unsigned cpuLevel = 0;   ///< of x86-64: 2, 3, 4; 0: this machine's
};

/// The kernels of a module as code that the runtime can load (runtime::loadCode) or write to a
/// file. Errors are emitted at the module.
mlir::FailureOr<runtime::NativeCode> compileKernels(mlir::ModuleOp module, const KernelTable &table,
                                                    const CodeOptions &options);

enum class CodeForm { LLVM, Assembly, Object };

/// All kernels of a module as a text, or as an object file.
mlir::FailureOr<std::string> emitKernels(mlir::ModuleOp module, CodeForm form,
                                         const CodeOptions &options);

/// The level of x86-64 that this machine has, at least 2: below that there is no code.
unsigned hostCpuLevel();
/// Bits of the widest vector registers of a level.
unsigned vectorBitsOf(unsigned cpuLevel);

} // namespace gnc
