//===- WholeNet.h - a compiled net with something in every member -----------------------------===//
#pragma once

#include "FakeNet.h"
#include "runtime/ProgramFile.h"

#include <algorithm>

namespace gnc::runtime::test {

/// The fake net with a key for every kernel, and something in every member that it leaves empty.
inline CompiledNet wholeNet() {
  CompiledNet net = fakeNet();
  int number = 0;
  for (Program *program : {&net.train, &net.eval, &net.infer})
    for (Kernel &kernel : program->kernels)
      kernel.key = "kernel" + std::to_string(number++);
  net.train.tensors[0].was = {"Old.w", "Older.weight.of.the.same.layer"};
  net.train.tensors[0].declared = {net.train.tensors[0].elements()};
  net.train.tensors[0].classes = 3;
  net.train.tensors[0].initial = {Initializer::Kind::Uniform, -0.1, 0.1};
  net.train.launches[0].written = {net.train.tensors[0]};
  net.train.launches[0].summed = {{64, 16}};
  Tensor halt;
  halt.name = "halt";
  halt.role = Role::Halt;
  halt.type = ElementType::I32;
  halt.offset = net.train.arenaBytes;
  halt.bytes = 4;
  net.train.arenaBytes += 64;
  net.train.tensors.push_back(halt);
  net.train.plans.push_back({"plan", "{}", {1, 2, 3}, 64});
  net.train.constants.push_back({0, {1, 2, 3, 4}});
  net.recipe.source.files = {{"image", "pictures/*.png"}, {"mask", "masks/*.png"}};
  net.recipe.tables = {"confusion"};
  net.recipe.best = "accuracy";
  net.recipe.init = "start.safetensors";
  net.recipe.initLocation = {"fake.net", 7, 3};
  return net;
}

inline std::vector<KernelEntry> entriesOf(const CompiledNet &net) {
  std::vector<KernelEntry> entries;
  for (const Program *program : {&net.train, &net.eval, &net.infer})
    for (const Kernel &kernel : program->kernels)
      entries.push_back(kernel.entry);
  return entries;
}

/// Kernels that return at once.
inline std::shared_ptr<NativeCode> emptyCode(const CompiledNet &net, uint32_t level) {
  auto code = std::make_shared<NativeCode>();
  code->level = level;
  code->textBytes = NativeCode::pageBytes;
  code->bytes.resize(2 * NativeCode::pageBytes, 0xcc);
  for (const std::string &key : kernelKeys(net)) {
    uint64_t at = 16 * (code->entries.size() + 1);
    code->bytes[at] = 0xc3;
    code->entries.push_back({key, at});
  }
  std::sort(code->entries.begin(), code->entries.end(),
            [](const auto &a, const auto &b) { return a.key < b.key; });
  code->references = {3, 700}; // what only linkers read
  code->stubs = 2048;
  code->imports = {"expf", "logf"};
  return code;
}

} // namespace gnc::runtime::test
