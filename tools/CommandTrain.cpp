//===- CommandTrain.cpp - gnc train
//-------------------------------------------------------------===//
#include "runtime/Progress.h"
#include "runtime/Trainer.h"
#include "tools/Data.h"
#include "tools/Devices.h"
#include "tools/Signals.h"
#include "tools/Trace.h"

#include <cstdio>
#include <unistd.h>

namespace gnc::tools {

namespace {
/// "examples/fashion.net" -> "runs/fashion".
std::string defaultFolder(const std::string &file) {
  size_t slash = file.rfind('/');
  std::string name = file.substr(slash == std::string::npos ? 0 : slash + 1);
  return "runs/" + name.substr(0, name.rfind('.'));
}

/// Some hundred steps; a viewer still opens them.
constexpr size_t kTracedLaunches = 20000;

void printText(std::string_view text) {
  fwrite(text.data(), 1, text.size(), stdout);
  fflush(stdout);
}

runtime::TrainOptions trainOptions(const Arguments &arguments, const SignalGuard &signals) {
  runtime::TrainOptions options;
  options.outDir = arguments.out.empty() ? defaultFolder(arguments.compile.file) : arguments.out;
  options.resume = arguments.resume;
  options.seed = arguments.compile.seed;
  options.epochs = arguments.epochs;
  options.steps = arguments.steps;
  options.threads = arguments.threads;
  options.checkpointEverySteps = arguments.checkpointEvery.value_or(0);
  options.skipNotFinite = arguments.onNan == "continue";
  options.partial = arguments.partial;
  options.interrupt = signals.flag();
  return options;
}

void printOutcome(const runtime::TrainOutcome &outcome, const std::string &folder) {
  if (outcome.interrupted) {
    printf("stopped after step %lld; go on with --resume --out %s\n", (long long)outcome.step,
           folder.c_str());
    return;
  }
  printf("%lld steps done", (long long)outcome.step);
  if (outcome.best)
    printf(", best %s %.4f", outcome.bestMetric.c_str(), *outcome.best);
  printf("; weights in %s\n", folder.c_str());
}
} // namespace

int runTrain(const Arguments &arguments) {
  if (arguments.epochs && arguments.steps)
    return report(runtime::usageError("two-lengths", "--epochs and --steps contradict each other"));
  auto device = openDevice(arguments);
  if (!device.ok())
    return report(device.error());
  CompileReply reply = compileNet(device->arguments(arguments), {"train", "eval"});
  if (reply.exitCode)
    return reply.exitCode;
  auto data = openData(arguments, reply.net);
  if (!data.ok())
    return report(data.error());
  SignalGuard signals;
  runtime::TrainOptions options = trainOptions(arguments, signals);
  TracingDevice trace(**device, arguments.profile.empty() ? 0 : kTracedLaunches);
  options.device = arguments.profile.empty() ? &**device : &trace;
  runtime::Progress progress(printText, isatty(STDOUT_FILENO) != 0);
  auto outcome = runtime::train(reply.net, *data, options, progress);
  progress.clear();
  if (!outcome.ok())
    return report(outcome.error());
  printOutcome(*outcome, options.outDir);
  if (!arguments.profile.empty())
    if (runtime::Status status = trace.write(arguments.profile); !status.ok())
      return report(status.error());
  device->printStatistics(reply.net);
  return outcome->interrupted ? signals.exitCode() : 0;
}

} // namespace gnc::tools
