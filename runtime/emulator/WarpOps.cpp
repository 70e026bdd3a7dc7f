// Shuffles, votes and other exchanges within a warp (PTX ISA 9.7.9.6 and 9.7.13).
#include "runtime/emulator/Handlers.h"

#include "runtime/emulator/Access.h"

#include <algorithm>

namespace gnc::emulator {

enum class Shuffle { Up, Down, Butterfly, Index };

template <Shuffle Mode, bool Checked>
static void shuffle(Warp &w, const Instruction &i, uint32_t mask) {
  const uint32_t *from = w.slot<uint32_t>(i.op[1]), *distance = w.slot<uint32_t>(i.op[2]);
  const uint32_t *clamp = w.slot<uint32_t>(i.op[3]), *members = w.slot<uint32_t>(i.op[5]);
  uint32_t *to = w.slot<uint32_t>(i.op[0]);
  uint32_t inRange = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<int>(firstLane(rest));
    const int b = static_cast<int>(distance[lane] & 31);
    const int segment = static_cast<int>(clamp[lane] >> 8 & 31);
    const int last = (lane & segment) | (static_cast<int>(clamp[lane] & 31) & ~segment);
    int other = Mode == Shuffle::Up          ? lane - b
                : Mode == Shuffle::Down      ? lane + b
                : Mode == Shuffle::Butterfly ? lane ^ b
                                             : (lane & segment) | (b & ~segment);
    bool valid = Mode == Shuffle::Up ? other >= last : other <= last;
    other = valid ? other : lane;
    inRange |= static_cast<uint32_t>(valid) << lane;
    if constexpr (Checked)
      if (!(mask >> other & 1) || !(members[lane] >> other & 1))
        w.fault(FaultKind::Barrier, static_cast<unsigned>(lane),
                "reads lane " + std::to_string(other) + ", which takes no part (lanes " +
                    hex(mask & members[lane]) + " do)");
    to[lane] = from[other];
  }
  if (i.op[4])
    w.setPredicate(i.op[4], inRange, mask);
}

HandlerPair shuffleHandler(std::string_view mode) {
  if (mode == "up")
    return {shuffle<Shuffle::Up, false>, shuffle<Shuffle::Up, true>};
  if (mode == "down")
    return {shuffle<Shuffle::Down, false>, shuffle<Shuffle::Down, true>};
  if (mode == "bfly")
    return {shuffle<Shuffle::Butterfly, false>, shuffle<Shuffle::Butterfly, true>};
  return {shuffle<Shuffle::Index, false>, shuffle<Shuffle::Index, true>};
}

/// Calls f(lanes) for every set of lanes that name the same members.
template <class F> static void eachGroup(const Warp &w, const Instruction &i, uint32_t mask, F f) {
  const uint32_t *members = w.slot<uint32_t>(i.op[5]);
  while (mask) {
    uint32_t wanted = members[firstLane(mask)], group = 0;
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      if (members[firstLane(rest)] == wanted)
        group |= 1u << firstLane(rest);
    f(group);
    mask &= ~group;
  }
}
static void setLanes(uint32_t *to, uint32_t mask, uint32_t value) {
  for (; mask; mask &= mask - 1)
    to[firstLane(mask)] = value;
}

enum class Vote { All, Any, Uniform, Ballot };
template <Vote Mode> static void vote(Warp &w, const Instruction &i, uint32_t mask) {
  const uint32_t votes = w.predicate(i.op[1]);
  eachGroup(w, i, mask, [&](uint32_t group) {
    uint32_t yes = votes & group;
    bool result = Mode == Vote::All   ? yes == group
                  : Mode == Vote::Any ? yes != 0
                                      : yes == group || yes == 0;
    if (Mode == Vote::Ballot)
      setLanes(w.slot<uint32_t>(i.op[0]), group, yes);
    else
      w.setPredicate(i.op[0], result ? kAllLanes : 0, group);
  });
}
HandlerPair voteHandler(std::string_view mode) {
  return mode == "all"   ? vote<Vote::All>
         : mode == "any" ? vote<Vote::Any>
         : mode == "uni" ? vote<Vote::Uniform>
                         : vote<Vote::Ballot>;
}

