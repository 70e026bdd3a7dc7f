#include "runtime/InitialWeights.h"
#include "FakeNet.h"
#include "TestFiles.h"
#include "runtime/Checkpoint.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
TensorToWrite tensor(std::string name, std::vector<int64_t> shape, float value) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<float> values(size_t(count), value);
  TensorToWrite out{std::move(name), ElementType::F32, std::move(shape),
                    std::vector<uint8_t>(size_t(count) * 4)};
  memcpy(out.bytes.data(), values.data(), out.bytes.size());
  return out;
}

struct Fixture {
  CompiledNet net = fakeNet();
  std::unique_ptr<ThreadPool> pool = std::move(*ThreadPool::create(1));
  TemporaryFolder folder;
  std::string file = folder / "w.safetensors";

  Result<std::vector<std::string>> start(std::vector<TensorToWrite> tensors, bool partial) {
    EXPECT_TRUE(writeSafetensors(file, std::move(tensors), {}).ok());
    executor = std::move(*Executor::create(net.train, *pool));
    executor->initialize(1);
    before = weight();
    return initializeFrom(file, *executor, partial);
  }
  std::vector<float> weight() {
    return executor->readTensor(*net.train.find(Role::Weight, "Fake.w"), 1);
  }
  std::vector<float> all(float value) { return std::vector<float>(48, value); }

  std::unique_ptr<Executor> executor;
  std::vector<float> before;
};
} // namespace

TEST(InitialWeights, PathsCountBelowTheNet) {
  Fixture f;
  auto result = f.start({tensor("Other.w", {3, 16}, 2), tensor("Other.mean", {}, 5),
                         tensor("optimizer/Other.w.v", {3, 16}, 7)},
                        false);
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_TRUE(result->empty());
  EXPECT_EQ(f.weight(), f.all(2));
  EXPECT_EQ(f.executor->readScalar(*f.net.train.find(Role::State, "Fake.mean")), 5);
}

TEST(InitialWeights, TheAverageComesFirst) {
  Fixture f;
  auto result = f.start({tensor("Other.w", {3, 16}, 2), tensor("Other.mean", {}, 5),
                         tensor("average/Other.w", {3, 16}, 4)},
                        false);
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_EQ(f.weight(), f.all(4));
}

TEST(InitialWeights, EarlierNamesFit) {
  Fixture f;
  for (Tensor &tensor : f.net.train.tensors)
    if (tensor.role == Role::Weight)
      tensor.was = {"Fake.newer", "Fake.old"};
  ASSERT_TRUE(f.start({tensor("Fake.old", {3, 16}, 2), tensor("Fake.mean", {}, 5)}, false).ok());
  EXPECT_EQ(f.weight(), f.all(2));
}

TEST(InitialWeights, AllThatDiffersIsListedAndNothingChanges) {
  Fixture f;
  auto result = f.start({tensor("Other.w", {3, 20}, 2), tensor("Other.meen", {}, 5)}, false);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().slug, "init-differs");
  EXPECT_EQ(result.error().code, ErrorCode::Input);
  std::vector<std::string> notes = {
      "'Fake.w' is [3, 16] in the network, but 'Other.w' is [3, 20] in the file",
      "'Fake.mean' [] is not in the file; nearest there: 'Other.meen' []",
      "'Other.meen' [] is not in the network; nearest there: 'Fake.mean' []"};
  EXPECT_EQ(result.error().notes, notes);
  EXPECT_EQ(f.weight(), f.before);
}

TEST(InitialWeights, PartialTakesWhatFits) {
  Fixture f;
  auto result = f.start({tensor("Other.w", {3, 16}, 2), tensor("Other.head", {9}, 5)}, true);
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_EQ(result->size(), 2u);
  EXPECT_EQ(f.weight(), f.all(2));
}

TEST(InitialWeights, PartialOfNothingIsAMistake) {
  Fixture f;
  auto result = f.start({tensor("Other.head", {9}, 5)}, true);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().slug, "init-differs");
  EXPECT_EQ(f.weight(), f.before);
}

TEST(InitialWeights, OtherTypesDoNotFit) {
  Fixture f;
  TensorToWrite whole = tensor("Other.w", {3, 16}, 0);
  whole.type = ElementType::I32;
  auto result = f.start({whole, tensor("Other.mean", {}, 5)}, false);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().notes.at(0),
            "'Fake.w' is [3, 16] in the network, but 'Other.w' is [3, 16] I32 in the file");
}

TEST(InitialWeights, OfManyDifferencesEightAreListed) {
  Fixture f;
  std::vector<TensorToWrite> tensors = {tensor("Other.w", {3, 16}, 2), tensor("Other.mean", {}, 5)};
  for (int i = 0; i < 20; ++i)
    tensors.push_back(tensor("Other.more" + std::to_string(i), {}, 1));
  auto result = f.start(tensors, false);
  ASSERT_FALSE(result.ok());
  ASSERT_EQ(result.error().notes.size(), 9u);
  EXPECT_EQ(result.error().notes.back(), "and 12 more");
}
