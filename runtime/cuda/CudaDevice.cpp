//===- CudaDevice.cpp - a card as a device ----------------------------------------------------===//
#include "runtime/cuda/CudaDevice.h"

#include "runtime/ProgramCheck.h"
#include "runtime/cuda/CudaExecutor.h"
#include "runtime/cuda/PtxVersions.h"

#include <cstdlib>
#include <sstream>
#include <string_view>

namespace gnc::cuda {

using namespace runtime;

namespace {
Error cannotAsk(const Driver &driver, Code code) {
  return environmentError("card-failed",
                          "the driver does not tell about its cards: " + driver.describe(code));
}

Result<Card> describeCard(const Driver &driver, int ordinal) {
  Card card;
  card.ordinal = ordinal;
  Device device = 0;
  char name[256] = "";
  size_t bytes = 0;
  int major = 0, minor = 0;
  Code code = driver.deviceGet(&device, ordinal);
  auto ask = [&](Code answer) { code = code == Code::Success ? answer : code; };
  ask(driver.deviceGetName(name, sizeof name, device));
  ask(driver.deviceTotalMem(&bytes, device));
  ask(driver.deviceGetAttribute(&major, Attribute::CapabilityMajor, device));
  ask(driver.deviceGetAttribute(&minor, Attribute::CapabilityMinor, device));
  ask(driver.deviceGetAttribute(&card.multiprocessors, Attribute::Multiprocessors, device));
  if (code != Code::Success)
    return cannotAsk(driver, code);
  card.name = name;
  card.capability = major * 10 + minor;
  card.memory = bytes;
  return card;
}

/// Whether the card and the driver are new enough for the program's module.
Status checkModule(const Program &program, const Card &card, const Driver &driver) {
  PtxHeader header = readPtxHeader(program.module);
  std::string what = "the program '" + program.name + "' is compiled for sm_" +
                     std::to_string(header.capability) + (header.exact ? "a" : "");
  bool runs =
      header.exact ? card.capability == header.capability : card.capability >= header.capability;
  if (!runs)
    return environmentError("unsupported-card",
                            what + ", and '" + card.name + "' is " + card.target())
        .withHelp("compile it with --target=" + card.target());
  if (driver.version && header.version > newestPtx(driver.version))
    return environmentError("old-driver", "the program '" + program.name + "' is PTX " +
                                              std::to_string(header.version / 10) + "." +
                                              std::to_string(header.version % 10) +
                                              ", and the driver knows CUDA " +
                                              cudaVersionText(driver.version))
        .withHelp("install a driver for CUDA " + cudaVersionText(oldestCuda(header.version)) +
                  " or later");
  return {};
}
} // namespace

Result<std::vector<Card>> listCards(const Driver &driver) {
  int count = 0;
  if (Code code = driver.deviceGetCount(&count); code != Code::Success)
    return cannotAsk(driver, code);
  std::vector<Card> cards;
  for (int i = 0; i < count; ++i) {
    Result<Card> card = describeCard(driver, i);
    if (!card.ok())
      return std::move(card).error();
    cards.push_back(std::move(*card));
  }
  return cards;
}

Result<std::unique_ptr<CudaDevice>> CudaDevice::create(const Driver &driver,
                                                       const Options &options) {
  Result<std::vector<Card>> cards = listCards(driver);
  if (!cards.ok())
    return std::move(cards).error();
  if (options.ordinal < 0 || size_t(options.ordinal) >= cards->size())
    return usageError("no-card", "there is no card " + std::to_string(options.ordinal) +
                                     ", the driver has " + std::to_string(cards->size()))
        .withHelp("'gnc devices' lists them");
  std::unique_ptr<CudaDevice> device(
      new CudaDevice(driver, options, std::move((*cards)[size_t(options.ordinal)])));
  const char *blocking = std::getenv("CUDA_LAUNCH_BLOCKING");
  device->options.stepwise |= blocking && std::string_view(blocking) == "1";
  Context context = nullptr;
  Code code = driver.devicePrimaryCtxRetain(&context, options.ordinal);
  if (code == Code::Success) {
    device->context = context;
    code = device->enter();
  }
  if (code != Code::Success)
    return device->failure("'" + device->info.name + "' cannot be used", code);
  return device;
}

CudaDevice::~CudaDevice() {
  if (context)
    api.devicePrimaryCtxRelease(info.ordinal);
}

Result<std::unique_ptr<Executor>> CudaDevice::load(const Program &program) {
  if (Status status = checkProgram(program); !status.ok())
    return std::move(status).error();
  if (program.target != Target::Cuda)
    return internalError("program '" + program.name + "' is compiled for the processor");
  if (Status status = checkModule(program, info, api); !status.ok())
    return std::move(status).error();
  return CudaExecutor::create(program, *this);
}

Error CudaDevice::failure(const std::string &what, Code code) const {
  Error error = environmentError("card-failed", what + ": " + api.describe(code));
  std::istringstream lines(api.report());
  for (std::string line; std::getline(lines, line);)
    error.notes.push_back(line);
  return error;
}

} // namespace gnc::cuda
