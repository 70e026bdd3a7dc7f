// atom and red (PTX ISA 9.7.13.5). The host's own atomic operations, as blocks run on several
// threads. The order of lanes is open in PTX: the checked mode draws it.
#include "runtime/emulator/Handlers.h"

#include "runtime/emulator/Access.h"
#include "runtime/emulator/Number.h"

#include <array>

namespace gnc::emulator {

template <class B> using Operation = B (*)(B old, B b, B c);

template <class T, class F> static T withHalves(T old, T b, F f) {
  return {f(old.low, b.low), f(old.high, b.high)};
}
template <class T> struct AddTo {
  static T f(T old, T b, T) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat>)
      return roundTo16<T>(toFloat(old) + toFloat(b));
    else if constexpr (std::is_same_v<T, Two<Half>> || std::is_same_v<T, Two<BFloat>>)
      return withHalves(old, b, [](auto x, auto y) { return AddTo<decltype(x)>::f(x, y, x); });
    else if constexpr (std::is_floating_point_v<T>)
      return canonical(old + b);
    else
      return static_cast<T>(static_cast<std::make_unsigned_t<T>>(old) +
                            static_cast<std::make_unsigned_t<T>>(b));
  }
};
static float addFlushed(float old, float b, float) {
  return flush(canonical(flush(old) + flush(b)));
}
template <class T> struct MinTo {
  static T f(T old, T b, T) { return b < old ? b : old; }
};
template <class T> struct MaxTo {
  static T f(T old, T b, T) { return b > old ? b : old; }
};
template <class T> struct AndTo {
  static T f(T old, T b, T) { return old & b; }
};
template <class T> struct OrTo {
  static T f(T old, T b, T) { return old | b; }
};
template <class T> struct XorTo {
  static T f(T old, T b, T) { return old ^ b; }
};
template <class T> struct Exchange {
  static T f(T, T b, T) { return b; }
};
template <class T> struct CompareSwap {
  static T f(T old, T b, T c) { return old == b ? c : old; }
};
template <class T> struct Increment {
  static T f(T old, T b, T) { return old >= b ? 0 : old + 1; }
};
template <class T> struct Decrement {
  static T f(T old, T b, T) { return old == 0 || old > b ? b : old - 1; }
};

/// The lanes of a mask, in order or, in the checked mode, in a drawn one.
template <bool Checked, class F> static void eachLane(Warp &w, uint32_t mask, F f) {
  if constexpr (Checked) {
    std::array<uint8_t, 32> lanes;
    size_t count = 0;
    for (; mask; mask &= mask - 1)
      lanes[count++] = static_cast<uint8_t>(firstLane(mask));
    for (; count; --count) {
      std::swap(lanes[count - 1], lanes[w.block->worker->nextRandom() % count]);
      f(lanes[count - 1]);
    }
  } else
    for (; mask; mask &= mask - 1)
      f(firstLane(mask));
}

/// How memory holds a T.
template <class T>
using Cell = std::conditional_t<sizeof(T) == 8, uint64_t,
                                std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;

