// Arithmetic of f32 and f64 that rounds exactly (PTX ISA 9.7.3).
#include "runtime/emulator/Select.h"

namespace gnc::emulator {

//===- f32, to nearest ------------------------------------------------------------------------===//

static float add(float a, float b) { return a + b; }
static float sub(float a, float b) { return a - b; }
static float mul(float a, float b) { return a * b; }
static float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static float divide(float a, float b) { return a / b; }
static float reciprocal(float a) { return 1.0f / a; }
static float root(float a) { return __builtin_sqrtf(a); }
// They return what is not NaN, and -0 counts as less than +0. The bits of both decide about zeros.
static float smaller(float a, float b) {
  float both = std::bit_cast<float>(std::bit_cast<uint32_t>(a) | std::bit_cast<uint32_t>(b));
  float least = a == b ? both : (a < b ? a : b);
  return b != b ? a : (a != a ? b : least);
}
static float larger(float a, float b) {
  float both = std::bit_cast<float>(std::bit_cast<uint32_t>(a) & std::bit_cast<uint32_t>(b));
  float most = a == b ? both : (a > b ? a : b);
  return b != b ? a : (a != a ? b : most);
}
static float smallerOrNaN(float a, float b) { return a != a ? a : (b != b ? b : smaller(a, b)); }
static float largerOrNaN(float a, float b) { return a != a ? a : (b != b ? b : larger(a, b)); }
static float negate(float a) { return -a; }
static float absolute(float a) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(a) & 0x7fffffff);
}
/// copysign of PTX: the sign of a, the rest of b.
static float withSign(float a, float b) { return __builtin_copysignf(b, a); }

/// Operands flushed, result canonical, flushed, saturated.
template <auto F, bool Ftz, bool Sat> struct Wrapped;
template <class... A, float (*F)(A...), bool Ftz, bool Sat> struct Wrapped<F, Ftz, Sat> {
  static float f(A... a) {
    float r = flushIf<Ftz>(canonical(F(flushIf<Ftz>(a)...)));
    return Sat ? saturate(r) : r;
  }
};
template <auto F> Handler wrapped(bool ftz, bool sat) {
  static constexpr Handler handlers[2][2] = {
      {Map<&Wrapped<F, false, false>::f>::run, Map<&Wrapped<F, false, true>::f>::run},
      {Map<&Wrapped<F, true, false>::f>::run, Map<&Wrapped<F, true, true>::f>::run}};
  return handlers[ftz][sat];
}

//===- f32, directed --------------------------------------------------------------------------===//

/// Downwards an exact sum of 0 is -0, unless both addends are +0.
template <bool Down> double oddSum(double a, double b) {
  double sum = addToOdd(a, b);
  return Down && sum == 0 ? -(-a + -b) : sum;
}
template <bool Down> double oddAdd(float a, float b) { return oddSum<Down>(a, b); }
template <bool Down> double oddSub(float a, float b) {
  return oddSum<Down>(a, -static_cast<double>(b));
}
template <bool Down> double oddFma(float a, float b, float c) {
  return oddSum<Down>(static_cast<double>(a) * b, c);
}
static double oddMul(float a, float b) { return static_cast<double>(a) * b; }
/// The remainder of a division tells on which side the quotient lies.
static double oddDivide(float a, float b) {
  double q = static_cast<double>(a) / b;
  if (b == 0 || std::isinf(b))
    return q;
  double rest = __builtin_fma(-q, b, a);
  return toOdd(q, b < 0 ? -rest : rest);
}
static double oddReciprocal(float a) { return oddDivide(1, a); }
static double oddRoot(float a) {
  double r = __builtin_sqrt(a);
  return toOdd(r, __builtin_fma(-r, r, static_cast<double>(a)));
}

template <auto F, Rounding R, bool Ftz> struct Directed;
template <class... A, double (*F)(A...), Rounding R, bool Ftz> struct Directed<F, R, Ftz> {
  static float f(A... a) { return flushIf<Ftz>(canonical(roundTo32(F(flushIf<Ftz>(a)...), R))); }
};
template <auto F, auto FDown> Handler directed(Rounding rounding, bool ftz) {
  static constexpr Handler handlers[3][2] = {{Map<&Directed<F, Rounding::Zero, false>::f>::run,
                                              Map<&Directed<F, Rounding::Zero, true>::f>::run},
                                             {Map<&Directed<FDown, Rounding::Down, false>::f>::run,
                                              Map<&Directed<FDown, Rounding::Down, true>::f>::run},
                                             {Map<&Directed<F, Rounding::Up, false>::f>::run,
                                              Map<&Directed<F, Rounding::Up, true>::f>::run}};
  return handlers[static_cast<unsigned>(rounding) - 1][ftz];
}

//===- Two f32 in a register ------------------------------------------------------------------===//

