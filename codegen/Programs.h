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
constexpr llvm::StringLiteral kKernel = "gnc.kernel";          // unit (kernels)
constexpr llvm::StringLiteral kBatch = "gnc.batch";            // i64 (programs): planned batch
constexpr llvm::StringLiteral kShape = "gnc.shape";            // i64 array: shape in checkpoints
constexpr llvm::StringLiteral kArenaBytes = "gnc.arena_bytes"; // i64 (programs)
/// i64 (programs): so many launches, the first ones, depend on weights alone.
constexpr llvm::StringLiteral kPrologue = "gnc.prologue";
constexpr llvm::StringLiteral kPersistentBytes = "gnc.persistent_bytes"; // i64 (programs)
constexpr llvm::StringLiteral kThreads = "gnc.threads"; // i64 (kernels of a GPU): of a block
constexpr llvm::StringLiteral kUnroll = "gnc.unroll";   // unit (loops in them): in full
} // namespace names

inline bool isKernel(mlir::func::FuncOp function) { return function->hasAttr(names::kKernel); }

/// A kernel of a GPU: one block computes one tile.
inline bool isGpuKernel(mlir::func::FuncOp function) {
  return isKernel(function) && function->hasAttr(names::kThreads);
}

/// True for a function that became buffers and launches.
inline bool isProgram(mlir::func::FuncOp function) {
  return !function.isExternal() && !isKernel(function) &&
         (!function.getOps<BufferOp>().empty() || !function.getOps<LaunchOp>().empty());
}

/// gnc.role of a buffer that the host sees.
inline std::optional<llvm::StringRef> roleOf(BufferOp buffer) {
  if (std::optional<mlir::DictionaryAttr> host = buffer.getHost())
    if (auto role = host->getAs<mlir::StringAttr>(names::kRole))
      return role.getValue();
  return std::nullopt;
}

} // namespace gnc
