// Arithmetic of f16 and bf16, alone and in twos (PTX ISA 9.7.4). Sums, products and quotients of 16
// bits are computed in f32 and rounded once more, which 24 >= 2 * 11 + 2 bits make harmless; fma
// goes over double, to odd.
#include "runtime/emulator/Select.h"

namespace gnc::emulator {

struct AddOf {
  template <class T> static T f(T a, T b) { return roundTo16<T>(toFloat(a) + toFloat(b)); }
};
struct SubOf {
  template <class T> static T f(T a, T b) { return roundTo16<T>(toFloat(a) - toFloat(b)); }
};
struct MulOf {
  template <class T> static T f(T a, T b) { return roundTo16<T>(toFloat(a) * toFloat(b)); }
};
struct FmaOf {
  template <class T> static T f(T a, T b, T c) {
    return fromOdd<T>(addToOdd(static_cast<double>(toFloat(a)) * toFloat(b), toFloat(c)));
  }
};
struct NegOf {
  template <class T> static T f(T a) { return {static_cast<uint16_t>(a.bits ^ 0x8000)}; }
};
struct AbsOf {
  template <class T> static T f(T a) { return {static_cast<uint16_t>(a.bits & 0x7fff)}; }
};
template <bool Larger, bool NaN> struct ExtremeOf {
  template <class T> static T f(T a, T b) {
    float x = toFloat(a), y = toFloat(b);
    if (x != x || y != y) {
      if (NaN || (x != x && y != y))
        return {kNaN16};
      return x != x ? b : a;
    }
    if (x == y)
      return {static_cast<uint16_t>(Larger ? a.bits & b.bits : a.bits | b.bits)};
    return (x > y) == Larger ? a : b;
  }
};
// Of f16: 2^-10.987 and 2^-9.9 relative are allowed; these are rounded once.
struct Ex2Of {
  template <class T> static T f(T a) {
    return roundTo16<T>(static_cast<float>(std::exp2(static_cast<double>(toFloat(a)))));
  }
};
struct TanhOf {
  template <class T> static T f(T a) {
    return roundTo16<T>(static_cast<float>(std::tanh(static_cast<double>(toFloat(a)))));
  }
};

template <class T> T flush16(T a) {
  // bf16 has the exponents of f32, and no form of it flushes.
  return a.bits & 0x7c00 ? a : T{static_cast<uint16_t>(a.bits & 0x8000)};
}
template <class T> T saturate16(T a) { return roundTo16<T>(saturate(toFloat(a))); }
template <class T> T relu16(T a) {
  float x = toFloat(a);
  return x != x ? T{kNaN16} : a.bits & 0x8000 ? T{0} : a;
}

enum Finish { kPlain, kFtz, kSat, kRelu };
/// A function of one or two numbers in a register, each of type T.
template <class Op, class T, Finish E> struct Each {
  template <class... A> static T one(A... a) {
    if constexpr (E == kFtz)
      return flush16(Op::f(flush16(a)...));
    else if constexpr (E == kSat)
      return saturate16(Op::f(a...));
    else if constexpr (E == kRelu)
      return relu16(Op::f(a...));
    else
      return Op::f(a...);
  }
  static T f1(T a) { return one(a); }
  static T f2(T a, T b) { return one(a, b); }
  static T f3(T a, T b, T c) { return one(a, b, c); }
  static Two<T> g1(Two<T> a) { return {one(a.low), one(a.high)}; }
  static Two<T> g2(Two<T> a, Two<T> b) { return {one(a.low, b.low), one(a.high, b.high)}; }
  static Two<T> g3(Two<T> a, Two<T> b, Two<T> c) {
    return {one(a.low, b.low, c.low), one(a.high, b.high, c.high)};
  }
};
template <class Op, int N, class T, Finish E> Handler eachHandler(bool pair) {
  using X = Each<Op, T, E>;
  if constexpr (N == 1)
    return pair ? Map<&X::g1>::run : Map<&X::f1>::run;
  else if constexpr (N == 2)
    return pair ? Map<&X::g2>::run : Map<&X::f2>::run;
  else
    return pair ? Map<&X::g3>::run : Map<&X::f3>::run;
}
template <class Op, int N> Handler halfHandler(const Modes &m) {
  bool pair = m.type == Type::F16x2 || m.type == Type::BF16x2;
  bool brain = m.type == Type::BF16 || m.type == Type::BF16x2;
  if (m.ftz + m.saturate + m.relu > 1 || (brain && (m.ftz || m.saturate)))
    return nullptr;
  if (m.relu)
    return brain ? eachHandler<Op, N, BFloat, kRelu>(pair) : eachHandler<Op, N, Half, kRelu>(pair);
  if (brain)
    return eachHandler<Op, N, BFloat, kPlain>(pair);
  if (m.ftz)
    return eachHandler<Op, N, Half, kFtz>(pair);
  return m.saturate ? eachHandler<Op, N, Half, kSat>(pair) : eachHandler<Op, N, Half, kPlain>(pair);
}

Handler float16Handler(std::string_view opcode, const Modes &m) {
  if (m.rounding != Rounding::Nearest)
    return nullptr;
  struct Entry {
    std::string_view name;
    Handler (*find)(const Modes &);
  };
  static constexpr Entry entries[] = {
      {"add", halfHandler<AddOf, 2>},
      {"sub", halfHandler<SubOf, 2>},
      {"mul", halfHandler<MulOf, 2>},
      {"fma", halfHandler<FmaOf, 3>},
      {"neg", halfHandler<NegOf, 1>},
      {"abs", halfHandler<AbsOf, 1>},
      {"min", halfHandler<ExtremeOf<false, false>, 2>},
      {"max", halfHandler<ExtremeOf<true, false>, 2>},
      {"min.NaN", halfHandler<ExtremeOf<false, true>, 2>},
      {"max.NaN", halfHandler<ExtremeOf<true, true>, 2>},
      {"ex2", halfHandler<Ex2Of, 1>},
      {"tanh", halfHandler<TanhOf, 1>},
  };
  for (const Entry &entry : entries)
    if (entry.name == opcode)
      return entry.find(m);
  return nullptr;
}

} // namespace gnc::emulator
