//===- ObjectFile.cpp - a compiled net as an object file
//----------------------------------------===//
//
// The same code as of a .gnc file, in the form that linkers take: what the loader would resolve is
// a relocation here.
//
//===------------------------------------------------------------------------------------------===//
#include "tools/ObjectFile.h"

#include "runtime/ProgramFile.h"
#include "runtime/gnc_runtime.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstring>
#include <elf.h>

namespace gnc::tools {

namespace {
using Buffer = std::vector<uint8_t>;
using runtime::NativeCode;

template <typename T> void append(Buffer &buffer, const T &value) {
  auto at = reinterpret_cast<const uint8_t *>(&value);
  buffer.insert(buffer.end(), at, at + sizeof value);
}

void align(Buffer &buffer, size_t alignment) {
  buffer.resize((buffer.size() + alignment - 1) / alignment * alignment);
}

/// Adds bytes at an aligned place and returns where.
uint64_t place(Buffer &buffer, std::span<const uint8_t> bytes, size_t alignment) {
  align(buffer, alignment);
  uint64_t at = buffer.size();
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
  return at;
}

/// Names one behind the other, each with its NUL; the first is empty.
struct Names {
  std::string text = std::string(1, '\0');
  uint32_t add(const std::string &name) {
    uint32_t at = uint32_t(text.size());
    text += name;
    text += '\0';
    return at;
  }
};

enum Index : uint16_t {
  Null,
  Text,
  TextRelocations,
  Constants,
  Data,
  DataRelocations,
  Stack,
  Symbols,
  Strings,
  SectionNames,
  SectionCount
};

class Writer {
public:
  Writer(const runtime::CompiledNet &net, std::span<const uint8_t> weights)
      : net(net), code(*net.native), weights(weights) {}

  Buffer write() {
    addSymbol("", STB_LOCAL, STT_NOTYPE, Null, 0, 0);
    for (Index section : {Text, Constants, Data})
      addSymbol("", STB_LOCAL, STT_SECTION, section, 0, 0);
    addKernels();
    firstGlobal = symbols.size() / sizeof(Elf64_Sym);
    addInstructions();
    addImage();
    return assemble();
  }

private:
  static constexpr uint32_t textSymbol = 1, constantsSymbol = 2;

  uint32_t addSymbol(const std::string &name, unsigned binding, unsigned type, Index section,
                     uint64_t value, uint64_t size) {
    Elf64_Sym symbol{};
    symbol.st_name = name.empty() ? 0 : strings.add(name);
    symbol.st_info = ELF64_ST_INFO(binding, type);
    symbol.st_shndx = section;
    symbol.st_value = value;
    symbol.st_size = size;
    append(symbols, symbol);
    return uint32_t(symbols.size() / sizeof symbol - 1);
  }

  /// For profilers and debuggers; nothing is bound by these names.
  void addKernels() {
    for (const NativeCode::Entry &entry : code.entries)
      addSymbol("gnc_kernel_" + entry.key, STB_LOCAL, STT_FUNC, Text, entry.offset, 0);
  }

  void relocate(Buffer &relocations, uint64_t at, uint32_t symbol, uint32_t type, int64_t addend) {
    append(relocations, Elf64_Rela{at, ELF64_R_INFO(uint64_t(symbol), type), addend});
  }

  void addInstructions() {
    uint64_t size = code.stubs + NativeCode::stubBytes * code.imports.size();
    text.assign(code.bytes.begin(), code.bytes.begin() + ptrdiff_t(size));
    constants.assign(code.bytes.begin() + ptrdiff_t(code.textBytes), code.bytes.end());
    constants.resize(constants.size() - sizeof(uint64_t) * code.imports.size());
    for (uint64_t at : code.references) {
      int32_t distance;
      memcpy(&distance, &text[at], sizeof distance);
      memset(&text[at], 0, sizeof distance);
      relocate(textRelocations, at, constantsSymbol, R_X86_64_PC32,
               int64_t(distance) + int64_t(at) - int64_t(code.textBytes));
    }
    for (size_t i = 0; i < code.imports.size(); ++i) { // jmp import
      uint64_t at = code.stubs + NativeCode::stubBytes * i;
      const uint8_t jump[NativeCode::stubBytes] = {0xe9, 0, 0, 0, 0, 0xcc, 0xcc, 0xcc};
      memcpy(&text[at], jump, sizeof jump);
      uint32_t symbol = addSymbol(code.imports[i], STB_GLOBAL, STT_NOTYPE, Null, 0, 0);
      relocate(textRelocations, at + 1, symbol, R_X86_64_PLT32, -4);
    }
  }

  /// An address in a data section, of something in `constants` or `text`.
  void point(uint64_t at, uint32_t symbol, uint64_t to) {
    relocate(dataRelocations, at, symbol, R_X86_64_64, int64_t(to));
  }

