//===- UpdatePlan.h - which updates happen in place -------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "llvm/ADT/DenseSet.h"

namespace gnc {

struct UpdatePlan {
  /// Results that are computed straight into the buffer of an argument.
  llvm::SmallVector<std::pair<mlir::Value, unsigned>> inPlace;
  /// The ops that write weights and state; nothing else depends on them, so they may come last.
  llvm::SmallPtrSet<mlir::Operation *, 8> commits;
};

/// Decides for every result with `gnc.updates`. Where a value cannot be computed in place, a copy
/// is appended to the function and takes its part; results that the host reads get a buffer of
/// their own likewise.
UpdatePlan planUpdates(mlir::func::FuncOp function);

} // namespace gnc
