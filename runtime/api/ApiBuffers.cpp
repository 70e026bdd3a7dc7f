//===- ApiBuffers.cpp - the caller's arrays, and the context's own
//-----------------------------===//
#include "runtime/Layout.h"
#include "runtime/Text.h"
#include "runtime/api/ApiObjects.h"

#include <algorithm>

namespace gnc::runtime::api {

namespace {
/// "u8[n, 1, 28, 28]".
std::string wantedText(const Tensor &tensor) {
  std::string shape = shapeText(tensor.declaredShape());
  if (tensor.batched)
    shape = "[n" + (shape == "[]" ? "]" : ", " + shape.substr(1));
  return std::string(typeText(tensor.type)) + shape;
}

Error wrongBuffer(const Tensor &tensor, const std::string &found) {
  return usageError("api-buffer", "'" + tensor.name + "' is " + wantedText(tensor) +
                                      ", but the array is " + found)
      .withHelp("the first extent of a batched tensor counts samples, the others are those of one "
                "sample; types are not converted");
}

Status checkBuffer(const Tensor &tensor, const gnc_buffer &buffer) {
  if (Status status = required(buffer.data, "gnc_buffer.data"); !status.ok())
    return status;
  if (buffer.type < 0 || buffer.type > GNC_BOOL)
    return badArgument("there is no type " + std::to_string(buffer.type),
                       "pass GNC_F32, GNC_I32, GNC_U8 or GNC_BOOL");
  std::string type(typeText(ElementType(buffer.type)));
  if (buffer.rank < 0 || buffer.rank > int32_t(maxRank) + 1)
    return wrongBuffer(tensor, "of rank " + std::to_string(buffer.rank));
  if (buffer.rank > 0)
    if (Status status = required(buffer.shape, "gnc_buffer.shape"); !status.ok())
      return status;
  std::vector<int64_t> shape(buffer.shape, buffer.shape + buffer.rank);
  std::vector<int64_t> wanted = tensor.declaredShape();
  if (tensor.batched)
    wanted.insert(wanted.begin(), shape.empty() ? 1 : std::max<int64_t>(shape.front(), 1));
  if (shape != wanted || buffer.type != gnc_type(tensor.type))
    return wrongBuffer(tensor, type + shapeText(shape));
  return {};
}

/// Whether no address of the array lies farther away than memory reaches.
bool addressable(const gnc_buffer &buffer, const std::vector<int64_t> &strides) {
  __int128 reach = 0;
  for (int32_t d = 0; d < buffer.rank; ++d) {
    __int128 stride = strides[size_t(d)];
    reach += (buffer.shape[d] - 1) * (stride < 0 ? -stride : stride) * 4;
  }
  return reach < __int128(1) << 62;
}

std::vector<int64_t> denseStrides(const gnc_buffer &buffer) {
  std::vector<int64_t> strides(size_t(buffer.rank));
  uint64_t stride = 1; // an array that long is refused afterwards
  for (size_t d = strides.size(); d-- > 0; stride *= uint64_t(buffer.shape[d]))
    strides[d] = int64_t(stride);
  return strides;
}

/// Fills in where a port is; the array fits.
Status bindPort(const ContextObject &context, Port &port, const gnc_buffer &buffer) {
  const Tensor &tensor = *port.tensor;
  std::vector<int64_t> dense = denseStrides(buffer), strides = dense;
  if (buffer.strides)
    strides.assign(buffer.strides, buffer.strides + buffer.rank);
  if (!addressable(buffer, strides))
    return wrongBuffer(tensor, "longer than memory");
  size_t leading = tensor.batched ? 1 : 0;
  bool plain = std::equal(strides.begin() + leading, strides.end(), dense.begin() + leading);
  port.place = Port::Place::Bound;
  port.data = static_cast<uint8_t *>(buffer.data);
  port.samples = tensor.batched ? buffer.shape[0] : 1;
  port.sampleStride = tensor.batched ? strides[0] : 0;
  port.strides.assign(strides.begin() + leading, strides.end());
  bool together = plain && (!tensor.batched || strides[0] == tensor.elements());
  port.dense.resize(together ? 0 : denseBytes(tensor, context.compiled().maxBatch));
  return {};
}

/// Copies n samples from the caller's strided array to dense, or back.
void copyStrided(const Port &port, int64_t first, int64_t n, uint8_t *dense, bool toDense) {
  Tensor caller;
  caller.type = port.tensor->type;
  caller.shape = port.tensor->declaredShape();
  caller.strides = port.strides;
  size_t width = size_t(byteWidth(caller.type));
  for (int64_t s = 0; s < n; ++s) {
    uint8_t *sample = port.data + int64_t(width) * ((first + s) * port.sampleStride);
    forEachRow(caller, [&](int64_t offset, int64_t stride, int64_t length) {
      for (int64_t i = 0; i < length; ++i, dense += width) {
        uint8_t *element = sample + int64_t(width) * (offset + i * stride);
        toDense ? memcpy(dense, element, width) : memcpy(element, dense, width);
      }
    });
  }
}

uint8_t *denseSample(const Port &port, int64_t first) {
  return port.data + int64_t(denseBytes(*port.tensor, 1)) * first;
}

/// Whole numbers that are used as indices lead somewhere.
Status checkClasses(const Tensor &tensor, int64_t first, const uint8_t *dense, uint64_t bytes) {
  int64_t classes = tensor.type == ElementType::Bool ? 2 : tensor.classes;
  uint64_t width = uint64_t(byteWidth(tensor.type));
  if (classes <= 0 || tensor.type == ElementType::F32)
    return {};
  for (uint64_t i = 0; i < bytes; i += width) {
    int32_t value = dense[i];
    if (width == 4)
      memcpy(&value, dense + i, 4);
    if (value < 0 || value >= classes)
      return inputError("class-range",
                        "'" + tensor.name + "' of sample " +
                            std::to_string(first + int64_t(i / width) / tensor.elements()) +
                            " holds " + std::to_string(value) + ", but has to be from 0 to " +
                            std::to_string(classes - 1))
          .at(tensor.location);
  }
  return {};
}

/// What the caller wrote into the context's own array.
Status checkMapped(const ContextObject &context, const Port &port, int64_t n) {
  const Tensor &tensor = *port.tensor;
  if (tensor.classes <= 0 && tensor.type != ElementType::Bool)
    return {};
  std::vector<uint8_t> dense(denseBytes(tensor, n));
  context.executor().readDense(tensor, n, dense.data());
  return checkClasses(tensor, 0, dense.data(), dense.size());
}
} // namespace

Status takeInputs(ContextObject &context, int64_t first, int64_t n) {
  for (Port &port : context.inputs) {
    if (port.place == Port::Place::Mapped) {
      if (Status status = checkMapped(context, port, n); !status.ok())
        return status;
      continue;
    }
    const Tensor &tensor = *port.tensor;
    int64_t from = tensor.batched ? first : 0;
    const uint8_t *dense = port.dense.data();
    if (port.dense.empty())
      dense = denseSample(port, from);
    else
      copyStrided(port, from, sampleCount(tensor, n), port.dense.data(), true);
    if (Status status = checkClasses(tensor, from, dense, denseBytes(tensor, n)); !status.ok())
      return status;
    context.executor().writeDense(tensor, n, dense);
  }
  return {};
}

void giveResults(ContextObject &context, int64_t first, int64_t n) {
  for (Port &port : context.results) {
    if (port.place != Port::Place::Bound)
      continue;
    const Tensor &tensor = *port.tensor;
    int64_t to = tensor.batched ? first : 0;
    uint8_t *dense = port.dense.empty() ? denseSample(port, to) : port.dense.data();
    context.executor().readDense(tensor, n, dense);
    if (!port.dense.empty())
      copyStrided(port, to, sampleCount(tensor, n), dense, false);
  }
}

Status checkRun(const ContextObject &context, int64_t n) {
  int64_t most = context.compiled().maxBatch;
  if (n < 1)
    return usageError("api-batch", "a run of " + std::to_string(n) + " samples")
        .withHelp("pass the number of samples, at least 1");
  for (const Port &port : context.inputs)
    if (port.place == Port::Place::Nowhere)
      return usageError("api-order",
                        "the input '" + port.tensor->name + "' has neither been bound nor mapped")
          .withHelp("call gnc_bind_input with " + wantedText(*port.tensor));
  for (const auto *ports : {&context.inputs, &context.results})
    for (const Port &port : *ports) {
      if (!port.tensor->batched)
        continue;
      if (port.place == Port::Place::Bound && port.samples < n)
        return usageError("api-batch", "the array of '" + port.tensor->name + "' has room for " +
                                           std::to_string(port.samples) + " samples, not for " +
                                           std::to_string(n))
            .withHelp("bind an array of at least " + std::to_string(n) + " samples");
      if (port.place == Port::Place::Mapped && n > most)
        return usageError("api-batch", "'" + port.tensor->name + "' is mapped and holds " +
                                           std::to_string(most) + " samples, not " +
                                           std::to_string(n))
            .withHelp("run in parts of gnc_mode_info.max_batch samples, or bind an array");
    }
  return context.weightsThere();
}

namespace {
Result<Port *> findPort(ContextObject &context, gnc_role role, const char *name) {
  auto tensor = findTensor(context.compiled(), role, name);
  if (!tensor.ok())
    return std::move(tensor).error();
  for (Port &port : role == GNC_ROLE_INPUT ? context.inputs : context.results)
    if (port.tensor == *tensor)
      return &port;
  return internalError("'" + (*tensor)->name + "' has no port");
}

gnc_status *bind(gnc_context *context, gnc_role role, const char *name, const gnc_buffer *buffer) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    auto port = findPort(**use, role, name);
    if (!port.ok())
      return std::move(port).error();
    if (Status status = required(buffer, "the gnc_buffer"); !status.ok())
      return status;
    gnc_buffer read{};
    if (Status status = readStruct(buffer, "gnc_buffer", read); !status.ok())
      return status;
    if (Status status = checkBuffer(*(*port)->tensor, read); !status.ok())
      return status;
    return bindPort(**use, **port, read);
  });
}

