//===- Stepper.h - one step of a training
//--------------------------------------------------------===//
//
// What a step computes is a function of its samples and its number; who fills the inputs does not
// matter. So the training loop of `gnc train` and one in a host program, given the same batches,
// end with the same bits.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Checkpoint.h"
#include "runtime/Schedule.h"

#include <functional>

namespace gnc::runtime {

/// How long a training is.
struct TrainingLength {
  int64_t batch = 0, stepsPerEpoch = 0, totalSteps = 0;
  /// In epochs; not whole if it is given by steps.
  double epochs() const { return double(totalSteps) / double(stepsPerEpoch); }
  /// Epochs begun in all, the last one perhaps cut short.
  int64_t epochsShown() const { return (totalSteps + stepsPerEpoch - 1) / stepsPerEpoch; }
};

/// The length of training `net` on that many samples; `epochs` or `steps`, at most one, in place of
/// the recipe's. Errors: "empty-data", "no-length".
Result<TrainingLength> measureTraining(const CompiledNet &net, int64_t samples,
                                       std::optional<int64_t> epochs, std::optional<int64_t> steps);

/// Whether a training on that many samples can go on from `state`; `where` begins the message ("the
/// checkpoint 'FILE' "). Errors: "other-data", "not-a-checkpoint".
Status checkResumed(const TrainingState &state, const TrainingLength &length, int64_t samples,
                    const std::string &where);

class Stepper {
public:
  struct Report {
    double loss = 0;         ///< of the batch, before the update
    double gradientNorm = 0; ///< NaN if the program computes none
    bool skipped = false;    ///< not finite, and left out
  };

  /// The train program of `net`, in its executor; both must outlive the stepper. A program without
  /// a loss is an internal error.
  Status bind(const CompiledNet &net, Executor &executor, const TrainingLength &length);

  /// One step with the n samples that lie in the inputs, called `samples` in messages.
  Result<Report> step(TrainingState &state, std::span<const uint32_t> samples, bool skipNotFinite) {
    begin(state, samples);
    return end(state, skipNotFinite);
  }
  /// The same in two parts. Where runs are asynchronous, a second step of the same epoch may begin
  /// before the first one ends: then the program does not wait for the host to read its loss.
  /// `samples` are looked at until the step has ended.
  void begin(const TrainingState &state, std::span<const uint32_t> samples);
  /// Ends the oldest step; `state` goes on by one step, and where it ends an epoch, `closeEpoch` is
  /// to follow. After a step that is not finite, one that was begun behind it has not happened:
  /// inFlight() is 0. Errors: "not-finite", at the line that computed the first such value, or at
  /// the weight that became so; the state is as before then, and of the program nothing was
  /// written, or all of this step.
  Result<Report> end(TrainingState &state, bool skipNotFinite);
  /// Steps that have begun and not ended.
  int64_t inFlight() const { return int64_t(begun.size()); }

  /// Everything that the state says about the epoch that has begun starts anew.
  static void closeEpoch(TrainingState &state);

  /// A note for messages: what is left of the training if it ends here.
  std::function<std::string()> kept;
  /// Fills the inputs with the samples of the step after those of the state once more: those of a
  /// step behind it have taken their place. Only for who begins a step before the last one's end.
  std::function<Status()> refill;
  /// How the user asks for `skipNotFinite`.
  std::string skipOption = "--on-nan=continue";

private:
  Status bindSchedules();
  /// What schedules are functions of, at a step (from 1).
  Schedule::Variables variablesOf(int64_t step) const;
  /// Of the step so many after the last one of `state`.
  void setSchedules(const TrainingState &state, int64_t ahead);
  bool dropLaterSteps();
  Status repeat(const TrainingState &state, std::span<const uint32_t> samples);
  Error weightNotFinite(const TrainingState &state) const;
  Error notFinite(const std::string &what, const TrainingState &state) const;
  Error explain(const std::string &what, const TrainingState &state,
                std::span<const uint32_t> samples);

  const CompiledNet *net = nullptr;
  Executor *program = nullptr;
  TrainingLength length;
  std::vector<std::pair<const Tensor *, Schedule>> schedules;
  bool hasGradientNorm = false;
  std::vector<std::span<const uint32_t>> begun; ///< samples of steps that have not ended
};

} // namespace gnc::runtime
