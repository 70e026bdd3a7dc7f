//===- Jit.h - kernels to machine code, in a file or in this process
//---------------------------===//
#pragma once

#include "codegen/JitKernels.h"
#include "runtime/Program.h"
#include <memory>
#include <string>
#include <vector>

namespace gnc {

struct CodeOptions {
  unsigned optLevel = 0;   ///< see gnc::optimize
  bool verifyEach = false; ///< after every pass, and the LLVM IR
};

/// Machine code in this process.
struct LoadedKernels {
  std::vector<runtime::KernelEntry> entries; ///< one for each entry of the table
  std::shared_ptr<void> code;                ///< keeps them alive
};

/// Compiles the kernels of a module and loads them. Errors are emitted at the module.
mlir::FailureOr<LoadedKernels> loadKernels(mlir::ModuleOp module, const KernelTable &table,
                                           const CodeOptions &options);

enum class CodeForm { LLVM, Assembly, Object };

/// All kernels of a module as a text, or as an object file.
mlir::FailureOr<std::string> emitKernels(mlir::ModuleOp module, CodeForm form,
                                         const CodeOptions &options);

/// Bits of this machine's widest vector registers.
unsigned hostVectorBits();

} // namespace gnc
