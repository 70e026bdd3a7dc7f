//===- ApiRun.cpp - inference, evaluation and training steps, for C
//----------------------------===//
#include "runtime/Dataset.h"
#include "runtime/InitialWeights.h"
#include "runtime/api/ApiObjects.h"

#include <algorithm>
#include <numeric>

namespace gnc::runtime::api {

namespace {
/// One call on a context of this mode.
Result<Use> beginMode(gnc_context *context, gnc_mode mode, const char *function) {
  auto use = Use::begin(context);
  if (use.ok() && (*use)->mode != mode)
    return badArgument(std::string(function) + " on a context of " + nameOf((*use)->mode),
                       std::string("create a context of ") + nameOf(mode));
  return use;
}

/// Calls run(first, count) for batch after batch of n samples.
template <typename Run> Status forEachBatch(ContextObject &context, int64_t n, Run run) {
  if (Status status = checkRun(context, n); !status.ok())
    return status;
  int64_t most = context.compiled().maxBatch;
  for (int64_t first = 0; first < n; first += most) {
    int64_t count = std::min(most, n - first);
    if (Status status = takeInputs(context, first, count); !status.ok())
      return status;
    run(first, count);
    giveResults(context, first, count);
    if (Status status = context.executor().status(); !status.ok())
      return status;
  }
  return {};
}

void warn(const ContextObject &context, const std::string &text) {
  if (context.log)
    context.log(context.logUser, text.c_str());
}
} // namespace

//===- Training -------------------------------------------------------------------------------===//

namespace {
/// Length and steps; what the training starts from comes afterwards.
Status measure(ContextObject &context, const gnc_training_options *options,
               gnc_training_options &read) {
  if (Status status = required(options, "gnc_training_options"); !status.ok())
    return status;
  if (Status status = readStruct(options, "gnc_training_options", read); !status.ok())
    return status;
  auto wanted = [](int64_t count) { return count ? std::optional(count) : std::nullopt; };
  auto length =
      measureTraining(*context.net, read.samples, wanted(read.epochs), wanted(read.steps));
  if (!length.ok())
    return std::move(length).error();
  Stepper stepper;
  if (Status status = stepper.bind(*context.net, context.executor(), *length); !status.ok())
    return status;
  stepper.skipOption = "skip_not_finite = 1";
  context.length = *length;
  context.stepper = std::move(stepper);
  context.skipNotFinite = read.skip_not_finite != 0;
  return {};
}

Status start(ContextObject &context, const gnc_training_options &options) {
  const Recipe &recipe = context.net->recipe;
  TrainingState state;
  state.net = recipe.net;
  state.seed = options.set_seed ? options.seed : recipe.seed;
  state.batch = context.length.batch;
  state.samples = options.samples;
  state.bestMetric = "loss";
  context.executor().initialize(state.seed);
  context.state.reset(); // until all is well
  std::string init = options.init ? options.init : recipe.init;
  if (!init.empty()) {
    auto passedOver = initializeFrom(init, context.executor(), false);
    if (!passedOver.ok())
      return options.init ? std::move(passedOver).error()
                          : std::move(passedOver).error().at(recipe.initLocation);
    context.executor().restartAverages();
  }
  context.wrote();
  context.state = std::move(state);
  return context.executor().status();
}

/// Whether this is the size of the next step.
Status checkStep(const ContextObject &context, int64_t n) {
  if (!context.state)
    return usageError("api-order", "no training has begun")
        .withHelp("call gnc_train_begin or gnc_load_checkpoint first");
  const TrainingState &state = *context.state;
  if (state.step >= context.length.totalSteps)
    return usageError("api-order", "the training is over: all " +
                                       std::to_string(context.length.totalSteps) +
                                       " steps have been done")
        .withHelp("begin a longer one: gnc_training_options.epochs");
  int64_t left = state.samples - state.stepInEpoch * state.batch;
  int64_t wanted = std::min(state.batch, left);
  if (n == wanted)
    return {};
  return usageError("api-batch", "this step takes " + std::to_string(wanted) + " samples, not " +
                                     std::to_string(n) + ": an epoch has " +
                                     std::to_string(state.samples) + " in batches of " +
                                     std::to_string(state.batch))
      .withHelp("pass min(batch, what is left of the epoch)");
}

gnc_step_info infoOf(const ContextObject &context, const Stepper::Report &report) {
  gnc_step_info info{};
  info.skipped = report.skipped;
  info.step = context.state->step;
  info.steps = context.length.totalSteps;
  info.epoch = context.state->epoch;
  info.epoch_step = context.state->stepInEpoch;
  info.steps_per_epoch = context.length.stepsPerEpoch;
  info.loss = report.loss;
  info.gradient_norm = report.gradientNorm;
  return info;
}

Result<Stepper::Report> trainStep(ContextObject &context, int64_t n) {
  if (Status status = checkStep(context, n); !status.ok())
    return std::move(status).error();
  TrainingState &state = *context.state;
  Result<Stepper::Report> report = Stepper::Report();
  auto run = [&](int64_t, int64_t count) {
    report = context.stepper.step(state, std::span(context.numbers).first(size_t(count)),
                                  context.skipNotFinite);
  };
  if (Status status = forEachBatch(context, n, run); !status.ok())
    return std::move(status).error();
  if (!report.ok())
    return report;
  if (report->skipped)
    warn(context, "step " + std::to_string(state.step) + " is not finite and left out");
  if (state.stepInEpoch == context.length.stepsPerEpoch) {
    Stepper::closeEpoch(state);
    state.evaluatedStep = state.step;
  }
  return report;
}
} // namespace
} // namespace gnc::runtime::api

