//===- CodeLoader.cpp - machine code into this process
//------------------------------------------===//
#include "runtime/CodeLoader.h"

#include "runtime/ProgramParts.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <sys/mman.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace gnc::runtime {

//===- The processor --------------------------------------------------------------------------===//

#if defined(__x86_64__)
namespace {
/// Registers that the kernel saves when it switches between threads (XCR0).
uint64_t savedRegisters() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

struct CpuBits {
  uint32_t basic = 0;    ///< leaf 1, ecx
  uint32_t extended = 0; ///< leaf 7, ebx
  uint32_t amd = 0;      ///< leaf 0x80000001, ecx
};

bool has(uint32_t bits, std::initializer_list<int> wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](int bit) { return bits >> bit & 1; });
}

// The levels as the psABI lists them.
bool isV2(const CpuBits &cpu) { // cx16, popcnt, sse3, sse4.1, sse4.2, ssse3; lahf
  return has(cpu.basic, {13, 23, 0, 19, 20, 9}) && has(cpu.amd, {0});
}
bool isV3(const CpuBits &cpu) { // avx, fma, f16c, movbe, osxsave; avx2, bmi1, bmi2; lzcnt
  return has(cpu.basic, {28, 12, 29, 22, 27}) && has(cpu.extended, {5, 3, 8}) &&
         has(cpu.amd, {5}) && (savedRegisters() & 0x6) == 0x6;
}
bool isV4(const CpuBits &cpu) { // avx512f, avx512bw, avx512cd, avx512dq, avx512vl
  return has(cpu.extended, {16, 30, 28, 17, 31}) && (savedRegisters() & 0xe6) == 0xe6;
}

unsigned detectLevel() {
  CpuBits cpu;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d))
    cpu.basic = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
    cpu.extended = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    cpu.amd = c;
  return !isV2(cpu) ? 1 : !isV3(cpu) ? 2 : !isV4(cpu) ? 3 : 4;
}
} // namespace

unsigned cpuLevel() {
  static const unsigned level = detectLevel();
  return level;
}
#else
unsigned cpuLevel() { return 0; }
#endif

std::string cpuLevelName(unsigned level) { return "x86-64-v" + std::to_string(level); }

//===- Loading --------------------------------------------------------------------------------===//

