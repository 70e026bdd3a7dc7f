//===- Devices.cpp - where --device says that programs run; gnc devices -----------------------===//
#include "tools/Devices.h"

#include "runtime/Text.h"
#include "runtime/cuda/CudaDevice.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

namespace gnc::tools {

namespace {
using cuda::CudaDevice;
using cuda::Driver;
using runtime::Error;
using runtime::Result;
using runtime::usageError;

/// "cuda:1" is {"cuda", 1}.
struct Choice {
  std::string kind;
  int ordinal = 0;
};

Choice parseDevice(const std::string &text) {
  size_t colon = text.find(':');
  return {text.substr(0, colon),
          colon == std::string::npos ? 0 : int(strtol(text.c_str() + colon + 1, nullptr, 10))};
}

/// The newest architecture that code is made for (codegen/CudaTarget.cpp) and that a card runs.
std::string targetFor(int capability) {
  int target = 0;
  for (int known : {75, 80, 86, 89, 90, 100, 120})
    target = known <= capability ? known : target;
  return target ? "sm_" + std::to_string(target) : "";
}

runtime::Status checkOptions(const Arguments &arguments, const std::string &kind) {
  if (kind == "cpu" && !arguments.compile.card.empty())
    return usageError("device", "--target=" + arguments.compile.card +
                                    " is for a card, and the device is the processor")
        .withHelp("add --device=cuda, or --device=emulator");
  if (kind != "emulator" && (arguments.emulatorCheck || arguments.emulatorStats))
    return usageError("device", std::string(arguments.emulatorCheck ? "--emulator-check"
                                                                    : "--emulator-stats") +
                                    " is of the software device")
        .withHelp("add --device=emulator");
  if (kind == "cpu" && !arguments.compile.library.empty())
    return usageError("device", "--library=" + arguments.compile.library +
                                    " is of cards, and the device is the processor")
        .withHelp("add --device=cuda, or --device=emulator");
  if (kind != "cuda" && !arguments.cudaDriver.empty())
    return usageError("device", "--cuda-driver is of cards").withHelp("add --device=cuda");
  return {};
}

/// The software device reads its options where anybody can set them: in the environment.
void setEmulatorOptions(const Arguments &arguments) {
  if (arguments.emulatorCheck)
    setenv("GNC_EMULATOR_CHECK", "1", 1);
  if (arguments.emulatorStats)
    setenv("GNC_EMULATOR_STATS", "1", 1);
  if (!arguments.compile.card.empty()) // the card that the program is for, unless another is meant
    setenv("GNC_EMULATOR_CARD", arguments.compile.card.c_str(), 0);
}

Result<OpenedDevice> openCard(const Arguments &arguments, const Choice &choice) {
  bool emulator = choice.kind == "emulator";
  if (emulator)
    setEmulatorOptions(arguments);
  Result<Driver> driver = Driver::load(emulator ? Driver::emulatorLibrary : arguments.cudaDriver);
  if (!driver.ok())
    return std::move(driver).error();
  auto card = CudaDevice::create(
      *driver, {choice.ordinal, arguments.emulatorCheck, arguments.compile.cudnn});
  if (!card.ok())
    return std::move(card).error();
  OpenedDevice opened;
  opened.card = targetFor((*card)->card().capability);
  if (opened.card.empty())
    return runtime::environmentError(
               "unsupported-card", "'" + (*card)->card().name + "' is " + (*card)->card().target() +
                                       ", and programs are for sm_75 and later")
        .withHelp("use --device=cpu");
  opened.cudnn = emulator ? driver->library : "";
  if (arguments.emulatorStats)
    opened.statistics = [driver = *driver] { return driver.statistics(); };
  opened.device = std::move(*card);
  return opened;
}
} // namespace

Arguments OpenedDevice::arguments(const Arguments &given) const {
  Arguments result = given;
  if (result.compile.card.empty())
    result.compile.card = card;
  if (result.compile.cudnn.empty())
    result.compile.cudnn = cudnn;
  return result;
}

/// The names of what a kernel is launched for, by its symbol.
static std::map<std::string, std::set<std::string>> layersOf(const runtime::CompiledNet &net) {
  std::map<std::string, std::set<std::string>> layers;
  for (const runtime::Program *program : {&net.train, &net.eval, &net.score, &net.infer})
    for (const runtime::Launch &launch : program->launches)
      if (const std::string &name = program->sites[launch.site].name;
          !name.empty() && !launch.library)
        layers[program->kernels[launch.kernel].symbol].insert(name);
  return layers;
}

void OpenedDevice::printStatistics(const runtime::CompiledNet &net) const {
  if (!statistics)
    return;
  const auto layers = layersOf(net);
  std::istringstream lines(statistics());
  for (std::string line; std::getline(lines, line);) {
    std::string all;
    if (auto found = layers.find(line); found != layers.end())
      for (const std::string &layer : found->second)
        all += (all.empty() ? "  for " : ", ") + layer;
    printf("%s%s\n", line.c_str(), all.c_str());
  }
}

Result<OpenedDevice> openDevice(const Arguments &arguments) {
  Choice choice = parseDevice(arguments.device);
  if (runtime::Status status = checkOptions(arguments, choice.kind); !status.ok())
    return std::move(status).error();
  if (choice.kind != "cpu")
    return openCard(arguments, choice);
  auto host = runtime::HostDevice::create(arguments.threads);
  if (!host.ok())
    return std::move(host).error();
  OpenedDevice opened;
  opened.device = std::move(*host);
  return opened;
}

//===- gnc devices ----------------------------------------------------------------------------===//

namespace {
/// A row for each card of a driver, or one that says why there is none.
void printCards(const std::string &kind, const std::string &library) {
  Result<Driver> driver = Driver::load(library);
  auto cards =
      driver.ok() ? cuda::listCards(*driver) : Result<std::vector<cuda::Card>>(driver.error());
  if (!cards.ok()) {
    printf("%-12s %s\n", kind.c_str(), cards.error().message.c_str());
    return;
  }
  for (const cuda::Card &card : *cards)
    printf("%-12s %s, %s, %d multiprocessors, %s; CUDA %s\n",
           (cards->size() > 1 || kind == "cuda" ? kind + ":" + std::to_string(card.ordinal) : kind)
               .c_str(),
           card.name.c_str(), card.target().c_str(), card.multiprocessors,
           runtime::bytesText(card.memory).c_str(), cuda::cudaVersionText(driver->version).c_str());
}
} // namespace

int runDevices(const Arguments &arguments) {
  printf("%-12s %d threads\n", "cpu", runtime::usableProcessors());
  printCards("cuda", arguments.cudaDriver);
  printCards("emulator", Driver::emulatorLibrary);
  return 0;
}

} // namespace gnc::tools
