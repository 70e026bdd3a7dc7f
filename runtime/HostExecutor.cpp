//===- HostExecutor.cpp - runs a program on the processor -------------------------------------===//
#include "runtime/Executor.h"
#include "runtime/Memory.h"
#include "runtime/ProgramCheck.h"

#include <cassert>
#include <cstring>

namespace gnc::runtime {

namespace {
/// Below this, a fork and join (1 to 2 us) costs more than the second thread saves.
constexpr double worthForking = 32768;

class HostExecutor final : public Executor {
public:
  HostExecutor(const Program &program, ThreadPool &pool, Arena arena);

  void runLaunches(size_t first, size_t last, int64_t n) override;
  const uint8_t *read(const Tensor &tensor, int64_t) const override {
    return memory.data() + tensor.offset;
  }
  uint8_t *stage(const Tensor &tensor) override { return memory.data() + tensor.offset; }
  void send(const Tensor &, int64_t) override {}

private:
  struct Step {
    KernelEntry entry;
    void *const *arguments; ///< into `pointers`
    TileCount tiles;
    double flopsPerSample, flopsFixed;
  };

  ThreadPool &pool;
  Arena memory;
  std::vector<void *> pointers;
  std::vector<Step> steps;
};

HostExecutor::HostExecutor(const Program &program, ThreadPool &pool, Arena arena)
    : Executor(program), pool(pool), memory(std::move(arena)) {
  for (const Program::Constant &constant : program.constants)
    if (!constant.bytes.empty())
      memcpy(memory.data() + constant.offset, constant.bytes.data(), constant.bytes.size());
  size_t count = 0;
  for (const Launch &launch : source.launches)
    count += launch.arguments.size();
  pointers.reserve(count); // steps keep addresses into it
  steps.reserve(source.launches.size());
  for (const Launch &launch : source.launches) {
    void *const *arguments = pointers.data() + pointers.size();
    for (uint64_t offset : launch.arguments)
      pointers.push_back(memory.data() + offset);
    steps.push_back({source.kernels[launch.kernel].entry, arguments, launch.tiles,
                     launch.flopsPerSample, launch.flopsFixed});
  }
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
    double flops = step.flopsPerSample * double(n) + step.flopsFixed;
    // A program that does not count its work (zero) is taken at its word about tiles.
    bool small = tiles < 2 || (flops > 0 && flops < worthForking);
    if (!small)
      pool.run(tiles, task, &call);
    else if (tiles > 0)
      task(&call, 0, tiles);
  }
}

} // namespace

Result<std::unique_ptr<Executor>> Executor::create(const Program &program, ThreadPool &pool) {
  if (Status status = checkProgram(program); !status.ok())
    return std::move(status).error();
  if (program.target != Target::Cpu)
    return internalError("program '" + program.name + "' is compiled for a card");
  Result<Arena> arena =
      Arena::allocate(program.arenaBytes, "the program '" + program.name + "' with a batch of " +
                                              std::to_string(program.maxBatch));
  if (!arena.ok())
    return std::move(arena).error().withHelp("choose a smaller batch");
  return std::unique_ptr<Executor>(new HostExecutor(program, pool, std::move(*arena)));
}

} // namespace gnc::runtime
