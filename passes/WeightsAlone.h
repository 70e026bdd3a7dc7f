//===- WeightsAlone.h - what is the same for every sample -------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gnc {

/// A result is the new value of a weight or state.
bool changesWeights(mlir::func::FuncOp function);

/// The arguments that live from run to run.
llvm::DenseSet<mlir::Value> persistentArguments(mlir::func::FuncOp function);

/// Those, and everything that is computed from them and constants alone: the same for every run of
/// a program that changes no weight.
llvm::DenseSet<mlir::Value> weightsAlone(mlir::func::FuncOp function);

} // namespace gnc
