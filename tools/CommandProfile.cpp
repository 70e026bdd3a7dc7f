//===- CommandProfile.cpp - gnc profile: where the time of a step goes
//--------------------------===//
#include "runtime/Feed.h"
#include "tools/Command.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>

namespace gnc::tools {

namespace {
using Clock = std::chrono::steady_clock;

const runtime::Program &programOf(const runtime::CompiledNet &net, const std::string &name) {
  return name == "infer" ? net.infer : name == "eval" ? net.eval : net.train;
}

/// Seeded inputs for one batch, initial weights, and schedules small enough to stay finite.
runtime::Status prepare(const runtime::CompiledNet &net, runtime::Executor &executor, int64_t n) {
  runtime::DataSource source;
  source.kind = "synthetic";
  source.count = n;
  auto data = runtime::openDataset(source, runtime::inputsOf(net), {0, 0});
  if (!data.ok())
    return data.error();
  auto feed = runtime::Feed::bind(*data->train.part, executor);
  if (!feed.ok())
    return feed.error();
  executor.initialize(net.recipe.seed);
  executor.setStream(net.recipe.seed, 1, 0);
  for (const runtime::Tensor &tensor : executor.program().tensors)
    if (tensor.role == runtime::Role::Schedule)
      executor.writeScalar(tensor, 1e-4f);
  std::vector<uint32_t> samples(size_t(std::min(n, data->train.part->count)));
  std::iota(samples.begin(), samples.end(), 0);
  return feed->gather(*data->train.part, samples);
}

/// Median seconds of every launch, over some runs of the whole program.
std::vector<double> measure(runtime::Executor &executor, int64_t n, int64_t runs) {
  size_t launches = executor.program().launches.size();
  std::vector<std::vector<double>> times(launches);
  executor.run(n);
  for (int64_t r = 0; r < runs; ++r)
    for (size_t i = 0; i < launches; ++i) {
      Clock::time_point start = Clock::now();
      executor.runLaunches(i, i + 1, n);
      times[i].push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
  std::vector<double> medians;
  for (std::vector<double> &list : times) {
    std::nth_element(list.begin(), list.begin() + ptrdiff_t(list.size() / 2), list.end());
    medians.push_back(list[list.size() / 2]);
  }
  return medians;
}

void printTable(const runtime::Program &program, const std::vector<double> &seconds, int64_t n) {
  double total = std::accumulate(seconds.begin(), seconds.end(), 0.0), operations = 0;
  printf("%10s %6s %9s %8s  %-10s %s\n", "ms", "share", "GFLOP/s", "tiles", "kernel", "launch");
  for (size_t i = 0; i < seconds.size(); ++i) {
    const runtime::Launch &launch = program.launches[i];
    const runtime::Site &site = program.sites[launch.site];
    double flops = launch.flopsPerSample * double(n) + launch.flopsFixed;
    operations += flops;
    printf("%10.4f %5.1f%% %9.2f %8lld  %-10s %s%s", seconds[i] * 1e3, 100 * seconds[i] / total,
           flops / seconds[i] * 1e-9, (long long)launch.tiles.at(n),
           program.kernels[launch.kernel].key.substr(0, 10).c_str(), site.name.c_str(),
           i >= program.commit ? " (commit)" : "");
    if (site.location.line > 0)
      printf(" [%s:%d]", site.location.file.c_str(), site.location.line);
    printf("\n");
  }
  printf("%10.4f %5.1f%% %9.2f           %zu kernels, %.0f samples/s with a batch of %lld\n",
         total * 1e3, 100.0, operations / total * 1e-9, program.kernels.size(), double(n) / total,
         (long long)n);
}
} // namespace

int runProfile(const Arguments &arguments) {
  std::string name =
      arguments.compile.programs.empty() ? "train" : arguments.compile.programs.front();
  CompileReply reply = compileNet(arguments, {name});
  if (reply.exitCode)
    return reply.exitCode;
  const runtime::Program &program = programOf(reply.net, name);
  auto pool = runtime::ThreadPool::create(arguments.threads);
  if (!pool.ok())
    return report(pool.error());
  auto executor = runtime::Executor::create(program, **pool);
  if (!executor.ok())
    return report(executor.error());
  int64_t n = program.maxBatch;
  if (runtime::Status status = prepare(reply.net, **executor, n); !status.ok())
    return report(status.error());
  printTable(program, measure(**executor, n, arguments.steps.value_or(20)), n);
  return 0;
}

} // namespace gnc::tools