  void addImage() {
    Buffer description = runtime::describeNet(net);
    std::string name = net.recipe.net + '\0';
    gnc_image image{};
    image.struct_size = sizeof image;
    image.version = GNC_IMAGE_VERSION;
    image.cpu_level = code.level;
    image.description_bytes = description.size();
    image.weights_bytes = weights.size();
    std::vector<std::string> keys = runtime::kernelKeys(net);
    image.kernel_count = keys.size();
    append(data, image);
    data.resize(data.size() + keys.size() * sizeof(uint64_t));
    std::span<const uint8_t> nameBytes(reinterpret_cast<const uint8_t *>(name.data()), name.size());
    point(offsetof(gnc_image, net), constantsSymbol, place(constants, nameBytes, 1));
    point(offsetof(gnc_image, description), constantsSymbol, place(constants, description, 16));
    if (!weights.empty())
      point(offsetof(gnc_image, weights), constantsSymbol, place(constants, weights, 64));
    point(offsetof(gnc_image, kernels), dataSymbol, sizeof image);
    for (size_t i = 0; i < keys.size(); ++i)
      point(sizeof image + i * sizeof(uint64_t), textSymbol, entryOf(keys[i]));
    addSymbol("gnc_image_" + identifierOf(net.recipe.net), STB_GLOBAL, STT_OBJECT, Data, 0,
              sizeof image);
  }

  uint64_t entryOf(const std::string &key) const {
    auto found = std::lower_bound(code.entries.begin(), code.entries.end(), key,
                                  [](const auto &e, const std::string &k) { return e.key < k; });
    return found->offset;
  }

  Elf64_Shdr header(const char *name, uint32_t type, uint64_t flags, uint64_t alignment,
                    uint32_t link = 0, uint32_t info = 0, uint64_t entry = 0) {
    Elf64_Shdr section{};
    section.sh_name = sectionNames.add(name);
    section.sh_type = type;
    section.sh_flags = flags;
    section.sh_addralign = alignment;
    section.sh_link = link;
    section.sh_info = info;
    section.sh_entsize = entry;
    return section;
  }

  Buffer assemble() {
    uint32_t global = uint32_t(firstGlobal);
    std::vector<Elf64_Shdr> headers = {
        {},
        header(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 64),
        header(".rela.text", SHT_RELA, SHF_INFO_LINK, 8, Symbols, Text, sizeof(Elf64_Rela)),
        header(".rodata", SHT_PROGBITS, SHF_ALLOC, 64),
        header(".data.rel.ro", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 16),
        header(".rela.data.rel.ro", SHT_RELA, SHF_INFO_LINK, 8, Symbols, Data, sizeof(Elf64_Rela)),
        header(".note.GNU-stack", SHT_PROGBITS, 0, 1),
        header(".symtab", SHT_SYMTAB, 0, 8, Strings, global, sizeof(Elf64_Sym)),
        header(".strtab", SHT_STRTAB, 0, 1),
        header(".shstrtab", SHT_STRTAB, 0, 1)};
    auto bytesOf = [](const Names &names) { return Buffer(names.text.begin(), names.text.end()); };
    const Buffer contents[SectionCount] = {{},
                                           text,
                                           textRelocations,
                                           constants,
                                           data,
                                           dataRelocations,
                                           {},
                                           symbols,
                                           bytesOf(strings),
                                           bytesOf(sectionNames)};
    Buffer file(sizeof(Elf64_Ehdr));
    for (int i = Text; i < SectionCount; ++i) {
      headers[i].sh_offset = place(file, contents[i], headers[i].sh_addralign);
      headers[i].sh_size = contents[i].size();
    }
    align(file, 8);
    uint64_t table = file.size();
    for (const Elf64_Shdr &section : headers)
      append(file, section);
    Elf64_Ehdr elf = fileHeader(table);
    memcpy(file.data(), &elf, sizeof elf);
    return file;
  }

  static Elf64_Ehdr fileHeader(uint64_t table) {
    Elf64_Ehdr elf{};
    memcpy(elf.e_ident, ELFMAG, SELFMAG);
    elf.e_ident[EI_CLASS] = ELFCLASS64;
    elf.e_ident[EI_DATA] = ELFDATA2LSB;
    elf.e_ident[EI_VERSION] = EV_CURRENT;
    elf.e_type = ET_REL;
    elf.e_machine = EM_X86_64;
    elf.e_version = EV_CURRENT;
    elf.e_shoff = table;
    elf.e_ehsize = sizeof elf;
    elf.e_shentsize = sizeof(Elf64_Shdr);
    elf.e_shnum = SectionCount;
    elf.e_shstrndx = SectionNames;
    return elf;
  }

  static constexpr uint32_t dataSymbol = 3;
  const runtime::CompiledNet &net;
  const NativeCode &code;
  std::span<const uint8_t> weights;
  Buffer text, textRelocations, constants, data, dataRelocations, symbols;
  Names strings, sectionNames;
  size_t firstGlobal = 0;
};
} // namespace

std::string identifierOf(const std::string &net) {
  std::string name = net;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

runtime::Result<std::vector<uint8_t>> objectFile(const runtime::CompiledNet &net,
                                                 std::span<const uint8_t> weights) {
  if (!net.native)
    return runtime::internalError("a net without machine code cannot be an object file");
  return Writer(net, weights).write();
}

} // namespace gnc::tools
