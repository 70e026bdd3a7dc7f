//===- CommandBench.cpp - gnc bench: how fast a net is, and where the time goes ---------------===//
//
// A program is run as a whole, again and again, and the median told; then launch by launch, which
// costs a little more, to share that time out among layers. What is measured is arithmetic: inputs
// are drawn once, nothing is read from files.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Feed.h"
#include "tools/Command.h"
#include "tools/Devices.h"
#include "tools/Json.h"
#include "tools/Peak.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <numeric>
#include <thread>

namespace gnc::tools {

namespace {
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

//===- Measuring ------------------------------------------------------------------------------===//

struct Times {
  double median = 0, least = 0, tenth = 0; ///< seconds; of ten runs one is faster than `tenth`
  size_t runs = 0;
};

Times summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds[seconds.size() / 10],
          seconds.size()};
}

/// Whole runs: `runs` of them, or as many as a second holds, at least 9. What depends on weights
/// alone is done before.
Times measureWhole(runtime::Executor &executor, int64_t n, std::optional<int64_t> runs) {
  constexpr double kEnough = 1;
  constexpr size_t kAtLeast = 9;
  executor.prepare();
  executor.answer(n);
  (void)executor.finish();
  std::vector<double> seconds;
  Clock::time_point begin = Clock::now();
  while (runs ? seconds.size() < size_t(*runs)
              : seconds.size() < kAtLeast || since(begin) < kEnough) {
    Clock::time_point start = Clock::now();
    executor.answer(n);
    (void)executor.finish();
    seconds.push_back(since(start));
  }
  return summarize(std::move(seconds));
}

/// Median seconds of every launch.
std::vector<double> measureLaunches(runtime::Executor &executor, int64_t n, int64_t runs) {
  size_t launches = executor.program().launches.size();
  std::vector<std::vector<double>> times(launches);
  executor.run(n);
  for (int64_t r = 0; r < runs; ++r)
    for (size_t i = 0; i < launches; ++i) {
      Clock::time_point start = Clock::now();
      executor.runLaunches(i, i + 1, n);
      (void)executor.finish();
      times[i].push_back(since(start));
    }
  std::vector<double> medians;
  for (std::vector<double> &list : times)
    medians.push_back(summarize(std::move(list)).median);
  return medians;
}

//===- Layers ---------------------------------------------------------------------------------===//

/// What one layer's launches take together.
struct Layer {
  std::string name;
  runtime::SourceLocation location;
  double forward = 0, backward = 0, update = 0; ///< seconds
  double operations = 0;
  size_t launches = 0;
  double seconds() const { return forward + backward + update; }
};

constexpr std::string_view kBackward = ": backward";

/// In the order of the first launch. What depends on weights alone counts for none.
std::vector<Layer> layersOf(const runtime::Program &program, const std::vector<double> &seconds,
                            int64_t n) {
  std::vector<Layer> layers;
  std::map<std::string, size_t> known;
  for (size_t i = program.prologue; i < program.launches.size(); ++i) {
    const runtime::Launch &launch = program.launches[i];
    const runtime::Site &site = program.sites[launch.site];
    bool backward = site.name.ends_with(kBackward);
    std::string name = site.name;
    if (backward)
      name.resize(name.size() - kBackward.size());
    auto [it, isNew] = known.try_emplace(name, layers.size());
    if (isNew)
      layers.push_back({name, site.location, 0, 0, 0, 0, 0});
    Layer &layer = layers[it->second];
    (i >= program.commit ? layer.update : backward ? layer.backward : layer.forward) += seconds[i];
    layer.operations += launch.flops.at(n);
    ++layer.launches;
  }
  return layers;
}

//===- Printing -------------------------------------------------------------------------------===//

struct Result {
  std::string program, net;
  int64_t batch = 0;
  int threads = 0;
  double peak = 0; ///< 0: not of a processor
  Times times;
  double operations = 0; ///< of all launches that were timed
  std::vector<Layer> layers;
  size_t launches = 0, kernels = 0;
  uint64_t arenaBytes = 0;
};

