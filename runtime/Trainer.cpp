//===- Trainer.cpp - the training loop
//----------------------------------------------------------===//
#include "runtime/Training.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace gnc::runtime {

namespace {
/// Between checkpoints inside an epoch, if the caller does not count steps: little work to lose,
/// next to nothing to save.
constexpr std::chrono::seconds checkpointPause{30};

std::string numberText(double value) {
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%.9g", std::isnan(value) ? NAN : value); // no "-nan"
  return buffer;
}
} // namespace

Result<TrainOutcome> train(const CompiledNet &net, const Dataset &data, const TrainOptions &options,
                           TrainObserver &observer) {
  Training training(net, data, options, observer);
  if (Status status = training.prepare(); !status.ok())
    return std::move(status).error();
  return training.run();
}

/// A state machine over the checkpoint's state alone, so that it may begin in any of its states.
Result<TrainOutcome> Training::run() {
  observer.onStart(state.step, length.totalSteps);
  bool stopped = false;
  for (;;) {
    bool epochOpen = atBoundary() && state.evaluatedStep != state.step;
    if (!epochOpen && state.step >= length.totalSteps)
      break;
    stopped = stopped || (interrupted() && stepper.inFlight() == 0);
    if (stopped)
      break;
    Status status = epochOpen ? closeEpoch(stopped) : step();
    if (status.ok() && !stopped && stepper.inFlight() == 0 && checkpointDue(state.step))
      status = save();
    if (!status.ok())
      return std::move(status).error();
  }
  if (savedStep != state.step)
    if (Status status = save(); !status.ok())
      return std::move(status).error();
  return TrainOutcome{stopped, state.step, stepsRun, state.best, bestMetric, state.skipped};
}

bool Training::checkpointDue(int64_t step) const {
  if (savedStep == step)
    return false;
  if (options.checkpointEverySteps > 0)
    return step - savedStep >= options.checkpointEverySteps;
  return Clock::now() - savedAt >= checkpointPause;
}

Status Training::save() {
  if (Status status = saveCheckpoint(folder.last(), *program, state); !status.ok())
    return status;
  savedStep = state.step;
  savedAt = Clock::now();
  observer.onCheckpoint(folder.last(), state.step);
  return {};
}

//===- A step ---------------------------------------------------------------------------------===//

/// On a card the next step waits behind this one while the host reads the loss of this one.
Status Training::step() {
  if (stepper.inFlight() == 0)
    if (Status status = beginStep(); !status.ok())
      return status;
  if (mayRunAhead())
    (void)beginStep(); // what goes wrong does so again when it is this step's turn
  int64_t n = int64_t(batchAt(state.stepInEpoch).size());
  bool firstSkip = state.skipped == 0;
  Result<Stepper::Report> report = stepper.end(state, options.skipNotFinite);
  if (!report.ok())
    return std::move(report).error();
  if (report->skipped && firstSkip)
    observer.onWarning("step " + std::to_string(state.step) +
                       " is not finite and left out, as will be others");
  ++stepsRun;
  observer.onStep({state.epoch + 1, length.epochsShown(), state.stepInEpoch, length.stepsPerEpoch,
                   state.step, length.totalSteps, n, report->loss,
                   state.lossSum / double(state.lossCount)});
  return {};
}

std::span<const uint32_t> Training::batchAt(int64_t stepInEpoch) const {
  int64_t first = stepInEpoch * length.batch;
  return std::span<const uint32_t>(order).subspan(
      size_t(first), size_t(std::min(length.batch, data.train.size() - first)));
}

/// Nothing but the step behind this one follows it.
bool Training::mayRunAhead() const {
  return program->isAsynchronous() && state.stepInEpoch + 1 < length.stepsPerEpoch &&
         state.step + 1 < length.totalSteps && !interrupted() && !checkpointDue(state.step + 1);
}

