#include "runtime/Trainer.h"
#include "TrainingBench.h"
#include "runtime/Checkpoint.h"

using namespace gnc::runtime;
using namespace gnc::runtime::test;

TEST(Trainer, LearnsAndReports) {
  Bench bench;
  bench.net.recipe.epochs = 20;
  TemporaryFolder folder;
  Watcher watcher;
  Result<TrainOutcome> result = bench.run(bench.options(folder.path), watcher);
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_EQ(result->step, 100);
  EXPECT_EQ(result->stepsRun, 100);
  EXPECT_FALSE(result->interrupted);
  ASSERT_EQ(watcher.epochs.size(), 20u);
  EXPECT_LT(watcher.epochs.back().loss, watcher.epochs.front().loss / 2);
  EXPECT_GT(result->best.value(), 0.7);
  EXPECT_EQ(watcher.batches[3], 5);
  EXPECT_EQ(watcher.batches[4], 3); // the last, smaller batch
  double sum = 0;
  for (size_t i = 0; i < 5; ++i)
    sum += watcher.losses[i] * double(watcher.batches[i]);
  EXPECT_EQ(watcher.epochs[0].loss, sum / 23);
  EXPECT_EQ(fileCount(folder), 3u);
}

TEST(Trainer, LogHasOneRowAnEpoch) {
  Bench bench;
  TemporaryFolder folder;
  ASSERT_TRUE(bench.run(bench.options(folder.path)).ok());
  std::string log = readText(folder / "log.csv");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4);
  EXPECT_EQ(log.substr(0, log.find('\n')), "epoch,step,loss,test_loss,accuracy");
  EXPECT_NE(log.find("\n3,15,"), std::string::npos);
}

TEST(Trainer, SameBytesForAnyNumberOfThreads) {
  Bench bench;
  std::string reference = undisturbed(bench);
  for (int threads : {2, 4}) {
    TemporaryFolder folder;
    TrainOptions options = bench.options(folder.path);
    options.threads = threads;
    ASSERT_TRUE(bench.run(options).ok());
    EXPECT_EQ(outcome(folder), reference) << threads;
  }
}

TEST(Trainer, SeedsAndRunsDiffer) {
  Bench bench;
  std::string reference = undisturbed(bench);
  EXPECT_EQ(undisturbed(bench), reference);
  bench.net.recipe.seed = 2;
  EXPECT_NE(undisturbed(bench), reference);
}

TEST(Trainer, StopsWhereAWeightIsNotFinite) {
  Bench bench;
  bench.net = fakeNet(5, "step 3 == 1 0 / 0.1 if");
  TemporaryFolder folder;
  Result<TrainOutcome> result = bench.run(bench.options(folder.path));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().slug, "not-finite");
  EXPECT_EQ(result.error().code, ErrorCode::Input);
  EXPECT_EQ(result.error().message,
            "the weight 'Fake.w' is not finite at step 3 (epoch 1, step 3 of 5)");
  EXPECT_EQ(result.error().location->line, 3);
  auto pool = std::move(*ThreadPool::create(1));
  auto executor = std::move(*Executor::create(bench.net.train, *pool));
  Result<TrainingState> state = loadCheckpoint(folder / "last.safetensors", *executor);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->step, 0);
}

TEST(Trainer, ABadStepIsNotCommitted) {
  Bench bench;
  // The step after the bad one never happens; with a checkpoint at each step the bad weights would
  // be written.
  bench.net = fakeNet(5, "step 3 == 1 0 / 0.1 if");
  TemporaryFolder folder, shorter;
  TrainOptions options = bench.options(folder.path);
  options.checkpointEverySteps = 1;
  EXPECT_EQ(bench.run(options).error().slug, "not-finite");
  options.outDir = shorter.path;
  Watcher watcher;
  watcher.interruptAfter = 2;
  ASSERT_TRUE(bench.run(options, watcher).ok());
  EXPECT_EQ(readText(folder / "last.safetensors"), readText(shorter / "last.safetensors"));
}

