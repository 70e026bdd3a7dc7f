//===- Checkpoint.h - all that a training is, in one file
//---------------------------------------===//
//
// A checkpoint is a safetensors file: weights and states under their paths, optimizer states under
// "optimizer/" + path, averaged weights under "average/" + path, everything else as text in the
// header. A run that goes on from it does what the undisturbed run would have done, bit for bit.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Executor.h"
#include "runtime/Safetensors.h"

namespace gnc::runtime {

/// Where a training stands, besides its tensors.
struct TrainingState {
  std::string net;
  uint64_t seed = 0;
  int64_t batch = 0;       ///< of the recipe: the order of samples depends on it
  int64_t samples = 0;     ///< in the training split
  int64_t epoch = 0;       ///< full epochs done
  int64_t stepInEpoch = 0; ///< steps done in the epoch that has begun
  int64_t step = 0;        ///< steps done in all
  double lossSum =
      0; ///< of the epoch that has begun: sum over samples of the losses before each update
  int64_t lossCount = 0; ///< samples in lossSum
  int64_t skipped = 0;   ///< steps in all that were left out because they were not finite
  int64_t evaluatedStep =
      0; ///< the last step after which an epoch was closed (evaluated, logged); 0: none yet
  std::optional<double> best; ///< value of the metric that best.safetensors has
  std::string bestMetric;     ///< its name
  std::string log;            ///< lines of log.csv so far, without its head
};

/// Writes everything. A weight that is not finite is an input error ("not-finite"), and nothing is
/// written.
Status saveCheckpoint(const std::string &path, const Executor &train, const TrainingState &state);

/// Reads everything into the executor's arena, or changes nothing. Errors: those of
/// readSafetensors; input "not-a-checkpoint", "weights-differ" (missing, unexpected names, shapes,
/// types).
Result<TrainingState> loadCheckpoint(const std::string &path, Executor &train);

/// Only weights, their averages and states, for eval and infer; `metadata` is written as it is.
Status saveWeights(const std::string &path, const Executor &executor, const Metadata &metadata);

/// Reads weights and states from a checkpoint or a weights file, or changes nothing; optimizer
/// states are passed over. Of a weight that has an average, the average is read.
Status loadWeights(const std::string &path, Executor &executor);
/// The same of a file in memory; `name` is for messages.
Status loadWeights(std::span<const uint8_t> file, const std::string &name, Executor &executor);

/// Whether a file, which is in memory, has the weights and states of a program; else the errors of
/// loadWeights.
Status checkWeights(std::span<const uint8_t> file, const std::string &name,
                    const Program &program);

/// The key of a weight's average in a file, and what every such key begins with.
std::string averageKey(const std::string &path);
constexpr std::string_view averagePrefix = "average/", optimizerPrefix = "optimizer/";

} // namespace gnc::runtime