std::string place(const runtime::SourceLocation &location) {
  return location.line > 0 ? " [" + location.file + ":" + std::to_string(location.line) + "]" : "";
}

void printText(const Result &result) {
  double rate = result.operations / result.times.median;
  printf("%s of %s, batch %lld, %d thread%s: %.3f ms (least %.3f, %zu runs), %.0f samples/s, %.1f "
         "GFLOP/s",
         result.program.c_str(), result.net.c_str(), (long long)result.batch, result.threads,
         result.threads == 1 ? "" : "s", result.times.median * 1e3, result.times.least * 1e3,
         result.times.runs, double(result.batch) / result.times.median, rate * 1e-9);
  if (result.peak > 0)
    printf(", %.0f %% of the measured peak of %.0f", 100 * rate / result.peak, result.peak * 1e-9);
  printf("\n%zu launches of %zu kernels, %.1f MiB\n\n", result.launches, result.kernels,
         double(result.arenaBytes) / (1 << 20));
  printf("%10s %6s %10s %10s %9s %8s  %s\n", "ms", "share", "forward", "backward", "GFLOP/s",
         "launches", "layer");
  double total = 0;
  for (const Layer &layer : result.layers)
    total += layer.seconds();
  for (const Layer &layer : result.layers)
    printf("%10.4f %5.1f%% %10.4f %10.4f %9.2f %8zu  %s%s\n", layer.seconds() * 1e3,
           100 * layer.seconds() / total, layer.forward * 1e3,
           (layer.backward + layer.update) * 1e3, layer.operations / layer.seconds() * 1e-9,
           layer.launches, layer.name.empty() ? "(the step)" : layer.name.c_str(),
           place(layer.location).c_str());
}

/// When a launch runs: "once" (after weights were loaded), "run", or "commit".
const char *phaseOf(const runtime::Program &program, size_t launch) {
  return launch < program.prologue ? "once" : launch >= program.commit ? "commit" : "run";
}

void printJson(const Result &result) {
  printf("{\"program\": %s, \"net\": %s, \"batch\": %lld, \"threads\": %d, \"median_ms\": %.6f, "
         "\"p10_ms\": %.6f, \"least_ms\": %.6f, \"runs\": %zu, \"samples_per_s\": %.3f, "
         "\"gflops\": %.3f, \"peak_gflops\": %.3f, \"launches\": %zu, \"kernels\": %zu, "
         "\"arena_bytes\": %llu, \"layers\": [",
         jsonString(result.program).c_str(), jsonString(result.net).c_str(),
         (long long)result.batch, result.threads, result.times.median * 1e3,
         result.times.tenth * 1e3, result.times.least * 1e3, result.times.runs,
         double(result.batch) / result.times.median, result.operations / result.times.median * 1e-9,
         result.peak * 1e-9, result.launches, result.kernels,
         (unsigned long long)result.arenaBytes);
  const char *separator = "";
  for (const Layer &layer : result.layers) {
    printf("%s{\"name\": %s, \"line\": %d, \"forward_ms\": %.6f, \"backward_ms\": %.6f, "
           "\"update_ms\": %.6f, \"gflop\": %.6f, \"launches\": %zu}",
           separator, jsonString(layer.name).c_str(), layer.location.line, layer.forward * 1e3,
           layer.backward * 1e3, layer.update * 1e3, layer.operations * 1e-9, layer.launches);
    separator = ", ";
  }
  printf("]");
}

