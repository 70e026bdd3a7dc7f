// Steps of a training on the software device: one graph each, two on their way, and what happens
// where one is not finite.
#include "../runtime/TestFiles.h"
#include "Emulator.h"
#include "LineNet.h"

#include <cmath>
#include <cstring>

using namespace gnc::cuda;
using namespace gnc::cuda::test;
using namespace gnc::runtime;
using gnc::runtime::test::TemporaryFolder;

namespace {
/// Calls of the driver.
struct Calls {
  int graphs = 0, kernels = 0, waits = 0;
  bool operator==(const Calls &) const = default;
};
Calls calls;
std::optional<Driver> counted; ///< what is counted goes on to

/// The software device, whose calls are counted from now on.
std::unique_ptr<CudaDevice> countedDevice(const Emulator &emulator) {
  Driver driver = emulator.driver();
  counted = driver;
  calls = {};
  driver.graphLaunch = [](GraphExec graph, Stream stream) {
    ++calls.graphs;
    return counted->graphLaunch(graph, stream);
  };
  driver.launchKernel = [](auto... arguments) {
    ++calls.kernels;
    return counted->launchKernel(arguments...);
  };
  driver.streamSynchronize = [](Stream stream) {
    ++calls.waits;
    return counted->streamSynchronize(stream);
  };
  auto device = CudaDevice::create(driver, {});
  EXPECT_TRUE(device.ok()) << (device.ok() ? "" : format(device.error()));
  return device.ok() ? std::move(*device) : nullptr;
}

/// The line net with weights of 1, 0, 0, 0.
struct Bench {
  explicit Bench(const Emulator::Variables &variables = {})
      : emulator(variables), device(countedDevice(emulator)), executor(load(*device, net.train)) {
    executor->writeTensor(w, 1, std::vector<float>{1, 0, 0, 0});
  }
  /// Of one sample, whose loss with the first weights is (x - 1)^2.
  void begin(float x, float rate) {
    executor->writeScalar(find(net.train, Role::Schedule, "lr"), rate);
    executor->writeTensor(find(net.train, Role::Input, "x"), 1, std::vector<float>{x, 0, 0, 0});
    executor->beginStep(1);
  }
  float weight() { return executor->readTensor(w, 1)[0]; }
  float steps() { return executor->readScalar(find(net.train, Role::State, "Line.steps")); }

  CompiledNet net = lineNet(Target::Cuda);
  const Tensor &w = find(net.train, Role::Weight, "Line.w");
  Emulator emulator;
  std::unique_ptr<CudaDevice> device;
  std::unique_ptr<Executor> executor;
};

/// The line net's data, where one sample of the training is not a number.
Dataset spoiltData(const CompiledNet &net) {
  Dataset data = lineData(net);
  const Member &x = data.train.part->members[0];
  float nan = NAN;
  memcpy(const_cast<uint8_t *>(x.data.data()) + 7 * x.sampleBytes(), &nan, sizeof nan);
  return data;
}

/// A training on a card and one on the processor; their folders have one name in messages.
void expectAlike(const CompiledNet &card, const CompiledNet &processor, const TrainOptions &options,
                 const Dataset &data, const char *part) {
  for (const char *order : {"late", "early"}) {
    Emulator emulator({{"ORDER", order}});
    TemporaryFolder one, two;
    std::string found = trainOn(emulator.device().get(), card, options, one.path, &data);
    std::string expected = trainOn(nullptr, processor, options, two.path, &data);
    if (size_t at = found.find(one.path); at != std::string::npos)
      found.replace(at, one.path.size(), two.path);
    EXPECT_EQ(found, expected);
    EXPECT_NE(found.find(part), std::string::npos) << found;
    EXPECT_EQ(gnc::runtime::test::readText(one.path + "/last.safetensors"),
              gnc::runtime::test::readText(two.path + "/last.safetensors"));
  }
}
} // namespace

// After the first ones, which go launch by launch, and without waiting for anything else.
TEST(CudaStep, IsOneGraphLaunch) {
  Bench b;
  for (int step = 0; step < 4; ++step) {
    b.begin(3, 0.125f);
    b.executor->endStep();
  }
  for (int step = 0; step < 3; ++step) {
    calls = {};
    b.begin(3, 0.125f);
    b.executor->endStep();
    EXPECT_EQ(calls, (Calls{1, 0, 0}));
  }
  EXPECT_EQ(b.steps(), 7);
}

