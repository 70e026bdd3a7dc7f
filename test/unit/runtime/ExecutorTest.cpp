#include "runtime/Executor.h"
#include "FakeNet.h"
#include "TestFiles.h"
#include "runtime/Evaluate.h"
#include "runtime/Feed.h"
#include "runtime/Layout.h"

#include <cstring>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
std::unique_ptr<ThreadPool> makePool(int threads = 1) {
  return std::move(*ThreadPool::create(threads));
}

std::unique_ptr<Executor> make(const Program &program, ThreadPool &pool) {
  auto executor = Executor::create(program, pool);
  EXPECT_TRUE(executor.ok()) << (executor.ok() ? "" : format(executor.error()));
  return std::move(*executor);
}

Error createError(const Program &program) {
  auto pool = makePool();
  auto executor = Executor::create(program, *pool);
  EXPECT_FALSE(executor.ok());
  return executor.ok() ? Error() : executor.error();
}

const Tensor &find(const Program &program, Role role, const char *name) {
  return *program.find(role, name);
}

/// One byte of the arena, which lies on the host.
Tensor byteTensor(uint64_t offset) {
  Tensor tensor;
  tensor.type = ElementType::U8;
  tensor.offset = offset;
  return tensor;
}
} // namespace

TEST(Executor, ComputeLeavesWeightsAndCommitWritesThem) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  auto pool = makePool(2);
  auto executor = make(net.train, *pool);
  executor->initialize(1);
  const Tensor &w = find(net.train, Role::Weight, "Fake.w");
  std::vector<float> before = executor->readTensor(w, 1);
  Result<Feed> feed = Feed::bind(*data.train.part, *executor);
  ASSERT_TRUE(feed.ok());
  std::vector<uint32_t> batch{0, 1, 2};
  ASSERT_TRUE(feed->gather(*data.train.part, batch).ok());
  executor->writeScalar(find(net.train, Role::Schedule, "lr"), 0.5f);
  executor->compute(3);
  EXPECT_EQ(executor->readTensor(w, 1), before);
  EXPECT_GT(executor->readScalar(find(net.train, Role::Result, "loss")), 0);
  executor->commit(3);
  EXPECT_NE(executor->readTensor(w, 1), before);
}

TEST(Executor, SameBytesForAnyNumberOfThreads) {
  CompiledNet net = fakeNet(16);
  Dataset data = fakeData(net, 64);
  std::vector<float> reference;
  for (int threads : {1, 2, 3, 5}) {
    auto pool = makePool(threads);
    auto executor = make(net.train, *pool);
    executor->initialize(1);
    Result<Feed> feed = Feed::bind(*data.train.part, *executor);
    executor->writeScalar(find(net.train, Role::Schedule, "lr"), 0.5f);
    for (uint32_t first = 0; first < 64; first += 16) {
      ASSERT_TRUE(
          feed->gather(*data.train.part, std::span(data.train.samples).subspan(first, 16)).ok());
      executor->run(16);
    }
    std::vector<float> w = executor->readTensor(find(net.train, Role::Weight, "Fake.w"), 1);
    if (reference.empty())
      reference = w;
    EXPECT_EQ(w, reference) << threads;
  }
}

TEST(Executor, TensorsAreReadAndWrittenInLogicalOrder) {
  CompiledNet net = fakeNet();
  auto pool = makePool();
  auto train = make(net.train, *pool), eval = make(net.eval, *pool);
  std::vector<float> values(48);
  for (size_t i = 0; i < 48; ++i)
    values[i] = float(i);
  const Tensor &w = find(net.train, Role::Weight, "Fake.w");
  train->writeTensor(w, 1, values);
  EXPECT_EQ(train->readTensor(w, 1), values);
  float element; // w[1, 2] lies transposed
  memcpy(&element, train->read(w, 1) + 4 * (1 + 3 * 2), 4);
  EXPECT_EQ(element, 18);
  Result<StateCopy> copy = StateCopy::plan(*train, *eval);
  ASSERT_TRUE(copy.ok());
  copy->run();
  EXPECT_EQ(eval->readTensor(find(net.eval, Role::Weight, "Fake.w"), 1), values);
  const Tensor &label = find(net.train, Role::Input, "label");
  train->writeTensor(label, 3, std::vector<float>{2, 0, 1});
  EXPECT_EQ(train->readTensor(label, 3), (std::vector<float>{2, 0, 1}));
}

TEST(Executor, StateCopyNoticesOtherNets) {
  CompiledNet net = fakeNet(), other = fakeNet();
  other.eval.tensors[1].name = "Other.w";
  auto pool = makePool();
  auto train = make(net.train, *pool), eval = make(other.eval, *pool);
  EXPECT_EQ(StateCopy::plan(*train, *eval).error().code, ErrorCode::Internal);
}

TEST(Executor, ConstantsAreThereAndTheArenaIsAligned) {
  CompiledNet net = fakeNet();
  auto pool = makePool();
  auto executor = make(net.train, *pool);
  Tensor constant = byteTensor(net.train.constants[0].offset);
  float half;
  memcpy(&half, executor->read(constant, 1), 4);
  EXPECT_EQ(half, 0.5f);
  EXPECT_EQ(uintptr_t(executor->read(byteTensor(0), 1)) % 4096, 0u);
  Program large = net.train;
  large.arenaBytes = uint64_t(5) << 20;
  auto second = make(large, *pool);
  EXPECT_EQ(uintptr_t(second->read(byteTensor(0), 1)) % (2 << 20), 0u);
  *second->stage(byteTensor(large.arenaBytes - 1)) = 1;
}

