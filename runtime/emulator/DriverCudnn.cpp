// Exports: the backend API of cuDNN.
#include "runtime/emulator/DriverCall.h"
#include "runtime/emulator/DriverCudnnObjects.h"

#include <algorithm>

namespace gnc::emulator::dnn {

namespace {

//===- Running --------------------------------------------------------------------------------===//

/// A piece of device memory that a plan touches.
struct Range {
  std::string name;
  uint64_t begin = 0, bytes = 0;
  bool written = false;
};

/// Every range in memory that was given out, aligned, and no written one over another.
std::string mistakeIn(const std::vector<Range> &ranges, const DeviceMemory &memory) {
  for (const Range &range : ranges)
    if (!memory.valid(range.begin, range.bytes))
      return range.name + " needs " + std::to_string(range.bytes) +
             " bytes, which are not in one block of device memory";
  for (const Range &a : ranges)
    for (const Range &b : ranges)
      if (&a != &b && a.written && a.begin < b.begin + b.bytes && b.begin < a.begin + a.bytes)
        return a.name + " and " + b.name + " overlap";
  return "";
}

Status gather(const Object &plan, const Object &pack, std::vector<Range> &ranges) {
  Library &state = library();
  auto ids = pack.all<int64_t>(Name::VariantIds);
  auto pointers = pack.all<uint64_t>(Name::VariantPointers);
  std::vector<TensorText> tensors = plan.graph.inMemory();
  for (const TensorText &tensor : tensors) {
    size_t at = size_t(std::find(ids.begin(), ids.end(), tensor.id) - ids.begin());
    if (at == ids.size())
      return state.refuse(Status::BadParameter,
                          numbered("the variant pack lacks tensor", tensor.id));
    if (pointers[at] % uint64_t(tensor.alignment))
      return state.refuse(Status::MisalignedPointer, numbered("the pointer of tensor", tensor.id) +
                                                         " is not aligned as the tensor says");
    ranges.push_back({numbered("tensor", tensor.id), pointers[at], tensor.bytes(), false});
  }
  ranges.back().written = true;
  for (int64_t id : ids)
    if (std::none_of(tensors.begin(), tensors.end(),
                     [&](const TensorText &tensor) { return tensor.id == id; }))
      return state.refuse(Status::BadParameter, numbered("the plan has no tensor", id));
  if (plan.workspace > 0) {
    auto at = pack.one<uint64_t>(Name::VariantWorkspace);
    if (at % 16)
      return state.refuse(Status::MisalignedPointer, "the workspace is not aligned");
    ranges.push_back({"the workspace", at, uint64_t(plan.workspace), true});
  }
  return Status::Success;
}

void runPlan(const GraphText &graph, const std::vector<Range> &ranges, ContextState &context) {
  if (std::string mistake = mistakeIn(ranges, context.memory()); !mistake.empty())
    return DriverState::get().fail(context, Code::IllegalAddress, "cuDNN: " + mistake);
  std::vector<void *> tensors;
  for (const Range &range : ranges)
    tensors.push_back(reinterpret_cast<void *>(range.begin));
  if (ranges.size() > graph.inMemory().size()) { // the workspace
    memset(tensors.back(), 0xff, ranges.back().bytes);
    tensors.pop_back();
  }
  compute(graph, tensors);
  const Range &result = ranges[tensors.size() - 1];
  context.memory().markInitialised(result.begin, result.bytes);
}

Status execute(gnc::cudnn::Handle handle, Object *plan, Object *pack) {
  Library &state = library();
  auto found = state.handles.find(handle);
  if (found == state.handles.end())
    return state.refuse(Status::BadParameter, "execute gets no handle");
  if (!plan || plan->kind != Kind::ExecutionPlan || !pack || pack->kind != Kind::VariantPack)
    return state.refuse(Status::WrongDescriptorType, "execute takes a plan and a variant pack");
  if (!plan->final || !pack->final)
    return state.refuse(Status::NotFinalized, "execute gets a descriptor that is not finalized");
  if (plan->handle != handle)
    return state.refuse(Status::BadParameter, "the plan was not made with this handle");
  std::vector<Range> ranges;
  if (Status status = gather(*plan, *pack, ranges); status != Status::Success)
    return status;
  std::string mistake;
  Code code =
      call("cudnnBackendExecute", Needs::Context, [&](DriverState &driver, ContextState *context) {
        auto stream = driver.stream(found->second->stream, *context);
        if (!stream)
          mistake = "the handle's stream is none of the current context";
        else
          mistake = mistakeIn(ranges, context->memory());
        if (!mistake.empty())
          return Code::InvalidValue;
        auto run = [graph = plan->graph, ranges, context] { runPlan(graph, ranges, *context); };
        return driver.enqueue(*stream, {Operation::Kind::Kernel, run});
      });
  return code == Code::Success
             ? Status::Success
             : state.refuse(Status::ExecutionFailed,
                            mistake.empty() ? numbered("the driver says", int(code)) : mistake);
}

} // namespace
} // namespace gnc::emulator::dnn

//===- Exports --------------------------------------------------------------------------------===//

