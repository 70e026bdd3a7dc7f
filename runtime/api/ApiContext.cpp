//===- ApiContext.cpp - contexts and their weights, for C
//--------------------------------------===//
#include "runtime/Checkpoint.h"
#include "runtime/Layout.h"
#include "runtime/Text.h"
#include "runtime/api/ApiObjects.h"

#include <algorithm>
#include <numeric>

namespace gnc::runtime::api {

Result<Use> Use::begin(gnc_context *context) {
  auto found = find<ContextObject>(HandleKind::Context, context);
  if (!found.ok())
    return std::move(found).error();
  if ((*found)->busy.exchange(true, std::memory_order_acquire))
    return usageError("context-busy", "the context is in use by another call")
        .withHelp("give every thread a context of its own; they share the program");
  Use use;
  use.object = std::move(*found);
  return use;
}

void ContextObject::wrote(const Tensor *one) {
  if (one)
    std::erase(missing, one);
  else
    missing.clear();
  prepared = false;
  evaluated = -1;
}

Status ContextObject::weightsThere() const {
  if (missing.empty())
    return {};
  std::vector<std::string> names;
  for (const Tensor *tensor : missing)
    names.push_back(tensor->name);
  return usageError("api-order",
                    "there are no weights yet: nothing has been written to " + listText(names, 3))
      .withHelp("call gnc_load_weights, gnc_initialize or gnc_copy_weights first");
}

namespace {
/// Programs, ports, room: all that a context has before its weights.
Status build(ContextObject &context) {
  const CompiledNet &net = *context.net;
  auto runner = context.device->load(context.compiled());
  if (!runner.ok())
    return std::move(runner).error();
  if (context.mode == GNC_MODE_EVAL) {
    std::unique_ptr<Executor> scoring;
    if (net.score.maxBatch > 0) {
      auto loaded = context.device->load(net.score);
      if (!loaded.ok())
        return std::move(loaded).error();
      scoring = std::move(*loaded);
    }
    auto scorer = Scorer::create(net, std::move(*runner), std::move(scoring));
    if (!scorer.ok())
      return std::move(scorer).error();
    context.scorer = std::move(*scorer);
  } else {
    context.runner = std::move(*runner);
  }
  for (const Tensor &tensor : context.compiled().tensors) {
    Port port;
    port.tensor = &tensor;
    if (tensor.role == Role::Input)
      context.inputs.push_back(port);
    else if (tensor.role == Role::Result)
      context.results.push_back(port);
    else if (isPersistent(tensor.role))
      context.missing.push_back(&tensor);
  }
  context.numbers.resize(size_t(context.compiled().maxBatch));
  std::iota(context.numbers.begin(), context.numbers.end(), 0);
  return {};
}

Result<std::shared_ptr<ContextObject>> createContext(const gnc_program *program,
                                                     const gnc_context_options &options) {
  auto object = findProgram(program);
  if (!object.ok())
    return std::move(object).error();
  if (Status status = checkMode(options.mode); !status.ok())
    return std::move(status).error();
  auto context = std::make_shared<ContextObject>();
  context->program = *object;
  context->mode = options.mode;
  context->log = options.log;
  context->logUser = options.log_user;
  if (programOf((*object)->net, options.mode).maxBatch < 1)
    return inputError("no-program", "'" + (*object)->net.recipe.net + "' was compiled without " +
                                        nameOf(options.mode))
        .withHelp("compile it with this program, and with the section that it needs");
  auto placed = place(*object, options.device ? options.device : "", options.threads);
  if (!placed.ok())
    return std::move(placed).error();
  context->device = std::move(placed->device);
  context->net = std::move(placed->net);
  if (Status status = build(*context); !status.ok())
    return std::move(status).error();
  if (const auto &weights = context->net->weights; weights && options.mode != GNC_MODE_TRAIN) {
    if (Status status =
            loadWeights(weights->span(), "the weights in the program", context->executor());
        !status.ok())
      return std::move(status).error();
    context->wrote();
  }
  return context;
}
} // namespace
} // namespace gnc::runtime::api

using namespace gnc::runtime;
using namespace gnc::runtime::api;

gnc_status *gnc_context_create(const gnc_program *program, const gnc_context_options *options,
                               gnc_context **context) {
  return guarded([&]() -> Status {
    if (Status status = required(context, "the place for the context"); !status.ok())
      return status;
    *context = nullptr;
    gnc_context_options read{};
    if (options)
      if (Status status = readStruct(options, "gnc_context_options", read); !status.ok())
        return status;
    auto created = createContext(program, read);
    if (!created.ok())
      return std::move(created).error();
    *context = static_cast<gnc_context *>(addHandle(HandleKind::Context, std::move(*created)));
    return {};
  });
}

