// Races in global memory, and reads of what was never written.
#include "runtime/emulator/Shadow.h"

namespace gnc::emulator {

namespace {
/// The last access to a word of four bytes.
struct Record {
  uint32_t launch; ///< 0: none
  uint32_t block;  ///< linear; kMany of several
  uint32_t when;   ///< clock of the warp; of several threads of a block, its barriers so far
  uint32_t thread : 10;
  uint32_t many : 1; ///< threads of a block
  uint32_t strong : 1;
  uint32_t bytes : 4; ///< of the word
  uint32_t pc : 16;
};
struct Word {
  Record write, read;
};
static_assert(sizeof(Word) == DeviceMemory::kShadow);
constexpr uint32_t kMany = ~0u;

/// One access of one lane.
struct Event {
  Warp &w;
  unsigned lane;
  uint64_t address; ///< of the word
  Access access;
  Record record;
};
} // namespace

static bool isStrong(Access access) {
  return access == Access::Atomic || access == Access::StrongRead;
}

/// Does something order `before` before this event?
static bool ordered(const Event &e, const Record &before) {
  const Record &now = e.record;
  if (before.launch != now.launch || !(before.bytes & now.bytes))
    return true;
  if (before.strong && isStrong(e.access))
    return true;
  if (before.block != now.block)
    return false;
  const SharedShadow &clocks = *e.w.block->shadow;
  if (before.many)
    return before.when < clocks.epoch();
  return before.thread == now.thread ||
         clocks.ordered(e.w.index, before.thread / kLanes, before.when);
}

static std::string blockName(const Warp &w, uint32_t linear) {
  const uint32_t *n = w.block->launch->config->grid;
  return "block (" + std::to_string(linear % n[0]) + ", " + std::to_string(linear / n[0] % n[1]) +
         ", " + std::to_string(linear / n[0] / n[1]) + ")";
}

[[noreturn]] static void report(const Event &e, const Record &before, const char *earlier) {
  const Program &program = *e.w.block->launch->program;
  std::string line = before.pc < program.about.size()
                         ? " (line " + std::to_string(program.about[before.pc].line) + ")"
                         : "";
  bool sameBlock = before.block == e.record.block;
  std::string who = before.block == kMany ? "several blocks"
                    : !sameBlock          ? blockName(e.w, before.block)
                    : before.many ? "several threads"
                                  : "thread " + std::to_string(before.thread) + " of the block";
  const char *now = e.access == Access::Write    ? "write"
                    : e.access == Access::Atomic ? "atomic operation"
                                                 : "read";
  e.w.fault(FaultKind::Race, e.lane,
            std::string(now) + " of global address " + hex(e.address) + " after a " + earlier +
                " by " + who + line +
                (sameBlock ? " with no barrier between: a barrier is needed"
                           : " of the same launch: nothing orders blocks, two launches are needed"),
            e.address);
}

static void checkWord(const Event &e, Word &word) {
  const Record &now = e.record;
  if (!ordered(e, word.write))
    report(e, word.write, word.write.strong ? "atomic operation" : "write");
  if (e.access == Access::StrongRead)
    return;
  if (e.access != Access::Read) {
    if (!ordered(e, word.read))
      report(e, word.read, "read");
    word.write = now;
    return;
  }
  Record &last = word.read;
  if (ordered(e, last)) {
    last = now;
  } else if (last.block != now.block) {
    last = now;
    last.block = kMany;
  } else { // threads of one block: what orders them all is a barrier
    last = now;
    last.many = 1;
    last.when = e.w.block->shadow->epoch();
  }
}

static bool initialised(const DeviceMemory &memory, uint64_t address, unsigned bytes) {
  uint64_t bit = address - memory.begin();
  const uint8_t *bits = memory.initialisedBits() + bit / 8;
  if (bytes >= 8)
    return bits[0] == 0xff && (bytes == 8 || bits[1] == 0xff);
  uint32_t mask = (1u << bytes) - 1;
  return (bits[0] >> bit % 8 & mask) == mask;
}

/// Two lanes of one instruction that store the same are no race.
static bool storesTwice(const Warp &w, const Instruction &i, const Event &e, const Word &word) {
  const Record &before = word.write;
  if (e.access != Access::Write || before.launch != e.record.launch ||
      before.block != e.record.block || before.pc != e.record.pc ||
      before.thread / kLanes != w.index || i.count != 1)
    return false;
  uint32_t other = before.thread % kLanes;
  return i.bytes == 8 ? w.slot<uint64_t>(i.op[0])[e.lane] == w.slot<uint64_t>(i.op[0])[other]
                      : w.slot<uint32_t>(i.op[0])[e.lane] == w.slot<uint32_t>(i.op[0])[other];
}

void checkGlobal(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *addresses,
                 unsigned bytes, Access access) {
  DeviceMemory &memory = *w.block->launch->memory;
  if (!memory.checked())
    return;
  bool reads = access != Access::Write;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(rest));
    uint64_t address = addresses[lane];
    if (reads && !initialised(memory, address, bytes)) {
      uint64_t first = *memory.firstUninitialised(address, bytes);
      w.fault(FaultKind::Uninitialised, lane,
              "read of global address " + hex(first) + ", which was never written", first);
    }
    if (w.block->launch->options->globalRaces) {
      Record record{w.block->launch->number,
                    static_cast<uint32_t>(w.block->linear),
                    w.block->shadow->clock(w.index),
                    w.index * kLanes + lane,
                    0,
                    isStrong(access),
                    bytes >= 4 ? 15u : ((1u << bytes) - 1) << address % 4,
                    std::min(w.pc, 0xffffu)};
      auto *words = reinterpret_cast<Word *>(memory.shadow());
      uint64_t word = (address - memory.begin()) / 4;
      for (unsigned k = 0; k < std::max(1u, bytes / 4); ++k) {
        Event event{w, lane, address + 4 * k, access, record};
        if (!storesTwice(w, i, event, words[word + k]))
          checkWord(event, words[word + k]);
      }
    }
    if (access != Access::Read && access != Access::StrongRead)
      memory.markInitialised(address, bytes);
  }
}

} // namespace gnc::emulator
