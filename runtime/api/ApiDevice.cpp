//===- ApiDevice.cpp - where a context runs
//----------------------------------------------------===//
#include "runtime/ProgramFile.h"
#include "runtime/api/ApiObjects.h"
#include "runtime/cuda/CudaDevice.h"

#include <charconv>

namespace gnc::runtime::api {

namespace {
Error unknownDevice(const std::string &name) {
  return environmentError("api-device", "there is no device '" + name + "'")
      .withHelp("pass \"cpu\", \"cuda\", \"cuda:1\", \"emulator\", or NULL");
}

/// The net for a card of this capability.
Result<std::shared_ptr<const CompiledNet>>
netForCard(const std::shared_ptr<const ProgramObject> &program, int capability) {
  if (program->cards.empty())
    return environmentError("no-target",
                            "'" + program->net.recipe.net + "' was not compiled for cards")
        .withHelp("compile it with --target, to a .gnc file");
  auto net = loadProgramBytes(program->cards, "the program", Machine{0, unsigned(capability)});
  if (!net.ok())
    return std::move(net).error();
  return std::make_shared<const CompiledNet>(std::move(*net));
}

Result<Placed> placeOnCard(const std::shared_ptr<const ProgramObject> &program,
                           const std::string &library, int ordinal) {
  auto driver = cuda::Driver::load(library);
  if (!driver.ok())
    return std::move(driver).error();
  auto card = cuda::CudaDevice::create(*driver, {ordinal, false});
  if (!card.ok())
    return std::move(card).error();
  auto net = netForCard(program, (*card)->card().capability);
  if (!net.ok())
    return std::move(net).error();
  return Placed{std::move(*card), std::move(*net)};
}

Result<Placed> placeOnHost(const std::shared_ptr<const ProgramObject> &program, int threads) {
  if (program->net.infer.target == Target::Cuda || program->net.train.target == Target::Cuda ||
      program->net.eval.target == Target::Cuda)
    return environmentError("no-target",
                            "'" + program->net.recipe.net + "' was not compiled for this processor")
        .withHelp("compile it with --cpu for this processor, to a .gnc file");
  auto device = HostDevice::create(threads);
  if (!device.ok())
    return std::move(device).error();
  return Placed{std::move(*device), {program, &program->net}};
}
} // namespace

Result<Placed> place(const std::shared_ptr<const ProgramObject> &program, const std::string &device,
                     int threads) {
  if (device.empty() && !program->cards.empty())
    if (auto placed = placeOnCard(program, "", 0); placed.ok())
      return placed;
  if (device.empty() || device == "cpu")
    return placeOnHost(program, threads);
  std::string kind = device.substr(0, device.find(':'));
  int ordinal = 0;
  if (kind.size() < device.size()) {
    const char *begin = device.data() + kind.size() + 1, *end = device.data() + device.size();
    auto [rest, failure] = std::from_chars(begin, end, ordinal);
    if (failure != std::errc() || rest != end || ordinal < 0)
      return unknownDevice(device);
  }
  if (kind == "cuda")
    return placeOnCard(program, "", ordinal);
  if (kind == "emulator")
    return placeOnCard(program, cuda::Driver::emulatorLibrary, ordinal);
  return unknownDevice(device);
}

} // namespace gnc::runtime::api
