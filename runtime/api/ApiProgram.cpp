//===- ApiProgram.cpp - compiled networks for C
//------------------------------------------------===//
#include "runtime/CodeLoader.h"
#include "runtime/File.h"
#include "runtime/Layout.h"
#include "runtime/ProgramFile.h"
#include "runtime/Text.h"
#include "runtime/api/ApiObjects.h"

namespace gnc::runtime::api {

static_assert(GNC_F32 == int(ElementType::F32) && GNC_I32 == int(ElementType::I32) &&
              GNC_U8 == int(ElementType::U8) && GNC_BOOL == int(ElementType::Bool));
static_assert(GNC_ROLE_INPUT == int(Role::Input) && GNC_ROLE_WEIGHT == int(Role::Weight) &&
              GNC_ROLE_STATE == int(Role::State) && GNC_ROLE_OPTIMIZER == int(Role::Optimizer) &&
              GNC_ROLE_AVERAGE == int(Role::Average) && GNC_ROLE_SCHEDULE == int(Role::Schedule) &&
              GNC_ROLE_RESULT == int(Role::Result));

gnc_program *programHandle(CompiledNet net, std::vector<uint8_t> cards) {
  auto object = std::make_shared<ProgramObject>();
  object->cards = std::move(cards);
  object->net = std::move(net);
  return static_cast<gnc_program *>(addHandle(HandleKind::Program, std::move(object)));
}

Result<std::shared_ptr<ProgramObject>> findProgram(const gnc_program *program) {
  return find<ProgramObject>(HandleKind::Program, program);
}

const char *nameOf(gnc_mode mode) {
  constexpr const char *names[] = {"inference", "evaluation", "training"};
  return mode >= 0 && mode <= GNC_MODE_TRAIN ? names[mode] : nullptr;
}

Status checkMode(gnc_mode mode) {
  if (nameOf(mode))
    return {};
  return badArgument("there is no mode " + std::to_string(mode),
                     "pass GNC_MODE_INFER, GNC_MODE_EVAL or GNC_MODE_TRAIN");
}

namespace {
/// A machine without a processor for us, and the latest card.
constexpr Machine anyCard{0, 1000};

const char *nameOfRole(gnc_role role) {
  constexpr const char *names[] = {"input",   "weight",   "state", "optimizer state",
                                   "average", "schedule", nullptr, "result"};
  return role >= 0 && role <= GNC_ROLE_RESULT ? names[role] : nullptr;
}

/// What random numbers come from, and what stops commits, are no tensors for the caller.
bool isShown(const Tensor &tensor) {
  return tensor.role != Role::Stream && tensor.role != Role::Halt;
}

gnc_tensor_info infoOf(const Tensor &tensor) {
  gnc_tensor_info info{};
  const std::vector<int64_t> &shape = tensor.declaredShape();
  info.name = tensor.name.c_str();
  info.role = gnc_role(tensor.role);
  info.type = gnc_type(tensor.type);
  info.batched = tensor.batched;
  info.rank = int32_t(shape.size());
  info.shape = shape.empty() ? nullptr : shape.data();
  info.classes = tensor.classes;
  info.bytes = denseBytes(tensor, 1);
  info.member = tensor.member.c_str();
  return info;
}

/// Checks what every loader begins with, runs it, and gives out a handle.
template <typename Load> gnc_status *load(gnc_program **program, Load load) {
  return guarded([&]() -> Status {
    if (Status status = required(program, "the place for the program"); !status.ok())
      return status;
    *program = nullptr;
    return load();
  });
}

/// Gives out the net for the processor, with the whole file if cards find theirs in it:
/// `read(machine)` reads the net for a machine, `all()` the file.
template <typename Read, typename All> Status give(Read read, All all, gnc_program **program) {
  Result<CompiledNet> host = read(Machine::here());
  if (!host.ok() && host.error().slug != "no-target")
    return std::move(host).error();
  Result<CompiledNet> card = read(anyCard);
  if (!card.ok()) {
    if (host.ok())
      *program = programHandle(std::move(*host));
    return host.ok() ? Status() : Status(std::move(host).error());
  }
  Result<Bytes> file = all();
  if (!file.ok())
    return std::move(file).error();
  *program = programHandle(host.ok() ? std::move(*host) : std::move(*card),
                           {file->data(), file->data() + file->size()});
  return {};
}

Result<Bytes> copyOf(std::span<const uint8_t> from, const std::string &purpose) {
  auto copy = Bytes::allocate(from.size(), purpose);
  if (copy.ok() && !from.empty())
    memcpy(copy->data(), from.data(), from.size());
  return copy;
}

Result<CompiledNet> fromImage(const gnc_image &image) {
  if (image.struct_size < sizeof(gnc_image) || image.version != GNC_IMAGE_VERSION)
    return inputError("program-version",
                      "the image is of version " + std::to_string(image.version) +
                          ", this library reads version " + std::to_string(GNC_IMAGE_VERSION))
        .withHelp("compile the network again with the gnc that this library came with");
  if (cpuLevel() < image.cpu_level)
    return environmentError("no-target", "the network is compiled for " +
                                             cpuLevelName(image.cpu_level) +
                                             ", this processor is " + cpuLevelName(cpuLevel()))
        .withHelp("compile it for this processor, or as a .gnc file for several");
  Result<CompiledNet> net = readProgram({image.description, image.description_bytes},
                                        {image.kernels, image.kernel_count});
  if (!net.ok() || !image.weights_bytes)
    return net;
  auto weights = copyOf({image.weights, image.weights_bytes}, "the weights of the image");
  if (!weights.ok())
    return std::move(weights).error();
  net->weights = std::make_shared<const Bytes>(std::move(*weights));
  return net;
}

double flopsOf(const Program &program) {
  double flops = 0;
  for (const Launch &launch : program.launches)
    flops += launch.flops.perSample;
  return flops;
}

/// Error for a name that is none, with those that there are.
Error unknownName(const Program &program, gnc_role role, const std::string &name) {
  std::vector<std::string> names;
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == Role(role))
      names.push_back(tensor.name);
  std::string kind = nameOfRole(role);
  Error error = usageError("api-name",
                           "the program '" + program.name + "' has no " + kind + " '" + name + "'");
  error.notes.push_back(names.empty() ? "it has none at all" : "it has " + listText(names));
  std::string near = nearest(name, names);
  if (!near.empty())
    error.help = "did you mean '" + near + "'?";
  return error;
}
} // namespace

