#include "runtime/emulator/Launch.h"

#include "runtime/emulator/Shadow.h"
#include "runtime/emulator/Warp.h"

#include <chrono>
#include <new>
#include <thread>

namespace gnc::emulator {

/// Blocks that a worker keeps alive at once where they wait for one another, and the instructions
/// after which it looks at another one.
static constexpr size_t kLiveBlocks = 64;
static constexpr uint64_t kSlice = uint64_t{1} << 22;

//===- Before a launch ------------------------------------------------------------------------===//

static Outcome invalid(const Function &f, std::string message) {
  Outcome outcome;
  outcome.kind = FaultKind::InvalidLaunch;
  outcome.kernel = f.name;
  outcome.message = std::move(message);
  return outcome;
}

static std::string triple(const uint32_t (&n)[3]) {
  return "(" + std::to_string(n[0]) + ", " + std::to_string(n[1]) + ", " + std::to_string(n[2]) +
         ")";
}

/// Empty where the card can do it.
static std::string limitExceeded(const Function &f, const LaunchConfig &c, const Card &card) {
  uint64_t threads = uint64_t{c.block[0]} * c.block[1] * c.block[2];
  for (int d = 0; d < 3; ++d) {
    if (c.grid[d] == 0 || c.grid[d] > card.maxGrid[d])
      return "a grid of " + triple(c.grid) + ": sm_" + std::to_string(card.sm) + " takes 1 to " +
             triple(card.maxGrid);
    if (c.block[d] == 0 || c.block[d] > card.maxBlock[d])
      return "a block of " + triple(c.block) + ": sm_" + std::to_string(card.sm) + " takes 1 to " +
             triple(card.maxBlock);
  }
  if (threads > card.maxThreadsPerBlock)
    return "a block of " + std::to_string(threads) + " threads: the card takes " +
           std::to_string(card.maxThreadsPerBlock);
  if (threads > f.maxThreads)
    return "a block of " + std::to_string(threads) + " threads: the kernel was made for " +
           std::to_string(f.maxThreads) + " (.maxntid)";
  if (f.requiredBlock[0] && !std::equal(c.block, c.block + 3, f.requiredBlock))
    return "a block of " + triple(c.block) + ": the kernel needs " + triple(f.requiredBlock) +
           " (.reqntid)";
  if (uint64_t{f.sharedBytes} + c.sharedBytes > card.sharedPerBlockOptin)
    return std::to_string(f.sharedBytes) + " + " + std::to_string(c.sharedBytes) +
           " bytes of shared memory: a block has " + std::to_string(card.sharedPerBlockOptin);
  if (c.parameters.size() < f.parameterBytes)
    return std::to_string(c.parameters.size()) + " bytes of parameters: the kernel has " +
           std::to_string(f.parameterBytes);
  return "";
}

/// What .ptr .align promised about arguments.
static std::string brokenPromise(const Function &f, const LaunchConfig &c) {
  for (const Parameter &p : f.parameters) {
    if (!p.pointer || p.bytes != 8 || p.pointerAlignment < 2)
      continue;
    uint64_t address = 0;
    std::memcpy(&address, c.parameters.data() + p.offset, 8);
    if (address % p.pointerAlignment)
      return "the argument " + p.name + " is " + hex(address) + ", declared with .ptr .align " +
             std::to_string(p.pointerAlignment);
  }
  return "";
}

//===- Workers --------------------------------------------------------------------------------===//

static std::unique_ptr<Block> makeBlock(const LaunchState &launch, Worker &worker) {
  auto block = std::make_unique<Block>();
  block->launch = &launch;
  block->worker = &worker;
  block->shared.resize(launch.sharedBytes + 16);
  block->local.resize(size_t{launch.warps} * kLanes * launch.program->localBytes + 16);
  size_t each = launch.program->layout.bytes;
  block->registerRoom = std::make_unique<std::byte[]>(each * launch.warps + 64);
  auto at = reinterpret_cast<uintptr_t>(block->registerRoom.get());
  auto *registers = reinterpret_cast<std::byte *>((at + 63) / 64 * 64);
  block->warps.resize(launch.warps);
  for (uint32_t k = 0; k < launch.warps; ++k) {
    Warp &w = block->warps[k];
    w.block = block.get();
    w.index = k;
    w.registers = registers + each * k;
    for (const RegisterLayout::Constant &c : launch.program->layout.constants)
      if (c.wide)
        std::fill_n(w.slot<uint64_t>(c.offset), 32, c.value);
      else
        std::fill_n(w.slot<uint32_t>(c.offset), 32, static_cast<uint32_t>(c.value));
  }
  if (launch.options->checked)
    block->shadow = std::make_unique<SharedShadow>(launch);
  return block;
}

namespace {
/// The blocks of a launch, given out to workers, and the first fault.
class Run {
public:
  Run(const LaunchState &launch, uint64_t blocks) : launch(launch), blocks(blocks) {}
  void work(Worker &worker);
  Outcome outcome;

