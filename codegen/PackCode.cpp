//===- PackCode.cpp - object files to code that can be copied anywhere
//---------------------------===//
//
// A linker for what kernels are: code and constants that refer to each other and call the C
// library. Kernels are compiled for the small position-independent code model, so every reference
// is the distance between two places of the result.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/PackCode.h"

#include "codegen/JitLower.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <set>

using namespace llvm;
using namespace llvm::object;

namespace gnc {

namespace {
using Object = ELF64LEObjectFile;

constexpr uint64_t kStubBytes = runtime::NativeCode::stubBytes;
/// Bytes before the first kernel: a sanitizer of calls looks there for a type.
constexpr uint64_t kBefore = 16;

bool isImportable(StringRef name) {
  return is_contained(runtime::nativeImports, std::string_view(name));
}

/// Where a section of an object lies in the result. Sections without memory at run time have no
/// place.
struct Place {
  const Object *object;
  SectionRef section;
  uint64_t offset = 0;
};

class Packer {
public:
  Error add(const KernelObject &kernel) {
    MemoryBufferRef buffer(StringRef(kernel.bytes.data(), kernel.bytes.size()), "");
    Expected<std::unique_ptr<ObjectFile>> parsed = ObjectFile::createELFObjectFile(buffer);
    if (!parsed)
      return parsed.takeError();
    auto *object = dyn_cast<Object>(parsed->get());
    if (!object)
      return createStringError("an object file is of another machine");
    for (SectionRef section : object->sections())
      if (Error error = addSection(*object, section))
        return error;
    for (SymbolRef symbol : object->symbols())
      if (Error error = addSymbol(symbol))
        return error;
    owned.push_back(std::move(*parsed));
    keysByEntry[entryName(kernel.key)] = kernel.key;
    return Error::success();
  }

  Expected<runtime::NativeCode> finish() && {
    layOut();
    for (const std::vector<Place> *places : {&text, &constants})
      for (const Place &place : *places)
        if (Error error = copy(place))
          return error;
    for (const auto &object : owned)
      if (Error error = link(*cast<Object>(object.get())))
        return error;
    if (code.entries.size() != keysByEntry.size())
      return createStringError("a kernel has no entry");
    llvm::sort(code.entries, [](auto &a, auto &b) { return a.key < b.key; });
    llvm::sort(code.references);
    writeStubs();
    return std::move(code);
  }

private:
  Error addSection(const Object &object, SectionRef section) {
    ELFSectionRef elf(section);
    if (!(elf.getFlags() & ELF::SHF_ALLOC) || section.getSize() == 0)
      return Error::success();
    if (elf.getFlags() & ELF::SHF_WRITE)
      return createStringError("a kernel has data that it can write");
    (section.isText() ? text : constants).push_back({&object, section});
    return Error::success();
  }

  Error addSymbol(SymbolRef symbol) {
    Expected<uint32_t> flags = symbol.getFlags();
    Expected<StringRef> name = symbol.getName();
    if (!flags || !name)
      return joinErrors(flags.takeError(), name.takeError());
    if (!(*flags & SymbolRef::SF_Undefined) || name->empty())
      return Error::success();
    if (!isImportable(*name))
      return createStringError("a kernel calls '" + *name + "'");
    imports.insert(name->str());
    return Error::success();
  }

  void layOut() {
    code.imports.assign(imports.begin(), imports.end());
    uint64_t end = assign(text, kBefore);
    code.stubs = alignTo(end, kStubBytes);
    end = code.stubs + kStubBytes * imports.size();
    code.textBytes = alignTo(end, runtime::NativeCode::pageBytes);
    end = alignTo(assign(constants, code.textBytes), sizeof(uint64_t));
    end = alignTo(end + sizeof(uint64_t) * imports.size(), runtime::NativeCode::pageBytes);
    code.bytes.resize(end);
  }

  uint64_t assign(std::vector<Place> &places, uint64_t end) {
    for (Place &place : places) {
      place.offset = alignTo(end, place.section.getAlignment());
      end = place.offset + place.section.getSize();
      offsets[{place.object, place.section.getIndex()}] = place.offset;
    }
    return end;
  }

  Error copy(const Place &place) {
    Expected<StringRef> bytes = place.section.getContents();
    if (!bytes)
      return bytes.takeError();
    memcpy(code.bytes.data() + place.offset, bytes->data(), bytes->size());
    return Error::success();
  }

