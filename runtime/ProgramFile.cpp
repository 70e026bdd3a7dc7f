//===- ProgramFile.cpp - .gnc files
//-----------------------------------------------------------------===//
//
// A head, a table of sections, and the sections without gaps:
//
//   head     8 bytes of magic; u64 version, number of sections, bytes of the file, hash of head
//   (this
//            field as 0) and table
//   section  u64 kind, target, level, offset, bytes, hash
//
// For every target there is a description and, for processors, the machine code. Since the table
// holds the hashes of all sections, its own hash is one of the whole content, and a reader checks
// just what it reads.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/ProgramFile.h"

#include "runtime/CodeLoader.h"
#include "runtime/Fields.h"
#include "runtime/File.h"
#include "runtime/Hash.h"
#include "runtime/ProgramParts.h"
#include "runtime/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <unistd.h>

namespace gnc::runtime {

namespace {
constexpr uint64_t fileVersion = 1, mostSections = 256;
/// As PNG's: a transfer as text changes it.
constexpr uint8_t fileMagic[8] = {0x89, 'G', 'N', 'C', '\r', '\n', 0x1a, '\n'};

struct Head {
  uint8_t magic[8];
  uint64_t version, sections, bytes, hash;
};

enum Kind : uint64_t { Description = 1, Code = 2, Weights = 3 };
enum SectionTarget : uint64_t { AnyTarget = 0, X86 = 1, Cuda = 2 };

struct Section {
  uint64_t kind, target, level, offset, bytes, hash;
};

uint64_t hashOf(Head head, std::span<const Section> table) {
  head.hash = 0;
  std::vector<uint8_t> bytes(sizeof head + table.size_bytes());
  memcpy(bytes.data(), &head, sizeof head);
  if (!table.empty())
    memcpy(bytes.data() + sizeof head, table.data(), table.size_bytes());
  return hashBytes(bytes);
}

//===- Writing --------------------------------------------------------------------------------===//

class Composer {
public:
  void add(Kind kind, SectionTarget target, uint64_t level, std::span<const uint8_t> bytes) {
    table.push_back({kind, target, level, 0, bytes.size(), hashBytes(bytes)});
    content.insert(content.end(), bytes.begin(), bytes.end());
  }

  std::vector<uint8_t> finish() && {
    Head head{{}, fileVersion, table.size(), 0, 0};
    memcpy(head.magic, fileMagic, sizeof fileMagic);
    uint64_t offset = sizeof head + table.size() * sizeof(Section);
    for (Section &section : table)
      offset += (section.offset = offset, section.bytes);
    head.bytes = offset;
    head.hash = hashOf(head, table);
    std::vector<uint8_t> front(sizeof head + table.size() * sizeof(Section));
    memcpy(front.data(), &head, sizeof head);
    memcpy(front.data() + sizeof head, table.data(), table.size() * sizeof(Section));
    content.insert(content.begin(), front.begin(), front.end());
    return std::move(content);
  }

private:
  std::vector<Section> table;
  std::vector<uint8_t> content;
};

bool isForCard(const CompiledNet &net) {
  for (const Program *program : programsOf(net))
    if (program->target == Target::Cuda)
      return true;
  return false;
}

//===- Reading --------------------------------------------------------------------------------===//

/// A file, or one in memory.
class Source {
public:
  explicit Source(std::span<const uint8_t> memory) : memory(memory), size(memory.size()) {}
  Source(Descriptor file, uint64_t size) : file(std::move(file)), size(size) {}

  uint64_t bytes() const { return size; }

