// Exports: streams, events, captures, graphs.
#include "runtime/emulator/DriverCall.h"

namespace gnc::cuda {

using emulator::EventState;
using emulator::GraphExecState;
using emulator::GraphState;
using emulator::Operation;
using emulator::StreamState;

//===- Streams --------------------------------------------------------------------------------===//

GNC_DRIVER_EXPORT cuStreamCreate(Stream *stream, unsigned flags) {
  return call("cuStreamCreate", Needs::Context, [&](DriverState &driver, ContextState *context) {
    if (!stream || flags > streamNonBlocking)
      return Code::InvalidValue;
    auto made = std::make_shared<StreamState>();
    made->context = context;
    made->blocking = flags == 0;
    context->streams.insert(made);
    *stream = driver.add<Stream>(made, context);
    return Code::Success;
  });
}
GNC_DRIVER_EXPORT cuStreamCreateWithPriority(Stream *stream, unsigned flags, int) {
  return cuStreamCreate(stream, flags);
}

/// Calls body(driver, stream) for a stream of the current context.
template <typename Body> static Code onStream(const char *name, Stream stream, Body body) {
  return call(name, Needs::Context, [&](DriverState &driver, ContextState *context) {
    auto found = driver.stream(stream, *context);
    return found ? body(driver, *found) : Code::InvalidHandle;
  });
}

GNC_DRIVER_EXPORT cuStreamDestroy_v2(Stream stream) {
  return onStream("cuStreamDestroy_v2", stream, [&](DriverState &driver, StreamState &state) {
    if (state.legacy)
      return Code::InvalidHandle;
    if (state.capture)
      state.capture->invalidated = true;
    driver.drain(state);
    ContextState &context = *state.context;
    auto alive = driver.find<StreamState>(stream);
    context.streams.erase(alive);
    driver.remove(alive.get(), &context);
    return Code::Success;
  });
}

/// Waiting for, or asking, a stream that is captured ends the capture.
static Code refuseCaptured(StreamState &state) {
  if (!state.capture)
    return Code::Success;
  state.capture->invalidated = true;
  return Code::CaptureUnsupported;
}

GNC_DRIVER_EXPORT cuStreamSynchronize(Stream stream) {
  return onStream("cuStreamSynchronize", stream, [&](DriverState &driver, StreamState &state) {
    if (Code code = refuseCaptured(state); code != Code::Success)
      return code;
    driver.drain(state);
    return state.context->failure;
  });
}

/// Who asks again and again gets an answer in the end: each question does one operation.
GNC_DRIVER_EXPORT cuStreamQuery(Stream stream) {
  return onStream("cuStreamQuery", stream, [&](DriverState &driver, StreamState &state) {
    if (Code code = refuseCaptured(state); code != Code::Success)
      return code;
    bool ran = driver.runOne(state);
    if (state.context->failure != Code::Success)
      return state.context->failure;
    return ran ? Code::NotReady : Code::Success;
  });
}

GNC_DRIVER_EXPORT cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  return onStream("cuStreamWaitEvent", stream, [&](DriverState &driver, StreamState &state) {
    auto found = driver.find<EventState>(event);
    return found ? driver.wait(state, found) : Code::InvalidHandle;
  });
}

//===- Events ---------------------------------------------------------------------------------===//

GNC_DRIVER_EXPORT cuEventCreate(Event *event, unsigned flags) {
  return call("cuEventCreate", Needs::Context, [&](DriverState &driver, ContextState *context) {
    if (!event || flags > 7)
      return Code::InvalidValue;
    auto made = std::make_shared<EventState>();
    made->context = context;
    made->timing = !(flags & eventDisableTiming);
    *event = driver.add<Event>(made, context);
    return Code::Success;
  });
}

template <typename Body> static Code onEvent(const char *name, Event event, Body body) {
  return call(name, Needs::Context, [&](DriverState &driver, ContextState *context) {
    auto found = driver.find<EventState>(event);
    return found && found->context == context ? body(driver, found) : Code::InvalidHandle;
  });
}

