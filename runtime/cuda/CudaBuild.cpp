//===- CudaBuild.cpp - how a program becomes ready to run on a card ---------------------------===//
#include "runtime/Layout.h"
#include "runtime/Text.h"
#include "runtime/cuda/CudaExecutor.h"
#include "runtime/cuda/FiniteKernel.h"

#include <algorithm>
#include <cstring>

namespace gnc::cuda {

using namespace runtime;

CudaExecutor::CudaExecutor(const Program &program, const CudaDevice &device)
    : Executor(program), device(device), api(device.driver()) {}

Result<std::unique_ptr<Executor>> CudaExecutor::create(const Program &program,
                                                       const CudaDevice &device) {
  std::unique_ptr<CudaExecutor> executor(new CudaExecutor(program, device));
  if (Status status = executor->build(); !status.ok())
    return std::move(status).error();
  return std::unique_ptr<Executor>(std::move(executor));
}

Status CudaExecutor::build() {
  if (!check(device.enter()))
    return status();
  for (auto part :
       {&CudaExecutor::allocate, &CudaExecutor::loadModule, &CudaExecutor::openPlans,
        &CudaExecutor::link, &CudaExecutor::prepareFiniteCheck, &CudaExecutor::uploadConstants})
    if (Status status = (this->*part)(); !status.ok())
      return status;
  return {};
}

//===- Memory ---------------------------------------------------------------------------------===//

/// What is touched in every step, on the host's side.
static bool isWord(const Tensor &tensor) {
  bool scalarResult = tensor.role == Role::Result && !tensor.batched && tensor.elements() == 1;
  return scalarResult || tensor.role == Role::Schedule || tensor.role == Role::Stream;
}

Status CudaExecutor::allocate() {
  uint64_t inputBytes = 0, wordBytes = 0;
  auto take = [](uint64_t &end, uint64_t bytes) {
    uint64_t offset = end;
    end += (bytes + 255) / 256 * 256;
    return offset;
  };
  places.resize(source.tensors.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const Tensor &tensor = source.tensors[i];
    if (tensor.role == Role::Input)
      places[i] = {Place::Input, take(inputBytes, tensor.bytes)};
    else if (isWord(tensor))
      places[i] = {Place::Word, take(wordBytes, tensor.bytes)};
  }
  for (Outcome &outcome : outcomes)
    outcome.words = take(wordBytes, 3 * sizeof(uint32_t));

  Code code = Code::Success;
  auto onCard = [&](DeviceMemory &memory, uint64_t bytes) {
    DevicePointer pointer = 0;
    if (code == Code::Success)
      code = api.memAlloc(&pointer, std::max<uint64_t>(bytes, 1));
    memory = DeviceMemory(api, pointer);
  };
  auto onHost = [&](Pinned &memory, uint64_t bytes) {
    void *pointer = nullptr;
    if (code == Code::Success)
      code = api.memAllocHost(&pointer, std::max<uint64_t>(bytes, 1));
    if (pointer)
      memset(pointer, 0, bytes);
    memory = Pinned(api, static_cast<uint8_t *>(pointer));
  };
  onCard(arena, source.arenaBytes);
  for (InputSet &set : inputs)
    onCard(set.card, inputBytes);
  if (code != Code::Success)
    return outOfMemory(code, source.arenaBytes + 2 * inputBytes);
  for (InputSet &set : inputs)
    onHost(set.host, inputBytes);
  onHost(words, wordBytes);
  if (code != Code::Success)
    return environmentError("out-of-memory",
                            "the host has no memory that stays where it is for the "
                            "inputs of program '" +
                                source.name + "': it needs " +
                                bytesText(2 * inputBytes + wordBytes))
        .withNote(api.describe(code))
        .withHelp("choose a smaller batch");
  return createQueues();
}

Status CudaExecutor::createQueues() {
  auto makeStream = [&](OwnedStream &stream) {
    Stream handle = nullptr;
    check(api.streamCreate(&handle, streamNonBlocking));
    stream = OwnedStream(api, handle);
  };
  auto makeEvent = [&](OwnedEvent &event) {
    Event handle = nullptr;
    check(api.eventCreate(&handle, eventDisableTiming));
    event = OwnedEvent(api, handle);
  };
  makeStream(compute);
  makeStream(copies);
  makeEvent(wordsSent);
  makeEvent(runDone);
  for (Outcome &outcome : outcomes)
    makeEvent(outcome.done);
  for (InputSet &set : inputs) {
    makeEvent(set.copied);
    makeEvent(set.taken);
  }
  return status();
}

Error CudaExecutor::outOfMemory(Code code, uint64_t bytes) const {
  std::string what =
      "program '" + source.name + "' with a batch of " + std::to_string(source.maxBatch);
  if (code != Code::OutOfMemory)
    return device.failure("the card gives no memory for the " + what, code);
  Error error = environmentError("out-of-memory", "'" + device.card().name +
                                                      "' has not enough memory for the " + what +
                                                      ": it needs " + bytesText(bytes));
  size_t free = 0, total = 0;
  if (api.memGetInfo(&free, &total) == Code::Success)
    error.notes.push_back("available: " + bytesText(free) + " of " + bytesText(total));
  const Launch *largest = nullptr;
  uint64_t most = 0;
  for (const Launch &launch : source.launches)
    for (const Tensor &tensor : launch.written)
      if (tensor.bytes > most) {
        most = tensor.bytes;
        largest = &launch;
      }
  if (largest) {
    const Site &site = source.sites[largest->site];
    error.notes.push_back("the largest tensor, " + bytesText(most) + ", is " +
                          (site.name.empty() ? "of this line" : "that of " + site.name));
    error = std::move(error).at(site.location);
  }
  return std::move(error).withHelp("choose a smaller batch");
}

//===- Kernels --------------------------------------------------------------------------------===//

namespace {
/// The function in which line `number` of the text is; "" if it is in none.
std::string kernelAtLine(const std::string &ptx, int number) {
  constexpr std::string_view entry = ".entry ";
  size_t end = 0;
  for (int line = 0; line < number && end != std::string::npos; ++line)
    end = ptx.find('\n', end + (line > 0));
  size_t at = ptx.rfind(entry, end);
  if (at == std::string::npos)
    return "";
  at += entry.size();
  return ptx.substr(at, ptx.find_first_of(" (\n", at) - at);
}

/// N of "line N" in the driver's log; 0 if there is none.
int lineOf(const std::string &log) {
  size_t at = log.find("line ");
  return at == std::string::npos ? 0 : std::atoi(log.c_str() + at + 5);
}
} // namespace

Error CudaExecutor::refusedModule(Code code, const std::string &log) const {
  std::string what = "the driver refuses the kernels of program '" + source.name + "'";
  Error error = code == Code::InvalidPtx
                    ? internalError(what + ": " + api.describe(code))
                    : environmentError("card-failed", what + ": " + api.describe(code));
  if (code == Code::JitCompilerNotFound)
    error.help = "install NVIDIA's PTX compiler (libnvidia-ptxjitcompiler), a part of its driver";
  if (!log.empty())
    error.notes.push_back(log.substr(0, log.find('\n')));
  std::string symbol = kernelAtLine(source.module, lineOf(log));
  for (const Launch &launch : source.launches)
    if (!launch.library && source.kernels[launch.kernel].symbol == symbol) {
      const Site &site = source.sites[launch.site];
      error.notes.push_back("in the kernel of " + site.name);
      return std::move(error).at(site.location);
    }
  return error;
}

Status CudaExecutor::loadText(const std::string &text, OwnedModule &loaded) {
  char log[4096] = "";
  JitOption options[] = {JitOption::ErrorLog, JitOption::ErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  Module handle = nullptr;
  Code code = api.moduleLoadDataEx(&handle, text.c_str(), 2, options, values);
  if (code != Code::Success)
    return refusedModule(code, log);
  loaded = OwnedModule(api, handle);
  return {};
}

Status CudaExecutor::loadModule() {
  return source.launches.empty() ? Status() : loadText(source.module, module);
}

/// Shared memory has to be asked for: without that, a kernel may have 48 KiB.
Status CudaExecutor::findFunction(const Launch &launch, Function &function) {
  const Kernel &kernel = source.kernels[launch.kernel];
  const Site &site = source.sites[launch.site];
  Code code = api.moduleGetFunction(&function, module.get(), kernel.symbol.c_str());
  if (code == Code::NotFound)
    return internalError("the module of program '" + source.name + "' has no kernel '" +
                         kernel.symbol + "'");
  if (code == Code::Success && kernel.sharedBytes > 0)
    code = api.funcSetAttribute(function, FunctionAttribute::MaxDynamicSharedBytes,
                                int(kernel.sharedBytes));
  if (code != Code::Success)
    return device
        .failure("'" + device.card().name + "' has no room for the " +
                     std::to_string(kernel.sharedBytes) + " bytes of shared memory of '" +
                     site.name + "'",
                 code)
        .at(site.location);
  return {};
}

Status CudaExecutor::openPlans() {
  if (source.plans.empty())
    return {};
  auto opened = CudnnPlans::create(device.cudnnLibrary(), compute.get());
  if (!opened.ok())
    return std::move(opened).error();
  plans = std::move(*opened);
  return {};
}

Status CudaExecutor::link() {
  std::vector<Function> functions(source.kernels.size());
  size_t count = 0;
  for (const Launch &launch : source.launches) {
    count += launch.arguments.size();
    if (!launch.library && !functions[launch.kernel])
      if (Status status = findFunction(launch, functions[launch.kernel]); !status.ok())
        return status;
  }
  addresses.reserve(count); // steps keep addresses into it
  for (const Launch &launch : source.launches) {
    if (launch.library) {
      Result<size_t> plan = plans->add(source, launch, arena.get());
      if (!plan.ok())
        return std::move(plan).error();
      steps.emplace_back().plan = *plan;
      continue;
    }
    const Kernel &kernel = source.kernels[launch.kernel];
    Step step{functions[launch.kernel], kernel.threads, kernel.sharedBytes, launch.tiles, {}};
    for (uint64_t offset : launch.arguments) {
      addresses.push_back(arena.get() + offset);
      step.parameters.push_back(&addresses.back());
    }
    step.parameters.push_back(&batch);
    steps.push_back(std::move(step));
  }
  return {};
}

//===- What lies on the card from the start ---------------------------------------------------===//

/// Only programs that commit need it.
Status CudaExecutor::prepareFiniteCheck() {
  if (source.commit == source.launches.size())
    return {};
  halt = source.find(Role::Halt, "halt");
  std::vector<FinitePiece> pieces;
  for (const Tensor &tensor : source.tensors)
    if (tensor.type == ElementType::F32 &&
        (tensor.role == Role::Weight || &tensor == loss || &tensor == gradientNorm))
      for (uint64_t from = 0, all = reachBytes(tensor, 1) / 4; from < all;
           from += finitePieceElements)
        pieces.push_back({tensor.offset + 4 * from, std::min(finitePieceElements, all - from)});
  if (pieces.empty())
    return {};
  if (Status status = loadText(finiteKernel, finiteModule); !status.ok())
    return status;
  if (!check(api.moduleGetFunction(&finite, finiteModule.get(), finiteKernelName)))
    return status();
  uint64_t bytes = pieces.size() * sizeof(FinitePiece);
  DevicePointer table = 0;
  if (Code code = api.memAlloc(&table, bytes); code != Code::Success)
    return outOfMemory(code, source.arenaBytes + bytes);
  finiteTable = DeviceMemory(api, table);
  finitePieces = uint32_t(pieces.size());
  check(api.memcpyHtoDAsync(table, pieces.data(), bytes, compute.get()));
  return finish();
}

Status CudaExecutor::uploadConstants() {
  check(api.memsetD8Async(arena.get(), 0, std::max<uint64_t>(source.arenaBytes, 1), compute.get()));
  for (const Program::Constant &constant : source.constants)
    if (!constant.bytes.empty())
      check(api.memcpyHtoDAsync(arena.get() + constant.offset, constant.bytes.data(),
                                constant.bytes.size(), compute.get()));
  return finish();
}

} // namespace gnc::cuda
