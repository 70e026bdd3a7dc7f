// Averages of weights: kept beside them, and what evaluation uses.
#include "FakeNet.h"
#include "TestFiles.h"
#include "runtime/Checkpoint.h"

#include <gtest/gtest.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
/// The fake net, whose train program also holds an average that lies dense.
struct Fixture {
  CompiledNet net = fakeNet();
  std::unique_ptr<ThreadPool> pool = std::move(*ThreadPool::create(1));
  std::unique_ptr<Executor> train, eval;
  TemporaryFolder folder;
  std::string file = folder / "last.safetensors";

  Fixture() {
    Tensor average = *net.train.find(Role::Weight, "Fake.w");
    average.role = Role::Average;
    average.initial = {};
    average.strides = {fakePixels, 1};
    average.offset = net.train.arenaBytes;
    net.train.arenaBytes += (average.bytes + 63) / 64 * 64;
    net.train.tensors.push_back(average);
    train = std::move(*Executor::create(net.train, *pool));
    eval = std::move(*Executor::create(net.eval, *pool));
    train->initialize(1);
  }
  std::vector<float> weight() { return read(*train, Role::Weight); }
  std::vector<float> average() { return read(*train, Role::Average); }
  std::vector<float> evaluated() { return read(*eval, Role::Weight); }
  void setAverage(float value) {
    train->writeTensor(*net.train.find(Role::Average, "Fake.w"), 1, std::vector<float>(48, value));
  }

private:
  std::vector<float> read(Executor &executor, Role role) {
    return executor.readTensor(*executor.program().find(role, "Fake.w"), 1);
  }
};
} // namespace

TEST(Average, StartsAsTheWeight) {
  Fixture f;
  EXPECT_EQ(f.average(), f.weight());
}

TEST(Average, IsWhatAnEvaluationDuringTrainingSees) {
  Fixture f;
  f.setAverage(7);
  auto copy = StateCopy::plan(*f.train, *f.eval);
  ASSERT_TRUE(copy.ok());
  copy->run();
  EXPECT_EQ(f.evaluated(), f.average());
}

TEST(Average, BothAreSavedAndResumed) {
  Fixture f;
  std::vector<float> weight = f.weight();
  f.setAverage(7);
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, {}).ok());
  std::vector<float> average = f.average();
  f.train->initialize(2);
  ASSERT_TRUE(loadCheckpoint(f.file, *f.train).ok());
  EXPECT_EQ(f.weight(), weight);
  EXPECT_EQ(f.average(), average);
}

TEST(Average, IsWhatEvaluationLoads) {
  Fixture f;
  f.setAverage(7);
  ASSERT_TRUE(saveCheckpoint(f.file, *f.train, {}).ok());
  ASSERT_TRUE(loadWeights(f.file, *f.eval).ok());
  EXPECT_EQ(f.evaluated(), f.average());
  ASSERT_TRUE(saveWeights(f.file, *f.train, {}).ok());
  f.eval->initialize(1);
  ASSERT_TRUE(loadWeights(f.file, *f.eval).ok());
  EXPECT_EQ(f.evaluated(), f.average());
}

TEST(Average, MustBeFiniteToBeSaved) {
  Fixture f;
  f.setAverage(std::numeric_limits<float>::infinity());
  EXPECT_EQ(saveWeights(f.file, *f.train, {}).error().slug, "not-finite");
}

// As many bytes are not the same weights.
TEST(Average, OfAnotherShapeOrTypeIsRefused) {
  for (bool shape : {true, false}) {
    Fixture f;
    ASSERT_TRUE(saveCheckpoint(f.file, *f.train, {}).ok());
    Result<SafetensorsFile> saved = readSafetensors(f.file);
    ASSERT_TRUE(saved.ok());
    std::vector<TensorToWrite> tensors;
    for (const auto &[key, stored] : saved->tensors) {
      bool odd = key == "average/Fake.w";
      TensorToWrite out{key,
                        odd && !shape ? ElementType::I32 : ElementType::F32,
                        stored.shape,
                        {stored.bytes.begin(), stored.bytes.end()}};
      if (odd && shape)
        out.shape = {fakePixels, fakeClasses};
      tensors.push_back(std::move(out));
    }
    ASSERT_TRUE(writeSafetensors(f.file, std::move(tensors), {}).ok());
    Status status = loadWeights(f.file, *f.eval);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().slug, "weights-differ");
    EXPECT_EQ(status.error().notes.at(0),
              shape ? "'average/Fake.w' is [16, 3] in the file, but [3, 16] in the network"
                    : "'average/Fake.w' is I32 in the file, but F32 in the network");
  }
}