GNC_DRIVER_EXPORT cuEventDestroy_v2(Event event) {
  return onEvent("cuEventDestroy_v2", event,
                 [&](DriverState &driver, const std::shared_ptr<EventState> &state) {
                   driver.remove(state.get(), state->context);
                   return Code::Success;
                 });
}

GNC_DRIVER_EXPORT cuEventRecord(Event event, Stream stream) {
  return onEvent("cuEventRecord", event,
                 [&](DriverState &driver, const std::shared_ptr<EventState> &state) {
                   auto found = driver.stream(stream, *state->context);
                   return found ? driver.record(*found, state) : Code::InvalidHandle;
                 });
}

/// An event of a capture never happens; only what replays the graph does.
static Code refuseCaptured(EventState &state) {
  if (!state.capture)
    return Code::Success;
  state.capture->invalidated = true;
  return Code::CapturedEvent;
}

GNC_DRIVER_EXPORT cuEventSynchronize(Event event) {
  return onEvent("cuEventSynchronize", event,
                 [&](DriverState &driver, const std::shared_ptr<EventState> &state) {
                   if (Code code = refuseCaptured(*state); code != Code::Success)
                     return code;
                   driver.drainUntil(*state);
                   return state->context->failure;
                 });
}

GNC_DRIVER_EXPORT cuEventQuery(Event event) {
  return onEvent("cuEventQuery", event,
                 [&](DriverState &driver, const std::shared_ptr<EventState> &state) {
                   if (Code code = refuseCaptured(*state); code != Code::Success)
                     return code;
                   if (state->isDone())
                     return Code::Success;
                   driver.runOne(*state->last->stream);
                   if (state->context->failure != Code::Success)
                     return state->context->failure;
                   return Code::NotReady;
                 });
}

/// Times of the host that runs the kernels, not of the card.
GNC_DRIVER_EXPORT cuEventElapsedTime(float *milliseconds, Event start, Event end) {
  return onEvent("cuEventElapsedTime", start,
                 [&](DriverState &driver, const std::shared_ptr<EventState> &first) {
                   auto last = driver.find<EventState>(end);
                   if (!milliseconds)
                     return Code::InvalidValue;
                   if (!last || !first->timing || !last->timing || !first->last || !last->last)
                     return Code::InvalidHandle;
                   if (!first->isDone() || !last->isDone())
                     return Code::NotReady;
                   *milliseconds = float(last->last->time - first->last->time);
                   return Code::Success;
                 });
}
GNC_DRIVER_EXPORT cuEventElapsedTime_v2(float *milliseconds, Event start, Event end) {
  return cuEventElapsedTime(milliseconds, start, end);
}

//===- Captures -------------------------------------------------------------------------------===//

GNC_DRIVER_EXPORT cuStreamBeginCapture_v2(Stream stream, CaptureMode mode) {
  return onStream("cuStreamBeginCapture_v2", stream, [&](DriverState &driver, StreamState &state) {
    return mode > CaptureMode::Relaxed ? Code::InvalidValue : driver.beginCapture(state, mode);
  });
}

GNC_DRIVER_EXPORT cuStreamEndCapture(Stream stream, Graph *graph) {
  return onStream("cuStreamEndCapture", stream, [&](DriverState &driver, StreamState &state) {
    if (!graph)
      return Code::InvalidValue;
    *graph = nullptr;
    std::shared_ptr<GraphState> made;
    Code code = driver.endCapture(state, made);
    if (made)
      *graph = driver.add<Graph>(made, nullptr);
    return code;
  });
}

