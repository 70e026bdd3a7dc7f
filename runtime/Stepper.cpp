//===- Stepper.cpp - one step of a training
//------------------------------------------------------===//
#include "runtime/Stepper.h"

#include "runtime/Finite.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace gnc::runtime {

Result<TrainingLength> measureTraining(const CompiledNet &net, int64_t samples,
                                       std::optional<int64_t> epochs,
                                       std::optional<int64_t> steps) {
  const Recipe &recipe = net.recipe;
  TrainingLength length;
  length.batch = recipe.batch;
  if (length.batch < 1 || length.batch > net.train.maxBatch)
    return internalError("a batch of " + std::to_string(length.batch) +
                         " for a program planned for " + std::to_string(net.train.maxBatch));
  if (samples < 1)
    return inputError("empty-data", "there are no samples to train on").at(recipe.location);
  if (epochs && steps)
    return usageError("no-length", "give epochs or steps, not both");
  length.stepsPerEpoch = samples / length.batch + (samples % length.batch ? 1 : 0);
  int64_t wantedEpochs = epochs.value_or(steps ? 0 : recipe.epochs);
  int64_t wantedSteps = steps.value_or(recipe.steps);
  // Far beyond any training, and far from overflow.
  constexpr int64_t most = int64_t(1) << 40;
  if (wantedEpochs < 0 || wantedSteps < 0 || wantedEpochs > most / length.stepsPerEpoch ||
      wantedSteps > most)
    return inputError("no-length", "a training cannot be that long").at(recipe.location);
  length.totalSteps = wantedEpochs > 0 ? wantedEpochs * length.stepsPerEpoch : wantedSteps;
  if (length.totalSteps < 1)
    return inputError("no-length", "the training has no length")
        .withHelp("write epochs = 10 into the train section")
        .at(recipe.location);
  return length;
}

/// All samples of the epoch so far, less those of steps that were left out.
static bool consistentLossCount(const TrainingState &state) {
  int64_t all = std::min(state.stepInEpoch * state.batch, state.samples);
  return state.skipped ? 0 <= state.lossCount && state.lossCount <= all : state.lossCount == all;
}

Status checkResumed(const TrainingState &state, const TrainingLength &length, int64_t samples,
                    const std::string &where) {
  if (state.batch != length.batch || state.samples != samples)
    return inputError("other-data", where + "was trained on " + std::to_string(state.samples) +
                                        " samples in batches of " + std::to_string(state.batch) +
                                        ", not on " + std::to_string(samples) + " in batches of " +
                                        std::to_string(length.batch))
        .withHelp("resume with the same data and batch, or start afresh without --resume");
  int64_t before = state.step - state.stepInEpoch; // steps of full epochs
  bool consistent =
      state.step <= int64_t(1) << 40 && before >= 0 && before % length.stepsPerEpoch == 0 &&
      before / length.stepsPerEpoch == state.epoch && state.stepInEpoch <= length.stepsPerEpoch &&
      consistentLossCount(state) && state.evaluatedStep <= state.step;
  if (!consistent)
    return inputError("not-a-checkpoint",
                      where +
                          "contradicts itself: its step, epoch and sums do not belong together");
  return {};
}

Status Stepper::bind(const CompiledNet &compiled, Executor &executor, const TrainingLength &size) {
  net = &compiled;
  program = &executor;
  length = size;
  begun.clear();
  const Tensor *loss = net->train.find(Role::Result, "loss");
  const Tensor *gradientNorm = net->train.find(Role::Result, "grad_norm");
  hasGradientNorm = gradientNorm;
  if (!loss)
    return internalError("the train program has no result 'loss'");
  for (const Tensor *result : {loss, gradientNorm})
    if (result && (result->batched || result->elements() != 1 || result->type != ElementType::F32))
      return internalError("the result '" + result->name +
                           "' of the train program is not an f32 scalar");
  return bindSchedules();
}

Status Stepper::bindSchedules() {
  for (const Tensor &tensor : net->train.tensors) {
    if (tensor.role != Role::Schedule)
      continue;
    if (tensor.type != ElementType::F32 || tensor.batched || tensor.elements() != 1)
      return internalError("the schedule '" + tensor.name + "' is not an f32 scalar");
    Result<Schedule> schedule = Schedule::parse(tensor.schedule, tensor.location);
    if (!schedule.ok())
      return std::move(schedule).error();
    schedules.emplace_back(&tensor, std::move(*schedule));
  }
  return {};
}

void Stepper::begin(const TrainingState &state, std::span<const uint32_t> samples) {
  setSchedules(state, inFlight() + 1);
  program->beginStep(int64_t(samples.size()));
  begun.push_back(samples);
}

