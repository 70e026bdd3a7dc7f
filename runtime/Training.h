//===- Training.h - one training, between its calls
//---------------------------------------------===//
//
// Private to the trainer: Trainer.cpp is the loop, Training.cpp is how it begins.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Checkpoint.h"
#include "runtime/OutputFolder.h"
#include "runtime/Stepper.h"
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

  Status build();
  Status chooseBest();
  Status buildEvaluator();
  Status start();
  Status initializeFromFile();
  Status resume();
  Status checkResumed() const;
  Status tidyFolder();

  bool interrupted() const {
    return options.interrupt && options.interrupt->load(std::memory_order_relaxed);
  }
  bool atBoundary() const {
    return state.stepInEpoch == length.stepsPerEpoch || state.step == length.totalSteps;
  }
  /// After a step.
  bool checkpointDue(int64_t step) const;
  const Split &heldOut() const { return data.validation.size() ? data.validation : data.test; }

  Status step();
  Status beginStep();
  bool mayRunAhead() const;
  std::span<const uint32_t> batchAt(int64_t stepInEpoch) const;
  Status gatherBatch(int64_t stepInEpoch, std::span<const uint32_t> &samples);

  Status closeEpoch(bool &stopped);
  Status keepBest(const std::optional<Scores> &scores, double loss, bool &kept);
  void logEpoch(const std::optional<Scores> &scores, double loss);
  std::string logHead() const;
  Status save();

  const CompiledNet &net;
  const Dataset &data;
  const TrainOptions &options;
  TrainObserver &observer;

  std::unique_ptr<Device> ownDevice; ///< if the options name none
  Device *device = nullptr;
  std::unique_ptr<Executor> program;
  std::unique_ptr<Evaluator> evaluator; ///< none without an eval program
  StateCopy toEvaluator;
  Feed feed;
  Stepper stepper;
  OutputFolder folder;

  TrainingState state;
  TrainingLength length;
  std::string bestMetric;
  std::vector<uint32_t> order; ///< of the samples in `orderedEpoch`
  int64_t orderedEpoch = -1;
  int64_t expectedStep = -1; ///< of that epoch: the one whose batch `feed` expects to gather next
  int64_t stepsRun = 0, savedStep = -1;
  Clock::time_point savedAt;
};

} // namespace gnc::runtime
