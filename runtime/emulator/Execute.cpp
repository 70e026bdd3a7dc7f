// Blocks and warps in turn, and divergence. A warp is a few fragments, lanes at the same
// instruction each; the one whose instruction comes first in the text runs, and fragments that meet
// join (thread frontiers, Diamos et al. 2011, "SIMD re-convergence at thread frontiers"). No lane
// waits for others unless an instruction says so, as on cards since sm_70.
#include "runtime/emulator/Shadow.h"
#include "runtime/emulator/Warp.h"

#include <algorithm>

namespace gnc::emulator {

/// A fragment that has run so many instructions lets others go first: they may hold what it spins
/// on.
static constexpr uint64_t kPatience = 20000;

namespace {
/// Runs one warp until it waits, exits, or its slice is used up.
template <bool Counting> class WarpRun {
public:
  WarpRun(Warp &warp, uint64_t slice)
      : w(warp), code(warp.block->launch->program->code.data()), worker(*warp.block->worker),
        slice(slice) {}
  /// Instructions that were issued.
  uint64_t run();

private:
  bool choose();
  void joinAt(uint32_t pc);
  void runFragment();
  bool branch(Fragment &f, const Instruction &i, uint32_t taken);
  bool exit(Fragment &f, uint32_t mask);
  bool synchronise(Fragment &f, const Instruction &i, uint32_t mask);
  void count(uint32_t pc, uint32_t mask) {
    if constexpr (Counting) {
      ++worker.counts[pc].issued;
      worker.counts[pc].lanes += std::popcount(mask);
    }
  }

  Warp &w;
  const Instruction *code;
  Worker &worker;
  uint64_t slice, used = 0;
  size_t current = 0;
  uint32_t limit = 0; ///< instruction at which another fragment waits to run or to join
};
} // namespace

/// Makes the first fragment in the text current; false where none can run.
template <bool Counting> bool WarpRun<Counting>::choose() {
  size_t best = w.fragments.size();
  for (int round = 0; round < 2 && best == w.fragments.size(); ++round)
    for (size_t k = 0; k < w.fragments.size(); ++k) {
      Fragment &f = w.fragments[k];
      if (round == 1)
        f.late = false;
      if (f.state == Fragment::State::Ready && !f.late &&
          (best == w.fragments.size() || f.pc < w.fragments[best].pc))
        best = k;
    }
  if (best == w.fragments.size())
    return false;
  current = best;
  if (w.fragments.size() == 1) {
    limit = ~0u;
    return true;
  }
  joinAt(w.fragments[best].pc);
  return true;
}

/// Takes the lanes of all fragments at `pc` into the current one and finds the next limit.
template <bool Counting> void WarpRun<Counting>::joinAt(uint32_t pc) {
  std::vector<Fragment> &all = w.fragments;
  Fragment joined = all[current];
  all[current].mask = 0;
  for (Fragment &f : all)
    if (f.pc == pc && f.mask && f.state != Fragment::State::AtBarrier) {
      joined.mask |= f.mask;
      f.mask = 0;
    }
  std::erase_if(all, [](const Fragment &f) { return f.mask == 0; });
  limit = ~0u;
  if (worker.eagerMerge)
    for (const Fragment &f : all)
      if (f.state != Fragment::State::AtBarrier && f.pc > pc && !f.late)
        limit = std::min(limit, f.pc);
  all.push_back(joined);
  current = all.size() - 1;
}

/// False where another fragment is to be chosen.
template <bool Counting>
bool WarpRun<Counting>::branch(Fragment &f, const Instruction &i, uint32_t taken) {
  uint32_t next = f.pc + 1;
  if (taken == 0) {
    f.pc = next;
    return true;
  }
  bool backward = i.target <= f.pc;
  if (taken == f.mask) {
    f.pc = i.target;
    return !backward || w.fragments.size() == 1;
  }
  Fragment other = f;
  other.pc = i.target;
  other.mask = taken;
  f.pc = next;
  f.mask &= ~taken;
  w.fragments.push_back(other);
  return false;
}

template <bool Counting> bool WarpRun<Counting>::exit(Fragment &f, uint32_t mask) {
  w.alive &= ~mask;
  f.mask &= ~mask;
  w.block->aliveThreads -= std::popcount(mask);
  ++f.pc;
  if (f.mask)
    return true;
  w.fragments.erase(w.fragments.begin() + static_cast<ptrdiff_t>(current));
  releaseBarriers(*w.block);
  return false;
}

/// An instruction that needs all lanes of its member mask at once.
template <bool Counting>
bool WarpRun<Counting>::synchronise(Fragment &f, const Instruction &i, uint32_t mask) {
  uint32_t members = w.alive;
  if (i.op[5]) {
    const uint32_t *given = w.slot<uint32_t>(i.op[5]);
    members = 0;
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
      if (!(given[lane] >> lane & 1))
        w.fault(FaultKind::Barrier, lane,
                "the lane executes this instruction, but its member mask " + hex(given[lane]) +
                    " does not name it");
      members |= given[lane];
    }
    members &= w.alive;
  }
  if (members & ~mask) {
    if (uint32_t off = members & f.mask & ~mask)
      w.fault(FaultKind::Barrier, static_cast<unsigned>(std::countr_zero(off)),
              "the guard is false in a lane that the member mask names (lanes " + hex(off) + ")");
    f.state = Fragment::State::AtSync;
    return false;
  }
  f.state = Fragment::State::Ready;
  i.run[worker.launch->options->checked](w, i, mask);
  ++f.pc;
  return true;
}

