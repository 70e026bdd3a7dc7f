//===- DriverState.h - devices, contexts, streams and graphs of the software device -----------===//
//
// One lock, held during every call of the API. What streams are told is queued, and done when
// somebody waits (or as GNC_EMULATOR_ORDER says), on the waiting thread: so a host that forgets to
// wait gets old data every time, and not once a month. An operation fails its context when it is
// done, and the next call says so, as on a card.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/DriverConfig.h"
#include "runtime/emulator/Launch.h"

#include <functional>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>

namespace gnc::emulator {

using cuda::Code;

/// Whatever a handle stands for: its address is the handle.
struct Object {
  virtual ~Object() = default;
};

struct ContextState;
struct StreamState;
struct EventState;

struct DeviceState {
  int ordinal = 0;
  const Card *card = nullptr;
  std::unique_ptr<DeviceMemory> memory; ///< made with the first context
  std::shared_ptr<ContextState> primary;
  unsigned primaryUsers = 0;
};

struct ModuleState : Object {
  std::unique_ptr<Module> module;
  std::weak_ptr<ContextState> context;
  std::vector<std::shared_ptr<Object>> functions; ///< handles that were given out
};

struct FunctionState : Object {
  const Function *function = nullptr;
  std::weak_ptr<ModuleState> module;
  int maxDynamicShared = 0, carveout = -1;
};

/// A record of an event: it happens once, in the order of its stream.
struct EventRecord {
  std::shared_ptr<StreamState> stream;
  bool done = false;
  double time = 0; ///< when, in ms
};

/// What a stream does, one after the other.
struct Operation {
  enum class Kind : uint8_t { Kernel, Copy, Set, Graph, Record, Wait } kind = Kind::Copy;
  std::function<void()> run = {};           ///< Kernel, Copy, Set, Graph
  std::shared_ptr<EventRecord> record = {}; ///< Record, Wait
};

struct GraphNodeState {
  Operation operation;
  std::vector<size_t> after; ///< nodes that come first; all have smaller numbers
};

struct GraphState : Object {
  std::vector<GraphNodeState> nodes;
};

struct GraphExecState : Object {
  std::shared_ptr<const std::vector<GraphNodeState>> nodes;
  std::weak_ptr<ContextState> context;
};

/// Streams that are recorded into a graph.
struct Capture {
  cuda::CaptureMode mode = cuda::CaptureMode::Global;
  std::thread::id thread;
  StreamState *origin = nullptr;
  std::shared_ptr<GraphState> graph = std::make_shared<GraphState>();
  std::vector<StreamState *> streams;
  bool invalidated = false;
};

struct StreamState : Object {
  ContextState *context = nullptr;
  bool legacy = false;   ///< the stream called null
  bool blocking = false; ///< keeps order with the legacy stream
  std::deque<Operation> queue;
  std::shared_ptr<Capture> capture;
  std::vector<size_t> frontier; ///< capture: nodes that the next one comes after
};

struct EventState : Object {
  ContextState *context = nullptr;
  bool timing = true;
  std::shared_ptr<EventRecord> last; ///< null before the first
  std::shared_ptr<Capture> capture;  ///< if the last record was captured
  std::vector<size_t> nodes;

  bool isDone() const { return !last || last->done; }
};

struct ContextState : Object, std::enable_shared_from_this<ContextState> {
  DeviceState *device = nullptr;
  bool primary = false;
  Code failure = Code::Success; ///< stays until the context is gone
  std::shared_ptr<StreamState> legacy;
  std::set<std::shared_ptr<StreamState>> streams; ///< the legacy one too
  std::set<const Object *> owned;                 ///< handles that end with the context
  std::set<uint64_t> allocations;
  std::map<uintptr_t, size_t> pinned; ///< memory from cuMemAllocHost, or registered
  std::set<uintptr_t> ours;           ///< of these, what was allocated here

  DeviceMemory &memory() { return *device->memory; }
  bool isPinned(const void *pointer, size_t bytes) const;
};

/// The whole library.
class DriverState {
public:
  static DriverState &get();

  Code initialise();
  bool initialised() const { return ready; }

  /// The object of a handle; null if there is none of this kind.
  template <typename T, typename Handle> std::shared_ptr<T> find(Handle handle) {
    auto found = objects.find(reinterpret_cast<const Object *>(handle));
    return found == objects.end() ? nullptr : std::dynamic_pointer_cast<T>(found->second);
  }
  template <typename Handle> Handle add(std::shared_ptr<Object> object, ContextState *owner) {
    const Object *key = object.get();
    if (owner)
      owner->owned.insert(key);
    objects.emplace(key, std::move(object));
    return reinterpret_cast<Handle>(const_cast<Object *>(key));
  }
  void remove(const Object *object, ContextState *owner) {
    if (owner)
      owner->owned.erase(object);
    objects.erase(object);
  }

  DeviceState *device(int ordinal);
  Code createContext(DeviceState &device, std::shared_ptr<ContextState> &context);
  void destroyContext(ContextState &context);
  /// This thread's contexts; the last one is current.
  static std::vector<ContextState *> &stack();
  std::shared_ptr<ContextState> current();
  /// Contexts that were destroyed stay on stacks; this tells them from living ones.
  bool isLiving(const ContextState *context) const { return objects.contains(context); }

  //===- Streams ------------------------------------------------------------------------------===//

  /// The stream of a handle (null: the legacy one), or null for none of this context.
  std::shared_ptr<StreamState> stream(cuda::Stream handle, ContextState &context);
  /// Queues an operation, or makes it a node of the capture.
  Code enqueue(StreamState &stream, Operation operation);
  Code record(StreamState &stream, const std::shared_ptr<EventState> &event);
  Code wait(StreamState &stream, const std::shared_ptr<EventState> &event);
  /// Does everything that was queued.
  void drain(StreamState &stream);
  void drain(ContextState &context);
  void drainUntil(const EventState &event);
  /// Does the next operation, or one that it waits for. False if there is none.
  bool runOne(StreamState &stream);
  /// Runs the nodes of a graph in an order that their edges allow, until one fails.
  void runGraph(const std::vector<GraphNodeState> &nodes, ContextState &context);

  Code beginCapture(StreamState &stream, cuda::CaptureMode mode);
  Code endCapture(StreamState &stream, std::shared_ptr<GraphState> &graph);
  /// Whether a call that may not happen while something is captured is allowed; if not, the
  /// captures are lost.
  Code checkUnsafe();

  /// Runs a kernel, now, and fails the context if it goes wrong.
  void execute(ContextState &context, const Function &function, const LaunchConfig &launch);
  void fail(ContextState &context, Code code, std::string text);
  /// The code that GNC_EMULATOR_FAULT has for this call; Success for none.
  Code injected(std::string_view name);
  /// What every kernel did, and how often each function of the API was called.
  std::string statisticsText() const;

  std::recursive_mutex lock;
  DriverConfig config;
  std::vector<DeviceState> devices;
  std::string report; ///< of what failed first
  std::map<std::string, Counters> statistics;

private:
  bool isUnsafe(const Capture &capture) const;
  std::vector<std::shared_ptr<Capture>> captures();
  static void invalidate(Capture &capture);

  bool ready = false;
  std::unordered_map<const Object *, std::shared_ptr<Object>> objects;
  std::map<std::string, uint64_t, std::less<>> calls;
  std::mt19937_64 random;
};

/// This thread's answer to cuThreadExchangeStreamCaptureMode.
cuda::CaptureMode &threadCaptureMode();

} // namespace gnc::emulator
