//===- LineNet.h - a network without a compiler, for both targets -----------------------------===//
//
// Fits w so that w . x = 1. The programs for the processor and for cards do the same operations in
// the same order, none of them contracted, so a training on either ends with the same bytes.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Trainer.h"
#include "runtime/cuda/CudaDevice.h"

namespace gnc::cuda::test {

/// Input x: f32 [4]; weight Line.w [4]; state Line.steps []; schedule lr. Programs train and eval.
runtime::CompiledNet lineNet(runtime::Target target, int64_t batch = 5, int64_t epochs = 3);

/// 23 samples, so that the last batch is smaller.
runtime::Dataset lineData(const runtime::CompiledNet &net, int64_t samples = 23);

/// A tensor of a program, which has it.
const runtime::Tensor &find(const runtime::Program &program, runtime::Role role, const char *name);

std::unique_ptr<runtime::Executor> load(CudaDevice &device, const runtime::Program &program);

/// Everything that a training of the line net leaves, or its error; null: on the processor. Without
/// a folder it has one of its own.
std::string trainOn(runtime::Device *device, const runtime::CompiledNet &net,
                    runtime::TrainOptions options = {}, const std::string &folder = "",
                    const runtime::Dataset *data = nullptr);

} // namespace gnc::cuda::test
