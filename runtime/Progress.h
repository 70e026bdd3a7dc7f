//===- Progress.h - a training as lines of text
//-------------------------------------------------===//
#pragma once

#include "runtime/Trainer.h"

#include <chrono>

namespace gnc::runtime {

/// Formats a training for people: one line an epoch, and on a terminal a line that is rewritten as
/// steps pass. Prints nothing itself; text goes to the sink.
class Progress : public TrainObserver {
public:
  using Clock = std::chrono::steady_clock;
  using Sink = std::function<void(std::string_view text)>;

  Progress(Sink sink, bool terminal) : sink(std::move(sink)), terminal(terminal) {}

  void onStart(int64_t step, int64_t steps) override;
  void onStep(const StepReport &report) override;
  void onEpoch(const EpochReport &report) override;
  void onWarning(const std::string &text) override;

  /// Ends an unfinished line, before something else is printed (an error, "interrupted").
  void clear();

  /// For tests: a clock to use in place of the real one.
  std::function<Clock::time_point()> now = [] { return Clock::now(); };

private:
  Sink sink;
  bool terminal;
  bool lineOpen = false;
  int64_t samples = 0, stepsSeen = 0; ///< in this run
  Clock::time_point started, epochStarted, drawn;
};

/// "epoch  3/10  loss 0.2741  test loss 0.3012  accuracy 0.8934  5.2 s".
std::string epochLine(const EpochReport &report, double seconds);

/// "5.2 s", "3 min 20 s", "2 h 5 min".
std::string durationText(double seconds);

} // namespace gnc::runtime
