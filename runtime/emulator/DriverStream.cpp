// Queues of operations, and when they are done; captures.
#include "runtime/emulator/DriverState.h"

#include <algorithm>
#include <chrono>

namespace gnc::emulator {

namespace {
/// A card's queue is not endless either: a host far ahead waits.
constexpr size_t maxQueued = 4096;

double milliseconds() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}
} // namespace

std::shared_ptr<StreamState> DriverState::stream(cuda::Stream handle, ContextState &context) {
  auto number = reinterpret_cast<uintptr_t>(handle);
  if (number <= 2) // null, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD, which orders no more than that
    return context.legacy;
  std::shared_ptr<StreamState> found = find<StreamState>(handle);
  return found && found->context == &context ? found : nullptr;
}

Code DriverState::enqueue(StreamState &stream, Operation operation) {
  if (stream.capture) {
    if (stream.capture->invalidated)
      return Code::CaptureInvalidated;
    std::vector<GraphNodeState> &nodes = stream.capture->graph->nodes;
    nodes.push_back({std::move(operation), stream.frontier});
    stream.frontier = {nodes.size() - 1};
    return Code::Success;
  }
  ContextState &context = *stream.context;
  if (stream.legacy) {
    for (const auto &other : context.streams)
      if (other->blocking && other->capture) {
        invalidate(*other->capture);
        return Code::CaptureImplicit;
      }
    for (const auto &other : context.streams)
      if (other->blocking && !other->legacy)
        drain(*other);
  } else if (stream.blocking) {
    drain(*context.legacy);
  }
  stream.queue.push_back(std::move(operation));
  if (config.order == Order::Early)
    drain(stream);
  while (config.order == Order::Random && random() % 2) {
    auto some = context.streams.begin();
    std::advance(some, random() % context.streams.size());
    runOne(**some);
  }
  while (stream.queue.size() > maxQueued)
    runOne(stream);
  return Code::Success;
}

bool DriverState::runOne(StreamState &stream) {
  if (stream.queue.empty())
    return false;
  Operation &first = stream.queue.front();
  using Kind = Operation::Kind;
  // An event is waited for by what was recorded before the wait, so this ends.
  if (first.kind == Kind::Wait && !first.record->done)
    return runOne(*first.record->stream);
  Operation operation = std::move(first);
  stream.queue.pop_front();
  if (operation.kind == Kind::Record) {
    operation.record->done = true;
    operation.record->time = milliseconds();
  } else if (operation.run && stream.context->failure == Code::Success) {
    operation.run();
  }
  return true;
}

void DriverState::drain(StreamState &stream) {
  while (runOne(stream)) {
  }
}

void DriverState::drain(ContextState &context) {
  for (const auto &stream : context.streams)
    drain(*stream);
}

void DriverState::drainUntil(const EventState &event) {
  while (!event.isDone() && runOne(*event.last->stream)) {
  }
}

Code DriverState::record(StreamState &stream, const std::shared_ptr<EventState> &event) {
  if (stream.capture) {
    if (stream.capture->invalidated)
      return Code::CaptureInvalidated;
    event->capture = stream.capture;
    event->nodes = stream.frontier;
    return Code::Success;
  }
  event->capture = nullptr;
  event->last = std::make_shared<EventRecord>();
  for (const auto &living : stream.context->streams)
    if (living.get() == &stream)
      event->last->stream = living;
  return enqueue(stream, {Operation::Kind::Record, nullptr, event->last});
}

Code DriverState::wait(StreamState &stream, const std::shared_ptr<EventState> &event) {
  if (event->capture && event->capture->origin) {
    if (!stream.capture) {
      if (stream.legacy)
        return Code::CaptureImplicit;
      stream.capture = event->capture;
      stream.capture->streams.push_back(&stream);
    } else if (stream.capture != event->capture) {
      invalidate(*stream.capture);
      invalidate(*event->capture);
      return Code::CaptureMerge;
    }
    for (size_t node : event->nodes)
      if (!std::count(stream.frontier.begin(), stream.frontier.end(), node))
        stream.frontier.push_back(node);
    return Code::Success;
  }
  if (stream.capture) {
    invalidate(*stream.capture);
    return Code::CaptureIsolation;
  }
  if (event->capture)
    return Code::CapturedEvent;
  if (!event->last)
    return Code::Success;
  return enqueue(stream, {Operation::Kind::Wait, nullptr, event->last});
}

