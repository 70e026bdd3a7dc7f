//===- Passes.h - graph to graph --------------------------------------------------------------===//
#pragma once

#include "ir/Gnc.h"
#include "mlir/Pass/Pass.h"

namespace gnc {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// Registers every pass of this folder under its flag.
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace gnc