  /// The range is inside.
  Status read(uint64_t offset, uint8_t *to, uint64_t count) {
    if (!file.valid()) {
      if (count)
        memcpy(to, memory.data() + offset, count);
      return {};
    }
    if (lseek(file.get(), off_t(offset), SEEK_SET) < 0)
      return systemError("unreadable-file", "read the file", errno);
    int64_t got = readFully(file.get(), to, count);
    if (got < 0)
      return systemError("unreadable-file", "read the file", errno);
    if (uint64_t(got) != count)
      return environmentError("unreadable-file", "it shrank while it was read");
    return {};
  }

private:
  std::span<const uint8_t> memory;
  Descriptor file;
  uint64_t size;
};

struct Index {
  Head head;
  std::vector<Section> table;
};

Status checkHead(const Head &head, uint64_t fileBytes) {
  if (memcmp(head.magic, fileMagic, sizeof fileMagic) != 0)
    return badProgram("it does not begin as a .gnc file does");
  if (head.version != fileVersion)
    return otherVersion(head.version, fileVersion);
  if (head.bytes != fileBytes)
    return badProgram("it has " + std::to_string(fileBytes) + " bytes of " +
                      std::to_string(head.bytes));
  if (head.sections > mostSections || head.sections * sizeof(Section) > fileBytes - sizeof head)
    return badProgram("it declares " + std::to_string(head.sections) + " sections");
  return {};
}

/// Sections of known kinds, one behind the other to the end of the file, none twice.
Status checkTable(const Index &index) {
  uint64_t end = sizeof(Head) + index.table.size() * sizeof(Section);
  for (size_t i = 0; i < index.table.size(); ++i) {
    const Section &section = index.table[i];
    bool forAll = section.kind == Weights;
    if (section.kind < Description || section.kind > Weights || section.target > Cuda ||
        forAll != (section.target == AnyTarget) || section.level > 100000)
      return badProgram("section " + std::to_string(i) + " is of an unknown kind");
    if (section.offset != end || section.bytes > index.head.bytes - end)
      return badProgram("section " + std::to_string(i) + " is not where it should be");
    end += section.bytes;
    for (size_t j = 0; j < i; ++j)
      if (index.table[j].kind == section.kind && index.table[j].target == section.target &&
          index.table[j].level == section.level)
        return badProgram("section " + std::to_string(i) + " is there twice");
  }
  if (end != index.head.bytes)
    return badProgram("something follows its last section");
  return {};
}

Result<Index> readIndex(Source &source) {
  Index index;
  if (source.bytes() < sizeof(Head))
    return badProgram("it has " + std::to_string(source.bytes()) + " bytes");
  auto *head = reinterpret_cast<uint8_t *>(&index.head);
  if (Status status = source.read(0, head, sizeof(Head)); !status.ok())
    return std::move(status).error();
  if (Status status = checkHead(index.head, source.bytes()); !status.ok())
    return std::move(status).error();
  index.table.resize(index.head.sections);
  auto *table = reinterpret_cast<uint8_t *>(index.table.data());
  uint64_t tableBytes = index.table.size() * sizeof(Section);
  if (Status status = source.read(sizeof(Head), table, tableBytes); !status.ok())
    return std::move(status).error();
  if (hashOf(index.head, index.table) != index.head.hash)
    return badProgram("its table of sections is not what was written");
  if (Status status = checkTable(index); !status.ok())
    return std::move(status).error();
  return index;
}

Result<Bytes> readSection(Source &source, const Section &section) {
  Result<Bytes> bytes = Bytes::allocate(section.bytes, "a section of the program file");
  if (!bytes.ok())
    return bytes;
  if (Status status = source.read(section.offset, bytes->data(), section.bytes); !status.ok())
    return std::move(status).error();
  if (hashBytes(bytes->span()) != section.hash)
    return badProgram("its bytes " + std::to_string(section.offset) + " to " +
                      std::to_string(section.offset + section.bytes) + " are not what was written");
  return bytes;
}

const Section *findSection(const Index &index, Kind kind, uint64_t target, uint64_t level) {
  for (const Section &section : index.table)
    if (section.kind == kind && section.target == target && section.level == level)
      return &section;
  return nullptr;
}

Result<std::shared_ptr<const NativeCode>> readCode(Source &source, const Section &section) {
  Result<Bytes> bytes = readSection(source, section);
  if (!bytes.ok())
    return std::move(bytes).error();
  auto code = std::make_shared<NativeCode>();
  SerialReader reader(bytes->span());
  reader(*code);
  reader.finish();
  if (reader.problem)
    return badProgram(std::string("its machine code cannot be read: ") + reader.problem);
  if (code->level != section.level)
    return badProgram("its machine code is for " + cpuLevelName(code->level));
  return std::shared_ptr<const NativeCode>(std::move(code));
}

/// The net of a description section with its machine code, not loaded.
Result<CompiledNet> readVariant(Source &source, const Index &index, const Section &section) {
  Result<Bytes> bytes = readSection(source, section);
  if (!bytes.ok())
    return std::move(bytes).error();
  Result<CompiledNet> net = parseDescription(bytes->span());
  if (!net.ok() || section.target != X86)
    return net;
  *bytes = Bytes();
  const Section *codeSection = findSection(index, Code, section.target, section.level);
  if (!codeSection)
    return badProgram("it has no machine code for " + cpuLevelName(unsigned(section.level)));
  auto code = readCode(source, *codeSection);
  if (!code.ok())
    return std::move(code).error();
  net->native = std::move(*code);
  return net;
}

//===- Choosing -------------------------------------------------------------------------------===//

std::string targetName(uint64_t target, uint64_t level) {
  return target == Cuda ? "sm_" + std::to_string(level) : cpuLevelName(unsigned(level));
}

Error noTarget(const Index &index, Machine machine) {
  std::vector<std::string> names;
  for (const Section &section : index.table)
    if (section.kind == Description)
      names.push_back(targetName(section.target, section.level));
  std::string here = machine.cpu ? "a processor of " + cpuLevelName(machine.cpu) : "no processor";
  here += machine.cuda ? " and a card of " + targetName(Cuda, machine.cuda) : " and no card";
  std::string target = machine.cpu ? "--cpu=" + cpuLevelName(std::max(2u, machine.cpu))
                                   : "--target=" + targetName(Cuda, std::max(70u, machine.cuda));
  return environmentError("no-target", "the compiled program has nothing that runs here")
      .withNote("it is for " + (names.empty() ? "nothing" : listText(names)))
      .withNote("here is " + here)
      .withHelp("compile it with " + target);
}

const Section *choose(const Index &index, Machine machine) {
  const Section *best = nullptr;
  for (const Section &section : index.table) {
    uint64_t most = section.target == Cuda ? machine.cuda : machine.cpu;
    if (section.kind != Description || section.level > most)
      continue;
    if (!best || std::pair(section.target, section.level) > std::pair(best->target, best->level))
      best = &section;
  }
  return best;
}

Result<CompiledNet> load(Source &source, Machine machine) {
  Result<Index> index = readIndex(source);
  if (!index.ok())
    return std::move(index).error();
  const Section *chosen = choose(*index, machine);
  if (!chosen)
    return noTarget(*index, machine);
  Result<CompiledNet> net = readVariant(source, *index, *chosen);
  if (!net.ok())
    return net;
  if (Status status = loadCode(*net); !status.ok())
    return std::move(status).error();
  if (Status status = checkNet(*net); !status.ok())
    return std::move(status).error();
  if (const Section *section = findSection(*index, Weights, AnyTarget, 0)) {
    Result<Bytes> weights = readSection(source, *section);
    if (!weights.ok())
      return std::move(weights).error();
    net->weights = std::make_shared<const Bytes>(std::move(*weights));
  }
  return net;
}

Result<ProgramFileInfo> inspect(Source &source) {
  Result<Index> index = readIndex(source);
  if (!index.ok())
    return std::move(index).error();
  ProgramFileInfo info;
  info.fileBytes = index->head.bytes;
  info.hash = index->head.hash;
  for (const Section &section : index->table) {
    if (section.kind == Weights) {
      info.weightBytes = section.bytes;
      if (Result<Bytes> bytes = readSection(source, section); !bytes.ok())
        return std::move(bytes).error();
    }
    if (section.kind != Description)
      continue;
    Result<CompiledNet> net = readVariant(source, *index, section);
    if (!net.ok())
      return std::move(net).error();
    const Section *code = findSection(*index, Code, section.target, section.level);
    info.targets.push_back({section.target == Cuda ? Target::Cuda : Target::Cpu,
                            unsigned(section.level), section.bytes, code ? code->bytes : 0});
    net->native = nullptr;
    if (info.targets.size() == 1)
      info.net = std::move(*net);
  }
  return info;
}

/// Says which file it is about.
template <typename T> Result<T> named(const std::string &name, Result<T> result) {
  if (result.ok())
    return result;
  Error error = std::move(result).error();
  error.message = "'" + name + "': " + error.message;
  return error;
}

template <typename T>
Result<T> fromFile(const std::string &path, const std::function<Result<T>(Source &)> &read) {
  uint64_t size = 0;
  Result<Descriptor> file = openForReading(path, size);
  if (!file.ok())
    return std::move(file).error();
  Source source(std::move(*file), size);
  return named(path, read(source));
}
} // namespace

Machine Machine::here() { return {cpuLevel(), 0}; }

std::string ProgramTarget::name() const {
  return targetName(target == Target::Cuda ? Cuda : X86, level);
}

bool isProgramFile(const std::string &path) { return path.ends_with(".gnc"); }

Result<std::vector<uint8_t>> programFileBytes(std::span<const ProgramVariant> variants,
                                              std::span<const uint8_t> weights) {
  Composer composer;
  for (const ProgramVariant &variant : variants) {
    const CompiledNet &net = *variant.net;
    bool card = isForCard(net);
    if (!card && !net.native)
      return internalError("a net without machine code has no place in a program file");
    composer.add(Description, card ? Cuda : X86, card ? variant.cuda : net.native->level,
                 describeNet(net));
    if (card)
      continue;
    SerialWriter writer;
    writer(*net.native);
    composer.add(Code, X86, net.native->level, std::move(writer).finish());
  }
  if (!weights.empty())
    composer.add(Weights, AnyTarget, 0, weights);
  return std::move(composer).finish();
}

Result<CompiledNet> loadProgramFile(const std::string &path, Machine machine) {
  return fromFile<CompiledNet>(path, [&](Source &source) { return load(source, machine); });
}

Result<CompiledNet> loadProgramBytes(std::span<const uint8_t> file, const std::string &name,
                                     Machine machine) {
  Source source(file);
  return named(name, load(source, machine));
}

Result<ProgramFileInfo> inspectProgramFile(const std::string &path) {
  return fromFile<ProgramFileInfo>(path, inspect);
}

} // namespace gnc::runtime
