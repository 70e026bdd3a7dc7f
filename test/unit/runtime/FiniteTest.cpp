#include "runtime/Finite.h"
#include "TrainingBench.h"
#include "runtime/Checkpoint.h"

#include <cmath>
#include <cstring>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// A batched tensor [2, 3] whose rows are 8 floats apart: the gaps are not its own.
Tensor strided() {
  Tensor tensor;
  tensor.batched = true;
  tensor.shape = {2, 3};
  tensor.strides = {8, 1};
  tensor.batchStride = 16;
  return tensor;
}

struct Fixture {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  std::unique_ptr<ThreadPool> pool = std::move(*ThreadPool::create(1));
  std::unique_ptr<Executor> executor;
  std::vector<uint32_t> samples = {7, 3, 11};

  explicit Fixture(const std::function<void(Program &)> &change = [](Program &) {}) {
    change(net.train);
    executor = std::move(*Executor::create(net.train, *pool));
    executor->initialize(1);
    Result<Feed> feed = Feed::bind(*data.train.part, *executor);
    EXPECT_TRUE(feed.ok());
    EXPECT_TRUE(feed->gather(*data.train.part, samples).ok());
  }
  std::string blame() {
    auto culprit = findCulprit(*executor, samples);
    return culprit ? culprit->text : "";
  }
};

/// In place of the fake net's backward: the gradient of class 1 is infinite.
void infiniteGradient(int64_t, int64_t, int64_t, void *const *arguments) {
  auto *g = static_cast<float *>(arguments[3]);
  std::fill(g, g + fakeClasses * fakePixels, 0.0f);
  g[fakePixels + 2] = -INFINITY;
}

/// In place of the fake net's sum over the batch: not a number where the first label is 1, a pure
/// function of the batch.
void oddLoss(int64_t, int64_t, int64_t n, void *const *arguments) {
  const auto *losses = static_cast<const float *>(arguments[0]);
  float sum = 0;
  for (int64_t s = 0; s < n; ++s)
    sum += losses[s];
  bool odd = *static_cast<const int32_t *>(arguments[4]) == 1;
  *static_cast<float *>(arguments[2]) = odd ? NAN : sum / float(n);
  *static_cast<float *>(arguments[3]) = 1;
}

void nanLoss(int64_t, int64_t, int64_t, void *const *arguments) {
  *static_cast<float *>(arguments[2]) = NAN;
}

/// The fake net with a loss that is not a number for some batches.
Bench oddBench() {
  Bench bench;
  Program &train = bench.net.train;
  train.kernels[train.launches[2].kernel].entry = oddLoss;
  train.launches[2].arguments.push_back(train.find(Role::Input, "label")->offset);
  return bench;
}
} // namespace

TEST(Finite, LooksAtTheTensorAlone) {
  std::vector<float> memory(32, NAN);
  Tensor tensor = strided();
  for (int s : {0, 1})
    for (int row : {0, 1})
      for (int i : {0, 1, 2})
        memory[size_t(s * 16 + row * 8 + i)] = 1;
  auto *arena = reinterpret_cast<uint8_t *>(memory.data());
  EXPECT_TRUE(isFinite(tensor, 2, arena));
  memory[16 + 8 + 2] = INFINITY;
  EXPECT_TRUE(isFinite(tensor, 1, arena)); // the second sample is not of the batch
  EXPECT_FALSE(isFinite(tensor, 2, arena));
  auto found = findNotFinite(tensor, 2, arena);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->sample, 1);
  EXPECT_EQ(found->index, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(found->value, INFINITY);
}

TEST(Finite, FindsEveryPlace) {
  Tensor tensor;
  tensor.shape = {67}; // vectors and a rest
  tensor.strides = {1};
  std::vector<float> memory(68, 3e38f);
  memory[67] = NAN;
  auto *arena = reinterpret_cast<uint8_t *>(memory.data());
  EXPECT_TRUE(isFinite(tensor, 1, arena));
  for (size_t i = 0; i < 67; ++i)
    for (float bad : {NAN, INFINITY, -INFINITY}) {
      memory[i] = bad;
      auto found = findNotFinite(tensor, 1, arena);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->index, std::vector<int64_t>{int64_t(i)});
      memory[i] = -1e-40f;
    }
}