Result<Stepper::Report> Stepper::end(TrainingState &state, bool skipNotFinite) {
  std::span<const uint32_t> samples = begun.front();
  StepOutcome outcome = program->endStep();
  begun.erase(begun.begin());
  if (Status status = program->status(); !status.ok())
    return std::move(status).error();
  Report report{outcome.loss, outcome.gradientNorm, false};
  if (!outcome.finite) {
    bool replaced = dropLaterSteps();
    bool badLoss = !std::isfinite(outcome.loss);
    if (!badLoss && (!hasGradientNorm || std::isfinite(outcome.gradientNorm)))
      return weightNotFinite(state);
    if (!skipNotFinite) {
      if (Status status = replaced ? repeat(state, samples) : Status(); !status.ok())
        return std::move(status).error();
      return explain(badLoss ? "the loss" : "the gradient's norm", state, samples);
    }
    report.skipped = true;
    ++state.skipped;
  } else {
    state.lossSum += report.loss * double(samples.size());
    state.lossCount += int64_t(samples.size());
  }
  ++state.stepInEpoch;
  ++state.step;
  return report;
}

void Stepper::closeEpoch(TrainingState &state) {
  ++state.epoch;
  state.stepInEpoch = 0;
  state.lossSum = 0;
  state.lossCount = 0;
}

Schedule::Variables Stepper::variablesOf(int64_t step) const {
  Schedule::Variables variables;
  variables.step = double(step);
  variables.epoch = double(step - 1) / double(length.stepsPerEpoch);
  variables.epochs = length.epochs();
  return variables;
}

void Stepper::setSchedules(const TrainingState &state, int64_t ahead) {
  Schedule::Variables variables = variablesOf(state.step + ahead);
  for (auto &[tensor, schedule] : schedules)
    program->writeScalar(*tensor, schedule.at(variables));
  program->setStream(state.seed, uint64_t(state.step + ahead), 0);
}

//===- Not finite -----------------------------------------------------------------------------===//

/// What was begun behind a step that went wrong has committed nothing; what is begun from now on
/// may. Returns whether there was such a step.
bool Stepper::dropLaterSteps() {
  bool any = !begun.empty();
  for (; !begun.empty(); begun.pop_back())
    program->endStep();
  program->proceed();
  return any;
}

/// Computes a step again, so that the program holds what it did.
Status Stepper::repeat(const TrainingState &state, std::span<const uint32_t> samples) {
  if (Status status = refill(); !status.ok())
    return status;
  setSchedules(state, 1);
  program->compute(int64_t(samples.size()));
  return program->status();
}

/// With a finite gradient the optimizer itself may overflow, or divide by zero.
Error Stepper::weightNotFinite(const TrainingState &state) const {
  const Tensor *weight = program->notFiniteWeight();
  if (Status status = program->status(); !status.ok())
    return std::move(status).error();
  if (!weight)
    return internalError("a step is not finite, but its loss and weights are");
  return notFinite("the weight '" + weight->name + "'", state)
      .withHelp("lower the learning rate, or look at the optimizer: it divides by zero, or "
                "takes too large a step")
      .at(weight->location);
}

static std::string numberText(double value) {
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%.9g", std::isnan(value) ? NAN : value); // no "-nan"
  return buffer;
}

/// Of the step that `state` does not count yet.
Error Stepper::notFinite(const std::string &what, const TrainingState &state) const {
  Error error =
      inputError("not-finite", what + " is not finite at step " + std::to_string(state.step + 1) +
                                   " (epoch " + std::to_string(state.epoch + 1) + ", step " +
                                   std::to_string(state.stepInEpoch + 1) + " of " +
                                   std::to_string(length.stepsPerEpoch) + ")");
  if (kept)
    error.notes.push_back(kept());
  for (auto &[tensor, schedule] : schedules)
    error.notes.push_back(tensor->name + " = " +
                          numberText(schedule.at(variablesOf(state.step + 1))));
  return error;
}

/// A step that went wrong leaves no trace; its first launch that computes such a value is named.
Error Stepper::explain(const std::string &what, const TrainingState &state,
                       std::span<const uint32_t> samples) {
  Error error = notFinite(what, state);
  error.help =
      "lower the learning rate, or clip the gradient; " + skipOption + " leaves such steps out";
  if (std::optional<Culprit> culprit = findCulprit(*program, samples)) {
    error.notes.insert(error.notes.begin(), culprit->text);
    if (!culprit->help.empty())
      error.help = culprit->help;
    error = std::move(error).at(culprit->location);
  }
  return std::move(error).at(net->recipe.location);
}

} // namespace gnc::runtime
