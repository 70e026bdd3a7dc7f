#include "TrainingBench.h"
#include "runtime/Checkpoint.h"
#include "runtime/OutputFolder.h"

#include <csignal>
#include <sys/wait.h>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

TEST(Resume, InterruptedAtEveryStepAndResumedEqualsUndisturbed) {
  Bench bench;
  std::string reference = undisturbed(bench);
  for (int64_t stop = 1; stop <= benchSteps; ++stop) {
    TemporaryFolder folder;
    TrainOptions options = bench.options(folder.path);
    Watcher first, second;
    first.interruptAfter = stop;
    Result<TrainOutcome> result = bench.run(options, first);
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->interrupted);
    EXPECT_EQ(result->step, stop);
    options.resume = true;
    result = bench.run(options, second);
    ASSERT_TRUE(result.ok()) << format(result.error());
    EXPECT_FALSE(result->interrupted);
    EXPECT_EQ(result->stepsRun, benchSteps - stop);
    EXPECT_EQ(outcome(folder), reference) << stop;
  }
}

TEST(Resume, InterruptedAgainAndAgain) {
  Bench bench;
  std::string reference = undisturbed(bench);
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  for (int64_t stop = 1; stop <= benchSteps; ++stop) {
    Watcher watcher;
    watcher.interruptAfter = stop;
    ASSERT_TRUE(bench.run(options, watcher).ok());
    options.resume = true;
  }
  ASSERT_TRUE(bench.run(options).ok());
  EXPECT_EQ(outcome(folder), reference);
}

TEST(Resume, DeathRightAfterAnyCheckpointLosesNothing) {
  Bench bench;
  std::string reference = undisturbed(bench);
  for (int64_t death = 0; death < benchSteps + 3; ++death) {
    TemporaryFolder folder;
    TrainOptions options = bench.options(folder.path);
    options.checkpointEverySteps = 1;
    pid_t child = fork();
    if (child == 0) {
      Watcher watcher;
      watcher.dieAtCheckpoint = death;
      (void)bench.run(options, watcher).ok();
      _exit(0);
    }
    waitpid(child, nullptr, 0);
    options.resume = true;
    Result<TrainOutcome> result = bench.run(options);
    ASSERT_TRUE(result.ok()) << format(result.error());
    EXPECT_EQ(outcome(folder), reference) << death;
  }
}

TEST(Resume, KilledAnywhereAndResumedEqualsUndisturbed) {
  Bench bench;
  std::string reference = undisturbed(bench);
  int resumed = 0;
  for (int round = 0; round < 40; ++round) {
    TemporaryFolder folder;
    TrainOptions options = bench.options(folder.path);
    options.checkpointEverySteps = 1 + round % 3;
    pid_t child = fork();
    if (child == 0) {
      Watcher watcher;
      watcher.pause = 200;
      (void)bench.run(options, watcher).ok();
      _exit(0);
    }
    usleep(useconds_t(300 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    options.resume = true;
    Result<TrainOutcome> result = bench.run(options);
    if (!result.ok()) { // killed before anything was written
      ASSERT_EQ(result.error().slug, "no-checkpoint");
      continue;
    }
    ++resumed;
    ASSERT_EQ(outcome(folder), reference) << round;
    EXPECT_EQ(fileCount(folder), 3u);
  }
  EXPECT_GT(resumed, 5);
}

TEST(Resume, ResumeRefusesWhatItCannotContinue) {
  Bench bench;
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  options.resume = true;
  EXPECT_EQ(bench.run(options).error().slug, "no-checkpoint");
  options.outDir = folder / "absent";
  EXPECT_EQ(bench.run(options).error().slug, "no-checkpoint");
  EXPECT_FALSE(folderExists(options.outDir));
  options.outDir = folder.path;
  options.resume = false;
  ASSERT_TRUE(bench.run(options).ok());
  options.resume = true;
  options.seed = 5;
  EXPECT_EQ(bench.run(options).error().slug, "other-seed");
  options.seed.reset();
  Bench other;
  other.net.recipe.net = "Other";
  EXPECT_EQ(other.run(options).error().slug, "other-net");
  other.net.recipe.net = "Fake";
  other.data = fakeData(other.net, 24);
  EXPECT_EQ(other.run(options).error().slug, "other-data");
  writeText(folder / "last.safetensors", "garbage");
  EXPECT_EQ(bench.run(options).error().slug, "bad-safetensors");
}

TEST(Resume, OneTrainingAFolder) {
  Bench bench;
  TemporaryFolder folder;
  Result<OutputFolder> other = OutputFolder::open(folder.path);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(bench.run(bench.options(folder.path)).error().slug, "folder-busy");
}

TEST(Resume, ContradictoryCheckpointsAreRefused) {
  Bench bench;
  TemporaryFolder folder;
  TrainOptions options = bench.options(folder.path);
  ASSERT_TRUE(bench.run(options).ok());
  Result<SafetensorsFile> file = readSafetensors(folder / "last.safetensors");
  std::vector<TensorToWrite> tensors;
  for (const auto &[name, stored] : file->tensors)
    tensors.push_back(
        {name, ElementType::F32, stored.shape, {stored.bytes.begin(), stored.bytes.end()}});
  options.resume = true;
  std::pair<const char *, const char *> damages[] = {{"step", "14"},
                                                     {"step", "9223372036854775807"},
                                                     {"epoch", "9223372036854775807"},
                                                     {"step_in_epoch", "15"},
                                                     {"step_in_epoch", "9223372036854775807"},
                                                     {"loss_count", "3"},
                                                     {"evaluated_step", "16"}};
  for (auto [key, value] : damages) {
    Metadata metadata = file->metadata;
    metadata[key] = value;
    ASSERT_TRUE(writeSafetensors(folder / "last.safetensors", tensors, metadata).ok());
    Result<TrainOutcome> result = bench.run(options);
    ASSERT_FALSE(result.ok()) << key << value;
    EXPECT_EQ(result.error().slug, "not-a-checkpoint") << key << value;
  }
}
