//===- Executor.cpp - runs a program
//------------------------------------------------------------===//
#include "runtime/Executor.h"

#include "runtime/Layout.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <map>

namespace gnc::runtime {

namespace {
/// Below this, a fork and join (1 to 2 us) costs more than the second thread saves.
constexpr double worthForking = 32768;

bool inside(uint64_t offset, uint64_t bytes, uint64_t arenaBytes) {
  return offset <= arenaBytes && bytes <= arenaBytes - offset;
}

/// The product of the extents, or nothing if it is negative or leaves no room for the batch.
std::optional<int64_t> elementCount(const std::vector<int64_t> &shape) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(elements, extent, &elements))
      return std::nullopt;
  return elements <= int64_t(1) << 48 ? std::optional(elements) : std::nullopt;
}

bool sensibleShape(const Tensor &tensor) {
  std::optional<int64_t> elements = elementCount(tensor.shape);
  return elements && tensor.shape.size() <= maxRank &&
         tensor.strides.size() == tensor.shape.size() &&
         elements == elementCount(tensor.declaredShape());
}

Status checkTensor(const Program &program, const Tensor &tensor) {
  auto refuse = [&](const char *why) {
    return internalError("tensor '" + tensor.name + "' of program '" + program.name + "' " + why);
  };
  if (!sensibleShape(tensor))
    return refuse("has no sensible shape");
  if (!inside(tensor.offset, tensor.bytes, program.arenaBytes))
    return refuse("lies outside the arena");
  if (tensor.offset % 4 != 0)
    return refuse("is not aligned");
  if (!staysInside(tensor, program.maxBatch))
    return refuse("reaches beyond its bytes");
  if (isPersistent(tensor.role) && tensor.batched)
    return refuse("persists and is batched");
  if (tensor.role == Role::Stream &&
      (tensor.type != ElementType::I32 || tensor.batched || tensor.elements() != 4))
    return refuse("is not four words of a stream");
  return {};
}

Status checkLaunches(const Program &program) {
  for (const Launch &launch : program.launches) {
    bool known = launch.kernel < program.kernels.size() && program.kernels[launch.kernel].entry;
    bool placed = std::all_of(launch.arguments.begin(), launch.arguments.end(),
                              [&](uint64_t offset) { return offset <= program.arenaBytes; });
    if (!known || !placed || launch.tiles.divisor < 1)
      return internalError("program '" + program.name +
                           "' has a launch without a kernel, place or tiles");
  }
  if (program.commit > program.launches.size() || program.prologue > program.commit)
    return internalError("program '" + program.name + "' commits after its end");
  return {};
}

Status checkProgram(const Program &program) {
  if (program.maxBatch < 1 || program.maxBatch > int64_t(1) << 32)
    return internalError("program '" + program.name + "' is planned for " +
                         std::to_string(program.maxBatch) + " samples");
  if (program.persistentBytes > program.arenaBytes)
    return internalError("program '" + program.name + "' keeps more than it has");
  for (const Tensor &tensor : program.tensors)
    if (Status status = checkTensor(program, tensor); !status.ok())
      return status;
  for (const Program::Constant &constant : program.constants)
    if (!inside(constant.offset, constant.bytes.size(), program.arenaBytes))
      return internalError("a constant of program '" + program.name + "' lies outside the arena");
  return checkLaunches(program);
}
} // namespace

Result<std::unique_ptr<Executor>> Executor::create(const Program &program, ThreadPool &pool) {
  if (Status status = checkProgram(program); !status.ok())
    return std::move(status).error();
  Result<Arena> arena =
      Arena::allocate(program.arenaBytes, "the program '" + program.name + "' with a batch of " +
                                              std::to_string(program.maxBatch));
  if (!arena.ok())
    return std::move(arena).error().withHelp("choose a smaller batch");
  std::unique_ptr<Executor> executor(new Executor(program, pool));
  executor->memory = std::move(*arena);
  for (const Program::Constant &constant : program.constants)
    if (!constant.bytes.empty())
      memcpy(executor->arena() + constant.offset, constant.bytes.data(), constant.bytes.size());
  executor->link();
  return executor;
}

void Executor::link() {
  size_t count = 0;
  for (const Launch &launch : source.launches)
    count += launch.arguments.size();
  pointers.reserve(count); // steps keep addresses into it
  steps.reserve(source.launches.size());
  for (const Launch &launch : source.launches) {
    void *const *arguments = pointers.data() + pointers.size();
    for (uint64_t offset : launch.arguments)
      pointers.push_back(arena() + offset);
    steps.push_back({source.kernels[launch.kernel].entry, arguments, launch.tiles,
                     launch.flopsPerSample, launch.flopsFixed});
  }
}

