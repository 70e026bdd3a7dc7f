//===- Pipeline.h - from the graph to machine code, phase by phase
//------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace gnc {

/// What a program is on its way. `gnc compile --emit=` stops after any of them.
enum class Phase {
  Ast,      ///< the file, parsed
  Graph,    ///< equations as they were written, one function a program
  Train,    ///< backward equations and the optimizer's step derived
  Fused,    ///< few equations, each worth a kernel, every tensor with its layout
  Tiled,    ///< kernels that loop over vectors in memory, and the list of their launches
  Buffers,  ///< every tensor has its place in one arena
  Llvm,     ///< kernels in LLVM IR
  Assembly, ///< kernels in the machine's own language
  Object,   ///< kernels as an object file
  Ptx,      ///< kernels of a GPU in PTX, the portable assembly of CUDA cards
  Cuda,     ///< kernels of a GPU in CUDA C++
  Cubin,    ///< kernels of a GPU in the machine code of a card
};

/// "ast", "graph", "train", "fused", "tiled", "buffers", "llvm", "asm", "obj", "ptx", "cuda",
/// "cubin".
std::optional<Phase> phaseNamed(llvm::StringRef name);
llvm::ArrayRef<llvm::StringLiteral> phaseNames();

class LibraryPlanner;

struct PipelineOptions {
  int64_t batch = 0;                      ///< samples to plan for; 0: the recipe's
  unsigned cpuLevel = 0;                  ///< of x86-64: 2, 3, 4; 0: this machine's
  unsigned vectorBits = 0;                ///< 0: the widest registers of the level
  int64_t memory = 0;                     ///< bytes that a program may take; 0: as many as it likes
  bool gpu = false;                       ///< kernels for a GPU, not for a processor
  unsigned optLevel = 0;                  ///< of LLVM, see gnc::optimize
  LibraryPlanner *library = nullptr;      ///< takes convolutions of a GPU; null: none does
  bool verifyEach = false;                ///< verify after every pass, not only after the last
  std::vector<std::string> disabled = {}; ///< of optionalPasses(), those to leave out
};

/// A pass that no result depends on, up to rounding: it makes programs faster or smaller.
struct OptionalPass {
  llvm::StringRef flag; ///< as of gnc-opt, without "gnc-"
  std::string summary;
};
/// In the order of their first use, each once.
std::vector<OptionalPass> optionalPasses();

/// Appends the passes that lead `module` to `last` (Graph to Buffers; the phases after them are
/// emitKernels). A module printed at any phase goes on from there: graph passes do nothing on a
/// graph that they have seen, and are left out for a module of kernels. False with `error` set if
/// `disabled` names a pass that is not optional, or that is not there.
bool buildPipeline(mlir::ModuleOp module, mlir::OpPassManager &passes, Phase last,
                   const PipelineOptions &options, std::string &error);

/// Makes all passes known to `gnc-opt` by their flags.
void registerPasses();

} // namespace gnc
