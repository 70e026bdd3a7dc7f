//===- LaunchGroups.h - which equations run as one launch -------------------------------------===//
#pragma once

#include "codegen/KernelTarget.h"

namespace gnc {

using LaunchGroup = llvm::SmallVector<ComputeOp, 1>;

/// Divides equations, given in an order in which they may run, into launches in such an order. An
/// equation joins a launch shortly before it, or else a whole launch one shortly after it, if
/// target and dependences allow it; nothing else moves. `bufferOf` tells tensors that lie in one
/// buffer.
std::vector<LaunchGroup> groupLaunches(llvm::ArrayRef<ComputeOp> ops, const KernelTarget &target,
                                       llvm::function_ref<mlir::Value(mlir::Value)> bufferOf);

} // namespace gnc
