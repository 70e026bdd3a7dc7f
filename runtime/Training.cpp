//===- Training.cpp - how a training begins
//-----------------------------------------------------===//
#include "runtime/Training.h"

#include "runtime/InitialWeights.h"

#include <algorithm>

namespace gnc::runtime {

Status Training::prepare() {
  auto measured = measureTraining(net, data.train.size(), options.epochs, options.steps);
  if (!measured.ok())
    return std::move(measured).error();
  length = *measured;
  if (Status status = build(); !status.ok())
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

/// Device, programs, data bound to them.
Status Training::build() {
  device = options.device;
  if (!device) {
    auto host = HostDevice::create(options.threads);
    if (!host.ok())
      return std::move(host).error();
    ownDevice = std::move(*host);
    device = ownDevice.get();
  }
  bool evaluates = net.eval.maxBatch > 0;
  auto created = evaluates ? device->loadHost(net.train, net.eval) : device->load(net.train);
  if (!created.ok())
    return std::move(created).error();
  program = std::move(*created);
  Result<Feed> bound = Feed::bind(*data.train.part, *program);
  if (!bound.ok())
    return std::move(bound).error();
  feed = std::move(*bound);
  if (Status status = stepper.bind(net, *program, length); !status.ok())
    return status;
  stepper.refill = [this] {
    std::span<const uint32_t> samples;
    return gatherBatch(state.stepInEpoch, samples);
  };
  stepper.kept = [this] {
    return "nothing of this step was kept; '" + folder.last() + "' is of step " +
           std::to_string(savedStep);
  };
  order.reserve(data.train.samples.size());
  if (Status status = chooseBest(); !status.ok())
    return status;
  return evaluates ? buildEvaluator() : Status();
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
  auto made = Evaluator::create(net, *data.train.part, *device, program.get());
  if (!made.ok())
    return std::move(made).error();
  evaluator = std::move(*made);
  Result<StateCopy> plan = StateCopy::plan(*program, evaluator->executor());
  if (!plan.ok())
    return std::move(plan).error();
  toEvaluator = std::move(*plan);
  return {};
}

Status Training::start() {
  state.net = net.recipe.net;
  state.seed = options.seed.value_or(net.recipe.seed);
  state.batch = length.batch;
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
  return gnc::runtime::checkResumed(state, length, data.train.size(), where);
}

/// Brings log.csv and best.safetensors to the state of the checkpoint.
Status Training::tidyFolder() {
  if (!state.best)
    if (Status status = removeFile(folder.best()); !status.ok())
      return status;
  return folder.writeLog(logHead(), state.log);
}

} // namespace gnc::runtime