// Infinities may be meant, a mask writes -inf: the worst comes first, not the first.
TEST(Finite, NanComesBeforeInfinities) {
  Tensor tensor;
  tensor.shape = {6};
  tensor.strides = {1};
  std::vector<float> memory = {1, -INFINITY, INFINITY, NAN, NAN, 1};
  auto *arena = reinterpret_cast<uint8_t *>(memory.data());
  EXPECT_EQ(findNotFinite(tensor, 1, arena)->index.at(0), 3);
  memory[3] = memory[4] = 0;
  EXPECT_EQ(findNotFinite(tensor, 1, arena)->index.at(0), 2);
  memory[2] = 0;
  EXPECT_EQ(findNotFinite(tensor, 1, arena)->index.at(0), 1);
}

TEST(Finite, NothingToBlameInAGoodStep) {
  Fixture f;
  EXPECT_EQ(f.blame(), "");
}

TEST(Finite, BlamesWhatWasThereBefore) {
  Fixture f;
  const Tensor &weight = *f.net.train.find(Role::Weight, "Fake.w");
  std::vector<float> values = f.executor->readTensor(weight, 1);
  values[fakePixels + 5] = NAN;
  f.executor->writeTensor(weight, 1, values);
  EXPECT_EQ(f.blame(), "the weight 'Fake.w' was nan at [1, 5] before this step");
}

TEST(Finite, BlamesTheFirstLaunch) {
  Fixture f([](Program &train) {
    Launch &backward = train.launches[1];
    train.kernels[backward.kernel].entry = infiniteGradient;
    Tensor gradient = *train.find(Role::Optimizer, "Fake.w.v");
    gradient.offset = backward.arguments[3];
    backward.written = {gradient};
    train.sites[backward.site] = {"Fake.linear: backward", {"fake.net", 5, 3}};
  });
  auto culprit = findCulprit(*f.executor, f.samples);
  ASSERT_TRUE(culprit);
  EXPECT_EQ(culprit->text, "the first value that is not finite is -inf, computed by Fake.linear: "
                           "backward");
  EXPECT_EQ(culprit->location.line, 5);
}

TEST(Finite, AMaskIsNotToBlameForALaterNan) {
  Fixture f([](Program &train) {
    Launch &mask = train.launches[1];
    train.kernels[mask.kernel].entry = infiniteGradient;
    Tensor gradient = *train.find(Role::Optimizer, "Fake.w.v");
    gradient.offset = mask.arguments[3];
    mask.written = {gradient};
    train.sites[mask.site] = {"Fake.mask", {"fake.net", 5, 3}};
    Launch &sum = train.launches[2];
    train.kernels[sum.kernel].entry = nanLoss;
    Tensor loss = *train.find(Role::Result, "loss");
    loss.offset = sum.arguments[2];
    loss.batched = false;
    loss.shape = loss.strides = {};
    sum.written = {loss};
    sum.site = uint32_t(train.sites.size());
    train.sites.push_back({"Fake.sum", {"fake.net", 6, 3}});
  });
  EXPECT_EQ(f.blame(), "the first value that is not finite is nan, computed by Fake.sum");
}

TEST(Finite, StepsMayBeLeftOut) {
  Bench bench = oddBench();
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  EXPECT_EQ(bench.run(options).error().slug, "not-finite");
  options.skipNotFinite = true;
  Watcher watcher;
  Result<TrainOutcome> result = bench.run(options, watcher);
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_EQ(result->step, benchSteps);
  int64_t odd = std::count_if(watcher.losses.begin(), watcher.losses.end(),
                              [](double loss) { return std::isnan(loss); });
  EXPECT_GT(odd, 0);
  EXPECT_LT(odd, benchSteps);
  EXPECT_EQ(result->skipped, odd);
  EXPECT_EQ(watcher.epochs.back().skipped, odd);
  EXPECT_EQ(watcher.warnings.size(), 1u);
  EXPECT_TRUE(std::isfinite(watcher.epochs.back().loss));
}

TEST(Finite, StepsLeftOutSurviveAResume) {
  Bench bench = oddBench();
  TemporaryFolder whole, parts;
  TrainOptions options = bench.options(whole.path);
  options.skipNotFinite = true;
  Result<TrainOutcome> undisturbed = bench.run(options);
  ASSERT_TRUE(undisturbed.ok());
  options.outDir = parts.path;
  for (int64_t stop = 1; stop <= benchSteps; ++stop) {
    Watcher watcher;
    watcher.interruptAfter = stop;
    Result<TrainOutcome> result = bench.run(options, watcher);
    ASSERT_TRUE(result.ok()) << format(result.error());
    options.resume = true;
  }
  Result<TrainOutcome> result = bench.run(options);
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_EQ(result->skipped, undisturbed->skipped);
  EXPECT_EQ(outcome(parts), outcome(whole));
}
