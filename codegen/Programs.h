//===- Programs.h - program functions and their buffers
//----------------------------------------===//
//
// After `--gnc-lower-to-kernels` a module holds two kinds of functions: programs (gnc.buffer and
// gnc.launch) and kernels. These are the few facts about them that several parts of codegen ask
// for.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace gnc {

namespace names {
constexpr llvm::StringLiteral kKernel = "gnc.kernel"; // unit (kernels)
/// unit (equations): sums may go by minimal filters.
constexpr llvm::StringLiteral kMinimalFilter = "gnc.minimal_filter";
constexpr llvm::StringLiteral kBatch = "gnc.batch";            // i64 (programs): planned batch
constexpr llvm::StringLiteral kShape = "gnc.shape";            // i64 array: shape in checkpoints
constexpr llvm::StringLiteral kArenaBytes = "gnc.arena_bytes"; // i64 (programs)
/// i64 (programs): so many launches, the first ones, depend on weights alone.
constexpr llvm::StringLiteral kPrologue = "gnc.prologue";
constexpr llvm::StringLiteral kPersistentBytes = "gnc.persistent_bytes"; // i64 (programs)
constexpr llvm::StringLiteral kThreads = "gnc.threads"; // i64 (kernels of a GPU): of a block
constexpr llvm::StringLiteral kUnroll = "gnc.unroll";   // bool (loops in them): in full, or never
} // namespace names

inline bool isKernel(mlir::func::FuncOp function) { return function->hasAttr(names::kKernel); }

/// A kernel of a GPU: one block computes one tile.
inline bool isGpuKernel(mlir::func::FuncOp function) {
  return isKernel(function) && function->hasAttr(names::kThreads);
}

/// How many samples to plan for: `batch`, or if that is 0 as many as the module's recipe says.
inline int64_t batchToPlan(mlir::ModuleOp module, int64_t batch) {
  if (batch > 0)
    return batch;
  if (auto recipe = module->getAttrOfType<mlir::DictionaryAttr>(names::kRecipe))
    if (auto declared = recipe.getAs<mlir::IntegerAttr>("batch"))
      return std::max<int64_t>(declared.getInt(), 1);
  return 1;
}

/// True for a function that became buffers and launches.
inline bool isProgram(mlir::func::FuncOp function) {
  return !function.isExternal() && !isKernel(function) &&
         (!function.getOps<BufferOp>().empty() || !function.getOps<LaunchOp>().empty());
}

/// The samples that a program function is planned for.
inline int64_t plannedBatch(mlir::func::FuncOp program) {
  if (auto batch = program->getAttrOfType<mlir::IntegerAttr>(names::kBatch))
    return batch.getInt();
  // A module written by hand may leave it to its buffers.
  for (BufferOp buffer : program.getOps<BufferOp>()) {
    auto type = llvm::dyn_cast<mlir::RankedTensorType>(buffer.getTensor());
    if (!type || !isBatched(type))
      continue;
    int64_t sample = 1;
    for (int64_t extent : type.getShape().drop_front())
      sample *= extent;
    return llvm::cast<mlir::MemRefType>(buffer.getType()).getNumElements() /
           std::max<int64_t>(sample, 1);
  }
  return 1;
}

/// gnc.role of a buffer that the host sees.
inline std::optional<llvm::StringRef> roleOf(BufferOp buffer) {
  if (std::optional<mlir::DictionaryAttr> host = buffer.getHost())
    if (auto role = host->getAs<mlir::StringAttr>(names::kRole))
      return role.getValue();
  return std::nullopt;
}

} // namespace gnc
