// Exports: launches and occupancy.
#include "runtime/emulator/DriverCall.h"

#include <algorithm>
#include <cstring>

namespace gnc::cuda {

using emulator::Card;
using emulator::FunctionState;
using emulator::LaunchConfig;
using emulator::ModuleState;
using emulator::Operation;

namespace {
/// A warp's registers are given out in pieces of 256, and to four warps alike: those of the four
/// parts of a multiprocessor.
constexpr unsigned registerPiece = 256, parts = 4;

unsigned roundUp(unsigned value, unsigned unit) { return (value + unit - 1) / unit * unit; }

unsigned registersOfWarp(const emulator::Function &function) {
  return roundUp(std::max(function.registers, 16u) * 32, registerPiece);
}

/// Blocks of a multiprocessor at once; 0 if not even one fits.
unsigned blocksAtOnce(const Card &card, const FunctionState &state, unsigned threads,
                      size_t dynamicShared) {
  const emulator::Function &function = *state.function;
  if (threads == 0 || threads > std::min(function.maxThreads, card.maxThreadsPerBlock) ||
      dynamicShared > size_t(std::max(state.maxDynamicShared, 0)))
    return 0;
  unsigned warps = (threads + 31) / 32;
  unsigned warpsOfPart = card.registersPerMultiprocessor / parts / registersOfWarp(function);
  unsigned shared = roundUp(function.sharedBytes + unsigned(dynamicShared) + card.sharedReserved,
                            card.sm < 80 ? 256 : 128);
  unsigned blocks =
      std::min({card.maxBlocksPerMultiprocessor, card.maxThreadsPerMultiprocessor / (warps * 32),
                warpsOfPart * parts / warps});
  return shared ? std::min(blocks, card.sharedPerMultiprocessor / shared) : blocks;
}

Code checkLaunch(const Card &card, const FunctionState &state, const LaunchConfig &launch) {
  uint64_t threads = 1;
  for (int d = 0; d < 3; ++d) {
    if (launch.grid[d] == 0 || launch.grid[d] > card.maxGrid[d] || launch.block[d] == 0 ||
        launch.block[d] > card.maxBlock[d])
      return Code::InvalidValue;
    threads *= launch.block[d];
    unsigned required = state.function->requiredBlock[d];
    if (state.function->requiredBlock[0] && std::max(required, 1u) != launch.block[d])
      return Code::InvalidValue;
  }
  if (threads > std::min(card.maxThreadsPerBlock, state.function->maxThreads) ||
      int64_t(launch.sharedBytes) > state.maxDynamicShared)
    return Code::InvalidValue;
  unsigned warps = unsigned(threads + 31) / 32;
  return warps * registersOfWarp(*state.function) > card.registersPerBlock
             ? Code::LaunchOutOfResources
             : Code::Success;
}

/// The parameter buffer of a launch; empty with `ok` false if they are not all given.
std::vector<std::byte> gather(const emulator::Function &function, void **parameters, void **extra,
                              bool &ok) {
  std::vector<std::byte> buffer(function.parameterBytes);
  ok = true;
  if (extra && !parameters) { // CU_LAUNCH_PARAM_BUFFER_POINTER, .._SIZE, .._END
    const void *from = nullptr;
    size_t bytes = 0;
    for (; *extra; extra += 2) {
      if (reinterpret_cast<uintptr_t>(extra[0]) == 1)
        from = extra[1];
      else
        bytes = *static_cast<const size_t *>(extra[1]);
    }
    ok = (from || buffer.empty()) && bytes >= buffer.size();
    if (ok && !buffer.empty())
      memcpy(buffer.data(), from, buffer.size());
    return buffer;
  }
  ok = function.parameters.empty() || (parameters && !extra);
  for (size_t i = 0; ok && i < function.parameters.size(); ++i) {
    const emulator::Parameter &parameter = function.parameters[i];
    ok = parameters[i] != nullptr;
    if (ok)
      memcpy(buffer.data() + parameter.offset, parameters[i], parameter.bytes);
  }
  return buffer;
}

Code launch(const char *name, Function handle, LaunchConfig config, Stream streamHandle,
            void **parameters, void **extra) {
  return call(name, Needs::Context, [&](DriverState &driver, ContextState *context) {
    auto state = driver.find<FunctionState>(handle);
    auto stream = driver.stream(streamHandle, *context);
    auto module = state ? state->module.lock() : nullptr;
    if (!module || !stream || module->context.lock().get() != context)
      return Code::InvalidHandle;
    if (Code code = checkLaunch(*context->device->card, *state, config); code != Code::Success)
      return code;
    bool ok = false;
    std::vector<std::byte> buffer = gather(*state->function, parameters, extra, ok);
    if (!ok)
      return Code::InvalidValue;
    // The module lives as long as what was launched from it.
    auto run = [module, state, config, buffer = std::move(buffer), context]() mutable {
      config.parameters = buffer;
      DriverState::get().execute(*context, *state->function, config);
    };
    return driver.enqueue(*stream, {Operation::Kind::Kernel, std::move(run)});
  });
}

template <typename Body> Code onFunction(const char *name, Function function, Body body) {
  return call(name, Needs::Context, [&](DriverState &driver, ContextState *context) {
    auto state = driver.find<FunctionState>(function);
    return state ? body(*context->device->card, *state) : Code::InvalidHandle;
  });
}
} // namespace

GNC_DRIVER_EXPORT cuLaunchKernel(Function function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                 unsigned blockX, unsigned blockY, unsigned blockZ,
                                 unsigned sharedBytes, Stream stream, void **parameters,
                                 void **extra) {
  LaunchConfig config{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, {}};
  return launch("cuLaunchKernel", function, config, stream, parameters, extra);
}

GNC_DRIVER_EXPORT cuLaunchKernelEx(const LaunchSettings *settings, Function function,
                                   void **parameters, void **extra) {
  if (!settings)
    return Code::InvalidValue;
  if (settings->attributeCount) // clusters, programmatic launches
    return Code::NotSupported;
  const unsigned *grid = settings->grid, *block = settings->block;
  LaunchConfig config{
      {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, settings->sharedBytes, {}};
  return launch("cuLaunchKernelEx", function, config, settings->stream, parameters, extra);
}

GNC_DRIVER_EXPORT
cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, Function function, int threads,
                                                     size_t sharedBytes, unsigned) {
  return onFunction("cuOccupancyMaxActiveBlocksPerMultiprocessor", function,
                    [&](const Card &card, const FunctionState &state) {
                      if (!blocks || threads < 1)
                        return Code::InvalidValue;
                      *blocks = int(blocksAtOnce(card, state, unsigned(threads), sharedBytes));
                      return Code::Success;
                    });
}
GNC_DRIVER_EXPORT cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function function,
                                                              int threads, size_t sharedBytes) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads,
                                                              sharedBytes, 0);
}

/// The block with which most threads run at once; the largest of these.
GNC_DRIVER_EXPORT cuOccupancyMaxPotentialBlockSize(int *minGrid, int *block, Function function,
                                                   size_t (*sharedOf)(int), size_t sharedBytes,
                                                   int limit) {
  return onFunction("cuOccupancyMaxPotentialBlockSize", function,
                    [&](const Card &card, const FunctionState &state) {
                      if (!minGrid || !block)
                        return Code::InvalidValue;
                      unsigned most = std::min(card.maxThreadsPerBlock, state.function->maxThreads);
                      if (limit > 0)
                        most = std::min(most, unsigned(limit));
                      unsigned best = 0;
                      for (unsigned threads = most / 32 * 32; threads >= 32; threads -= 32) {
                        size_t shared = sharedOf ? sharedOf(int(threads)) : sharedBytes;
                        unsigned blocks = blocksAtOnce(card, state, threads, shared);
                        if (blocks * threads <= best)
                          continue;
                        best = blocks * threads;
                        *block = int(threads);
                        *minGrid = int(blocks * card.multiprocessors);
                      }
                      return best ? Code::Success : Code::InvalidValue;
                    });
}

} // namespace gnc::cuda