/// Shape and strides as the caller knows the tensor, whatever the compiler made of its shape.
Status shapeForCaller(const Tensor &tensor, int64_t samples, Port &port) {
  std::vector<int64_t> shape = tensor.declaredShape(), strides = tensor.strides;
  if (shape != tensor.shape) {
    if (!isDense(tensor))
      return usageError("api-buffer", "inside, '" + tensor.name + "' lies as " +
                                          shapeText(tensor.shape) + ", which is not how its " +
                                          shapeText(shape) + " can be told")
          .withHelp("bind an array");
    strides.resize(shape.size());
    int64_t stride = 1;
    for (size_t d = shape.size(); d-- > 0; stride *= shape[d])
      strides[d] = stride;
  }
  if (tensor.batched) {
    shape.insert(shape.begin(), samples);
    strides.insert(strides.begin(), tensor.batchStride);
  }
  port.mappedShape = std::move(shape);
  port.mappedStrides = std::move(strides);
  return {};
}

gnc_status *map(gnc_context *context, gnc_role role, const char *name, gnc_buffer *buffer) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    auto port = findPort(**use, role, name);
    if (!port.ok())
      return std::move(port).error();
    const Tensor &tensor = *(*port)->tensor;
    if ((*use)->compiled().target != Target::Cpu)
      return usageError("api-device", "'" + tensor.name + "' is in the memory of a card")
          .withHelp("bind an array");
    if (Status status = shapeForCaller(tensor, (*use)->compiled().maxBatch, **port); !status.ok())
      return status;
    gnc_buffer filled{};
    filled.data = (*use)->executor().stage(tensor);
    filled.type = gnc_type(tensor.type);
    filled.rank = int32_t((*port)->mappedShape.size());
    filled.shape = (*port)->mappedShape.data();
    filled.strides = (*port)->mappedStrides.data();
    if (Status status = writeStruct(filled, "gnc_buffer", buffer); !status.ok())
      return status;
    (*port)->place = Port::Place::Mapped;
    return {};
  });
}
} // namespace
} // namespace gnc::runtime::api

using namespace gnc::runtime::api;

gnc_status *gnc_bind_input(gnc_context *context, const char *name, const gnc_buffer *buffer) {
  return bind(context, GNC_ROLE_INPUT, name, buffer);
}
gnc_status *gnc_bind_result(gnc_context *context, const char *name, const gnc_buffer *buffer) {
  return bind(context, GNC_ROLE_RESULT, name, buffer);
}
gnc_status *gnc_map_input(gnc_context *context, const char *name, gnc_buffer *buffer) {
  return map(context, GNC_ROLE_INPUT, name, buffer);
}
gnc_status *gnc_map_result(gnc_context *context, const char *name, gnc_buffer *buffer) {
  return map(context, GNC_ROLE_RESULT, name, buffer);
}
