#include "runtime/Checkpoint.h"
#include "FakeNet.h"
#include "TestFiles.h"

#include <cmath>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
struct Fixture {
  CompiledNet net = fakeNet();
  std::unique_ptr<ThreadPool> pool = std::move(*ThreadPool::create(1));
  std::unique_ptr<Executor> train = std::move(*Executor::create(net.train, *pool));
  TemporaryFolder folder;
  std::string file = folder / "a.safetensors";

  Fixture() { train->initialize(1); }
  const Tensor &w() { return *net.train.find(Role::Weight, "Fake.w"); }
};

TrainingState sampleState() {
  TrainingState state;
  state.net = "Fake";
  state.seed = ~uint64_t(0);
  state.batch = 5;
  state.samples = 23;
  state.epoch = 2;
  state.stepInEpoch = 3;
  state.step = 13;
  state.lossSum = 0.1 + 0.2;
  state.lossCount = 15;
  state.evaluatedStep = 10;
  state.best = 1.0 / 3;
  state.bestMetric = "accuracy";
  state.log = "1,5,0.5\n2,10,0.25\n";
  return state;
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}
} // namespace

TEST(Checkpoint, RoundTripIsExact) {
  Fixture f;
  TrainingState state = sampleState();
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, state).ok());
  std::vector<float> before = f.train->readTensor(f.w(), 1);
  f.train->initialize(2);
  Result<TrainingState> loaded = loadCheckpoint(f.file, *f.train);
  ASSERT_TRUE(loaded.ok()) << format(loaded.error());
  EXPECT_EQ(f.train->readTensor(f.w(), 1), before);
  EXPECT_EQ(loaded->seed, state.seed);
  EXPECT_EQ(loaded->lossSum, state.lossSum);
  EXPECT_EQ(loaded->best, state.best);
  EXPECT_EQ(loaded->log, state.log);
  std::string bytes = readText(f.file);
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, *loaded).ok());
  EXPECT_EQ(readText(f.file), bytes);
}

TEST(Checkpoint, KeysAreLogicalAndReadable) {
  Fixture f;
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, sampleState()).ok());
  Result<SafetensorsFile> file = readSafetensors(f.file);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(file->tensors.at("Fake.w").shape, (std::vector<int64_t>{3, 16}));
  EXPECT_TRUE(file->tensors.contains("optimizer/Fake.w.v"));
  EXPECT_EQ(file->metadata.at("step"), "13");
}

TEST(Checkpoint, WeightsLoadIntoAnotherLayout) {
  Fixture f;
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, sampleState()).ok());
  auto eval = std::move(*Executor::create(f.net.eval, *f.pool));
  Status status = loadWeights(f.file, *eval);
  ASSERT_TRUE(status.ok()) << format(status.error());
  EXPECT_EQ(eval->readTensor(*f.net.eval.find(Role::Weight, "Fake.w"), 1),
            f.train->readTensor(f.w(), 1));
}

TEST(Checkpoint, WeightsAloneAreNoCheckpoint) {
  Fixture f;
  ASSERT_TRUE(saveWeights(f.file, *f.train, {}).ok());
  EXPECT_EQ(loadCheckpoint(f.file, *f.train).error().slug, "not-a-checkpoint");
  EXPECT_TRUE(loadWeights(f.file, *f.train).ok());
}

TEST(Checkpoint, DifferencesAreListed) {
  Fixture f;
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, sampleState()).ok());
  CompiledNet other = fakeNet();
  for (Tensor &tensor : other.train.tensors) {
    if (tensor.name == "Fake.mean")
      tensor.name = "Fake.means";
    if (tensor.name == "Fake.w") {
      tensor.shape = {16, 3};
      tensor.strides = {3, 1};
    }
  }
  auto executor = std::move(*Executor::create(other.train, *f.pool));
  Error error = loadCheckpoint(f.file, *executor).error();
  EXPECT_EQ(error.slug, "weights-differ");
  std::string text = format(error);
  EXPECT_TRUE(contains(text, "'Fake.w' is [3, 16] in the file, but [16, 3] in the network"))
      << text;
  EXPECT_TRUE(contains(text, "missing in the file: Fake.means")) << text;
  EXPECT_TRUE(contains(text, "unknown to the network: Fake.mean\n")) << text;
  EXPECT_TRUE(contains(text, "'Fake.means' was called 'Fake.mean' before")) << text;
}

TEST(Checkpoint, OtherTypesAreRefused) {
  Fixture f;
  std::vector<TensorToWrite> tensors{
      {"Fake.w", ElementType::I32, {3, 16}, std::vector<uint8_t>(192)},
      {"Fake.mean", ElementType::F32, {}, std::vector<uint8_t>(4)}};
  ASSERT_TRUE(writeSafetensors(f.file, tensors, {}).ok());
  EXPECT_TRUE(contains(format(loadWeights(f.file, *f.train).error()),
                       "is I32 in the file, but F32 in the network"));
}

TEST(Checkpoint, AWeightThatIsNotFiniteIsNotSaved) {
  Fixture f;
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, sampleState()).ok());
  std::string before = readText(f.file);
  std::vector<float> values = f.train->readTensor(f.w(), 1);
  values[7] = NAN;
  f.train->writeTensor(f.w(), 1, values);
  EXPECT_EQ(saveCheckpoint(f.file, *f.train, sampleState()).error().slug, "not-finite");
  EXPECT_EQ(readText(f.file), before);
}

TEST(Checkpoint, BadMetadataIsRefused) {
  Fixture f;
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, sampleState()).ok());
  Result<SafetensorsFile> good = readSafetensors(f.file);
  struct Case {
    const char *key, *value;
  } cases[] = {{"gnc_checkpoint", "2"}, {"step", "-1"},
               {"step", "1x"},          {"step", ""},
               {"seed", "-1"},          {"loss_sum", "nan"},
               {"best", "inf"},         {"epoch", "99999999999999999999"}};
  std::vector<TensorToWrite> tensors;
  for (const auto &[name, stored] : good->tensors)
    tensors.push_back(
        {name, ElementType::F32, stored.shape, {stored.bytes.begin(), stored.bytes.end()}});
  for (const Case &c : cases) {
    Metadata metadata = good->metadata;
    metadata[c.key] = c.value;
    ASSERT_TRUE(writeSafetensors(f.file, tensors, metadata).ok());
    EXPECT_EQ(loadCheckpoint(f.file, *f.train).error().slug, "not-a-checkpoint")
        << c.key << " " << c.value;
  }
  for (const auto &[key, value] : good->metadata) {
    Metadata metadata = good->metadata;
    metadata.erase(key);
    ASSERT_TRUE(writeSafetensors(f.file, tensors, metadata).ok());
    EXPECT_EQ(loadCheckpoint(f.file, *f.train).ok(), key == "best") << key;
  }
}

TEST(Checkpoint, AFailedLoadChangesNothing) {
  Fixture f;
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, sampleState()).ok());
  std::string good = readText(f.file);
  f.train->initialize(9);
  std::vector<float> before = f.train->readTensor(f.w(), 1);
  Dice dice(5);
  for (int i = 0; i < 3000; ++i) {
    writeText(f.file, mutate(good, dice));
    if (loadCheckpoint(f.file, *f.train).ok())
      f.train->initialize(9);
    else
      ASSERT_EQ(f.train->readTensor(f.w(), 1), before);
  }
}
