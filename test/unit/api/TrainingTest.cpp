//===- TrainingTest.cpp - training in a host program
//-------------------------------------------===//
#include <gnc/compiler.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace {
constexpr int64_t kSide = 6, kPixels = kSide * kSide, kSamples = 20, kBatch = 8, kEpochs = 3;

const char *const net = R"(
net Small(image: [1, 6, 6]) -> logits: [4] {
  image -> conv(4, 3x3) -> relu -> flatten -> dropout(0.25) -> linear(4)
}
data files {
  source = idx("DATA")
  image  = source.image / 255
  label  = source.label
}
train Small on files {
  loss      = cross_entropy(logits, label)
  optimizer = adam(if epoch < 1 then 0.01 else 0.001)
  batch     = 8
  epochs    = 3
  metrics   = [accuracy(logits, label)]
}
infer Small on files { out = logits }
)";

/// Pictures and labels, in files of the format of MNIST and in memory.
class TrainingTest : public testing::Test {
protected:
  void SetUp() override {
    std::string form = std::filesystem::temp_directory_path() / "gnc-training-XXXXXX";
    folder = mkdtemp(form.data());
    for (int64_t i = 0; i < kSamples * kPixels; ++i)
      images.push_back(uint8_t(i * 37 % 251));
    for (int64_t s = 0; s < kSamples; ++s)
      labels.push_back(int32_t(s * 7 % 4));
    for (const char *part : {"train", "t10k"}) {
      std::string pictures = {0, 0, 8, 3, 0, 0, 0, kSamples, 0, 0, 0, kSide, 0, 0, 0, kSide};
      pictures.append(images.begin(), images.end());
      std::string classes = {0, 0, 8, 1, 0, 0, 0, kSamples};
      classes.append(labels.begin(), labels.end());
      write(std::string(part) + "-images-idx3-ubyte", pictures);
      write(std::string(part) + "-labels-idx1-ubyte", classes);
    }
    std::string text = net;
    text.replace(text.find("DATA"), 4, folder.string());
    gnc::Compilation result = gnc::compile(gnc::Source{"small.net", text}, {.cache = "off"});
    ASSERT_TRUE(result) << result.diagnostics.at(0).message;
    program = result.program;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string &name, const std::string &bytes) const {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }

  /// Losses of a loop that gathers its own batches.
  std::vector<double> trainByHand(gnc::Context &context) const {
    std::vector<double> losses;
    context.beginTraining({.samples = kSamples});
    for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
      std::vector<uint32_t> order = gnc::shuffle(kSamples, program->info().seed, epoch);
      for (int64_t first = 0; first < kSamples; first += kBatch) {
        int64_t n = std::min(kBatch, kSamples - first);
        std::vector<uint8_t> pictures;
        std::vector<int32_t> classes;
        for (int64_t s = first; s < first + n; ++s) {
          auto picture = images.begin() + order[size_t(s)] * kPixels;
          pictures.insert(pictures.end(), picture, picture + kPixels);
          classes.push_back(labels[order[size_t(s)]]);
        }
        context.bindInput("image", pictures.data(), {n, 1, kSide, kSide});
        context.bindInput("label", classes.data(), {n});
        losses.push_back(context.trainStep(n).loss);
      }
    }
    return losses;
  }

  std::filesystem::path folder;
  std::vector<uint8_t> images;
  std::vector<int32_t> labels;
  std::optional<gnc::Program> program;
};

std::vector<float> answers(const gnc::Program &program, const std::vector<uint8_t> &images,
                           gnc::Context &context) {
  std::vector<float> out(kSamples * 4);
  context.bindInput("image", images.data(), {kSamples, 1, kSide, kSide});
  context.bindResult("out", out.data(), {kSamples, 4});
  EXPECT_EQ(program.info().batch, kBatch);
  context.infer(kSamples);
  return out;
}
} // namespace

/// A loop of one's own and the whole training have the same losses, bit for bit, with dropout, a
/// schedule and an epoch whose last batch is smaller; and end with the same weights.
TEST_F(TrainingTest, ownLoopIsTheTraining) {
  std::vector<double> expected;
  int epochs = 0;
  bool finished = gnc::train(
      *program,
      {.out = folder / "run", .threads = 1, .progress = [&](const gnc_progress &progress) {
         if (progress.epoch_ended)
           ++epochs;
         else
           expected.push_back(progress.loss);
         return true;
       }});
  EXPECT_TRUE(finished);
  EXPECT_EQ(epochs, kEpochs);
  ASSERT_EQ(expected.size(), 9u);
  EXPECT_NE(expected.back(), expected.front());

  gnc::Context one(*program, {.mode = gnc::Mode::Train, .threads = 1});
  gnc::Context two(*program, {.mode = gnc::Mode::Train, .threads = 2});
  EXPECT_EQ(trainByHand(one), expected);
  EXPECT_EQ(trainByHand(two), expected);

  gnc::Context copied(*program, {.threads = 1}), loaded(*program, {.threads = 1});
  one.copyWeightsTo(copied);
  loaded.loadWeights(folder / "run" / "last.safetensors");
  EXPECT_EQ(answers(*program, images, copied), answers(*program, images, loaded));
}

/// What a training leaves can be evaluated by hand: the numbers are those of its log.
TEST_F(TrainingTest, ownEvaluationIsTheTrainings) {
  gnc_scores last{};
  double accuracy = -1;
  gnc::train(*program,
             {.out = folder / "run", .threads = 1, .progress = [&](const gnc_progress &progress) {
                if (progress.scores) {
                  last = *progress.scores;
                  accuracy = last.metrics[0];
                }
                return true;
              }});
  gnc::Context context(*program, {.mode = gnc::Mode::Eval, .threads = 1});
  context.loadWeights(folder / "run" / "last.safetensors");
  context.bindInput("image", images.data(), {kSamples, 1, kSide, kSide});
  context.bindInput("label", labels.data(), {kSamples});
  context.beginEvaluation();
  context.evaluate(kSamples);
  gnc::Scores scores = context.endEvaluation();
  EXPECT_EQ(scores.samples, kSamples);
  EXPECT_EQ(scores.loss, last.loss);
  EXPECT_EQ(scores.metrics, std::vector<double>{accuracy});
  EXPECT_EQ(program->metrics(), std::vector<std::string>{"accuracy"});
}
