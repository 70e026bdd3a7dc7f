// The approximations of PTX (ISA 9.7.3): computed in double and rounded once, which lies within the
// bounds that are promised for each. What is promised for special arguments holds too.
#include "runtime/emulator/Select.h"

namespace gnc::emulator {

static float rounded(double x) { return static_cast<float>(x); }
static float ex2(float a) { return rounded(std::exp2(static_cast<double>(a))); }
static float lg2(float a) { return rounded(std::log2(static_cast<double>(a))); }
static float sine(float a) { return rounded(std::sin(static_cast<double>(a))); }
static float cosine(float a) { return rounded(std::cos(static_cast<double>(a))); }
static float tangentH(float a) { return rounded(std::tanh(static_cast<double>(a))); }
static float reciprocal(float a) { return rounded(1.0 / static_cast<double>(a)); }
static float root(float a) { return rounded(std::sqrt(static_cast<double>(a))); }
static float reciprocalRoot(float a) { return rounded(1.0 / std::sqrt(static_cast<double>(a))); }
static float divideFull(float a, float b) { return rounded(static_cast<double>(a) / b); }
/// For 2^126 < |b| < 2^128 the quotient is 0, or NaN if a is infinite (9.7.3.8).
static float divide(float a, float b) {
  if (std::fabs(b) > 0x1p126f && !std::isinf(b))
    return std::isinf(a) ? a * 0.0f : std::copysign(0.0f, a) * std::copysign(1.0f, b);
  return divideFull(a, b);
}

template <auto F, bool Ftz> struct Approximation;
template <class... A, float (*F)(A...), bool Ftz> struct Approximation<F, Ftz> {
  static float f(A... a) { return flushIf<Ftz>(canonical(F(flushIf<Ftz>(a)...))); }
};
template <auto F> Handler approximation(bool ftz) {
  return ftz ? Map<&Approximation<F, true>::f>::run : Map<&Approximation<F, false>::f>::run;
}

static double reciprocal64(double a) { return canonical(1.0 / a); }
static double reciprocalRoot64(double a) { return canonical(1.0 / std::sqrt(a)); }

Handler specialHandler(std::string_view opcode, const Modes &m) {
  if (m.type == Type::F64) {
    // rcp.approx.ftz.f64 and rsqrt.approx{.ftz}.f64 promise 20 bits at least.
    if (opcode == "rcp" && m.ftz)
      return Map<reciprocal64>::run;
    return opcode == "rsqrt" ? Map<reciprocalRoot64>::run : nullptr;
  }
  if (m.type != Type::F32)
    return nullptr;
  struct Entry {
    std::string_view name;
    Handler (*find)(bool);
  };
  static constexpr Entry entries[] = {
      {"ex2", approximation<ex2>},
      {"lg2", approximation<lg2>},
      {"sin", approximation<sine>},
      {"cos", approximation<cosine>},
      {"tanh", approximation<tangentH>},
      {"rcp", approximation<reciprocal>},
      {"sqrt", approximation<root>},
      {"rsqrt", approximation<reciprocalRoot>},
      {"div.full", approximation<divideFull>},
      {"div", approximation<divide>},
  };
  if (opcode == "tanh" && m.ftz)
    return nullptr;
  for (const Entry &entry : entries)
    if (entry.name == opcode)
      return entry.find(m.ftz);
  return nullptr;
}

} // namespace gnc::emulator