gnc_status *gnc_context_free(gnc_context *context) {
  return guarded([&]() -> Status {
    if (!context)
      return {};
    auto removed = removeHandle(HandleKind::Context, context);
    return removed.ok() ? Status() : Status(std::move(removed).error());
  });
}

//===- Weights --------------------------------------------------------------------------------===//

gnc_status *gnc_initialize(gnc_context *context, uint64_t seed) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    (*use)->executor().initialize(seed);
    (*use)->wrote();
    return (*use)->executor().status();
  });
}

gnc_status *gnc_load_weights(gnc_context *context, const char *path) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    if (Status status = required(path, "the path"); !status.ok())
      return status;
    if (Status status = loadWeights(path, (*use)->executor()); !status.ok())
      return status;
    (*use)->wrote();
    return {};
  });
}

gnc_status *gnc_load_weights_memory(gnc_context *context, const void *bytes, size_t byteCount,
                                    const char *name) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    if (Status status = required(bytes, "the bytes of the weights"); !status.ok())
      return status;
    if (Status status = loadWeights({static_cast<const uint8_t *>(bytes), byteCount},
                                    name ? name : "memory", (*use)->executor());
        !status.ok())
      return status;
    (*use)->wrote();
    return {};
  });
}

gnc_status *gnc_save_weights(gnc_context *context, const char *path) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    if (Status status = required(path, "the path"); !status.ok())
      return status;
    if (Status status = (*use)->weightsThere(); !status.ok())
      return status;
    return saveWeights(path, (*use)->executor(), {{"net", (*use)->net->recipe.net}});
  });
}

namespace gnc::runtime::api {
/// A tensor that persists, if the caller's bytes are as many as its own.
static Result<const Tensor *> persistentTensor(const ContextObject &context, gnc_role role,
                                               const char *path, const void *bytes, size_t count) {
  if (role < 0 || role > GNC_ROLE_RESULT || !isPersistent(Role(role)))
    return badArgument("tensors of role " + std::to_string(role) + " do not live from run to run",
                       "pass GNC_ROLE_WEIGHT, _STATE, _OPTIMIZER or _AVERAGE");
  auto tensor = findTensor(context.compiled(), role, path);
  if (!tensor.ok())
    return tensor;
  if (Status status = required(bytes, "the array"); !status.ok())
    return std::move(status).error();
  if (count != denseBytes(**tensor, 1))
    return usageError("api-buffer", "'" + (*tensor)->name + "' is " +
                                        std::string(typeText((*tensor)->type)) +
                                        shapeText((*tensor)->declaredShape()) + ", " +
                                        std::to_string(denseBytes(**tensor, 1)) +
                                        " bytes, but the array has " + std::to_string(count))
        .withHelp("pass the bytes of the whole tensor, dense");
  return tensor;
}
} // namespace gnc::runtime::api

gnc_status *gnc_read_tensor(gnc_context *context, gnc_role role, const char *path, void *to,
                            size_t byteCount) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    auto tensor = persistentTensor(**use, role, path, to, byteCount);
    if (!tensor.ok())
      return std::move(tensor).error();
    if (Status status = (*use)->weightsThere(); !status.ok())
      return status;
    (*use)->executor().readDense(**tensor, 1, static_cast<uint8_t *>(to));
    return (*use)->executor().status();
  });
}

gnc_status *gnc_write_tensor(gnc_context *context, gnc_role role, const char *path,
                             const void *from, size_t byteCount) {
  return guarded([&]() -> Status {
    auto use = Use::begin(context);
    if (!use.ok())
      return std::move(use).error();
    auto tensor = persistentTensor(**use, role, path, from, byteCount);
    if (!tensor.ok())
      return std::move(tensor).error();
    (*use)->executor().writeDense(**tensor, 1, static_cast<const uint8_t *>(from));
    (*use)->wrote(*tensor);
    return (*use)->executor().status();
  });
}

gnc_status *gnc_copy_weights(gnc_context *from, gnc_context *to) {
  return guarded([&]() -> Status {
    if (from && from == to)
      return badArgument("both contexts are the same one", "pass two contexts of one program");
    auto source = Use::begin(from);
    if (!source.ok())
      return std::move(source).error();
    auto target = Use::begin(to);
    if (!target.ok())
      return std::move(target).error();
    if ((*source)->program != (*target)->program)
      return badArgument("the contexts are of different programs",
                         "save the weights of one to a file and load it into the other");
    if ((*target)->mode == GNC_MODE_TRAIN)
      return badArgument("a training does not take weights from another context",
                         "name a file of weights in gnc_training_options.init");
    if (Status status = (*source)->weightsThere(); !status.ok())
      return status;
    auto copy = StateCopy::plan((*source)->executor(), (*target)->executor());
    if (!copy.ok())
      return std::move(copy).error();
    copy->run();
    (*target)->wrote();
    return (*target)->executor().status();
  });
}