void Executor::runLaunches(size_t first, size_t last, int64_t n) {
  assert(1 <= n && n <= source.maxBatch && last <= steps.size());
  struct Call {
    const Step *step;
    int64_t n;
  };
  auto task = [](const void *context, int64_t lo, int64_t hi) {
    const Call &call = *static_cast<const Call *>(context);
    call.step->entry(lo, hi, call.n, call.step->arguments);
  };
  for (size_t i = first; i < last; ++i) {
    const Step &step = steps[i];
    Call call{&step, n};
    int64_t tiles = step.tiles.at(n);
    double flops = step.flopsPerSample * double(n) + step.flopsFixed;
    // A program that does not count its work (zero) is taken at its word about tiles.
    bool small = tiles < 2 || (flops > 0 && flops < worthForking);
    if (!small)
      pool.run(tiles, task, &call);
    else if (tiles > 0)
      task(&call, 0, tiles);
  }
}

void Executor::initialize(uint64_t seed) {
  for (const Tensor &tensor : source.tensors)
    if (isPersistent(tensor.role))
      runtime::initialize(tensor, seed, arena());
  restartAverages();
}

void Executor::restartAverages() {
  for (const Tensor &tensor : source.tensors)
    if (const Tensor *weight = source.find(Role::Weight, tensor.name);
        tensor.role == Role::Average && weight)
      writeTensor(tensor, 1, readTensor(*weight, 1));
}

void Executor::setStream(uint64_t seed, uint64_t step, uint64_t first) {
  const uint32_t words[] = {uint32_t(seed), uint32_t(seed >> 32), uint32_t(step), uint32_t(first)};
  for (const Tensor &tensor : source.tensors)
    if (tensor.role == Role::Stream)
      memcpy(arena() + tensor.offset, words, sizeof words);
}

std::vector<float> Executor::readTensor(const Tensor &tensor, int64_t n) const {
  std::vector<uint8_t> dense(denseBytes(tensor, n));
  pack(tensor, n, arena(), dense.data());
  std::vector<float> values(dense.size() / size_t(byteWidth(tensor.type)));
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.type == ElementType::F32) {
      memcpy(&values[i], &dense[4 * i], 4);
    } else if (tensor.type == ElementType::I32) {
      int32_t whole;
      memcpy(&whole, &dense[4 * i], 4);
      values[i] = float(whole);
    } else {
      values[i] = dense[i];
    }
  }
  return values;
}

void Executor::writeTensor(const Tensor &tensor, int64_t n, std::span<const float> values) {
  std::vector<uint8_t> dense(denseBytes(tensor, n));
  assert(values.size() * size_t(byteWidth(tensor.type)) == dense.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.type == ElementType::F32) {
      memcpy(&dense[4 * i], &values[i], 4);
    } else if (tensor.type == ElementType::I32) {
      int32_t whole = int32_t(std::lrint(values[i]));
      memcpy(&dense[4 * i], &whole, 4);
    } else {
      dense[i] = uint8_t(std::lrint(values[i]));
    }
  }
  unpack(tensor, n, dense.data(), arena());
}

float Executor::readScalar(const Tensor &tensor) const {
  float value;
  memcpy(&value, arena() + tensor.offset, sizeof value);
  return value;
}

void Executor::writeScalar(const Tensor &tensor, float value) {
  memcpy(arena() + tensor.offset, &value, sizeof value);
}

Result<StateCopy> StateCopy::plan(const Executor &from, Executor &to) {
  StateCopy copy;
  copy.from = &from;
  copy.to = &to;
  std::map<std::pair<Role, std::string_view>, const Tensor *> known;
  for (const Tensor &tensor : from.program().tensors)
    known[{tensor.role, tensor.name}] = &tensor;
  uint64_t largest = 0;
  for (const Tensor &tensor : to.program().tensors) {
    if (tensor.role != Role::Weight && tensor.role != Role::State)
      continue;
    auto found = known.find({Role::Average, tensor.name});
    if (tensor.role != Role::Weight || found == known.end())
      found = known.find({tensor.role, tensor.name});
    if (found == known.end() || found->second->declaredShape() != tensor.declaredShape() ||
        found->second->type != tensor.type)
      return internalError("programs '" + from.program().name + "' and '" + to.program().name +
                           "' disagree about '" + tensor.name + "'");
    copy.pairs.emplace_back(found->second, &tensor);
    largest = std::max(largest, denseBytes(tensor, 1));
  }
  copy.dense.resize(largest);
  return copy;
}

void StateCopy::run() {
  for (auto [source, target] : pairs) {
    pack(*source, 1, from->arena(), dense.data());
    unpack(*target, 1, dense.data(), to->arena());
  }
}

} // namespace gnc::runtime
