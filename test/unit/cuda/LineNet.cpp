#include "LineNet.h"

#include "../runtime/TestFiles.h"
#include "LineKernels.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace gnc::cuda::test {

using namespace runtime;
using runtime::test::readText;
using runtime::test::TemporaryFolder;

namespace {
template <typename T = float> T *as(void *const *arguments, int index) {
  return static_cast<T *>(arguments[index]);
}

float residual(const float *x, const float *w) {
  float sum = 0;
  for (int k = 0; k < 4; ++k) {
    float product = w[k] * x[k];
    sum = sum + product;
  }
  return sum - 1;
}

/// Tiles are blocks of 32 samples.
template <bool square> void perSample(int64_t lo, int64_t hi, int64_t n, void *const *arguments) {
  for (int64_t s = lo * 32; s < std::min(hi * 32, n); ++s) {
    float r = residual(as(arguments, 0) + 4 * s, as(arguments, 1));
    as(arguments, 2)[s] = square ? r * r : r;
  }
}

void reduce(int64_t, int64_t, int64_t n, void *const *arguments) {
  const float *x = as(arguments, 0), *r = as(arguments, 1);
  float loss = 0, squares = 0;
  for (int64_t s = 0; s < n; ++s)
    loss += r[s] * r[s];
  *as(arguments, 3) = loss / float(n);
  for (int k = 0; k < 4; ++k) {
    float sum = 0;
    for (int64_t s = 0; s < n; ++s)
      sum += r[s] * x[4 * s + k];
    sum = sum / float(n);
    float g = as(arguments, 2)[k] = sum + sum;
    squares += g * g;
  }
  *as(arguments, 4) = std::sqrt(squares);
}

void update(int64_t, int64_t, int64_t, void *const *arguments) {
  for (int k = 0; k < 4; ++k)
    as(arguments, 2)[k] -= *as(arguments, 1) * as(arguments, 0)[k];
  *as(arguments, 3) += 1;
}

class Builder {
public:
  Builder(Target target, std::string name, int64_t maxBatch) {
    program.target = target;
    program.name = std::move(name);
    program.maxBatch = maxBatch;
    if (target == Target::Cuda)
      program.module = lineModule();
  }
  uint64_t place(uint64_t bytes) {
    uint64_t offset = program.arenaBytes;
    program.arenaBytes += (bytes + 63) / 64 * 64;
    return offset;
  }
  uint64_t tensor(Role role, const std::string &name, bool batched, std::vector<int64_t> shape) {
    Tensor t;
    t.name = t.member = name;
    t.role = role;
    t.batched = batched;
    t.shape = std::move(shape);
    t.strides.assign(t.shape.size(), 1);
    t.batchStride = batched ? t.elements() : 0;
    t.bytes = uint64_t(4 * t.elements() * (batched ? program.maxBatch : 1));
    t.offset = place(t.bytes);
    t.location = {"line.net", 3, 1};
    program.tensors.push_back(std::move(t));
    return program.tensors.back().offset;
  }
  void launch(const char *symbol, KernelEntry entry, TileCount tiles, const char *site, int line,
              std::vector<uint64_t> arguments) {
    bool cuda = program.target == Target::Cuda;
    program.kernels.push_back(
        {symbol, cuda ? nullptr : entry, cuda ? symbol : "", cuda ? 32u : 0u, 0});
    program.sites.push_back({site, {"line.net", line, 3}});
    auto index = uint32_t(program.kernels.size() - 1);
    program.launches.push_back({index, index, std::move(arguments), tiles, {}, {}, {}});
  }

  Program program;
};

const TileCount samples{1, 0, 32}, once{0, 1, 1};

Program trainProgram(Target target, int64_t batch) {
  Builder b(target, "train", batch);
  uint64_t w = b.tensor(Role::Weight, "Line.w", false, {4});
  b.program.tensors.back().initial = {Initializer::Kind::Normal, 0, 1};
  uint64_t steps = b.tensor(Role::State, "Line.steps", false, {});
  b.program.persistentBytes = b.program.arenaBytes;
  uint64_t x = b.tensor(Role::Input, "x", true, {4});
  uint64_t lr = b.tensor(Role::Schedule, "lr", false, {});
  b.program.tensors.back().schedule = "0.5 step /";
  uint64_t loss = b.tensor(Role::Result, "loss", false, {});
  uint64_t norm = b.tensor(Role::Result, "grad_norm", false, {});
  uint64_t r = b.place(uint64_t(4 * batch)), g = b.place(16);
  b.launch("forward", perSample<false>, samples, "Line.dot", 4, {x, w, r});
  b.launch("reduce", reduce, once, "Line.loss: backward", 5, {x, r, g, loss, norm});
  b.program.commit = b.program.launches.size();
  std::vector<uint64_t> updated{g, lr, w, steps};
  if (target == Target::Cuda) {
    uint64_t halt = b.tensor(Role::Halt, "halt", false, {});
    b.program.tensors.back().type = ElementType::I32;
    updated.insert(updated.end(), {loss, norm, halt});
  }
  b.launch("update", update, once, "sgd", 9, updated);
  Tensor written; // of the first launch: the residuals
  written.batched = true;
  written.batchStride = 1;
  written.bytes = uint64_t(4 * batch);
  written.offset = r;
  b.program.launches[0].written.push_back(written);
  return b.program;
}

Program evalProgram(Target target, int64_t batch) {
  Builder b(target, "eval", batch);
  uint64_t w = b.tensor(Role::Weight, "Line.w", false, {4});
  b.tensor(Role::State, "Line.steps", false, {});
  uint64_t x = b.tensor(Role::Input, "x", true, {4});
  uint64_t loss = b.tensor(Role::Result, "loss", true, {});
  b.launch("score", perSample<true>, samples, "Line.dot", 4, {x, w, loss});
  b.program.commit = b.program.launches.size();
  return b.program;
}
} // namespace

CompiledNet lineNet(Target target, int64_t batch, int64_t epochs) {
  CompiledNet net;
  net.recipe.net = "Line";
  net.recipe.batch = batch;
  net.recipe.epochs = epochs;
  net.recipe.seed = 1;
  net.recipe.location = {"line.net", 8, 1};
  net.train = trainProgram(target, batch);
  net.eval = evalProgram(target, 4);
  return net;
}

Dataset lineData(const CompiledNet &net, int64_t count) {
  DataSource source;
  source.kind = "synthetic";
  source.count = count;
  auto data = openDataset(source, inputsOf(net), {net.recipe.validate, net.recipe.seed});
  if (!data.ok()) {
    ADD_FAILURE() << format(data.error());
    std::abort();
  }
  return std::move(*data);
}

const Tensor &find(const Program &program, Role role, const char *name) {
  return *program.find(role, name);
}

std::unique_ptr<Executor> load(CudaDevice &device, const Program &program) {
  auto executor = device.load(program);
  EXPECT_TRUE(executor.ok()) << (executor.ok() ? "" : format(executor.error()));
  return executor.ok() ? std::move(*executor) : nullptr;
}

std::string trainOn(runtime::Device *device, const CompiledNet &net, TrainOptions options,
                    const std::string &folder, const Dataset *data) {
  TemporaryFolder own;
  options.outDir = folder.empty() ? own.path : folder;
  options.device = device;
  options.threads = 1;
  TrainObserver observer;
  auto outcome = train(net, data ? *data : lineData(net), options, observer);
  if (!outcome.ok())
    return format(outcome.error());
  std::string in = options.outDir + "/";
  return readText(in + "last.safetensors") + readText(in + "best.safetensors") +
         readText(in + "log.csv");
}

} // namespace gnc::cuda::test