template <auto F> struct Atomic;
template <class T, T (*F)(T, T, T)> struct Atomic<F> {
  using Bits = typename Lane<T>::Bits;

  template <bool Checked, class Pointer>
  static void apply(Warp &w, const Instruction &i, uint32_t mask, Pointer pointer) {
    const Bits *b = w.slot<Bits>(i.op[2]), *c = w.slot<Bits>(i.op[3]);
    Bits *to = w.slot<Bits>(i.op[0]);
    eachLane<Checked>(w, mask, [&](unsigned lane) {
      auto *cell = reinterpret_cast<Cell<T> *>(pointer(lane));
      Cell<T> old = __atomic_load_n(cell, __ATOMIC_RELAXED), fresh;
      do
        fresh = static_cast<Cell<T>>(
            Lane<T>::put(F(Lane<T>::get(old), Lane<T>::get(b[lane]), Lane<T>::get(c[lane]))));
      while (!__atomic_compare_exchange_n(cell, &old, fresh, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
      to[lane] = old;
    });
  }
  template <bool Checked> static void global(Warp &w, const Instruction &i, uint32_t mask) {
    uint64_t address[32];
    address64(w, i, i.op[1], address);
    globalAt<Checked>(w, i, mask, address);
  }
  template <bool Checked>
  static void globalAt(Warp &w, const Instruction &i, uint32_t mask, const uint64_t *address) {
    enterGlobal<Checked>(w, i, mask, address, sizeof(T), Access::Atomic);
    apply<Checked>(w, i, mask, [&](unsigned lane) { return address[lane]; });
  }
  template <bool Checked> static void shared(Warp &w, const Instruction &i, uint32_t mask) {
    uint32_t offset[32];
    address32(w, i, i.op[1], offset);
    sharedAt<Checked>(w, i, mask, offset);
  }
  template <bool Checked>
  static void sharedAt(Warp &w, const Instruction &i, uint32_t mask, const uint32_t *offset) {
    enterShared<Checked>(w, i, mask, offset, sizeof(T), Access::Atomic);
    std::byte *base = w.block->shared.data();
    apply<Checked>(w, i, mask, [&](unsigned lane) { return base + offset[lane]; });
  }
  template <bool Checked> static void generic(Warp &w, const Instruction &i, uint32_t mask) {
    uint64_t address[32], window = w.block->launch->memory->sharedWindow();
    uint32_t offset[32], inShared = 0;
    address64(w, i, i.op[1], address);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
      unsigned lane = firstLane(rest);
      offset[lane] = static_cast<uint32_t>(address[lane] - window);
      inShared |= static_cast<uint32_t>(address[lane] - window < DeviceMemory::kWindow) << lane;
    }
    if (inShared)
      sharedAt<Checked>(w, i, inShared, offset);
    if (mask & ~inShared)
      globalAt<Checked>(w, i, mask & ~inShared, address);
  }
  static HandlerPair handler(Space space) {
    switch (space) {
    case Space::Global: return {global<false>, global<true>};
    case Space::Shared: return {shared<false>, shared<true>};
    case Space::Generic: return {generic<false>, generic<true>};
    default: return {};
    }
  }
};

template <template <class> class F, class... T>
static HandlerPair amongAtomics(Type type, std::initializer_list<Type> types, Space space) {
  HandlerPair found;
  const Type *t = types.begin();
  ((*t++ == type ? (found = Atomic<&F<T>::f>::handler(space), 0) : 0), ...);
  return found;
}

HandlerPair atomicHandler(std::string_view operation, Type type, Space space, bool ftz) {
  using enum Type;
  if (operation == "add" && type == F32 && ftz)
    return Atomic<addFlushed>::handler(space);
  if (operation == "add")
    return amongAtomics<AddTo, uint32_t, uint32_t, uint64_t, float, double, Half, BFloat, Two<Half>,
                        Two<BFloat>>(type, {U32, S32, U64, F32, F64, F16, BF16, F16x2, BF16x2},
                                     space);
  if (operation == "min")
    return amongAtomics<MinTo, uint32_t, int32_t, uint64_t, int64_t>(type, {U32, S32, U64, S64},
                                                                     space);
  if (operation == "max")
    return amongAtomics<MaxTo, uint32_t, int32_t, uint64_t, int64_t>(type, {U32, S32, U64, S64},
                                                                     space);
  if (operation == "and")
    return amongAtomics<AndTo, uint32_t, uint64_t>(type, {B32, B64}, space);
  if (operation == "or")
    return amongAtomics<OrTo, uint32_t, uint64_t>(type, {B32, B64}, space);
  if (operation == "xor")
    return amongAtomics<XorTo, uint32_t, uint64_t>(type, {B32, B64}, space);
  if (operation == "exch")
    return amongAtomics<Exchange, uint32_t, uint64_t>(type, {B32, B64}, space);
  if (operation == "cas")
    return amongAtomics<CompareSwap, uint32_t, uint64_t, uint16_t>(type, {B32, B64, B16}, space);
  if (operation == "inc")
    return amongAtomics<Increment, uint32_t>(type, {U32}, space);
  if (operation == "dec")
    return amongAtomics<Decrement, uint32_t>(type, {U32}, space);
  return {};
}

} // namespace gnc::emulator
