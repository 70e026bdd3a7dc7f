//===- CommandEval.cpp - gnc eval
//---------------------------------------------------------------===//
#include "runtime/Evaluate.h"
#include "tools/CompiledFile.h"
#include "tools/Data.h"
#include "tools/Devices.h"
#include "tools/Signals.h"

#include <cstdio>

namespace gnc::tools {

namespace {
int evaluate(const Arguments &arguments, const OpenedDevice &device,
             const runtime::CompiledNet &net, const runtime::Split &split) {
  auto evaluator = runtime::Evaluator::create(net, *split.part, *device);
  if (!evaluator.ok())
    return report(evaluator.error());
  runtime::Status loaded = takeWeights(arguments, net, (*evaluator)->executor());
  if (!loaded.ok())
    return report(loaded.error());
  SignalGuard signals;
  auto found = (*evaluator)->evaluate(split, signals.flag());
  if (!found.ok())
    return report(found.error());
  const std::optional<runtime::Scores> &scores = *found;
  if (!scores)
    return signals.exitCode();
  printf("%s  %lld samples  loss %.6g", split.name.c_str(), (long long)split.size(), scores->loss);
  for (size_t m = 0; m < scores->metrics.size(); ++m)
    printf("  %s %.6g", net.recipe.metrics[m].c_str(), scores->metrics[m]);
  printf("\n");
  for (const runtime::Table &table : scores->tables)
    printf("%s\n%s", table.name.c_str(), runtime::tableText(table).c_str());
  device.printStatistics(net);
  return 0;
}
} // namespace

int runEval(const Arguments &arguments) {
  auto device = openDevice(arguments);
  if (!device.ok())
    return report(device.error());
  CompileReply reply = compileNet(device->arguments(arguments), {"eval"});
  if (reply.exitCode)
    return reply.exitCode;
  auto split = openSplit(arguments, reply.net, arguments.split);
  if (!split.ok())
    return report(split.error());
  return evaluate(arguments, *device, reply.net, *split);
}

} // namespace gnc::tools
