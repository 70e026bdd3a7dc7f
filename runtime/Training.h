//===- Training.h - one training, between its calls
//---------------------------------------------===//
//
// Private to the trainer: Trainer.cpp is the loop, Training.cpp is how it begins.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Checkpoint.h"
#include "runtime/OutputFolder.h"
#include "runtime/Schedule.h"
#include "runtime/Trainer.h"

#include <chrono>

namespace gnc::runtime {

class Training {
public:
  Training(const CompiledNet &net, const Dataset &data, const TrainOptions &options,
           TrainObserver &observer)
      : net(net), data(data), options(options), observer(observer) {}

  /// Everything before the first step: lengths, programs, folder, and a state, fresh or resumed.
  Status prepare();
  Result<TrainOutcome> run();

private:
  using Clock = std::chrono::steady_clock;

  Status measure();
  Status build();
  Status chooseBest();
  Status buildEvaluator();
  Status bindSchedules();
  Status start();
  Status initializeFromFile();
  Status resume();
  Status checkResumed() const;
  bool consistentLossCount() const;
  Status tidyFolder();

  bool interrupted() const {
    return options.interrupt && options.interrupt->load(std::memory_order_relaxed);
  }
  bool atBoundary() const { return state.stepInEpoch == stepsPerEpoch || state.step == totalSteps; }
  bool checkpointDue() const;
  int64_t epochsShown() const { return (totalSteps + stepsPerEpoch - 1) / stepsPerEpoch; }
  const Split &heldOut() const { return data.validation.size() ? data.validation : data.test; }

  Status step();
  const Tensor *notFiniteResult() const;
  Status checkWeights() const;
  Error notFinite(const std::string &what) const;
  Error explain(const std::string &what, std::span<const uint32_t> samples);
  void setSchedules();
  Status gatherBatch(std::span<const uint32_t> &samples);

  Status closeEpoch(bool &stopped);
  Status keepBest(const std::optional<Scores> &scores, double loss, bool &kept);
  void logEpoch(const std::optional<Scores> &scores, double loss);
  std::string logHead() const;
  Status save();

  const CompiledNet &net;
  const Dataset &data;
  const TrainOptions &options;
  TrainObserver &observer;

  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Executor> program;
  std::unique_ptr<Evaluator> evaluator; ///< none without an eval program
  StateCopy toEvaluator;
  Feed feed;
  std::vector<std::pair<const Tensor *, Schedule>> schedules;
  const Tensor *loss = nullptr, *gradientNorm = nullptr;
  OutputFolder folder;

  TrainingState state;
  int64_t batch = 0, stepsPerEpoch = 0, totalSteps = 0;
  double epochs = 0; ///< length of the training in epochs; not whole if the recipe counts steps
  std::string bestMetric;
  std::vector<uint32_t> order; ///< of the samples in `orderedEpoch`
  int64_t orderedEpoch = -1;
  int64_t stepsRun = 0, savedStep = -1;
  Clock::time_point savedAt;
};

} // namespace gnc::runtime