TEST(Trainer, StepsInPlaceOfEpochs) {
  Bench bench;
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  options.steps = 7;
  Watcher watcher;
  Result<TrainOutcome> result = bench.run(options, watcher);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->step, 7);
  ASSERT_EQ(watcher.epochs.size(), 2u); // the second one is cut short, and evaluated all the same
  EXPECT_EQ(watcher.epochs[1].step, 7);
  options.resume = true;
  Watcher again;
  result = bench.run(options, again);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->stepsRun, 0);
  EXPECT_TRUE(again.epochs.empty());
  options.steps = 11; // longer: goes on inside the epoch
  ASSERT_TRUE(bench.run(options, again).ok());
  EXPECT_EQ(again.seen.front(), (std::pair<int64_t, int64_t>(2, 3)));
}

TEST(Trainer, LengthIsChecked) {
  Bench bench;
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  options.steps = 1;
  options.epochs = 1;
  EXPECT_EQ(bench.run(options).error().code, ErrorCode::Usage);
  options.steps.reset();
  for (int64_t epochs : {int64_t(0), int64_t(-1), INT64_MAX}) {
    options.epochs = epochs;
    EXPECT_EQ(bench.run(options).error().slug, "no-length") << epochs;
  }
}

TEST(Trainer, AFreshRunOverwrites) {
  Bench bench;
  std::string reference = undisturbed(bench);
  TemporaryFolder folder;
  writeText(folder / "last.safetensors", "of another life");
  writeText(folder / "best.safetensors", "of another life");
  writeText(folder / "log.csv", "epoch\n1\n2\n3\n4\n5\n");
  writeText(folder / "last.safetensors.tmp", "half");
  ASSERT_TRUE(bench.run(bench.options(folder.path)).ok());
  EXPECT_EQ(outcome(folder), reference);
  EXPECT_EQ(fileCount(folder), 3u);
}

TEST(Trainer, AFullDiskIsAnEnvironmentError) {
  Bench bench;
  Error error = bench.run(bench.options("/dev/full")).error();
  EXPECT_EQ(error.code, ErrorCode::Environment);
  EXPECT_EQ(error.slug, "cannot-write");
}

TEST(Trainer, ValidationChoosesTheBest) {
  Bench bench;
  bench.net.recipe.best = "accuracy";
  Watcher warned, quiet;
  TemporaryFolder folder;
  ASSERT_TRUE(bench.run(bench.options(folder.path), warned).ok());
  EXPECT_EQ(warned.warnings.size(), 1u);
  bench.data = fakeData(bench.net, 40, 0.3);
  ASSERT_TRUE(bench.run(bench.options(folder.path), quiet).ok());
  EXPECT_TRUE(quiet.warnings.empty());
  EXPECT_NE(readText(folder / "log.csv").find("validation_loss"), std::string::npos);
  bench.net.recipe.best = "f1";
  EXPECT_EQ(bench.run(bench.options(folder.path)).error().slug, "unknown-metric");
}

TEST(Trainer, TrainsWithoutAnEvalProgram) {
  Bench bench;
  bench.net.eval = {};
  TemporaryFolder folder;
  Result<TrainOutcome> result = bench.run(bench.options(folder.path));
  ASSERT_TRUE(result.ok()) << format(result.error());
  EXPECT_EQ(result->bestMetric, "loss");
  EXPECT_EQ(readText(folder / "log.csv").substr(0, 16), "epoch,step,loss\n");
}

TEST(Trainer, AnOldBestIsGoneBeforeTheFirstEpochEnds) {
  Bench bench;
  TemporaryFolder folder;
  writeText(folder / "best.safetensors", "of another life");
  Watcher watcher;
  watcher.interruptAfter = 1;
  ASSERT_TRUE(bench.run(bench.options(folder.path), watcher).ok());
  EXPECT_FALSE(std::filesystem::exists(folder / "best.safetensors"));
  EXPECT_EQ(readText(folder / "log.csv"), "epoch,step,loss,test_loss,accuracy\n");
}
