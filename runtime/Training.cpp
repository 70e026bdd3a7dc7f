//===- Training.cpp - how a training begins
//-----------------------------------------------------===//
#include "runtime/Training.h"

#include "runtime/InitialWeights.h"

#include <algorithm>

namespace gnc::runtime {

Status Training::prepare() {
  if (Status status = measure(); !status.ok())
    return status;
  if (Status status = build(); !status.ok())
    return status;
  if (Status status = bindSchedules(); !status.ok())
    return status;
  // Nothing is created for a resume that cannot be.
  if (options.resume && !fileExists(joinPath(options.outDir, "last.safetensors")))
    return inputError("no-checkpoint",
                      folderExists(options.outDir)
                          ? "'" + options.outDir + "' has no last.safetensors to resume from"
                          : "there is no folder '" + options.outDir + "' to resume from")
        .withHelp(
            "start the training without --resume; it writes a checkpoint from its first step on");
  Result<OutputFolder> opened = OutputFolder::open(options.outDir);
  if (!opened.ok())
    return std::move(opened).error();
  folder = std::move(*opened);
  return options.resume ? resume() : start();
}

/// How long the training is.
Status Training::measure() {
  const Recipe &recipe = net.recipe;
  batch = recipe.batch;
  if (batch < 1 || batch > net.train.maxBatch)
    return internalError("a batch of " + std::to_string(batch) + " for a program planned for " +
                         std::to_string(net.train.maxBatch));
  if (data.train.size() < 1)
    return inputError("empty-data", "there are no samples to train on").at(recipe.location);
  if (options.epochs && options.steps)
    return usageError("no-length", "give epochs or steps, not both");
  stepsPerEpoch = (data.train.size() + batch - 1) / batch;
  int64_t wantedEpochs = options.epochs.value_or(options.steps ? 0 : recipe.epochs);
  int64_t wantedSteps = options.steps.value_or(recipe.steps);
  // Far beyond any training, and far from overflow.
  constexpr int64_t most = int64_t(1) << 40;
  if (wantedEpochs < 0 || wantedSteps < 0 || wantedEpochs > most / stepsPerEpoch ||
      wantedSteps > most)
    return inputError("no-length", "a training cannot be that long").at(recipe.location);
  totalSteps = wantedEpochs > 0 ? wantedEpochs * stepsPerEpoch : wantedSteps;
  if (totalSteps < 1)
    return inputError("no-length", "the training has no length")
        .withHelp("write epochs = 10 into the train section")
        .at(recipe.location);
  epochs = double(totalSteps) / double(stepsPerEpoch);
  return {};
}

/// Pool, programs, data bound to them.
Status Training::build() {
  auto threads = ThreadPool::create(options.threads);
  if (!threads.ok())
    return std::move(threads).error();
  pool = std::move(*threads);
  auto created = Executor::create(net.train, *pool);
  if (!created.ok())
    return std::move(created).error();
  program = std::move(*created);
  Result<Feed> bound = Feed::bind(*data.train.part, *program);
  if (!bound.ok())
    return std::move(bound).error();
  feed = std::move(*bound);
  loss = net.train.find(Role::Result, "loss");
  gradientNorm = net.train.find(Role::Result, "grad_norm");
  if (!loss)
    return internalError("the train program has no result 'loss'");
  for (const Tensor *result : {loss, gradientNorm})
    if (result && (result->batched || result->elements() != 1 || result->type != ElementType::F32))
      return internalError("the result '" + result->name +
                           "' of the train program is not an f32 scalar");
  order.reserve(data.train.samples.size());
  if (Status status = chooseBest(); !status.ok())
    return status;
  return net.eval.maxBatch > 0 ? buildEvaluator() : Status();
}

/// Which metric decides what best.safetensors is.
Status Training::chooseBest() {
  const Recipe &recipe = net.recipe;
  bool hasEval = net.eval.maxBatch > 0;
  bestMetric = !recipe.best.empty()                 ? recipe.best
               : recipe.metrics.empty() || !hasEval ? "loss"
                                                    : recipe.metrics[0];
  bool known = bestMetric == "loss" || std::find(recipe.metrics.begin(), recipe.metrics.end(),
                                                 bestMetric) != recipe.metrics.end();
  if (!known)
    return inputError("unknown-metric", "best(" + bestMetric + ") names no metric of this training")
        .withHelp("add it to metrics = [..]")
        .at(recipe.location);
  if (!recipe.best.empty() && data.validation.size() == 0)
    observer.onWarning(
        "best.safetensors is chosen by the test data; `validate = 0.1` would leave them untouched");
  return {};
}

Status Training::buildEvaluator() {
  auto made = Evaluator::create(net, *data.train.part, *pool);
  if (!made.ok())
    return std::move(made).error();
  evaluator = std::move(*made);
  Result<StateCopy> plan = StateCopy::plan(*program, evaluator->executor());
  if (!plan.ok())
    return std::move(plan).error();
  toEvaluator = std::move(*plan);
  return {};
}

Status Training::bindSchedules() {
  for (const Tensor &tensor : net.train.tensors) {
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

Status Training::start() {
  state.net = net.recipe.net;
  state.seed = options.seed.value_or(net.recipe.seed);
  state.batch = batch;
  state.samples = data.train.size();
  state.bestMetric = bestMetric;
  program->initialize(state.seed);
  if (Status status = initializeFromFile(); !status.ok())
    return status;
  // At once, so that what lies in the folder is this training from now on: a resume after a kill in
  // the first minute must not wake up an older one.
  if (Status status = save(); !status.ok())
    return status;
  return tidyFolder();
}

/// `init = ..` of the recipe: weights and states of a file in place of the drawn ones.
Status Training::initializeFromFile() {
  if (net.recipe.init.empty())
    return {};
  auto passedOver = initializeFrom(net.recipe.init, *program, options.partial);
  if (!passedOver.ok())
    return std::move(passedOver).error().at(net.recipe.initLocation);
  for (const std::string &text : *passedOver)
    observer.onWarning(text);
  program->restartAverages();
  return {};
}

Status Training::resume() {
  Result<TrainingState> loaded = loadCheckpoint(folder.last(), *program);
  if (!loaded.ok())
    return std::move(loaded).error().at(net.recipe.location);
  state = std::move(*loaded);
  if (Status status = checkResumed(); !status.ok())
    return status;
  if (state.bestMetric !=
      bestMetric) { // the recipe has changed its mind: no value of the new metric is known yet
    state.best.reset();
    state.bestMetric = bestMetric;
  }
  savedStep = state.step;
  savedAt = Clock::now();
  return tidyFolder();
}

/// All samples of the epoch so far, less those of steps that were left out.
bool Training::consistentLossCount() const {
  int64_t all = std::min(state.stepInEpoch * batch, state.samples);
  return state.skipped ? 0 <= state.lossCount && state.lossCount <= all : state.lossCount == all;
}

/// The checkpoint is of this training: same net, same numbers.
Status Training::checkResumed() const {
  std::string where = "the checkpoint '" + folder.last() + "' ";
  if (state.net != net.recipe.net)
    return inputError("other-net", where + "is of the network '" + state.net + "', not of '" +
                                       net.recipe.net + "'")
        .withHelp("give --out another folder, or train without --resume to overwrite");
  uint64_t seed = options.seed.value_or(net.recipe.seed);
  if (state.seed != seed)
    return inputError("other-seed", where + "was trained with seed " + std::to_string(state.seed) +
                                        ", not " + std::to_string(seed))
        .withHelp("resume with --seed " + std::to_string(state.seed));
  if (state.batch != batch || state.samples != data.train.size())
    return inputError("other-data", where + "was trained on " + std::to_string(state.samples) +
                                        " samples in batches of " + std::to_string(state.batch) +
                                        ", not on " + std::to_string(data.train.size()) +
                                        " in batches of " + std::to_string(batch))
        .withHelp("resume with the same data and batch, or start afresh without --resume");
  int64_t before = state.step - state.stepInEpoch; // steps of full epochs
  bool consistent = state.step <= int64_t(1) << 40 && before >= 0 && before % stepsPerEpoch == 0 &&
                    before / stepsPerEpoch == state.epoch && state.stepInEpoch <= stepsPerEpoch &&
                    consistentLossCount() && state.evaluatedStep <= state.step;
  if (!consistent)
    return inputError("not-a-checkpoint",
                      where +
                          "contradicts itself: its step, epoch and sums do not belong together");
  return {};
}

/// Brings log.csv and best.safetensors to the state of the checkpoint.
Status Training::tidyFolder() {
  if (!state.best)
    if (Status status = removeFile(folder.best()); !status.ok())
      return status;
  return folder.writeLog(logHead(), state.log);
}

} // namespace gnc::runtime
