// Arithmetic of whole numbers (PTX ISA 9.7.1).
#include "runtime/emulator/Select.h"

namespace gnc::emulator {

template <class T> using Unsigned = std::make_unsigned_t<T>;
/// A type of twice the width, for products.
template <class T> struct Double;
template <> struct Double<uint16_t> {
  using type = uint32_t;
};
template <> struct Double<int16_t> {
  using type = int32_t;
};
template <> struct Double<uint32_t> {
  using type = uint64_t;
};
template <> struct Double<int32_t> {
  using type = int64_t;
};
template <> struct Double<uint64_t> {
  using type = unsigned __int128;
};
template <> struct Double<int64_t> {
  using type = __int128;
};
template <class T> using Twice = typename Double<T>::type;

// Sums and products wrap: computed unsigned, in 64 bits where int would overflow.
template <class T> T wrap(uint64_t x) { return static_cast<T>(x); }
template <class T> struct Add {
  static T f(T a, T b) { return static_cast<T>(Unsigned<T>(a) + Unsigned<T>(b)); }
};
template <class T> struct Sub {
  static T f(T a, T b) { return static_cast<T>(Unsigned<T>(a) - Unsigned<T>(b)); }
};
template <class T> T low(T a, T b) {
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  else
    return static_cast<T>(Unsigned<T>(a) * Unsigned<T>(b));
}
template <class T> T high(T a, T b) {
  return static_cast<T>((Twice<T>(a) * Twice<T>(b)) >> (8 * sizeof(T)));
}
template <class T> struct MulLow {
  static T f(T a, T b) { return low(a, b); }
};
template <class T> struct MulHigh {
  static T f(T a, T b) { return high(a, b); }
};
template <class T> struct MulWide {
  static Twice<T> f(T a, T b) { return Twice<T>(a) * Twice<T>(b); }
};
template <class T> struct MadLow {
  static T f(T a, T b, T c) { return Add<T>::f(low(a, b), c); }
};
template <class T> struct MadHigh {
  static T f(T a, T b, T c) { return Add<T>::f(high(a, b), c); }
};
template <class T> struct MadWide {
  static Twice<T> f(T a, T b, Twice<T> c) { return Add<Twice<T>>::f(Twice<T>(a) * Twice<T>(b), c); }
};
template <class T> int64_t of24(T a) {
  return std::is_signed_v<T> ? int64_t(int32_t(uint32_t(a) << 8) >> 8)
                             : int64_t(uint32_t(a) & 0xffffff);
}
template <class T> struct Mul24Low {
  static T f(T a, T b) { return wrap<T>(of24(a) * of24(b)); }
};
template <class T> struct Mul24High {
  static T f(T a, T b) { return wrap<T>((of24(a) * of24(b)) >> 16); }
};
template <class T> struct Mad24Low {
  static T f(T a, T b, T c) { return Add<T>::f(Mul24Low<T>::f(a, b), c); }
};
template <class T> struct Mad24High {
  static T f(T a, T b, T c) { return Add<T>::f(Mul24High<T>::f(a, b), c); }
};
template <class T> T clamped(int64_t x) {
  using L = std::numeric_limits<T>;
  return static_cast<T>(x < L::min() ? L::min() : x > L::max() ? L::max() : x);
}
template <class T> struct AddSat {
  static T f(T a, T b) { return clamped<T>(int64_t(a) + b); }
};
template <class T> struct SubSat {
  static T f(T a, T b) { return clamped<T>(int64_t(a) - b); }
};

// The host must not stop at what PTX leaves open: division by zero gives all ones, and the
// remainder its dividend, as cards do; the smallest number by -1 wraps.
template <class T> struct Div {
  static T f(T a, T b) {
    if (b == 0)
      return static_cast<T>(-1);
    if (std::is_signed_v<T> && b == static_cast<T>(-1))
      return Sub<T>::f(0, a);
    return static_cast<T>(a / b);
  }
};
template <class T> struct Rem {
  static T f(T a, T b) {
    if (b == 0)
      return a;
    if (std::is_signed_v<T> && b == static_cast<T>(-1))
      return 0;
    return static_cast<T>(a % b);
  }
};
template <class T> struct Abs {
  static T f(T a) { return a < 0 ? Sub<T>::f(0, a) : a; }
};
template <class T> struct Neg {
  static T f(T a) { return Sub<T>::f(0, a); }
};
template <class T> struct Min {
  static T f(T a, T b) { return a < b ? a : b; }
};
template <class T> struct Max {
  static T f(T a, T b) { return a > b ? a : b; }
};
template <class T> struct Sad {
  static T f(T a, T b, T c) { return Add<T>::f(c, a < b ? Sub<T>::f(b, a) : Sub<T>::f(a, b)); }
};

/// dp4a: four products of bytes; the types are those of a and b.
template <class A, class B> uint32_t dot4(uint32_t a, uint32_t b, uint32_t c) {
  for (int i = 0; i < 32; i += 8)
    c += static_cast<uint32_t>(static_cast<A>(a >> i) * static_cast<B>(b >> i));
  return c;
}

/// dp2a: both halves of a by two bytes of b, from the first on or from the third.
template <class A, class B, int first> uint32_t dot2(uint32_t a, uint32_t b, uint32_t c) {
  for (int i = 0; i < 2; ++i)
    c += static_cast<uint32_t>(static_cast<A>(a >> 16 * i) * static_cast<B>(b >> 8 * (first + i)));
  return c;
}

static Handler dotHandler(std::string_view opcode) {
  static constexpr std::pair<std::string_view, Handler> forms[] = {
      {"dp4a.u32.u32", Map<dot4<uint8_t, uint8_t>>::run},
      {"dp4a.u32.s32", Map<dot4<uint8_t, int8_t>>::run},
      {"dp4a.s32.u32", Map<dot4<int8_t, uint8_t>>::run},
      {"dp4a.s32.s32", Map<dot4<int8_t, int8_t>>::run},
      {"dp2a.lo.u32.u32", Map<dot2<uint16_t, uint8_t, 0>>::run},
      {"dp2a.lo.u32.s32", Map<dot2<uint16_t, int8_t, 0>>::run},
      {"dp2a.lo.s32.u32", Map<dot2<int16_t, uint8_t, 0>>::run},
      {"dp2a.lo.s32.s32", Map<dot2<int16_t, int8_t, 0>>::run},
      {"dp2a.hi.u32.u32", Map<dot2<uint16_t, uint8_t, 2>>::run},
      {"dp2a.hi.u32.s32", Map<dot2<uint16_t, int8_t, 2>>::run},
      {"dp2a.hi.s32.u32", Map<dot2<int16_t, uint8_t, 2>>::run},
      {"dp2a.hi.s32.s32", Map<dot2<int16_t, int8_t, 2>>::run},
  };
  for (auto [name, handler] : forms)
    if (name == opcode)
      return handler;
  return nullptr;
}

Handler integerHandler(std::string_view opcode, Type type) {
  Type bits = unsignedOf(type);
  struct Entry {
    std::string_view name;
    Handler (*find)(Type);
    bool signless;
  };
  static constexpr Entry entries[] = {
      {"add", amongUnsigned<Add>, true},
      {"sub", amongUnsigned<Sub>, true},
      {"mul.lo", amongUnsigned<MulLow>, true},
      {"mad.lo", amongUnsigned<MadLow>, true},
      {"mul.hi", amongIntegers<MulHigh>, false},
      {"mad.hi", amongIntegers<MadHigh>, false},
      {"mul.wide", among<MulWide, uint16_t, uint32_t, int16_t, int32_t>, false},
      {"mad.wide", among<MadWide, uint16_t, uint32_t, int16_t, int32_t>, false},
      {"mul24.lo", among<Mul24Low, uint32_t, int32_t>, false},
      {"mul24.hi", among<Mul24High, uint32_t, int32_t>, false},
      {"mad24.lo", among<Mad24Low, uint32_t, int32_t>, false},
      {"mad24.hi", among<Mad24High, uint32_t, int32_t>, false},
      {"add.sat", among<AddSat, int32_t>, false},
      {"sub.sat", among<SubSat, int32_t>, false},
      {"div", amongIntegers<Div>, false},
      {"rem", amongIntegers<Rem>, false},
      {"abs", among<Abs, int16_t, int32_t, int64_t>, false},
      {"neg", among<Neg, int16_t, int32_t, int64_t>, false},
      {"min", amongIntegers<Min>, false},
      {"max", amongIntegers<Max>, false},
      {"sad", amongIntegers<Sad>, false},
  };
  if (opcode.starts_with("dp"))
    return dotHandler(opcode);
  if (!isSigned(type) && !isUnsigned(type))
    return nullptr;
  for (const Entry &entry : entries)
    if (entry.name == opcode)
      return entry.find(entry.signless ? bits : type);
  return nullptr;
}

} // namespace gnc::emulator
