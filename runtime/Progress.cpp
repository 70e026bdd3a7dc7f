//===- Progress.cpp - a training as lines of text
//-----------------------------------------------===//
#include "runtime/Progress.h"

#include <cmath>
#include <cstdio>

namespace gnc::runtime {

namespace {
template <typename... Arguments> std::string print(const char *form, Arguments... arguments) {
  char buffer[256];
  snprintf(buffer, sizeof buffer, form, arguments...);
  return buffer;
}

double secondsBetween(Progress::Clock::time_point from, Progress::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// "epoch  3/10": as wide for the first as for the last.
std::string epochText(int64_t epoch, int64_t epochs) {
  int width = int(std::to_string(epochs).size());
  return print("epoch %*lld/%lld", width, static_cast<long long>(epoch),
               static_cast<long long>(epochs));
}
} // namespace

std::string durationText(double seconds) {
  if (seconds < 60)
    return print("%.1f s", seconds);
  long long whole = (long long)(seconds + 0.5);
  if (whole < 3600)
    return print("%lld min %lld s", whole / 60, whole % 60);
  return print("%lld h %lld min", whole / 3600, whole % 3600 / 60);
}

std::string epochLine(const EpochReport &report, double seconds) {
  auto number = [](double value) { return print(" %.4f", std::isnan(value) ? NAN : value); };
  std::string line = epochText(report.epoch, report.epochs) + "  loss" + number(report.loss);
  if (report.scores) {
    line += "  " + report.split + " loss" + number(report.scores->loss);
    for (size_t m = 0; m < report.scores->metrics.size(); ++m)
      line += "  " + report.metrics[m] + number(report.scores->metrics[m]);
  }
  if (report.skipped)
    line += print("  %lld steps left out", static_cast<long long>(report.skipped));
  return line + "  " + durationText(seconds);
}

void Progress::onStart(int64_t step, int64_t steps) {
  started = epochStarted = drawn = now();
  if (step >= steps)
    sink("the training is finished already, after step " + std::to_string(step) + "\n");
  else if (step > 0)
    sink("resuming after step " + std::to_string(step) + " of " + std::to_string(steps) + "\n");
}

void Progress::onStep(const StepReport &report) {
  samples += report.batch;
  ++stepsSeen;
  if (!terminal)
    return;
  Clock::time_point moment = now();
  if (lineOpen && moment - drawn < std::chrono::milliseconds(100))
    return;
  drawn = moment;
  lineOpen = true;
  double seconds = secondsBetween(started, moment);
  std::string line =
      epochText(report.epoch, report.epochs) +
      print("  step %lld/%lld  loss %.4f", static_cast<long long>(report.stepInEpoch),
            static_cast<long long>(report.stepsPerEpoch), report.meanLoss);
  if (seconds > 0) {
    double left = seconds / double(stepsSeen) * double(report.steps - report.step);
    line += print("  %.0f samples/s  ", double(samples) / seconds) + durationText(left) + " left";
  }
  sink("\r" + line + "\x1b[K"); // and clear what an earlier, longer line left
}

void Progress::onEpoch(const EpochReport &report) {
  clear();
  Clock::time_point moment = now();
  sink(epochLine(report, secondsBetween(epochStarted, moment)) + "\n");
  epochStarted = moment;
}

void Progress::onWarning(const std::string &text) {
  clear();
  sink("warning: " + text + "\n");
}

void Progress::clear() {
  if (lineOpen)
    sink("\r\x1b[K");
  lineOpen = false;
}

} // namespace gnc::runtime