namespace {
using Single = float (*)(float);
using Couple = float (*)(float, float);

template <typename Function> void *addressOf(Function function) {
  return reinterpret_cast<void *>(function);
}

/// In the order of `nativeImports`.
void *const importAddresses[] = {addressOf<Single>(acosf),
                                 addressOf<Single>(asinf),
                                 addressOf<Couple>(atan2f),
                                 addressOf<Single>(atanf),
                                 addressOf<Single>(ceilf),
                                 addressOf<Single>(cosf),
                                 addressOf<Single>(coshf),
                                 addressOf<Single>(erff),
                                 addressOf<Single>(exp2f),
                                 addressOf<Single>(expf),
                                 addressOf<Single>(expm1f),
                                 addressOf<Single>(floorf),
                                 addressOf<float (*)(float, float, float)>(fmaf),
                                 addressOf<Couple>(fmodf),
                                 addressOf<Single>(log10f),
                                 addressOf<Single>(log1pf),
                                 addressOf<Single>(log2f),
                                 addressOf<Single>(logf),
                                 addressOf(memcpy),
                                 addressOf(memmove),
                                 addressOf(memset),
                                 addressOf<Couple>(powf),
                                 addressOf<Single>(rintf),
                                 addressOf<Single>(roundf),
                                 addressOf<Single>(roundevenf),
                                 addressOf<void (*)(float, float *, float *)>(sincosf),
                                 addressOf<Single>(sinf),
                                 addressOf<Single>(sinhf),
                                 addressOf<Single>(sqrtf),
                                 addressOf<Single>(tanf),
                                 addressOf<Single>(tanhf),
                                 addressOf<Single>(truncf)};
static_assert(std::size(importAddresses) == std::size(nativeImports));

/// Pages of their own, released with the last program that uses them.
struct CodePages {
  void *at = MAP_FAILED;
  size_t size = 0;
  ~CodePages() {
    if (at != MAP_FAILED)
      munmap(at, size);
  }
};

Status checkCode(const NativeCode &code) {
  uint64_t size = code.bytes.size(), page = NativeCode::pageBytes;
  if (size % page || code.textBytes % page || code.textBytes > size)
    return badProgram("its machine code does not fill whole pages");
  if (code.imports.size() > std::size(nativeImports) ||
      code.imports.size() * sizeof(void *) > size - code.textBytes)
    return badProgram("its machine code has no room for what it calls");
  for (const NativeCode::Entry &entry : code.entries)
    if (entry.offset >= code.textBytes)
      return badProgram("a kernel lies outside its machine code");
  auto before = [](const auto &a, const auto &b) { return a.key < b.key; };
  if (!std::is_sorted(code.entries.begin(), code.entries.end(), before))
    return badProgram("its kernels are not in their order");
  return {};
}

/// Writes the addresses of the imports into the last words of `bytes`.
Status linkImports(const NativeCode &code, uint8_t *bytes) {
  uint8_t *slot = bytes + code.bytes.size() - code.imports.size() * sizeof(void *);
  for (const std::string &name : code.imports) {
    auto found = std::find(std::begin(nativeImports), std::end(nativeImports), name);
    if (found == std::end(nativeImports))
      return badProgram("its machine code calls '" + name + "', which this gnc does not have");
    memcpy(slot, &importAddresses[found - std::begin(nativeImports)], sizeof(void *));
    slot += sizeof(void *);
  }
  return {};
}

Error refusedPages() {
  return systemError("cannot-load-code", "make memory executable for the machine code", errno)
      .withHelp("let this process map executable memory, or link the net as an object: gnc compile "
                "NET.net -o NET.o");
}

/// Written first, executable afterwards, never both.
Result<std::shared_ptr<CodePages>> mapCode(const NativeCode &code) {
  auto pages = std::make_shared<CodePages>();
  pages->size = code.bytes.size();
  pages->at =
      mmap(nullptr, pages->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages->at == MAP_FAILED)
    return refusedPages();
  auto *bytes = static_cast<uint8_t *>(pages->at);
  memcpy(bytes, code.bytes.data(), code.bytes.size());
  if (Status status = linkImports(code, bytes); !status.ok())
    return std::move(status).error();
  size_t constants = code.bytes.size() - code.textBytes;
  if (mprotect(bytes, code.textBytes, PROT_READ | PROT_EXEC) != 0 ||
      (constants && mprotect(bytes + code.textBytes, constants, PROT_READ) != 0))
    return refusedPages();
  return pages;
}

Status setEntries(Program &program, const NativeCode &code,
                  const std::shared_ptr<CodePages> &pages) {
  if (program.target != Target::Cpu || program.kernels.empty())
    return {};
  for (Kernel &kernel : program.kernels) {
    auto entry =
        std::lower_bound(code.entries.begin(), code.entries.end(), kernel.key,
                         [](const auto &e, const std::string &key) { return e.key < key; });
    if (entry == code.entries.end() || entry->key != kernel.key)
      return badProgram("kernel " + kernel.key + " has no machine code");
    auto *address = static_cast<uint8_t *>(pages->at) + entry->offset;
    kernel.entry = reinterpret_cast<KernelEntry>(address);
  }
  program.code = pages;
  return {};
}
} // namespace

Status checkLevel(unsigned level) {
  if (level < 2 || level > 4)
    return badProgram("it is for the unknown processor " + cpuLevelName(level));
  if (level <= cpuLevel())
    return {};
  return environmentError("no-target", "the program needs a processor of " + cpuLevelName(level) +
                                           ", this one is " + cpuLevelName(cpuLevel()))
      .withHelp("compile it for this one: gnc compile NET.net --cpu=" +
                cpuLevelName(std::max(2u, cpuLevel())) + " -o FILE");
}

Status loadCode(CompiledNet &net) {
  if (!net.native || net.native->bytes.empty())
    return {};
  const NativeCode &code = *net.native;
  if (Status status = checkLevel(code.level); !status.ok())
    return status;
  if (Status status = checkCode(code); !status.ok())
    return status;
  Result<std::shared_ptr<CodePages>> pages = mapCode(code);
  if (!pages.ok())
    return std::move(pages).error();
  for (Program *program : programsOf(net))
    if (Status status = setEntries(*program, code, *pages); !status.ok())
      return status;
  return {};
}

} // namespace gnc::runtime
