// Programs on the software device: what an executor promises, and the same trainings as on the
// processor, byte by byte.
#include "../runtime/TestFiles.h"
#include "Emulator.h"
#include "Kernels.h"
#include "LineNet.h"

#include "runtime/Trainer.h"

#include <cmath>
#include <cstring>

using namespace gnc::cuda;
using namespace gnc::cuda::test;
using namespace gnc::runtime;
using gnc::runtime::test::readText;
using gnc::runtime::test::TemporaryFolder;

namespace {
std::string onProcessor() { return trainOn(nullptr, lineNet(Target::Cpu)); }

std::vector<float> numbers(size_t count, float first) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = first + float(i);
  return values;
}
} // namespace

// With runs and copies as late as a driver may do them, as early, and mixed by a seed.
TEST(CudaTraining, EndsWithTheBytesOfTheProcessor) {
  std::string expected = onProcessor();
  CompiledNet net = lineNet(Target::Cuda);
  for (Emulator::Variables variables : {Emulator::Variables{{"ORDER", "late"}},
                                        {{"ORDER", "early"}},
                                        {{"ORDER", "random"}, {"SEED", "1"}},
                                        {{"ORDER", "random"}, {"SEED", "2"}}}) {
    Emulator emulator(variables);
    EXPECT_EQ(trainOn(emulator.device().get(), net), expected);
  }
}

TEST(CudaTraining, CheckedModeFindsNothing) {
  Emulator emulator({{"CHECK", "1"}});
  EXPECT_EQ(trainOn(emulator.device(true).get(), lineNet(Target::Cuda)), onProcessor());
}

TEST(CudaTraining, ResumesWhereItWas) {
  CompiledNet net = lineNet(Target::Cuda);
  Emulator emulator;
  auto device = emulator.device();
  TemporaryFolder folder;
  TrainOptions options;
  options.steps = 7; // in the middle of the second epoch
  CompiledNet shorter = net;
  shorter.recipe.epochs = 3;
  std::atomic<bool> interrupt{false};
  struct Stop : TrainObserver {
    std::atomic<bool> &flag;
    explicit Stop(std::atomic<bool> &flag) : flag(flag) {}
    void onStep(const StepReport &report) override { flag = flag || report.step == 7; }
  } stop(interrupt);
  Dataset data = lineData(net);
  options = {};
  options.outDir = folder.path;
  options.device = device.get();
  options.interrupt = &interrupt;
  auto outcome = train(shorter, data, options, stop);
  ASSERT_TRUE(outcome.ok()) << format(outcome.error());
  EXPECT_TRUE(outcome->interrupted);
  EXPECT_EQ(outcome->step, 8); // the one that was on its way
  TrainOptions resume;
  resume.resume = true;
  EXPECT_EQ(trainOn(device.get(), net, resume, folder.path), onProcessor());
}

// The first two runs of a range differ: launch by launch, then as a graph.
TEST(CudaExecutor, RunsAgainAndWithAnyBatch) {
  Emulator emulator;
  auto device = emulator.device();
  CompiledNet net = lineNet(Target::Cuda);
  auto executor = load(*device, net.train);
  ASSERT_TRUE(executor);
  const Tensor &w = find(net.train, Role::Weight, "Line.w");
  executor->writeTensor(w, 1, std::vector<float>{1, 0, 0, 0});
  for (int64_t n : {5, 5, 5, 2, 2, 5}) {
    std::vector<float> x = numbers(size_t(4 * n), float(n));
    executor->writeTensor(find(net.train, Role::Input, "x"), n, x);
    executor->compute(n);
    double loss = 0; // w . x = x[s, 0] = n + 4 s
    for (int64_t s = 0; s < n; ++s)
      loss += double((n + 4 * s - 1) * (n + 4 * s - 1));
    EXPECT_EQ(executor->readScalar(find(net.train, Role::Result, "loss")), float(loss / double(n)));
  }
  EXPECT_TRUE(executor->finish().ok());
}

// More batch sizes than graphs are kept.
TEST(CudaExecutor, EveryBatchSize) {
  Emulator emulator;
  auto device = emulator.device();
  CompiledNet net = lineNet(Target::Cuda, 70);
  auto executor = load(*device, net.train);
  executor->writeTensor(find(net.train, Role::Weight, "Line.w"), 1, std::vector<float>{1, 0, 0, 0});
  for (int round = 0; round < 2; ++round)
    for (int64_t n = 1; n <= 70; ++n) {
      executor->writeTensor(find(net.train, Role::Input, "x"), n,
                            std::vector<float>(size_t(4 * n), float(n)));
      executor->compute(n);
      ASSERT_EQ(executor->readScalar(find(net.train, Role::Result, "loss")),
                float((n - 1) * (n - 1)));
    }
  EXPECT_TRUE(executor->finish().ok());
}

