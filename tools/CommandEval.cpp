//===- CommandEval.cpp - gnc eval
//---------------------------------------------------------------===//
#include "runtime/Checkpoint.h"
#include "runtime/Evaluate.h"
#include "tools/Data.h"
#include "tools/Signals.h"

#include <cstdio>

namespace gnc::tools {

namespace {
int evaluate(const Arguments &arguments, const runtime::CompiledNet &net,
             const runtime::Split &split) {
  auto pool = runtime::ThreadPool::create(arguments.threads);
  if (!pool.ok())
    return report(pool.error());
  auto evaluator = runtime::Evaluator::create(net, *split.part, **pool);
  if (!evaluator.ok())
    return report(evaluator.error());
  runtime::Status loaded = runtime::loadWeights(arguments.weights, (*evaluator)->executor());
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
  return 0;
}
} // namespace

int runEval(const Arguments &arguments) {
  CompileReply reply = compileNet(arguments, {"eval"});
  if (reply.exitCode)
    return reply.exitCode;
  auto split = openSplit(arguments, reply.net, arguments.split);
  if (!split.ok())
    return report(split.error());
  return evaluate(arguments, reply.net, *split);
}

} // namespace gnc::tools