//===- Captures and graphs --------------------------------------------------------------------===//

cuda::CaptureMode &threadCaptureMode() {
  thread_local cuda::CaptureMode mode = cuda::CaptureMode::Global;
  return mode;
}

void DriverState::invalidate(Capture &capture) { capture.invalidated = true; }

std::vector<std::shared_ptr<Capture>> DriverState::captures() {
  std::vector<std::shared_ptr<Capture>> found;
  for (auto &[key, object] : objects)
    if (auto *stream = dynamic_cast<StreamState *>(object.get()); stream && stream->capture)
      if (stream->capture->origin == stream)
        found.push_back(stream->capture);
  return found;
}

bool DriverState::isUnsafe(const Capture &capture) const {
  bool ours = capture.thread == std::this_thread::get_id();
  switch (threadCaptureMode()) {
  case cuda::CaptureMode::Relaxed: return false;
  case cuda::CaptureMode::ThreadLocal: return ours && capture.mode != cuda::CaptureMode::Relaxed;
  case cuda::CaptureMode::Global: break;
  }
  return capture.mode == cuda::CaptureMode::Global ||
         (ours && capture.mode == cuda::CaptureMode::ThreadLocal);
}

Code DriverState::checkUnsafe() {
  Code code = Code::Success;
  for (const auto &capture : captures())
    if (isUnsafe(*capture)) {
      invalidate(*capture);
      code = Code::CaptureUnsupported;
    }
  return code;
}

Code DriverState::beginCapture(StreamState &stream, cuda::CaptureMode mode) {
  if (stream.legacy)
    return Code::CaptureUnsupported;
  if (stream.capture)
    return Code::IllegalState;
  stream.capture = std::make_shared<Capture>();
  stream.capture->mode = mode;
  stream.capture->thread = std::this_thread::get_id();
  stream.capture->origin = &stream;
  stream.capture->streams = {&stream};
  stream.frontier.clear();
  return Code::Success;
}

namespace {
/// Whether every node comes before the end of the capture's first stream.
bool isJoined(const Capture &capture) {
  const std::vector<GraphNodeState> &nodes = capture.graph->nodes;
  std::vector<bool> reached(nodes.size());
  std::vector<size_t> open = capture.origin->frontier;
  while (!open.empty()) {
    size_t node = open.back();
    open.pop_back();
    if (reached[node])
      continue;
    reached[node] = true;
    open.insert(open.end(), nodes[node].after.begin(), nodes[node].after.end());
  }
  return std::count(reached.begin(), reached.end(), false) == 0;
}
} // namespace

Code DriverState::endCapture(StreamState &stream, std::shared_ptr<GraphState> &graph) {
  std::shared_ptr<Capture> capture = stream.capture;
  if (!capture)
    return Code::IllegalState;
  if (capture->origin != &stream)
    return Code::CaptureUnmatched;
  if (capture->mode != cuda::CaptureMode::Relaxed && capture->thread != std::this_thread::get_id())
    return Code::CaptureWrongThread;
  Code code = capture->invalidated  ? Code::CaptureInvalidated
              : !isJoined(*capture) ? Code::CaptureUnjoined
                                    : Code::Success;
  for (StreamState *member : capture->streams) {
    member->capture = nullptr;
    member->frontier.clear();
  }
  capture->origin = nullptr; // for events that still know it
  if (code == Code::Success)
    graph = capture->graph;
  return code;
}

void DriverState::runGraph(const std::vector<GraphNodeState> &nodes, ContextState &context) {
  std::vector<bool> done(nodes.size());
  auto isReady = [&](const GraphNodeState &node) {
    return std::all_of(node.after.begin(), node.after.end(), [&](size_t n) { return done[n]; });
  };
  for (size_t i = 0; i < nodes.size() && context.failure == Code::Success; ++i) {
    size_t next = i;
    if (config.order == Order::Random) {
      std::vector<size_t> ready;
      for (size_t n = 0; n < nodes.size(); ++n)
        if (!done[n] && isReady(nodes[n]))
          ready.push_back(n);
      next = ready[random() % ready.size()];
    }
    if (nodes[next].operation.run)
      nodes[next].operation.run();
    done[next] = true;
  }
}

} // namespace gnc::emulator