#define GNC_CUDNN_EXPORT extern "C" __attribute__((visibility("default")))

namespace gnc::cudnn {
using namespace emulator::dnn;

#define GNC_DECLARE(name, symbol, result, parameters) GNC_CUDNN_EXPORT result symbol parameters;
GNC_CUDNN_FUNCTIONS(GNC_DECLARE)
#undef GNC_DECLARE

/// One lock for this library and the driver: what they do is one order.
template <typename Body> static Status locked(Body body) {
  std::lock_guard guard(emulator::DriverState::get().lock);
  return body(library());
}

GNC_CUDNN_EXPORT size_t cudnnGetVersion() { return 91900; }

GNC_CUDNN_EXPORT const char *cudnnGetErrorString(Status status) {
  switch (int(status) / 1000) {
  case 0: return "CUDNN_STATUS_SUCCESS";
  case 1: return "CUDNN_STATUS_NOT_INITIALIZED";
  case 2: return "CUDNN_STATUS_BAD_PARAM";
  case 3: return "CUDNN_STATUS_NOT_SUPPORTED";
  default: return "CUDNN_STATUS_EXECUTION_FAILED";
  }
}

GNC_CUDNN_EXPORT void cudnnGetLastErrorString(char *text, size_t size) {
  std::lock_guard guard(emulator::DriverState::get().lock);
  if (!text || size == 0)
    return;
  size_t length = library().mistake.copy(text, size - 1);
  text[length] = 0;
}

GNC_CUDNN_EXPORT Status cudnnCreate(Handle *handle) {
  return locked([&](Library &state) {
    if (!handle)
      return state.refuse(Status::NullPointer, "create has nowhere to put the handle");
    if (!emulator::DriverState::get().current())
      return state.refuse(Status::NotInitialized, "no context is current");
    auto made = std::make_unique<HandleState>();
    *handle = reinterpret_cast<Handle>(made.get());
    state.handles.emplace(made.get(), std::move(made));
    return Status::Success;
  });
}

GNC_CUDNN_EXPORT Status cudnnDestroy(Handle handle) {
  return locked([&](Library &state) {
    return state.handles.erase(handle)
               ? Status::Success
               : state.refuse(Status::BadParameter, "destroy gets no handle");
  });
}

GNC_CUDNN_EXPORT Status cudnnSetStream(Handle handle, CudaStream stream) {
  return locked([&](Library &state) {
    auto found = state.handles.find(handle);
    if (found == state.handles.end())
      return state.refuse(Status::BadParameter, "setStream gets no handle");
    auto context = emulator::DriverState::get().current();
    auto driverStream = reinterpret_cast<cuda::Stream>(stream);
    if (!context || !emulator::DriverState::get().stream(driverStream, *context))
      return state.refuse(Status::BadParameter, "setStream gets no stream of the current context");
    found->second->stream = driverStream;
    return Status::Success;
  });
}

GNC_CUDNN_EXPORT Status cudnnBackendCreateDescriptor(Kind kind, Descriptor *descriptor) {
  return locked([&](Library &state) {
    if (!descriptor)
      return state.refuse(Status::NullPointer, "createDescriptor has nowhere to put it");
    if (!isDescriptorKind(kind))
      return state.refuse(Status::NotSupported, numbered("there is no descriptor type", int(kind)));
    auto made = std::make_shared<Object>();
    made->kind = kind;
    *descriptor = made.get();
    state.objects.emplace(made.get(), std::move(made));
    return Status::Success;
  });
}

GNC_CUDNN_EXPORT Status cudnnBackendDestroyDescriptor(Descriptor descriptor) {
  return locked([&](Library &state) {
    return state.objects.erase(descriptor)
               ? Status::Success
               : state.refuse(Status::BadParameter, "destroyDescriptor gets none");
  });
}

template <typename Body> static Status onDescriptor(Descriptor descriptor, Body body) {
  return locked([&](Library &state) {
    auto *object = state.find(descriptor);
    return object ? body(*object)
                  : state.refuse(Status::BadParameter, "there is no such descriptor");
  });
}

GNC_CUDNN_EXPORT Status cudnnBackendFinalize(Descriptor descriptor) {
  return onDescriptor(descriptor, finalizeObject);
}

GNC_CUDNN_EXPORT Status cudnnBackendSetAttribute(Descriptor descriptor, Name name, Type type,
                                                 int64_t count, const void *elements) {
  return onDescriptor(descriptor,
                      [&](auto &object) { return setValue(object, name, type, count, elements); });
}

GNC_CUDNN_EXPORT Status cudnnBackendGetAttribute(Descriptor descriptor, Name name, Type type,
                                                 int64_t wanted, int64_t *count, void *elements) {
  return onDescriptor(descriptor, [&](auto &object) {
    return getValue(object, name, type, wanted, count, elements);
  });
}

GNC_CUDNN_EXPORT Status cudnnBackendExecute(Handle handle, Descriptor plan, Descriptor pack) {
  return locked([&](Library &state) {
    return emulator::dnn::execute(handle, state.find(plan), state.find(pack));
  });
}

} // namespace gnc::cudnn
