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
    stopped = stopped || interrupted();
    if (stopped)
      break;
    Status status = epochOpen ? closeEpoch(stopped) : step();
    if (status.ok() && !stopped && checkpointDue())
      status = save();
    if (!status.ok())
      return std::move(status).error();
  }
  if (savedStep != state.step)
    if (Status status = save(); !status.ok())
      return std::move(status).error();
  return TrainOutcome{stopped, state.step, stepsRun, state.best, bestMetric, state.skipped};
}

bool Training::checkpointDue() const {
  if (savedStep == state.step)
    return false;
  if (options.checkpointEverySteps > 0)
    return state.step - savedStep >= options.checkpointEverySteps;
  return Clock::now() - savedAt >= checkpointPause;
}

Status Training::save() {
  if (Status status = stepper.settle(state); !status.ok())
    return status;
  if (Status status = saveCheckpoint(folder.last(), *program, state); !status.ok())
    return status;
  savedStep = state.step;
  savedAt = Clock::now();
  observer.onCheckpoint(folder.last(), state.step);
  return {};
}

//===- A step ---------------------------------------------------------------------------------===//

Status Training::step() {
  std::span<const uint32_t> samples;
  if (Status status = gatherBatch(samples); !status.ok())
    return status;
  int64_t n = int64_t(samples.size());
  bool firstSkip = state.skipped == 0;
  Result<Stepper::Report> report = stepper.step(state, samples, options.skipNotFinite);
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

/// The samples of the next step, carried into the program, unless they are there already.
Status Training::gatherBatch(std::span<const uint32_t> &samples) {
  int64_t first = state.stepInEpoch * length.batch;
  if (orderedEpoch != state.epoch) {
    shuffle(data.train, state.seed, state.epoch, order);
    orderedEpoch = state.epoch;
    feed.expect(*data.train.part, std::span<const uint32_t>(order).subspan(size_t(first)),
                uint64_t(state.epoch));
  }
  samples = batchAt(state.stepInEpoch);
  if (std::exchange(aheadStep, -1) == state.step)
    return std::exchange(aheadStatus, Status());
  return feed.gather(*data.train.part, samples);
}

/// While a card computes a step: the batch of the next one, in the same epoch. What goes wrong is
/// told when its turn comes.
void Training::gatherAhead() {
  if (state.stepInEpoch + 1 >= length.stepsPerEpoch || state.step + 1 >= length.totalSteps)
    return;
  aheadStatus = feed.gather(*data.train.part, batchAt(state.stepInEpoch + 1));
  aheadStep = state.step + 1;
}

//===- The end of an epoch --------------------------------------------------------------------===//

/// Evaluates, keeps the best, logs, saves. The checkpoint comes last: killed before it, a resumed
/// training does all of this again with the same result.
Status Training::closeEpoch(bool &stopped) {
  if (Status status = stepper.settle(state); !status.ok())
    return status;
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
