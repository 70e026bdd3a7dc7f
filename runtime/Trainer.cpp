//===- Trainer.cpp - the training loop
//----------------------------------------------------------===//
#include "runtime/Finite.h"
#include "runtime/Training.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

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
  observer.onStart(state.step, totalSteps);
  bool stopped = false;
  for (;;) {
    bool epochOpen = atBoundary() && state.evaluatedStep != state.step;
    if (!epochOpen && state.step >= totalSteps)
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
  setSchedules();
  program->compute(n);
  double batchLoss = program->readScalar(*loss);
  if (const Tensor *bad = notFiniteResult()) {
    if (!options.skipNotFinite)
      return explain(bad == loss ? "the loss" : "the gradient's norm", samples);
    if (state.skipped++ == 0)
      observer.onWarning("step " + std::to_string(state.step + 1) +
                         " is not finite and left out, as will be others");
  } else {
    program->commit(n);
    if (Status status = checkWeights(); !status.ok())
      return status;
    state.lossSum += batchLoss * double(n);
    state.lossCount += n;
  }
  ++state.stepInEpoch;
  ++state.step;
  ++stepsRun;
  observer.onStep({state.epoch + 1, epochsShown(), state.stepInEpoch, stepsPerEpoch, state.step,
                   totalSteps, n, batchLoss, state.lossSum / double(state.lossCount)});
  return {};
}

/// The samples of the next step, carried into the program.
Status Training::gatherBatch(std::span<const uint32_t> &samples) {
  int64_t first = state.stepInEpoch * batch;
  if (orderedEpoch != state.epoch) {
    shuffle(data.train, state.seed, state.epoch, order);
    orderedEpoch = state.epoch;
    feed.expect(*data.train.part, std::span<const uint32_t>(order).subspan(size_t(first)),
                uint64_t(state.epoch));
  }
  samples = std::span<const uint32_t>(order).subspan(
      size_t(first), size_t(std::min(batch, data.train.size() - first)));
  return feed.gather(*data.train.part, samples);
}

void Training::setSchedules() {
  Schedule::Variables variables;
  variables.step = double(state.step + 1);
  variables.epoch = double(state.step) / double(stepsPerEpoch);
  variables.epochs = epochs;
  for (auto &[tensor, schedule] : schedules)
    program->writeScalar(*tensor, schedule.at(variables));
  program->setStream(state.seed, uint64_t(state.step + 1), 0);
}

//===- Not finite -----------------------------------------------------------------------------===//

/// Between compute and commit: the result that says that this step went wrong.
const Tensor *Training::notFiniteResult() const {
  for (const Tensor *result : {loss, gradientNorm})
    if (result && !std::isfinite(program->readScalar(*result)))
      return result;
  return nullptr;
}

/// After the commit: with a finite gradient the optimizer itself may overflow, or divide by zero.
Status Training::checkWeights() const {
  for (const Tensor &tensor : net.train.tensors)
    if (tensor.role == Role::Weight && !isFinite(tensor, 1, program->arena()))
      return notFinite("the weight '" + tensor.name + "'")
          .withHelp("lower the learning rate, or look at the optimizer: it divides by zero, or "
                    "takes too large a step")
          .at(tensor.location);
  return {};
}

Error Training::notFinite(const std::string &what) const {
  Error error =
      inputError("not-finite", what + " is not finite at step " + std::to_string(state.step + 1) +
                                   " (epoch " + std::to_string(state.epoch + 1) + ", step " +
                                   std::to_string(state.stepInEpoch + 1) + " of " +
                                   std::to_string(stepsPerEpoch) + ")");
  error.notes.push_back("nothing of this step was kept; '" + folder.last() + "' is of step " +
                        std::to_string(savedStep));
  for (auto &[tensor, schedule] : schedules)
    error.notes.push_back(tensor->name + " = " + numberText(program->readScalar(*tensor)));
  return error;
}

/// A step that went wrong leaves no trace; its first launch that computes such a value is named.
Error Training::explain(const std::string &what, std::span<const uint32_t> samples) {
  Error error = notFinite(what);
  error.help = "lower the learning rate, or clip the gradient; --on-nan=continue leaves such steps "
               "out";
  if (std::optional<Culprit> culprit = findCulprit(*program, samples)) {
    error.notes.insert(error.notes.begin(), culprit->text);
    if (!culprit->help.empty())
      error.help = culprit->help;
    error = std::move(error).at(culprit->location);
  }
  return std::move(error).at(net.recipe.location);
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
  if (state.stepInEpoch == stepsPerEpoch) {
    ++state.epoch;
    state.stepInEpoch = 0;
    state.lossSum = 0;
    state.lossCount = 0;
  }
  if (Status status = folder.writeLog(logHead(), state.log); !status.ok())
    return status;
  if (Status status = save(); !status.ok())
    return status;
  observer.onEpoch({epoch, epochsShown(), state.step, meanLoss, heldOut().name, scores,
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
