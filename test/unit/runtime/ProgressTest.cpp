#include "runtime/Progress.h"

#include <gtest/gtest.h>

using namespace gnc::runtime;

namespace {
struct Console {
  std::string text;
  Progress::Clock::time_point time{};
  Progress progress;

  explicit Console(bool terminal)
      : progress([this](std::string_view part) { text += part; }, terminal) {
    progress.now = [this] { return time; };
  }
  void wait(double seconds) {
    time += std::chrono::duration_cast<Progress::Clock::duration>(
        std::chrono::duration<double>(seconds));
  }
  void step(int64_t step) { progress.onStep({3, 10, step, 100, 200 + step, 1000, 50, 0.5, 0.25}); }
};

const std::string split = "test";
const std::vector<std::string> metrics{"accuracy"};
EpochReport report() {
  return {3, 10, 300, 0.27412, split, Scores{0.3012, {0.8934}, {}}, metrics, true};
}
} // namespace

TEST(Progress, OnePlainLineAnEpoch) {
  Console console(false);
  console.progress.onStart(0, 1000);
  console.step(1);
  console.wait(5.2);
  console.progress.onEpoch(report());
  EXPECT_EQ(console.text, "epoch  3/10  loss 0.2741  test loss 0.3012  accuracy 0.8934  5.2 s\n");
}

TEST(Progress, ATerminalSeesSteps) {
  Console console(true);
  console.progress.onStart(200, 1000);
  EXPECT_EQ(console.text, "resuming after step 200 of 1000\n");
  console.text.clear();
  console.wait(1);
  console.step(1);
  EXPECT_EQ(console.text,
            "\repoch  3/10  step 1/100  loss 0.2500  50 samples/s  13 min 19 s left\x1b[K");
  console.text.clear();
  console.wait(0.05); // too soon
  console.step(2);
  EXPECT_EQ(console.text, "");
  console.progress.onEpoch(report());
  EXPECT_EQ(console.text.substr(0, 4), "\r\x1b[K");
  EXPECT_EQ(console.text.back(), '\n');
}

TEST(Progress, SaysWhenNothingIsLeft) {
  Console console(false);
  console.progress.onStart(1000, 1000);
  EXPECT_EQ(console.text, "the training is finished already, after step 1000\n");
}

TEST(Progress, Durations) {
  EXPECT_EQ(durationText(0.04), "0.0 s");
  EXPECT_EQ(durationText(200), "3 min 20 s");
  EXPECT_EQ(durationText(7500), "2 h 5 min");
}