template <bool Counting> void WarpRun<Counting>::runFragment() {
  uint64_t end = std::min(slice, used + kPatience);
  for (bool stay = true; stay;) {
    Fragment &f = w.fragments[current];
    uint32_t pc = f.pc;
    const uint32_t active = f.mask, stop = limit;
    // The straight part, by far the most: no fragment changes.
    const Instruction *i = code + pc;
    uint64_t budget = end - used;
    const bool checked = worker.launch->options->checked;
    for (; budget && pc < stop; --budget, ++pc, ++i) {
      uint32_t mask = active & (w.predicate(i->guard) ^ i->flip);
      if (i->flow != Flow::Next)
        break;
      count(pc, mask);
      if (mask) {
        w.pc = pc;
        i->run[checked](w, *i, mask);
      }
    }
    used = end - budget;
    f.pc = pc;
    if (pc >= stop)
      return;
    if (budget == 0) {
      f.late = w.fragments.size() > 1;
      return;
    }
    ++used;
    if ((i->flow == Flow::WarpSync || i->flow == Flow::Barrier) && active != w.alive) {
      joinAt(pc); // others may wait here
      if (w.fragments[current].mask != active)
        continue;
    }
    uint32_t mask = active & (w.predicate(i->guard) ^ i->flip);
    w.pc = pc;
    if (i->flow != Flow::WarpSync)
      count(pc, mask);
    Fragment &now = w.fragments[current];
    switch (i->flow) {
    case Flow::Next: break;
    case Flow::Branch: stay = branch(now, *i, mask); break;
    case Flow::Exit: stay = exit(now, mask); break;
    case Flow::Barrier: stay = mask ? arriveAtBarrier(w, now, *i, mask) : (++now.pc, true); break;
    case Flow::WarpSync:
      if (mask == 0)
        ++now.pc;
      else if ((stay = synchronise(now, *i, mask)))
        count(pc, mask);
      break;
    }
    if (used >= end && stay) {
      w.fragments[current].late = w.fragments.size() > 1;
      return;
    }
  }
}

template <bool Counting> uint64_t WarpRun<Counting>::run() {
  while (used < slice && choose())
    runFragment();
  return used;
}

static bool canRun(const Warp &w) {
  return std::any_of(w.fragments.begin(), w.fragments.end(),
                     [](const Fragment &f) { return f.state == Fragment::State::Ready; });
}

/// Warps in the order of this round: by number, or shuffled where hidden orders are looked for.
static std::vector<uint32_t> warpOrder(Block &block) {
  std::vector<uint32_t> order(block.warps.size());
  for (uint32_t k = 0; k < order.size(); ++k)
    order[k] = k;
  if (block.launch->options->checked)
    for (size_t k = order.size(); k > 1; --k)
      std::swap(order[k - 1], order[block.worker->nextRandom() % k]);
  return order;
}

bool runBlock(Block &block, uint64_t slice) {
  Worker &worker = *block.worker;
  uint64_t perWarp = std::max<uint64_t>(slice / block.warps.size(), 1000);
  for (uint64_t used = 0; used < slice;) {
    bool progress = false, left = false;
    for (uint32_t k : warpOrder(block)) {
      Warp &w = block.warps[k];
      left |= !w.fragments.empty();
      if (!canRun(w))
        continue;
      progress = true;
      uint64_t issued = worker.counts.empty() ? WarpRun<false>(w, perWarp).run()
                                              : WarpRun<true>(w, perWarp).run();
      used += issued;
      worker.fuel -= std::min(worker.fuel, issued);
      if (worker.fuel == 0 && !w.fragments.empty()) {
        w.pc = w.fragments[0].pc;
        w.fault(FaultKind::Hang, static_cast<unsigned>(std::countr_zero(w.fragments[0].mask)),
                "the kernel did not end after " + std::to_string(worker.launch->options->fuel) +
                    " instructions of its warps: a loop without end, or one that waits for what "
                    "nobody does");
      }
    }
    if (!left)
      return true;
    if (!progress)
      reportDeadlock(block);
    if (worker.stop->load(std::memory_order_relaxed))
      return true;
  }
  return false;
}

} // namespace gnc::emulator