/// A member of the object, with every launch in order; `batched`: it writes numbers of each sample.
void printLaunchesJson(const runtime::Program &program, const std::vector<double> &seconds,
                       int64_t n) {
  const char *separator = ", \"each\": [";
  for (size_t i = 0; i < seconds.size(); ++i) {
    const runtime::Launch &launch = program.launches[i];
    bool batched = std::any_of(launch.written.begin(), launch.written.end(),
                               [](const runtime::Tensor &tensor) { return tensor.batched; });
    printf("%s{\"name\": %s, \"kernel\": %s, \"ms\": %.6f, \"gflop\": %.6f, \"mbytes\": %.6f, "
           "\"tiles\": %lld, "
           "\"batched\": %s, \"phase\": \"%s\"}",
           separator, jsonString(program.sites[launch.site].name).c_str(),
           jsonString(program.keyOf(launch).substr(0, 10)).c_str(), seconds[i] * 1e3,
           launch.flops.at(n) * 1e-9, launch.bytes.at(n) * 1e-6, (long long)launch.tiles.at(n),
           batched ? "true" : "false", phaseOf(program, i));
    separator = ", ";
  }
  printf("]");
}

/// One line a launch, in order.
void printLaunches(const runtime::Program &program, const std::vector<double> &seconds, int64_t n) {
  double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  printf("\n%10s %6s %9s %8s  %-10s %s\n", "ms", "share", "GFLOP/s", "tiles", "kernel", "launch");
  for (size_t i = 0; i < seconds.size(); ++i) {
    const runtime::Launch &launch = program.launches[i];
    const runtime::Site &site = program.sites[launch.site];
    double operations = launch.flops.at(n);
    std::string phase = phaseOf(program, i);
    printf("%10.4f %5.1f%% %9.2f %8lld  %-10s %s%s%s\n", seconds[i] * 1e3, 100 * seconds[i] / total,
           operations / seconds[i] * 1e-9, (long long)launch.tiles.at(n),
           program.keyOf(launch).substr(0, 10).c_str(), site.name.c_str(),
           place(site.location).c_str(), phase == "run" ? "" : (" (" + phase + ")").c_str());
  }
}

/// The programs to measure: what was asked for, else training and answering, if the net has them.
std::vector<std::string> programsOf(const Arguments &arguments, const runtime::CompiledNet &net) {
  if (!arguments.compile.programs.empty())
    return arguments.compile.programs;
  std::vector<std::string> names;
  for (const char *name : {"train", "infer"})
    if (!programOf(net, name).launches.empty())
      names.push_back(name);
  return names;
}
} // namespace

int runBench(const Arguments &arguments) {
  auto device = openDevice(arguments);
  if (!device.ok())
    return report(device.error());
  CompileReply reply = compileNet(device->arguments(arguments), arguments.compile.programs);
  if (reply.exitCode)
    return reply.exitCode;
  bool processor = arguments.device == "cpu";
  int threads = arguments.threads ? arguments.threads : int(std::thread::hardware_concurrency());
  bool first = true;
  for (const std::string &name : programsOf(arguments, reply.net)) {
    const runtime::Program &program = programOf(reply.net, name);
    auto executor = (**device).load(program);
    if (!executor.ok())
      return report(executor.error());
    int64_t n = program.maxBatch;
    if (runtime::Status status = prepare(reply.net, **executor, n); !status.ok())
      return report(status.error());
    Result result;
    result.program = name, result.net = reply.net.recipe.net, result.batch = n;
    result.threads = threads, result.peak = processor ? measurePeak(threads) : 0;
    result.times = measureWhole(**executor, n, arguments.steps);
    std::vector<double> seconds =
        measureLaunches(**executor, n, int64_t(std::clamp<size_t>(result.times.runs, 3, 20)));
    if (runtime::Status status = (*executor)->finish(); !status.ok())
      return report(status.error());
    result.layers = layersOf(program, seconds, n);
    for (const Layer &layer : result.layers)
      result.operations += layer.operations, result.launches += layer.launches;
    result.kernels = program.kernels.size(), result.arenaBytes = program.arenaBytes;
    if (!first && !arguments.json)
      printf("\n");
    first = false;
    arguments.json ? printJson(result) : printText(result);
    if (arguments.launches)
      arguments.json ? printLaunchesJson(program, seconds, n) : printLaunches(program, seconds, n);
    if (arguments.json)
      printf("}\n");
  }
  return 0;
}

} // namespace gnc::tools
