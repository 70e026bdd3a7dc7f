//===- ApiTrainingTest.cpp - training and evaluation from a host's own loop
//---------------------===//
#include "ApiHarness.h"
#include "TestFiles.h"

#include "runtime/Trainer.h"

#include <cmath>

using namespace gnc::runtime;
using namespace gnc::runtime::test;

namespace {
class LossObserver : public TrainObserver {
public:
  std::vector<double> losses;
  void onStep(const StepReport &report) override { losses.push_back(report.loss); }
};

/// A training from the host's own loop, which stops after `most` steps; goes on from a checkpoint.
std::vector<double> trainByHand(gnc_program *program, const Samples &all, int threads, int64_t most,
                                const std::string &from, const std::string &to) {
  gnc_context *context = newContext(program, GNC_MODE_TRAIN, threads);
  gnc_training_options options = sized<gnc_training_options>();
  options.samples = all.count();
  if (from.empty())
    OK(gnc_train_begin(context, &options));
  else
    OK(gnc_load_checkpoint(context, &options, from.c_str()));
  std::vector<double> losses;
  std::vector<uint32_t> order(size_t(all.count()));
  int64_t begun = from.empty() ? 0 : most;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    OK(gnc_shuffle(uint32_t(all.count()), 1, epoch, order.data()));
    for (int64_t first = 0, step = epoch * 5; first < all.count(); first += 5, ++step) {
      int64_t n = std::min<int64_t>(5, all.count() - first);
      if (step < begun || (!to.empty() && step >= most))
        continue;
      Samples batch(all, std::span(order).subspan(size_t(first), size_t(n)));
      Array image(batch.images.data(), GNC_U8, {n, 1, 4, 4});
      OK(gnc_bind_input(context, "image", image));
      Array label(batch.labels.data(), GNC_I32, {n});
      OK(gnc_bind_input(context, "label", label));
      gnc_step_info info = sized<gnc_step_info>();
      OK(gnc_train_step(context, n, &info));
      EXPECT_EQ(info.step, step + 1);
      EXPECT_EQ(info.epoch, (step + 1) / 5);
      EXPECT_EQ(info.steps, 15);
      losses.push_back(info.loss);
    }
  }
  if (!to.empty())
    OK(gnc_save_checkpoint(context, to.c_str()));
  OK(gnc_context_free(context));
  return losses;
}
} // namespace

/// An embedded loop that is fed the same batches computes the same losses, bit for bit, and the
/// same after an interruption.
TEST(ApiTrainingTest, trainsLikeTheTrainer) {
  TemporaryFolder folder;
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  LossObserver observer;
  TrainOptions options;
  options.outDir = folder / "run";
  ASSERT_TRUE(train(net, data, options, observer).ok());
  ASSERT_EQ(observer.losses.size(), 15u);

  Samples all(data);
  ProgramHandle program;
  EXPECT_EQ(trainByHand(program.handle, all, 1, 15, "", ""), observer.losses);
  EXPECT_EQ(trainByHand(program.handle, all, 3, 15, "", ""), observer.losses);
  std::string checkpoint = folder / "half.safetensors";
  std::vector<double> losses = trainByHand(program.handle, all, 1, 7, "", checkpoint);
  std::vector<double> rest = trainByHand(program.handle, all, 2, 7, checkpoint, "");
  losses.insert(losses.end(), rest.begin(), rest.end());
  EXPECT_EQ(losses, observer.losses);
}

/// Batches of any size give the loss and the metrics that the evaluator gives.
TEST(ApiTrainingTest, evaluatesLikeTheEvaluator) {
  CompiledNet net = fakeNet();
  Dataset data = fakeData(net);
  auto device = HostDevice::create(1);
  ASSERT_TRUE(device.ok());
  auto evaluator = Evaluator::create(net, *data.train.part, **device);
  ASSERT_TRUE(evaluator.ok());
  (*evaluator)->executor().initialize(7);
  auto expected = (*evaluator)->evaluate(data.train);
  ASSERT_TRUE(expected.ok());

  ProgramHandle program;
  Samples all(data);
  gnc_context *context = newContext(program.handle, GNC_MODE_EVAL, 2);
  OK(gnc_initialize(context, 7));
  gnc_scores scores = sized<gnc_scores>();
  EXPECT_EQ(slugOf(gnc_eval_end(context, &scores)), "api-order");
  OK(gnc_eval_begin(context));
  for (int64_t first = 0, n = 0; first < all.count(); first += n) {
    n = std::min<int64_t>(first ? 9 : 2, all.count() - first);
    Array image(&all.images[size_t(first * 16)], GNC_U8, {n, 1, 4, 4});
    OK(gnc_bind_input(context, "image", image));
    Array label(&all.labels[size_t(first)], GNC_I32, {n});
    OK(gnc_bind_input(context, "label", label));
    OK(gnc_eval_batch(context, n));
  }
  OK(gnc_eval_end(context, &scores));
  EXPECT_EQ(scores.samples, all.count());
  EXPECT_EQ(scores.loss, (*expected)->loss);
  ASSERT_EQ(scores.metric_count, 1);
  EXPECT_EQ(scores.metrics[0], (*expected)->metrics[0]);
  OK(gnc_context_free(context));
}