using namespace gnc::runtime;
using namespace gnc::runtime::api;

gnc_status *gnc_train_begin(gnc_context *context, const gnc_training_options *options) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_TRAIN, "gnc_train_begin");
    if (!use.ok())
      return std::move(use).error();
    gnc_training_options read{};
    if (Status status = measure(**use, options, read); !status.ok())
      return status;
    return start(**use, read);
  });
}

gnc_status *gnc_train_step(gnc_context *context, int64_t n, gnc_step_info *info) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_TRAIN, "gnc_train_step");
    if (!use.ok())
      return std::move(use).error();
    if (info)
      if (Status status = checkSize(info->size, sizeof *info, "gnc_step_info"); !status.ok())
        return status;
    auto report = trainStep(**use, n);
    if (!report.ok())
      return std::move(report).error();
    return info ? writeStruct(infoOf(**use, *report), "gnc_step_info", info) : Status();
  });
}

gnc_status *gnc_shuffle(uint32_t samples, uint64_t seed, int64_t epoch, uint32_t *order) {
  return guarded([&]() -> Status {
    if (Status status = required(order, "the place for the order"); !status.ok())
      return status;
    Split all;
    all.samples.resize(samples);
    std::iota(all.samples.begin(), all.samples.end(), 0);
    std::vector<uint32_t> shuffled;
    shuffle(all, seed, epoch, shuffled);
    std::copy(shuffled.begin(), shuffled.end(), order);
    return {};
  });
}

gnc_status *gnc_save_checkpoint(gnc_context *context, const char *path) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_TRAIN, "gnc_save_checkpoint");
    if (!use.ok())
      return std::move(use).error();
    if (Status status = required(path, "the path"); !status.ok())
      return status;
    if (!(*use)->state)
      return usageError("api-order", "no training has begun")
          .withHelp("call gnc_train_begin or gnc_load_checkpoint first");
    if (Status status = (*use)->weightsThere(); !status.ok())
      return status;
    return saveCheckpoint(path, (*use)->executor(), *(*use)->state);
  });
}

