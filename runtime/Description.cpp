//===- Description.cpp - a net as bytes
//-----------------------------------------------------------===//
//
//   u64 magic, u64 version, u64 bytes of the rest, u64 hash of the rest, then the fields.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/Fields.h"
#include "runtime/Hash.h"
#include "runtime/ProgramCheck.h"
#include "runtime/ProgramFile.h"
#include "runtime/ProgramParts.h"

#include <map>
#include <set>

namespace gnc::runtime {

namespace {
constexpr uint64_t descriptionMagic = 0x676f7270'636e6700; // "\0gncprog"
constexpr uint64_t descriptionVersion = 4;
struct Head {
  uint64_t magic, version, bytes, hash;
};

/// Numbers that the runtime divides by, multiplies with, or asks for threads with.
bool isSensible(const Recipe &recipe) {
  constexpr int64_t many = int64_t(1) << 40;
  auto between = [](auto low, auto value, auto high) { return low <= value && value <= high; };
  return between(1, recipe.batch, many) && between(0, recipe.epochs, many) &&
         between(0, recipe.steps, many) && between(0.0, recipe.validate, 1.0) &&
         between(-1, recipe.workers, 1024) && between(0, recipe.source.count, many) &&
         between(0.0, recipe.source.split, 1.0) && between(-1.0, recipe.source.couples, 1.0);
}

/// TileCount::at neither divides by zero nor overflows.
bool isSensible(const TileCount &tiles, int64_t most) {
  int64_t count = 0;
  return tiles.perSample >= 0 && tiles.fixed >= 0 && tiles.divisor >= 1 && tiles.times >= 0 &&
         !__builtin_mul_overflow(tiles.perSample, most, &count) &&
         !__builtin_add_overflow(count, tiles.fixed, &count) &&
         !__builtin_add_overflow(count, tiles.divisor, &count) &&
         !__builtin_mul_overflow(count / tiles.divisor, tiles.times, &count);
}
} // namespace

Error badProgram(const std::string &what) {
  return inputError("bad-program", "the compiled program is damaged: " + what)
      .withHelp("compile it again: gnc compile NET.net -o FILE");
}

Error otherVersion(uint64_t found, uint64_t known) {
  return inputError("program-version", "the compiled program has version " + std::to_string(found) +
                                           " of its format, this gnc reads " +
                                           std::to_string(known))
      .withHelp("compile it again with this gnc, or use the gnc that it was compiled with");
}

std::vector<std::string> kernelKeys(const CompiledNet &net) {
  std::vector<std::string> keys;
  std::set<std::string_view> seen;
  for (const Program *program : programsOf(net))
    for (const Kernel &kernel : program->kernels)
      if (program->target == Target::Cpu && seen.insert(kernel.key).second)
        keys.push_back(kernel.key);
  return keys;
}

std::vector<uint8_t> describeNet(const CompiledNet &net) {
  SerialWriter writer;
  writer(net);
  std::vector<uint8_t> body = std::move(writer).finish();
  Head head{descriptionMagic, descriptionVersion, body.size(), hashBytes(body)};
  auto at = reinterpret_cast<const uint8_t *>(&head);
  body.insert(body.begin(), at, at + sizeof head);
  return body;
}

Result<CompiledNet> parseDescription(std::span<const uint8_t> description) {
  Head head;
  if (description.size() < sizeof head)
    return badProgram("its description has " + std::to_string(description.size()) + " bytes");
  memcpy(&head, description.data(), sizeof head);
  std::span<const uint8_t> body = description.subspan(sizeof head);
  if (head.magic != descriptionMagic)
    return badProgram("it does not begin as a description does");
  if (head.version != descriptionVersion)
    return otherVersion(head.version, descriptionVersion);
  if (head.bytes != body.size())
    return badProgram("its description has " + std::to_string(body.size()) + " bytes of " +
                      std::to_string(head.bytes));
  if (head.hash != hashBytes(body))
    return badProgram("its description is not what was written");
  CompiledNet net;
  SerialReader reader(body);
  reader(net);
  reader.finish();
  if (reader.problem)
    return badProgram(reader.problem);
  return net;
}

Status checkNet(const CompiledNet &net) {
  if (!isSensible(net.recipe))
    return badProgram("a number of its recipe is out of its range");
  for (const Program *program : programsOf(net)) {
    if (program->launches.empty() && program->tensors.empty())
      continue; // was not asked for
    if (Status status = checkProgram(*program); !status.ok())
      return badProgram(status.error().message);
    for (const Launch &launch : program->launches)
      if (!isSensible(launch.tiles, program->maxBatch))
        return badProgram("a number of tiles is out of its range");
  }
  return {};
}

Result<CompiledNet> readProgram(std::span<const uint8_t> description,
                                std::span<const KernelEntry> kernels) {
  Result<CompiledNet> net = parseDescription(description);
  if (!net.ok())
    return net;
  std::vector<std::string> keys = kernelKeys(*net);
  if (kernels.size() != keys.size())
    return badProgram("it comes with " + std::to_string(kernels.size()) + " kernels and needs " +
                      std::to_string(keys.size()));
  std::map<std::string_view, KernelEntry> entries;
  for (size_t i = 0; i < keys.size(); ++i)
    entries[keys[i]] = kernels[i];
  for (Program *program : programsOf(*net))
    for (Kernel &kernel : program->kernels)
      if (program->target == Target::Cpu)
        kernel.entry = entries[kernel.key];
  if (Status status = checkNet(*net); !status.ok())
    return std::move(status).error();
  return net;
}

} // namespace gnc::runtime
