//===- CudaExecutor.h - runs a program on a card ----------------------------------------------===//
//
// The arena lies on the card. What the host touches in every step has pinned memory: two sets for
// inputs, so that the next batch is copied while a step runs; a word for each schedule, the stream
// and each scalar result. Everything else is copied when it is asked for.
//
// A step of a training is one graph: the commit in it looks at the loss itself. Two steps may be on
// their way, so there are two places for what comes of one. A third word stops commits from a step
// that went wrong on, so that the step behind it changes nothing.
//
// A range of launches is run one by one the first time, each waited for, so that a kernel that
// fails is known by the layer it came from; from the second time on it is a graph, captured once
// for each batch size.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/cuda/CudaDevice.h"
#include "runtime/cuda/CudnnPlans.h"
#include "runtime/cuda/Resources.h"

#include <array>
#include <map>
#include <optional>

namespace gnc::cuda {

class CudaExecutor final : public runtime::Executor {
public:
  /// For a program that was checked. Errors: "out-of-memory", "card-failed", internal (a module
  /// that the driver refuses).
  static runtime::Result<std::unique_ptr<runtime::Executor>> create(const runtime::Program &program,
                                                                    const CudaDevice &device);
  ~CudaExecutor() override;

  void runLaunches(size_t first, size_t last, int64_t n) override;
  void beginStep(int64_t n) override;
  runtime::StepOutcome endStep() override;
  void proceed() override;
  bool isAsynchronous() const override { return true; }
  runtime::Status status() const override;
  runtime::Status finish() override;
  const uint8_t *read(const runtime::Tensor &tensor, int64_t n) const override;
  uint8_t *stage(const runtime::Tensor &tensor) override;
  void send(const runtime::Tensor &tensor, int64_t n) override;

protected:
  void takeInputs() override;

private:
  struct Step {
    Function function = nullptr;
    uint32_t threads = 0, sharedBytes = 0;
    runtime::TileCount tiles;
    std::vector<void *> parameters;  ///< of cuLaunchKernel: into `addresses`, and `batch`
    std::optional<size_t> plan = {}; ///< in place of all that: one of `plans`
  };
  /// Inputs of one batch, on their way.
  struct InputSet {
    Pinned host;
    DeviceMemory card;
    OwnedEvent copied, taken; ///< into `card`; from there into the arena
    bool hostFree = true;     ///< `copied` has been waited for since the last copy
    bool sent = false;
  };
  /// Where the host keeps a tensor that it touches in every step.
  struct Place {
    enum { None, Input, Word } in = None;
    uint64_t offset = 0; ///< in a set of inputs, or in `words`
    int64_t sent = 0;    ///< inputs: samples in the next set
    uint64_t tick = 0;   ///< words: when it was sent last
  };
  struct Range {
    size_t first, last;
    int64_t n;
    std::optional<size_t> outcome = {}; ///< of a step: which of `outcomes` gets what comes of it
    auto operator<=>(const Range &) const = default;
  };
  /// What comes of a step, on its way to the host.
  struct Outcome {
    uint64_t words = 0; ///< offset in `words`: loss, gradient's norm, the word that stops commits
    OwnedEvent done;
    uint64_t tick = 0; ///< words sent before
  };

  CudaExecutor(const runtime::Program &program, const CudaDevice &device);
  runtime::Status build();
  runtime::Status allocate();
  runtime::Status loadModule();
  runtime::Status link();
  runtime::Status openPlans();
  runtime::Status uploadConstants();
  runtime::Status prepareFiniteCheck();
  runtime::Status createQueues();
  runtime::Status loadText(const std::string &text, OwnedModule &loaded);
  runtime::Status findFunction(const runtime::Launch &launch, Function &function);
  runtime::Error outOfMemory(Code code, uint64_t bytes) const;
  runtime::Error refusedModule(Code code, const std::string &log) const;

  /// Null for a tensor that is copied when it is asked for.
  Place *placeOf(const runtime::Tensor &tensor) const;
  DevicePointer addressOf(const runtime::Tensor &tensor) const {
    return arena.get() + tensor.offset;
  }
  uint8_t *stageInput(const Place &place);
  uint8_t *stageWord(const Place &place);
  void sendInput(const runtime::Tensor &tensor, Place &place, int64_t n);

  void runRange(const Range &range);
  /// Launches, and what follows them: scalar results to the host, or the outcome of a step. Waits
  /// after each if `stepwise`.
  void enqueue(const Range &range, bool stepwise);
  bool launch(size_t index, int64_t n, bool stepwise);
  Code start(const Step &step, const runtime::Launch &launch, int64_t n);
  void runPlan(const Step &step, const runtime::Launch &launch, int64_t n);
  void enqueueOutcome(const Outcome &outcome);
  OwnedGraphExec capture(const Range &range);
  void waitForResults() const;

  /// Ends everything, for good; the first reason counts. `launch` is where it happened, if known.
  void fail(const std::string &what, Code code, const runtime::Launch *launch = nullptr) const;
  /// False after a failure of the call, which is noted.
  bool check(Code code) const;

  const CudaDevice &device;
  const Driver &api;
  mutable std::optional<runtime::Error> failure;

  OwnedStream compute, copies;
  OwnedModule module, finiteModule;
  std::unique_ptr<CudnnPlans> plans; ///< null for a program without
  DeviceMemory arena, finiteTable;
  const runtime::Tensor *halt = nullptr; ///< stops commits; null if there are none
  Function finite = nullptr;
  uint32_t finitePieces = 0;

  std::vector<DevicePointer> addresses;
  uint32_t batch = 0; ///< what kernels are given as n: read when one is launched or captured
  std::vector<Step> steps;
  std::map<Range, OwnedGraphExec> graphs; ///< an empty one: has run once, stepwise

  mutable std::vector<Place> places; ///< one a tensor of the program
  std::array<InputSet, 2> inputs;
  size_t nextSet = 0;
  Pinned words; ///< schedules, stream, scalar results, outcomes of steps
  std::array<Outcome, 2> outcomes;
  size_t stepsBegun = 0, stepsEnded = 0;
  OwnedEvent wordsSent, runDone;
  uint64_t tick = 0, runTick = 0;  ///< counts sent words: in all, before `runDone`
  mutable uint64_t doneTick = 0;   ///< words up to this one have arrived
  mutable bool runPending = false; ///< `runDone` has not been waited for
  bool resultsInWords = false;
  mutable std::vector<uint8_t> received;
  std::vector<uint8_t> staged;
};

} // namespace gnc::cuda
