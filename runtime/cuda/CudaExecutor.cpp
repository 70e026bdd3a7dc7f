//===- CudaExecutor.cpp - runs a program on a card --------------------------------------------===//
#include "runtime/cuda/CudaExecutor.h"

#include "runtime/Layout.h"
#include "runtime/cuda/FiniteKernel.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <functional>

namespace gnc::cuda {

using namespace runtime;

namespace {
/// A host that asks for ever new batch sizes must not fill the card with graphs.
constexpr size_t maxGraphs = 64;

/// Of a launch that no layer is the reason of, the place in the file has to say it all.
std::string quoted(const Site &site) {
  return site.name.empty() ? "a kernel" : "'" + site.name + "'";
}
} // namespace

CudaExecutor::~CudaExecutor() {
  device.enter();
  if (compute)
    api.streamSynchronize(compute.get());
  if (copies)
    api.streamSynchronize(copies.get());
}

//===- Failures -------------------------------------------------------------------------------===//

void CudaExecutor::fail(const std::string &what, Code code, const Launch *launch) const {
  if (failure)
    return;
  failure = device.failure(what, code);
  if (!launch) {
    if (!device.stepwise())
      failure->help =
          "run it again with CUDA_LAUNCH_BLOCKING=1: then the launch that fails is named";
    return;
  }
  if (launch->library) {
    failure->notes.push_back("a plan of cuDNN");
  } else {
    const Kernel &kernel = source.kernels[launch->kernel];
    failure->notes.push_back("kernel " + kernel.symbol + ", blocks of " +
                             std::to_string(kernel.threads) + " threads, " +
                             std::to_string(kernel.sharedBytes) + " bytes of shared memory");
  }
  failure = std::move(*failure).at(source.sites[launch->site].location);
}

bool CudaExecutor::check(Code code) const {
  if (code != Code::Success)
    fail("the card failed in program '" + source.name + "'", code);
  return code == Code::Success;
}

Status CudaExecutor::status() const { return failure ? Status(*failure) : Status(); }

Status CudaExecutor::finish() {
  if (!failure && check(device.enter()))
    check(api.streamSynchronize(compute.get()));
  return status();
}

//===- Running --------------------------------------------------------------------------------===//

void CudaExecutor::runLaunches(size_t first, size_t last, int64_t n) {
  assert(1 <= n && n <= source.maxBatch && last <= steps.size());
  runRange({first, last, n});
  if (first < source.commit)
    resultsInWords = last >= source.commit;
}

void CudaExecutor::beginStep(int64_t n) {
  assert(1 <= n && n <= source.maxBatch && stepsBegun - stepsEnded < outcomes.size());
  takeInputs();
  size_t number = stepsBegun++ % outcomes.size();
  runRange({0, steps.size(), n, number});
  resultsInWords = false;
  Outcome &outcome = outcomes[number];
  outcome.tick = tick;
  if (!failure)
    check(api.eventRecord(outcome.done.get(), compute.get()));
}

StepOutcome CudaExecutor::endStep() {
  assert(stepsEnded < stepsBegun);
  const Outcome &outcome = outcomes[stepsEnded++ % outcomes.size()];
  if (failure || !check(device.enter()) || !check(api.eventSynchronize(outcome.done.get())))
    return {};
  doneTick = std::max(doneTick, outcome.tick);
  StepOutcome result;
  uint32_t halted = 0;
  const uint8_t *from = words.get() + outcome.words;
  memcpy(&result.loss, from, 4);
  if (gradientNorm)
    memcpy(&result.gradientNorm, from + 4, 4);
  memcpy(&halted, from + 8, 4);
  result.finite = !halted && std::isfinite(result.loss) &&
                  (!gradientNorm || std::isfinite(result.gradientNorm));
  return result;
}

void CudaExecutor::proceed() {
  if (halt && !failure && check(device.enter()))
    check(api.memsetD8Async(addressOf(*halt), 0, 4, compute.get()));
}

void CudaExecutor::runRange(const Range &range) {
  if (failure || range.first == range.last || !check(device.enter()))
    return;
  if (graphs.size() >= maxGraphs && !graphs.contains(range) &&
      check(api.streamSynchronize(compute.get())))
    graphs.clear();
  if (failure)
    return;
  auto [graph, isNew] = graphs.try_emplace(range);
  if (isNew || device.stepwise()) {
    enqueue(range, /*stepwise=*/true);
  } else {
    if (!graph->second)
      graph->second = capture(range);
    if (graph->second)
      check(api.graphLaunch(graph->second.get(), compute.get()));
  }
  if (!failure)
    check(api.eventRecord(runDone.get(), compute.get()));
  runTick = tick;
  runPending = true;
}

Code CudaExecutor::start(const Step &step, const Launch &launch, int64_t n) {
  if (step.plan) {
    runPlan(step, launch, n);
    return Code::Success;
  }
  int64_t tiles = step.tiles.at(n);
  if (tiles <= 0)
    return Code::Success;
  if (tiles > 0x7fffffff)
    return Code::InvalidValue;
  batch = uint32_t(n);
  return api.launchKernel(step.function, unsigned(tiles), 1, 1, step.threads, 1, 1,
                          step.sharedBytes, compute.get(),
                          const_cast<void **>(step.parameters.data()), nullptr);
}

/// A plan computes all samples that it was made for. Those beyond the batch are never looked at,
/// but by sums over all of them.
void CudaExecutor::runPlan(const Step &step, const Launch &launch, int64_t n) {
  uint64_t beyond = uint64_t(source.maxBatch - n);
  for (const Launch::Samples &samples : launch.summed)
    if (beyond > 0 &&
        !check(api.memsetD8Async(arena.get() + samples.offset + uint64_t(n) * samples.bytes, 0,
                                 beyond * samples.bytes, compute.get())))
      return;
  if (cudnn::Status code = plans->run(*step.plan); code != cudnn::Status::Success && !failure) {
    const Site &site = source.sites[launch.site];
    failure = environmentError("card-failed",
                               "cuDNN fails in " + quoted(site) + ": " + plans->describe(code))
                  .at(site.location);
  }
}

bool CudaExecutor::launch(size_t index, int64_t n, bool stepwise) {
  const Launch &launch = source.launches[index];
  std::string name = quoted(source.sites[launch.site]);
  Code code = start(steps[index], launch, n);
  if (failure)
    return false;
  if (code != Code::Success)
    fail("the card cannot launch " + name, code, &launch);
  else if (code = stepwise ? api.streamSynchronize(compute.get()) : code; code != Code::Success)
    fail("the card failed in " + name, code, &launch);
  return code == Code::Success;
}

void CudaExecutor::enqueue(const Range &range, bool stepwise) {
  for (size_t i = range.first; i < range.last; ++i)
    if (!launch(i, range.n, stepwise))
      return;
  if (range.outcome)
    enqueueOutcome(outcomes[*range.outcome]);
  else if (range.first < source.commit && range.last >= source.commit)
    for (const Tensor &tensor : source.tensors)
      if (const Place *place = placeOf(tensor); place && tensor.role == Role::Result)
        check(api.memcpyDtoHAsync(words.get() + place->offset, addressOf(tensor),
                                  reachBytes(tensor, 1), compute.get()));
}

/// The look at loss, norm and weights comes after the commit, and is what stops the next one.
void CudaExecutor::enqueueOutcome(const Outcome &outcome) {
  if (finitePieces > 0) {
    DevicePointer arenaBase = arena.get(), pieces = finiteTable.get(), flag = addressOf(*halt);
    void *parameters[] = {&arenaBase, &pieces, &flag};
    check(api.launchKernel(finite, finitePieces, 1, 1, finiteThreads, 1, 1, 0, compute.get(),
                           parameters, nullptr));
  }
  uint8_t *to = words.get() + outcome.words;
  for (const Tensor *word : {loss, gradientNorm, halt}) {
    if (word)
      check(api.memcpyDtoHAsync(to, addressOf(*word), sizeof(uint32_t), compute.get()));
    to += sizeof(uint32_t);
  }
}

/// Nothing but launches and copies from pinned memory happens in between, so nothing can invalidate
/// the capture; a launch that fails ends it too.
OwnedGraphExec CudaExecutor::capture(const Range &range) {
  if (!check(api.streamBeginCapture(compute.get(), CaptureMode::ThreadLocal)))
    return {};
  enqueue(range, /*stepwise=*/false);
  Graph captured = nullptr;
  bool ended = check(api.streamEndCapture(compute.get(), &captured));
  OwnedGraph graph(api, captured);
  GraphExec exec = nullptr;
  if (failure || !ended || !check(api.graphInstantiate(&exec, captured, 0)))
    return {};
  return OwnedGraphExec(api, exec);
}

void CudaExecutor::waitForResults() const {
  if (!runPending || !check(device.enter()))
    return;
  check(api.eventSynchronize(runDone.get()));
  runPending = false;
  doneTick = runTick;
}

//===- Tensors --------------------------------------------------------------------------------===//

CudaExecutor::Place *CudaExecutor::placeOf(const Tensor &tensor) const {
  auto first = source.tensors.data(), end = first + source.tensors.size();
  if (std::less<>()(&tensor, first) || !std::less<>()(&tensor, end))
    return nullptr;
  Place &place = places[size_t(&tensor - first)];
  return place.in == Place::None ? nullptr : &place;
}

const uint8_t *CudaExecutor::read(const Tensor &tensor, int64_t n) const {
  const Place *place = placeOf(tensor);
  if (place && tensor.role == Role::Result && resultsInWords && !failure) {
    waitForResults();
    return words.get() + place->offset;
  }
  uint64_t bytes = reachBytes(tensor, n);
  received.resize(std::max<uint64_t>(bytes, received.size()));
  if (!failure && bytes && check(device.enter()) &&
      check(api.memcpyDtoHAsync(received.data(), addressOf(tensor), bytes, compute.get())))
    check(api.streamSynchronize(compute.get()));
  if (failure)
    std::fill(received.begin(), received.end(), 0);
  return received.data();
}

uint8_t *CudaExecutor::stage(const Tensor &tensor) {
  if (const Place *place = placeOf(tensor))
    return place->in == Place::Input ? stageInput(*place) : stageWord(*place);
  staged.assign(std::max<uint64_t>(tensor.bytes, 1), 0); // what lies between elements is zero
  return staged.data();
}

uint8_t *CudaExecutor::stageInput(const Place &place) {
  InputSet &set = inputs[nextSet];
  if (!set.hostFree && !failure && check(device.enter()))
    check(api.eventSynchronize(set.copied.get()));
  set.hostFree = true;
  return set.host.get() + place.offset;
}

/// A word that is still on its way is not overwritten; who waits for results each step never waits
/// here.
uint8_t *CudaExecutor::stageWord(const Place &place) {
  if (place.tick > doneTick && !failure && check(device.enter())) {
    check(api.eventSynchronize(wordsSent.get()));
    doneTick = tick;
  }
  return words.get() + place.offset;
}

void CudaExecutor::send(const Tensor &tensor, int64_t n) {
  uint64_t bytes = reachBytes(tensor, n);
  if (failure || bytes == 0 || !check(device.enter()))
    return;
  Place *place = placeOf(tensor);
  if (place && place->in == Place::Input)
    return sendInput(tensor, *place, n);
  const uint8_t *from = place ? words.get() + place->offset : staged.data();
  check(api.memcpyHtoDAsync(addressOf(tensor), from, bytes, compute.get()));
  if (!place)
    return;
  place->tick = ++tick;
  check(api.eventRecord(wordsSent.get(), compute.get()));
}

/// At once, beside whatever runs; only the last use of this set has to be over.
void CudaExecutor::sendInput(const Tensor &tensor, Place &place, int64_t n) {
  InputSet &set = inputs[nextSet];
  check(api.streamWaitEvent(copies.get(), set.taken.get(), 0));
  check(api.memcpyHtoDAsync(set.card.get() + place.offset, set.host.get() + place.offset,
                            reachBytes(tensor, n), copies.get()));
  check(api.eventRecord(set.copied.get(), copies.get()));
  set.sent = true;
  set.hostFree = false;
  place.sent = n;
}

void CudaExecutor::takeInputs() {
  InputSet &set = inputs[nextSet];
  if (failure || !set.sent || !check(device.enter()))
    return;
  check(api.streamWaitEvent(compute.get(), set.copied.get(), 0));
  for (size_t i = 0; i < places.size(); ++i) {
    Place &place = places[i];
    if (place.in != Place::Input || place.sent == 0)
      continue;
    const Tensor &tensor = source.tensors[i];
    check(api.memcpyDtoDAsync(addressOf(tensor), set.card.get() + place.offset,
                              reachBytes(tensor, place.sent), compute.get()));
    place.sent = 0;
  }
  check(api.eventRecord(set.taken.get(), compute.get()));
  set.sent = false;
  nextSet ^= 1;
}

} // namespace gnc::cuda
