//===- MemoryPlan.h - where every tensor of a program lies
//-------------------------------------===//
//
// A program runs in one arena whose size is known before it runs. The arena starts with what
// persists between runs (weights, states, optimizer states), then comes what the host reads and
// writes (schedules, inputs, results); the rest is shared by the temporaries, each of which only
// occupies its bytes from its first launch to its last.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>
#include <optional>

namespace gnc {

/// `--gnc-plan-memory`: sets the offset of every gnc.buffer of a program function, and the
/// function's `gnc.arena_bytes` and `gnc.persistent_bytes`.
std::unique_ptr<mlir::Pass> createPlanMemory();

/// A piece of the arena, needed from launch `first` to launch `last`.
struct MemoryRegion {
  int64_t bytes = 0, first = 0, last = 0;
  int64_t offset = 0; ///< the answer
};

/// Places regions from `base` on so that those alive together are apart; large ones choose first.
/// Returns the end of the highest. The answer depends on nothing but the arguments.
int64_t placeRegions(llvm::MutableArrayRef<MemoryRegion> regions, int64_t base);

/// What a planned program needs, in bytes.
struct MemoryReport {
  int64_t arena = 0;
  int64_t persistent = 0;  ///< of it: weights, states, optimizer states
  int64_t host = 0;        ///< of it: inputs, schedules, results
  int64_t temporaries = 0; ///< of it: shared by all temporaries
  int64_t unshared = 0;    ///< what the temporaries would need without sharing
  int64_t alive = 0;       ///< the most of them that are needed at one time: no plan takes less
};

/// Nothing for a function that is no planned program.
std::optional<MemoryReport> memoryReport(mlir::func::FuncOp program);

/// What a layer keeps in temporaries.
struct LayerMemory {
  std::string name; ///< as its launches are called
  int64_t bytes = 0;
};

/// Who keeps how much where the temporaries of a program need most, the largest first; the last row
/// are all others, if there are more than a table has.
std::vector<LayerMemory> memoryPeak(mlir::func::FuncOp program);

} // namespace gnc