gnc_status *gnc_load_checkpoint(gnc_context *context, const gnc_training_options *options,
                                const char *path) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_TRAIN, "gnc_load_checkpoint");
    if (!use.ok())
      return std::move(use).error();
    if (Status status = required(path, "the path"); !status.ok())
      return status;
    gnc_training_options read{};
    if (Status status = measure(**use, options, read); !status.ok())
      return status;
    (*use)->state.reset(); // until all is well
    auto state = loadCheckpoint(path, (*use)->executor());
    if (!state.ok())
      return std::move(state).error();
    (*use)->wrote();
    std::string where = "the checkpoint '" + std::string(path) + "' ";
    if (Status status = checkResumed(*state, (*use)->length, read.samples, where); !status.ok())
      return status;
    (*use)->state = std::move(*state);
    return {};
  });
}

//===- Inference and evaluation ---------------------------------------------------------------===//

gnc_status *gnc_infer(gnc_context *context, int64_t n) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_INFER, "gnc_infer");
    if (!use.ok())
      return std::move(use).error();
    ContextObject &object = **use;
    return forEachBatch(object, n, [&](int64_t first, int64_t count) {
      if (!object.prepared)
        object.executor().prepare();
      object.prepared = true;
      object.executor().setStream(object.net->recipe.seed, 0, uint64_t(first));
      object.executor().answer(count);
    });
  });
}

gnc_status *gnc_eval_begin(gnc_context *context) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_EVAL, "gnc_eval_begin");
    if (!use.ok())
      return std::move(use).error();
    if (Status status = (*use)->weightsThere(); !status.ok())
      return status;
    (*use)->scorer->begin();
    (*use)->evaluated = 0;
    (*use)->scores.reset();
    return {};
  });
}

/// Between gnc_eval_begin and gnc_eval_end, with the same weights.
static Status checkEvaluating(const ContextObject &context) {
  if (context.evaluated >= 0)
    return {};
  return usageError("api-order", "no evaluation has begun, or the weights have changed since")
      .withHelp("call gnc_eval_begin first");
}

gnc_status *gnc_eval_batch(gnc_context *context, int64_t n) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_EVAL, "gnc_eval_batch");
    if (!use.ok())
      return std::move(use).error();
    ContextObject &object = **use;
    if (Status status = checkEvaluating(object); !status.ok())
      return status;
    return forEachBatch(object, n, [&](int64_t, int64_t count) {
      object.scorer->run(count, uint64_t(object.evaluated));
      object.evaluated += count;
    });
  });
}

gnc_status *gnc_eval_end(gnc_context *context, gnc_scores *scores) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_EVAL, "gnc_eval_end");
    if (!use.ok())
      return std::move(use).error();
    ContextObject &object = **use;
    if (Status status = checkEvaluating(object); !status.ok())
      return status;
    object.scores = object.scorer->scores(object.evaluated);
    gnc_scores filled{};
    filled.samples = object.evaluated;
    filled.loss = object.scores->loss;
    filled.metric_count = int32_t(object.scores->metrics.size());
    filled.metrics = object.scores->metrics.data();
    if (Status status = writeStruct(filled, "gnc_scores", scores); !status.ok())
      return status;
    object.evaluated = -1;
    return object.executor().status();
  });
}

gnc_status *gnc_eval_table(gnc_context *context, int32_t index, gnc_table *table) {
  return guarded([&]() -> Status {
    auto use = beginMode(context, GNC_MODE_EVAL, "gnc_eval_table");
    if (!use.ok())
      return std::move(use).error();
    if (!(*use)->scores)
      return usageError("api-order", "no evaluation has ended").withHelp("call gnc_eval_end first");
    const std::vector<Table> &tables = (*use)->scores->tables;
    if (index < 0 || size_t(index) >= tables.size())
      return badArgument("there is no table " + std::to_string(index) + "; there are " +
                             std::to_string(tables.size()),
                         "count from 0 to gnc_program_info.table_count - 1");
    const Table &found = tables[size_t(index)];
    gnc_table filled{};
    filled.name = found.name.c_str();
    filled.rank = int32_t(found.shape.size());
    filled.shape = found.shape.data();
    filled.values = found.values.data();
    return writeStruct(filled, "gnc_table", table);
  });
}
