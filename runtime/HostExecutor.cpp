//===- HostExecutor.cpp - runs a program on the processor -------------------------------------===//
#include "runtime/Executor.h"
#include "runtime/Layout.h"
#include "runtime/Memory.h"
#include "runtime/ProgramCheck.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace gnc::runtime {

namespace {
/// Below this, a fork and join (1 to 2 us) costs more than the second thread saves.
constexpr double worthForking = 32768;

/// Where what is nobody's between runs begins: after all that persists or belongs to the host.
uint64_t endOfKept(const Program &program) {
  constexpr uint64_t alignment = 64; // as in the plan
  uint64_t end = program.persistentBytes;
  for (const Tensor &tensor : program.tensors)
    end = std::max(end, tensor.offset + tensor.bytes);
  for (const Program::Constant &constant : program.constants)
    end = std::max(end, constant.offset + constant.bytes.size());
  return (end + alignment - 1) / alignment * alignment;
}

/// What a guest reads in its host's place of it; null: it has a place of its own.
const Tensor *borrowed(const Tensor &tensor, const Program &host) {
  if (tensor.role != Role::Weight && tensor.role != Role::State)
    return nullptr;
  const Tensor *found = counterpart(tensor, host);
  bool same = found && found->shape == tensor.shape && found->strides == tensor.strides &&
              found->bytes == tensor.bytes;
  return same ? found : nullptr;
}

/// Bytes at the start of a guest's arena that it needs no memory for.
uint64_t borrowedBytes(const Program &guest, const Program &host) {
  bool all = std::all_of(guest.tensors.begin(), guest.tensors.end(), [&](const Tensor &tensor) {
    return !isPersistent(tensor.role) || borrowed(tensor, host);
  });
  return all ? guest.persistentBytes : 0;
}

class HostExecutor final : public Executor {
public:
  /// A guest has a host and an empty arena.
  HostExecutor(const Program &program, ThreadPool &pool, Arena arena, Executor *host = nullptr);

  void runLaunches(size_t first, size_t last, int64_t n) override;
  void takeMemory() override;
  const uint8_t *read(const Tensor &tensor, int64_t) const override { return at(tensor.offset); }
  uint8_t *stage(const Tensor &tensor) override { return at(tensor.offset); }
  void send(const Tensor &, int64_t) override {}
  std::span<uint8_t> spare() override;
  bool borrows(const Tensor &tensor) const override {
    return host && borrowed(tensor, host->program());
  }

private:
  struct Step {
    KernelEntry entry;
    void *const *arguments; ///< into `pointers`
    TileCount tiles;
    Work flops;
  };
  struct Borrowed {
    uint64_t begin, end; ///< in the arena
    uint8_t *address;    ///< of `begin`
  };

  uint8_t *at(uint64_t offset) const;
  void copyConstants();

  ThreadPool &pool;
  Arena memory;
  Executor *host;
  uint8_t *origin; ///< of offset 0; only offsets that are not borrowed count
  std::vector<Borrowed> elsewhere;
  std::vector<void *> pointers;
  std::vector<Step> steps;
};

HostExecutor::HostExecutor(const Program &program, ThreadPool &pool, Arena arena, Executor *host)
    : Executor(program), pool(pool), memory(std::move(arena)), host(host), origin(memory.data()) {
  if (host) {
    origin = host->spare().data() - borrowedBytes(program, host->program());
    for (const Tensor &tensor : program.tensors)
      if (const Tensor *found = borrowed(tensor, host->program()))
        elsewhere.push_back({tensor.offset, tensor.offset + tensor.bytes, host->stage(*found)});
  } else {
    copyConstants();
  }
  size_t count = 0;
  for (const Launch &launch : source.launches)
    count += launch.arguments.size();
  pointers.reserve(count); // steps keep addresses into it
  steps.reserve(source.launches.size());
  for (const Launch &launch : source.launches) {
    void *const *arguments = pointers.data() + pointers.size();
    for (uint64_t offset : launch.arguments)
      pointers.push_back(at(offset));
    steps.push_back({source.kernels[launch.kernel].entry, arguments, launch.tiles, launch.flops});
  }
}

uint8_t *HostExecutor::at(uint64_t offset) const {
  for (const Borrowed &tensor : elsewhere)
    if (tensor.begin <= offset && offset < tensor.end)
      return tensor.address + (offset - tensor.begin);
  return origin + offset;
}

void HostExecutor::copyConstants() {
  for (const Program::Constant &constant : source.constants)
    if (!constant.bytes.empty())
      memcpy(at(constant.offset), constant.bytes.data(), constant.bytes.size());
}

void HostExecutor::takeMemory() {
  if (host)
    copyConstants();
}

std::span<uint8_t> HostExecutor::spare() {
  // What a prologue writes stays, among the temporaries.
  if (host || source.prologue > 0)
    return {};
  uint64_t kept = std::min(endOfKept(source), memory.size());
  return {memory.data() + kept, size_t(memory.size() - kept)};
}

void HostExecutor::runLaunches(size_t first, size_t last, int64_t n) {
  assert(1 <= n && n <= source.maxBatch && last <= steps.size());
  struct Call {
    const Step *step;
    int64_t n;
  };
  auto task = [](const void *context, int64_t lo, int64_t hi) {
    const Call &call = *static_cast<const Call *>(context);
    call.step->entry(lo, hi, call.n, call.step->arguments);
  };
  for (size_t i = first; i < last; ++i) {
    const Step &step = steps[i];
    Call call{&step, n};
    int64_t tiles = step.tiles.at(n);
    double flops = step.flops.at(n);
    // A program that does not count its work (zero) is taken at its word about tiles.
    bool small = tiles < 2 || (flops > 0 && flops < worthForking);
    if (!small)
      pool.run(tiles, task, &call);
    else if (tiles > 0)
      task(&call, 0, tiles);
  }
}

} // namespace

static Status checkForProcessor(const Program &program) {
  if (Status status = checkProgram(program); !status.ok())
    return status;
  if (program.target != Target::Cpu)
    return internalError("program '" + program.name + "' is compiled for a card");
  return {};
}

static std::string purpose(const Program &program) {
  return "the program '" + program.name + "' with a batch of " + std::to_string(program.maxBatch);
}

Result<std::unique_ptr<Executor>> Executor::create(const Program &program, ThreadPool &pool,
                                                   const Program *guest) {
  if (Status status = checkForProcessor(program); !status.ok())
    return std::move(status).error();
  uint64_t bytes = program.arenaBytes;
  if (guest && guest->target == Target::Cpu) {
    if (Status status = checkForProcessor(*guest); !status.ok())
      return std::move(status).error();
    bytes =
        std::max(bytes, endOfKept(program) + guest->arenaBytes - borrowedBytes(*guest, program));
  }
  Result<Arena> arena = Arena::allocate(bytes, purpose(program));
  if (!arena.ok())
    return std::move(arena).error().withHelp("choose a smaller batch");
  return std::unique_ptr<Executor>(new HostExecutor(program, pool, std::move(*arena)));
}

Result<std::unique_ptr<Executor>> Executor::createGuest(const Program &program, ThreadPool &pool,
                                                        Executor &host) {
  if (Status status = checkForProcessor(program); !status.ok())
    return std::move(status).error();
  if (host.spare().size() < program.arenaBytes - borrowedBytes(program, host.program()))
    return create(program, pool);
  return std::unique_ptr<Executor>(new HostExecutor(program, pool, {}, &host));
}

} // namespace gnc::runtime
