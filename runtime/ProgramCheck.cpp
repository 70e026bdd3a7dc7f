//===- ProgramCheck.cpp - is a program consistent? --------------------------------------------===//
#include "runtime/ProgramCheck.h"

#include "runtime/Layout.h"

#include <algorithm>
#include <optional>

namespace gnc::runtime {

namespace {
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
  if (tensor.role == Role::Halt &&
      (tensor.type != ElementType::I32 || tensor.batched || tensor.elements() != 1))
    return refuse("is not the word that stops commits");
  return {};
}

bool canRun(const Program &program, const Kernel &kernel) {
  if (program.target == Target::Cpu)
    return kernel.entry != nullptr;
  return !kernel.symbol.empty() && 1 <= kernel.threads && kernel.threads <= 1024;
}

/// The tensors of a plan, its workspace, and the samples that must be zero.
bool canRunPlan(const Program &program, const Launch &launch) {
  if (program.target != Target::Cuda || launch.kernel >= program.plans.size())
    return false;
  const LibraryPlan &plan = program.plans[launch.kernel];
  bool works = plan.workspaceBytes > 0;
  bool cleared =
      std::all_of(launch.summed.begin(), launch.summed.end(), [&](const Launch::Samples &samples) {
        uint64_t bytes = 0;
        return !__builtin_mul_overflow(samples.bytes, uint64_t(program.maxBatch), &bytes) &&
               inside(samples.offset, bytes, program.arenaBytes);
      });
  return launch.arguments.size() == plan.ids.size() + works && cleared &&
         plan.text.find('\0') == std::string::npos &&
         (!works || inside(launch.arguments.back(), plan.workspaceBytes, program.arenaBytes));
}

/// A card's commit decides itself whether it happens; a plan cannot.
Status checkCommit(const Program &program) {
  auto commit = program.launches.begin() + std::ptrdiff_t(program.commit);
  std::string what = "program '" + program.name + "' commits and ";
  if (commit != program.launches.end() && !program.find(Role::Halt, "halt"))
    return internalError(what + "cannot be stopped");
  if (std::any_of(commit, program.launches.end(), [](const Launch &l) { return l.library; }))
    return internalError(what + "writes weights by a plan");
  return {};
}

Status checkLaunches(const Program &program) {
  for (const Launch &launch : program.launches) {
    bool known = (launch.library ? canRunPlan(program, launch)
                                 : launch.kernel < program.kernels.size() &&
                                       canRun(program, program.kernels[launch.kernel])) &&
                 launch.site < program.sites.size();
    bool placed = std::all_of(launch.arguments.begin(), launch.arguments.end(),
                              [&](uint64_t offset) { return offset <= program.arenaBytes; });
    if (!known || !placed || launch.tiles.divisor < 1)
      return internalError("program '" + program.name +
                           "' has a launch without a kernel, place or tiles");
  }
  if (program.commit > program.launches.size() || program.prologue > program.commit)
    return internalError("program '" + program.name + "' commits after its end");
  return program.target == Target::Cuda ? checkCommit(program) : Status();
}

} // namespace

Status checkProgram(const Program &program) {
  if (program.target == Target::Cuda && program.module.find('\0') != std::string::npos)
    return internalError("the module of program '" + program.name + "' is no text");
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

} // namespace gnc::runtime
