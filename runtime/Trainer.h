//===- Trainer.h - the training loop
//------------------------------------------------------------===//
//
// Everything that a training does is a pure function of (seed, path, epoch, step): the order of
// samples, initial values, schedules. So a training that was stopped anywhere, by a signal or by
// kill -9, and resumed from its last checkpoint ends with the same bytes as an undisturbed one.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Dataset.h"
#include "runtime/Evaluate.h"

namespace gnc::runtime {

struct TrainOptions {
  std::string outDir;
  bool resume =
      false; ///< go on from last.safetensors in outDir; otherwise start afresh and overwrite
  std::optional<uint64_t> seed;         ///< in place of the recipe's
  std::optional<int64_t> epochs, steps; ///< in place of the recipe's epochs or steps; at most one
  /// Where to train; null: on the processor, with `threads` threads. Outlives the call.
  Device *device = nullptr;
  int threads = 0; ///< 0: all processors
  /// Steps between checkpoints inside an epoch. 0: whenever half a minute has passed. When a
  /// checkpoint is written never changes what is computed; there is always one at the end of an
  /// epoch.
  int64_t checkpointEverySteps = 0;
  /// A step whose loss or gradient is not finite is left out and counted, in place of an error.
  bool skipNotFinite = false;
  /// Weights of Recipe::init that do not fit, on either side, are passed over with a warning.
  bool partial = false;
  const std::atomic<bool> *interrupt =
      nullptr; ///< set it, and training stops after the steps that have begun, checkpoint saved
};

struct StepReport {
  int64_t epoch, epochs; ///< from 1
  int64_t stepInEpoch, stepsPerEpoch;
  int64_t step, steps; ///< of the whole training, from 1
  int64_t batch;       ///< samples in this step
  double loss;         ///< of this step's batch, before the update; may be NaN if it was left out
  double meanLoss;     ///< of the epoch so far
};

struct EpochReport {
  int64_t epoch, epochs, step;
  double loss;                  ///< mean over samples of the losses before each update
  const std::string &split;     ///< what `scores` are of: "test" or "validation"
  std::optional<Scores> scores; ///< nothing if there is no eval program
  const std::vector<std::string> &metrics;
  bool best;           ///< best.safetensors was written
  int64_t skipped = 0; ///< steps left out so far in all, see TrainOptions::skipNotFinite
};

/// Sees a training happen. Called on the training's thread; references live for the call.
class TrainObserver {
public:
  virtual ~TrainObserver() = default;
  /// Before the first step; `step` is not 0 in a resumed training.
  virtual void onStart(int64_t /*step*/, int64_t /*steps*/) {}
  virtual void onStep(const StepReport &) {}
  virtual void onEpoch(const EpochReport &) {}
  virtual void onCheckpoint(const std::string & /*path*/, int64_t /*step*/) {}
  virtual void onWarning(const std::string & /*text*/) {}
};

struct TrainOutcome {
  bool interrupted = false; ///< stopped by the user, checkpoint saved
  int64_t step = 0;         ///< steps done in all
  int64_t stepsRun = 0;     ///< of these, in this call; 0 if the training was finished before
  std::optional<double> best;
  std::string bestMetric; ///< "loss" or a metric's name
  int64_t skipped = 0;    ///< steps left out in all
};

/// Trains `net` on `data` (opened with the same seed and Recipe::validate). Writes
/// last.safetensors, best.safetensors and log.csv (epoch, step, loss, test_loss or validation_loss,
/// metrics) into options.outDir.
///
/// Errors: "not-finite" (at the line that computed the first such value; nothing of the failed step
/// is committed, nothing is written; a weight that the optimizer itself made so is found right
/// after its step, on a card during the next one), "init-differs" (Recipe::init does not fit),
/// Executor::status and those of readSafetensors,
/// "no-checkpoint", "other-net", "other-seed", "other-data", "no-length" (neither epochs nor
/// steps), those of loadCheckpoint, OutputFolder and Executor.
Result<TrainOutcome> train(const CompiledNet &net, const Dataset &data, const TrainOptions &options,
                           TrainObserver &observer);

} // namespace gnc::runtime
