//===- Gnc.cpp - fuzz target: program files (.gnc) --------------------------------------------===//
//
// Twice: as it is, and with all hashes made right, since a hash finds damage and not malice. What
// is loaded is never run.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/CodeLoader.h"
#include "runtime/Hash.h"
#include "runtime/ProgramFile.h"
#include "test/fuzz/Fuzz.h"

#include <cstring>
#include <vector>

using namespace gnc;

namespace {
/// As ProgramFile.cpp and Description.cpp lay them out.
struct Head {
  uint8_t magic[8];
  uint64_t version, sections, bytes, hash;
};
struct Section {
  uint64_t kind, target, level, offset, bytes, hash;
};
struct DescriptionHead {
  uint64_t magic, version, bytes, hash;
};
constexpr uint64_t description = 1;

template <typename T> T load(const std::vector<uint8_t> &file, uint64_t offset) {
  T value;
  memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

void repairDescription(std::span<uint8_t> section) {
  DescriptionHead head;
  if (section.size() < sizeof head)
    return;
  memcpy(&head, section.data(), sizeof head);
  head.bytes = section.size() - sizeof head;
  head.hash = runtime::hashBytes(section.subspan(sizeof head));
  memcpy(section.data(), &head, sizeof head);
}

void repair(std::vector<uint8_t> &file) {
  if (file.size() < sizeof(Head))
    return;
  Head head = load<Head>(file, 0);
  uint64_t room = (file.size() - sizeof head) / sizeof(Section);
  if (head.sections > room)
    return;
  for (uint64_t i = 0; i < head.sections; ++i) {
    uint64_t at = sizeof head + i * sizeof(Section);
    Section section = load<Section>(file, at);
    if (section.offset > file.size() || section.bytes > file.size() - section.offset)
      continue;
    std::span<uint8_t> bytes(file.data() + section.offset, section.bytes);
    if (section.kind == description)
      repairDescription(bytes);
    section.hash = runtime::hashBytes(bytes);
    memcpy(file.data() + at, &section, sizeof section);
  }
  head.bytes = file.size();
  head.hash = 0;
  memcpy(file.data(), &head, sizeof head);
  head.hash = runtime::hashBytes({file.data(), sizeof head + head.sections * sizeof(Section)});
  memcpy(file.data(), &head, sizeof head);
}

void read(const std::vector<uint8_t> &bytes) {
  static test::InputFile file;
  file.write(bytes);
  test::MemoryLimit limit(bytes.size(), 64 << 10);
  for (runtime::Machine machine : {runtime::Machine::here(), runtime::Machine{0, 90}})
    (void)runtime::loadProgramFile(file.path(), machine).ok();
  (void)runtime::loadProgramBytes(bytes, "input").ok();
  (void)runtime::inspectProgramFile(file.path()).ok();
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<uint8_t> file(data, data + size);
  read(file);
  repair(file);
  read(file);
  return 0;
}