Result<const Tensor *> findTensor(const Program &program, gnc_role role, const char *name) {
  if (!nameOfRole(role))
    return badArgument("there is no role " + std::to_string(role), "pass one of GNC_ROLE_..");
  if (Status status = required(name, "the name"); !status.ok())
    return std::move(status).error();
  const Tensor *tensor = program.find(Role(role), name);
  if (!tensor)
    return unknownName(program, role, name);
  return tensor;
}

} // namespace gnc::runtime::api

using namespace gnc::runtime;
using namespace gnc::runtime::api;

gnc_status *gnc_program_load_file(const char *path, gnc_program **program) {
  return load(program, [&]() -> Status {
    if (Status status = required(path, "the path"); !status.ok())
      return status;
    return give([&](Machine machine) { return loadProgramFile(path, machine); },
                [&] { return readFile(path); }, program);
  });
}

gnc_status *gnc_program_load_memory(const void *bytes, size_t byteCount, const char *name,
                                    gnc_program **program) {
  return load(program, [&]() -> Status {
    if (Status status = required(bytes, "the bytes of the program"); !status.ok())
      return status;
    std::span<const uint8_t> file(static_cast<const uint8_t *>(bytes), byteCount);
    std::string called = name ? name : "the program";
    return give([&](Machine machine) { return loadProgramBytes(file, called, machine); },
                [&] { return copyOf(file, called); }, program);
  });
}

