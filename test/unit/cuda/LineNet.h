//===- LineNet.h - a network without a compiler, for both targets -----------------------------===//
//
// Fits w so that w . x = 1. The programs for the processor and for cards do the same operations in
// the same order, none of them contracted, so a training on either ends with the same bytes.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Dataset.h"

namespace gnc::cuda::test {

/// Input x: f32 [4]; weight Line.w [4]; state Line.steps []; schedule lr. Programs train and eval.
runtime::CompiledNet lineNet(runtime::Target target, int64_t batch = 5, int64_t epochs = 3);

/// 23 samples, so that the last batch is smaller.
runtime::Dataset lineData(const runtime::CompiledNet &net, int64_t samples = 23);

} // namespace gnc::cuda::test
