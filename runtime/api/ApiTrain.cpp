//===- ApiTrain.cpp - a whole training, for C
//--------------------------------------------------===//
#include "runtime/Trainer.h"
#include "runtime/api/ApiObjects.h"

namespace gnc::runtime::api {

namespace {
/// Tells the host; it may ask to stop.
class Reporter final : public TrainObserver {
public:
  explicit Reporter(const gnc_train_options &options) : options(options) {}

  void onStep(const StepReport &report) override {
    gnc_progress progress = start();
    progress.epoch = report.epoch, progress.epochs = report.epochs;
    progress.epoch_step = report.stepInEpoch, progress.steps_per_epoch = report.stepsPerEpoch;
    progress.step = report.step, progress.steps = report.steps;
    progress.loss = report.loss, progress.mean_loss = report.meanLoss;
    tell(progress);
    last = progress;
  }

  void onEpoch(const EpochReport &report) override {
    gnc_progress progress = last;
    progress.mean_loss = report.loss;
    progress.epoch_ended = 1;
    gnc_scores scores{};
    scores.size = sizeof scores;
    if (report.scores) {
      scores.loss = report.scores->loss;
      scores.metric_count = int32_t(report.scores->metrics.size());
      scores.metrics = report.scores->metrics.data();
      progress.scores = &scores;
    }
    tell(progress);
  }

  void onWarning(const std::string &text) override {
    if (options.log)
      options.log(options.user, text.c_str());
  }

  std::atomic<bool> stop{false};

private:
  static gnc_progress start() {
    gnc_progress progress{};
    progress.size = sizeof progress;
    return progress;
  }
  void tell(const gnc_progress &progress) {
    if (options.progress && options.progress(options.user, &progress) != 0)
      stop = true;
  }

  const gnc_train_options &options;
  gnc_progress last = start();
};

TrainOptions optionsOf(const gnc_train_options &given, Device &device) {
  TrainOptions options;
  options.outDir = given.out;
  options.resume = given.resume != 0;
  if (given.set_seed)
    options.seed = given.seed;
  if (given.epochs)
    options.epochs = given.epochs;
  if (given.steps)
    options.steps = given.steps;
  options.skipNotFinite = given.skip_not_finite != 0;
  options.device = &device;
  return options;
}

Status trainAll(const std::shared_ptr<ProgramObject> &program, const gnc_train_options &given,
                int32_t *stopped) {
  auto placed = place(program, given.device ? given.device : "", given.threads);
  if (!placed.ok())
    return std::move(placed).error();
  const CompiledNet &net = *placed->net;
  if (net.train.maxBatch < 1 || net.recipe.source.kind.empty())
    return inputError("no-program",
                      "'" + net.recipe.net + "' was compiled without training, or without data")
        .withHelp("write a section 'train Net on data { .. }'");
  DataOptions dataOptions;
  dataOptions.validate = net.recipe.validate;
  dataOptions.seed = given.set_seed ? given.seed : net.recipe.seed;
  dataOptions.workers = net.recipe.workers;
  auto data = openDataset(net.recipe.source, inputsOf(net), dataOptions);
  if (!data.ok())
    return std::move(data).error();
  Reporter reporter(given);
  TrainOptions options = optionsOf(given, *placed->device);
  options.interrupt = &reporter.stop;
  auto outcome = train(net, *data, options, reporter);
  if (!outcome.ok())
    return std::move(outcome).error();
  if (stopped)
    *stopped = outcome->interrupted;
  return {};
}
} // namespace
} // namespace gnc::runtime::api

using namespace gnc::runtime;
using namespace gnc::runtime::api;

gnc_status *gnc_train(const gnc_program *program, const gnc_train_options *options,
                      int32_t *stopped) {
  return guarded([&]() -> Status {
    auto object = findProgram(program);
    if (!object.ok())
      return std::move(object).error();
    if (Status status = required(options, "gnc_train_options"); !status.ok())
      return status;
    gnc_train_options read{};
    if (Status status = readStruct(options, "gnc_train_options", read); !status.ok())
      return status;
    if (Status status = required(read.out, "gnc_train_options.out"); !status.ok())
      return status;
    return trainAll(*object, read, stopped);
  });
}
