//===- PackWeights.h - columns in the order in which contractions read them -------------------===//
//
// In a program that changes no weight, what a contraction reads as columns often depends on weights
// alone. It is copied once, after the weights are loaded, into panels as wide as a register tile:
//
//   panels[p, .., j] = w[.., p * width + j] ?? 0
//
// and read at [n floordiv width, .., n mod width]. So a tile walks memory in one line, which is
// what the prefetchers of processors are made for, where rows of all columns would take it a page
// further at every step; and no launch copies blocks of it (ContractionPlan.h).
//
// A program that trains changes its weights at each step. What each step computes for contractions
// alone (a weight transformed, or in a gradient's order), and what these would copy into panels in
// each run, is written in panels by who computes it, if columns fill them. Weights themselves stay
// as they are: forward and gradients read them in different orders, and are packed as they are
// used.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "mlir/Pass/Pass.h"

namespace gnc {

/// `--gnc-pack-weights{lanes=8 registers=16}`, for graphs that have their layouts.
std::unique_ptr<mlir::Pass> createPackWeights(VectorTarget target = {});

} // namespace gnc