// The host reads the loss of a step when the next one has been launched.
TEST(CudaStep, TheNextOneIsOnItsWay) {
  for (Emulator::Variables order : {Emulator::Variables{{"ORDER", "late"}},
                                    {{"ORDER", "early"}},
                                    {{"ORDER", "random"}, {"SEED", "3"}}}) {
    Bench b(order);
    b.begin(2, 0);
    for (float x : {5.0f, 7.0f, 3.0f, 9.0f, 2.0f, 6.0f}) {
      float before = x == 5 ? 2 : x == 7 ? 5 : x == 3 ? 7 : x == 9 ? 3 : x == 2 ? 9 : 2;
      b.begin(x, 0);
      StepOutcome outcome = b.executor->endStep();
      EXPECT_TRUE(outcome.finite);
      EXPECT_EQ(outcome.loss, (before - 1) * (before - 1));
      EXPECT_EQ(outcome.gradientNorm, 2 * (before - 1) * before);
    }
    EXPECT_EQ(b.executor->endStep().loss, 25);
    EXPECT_EQ(b.steps(), 7);
  }
}

// Neither it nor the one behind it changes anything, whatever that one computes.
TEST(CudaStep, ThatIsNotFiniteIsNotCommitted) {
  Bench b;
  for (int round = 0; round < 3; ++round) {
    b.begin(round == 1 ? INFINITY : NAN, 0.125f);
    b.begin(3, 0.125f);
    StepOutcome bad = b.executor->endStep(), good = b.executor->endStep();
    EXPECT_FALSE(bad.finite);
    EXPECT_FALSE(std::isfinite(bad.loss));
    EXPECT_EQ(good.loss, 4);
    EXPECT_FALSE(good.finite) << "it was not committed";
    EXPECT_EQ(b.weight(), 1);
    EXPECT_EQ(b.steps(), 0);
    b.executor->proceed();
  }
  b.begin(3, 0.125f);
  EXPECT_TRUE(b.executor->endStep().finite);
  EXPECT_EQ(b.weight(), 1 - 0.125f * 12);
  EXPECT_EQ(b.steps(), 1);
}

// The gradient's norm alone may be too large.
TEST(CudaStep, WhoseNormIsNotFiniteIsNotCommitted) {
  Bench b;
  b.begin(1e18f, 0);
  StepOutcome outcome = b.executor->endStep();
  EXPECT_TRUE(std::isfinite(outcome.loss));
  EXPECT_FALSE(std::isfinite(outcome.gradientNorm));
  EXPECT_FALSE(outcome.finite);
  EXPECT_EQ(b.steps(), 0);
}

// The weight stays as the step left it: the one behind it is not committed.
TEST(CudaStep, ThatSpoilsAWeightIsTheLast) {
  Bench b;
  EXPECT_EQ(b.executor->notFiniteWeight(), nullptr);
  b.begin(3, INFINITY);
  b.begin(3, 0);
  StepOutcome outcome = b.executor->endStep();
  EXPECT_EQ(outcome.loss, 4);
  EXPECT_FALSE(outcome.finite);
  b.executor->endStep();
  EXPECT_EQ(b.executor->notFiniteWeight(), &b.w);
  EXPECT_EQ(b.weight(), -INFINITY);
  EXPECT_EQ(b.steps(), 1);
}

//===- Trainings ------------------------------------------------------------------------------===//

// The optimizer makes a weight infinite: told with the number of the step, before anything is
// saved.
TEST(CudaTraining, TellsTheStepThatSpoiltAWeight) {
  for (const char *schedule : {"1 2 step - / 0.1 *", "1 8 step - / 0.1 *"}) {
    CompiledNet net = lineNet(Target::Cuda), host = lineNet(Target::Cpu);
    for (CompiledNet *each : {&net, &host})
      for (Tensor &tensor : each->train.tensors)
        if (tensor.role == Role::Schedule)
          tensor.schedule = schedule;
    expectAlike(net, host, {}, lineData(net), "the weight 'Line.w' is not finite at step");
  }
}

// The step behind it was on its way; it is found out all the same what was wrong, and what was left
// is the same.
TEST(CudaTraining, TellsTheSampleThatWasNotFinite) {
  CompiledNet net = lineNet(Target::Cuda), host = lineNet(Target::Cpu);
  Dataset data = spoiltData(net);
  TrainOptions options;
  expectAlike(net, host, options, data, "the data: 'x' of sample 7 holds nan");
  options.checkpointEverySteps = 1;
  expectAlike(net, host, options, data, "the data: 'x' of sample 7 holds nan");
  options.checkpointEverySteps = 0;
  options.skipNotFinite = true;
  expectAlike(net, host, options, data, "epoch,step,loss");
}

TEST(CudaTraining, NamesTheLaunchThatWasNotFiniteFirst) {
  CompiledNet net = lineNet(Target::Cuda);
  for (Tensor &tensor : net.train.tensors)
    if (tensor.role == Role::Weight)
      tensor.initial = {Initializer::Kind::Constant, 3e38, 0};
  Emulator emulator;
  std::string text = trainOn(emulator.device().get(), net);
  EXPECT_NE(text.find("line.net:4:3: error: the loss is not finite at step 1"), std::string::npos)
      << text;
  EXPECT_NE(text.find("computed by Line.dot for sample"), std::string::npos) << text;
}