TEST(Executor, TooMuchMemoryIsRefusedByName) {
  for (uint64_t bytes : {uint64_t(1) << 45, uint64_t(1) << 62, ~uint64_t(0)}) {
    Program program = fakeNet().train;
    program.arenaBytes = bytes;
    Error error = createError(program);
    EXPECT_EQ(error.slug, "out-of-memory");
    EXPECT_EQ(error.code, ErrorCode::Environment);
    EXPECT_NE(error.message.find(std::to_string(bytes) + " bytes"), std::string::npos)
        << error.message;
  }
}

TEST(Executor, InconsistentProgramsAreInternalErrors) {
  using Damage = void (*)(Program &);
  Damage damages[] = {[](Program &p) { p.maxBatch = 0; },
                      [](Program &p) { p.commit = 99; },
                      [](Program &p) { p.persistentBytes = p.arenaBytes + 1; },
                      [](Program &p) { p.launches[0].kernel = 99; },
                      [](Program &p) { p.kernels[0].entry = nullptr; },
                      [](Program &p) { p.launches[0].arguments[0] = p.arenaBytes + 1; },
                      [](Program &p) { p.launches[0].tiles.divisor = 0; },
                      [](Program &p) { p.constants[0].offset = ~uint64_t(0); },
                      [](Program &p) { p.tensors[0].offset = ~uint64_t(63); },
                      [](Program &p) { p.tensors[0].offset += 2; },
                      [](Program &p) { p.tensors[0].strides[0] = -1; },
                      [](Program &p) { p.tensors[0].strides[1] = int64_t(1) << 62; },
                      [](Program &p) { p.tensors[0].strides.pop_back(); },
                      [](Program &p) { p.tensors[0].shape[0] = -3; },
                      [](Program &p) { p.tensors[0].shape.assign(40, 1); },
                      [](Program &p) { p.tensors[0].declared = {7, 7}; },
                      [](Program &p) { p.tensors[0].batched = true; },
                      [](Program &p) { p.maxBatch += 1; }};
  for (size_t i = 0; i < std::size(damages); ++i) {
    Program program = fakeNet().train;
    damages[i](program);
    EXPECT_EQ(createError(program).code, ErrorCode::Internal) << i;
  }
}

TEST(Layout, NegativeStridesAndHighRank) {
  Tensor tensor;
  tensor.shape = {2, 1, 3, 2};
  tensor.strides = {6, 100, 2, 1};
  tensor.bytes = 48;
  EXPECT_TRUE(isDense(tensor)); // the stride of an extent of 1 does not matter
  EXPECT_TRUE(staysInside(tensor, 1));
  tensor.strides = {1, 0, 4, 2};
  EXPECT_FALSE(isDense(tensor));
  EXPECT_TRUE(staysInside(tensor, 1));
  std::vector<float> dense(12), arena(12), back(12);
  for (size_t i = 0; i < 12; ++i)
    dense[i] = float(i);
  unpack(tensor, 1, reinterpret_cast<uint8_t *>(dense.data()),
         reinterpret_cast<uint8_t *>(arena.data()));
  EXPECT_EQ(arena, (std::vector<float>{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}));
  pack(tensor, 1, reinterpret_cast<uint8_t *>(arena.data()),
       reinterpret_cast<uint8_t *>(back.data()));
  EXPECT_EQ(back, dense);
  tensor.bytes = 47;
  EXPECT_FALSE(staysInside(tensor, 1));
}

TEST(Feed, WidensAndScattersIntoAnyLayout) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  Program program = net.train;
  for (Tensor &tensor : program.tensors)
    if (tensor.name == "image") { // channels last, as f32, padded to 32 elements a sample
      tensor.type = ElementType::F32;
      tensor.strides = {1, 1, 4};
      tensor.batchStride = 32;
      tensor.bytes = 4 * 32 * 5;
      tensor.offset = program.arenaBytes;
      program.arenaBytes += 640;
    }
  auto pool = makePool();
  auto executor = make(program, *pool);
  Result<Feed> feed = Feed::bind(*data.train.part, *executor);
  ASSERT_TRUE(feed.ok()) << format(feed.error());
  std::vector<uint32_t> batch{7, 3};
  ASSERT_TRUE(feed->gather(*data.train.part, batch).ok());
  std::vector<float> image = executor->readTensor(find(program, Role::Input, "image"), 2);
  const uint8_t *bytes = data.train.part->find("image")->data.data();
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(image[i], float(bytes[7 * 16 + i]));
    EXPECT_EQ(image[16 + i], float(bytes[3 * 16 + i]));
  }
  program.tensors[3].member = "depth";
  EXPECT_EQ(Feed::bind(*data.train.part, *make(program, *pool)).error().code, ErrorCode::Internal);
}

namespace {
int prologueRuns = 0;
void countRuns(int64_t, int64_t, int64_t, void *const *) { ++prologueRuns; }
} // namespace

TEST(Executor, WhatDependsOnWeightsAloneRunsOnceForManyBatches) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  auto pool = makePool();
  Program &infer = net.infer;
  infer.kernels.push_back({"count", countRuns});
  Launch once;
  once.kernel = uint32_t(infer.kernels.size()) - 1;
  infer.launches.insert(infer.launches.begin(), once);
  infer.prologue = 1;
  ++infer.commit;
  auto executor = make(infer, *pool);
  prologueRuns = 0;
  auto ignore = [](int64_t, int64_t, auto) -> Status { return {}; };
  ASSERT_TRUE(gnc::runtime::infer(net.recipe, *executor, data.test, ignore).ok());
  EXPECT_GT(data.test.size(), infer.maxBatch); // several batches
  EXPECT_EQ(prologueRuns, 1);
  executor->run(1);
  EXPECT_EQ(prologueRuns, 2);
  infer.prologue = infer.launches.size() + 1;
  EXPECT_EQ(createError(infer).code, ErrorCode::Internal);
}
