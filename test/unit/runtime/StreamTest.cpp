//===- StreamTest.cpp - what random numbers are drawn from ------------------------------------===//
#include "TrainingBench.h"
#include "runtime/Evaluate.h"

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {

/// Gives `program` a stream; returns where it lies.
uint64_t addStream(Program &program) {
  Tensor stream;
  stream.name = "stream";
  stream.role = Role::Stream;
  stream.type = ElementType::I32;
  stream.shape = {4};
  stream.strides = {1};
  stream.offset = program.arenaBytes;
  stream.bytes = 16;
  program.arenaBytes += 64;
  program.tensors.push_back(stream);
  return stream.offset;
}

void launchLast(Program &program, KernelEntry entry, std::vector<uint64_t> arguments) {
  program.kernels.push_back({"stream", entry});
  Launch launch;
  launch.kernel = uint32_t(program.kernels.size()) - 1;
  launch.arguments = std::move(arguments);
  program.launches.insert(program.launches.begin() + ptrdiff_t(program.commit), launch);
  ++program.commit;
}

std::vector<std::array<uint32_t, 4>> seen;

void record(int64_t, int64_t, int64_t, void *const *arguments) {
  const auto *words = static_cast<const uint32_t *>(arguments[0]);
  seen.push_back({words[0], words[1], words[2], words[3]});
}

/// The loss of sample n is what its numbers would be made of.
void sampleNumbers(int64_t, int64_t, int64_t n, void *const *arguments) {
  const auto *words = static_cast<const uint32_t *>(arguments[0]);
  auto *loss = static_cast<float *>(arguments[1]);
  for (int64_t s = 0; s < n; ++s)
    loss[s] = float(1000 * words[0] + 100 * words[2] + (words[3] + uint32_t(s)) % 7);
}

} // namespace

/// Steps count from 1; all bits of the seed are there.
TEST(Stream, StepsOfATraining) {
  Bench bench;
  bench.net.recipe.epochs = 2;
  bench.net.recipe.seed = 0x700000005;
  launchLast(bench.net.train, record, {addStream(bench.net.train)});
  TemporaryFolder folder;
  seen.clear();
  ASSERT_TRUE(bench.run(bench.options(folder.path)).ok());
  ASSERT_EQ(seen.size(), 10u);
  for (uint32_t i = 0; i < 10; ++i)
    EXPECT_EQ(seen[i], (std::array<uint32_t, 4>{5, 7, i + 1, 0}));
}

/// An evaluation draws by the seed and the sample, however the samples are batched.
TEST(Stream, SamplesNotBatches) {
  Bench bench;
  bench.net.recipe.seed = 3;
  const Tensor loss = *bench.net.eval.find(Role::Result, "loss");
  launchLast(bench.net.eval, sampleNumbers, {addStream(bench.net.eval), loss.offset});
  double expected = 0;
  for (uint32_t s = 0; s < 23; ++s)
    expected += 3000 + s % 7;
  auto device = std::move(*HostDevice::create(1));
  for (int64_t batch : {1, 2, 3, 4}) {
    bench.net.eval.maxBatch = batch;
    auto evaluator = Evaluator::create(bench.net, *bench.data.train.part, *device);
    ASSERT_TRUE(evaluator.ok()) << format(evaluator.error());
    std::optional<Scores> scores = *(*evaluator)->evaluate(bench.data.train);
    ASSERT_TRUE(scores);
    EXPECT_EQ(scores->loss, expected / 23) << batch;
  }
}

/// A piece of a split draws what its samples draw in the whole.
TEST(Stream, PiecesDrawAsTheWhole) {
  Bench bench;
  launchLast(bench.net.infer, record, {addStream(bench.net.infer)});
  auto device = std::move(*HostDevice::create(1));
  auto executor = std::move(*device->load(bench.net.infer));
  auto evaluatorNet = bench.net;
  launchLast(evaluatorNet.eval, record, {addStream(evaluatorNet.eval)});
  Split piece = bench.data.train;
  piece.samples = {piece.samples[5]};
  piece.first = 5;
  seen.clear();
  ASSERT_TRUE(infer(bench.net.recipe, *executor, piece, [](int64_t, int64_t, auto) {
                return Status();
              }).ok());
  auto evaluator = Evaluator::create(evaluatorNet, *bench.data.train.part, *device);
  ASSERT_TRUE(evaluator.ok());
  ASSERT_TRUE((*evaluator)->evaluate(piece).ok());
  ASSERT_EQ(seen.size(), 2u);
  for (const auto &words : seen)
    EXPECT_EQ(words[3], 5u);
}

/// A stream is four words: a compiler that says otherwise is wrong.
TEST(Stream, IsChecked) {
  Bench bench;
  addStream(bench.net.eval);
  bench.net.eval.tensors.back().shape = {3};
  auto pool = std::move(*ThreadPool::create(1));
  auto executor = Executor::create(bench.net.eval, *pool);
  ASSERT_FALSE(executor.ok());
  EXPECT_NE(format(executor.error()).find("is not four words of a stream"), std::string::npos);
}