template <class T, bool All> static void match(Warp &w, const Instruction &i, uint32_t mask) {
  const T *values = w.slot<T>(i.op[1]);
  uint32_t *to = w.slot<uint32_t>(i.op[0]);
  eachGroup(w, i, mask, [&](uint32_t group) {
    bool same = true;
    for (uint32_t a = group; a; a &= a - 1) {
      uint32_t equal = 0;
      for (uint32_t b = group; b; b &= b - 1)
        equal |= static_cast<uint32_t>(values[firstLane(a)] == values[firstLane(b)])
                 << firstLane(b);
      same &= equal == group;
      if (!All)
        to[firstLane(a)] = equal;
    }
    if (All)
      setLanes(to, group, same ? group : 0);
    if (i.op[4])
      w.setPredicate(i.op[4], same ? kAllLanes : 0, group);
  });
}
HandlerPair matchHandler(bool all, bool wide) {
  if (all)
    return wide ? match<uint64_t, true> : match<uint32_t, true>;
  return wide ? match<uint64_t, false> : match<uint32_t, false>;
}

static uint32_t addBits(uint32_t a, uint32_t b) { return a + b; }
static uint32_t andBits(uint32_t a, uint32_t b) { return a & b; }
static uint32_t orBits(uint32_t a, uint32_t b) { return a | b; }
static uint32_t xorBits(uint32_t a, uint32_t b) { return a ^ b; }
template <class T> uint32_t least(uint32_t a, uint32_t b) {
  return static_cast<T>(a) < static_cast<T>(b) ? a : b;
}
template <class T> uint32_t most(uint32_t a, uint32_t b) {
  return static_cast<T>(a) > static_cast<T>(b) ? a : b;
}
template <auto F> static void redux(Warp &w, const Instruction &i, uint32_t mask) {
  const uint32_t *from = w.slot<uint32_t>(i.op[1]);
  eachGroup(w, i, mask, [&](uint32_t group) {
    uint32_t result = from[firstLane(group)];
    for (uint32_t rest = group & (group - 1); rest; rest &= rest - 1)
      result = F(result, from[firstLane(rest)]);
    setLanes(w.slot<uint32_t>(i.op[0]), group, result);
  });
}
HandlerPair reduxHandler(std::string_view operation, Type type) {
  bool isBits = type == Type::B32, isSigned = type == Type::S32;
  if (isBits)
    return operation == "and"   ? redux<andBits>
           : operation == "or"  ? redux<orBits>
           : operation == "xor" ? redux<xorBits>
                                : nullptr;
  if (!isSigned && type != Type::U32)
    return {};
  if (operation == "add")
    return redux<addBits>;
  if (operation == "min")
    return isSigned ? redux<least<int32_t>> : redux<least<uint32_t>>;
  if (operation == "max")
    return isSigned ? redux<most<int32_t>> : redux<most<uint32_t>>;
  return {};
}

static void activeMask(Warp &w, const Instruction &i, uint32_t mask) {
  setLanes(w.slot<uint32_t>(i.op[0]), mask, mask);
}
HandlerPair activeMaskHandler() { return activeMask; }

static void nothing(Warp &, const Instruction &, uint32_t) {}
static void warpBarrier(Warp &w, const Instruction &, uint32_t) {
  w.block->shadow->warpSync(w.index);
}
HandlerPair warpBarrierHandler() { return {nothing, warpBarrier}; }
HandlerPair nothingHandler() { return nothing; }

static void trap(Warp &w, const Instruction &, uint32_t mask) {
  w.fault(FaultKind::Trap, firstLane(mask), "the kernel stops itself");
}
HandlerPair trapHandler() { return trap; }

template <class T> static void clock(Warp &w, const Instruction &i, uint32_t mask) {
  uint64_t now = w.block->launch->options->fuel - w.block->worker->fuel + w.pc;
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    w.slot<T>(i.op[0])[firstLane(rest)] = static_cast<T>(now);
}
HandlerPair clockHandler(bool wide) { return wide ? clock<uint64_t> : clock<uint32_t>; }

} // namespace gnc::emulator