GNC_DRIVER_EXPORT cuStreamIsCapturing(Stream stream, CaptureStatus *status) {
  return onStream("cuStreamIsCapturing", stream, [&](DriverState &, StreamState &state) {
    if (!status)
      return Code::InvalidValue;
    *status = !state.capture               ? CaptureStatus::None
              : state.capture->invalidated ? CaptureStatus::Invalidated
                                           : CaptureStatus::Active;
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuThreadExchangeStreamCaptureMode(CaptureMode *mode) {
  if (!mode || *mode > CaptureMode::Relaxed)
    return Code::InvalidValue;
  std::swap(*mode, emulator::threadCaptureMode());
  return Code::Success;
}

//===- Graphs ---------------------------------------------------------------------------------===//

GNC_DRIVER_EXPORT cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph, unsigned long long) {
  return call("cuGraphInstantiateWithFlags", Needs::Context,
              [&](DriverState &driver, ContextState *context) {
                auto found = driver.find<GraphState>(graph);
                if (!found || !exec)
                  return Code::InvalidValue;
                auto made = std::make_shared<GraphExecState>();
                made->nodes =
                    std::make_shared<const std::vector<emulator::GraphNodeState>>(found->nodes);
                made->context = context->weak_from_this();
                *exec = driver.add<GraphExec>(made, context);
                return Code::Success;
              });
}

GNC_DRIVER_EXPORT cuGraphLaunch(GraphExec exec, Stream stream) {
  return onStream("cuGraphLaunch", stream, [&](DriverState &driver, StreamState &state) {
    auto found = driver.find<GraphExecState>(exec);
    if (!found || found->context.lock().get() != state.context)
      return Code::InvalidValue;
    auto run = [nodes = found->nodes, context = state.context] {
      DriverState::get().runGraph(*nodes, *context);
    };
    return driver.enqueue(state, {Operation::Kind::Graph, run});
  });
}

/// New parameters for the same nodes.
GNC_DRIVER_EXPORT cuGraphExecUpdate_v2(GraphExec exec, Graph graph, GraphUpdateInfo *info) {
  return call("cuGraphExecUpdate_v2", Needs::Context, [&](DriverState &driver, ContextState *) {
    auto target = driver.find<GraphExecState>(exec);
    auto source = driver.find<GraphState>(graph);
    if (!target || !source)
      return Code::InvalidValue;
    bool same = target->nodes->size() == source->nodes.size();
    for (size_t i = 0; same && i < source->nodes.size(); ++i)
      same = (*target->nodes)[i].operation.kind == source->nodes[i].operation.kind &&
             (*target->nodes)[i].after == source->nodes[i].after;
    constexpr int topologyChanged = 2; // CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED
    if (info)
      *info = {same ? 0 : topologyChanged, nullptr, nullptr};
    if (!same)
      return Code::GraphExecUpdateFailure;
    target->nodes = std::make_shared<const std::vector<emulator::GraphNodeState>>(source->nodes);
    return Code::Success;
  });
}

/// Only counts: nodes are not to be looked into.
GNC_DRIVER_EXPORT cuGraphGetNodes(Graph graph, GraphNode *nodes, size_t *count) {
  return call("cuGraphGetNodes", Needs::Driver, [&](DriverState &driver, ContextState *) {
    auto found = driver.find<GraphState>(graph);
    if (!found || !count)
      return Code::InvalidValue;
    if (nodes)
      return Code::NotSupported;
    *count = found->nodes.size();
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuGraphDestroy(Graph graph) {
  return call("cuGraphDestroy", Needs::Driver, [&](DriverState &driver, ContextState *) {
    auto found = driver.find<GraphState>(graph);
    if (!found)
      return Code::InvalidValue;
    driver.remove(found.get(), nullptr);
    return Code::Success;
  });
}

GNC_DRIVER_EXPORT cuGraphExecDestroy(GraphExec exec) {
  return call("cuGraphExecDestroy", Needs::Driver, [&](DriverState &driver, ContextState *) {
    auto found = driver.find<GraphExecState>(exec);
    if (!found)
      return Code::InvalidValue;
    driver.remove(found.get(), found->context.lock().get());
    return Code::Success;
  });
}

} // namespace gnc::cuda