gnc_status *gnc_program_load_image(const gnc_image *image, gnc_program **program) {
  return load(program, [&]() -> Status {
    if (Status status = required(image, "the image"); !status.ok())
      return status;
    Result<CompiledNet> net = fromImage(*image);
    if (!net.ok())
      return std::move(net).error();
    *program = programHandle(std::move(*net));
    return {};
  });
}

gnc_status *gnc_program_free(gnc_program *program) {
  return guarded([&]() -> Status {
    if (!program)
      return {};
    auto removed = removeHandle(HandleKind::Program, program);
    return removed.ok() ? Status() : Status(std::move(removed).error());
  });
}

gnc_status *gnc_program_describe(const gnc_program *program, gnc_program_info *info) {
  return guarded([&]() -> Status {
    auto object = findProgram(program);
    if (!object.ok())
      return std::move(object).error();
    const Recipe &recipe = (*object)->net.recipe;
    gnc_program_info filled{};
    filled.net = recipe.net.c_str();
    filled.batch = recipe.batch;
    filled.epochs = recipe.epochs;
    filled.steps = recipe.steps;
    filled.seed = recipe.seed;
    filled.metric_count = int32_t(recipe.metrics.size());
    filled.table_count = int32_t(recipe.tables.size());
    return writeStruct(filled, "gnc_program_info", info);
  });
}

gnc_status *gnc_program_metric(const gnc_program *program, int32_t index, const char **name) {
  return guarded([&]() -> Status {
    auto object = findProgram(program);
    if (!object.ok())
      return std::move(object).error();
    if (Status status = required(name, "the place for the name"); !status.ok())
      return status;
    const std::vector<std::string> &metrics = (*object)->net.recipe.metrics;
    if (index < 0 || size_t(index) >= metrics.size())
      return badArgument("there is no metric " + std::to_string(index) + "; there are " +
                             std::to_string(metrics.size()),
                         "count from 0 to gnc_program_info.metric_count - 1");
    *name = metrics[size_t(index)].c_str();
    return {};
  });
}

gnc_status *gnc_program_mode(const gnc_program *program, gnc_mode mode, gnc_mode_info *info) {
  return guarded([&]() -> Status {
    auto object = findProgram(program);
    if (!object.ok())
      return std::move(object).error();
    if (Status status = checkMode(mode); !status.ok())
      return status;
    const Program &compiled = programOf((*object)->net, mode);
    gnc_mode_info filled{};
    filled.available = compiled.maxBatch > 0;
    filled.max_batch = compiled.maxBatch;
    for (const Tensor &tensor : compiled.tensors)
      filled.tensor_count += isShown(tensor);
    filled.memory = compiled.arenaBytes;
    filled.persistent = compiled.persistentBytes;
    filled.flops_per_sample = flopsOf(compiled);
    return writeStruct(filled, "gnc_mode_info", info);
  });
}

gnc_status *gnc_program_tensor(const gnc_program *program, gnc_mode mode, int32_t index,
                               gnc_tensor_info *info) {
  return guarded([&]() -> Status {
    auto object = findProgram(program);
    if (!object.ok())
      return std::move(object).error();
    if (Status status = checkMode(mode); !status.ok())
      return status;
    int32_t count = 0;
    for (const Tensor &tensor : programOf((*object)->net, mode).tensors)
      if (isShown(tensor) && count++ == index)
        return writeStruct(infoOf(tensor), "gnc_tensor_info", info);
    return badArgument("there is no tensor " + std::to_string(index) + "; there are " +
                           std::to_string(count),
                       "count from 0 to gnc_mode_info.tensor_count - 1");
  });
}

gnc_status *gnc_program_find_tensor(const gnc_program *program, gnc_mode mode, gnc_role role,
                                    const char *name, gnc_tensor_info *info) {
  return guarded([&]() -> Status {
    auto object = findProgram(program);
    if (!object.ok())
      return std::move(object).error();
    if (Status status = checkMode(mode); !status.ok())
      return status;
    auto tensor = findTensor(programOf((*object)->net, mode), role, name);
    if (!tensor.ok())
      return std::move(tensor).error();
    return writeStruct(infoOf(**tensor), "gnc_tensor_info", info);
  });
}
