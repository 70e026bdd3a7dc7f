//===- FoldWeights.h - what --gnc-fold-weights says about a program ---------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"

namespace gnc::names {
/// On @infer: how many scalar operations went from the equations that run for samples.
constexpr llvm::StringLiteral kFolded = "gnc.folded";
} // namespace gnc::names