template <class> using Both = Two<float>;
template <auto F, bool Ftz> struct InTwos;
template <class... A, float (*F)(A...), bool Ftz> struct InTwos<F, Ftz> {
  using One = Wrapped<F, Ftz, false>;
  static Two<float> f(Both<A>... a) { return {One::f(a.low...), One::f(a.high...)}; }
};
template <auto F> Handler inTwos(bool ftz) {
  return ftz ? Map<&InTwos<F, true>::f>::run : Map<&InTwos<F, false>::f>::run;
}

static Handler float32x2Handler(std::string_view opcode, const Modes &m) {
  if (m.rounding != Rounding::Nearest || m.saturate)
    return nullptr;
  return opcode == "add"   ? inTwos<add>(m.ftz)
         : opcode == "sub" ? inTwos<sub>(m.ftz)
         : opcode == "mul" ? inTwos<mul>(m.ftz)
         : opcode == "fma" ? inTwos<fma>(m.ftz)
                           : nullptr;
}

Handler float32Handler(std::string_view opcode, const Modes &m) {
  if (m.type == Type::F32x2)
    return float32x2Handler(opcode, m);
  bool ftz = m.ftz, sat = m.saturate;
  struct Entry {
    std::string_view name;
    Handler (*nearest)(bool, bool);
    Handler (*directed)(Rounding, bool);
    bool saturates;
  };
  static constexpr Entry entries[] = {
      {"add", wrapped<add>, directed<oddAdd<false>, oddAdd<true>>, true},
      {"sub", wrapped<sub>, directed<oddSub<false>, oddSub<true>>, true},
      {"mul", wrapped<mul>, directed<oddMul, oddMul>, true},
      {"fma", wrapped<fma>, directed<oddFma<false>, oddFma<true>>, true},
      {"div", wrapped<divide>, directed<oddDivide, oddDivide>, false},
      {"rcp", wrapped<reciprocal>, directed<oddReciprocal, oddReciprocal>, false},
      {"sqrt", wrapped<root>, directed<oddRoot, oddRoot>, false},
      {"min", wrapped<smaller>, nullptr, false},
      {"max", wrapped<larger>, nullptr, false},
      {"min.NaN", wrapped<smallerOrNaN>, nullptr, false},
      {"max.NaN", wrapped<largerOrNaN>, nullptr, false},
      {"neg", wrapped<negate>, nullptr, false},
      {"abs", wrapped<absolute>, nullptr, false},
  };
  if (opcode == "copysign" && !ftz)
    return Map<withSign>::run;
  for (const Entry &entry : entries) {
    if (entry.name != opcode || (sat && !entry.saturates))
      continue;
    if (m.rounding == Rounding::Nearest)
      return entry.nearest(ftz, sat);
    return entry.directed && !sat ? entry.directed(m.rounding, ftz) : nullptr;
  }
  return nullptr;
}

//===- f64 ------------------------------------------------------------------------------------===//

static double add64(double a, double b) { return canonical(a + b); }
static double sub64(double a, double b) { return canonical(a - b); }
static double mul64(double a, double b) { return canonical(a * b); }
static double fma64(double a, double b, double c) { return canonical(__builtin_fma(a, b, c)); }
static double divide64(double a, double b) { return canonical(a / b); }
static double reciprocal64(double a) { return canonical(1.0 / a); }
static double root64(double a) { return canonical(__builtin_sqrt(a)); }
static double negate64(double a) { return -a; }
static double absolute64(double a) { return __builtin_fabs(a); }
static double smaller64(double a, double b) {
  if (a == b)
    return std::signbit(a) ? a : b;
  return canonical(b != b ? a : (a != a ? b : (a < b ? a : b)));
}
static double larger64(double a, double b) {
  if (a == b)
    return std::signbit(a) ? b : a;
  return canonical(b != b ? a : (a != a ? b : (a > b ? a : b)));
}
static double withSign64(double a, double b) { return __builtin_copysign(b, a); }

Handler float64Handler(std::string_view opcode, const Modes &m) {
  if (m.rounding != Rounding::Nearest || m.ftz || m.saturate || m.nan)
    return nullptr;
  struct Entry {
    std::string_view name;
    Handler run;
  };
  static constexpr Entry entries[] = {
      {"add", Map<add64>::run},     {"sub", Map<sub64>::run},    {"mul", Map<mul64>::run},
      {"fma", Map<fma64>::run},     {"div", Map<divide64>::run}, {"rcp", Map<reciprocal64>::run},
      {"sqrt", Map<root64>::run},   {"neg", Map<negate64>::run}, {"abs", Map<absolute64>::run},
      {"min", Map<smaller64>::run}, {"max", Map<larger64>::run}, {"copysign", Map<withSign64>::run},
  };
  for (const Entry &entry : entries)
    if (entry.name == opcode)
      return entry.run;
  return nullptr;
}

} // namespace gnc::emulator
