// Barriers of a block (PTX ISA 9.7.13.1), and what is said when everyone waits.
#include "runtime/emulator/Shadow.h"
#include "runtime/emulator/Warp.h"

namespace gnc::emulator {

static unsigned firstLane(uint32_t mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

/// The value of an operand that has to be the same in all lanes.
static uint32_t uniform(Warp &w, uint32_t offset, uint32_t mask, const char *what) {
  const uint32_t *values = w.slot<uint32_t>(offset);
  uint32_t value = values[firstLane(mask)];
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    if (values[firstLane(rest)] != value)
      w.fault(FaultKind::Barrier, firstLane(rest),
              std::string("lanes of a warp disagree about ") + what + ": " + std::to_string(value) +
                  " and " + std::to_string(values[firstLane(rest)]));
  return value;
}

static const char *formOf(uint8_t flags) {
  return flags & kReduce ? "bar.red" : flags & kArrive ? "bar.arrive" : "bar.sync";
}

/// The barrier is complete: everyone who waits at it goes on.
static void release(Block &block, uint8_t number) {
  Barrier &barrier = block.barriers[number];
  const Program &program = *block.launch->program;
  if (block.shadow)
    block.shadow->complete(number);
  for (Warp &w : block.warps)
    for (Fragment &f : w.fragments)
      if (f.state == Fragment::State::AtBarrier && f.barrier == number) {
        const Instruction &i = program.code[f.pc];
        if (i.flags & kReduce)
          switch (i.immediate) {
          case 0: // popc
            for (uint32_t rest = f.mask; rest; rest &= rest - 1)
              w.slot<uint32_t>(i.op[0])[firstLane(rest)] = barrier.ones;
            break;
          case 1: w.setPredicate(i.op[0], barrier.ones == barrier.voters ? ~0u : 0, f.mask); break;
          default: w.setPredicate(i.op[0], barrier.ones ? ~0u : 0, f.mask); break;
          }
        f.state = Fragment::State::Ready;
        ++f.pc;
      }
  barrier = Barrier();
}

static bool complete(const Block &block, const Barrier &barrier) {
  return barrier.arrived &&
         barrier.arrived >= (barrier.expected ? barrier.expected : block.aliveThreads);
}

void releaseBarriers(Block &block) {
  for (uint8_t number = 0; number < 16; ++number)
    if (block.barriers[number].expected == 0 && complete(block, block.barriers[number]))
      release(block, number);
}

/// What the arrivals at one barrier have to agree about.
static void compare(Warp &w, const Instruction &i, const Barrier &barrier, uint32_t number,
                    uint32_t expected, uint32_t mask) {
  if (barrier.arrived == 0)
    return;
  const Description &first = w.block->launch->program->about[barrier.firstPc];
  if (barrier.expected != expected)
    w.fault(FaultKind::Barrier, firstLane(mask),
            "barrier " + std::to_string(number) + " is reached with " +
                (expected ? std::to_string(expected) : "all") + " threads, but line " +
                std::to_string(first.line) + " reached it with " +
                (barrier.expected ? std::to_string(barrier.expected) : "all"));
  if ((barrier.form & kReduce) != (i.flags & kReduce))
    w.fault(FaultKind::Barrier, firstLane(mask),
            "barrier " + std::to_string(number) + " is reached by " + formOf(i.flags) +
                ", but line " + std::to_string(first.line) + " reached it by " +
                formOf(barrier.form));
}

bool arriveAtBarrier(Warp &w, Fragment &f, const Instruction &i, uint32_t mask) {
  Block &block = *w.block;
  uint32_t number = uniform(w, i.op[1], mask, "the barrier");
  if (number > 15)
    w.fault(FaultKind::Barrier, firstLane(mask),
            "barrier " + std::to_string(number) + ": a block has barriers 0 to 15");
  bool aligned = !(i.flags & kUnaligned);
  if (aligned && mask != f.mask)
    w.fault(FaultKind::Barrier, firstLane(f.mask & ~mask),
            "the guard of a barrier differs within a warp: lanes " + hex(mask) +
                " reach it, lanes " + hex(f.mask & ~mask) + " do not");
  if (aligned && mask != w.alive) { // the others may come yet
    f.state = Fragment::State::AtSync;
    return false;
  }
  uint32_t expected = i.flags & kHasCount ? uniform(w, i.op[2], mask, "the number of threads") : 0;
  if (i.flags & kHasCount &&
      (expected == 0 || expected % kLanes || expected > 32 * block.warps.size()))
    w.fault(FaultKind::Barrier, firstLane(mask),
            "a barrier for " + std::to_string(expected) + " threads in a block of " +
                std::to_string(block.launch->threads) +
                ": a multiple of 32 up to the block's size is needed");
  Barrier &barrier = block.barriers[number];
  compare(w, i, barrier, number, expected, mask);
  if (barrier.arrived == 0)
    barrier.firstPc = f.pc;
  barrier.expected = expected;
  barrier.form |= i.flags;
  barrier.arrived += expected && aligned ? kLanes : static_cast<uint32_t>(std::popcount(mask));
  if (i.flags & kReduce) {
    uint32_t votes = w.predicate(i.op[3]) ^ w.predicate(i.op[4]);
    barrier.ones += static_cast<uint32_t>(std::popcount(votes & mask));
    barrier.voters += static_cast<uint32_t>(std::popcount(mask));
  }
  if (block.shadow)
    block.shadow->arrive(w.index, static_cast<uint8_t>(number), !(i.flags & kArrive));
  if (i.flags & kArrive) {
    ++f.pc;
  } else {
    f.state = Fragment::State::AtBarrier;
    f.barrier = static_cast<uint8_t>(number);
  }
  if (barrier.expected && barrier.arrived > barrier.expected)
    w.fault(FaultKind::Barrier, firstLane(mask),
            "barrier " + std::to_string(number) + " expects " + std::to_string(expected) +
                " threads, and " + std::to_string(barrier.arrived) + " arrive");
  if (complete(block, barrier))
    release(block, static_cast<uint8_t>(number));
  return i.flags & kArrive;
}

//===- Nobody can go on -----------------------------------------------------------------------===//

static std::string lineOf(const Block &block, uint32_t pc) {
  return "line " + std::to_string(block.launch->program->about[pc].line);
}

/// Where the lanes of a warp are, but for one fragment.
static std::string others(const Block &block, const Warp &w, const Fragment &but) {
  std::string text;
  for (const Fragment &f : w.fragments)
    if (&f != &but)
      text += (text.empty() ? "" : ", ") + std::string("lanes ") + hex(f.mask) + " wait at " +
              lineOf(block, f.pc);
  return text.empty() ? "all others have exited" : text;
}

void reportDeadlock(Block &block) {
  for (Warp &w : block.warps)
    for (const Fragment &f : w.fragments)
      if (f.state == Fragment::State::AtSync) {
        w.pc = f.pc;
        bool barrier = block.launch->program->code[f.pc].flow == Flow::Barrier;
        w.fault(FaultKind::Barrier, firstLane(f.mask),
                std::string(barrier ? "a barrier needs all threads of a warp at once"
                                    : "this instruction waits for all lanes of its member mask") +
                    ", and only lanes " + hex(f.mask) + " are here; " + others(block, w, f));
      }
  for (Warp &w : block.warps)
    for (const Fragment &f : w.fragments) {
      w.pc = f.pc;
      const Barrier &barrier = block.barriers[f.barrier];
      std::string where;
      for (Warp &other : block.warps)
        for (const Fragment &g : other.fragments)
          if (where.empty() && g.pc != f.pc)
            where = "; warp " + std::to_string(other.index) + " waits at " + lineOf(block, g.pc);
      w.fault(FaultKind::Deadlock, firstLane(f.mask),
              "everyone waits: barrier " + std::to_string(f.barrier) + " has " +
                  std::to_string(barrier.arrived) + " of " +
                  std::to_string(barrier.expected ? barrier.expected : block.aliveThreads) +
                  " threads" + where);
    }
  __builtin_unreachable(); // a block without fragments is done
}

} // namespace gnc::emulator