TEST(CudaExecutor, InputsSentDuringARunAreTheNextOnes) {
  Emulator emulator;
  auto device = emulator.device();
  CompiledNet net = lineNet(Target::Cuda);
  auto executor = load(*device, net.train);
  const Tensor &x = find(net.train, Role::Input, "x"),
               &loss = find(net.train, Role::Result, "loss");
  executor->writeTensor(find(net.train, Role::Weight, "Line.w"), 1, std::vector<float>{1, 0, 0, 0});
  EXPECT_TRUE(executor->isAsynchronous());
  executor->writeTensor(x, 1, std::vector<float>{4, 0, 0, 0});
  for (float next : {6.0f, 9.0f, 11.0f, 15.0f}) {
    float now = next == 6 ? 4 : next == 9 ? 6 : next == 11 ? 9 : 11;
    executor->compute(1);
    executor->writeTensor(x, 1, std::vector<float>{next, 0, 0, 0});
    EXPECT_EQ(executor->readTensor(x, 1)[0], now);
    executor->runLaunches(0, net.train.commit, 1); // once more: with the inputs of this step
    EXPECT_EQ(executor->readScalar(loss), (now - 1) * (now - 1));
  }
}

// A host far ahead: nothing that is still on its way may be overwritten.
TEST(CudaExecutor, ManyStepsWithoutReading) {
  auto train = [](Executor &executor, bool constantRate) {
    const Program &program = executor.program();
    executor.initialize(1);
    for (int step = 0; step < 12; ++step) {
      if (step == 0 || !constantRate)
        executor.writeScalar(find(program, Role::Schedule, "lr"), 0.01f / float(step + 1));
      std::vector<float> x(4 * 3);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = float((step * 7 + int(i) * 5) % 11) / 11;
      executor.writeTensor(find(program, Role::Input, "x"), 3, x);
      executor.compute(3);
      executor.commit(3);
    }
    return executor.readTensor(find(program, Role::Weight, "Line.w"), 1);
  };
  CompiledNet host = lineNet(Target::Cpu), card = lineNet(Target::Cuda);
  auto pool = std::move(*ThreadPool::create(1));
  for (const char *seed : {"late", "1", "2", "3", "4", "5"})
    for (bool constantRate : {false, true}) {
      bool late = seed == std::string("late");
      Emulator emulator({{"ORDER", late ? "late" : "random"}, {"SEED", late ? "0" : seed}});
      auto device = emulator.device();
      EXPECT_EQ(train(*load(*device, card.train), constantRate),
                train(**Executor::create(host.train, *pool), constantRate))
          << seed;
    }
}

TEST(CudaExecutor, ACommitChangesWhatPersists) {
  Emulator emulator;
  auto device = emulator.device();
  CompiledNet net = lineNet(Target::Cuda);
  auto executor = load(*device, net.train);
  const Tensor &w = find(net.train, Role::Weight, "Line.w");
  executor->initialize(1);
  std::vector<float> before = executor->readTensor(w, 1);
  executor->writeScalar(find(net.train, Role::Schedule, "lr"), 0.5f);
  executor->writeTensor(find(net.train, Role::Input, "x"), 2, numbers(8, 1));
  executor->compute(2);
  EXPECT_EQ(executor->readTensor(w, 1), before);
  executor->commit(2);
  EXPECT_NE(executor->readTensor(w, 1), before);
  EXPECT_EQ(executor->readScalar(find(net.train, Role::State, "Line.steps")), 1);
}

// Scalar results come with whole runs; after a part of one they are read where they are.
TEST(CudaExecutor, ResultsOfAPartOfARun) {
  Emulator emulator;
  auto device = emulator.device();
  CompiledNet net = lineNet(Target::Cuda);
  net.train.launches.insert(net.train.launches.begin() + 2, net.train.launches[0]);
  net.train.commit = 3;
  auto executor = load(*device, net.train);
  const Tensor &w = find(net.train, Role::Weight, "Line.w");
  executor->writeTensor(find(net.train, Role::Input, "x"), 1, std::vector<float>{1, 0, 0, 0});
  executor->compute(1);
  for (float value : {3.0f, 5.0f}) {
    executor->writeTensor(w, 1, std::vector<float>{value, 0, 0, 0});
    executor->runLaunches(0, 2, 1);
    EXPECT_EQ(executor->readScalar(find(net.train, Role::Result, "loss")),
              (value - 1) * (value - 1));
  }
}

TEST(CudaExecutor, SharedMemoryAndBarriers) {
  Emulator emulator;
  auto device = emulator.device();
  Program program;
  program.name = "infer";
  program.target = Target::Cuda;
  program.module = moduleHead() + sumKernel();
  program.maxBatch = 3;
  program.arenaBytes = 512;
  program.kernels.push_back({"sum", nullptr, "sum", 64, 0});
  program.sites.push_back({"Sum", {}});
  program.launches.push_back({0, 0, {0, 256}, {1, 0, 1}, {}, {}, {}});
  program.commit = 1;
  Program::Constant constant{0, std::vector<uint8_t>(256)};
  std::vector<float> values = numbers(64, 0);
  memcpy(constant.bytes.data(), values.data(), 256);
  program.constants.push_back(constant);
  Tensor result;
  result.name = "sums";
  result.role = Role::Result;
  result.batched = true;
  result.batchStride = 1;
  result.offset = 256;
  result.bytes = 12;
  program.tensors.push_back(result);
  auto executor = load(*device, program);
  ASSERT_TRUE(executor);
  for (int64_t n : {3, 1, 3}) {
    executor->run(n);
    std::vector<float> sums = executor->readTensor(program.tensors[0], n);
    for (int64_t i = 0; i < n; ++i)
      EXPECT_EQ(sums[size_t(i)], float(2016 + i));
  }
}