/// A step that is not finite: a status, with nothing changed; or left out, with a word to the log.
TEST(ApiTrainingTest, stepsThatAreNotFinite) {
  gnc_program *program = api::programHandle(fakeNet());
  std::string log;
  gnc_context_options options = sized<gnc_context_options>();
  options.mode = GNC_MODE_TRAIN;
  options.threads = 1;
  options.log = [](void *user, const char *text) { *static_cast<std::string *>(user) += text; };
  options.log_user = &log;
  gnc_context *context = nullptr;
  OK(gnc_context_create(program, &options, &context));
  gnc_training_options training = sized<gnc_training_options>();
  training.samples = 5;
  OK(gnc_train_begin(context, &training));
  std::vector<uint8_t> pixels(5 * 16, 1);
  std::vector<int32_t> labels(5, 0);
  Array image(pixels.data(), GNC_U8, {5, 1, 4, 4});
  Array label(labels.data(), GNC_I32, {5});
  OK(gnc_bind_input(context, "image", image));
  OK(gnc_bind_input(context, "label", label));
  std::vector<float> w(48, INFINITY);
  OK(gnc_write_tensor(context, GNC_ROLE_WEIGHT, "Fake.w", w.data(), w.size() * 4));
  gnc_status *status = gnc_train_step(context, 5, nullptr);
  EXPECT_EQ(std::string(gnc_status_slug(status)), "not-finite");
  EXPECT_EQ(std::string(gnc_status_file(status)), "fake.net");
  EXPECT_EQ(gnc_status_line(status), 3);
  EXPECT_EQ(gnc_status_column(status), 1);
  gnc_status_free(status);

  training.skip_not_finite = 1;
  OK(gnc_train_begin(context, &training));
  OK(gnc_write_tensor(context, GNC_ROLE_WEIGHT, "Fake.w", w.data(), w.size() * 4));
  gnc_step_info info = sized<gnc_step_info>();
  OK(gnc_train_step(context, 5, &info));
  EXPECT_EQ(info.skipped, 1);
  EXPECT_EQ(log, "step 1 is not finite and left out");
  OK(gnc_context_free(context));
  OK(gnc_program_free(program));
}

/// The whole training leaves the files of the trainer, byte for byte, also after it was stopped.
TEST(ApiTrainingTest, wholeTrainings) {
  TemporaryFolder folder;
  CompiledNet net = fakeNet();
  net.recipe.source.kind = "synthetic";
  net.recipe.source.count = 23;
  LossObserver observer;
  auto device = HostDevice::create(1);
  ASSERT_TRUE(device.ok());
  TrainOptions reference;
  reference.outDir = folder / "reference";
  reference.device = device->get();
  ASSERT_TRUE(train(net, fakeData(net), reference, observer).ok());

  struct Seen {
    std::vector<double> losses;
    int epochs = 0;
    int64_t stopAt = 7;
  } seen;
  gnc_train_options options = sized<gnc_train_options>();
  std::string out = folder / "out";
  options.out = out.c_str();
  options.threads = 1;
  options.user = &seen;
  options.progress = [](void *user, const gnc_progress *progress) -> int32_t {
    Seen &seen = *static_cast<Seen *>(user);
    if (progress->epoch_ended) {
      EXPECT_NE(progress->scores, nullptr);
      ++seen.epochs;
      return 0;
    }
    seen.losses.push_back(progress->loss);
    return progress->step == seen.stopAt;
  };
  gnc_program *program = api::programHandle(net);
  int32_t stopped = 0;
  OK(gnc_train(program, &options, &stopped));
  EXPECT_EQ(stopped, 1);
  EXPECT_EQ(seen.losses.size(), 7u);
  options.resume = 1;
  OK(gnc_train(program, &options, &stopped));
  EXPECT_EQ(stopped, 0);
  EXPECT_EQ(seen.losses, observer.losses);
  EXPECT_EQ(seen.epochs, 3);
  for (const char *file : {"last.safetensors", "best.safetensors", "log.csv"})
    EXPECT_EQ(readText(folder / "out" + "/" + file), readText(folder / "reference" + "/" + file));
  OK(gnc_program_free(program));
}
