//===- Checkpoint.cpp - fuzz target: a training's position and weights ------------------------===//
//
// Into a program with one tensor of every role that a checkpoint holds.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Checkpoint.h"
#include "test/fuzz/Fuzz.h"

#include <cstdlib>

using namespace gnc;

namespace {
runtime::Program makeProgram() {
  using runtime::Role;
  runtime::Program program;
  program.name = "train";
  program.maxBatch = 1;
  for (auto [role, name] : {std::pair(Role::Weight, "N.w"),
                            {Role::Average, "N.w"},
                            {Role::State, "N.mean"},
                            {Role::Optimizer, "N.w.v"}}) {
    runtime::Tensor tensor;
    tensor.name = name;
    tensor.role = role;
    tensor.shape = {2, 3};
    tensor.strides = {4, 1};
    tensor.offset = program.arenaBytes;
    tensor.bytes = 32;
    program.arenaBytes += 64;
    program.tensors.push_back(tensor);
  }
  return program;
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static test::InputFile file;
  static const runtime::Program program = makeProgram();
  static auto pool = runtime::ThreadPool::create(1);
  static auto executor = runtime::Executor::create(program, **pool);
  if (!executor.ok())
    abort();
  file.write({data, size});
  {
    test::MemoryLimit limit(size, 32 << 10);
    (void)runtime::loadCheckpoint(file.path(), **executor).ok();
  }
  test::MemoryLimit limit(size, 32 << 10);
  (void)runtime::loadWeights(file.path(), **executor).ok();
  return 0;
}