Status Training::beginStep() {
  std::span<const uint32_t> samples;
  if (Status status = gatherBatch(state.stepInEpoch + stepper.inFlight(), samples); !status.ok())
    return status;
  stepper.begin(state, samples);
  return {};
}

/// The samples of a step of this epoch, carried into the program.
Status Training::gatherBatch(int64_t stepInEpoch, std::span<const uint32_t> &samples) {
  if (orderedEpoch != state.epoch) {
    shuffle(data.train, state.seed, state.epoch, order);
    orderedEpoch = state.epoch;
  }
  samples = batchAt(stepInEpoch);
  if (std::exchange(expectedStep, -1) != stepInEpoch)
    feed.expect(*data.train.part,
                std::span<const uint32_t>(order).subspan(size_t(stepInEpoch * length.batch)),
                uint64_t(state.epoch));
  Status status = feed.gather(*data.train.part, samples);
  if (status.ok())
    expectedStep = stepInEpoch + 1;
  return status;
}

//===- The end of an epoch --------------------------------------------------------------------===//

/// Evaluates, keeps the best, logs, saves. The checkpoint comes last: killed before it, a resumed
/// training does all of this again with the same result.
Status Training::closeEpoch(bool &stopped) {
  std::optional<Scores> scores;
  if (evaluator) {
    toEvaluator.run();
    Result<std::optional<Scores>> found = evaluator->evaluate(heldOut(), options.interrupt);
    if (!found.ok())
      return std::move(found).error();
    scores = std::move(*found);
    if (!scores) {
      stopped = true;
      return {};
    }
  }
  double meanLoss = state.lossSum / double(state.lossCount);
  bool kept = false;
  if (Status status = keepBest(scores, meanLoss, kept); !status.ok())
    return status;
  int64_t epoch = state.epoch + 1;
  logEpoch(scores, meanLoss);
  state.evaluatedStep = state.step;
  if (state.stepInEpoch == length.stepsPerEpoch)
    Stepper::closeEpoch(state);
  if (Status status = folder.writeLog(logHead(), state.log); !status.ok())
    return status;
  if (Status status = save(); !status.ok())
    return status;
  observer.onEpoch({epoch, length.epochsShown(), state.step, meanLoss, heldOut().name, scores,
                    net.recipe.metrics, kept, state.skipped});
  return {};
}

/// A loss is better when it is lower, a metric when it is higher; what is not a number is never
/// better.
Status Training::keepBest(const std::optional<Scores> &scores, double meanLoss, bool &kept) {
  double value = scores ? scores->loss : meanLoss;
  bool lowerIsBetter = bestMetric == "loss";
  for (size_t m = 0; scores && m < net.recipe.metrics.size(); ++m)
    if (net.recipe.metrics[m] == bestMetric)
      value = scores->metrics[m];
  kept = !std::isnan(value) &&
         (!state.best || (lowerIsBetter ? value < *state.best : value > *state.best));
  if (!kept)
    return {};
  Metadata metadata = {{"net", state.net},
                       {"step", std::to_string(state.step)},
                       {"metric", bestMetric},
                       {"split", scores ? heldOut().name : "train"},
                       {"value", numberText(value)}};
  if (Status status = saveWeights(folder.best(), *program, metadata); !status.ok())
    return status;
  state.best = value;
  return {};
}

std::string Training::logHead() const {
  std::string head = "epoch,step,loss";
  if (evaluator) {
    head += "," + heldOut().name + "_loss";
    for (const std::string &metric : net.recipe.metrics)
      head += "," + metric;
  }
  return head + "\n";
}

void Training::logEpoch(const std::optional<Scores> &scores, double meanLoss) {
  std::string line = std::to_string(state.epoch + 1) + "," + std::to_string(state.step) + "," +
                     numberText(meanLoss);
  if (scores) {
    line += "," + numberText(scores->loss);
    for (double metric : scores->metrics)
      line += "," + numberText(metric);
  }
  state.log += line + "\n";
}

} // namespace gnc::runtime
