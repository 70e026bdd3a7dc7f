#include "runtime/Evaluate.h"
#include "FakeNet.h"
#include "test/Tolerance.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
struct Fixture {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  std::unique_ptr<ThreadPool> pool = std::move(*ThreadPool::create(2));
  std::unique_ptr<Device> device = std::move(*HostDevice::create(2));
};

std::vector<float> inferAll(Fixture &f, int64_t maxBatch) {
  f.net.infer.maxBatch = maxBatch;
  auto executor = std::move(*Executor::create(f.net.infer, *f.pool));
  executor->initialize(1);
  std::vector<float> values;
  int64_t expected = 0;
  Status status = infer(f.net.recipe, *executor, f.data.test,
                        [&](int64_t first, int64_t n, auto outputs) -> Status {
                          EXPECT_EQ(first, expected);
                          expected += n;
                          EXPECT_EQ(outputs.size(), 1u);
                          EXPECT_EQ(outputs[0].tensor->name, "probability");
                          size_t old = values.size();
                          values.resize(old + size_t(n) * 3);
                          memcpy(&values[old], outputs[0].bytes.data(), size_t(n) * 12);
                          return {};
                        });
  EXPECT_TRUE(status.ok());
  return values;
}
} // namespace

TEST(Evaluate, MeansDoNotDependOnTheBatch) {
  Fixture f;
  std::optional<Scores> reference;
  for (int64_t batch : {1, 2, 3, 4}) {
    f.net.eval.maxBatch = batch;
    auto evaluator = Evaluator::create(f.net, *f.data.test.part, *f.device);
    ASSERT_TRUE(evaluator.ok()) << format(evaluator.error());
    (*evaluator)->executor().initialize(1);
    std::optional<Scores> scores = *(*evaluator)->evaluate(f.data.train);
    ASSERT_TRUE(scores);
    if (!reference)
      reference = scores;
    EXPECT_EQ(scores->loss, reference->loss);
    EXPECT_EQ(scores->metrics, reference->metrics);
  }
  double hits = reference->metrics.at(0) * 23;
  EXPECT_NEAR(hits, std::round(hits), gnc::test::kFew64);
  EXPECT_GT(reference->loss, 0);
}

TEST(Evaluate, StopsWhenAsked) {
  Fixture f;
  auto evaluator = Evaluator::create(f.net, *f.data.test.part, *f.device);
  ASSERT_TRUE(evaluator.ok());
  std::atomic<bool> interrupt{true};
  EXPECT_FALSE(*(*evaluator)->evaluate(f.data.test, &interrupt));
}

TEST(Evaluate, MissingMetricsAreOurBug) {
  Fixture f;
  f.net.recipe.metrics.push_back("f1");
  EXPECT_EQ(Evaluator::create(f.net, *f.data.test.part, *f.device).error().code, ErrorCode::Internal);
}

TEST(Infer, VisitsEverySampleOnce) {
  Fixture f;
  std::vector<float> values = inferAll(f, 3);
  ASSERT_EQ(values.size(), 12u); // 23 training samples come with 4 for testing
  EXPECT_EQ(inferAll(f, 1), values);
  for (size_t s = 0; s < 4; ++s)
    EXPECT_NEAR(values[3 * s] + values[3 * s + 1] + values[3 * s + 2], 1, gnc::test::roundings(16));
}

TEST(Infer, TheSinkMayStop) {
  Fixture f;
  auto executor = std::move(*Executor::create(f.net.infer, *f.pool));
  int calls = 0;
  Status status =
      infer(f.net.recipe, *executor, f.data.test, [&](int64_t, int64_t, auto) -> Status {
        ++calls;
        return inputError("enough", "enough");
      });
  EXPECT_EQ(status.error().slug, "enough");
  EXPECT_EQ(calls, 1);
  f.net.recipe.outputs = {"nothing"};
  EXPECT_FALSE(infer(f.net.recipe, *executor, f.data.test, [](int64_t, int64_t, auto) {
                 return Status();
               }).ok());
  f.net.recipe.outputs = {}; // all results
  size_t results = 0;
  EXPECT_TRUE(infer(f.net.recipe, *executor, f.data.test, [&](int64_t, int64_t, auto outputs) {
                results = outputs.size();
                return Status();
              }).ok());
  EXPECT_EQ(results, 3u);
}