  std::atomic<bool> stop = false;

private:
  void runBlocks(Worker &worker);
  const LaunchState &launch;
  const uint64_t blocks;
  std::atomic<uint64_t> next = 0;
  std::mutex lock;
};
} // namespace

/// Runs blocks to their end, one after another. One that takes long may wait for others, which then
/// begin too.
void Run::runBlocks(Worker &worker) {
  std::vector<std::unique_ptr<Block>> live, idle;
  size_t turn = 0;
  bool waiting = false;
  while (!stop.load(std::memory_order_relaxed)) {
    if (live.empty() || (waiting && live.size() < kLiveBlocks)) {
      uint64_t linear = next.fetch_add(1);
      if (linear < blocks) {
        if (idle.empty())
          idle.push_back(makeBlock(launch, worker));
        live.push_back(std::move(idle.back()));
        idle.pop_back();
        beginBlock(*live.back(), linear);
        turn = live.size() - 1;
      }
      waiting = false;
    }
    if (live.empty())
      return;
    turn %= live.size();
    if (runBlock(*live[turn], kSlice)) {
      idle.push_back(std::move(live[turn]));
      live.erase(live.begin() + static_cast<ptrdiff_t>(turn));
    } else {
      waiting = true;
      ++turn;
    }
  }
}

void Run::work(Worker &worker) {
  try {
    runBlocks(worker);
  } catch (Fault &fault) {
    std::lock_guard hold(lock);
    if (outcome.ok())
      outcome = std::move(fault.outcome);
    stop = true;
  } catch (std::bad_alloc &) {
    std::lock_guard hold(lock);
    outcome.kind = FaultKind::OutOfMemory;
    outcome.kernel = launch.program->kernel;
    outcome.message = "no memory for the registers of a block";
    stop = true;
  }
}

//===- A launch -------------------------------------------------------------------------------===//

Outcome launch(const Function &function, const LaunchConfig &config, DeviceMemory &memory,
               const EngineOptions &options) {
  const Card &card = options.card ? *options.card : cards()[1];
  if (std::string problem = limitExceeded(function, config, card); !problem.empty())
    return invalid(function, problem);
  if (std::string problem = brokenPromise(function, config); !problem.empty())
    return invalid(function, problem);
  auto begin = std::chrono::steady_clock::now();
  const Program &program = *function.program;
  LaunchState state{};
  state.program = &program;
  state.config = &config;
  state.options = &options;
  state.memory = &memory;
  state.parameters = config.parameters.data();
  state.sharedBytes = function.sharedBytes + config.sharedBytes;
  state.threads = config.block[0] * config.block[1] * config.block[2];
  state.warps = (state.threads + kLanes - 1) / kLanes;
  state.number = memory.nextLaunch();
  uint64_t blocks = uint64_t{config.grid[0]} * config.grid[1] * config.grid[2];

  Run run(state, blocks);
  // The checked mode is one order of events, the same for the same seed.
  uint64_t threads =
      options.checked ? 1 : std::min<uint64_t>(std::max(1u, options.threads), blocks);
  std::vector<Worker> workers(threads);
  for (Worker &worker : workers) {
    worker.launch = &state;
    worker.sites.resize(program.code.size());
    worker.counts.resize(options.counters ? program.code.size() : 0);
    worker.random = options.seed;
    worker.fuel = options.fuel;
    worker.eagerMerge = !options.checked || options.seed % 2 == 0;
    worker.stop = &run.stop;
  }
  std::vector<std::thread> others;
  for (size_t k = 1; k < workers.size(); ++k)
    others.emplace_back([&, k] { run.work(workers[k]); });
  run.work(workers[0]);
  for (std::thread &thread : others)
    thread.join();
  if (options.counters) {
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    addCounts(*options.counters, program, workers, blocks, took.count());
  }
  return run.outcome;
}

} // namespace gnc::emulator
