//===- CommitGuard.h - launches of a card that may have to leave everything as it is ----------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// Whether this is a result that a step is committed by: the scalars "loss" and "grad_norm"
/// (runtime::Program::launches).
bool judgesStep(BufferOp buffer);

/// Lets a card's kernel do nothing unless all `scalars` (numbers of its buffers, f32) are finite
/// and `halt` (a buffer, i32) is 0. All threads decide alike, so barriers stay where all come.
void guardCommit(mlir::func::FuncOp kernel, llvm::ArrayRef<unsigned> scalars, unsigned halt);

} // namespace gnc
