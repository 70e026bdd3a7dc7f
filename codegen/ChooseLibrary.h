//===- ChooseLibrary.h - which equations a library computes -----------------------------------===//
//
// Every sum of products that is a correlation is offered to the library, one by one. What it has a
// plan for is marked with names::kLibrary (ir/LibraryCall.h).
//
// Bias and relu behind a forward correlation go along where there is a plan with them; anything
// else that follows becomes an equation of its own. All the rest stays with our own kernels, and
// the function's names::kLibraryReport says of each which way it went and why.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/LibraryPlan.h"
#include "mlir/Pass/Pass.h"

namespace gnc {

/// `--gnc-choose-library{library=FILE target=sm_90 batch=N}`.
std::unique_ptr<mlir::Pass> createChooseLibrary();
/// Asks `planner`, which outlives the pass; null: does nothing.
std::unique_ptr<mlir::Pass> createChooseLibrary(LibraryPlanner *planner, int64_t batch);

} // namespace gnc
