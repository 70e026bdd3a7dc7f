//===- TrainingBench.h - trainings of the fake net, watched and disturbed
//-------------------------===//
#pragma once

#include "FakeNet.h"
#include "TestFiles.h"
#include "runtime/Trainer.h"

#include <unistd.h>

namespace gnc::runtime::test {

constexpr int64_t benchSteps = 15; // 23 samples in batches of 5, 3 epochs

/// Sets the interrupt after a step, or dies at a checkpoint.
struct Watcher : TrainObserver {
  std::atomic<bool> interrupt{false};
  int64_t interruptAfter = -1, checkpoints = 0, dieAtCheckpoint = -1;
  std::vector<std::pair<int64_t, int64_t>> seen; ///< epoch, step in it
  std::vector<int64_t> batches;
  std::vector<double> losses;
  std::vector<EpochReport> epochs;
  std::vector<std::string> warnings;
  useconds_t pause = 0;

  void onStep(const StepReport &report) override {
    seen.emplace_back(report.epoch, report.stepInEpoch);
    batches.push_back(report.batch);
    losses.push_back(report.loss);
    if (pause)
      usleep(pause);
    if (report.step == interruptAfter)
      interrupt = true;
  }
  void onEpoch(const EpochReport &report) override { epochs.push_back(report); }
  void onCheckpoint(const std::string &, int64_t) override {
    if (checkpoints++ == dieAtCheckpoint)
      _exit(0);
  }
  void onWarning(const std::string &text) override { warnings.push_back(text); }
};

struct Bench {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);

  TrainOptions options(const std::string &out) {
    TrainOptions options;
    options.outDir = out;
    options.threads = 1;
    return options;
  }
  Result<TrainOutcome> run(const TrainOptions &base, Watcher &watcher) {
    TrainOptions options = base;
    options.interrupt = &watcher.interrupt;
    return train(net, data, options, watcher);
  }
  Result<TrainOutcome> run(const TrainOptions &options) {
    Watcher watcher;
    return run(options, watcher);
  }
};

/// Everything a training leaves.
inline std::string outcome(const TemporaryFolder &folder) {
  return readText(folder / "last.safetensors") + readText(folder / "best.safetensors") +
         readText(folder / "log.csv");
}

inline std::string undisturbed(Bench &bench) {
  TemporaryFolder folder;
  Result<TrainOutcome> result = bench.run(bench.options(folder.path));
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : format(result.error()));
  return outcome(folder);
}

inline size_t fileCount(const TemporaryFolder &folder) {
  std::filesystem::directory_iterator files(folder.path), end;
  return size_t(std::distance(files, end));
}

} // namespace gnc::runtime::test
