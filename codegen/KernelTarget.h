//===- KernelTarget.h - what kernels are written for ------------------------------------------===//
#pragma once

#include "codegen/Emit.h"
#include <memory>

namespace gnc {

/// A kernel, and how many tiles it has.
struct EmittedKernel {
  mlir::func::FuncOp function;
  Tiles tiles;
};

/// What an equation is as a part of a kernel beside others.
struct PartForm {
  unsigned threads = 0;  ///< of a block, the same for all parts; 0: it has a kernel of its own
  bool flexible = false; ///< its blocks may as well have the threads of others
  bool hungry = false;   ///< its blocks take much of what a multiprocessor has
  bool large = false;    ///< its blocks fill a card
};

/// Writes the kernels of equations. Everything else about a program (buffers, updates, launches)
/// is the same for all targets.
class KernelTarget {
public:
  virtual ~KernelTarget() = default;
  /// Equations, none of which depends on another, may be parts of one kernel where a launch costs
  /// more than a small equation.
  virtual PartForm formOf(ComputeOp op) const = 0;
  /// The only reader of `op`'s result if one kernel computes both and the result has no buffer:
  /// then they are the two parts of a kernel, in this order. Null if there is none.
  virtual ComputeOp windowOf(ComputeOp op) const = 0;
  /// Adds a kernel to `module` for one equation, or for several that share it. `buffers` are the
  /// flat memrefs that it works on. Errors are emitted at the op.
  virtual mlir::FailureOr<EmittedKernel> emit(mlir::ModuleOp module,
                                              llvm::ArrayRef<KernelPart> parts,
                                              llvm::ArrayRef<mlir::Type> buffers) const = 0;
  /// Whether a library's plans are launched there (ir/LibraryCall.h).
  virtual bool runsPlans() const = 0;
  /// Whether kernels look themselves whether a step may be committed; else the host does.
  virtual bool decidesCommits() const = 0;
};

/// The processor: a kernel walks a range of tiles, in vectors.
std::unique_ptr<KernelTarget> createProcessorTarget(VectorTarget vectors);
/// A CUDA card: a block of threads computes a tile. For at most `batch` samples: what a kernel
/// counts must stay below 2^31, and it is an error of the equation if it does not.
std::unique_ptr<KernelTarget> createGpuTarget(int64_t batch);

} // namespace gnc
