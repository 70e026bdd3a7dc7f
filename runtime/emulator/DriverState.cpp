#include "runtime/emulator/DriverState.h"

#include <algorithm>

namespace gnc::emulator {

DriverState &DriverState::get() {
  static DriverState *state = new DriverState; // lives as long as the process: others end later
  return *state;
}

Code DriverState::initialise() {
  if (ready)
    return Code::Success;
  config = DriverConfig::fromEnvironment();
  if (config.error.empty())
    if (std::string missing = missingFeature(); !missing.empty())
      config.error = "the software device needs a processor with " + missing;
  if (!config.error.empty()) {
    report = config.error;
    return Code::SystemNotReady;
  }
  if (config.threads == 0)
    config.threads = std::max(1u, std::thread::hardware_concurrency());
  random.seed(config.seed);
  devices.resize(config.cards.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    devices[i].ordinal = int(i);
    devices[i].card = config.cards[i];
  }
  ready = true;
  return Code::Success;
}

DeviceState *DriverState::device(int ordinal) {
  return 0 <= ordinal && size_t(ordinal) < devices.size() ? &devices[size_t(ordinal)] : nullptr;
}

//===- Contexts -------------------------------------------------------------------------------===//

Code DriverState::createContext(DeviceState &device, std::shared_ptr<ContextState> &context) {
  if (!device.memory) {
    DeviceMemory::Options options;
    options.capacity = config.memory;
    options.checked = config.checked;
    device.memory = DeviceMemory::create(options, report);
    if (!device.memory)
      return Code::OutOfMemory;
  }
  context = std::make_shared<ContextState>();
  context->device = &device;
  context->legacy = std::make_shared<StreamState>();
  context->legacy->context = context.get();
  context->legacy->legacy = context->legacy->blocking = true;
  context->streams.insert(context->legacy);
  add<cuda::Context>(context, nullptr);
  return Code::Success;
}

void DriverState::destroyContext(ContextState &context) {
  std::shared_ptr<ContextState> alive = context.shared_from_this();
  drain(context);
  for (uint64_t address : context.allocations)
    context.memory().free(address);
  for (uintptr_t pointer : context.ours)
    ::free(reinterpret_cast<void *>(pointer));
  for (const Object *object : context.owned)
    objects.erase(object);
  objects.erase(&context);
}

std::vector<ContextState *> &DriverState::stack() {
  thread_local std::vector<ContextState *> contexts;
  return contexts;
}

std::shared_ptr<ContextState> DriverState::current() {
  if (stack().empty() || !isLiving(stack().back()))
    return nullptr;
  return stack().back()->shared_from_this();
}

bool ContextState::isPinned(const void *pointer, size_t bytes) const {
  uintptr_t begin = reinterpret_cast<uintptr_t>(pointer);
  auto after = pinned.upper_bound(begin);
  if (after == pinned.begin())
    return false;
  auto [base, size] = *std::prev(after);
  return begin - base <= size && bytes <= size - (begin - base);
}

//===- Failures -------------------------------------------------------------------------------===//

Code DriverState::injected(std::string_view name) {
  auto fault = config.faults.find(name);
  if (fault == config.faults.end() && !config.statistics)
    return Code::Success;
  uint64_t number = ++calls[std::string(name)];
  bool now = fault != config.faults.end() && number == fault->second.call;
  return now ? fault->second.code : Code::Success;
}

std::string DriverState::statisticsText() const {
  std::string text;
  for (const auto &[kernel, counters] : statistics)
    text += kernel + "\n" + counters.text();
  text += "calls of the driver\n";
  for (const auto &[name, count] : calls)
    text += name + std::string(name.size() < 30 ? 30 - name.size() : 1, ' ') +
            std::to_string(count) + "\n";
  return text;
}

void DriverState::fail(ContextState &context, Code code, std::string text) {
  if (context.failure != Code::Success)
    return;
  context.failure = code;
  report = std::move(text);
}

static Code codeOf(FaultKind kind) {
  switch (kind) {
  case FaultKind::None: return Code::Success;
  case FaultKind::InvalidLaunch: return Code::InvalidValue;
  case FaultKind::IllegalAddress: return Code::IllegalAddress;
  case FaultKind::Misaligned: return Code::MisalignedAddress;
  case FaultKind::Deadlock:
  case FaultKind::Hang: return Code::LaunchTimeout;
  case FaultKind::OutOfMemory: return Code::OutOfMemory;
  case FaultKind::Uninitialised:
  case FaultKind::Race:
  case FaultKind::Barrier:
  case FaultKind::Trap: return Code::LaunchFailed;
  }
  return Code::Unknown;
}

void DriverState::execute(ContextState &context, const Function &function,
                          const LaunchConfig &launch) {
  if (Code code = injected("kernel"); code != Code::Success)
    return fail(context, code, "kernel: " + function.name + " failed as GNC_EMULATOR_FAULT says");
  EngineOptions options;
  options.checked = config.checked;
  options.seed = config.seed;
  options.threads = config.checked ? 1 : config.threads;
  options.card = context.device->card;
  options.counters = config.statistics ? &statistics[function.name] : nullptr;
  Outcome outcome = emulator::launch(function, launch, context.memory(), options);
  if (!outcome.ok())
    fail(context, codeOf(outcome.kind), outcome.text());
}

} // namespace gnc::emulator