  uint64_t importIndex(StringRef name) const {
    return llvm::lower_bound(code.imports, name) - code.imports.begin();
  }
  uint64_t slotOf(uint64_t import) const {
    return code.bytes.size() - sizeof(uint64_t) * (code.imports.size() - import);
  }

  /// The symbol's place in the result; that of an import is its stub.
  Expected<uint64_t> placeOf(const Object &object, SymbolRef symbol) {
    Expected<StringRef> name = symbol.getName();
    Expected<section_iterator> section = symbol.getSection();
    Expected<uint64_t> value = symbol.getValue();
    if (!name || !section || !value)
      return joinErrors(joinErrors(name.takeError(), section.takeError()), value.takeError());
    if (*section == object.section_end())
      return code.stubs + kStubBytes * importIndex(*name);
    auto found = offsets.find({&object, (*section)->getIndex()});
    if (found == offsets.end())
      return createStringError("a kernel refers to '" + *name + "', which is not loaded");
    return found->second + *value;
  }

  Error link(const Object &object) {
    for (SectionRef relocations : object.sections()) {
      Expected<section_iterator> target = relocations.getRelocatedSection();
      if (!target)
        return target.takeError();
      if (*target == object.section_end())
        continue;
      auto found = offsets.find({&object, (*target)->getIndex()});
      if (found == offsets.end())
        continue; // of what is not loaded
      for (ELFRelocationRef relocation : relocations.relocations())
        if (Error error = resolve(object, relocation, found->second))
          return error;
    }
    for (SymbolRef symbol : object.symbols()) {
      Expected<StringRef> name = symbol.getName();
      if (!name)
        return name.takeError();
      auto found = keysByEntry.find(*name);
      if (found == keysByEntry.end())
        continue;
      Expected<uint64_t> place = placeOf(object, symbol);
      if (!place)
        return place.takeError();
      code.entries.push_back({found->second, *place});
    }
    return Error::success();
  }

  Error resolve(const Object &object, ELFRelocationRef relocation, uint64_t base) {
    uint64_t type = relocation.getType();
    if (type != ELF::R_X86_64_PC32 && type != ELF::R_X86_64_PLT32) {
      SmallString<32> name;
      relocation.getTypeName(name);
      return createStringError("a kernel needs a relocation " + name);
    }
    Expected<uint64_t> place = placeOf(object, *relocation.getSymbol());
    Expected<int64_t> addend = relocation.getAddend();
    if (!place || !addend)
      return joinErrors(place.takeError(), addend.takeError());
    uint64_t at = base + relocation.getOffset();
    if (at >= code.textBytes)
      return createStringError("a constant of a kernel refers to something");
    if (*place >= code.textBytes)
      code.references.push_back(at);
    return writeDistance(at, static_cast<int64_t>(*place + *addend - at));
  }

  Error writeDistance(uint64_t at, int64_t distance) {
    if (!isInt<32>(distance))
      return createStringError("the machine code has more than 2 GiB");
    support::endian::write32le(code.bytes.data() + at, static_cast<uint32_t>(distance));
    return Error::success();
  }

  void writeStubs() {
    for (uint64_t i = 0; i < code.imports.size(); ++i) {
      uint64_t at = code.stubs + kStubBytes * i;
      code.bytes[at] = 0xff, code.bytes[at + 1] = 0x25;
      code.bytes[at + 6] = 0xcc, code.bytes[at + 7] = 0xcc; // int3: nothing runs on
      cantFail(writeDistance(at + 2, static_cast<int64_t>(slotOf(i) - (at + 6))));
    }
  }

  std::vector<std::unique_ptr<ObjectFile>> owned;
  StringMap<std::string> keysByEntry; ///< by the name of the function
  std::vector<Place> text, constants;
  DenseMap<std::pair<const Object *, uint64_t>, uint64_t> offsets;
  std::set<std::string> imports;
  runtime::NativeCode code;
};
} // namespace

Expected<runtime::NativeCode> packCode(std::vector<KernelObject> objects, unsigned level) {
  llvm::sort(objects, [](auto &a, auto &b) { return a.key < b.key; });
  Packer packer;
  for (const KernelObject &object : objects)
    if (Error error = packer.add(object))
      return error;
  Expected<runtime::NativeCode> code = std::move(packer).finish();
  if (code)
    code->level = level;
  return code;
}

} // namespace gnc
