// Conversions (PTX ISA 9.7.9.21). How a form rounds reaches its function as a constant operand, so
// that there is one function for a pair of types; the pairs that kernels use most have their own.
#include "runtime/emulator/Select.h"

namespace gnc::emulator {

namespace {
/// The constant operand.
enum : uint32_t { kRounding = 3, kToInteger = 4, kFtz = 8, kSaturate = 16, kRelu = 32 };
} // namespace

static double wide(Half x) { return toFloat(x); }
static double wide(BFloat x) { return toFloat(x); }
static double wide(double x) { return x; }

static double toWhole(double x, uint32_t mode) {
  switch (static_cast<Rounding>(mode & kRounding)) {
  case Rounding::Nearest: return std::nearbyint(x);
  case Rounding::Zero: return std::trunc(x);
  case Rounding::Down: return std::floor(x);
  case Rounding::Up: return std::ceil(x);
  }
  return x;
}
template <class S> double read(S a, uint32_t mode) {
  if constexpr (std::is_same_v<S, float>)
    return mode & kFtz ? flush(a) : a;
  else
    return wide(a);
}

//===- To a floating-point number -------------------------------------------------------------===//

template <class D> D finish(double odd, uint32_t mode) {
  auto rounding = static_cast<Rounding>(mode & kToInteger ? 0 : mode & kRounding);
  if (mode & kSaturate)
    odd = odd > 0 ? (odd < 1 ? odd : 1) : 0;
  if ((mode & kRelu) && odd < 0)
    odd = 0;
  if constexpr (std::is_same_v<D, double>)
    return canonical(odd);
  else if constexpr (std::is_same_v<D, float>) {
    float r = canonical(roundTo32(odd, rounding));
    return mode & kFtz ? flush(r) : r;
  } else
    return roundTo16<D>(oddFloat(odd), rounding);
}
template <class D, class S> D fromFloat(S a, uint32_t mode) {
  double x = read(a, mode);
  return finish<D>(mode & kToInteger ? toWhole(x, mode) : x, mode);
}
/// Beyond 53 bits, what double drops is kept in its last bit.
template <class S> double oddInteger(S a) {
  if constexpr (sizeof(S) < 8)
    return a;
  else {
    double nearest = static_cast<double>(a);
    __int128 rest = static_cast<__int128>(a) - static_cast<__int128>(nearest);
    return toOdd(nearest, static_cast<double>(rest));
  }
}
template <class D, class S> D fromInteger(S a, uint32_t mode) {
  if constexpr (std::is_same_v<D, double>)
    return static_cast<double>(a);
  else
    return finish<D>(oddInteger(a), mode);
}

//===- To a whole number ----------------------------------------------------------------------===//

template <class D, class S> D toInteger(S a, uint32_t mode) {
  double x = read(a, mode);
  using L = std::numeric_limits<D>;
  if (x != x) {
    bool lowest = std::is_same_v<S, double> || sizeof(D) == 8;
    return lowest ? static_cast<D>(uint64_t{1} << (8 * sizeof(D) - 1)) : D(0);
  }
  x = toWhole(x, mode);
  // The largest number plus one is a power of two, which a double holds.
  if (x >= 2.0 * static_cast<double>(uint64_t{1} << (L::digits - 1)))
    return L::max();
  return x <= static_cast<double>(L::min()) ? L::min() : static_cast<D>(x);
}
template <class D, class S> D resize(S a) { return static_cast<D>(a); }
template <class D, class S> D resizeSaturated(S a) {
  using L = std::numeric_limits<D>;
  return std::cmp_less(a, L::min())      ? L::min()
         : std::cmp_greater(a, L::max()) ? L::max()
                                         : static_cast<D>(a);
}

//===- Choice ---------------------------------------------------------------------------------===//

template <class D> struct To {
  template <class S> struct Float {
    static D f(S a, uint32_t mode) { return fromFloat<D>(a, mode); }
  };
  template <class S> struct Integer {
    static D f(S a, uint32_t mode) { return fromInteger<D>(a, mode); }
  };
  template <class S> struct Whole {
    static D f(S a, uint32_t mode) { return toInteger<D>(a, mode); }
  };
  template <class S> struct Resize {
    static D f(S a) { return resize<D>(a); }
  };
  template <class S> struct Saturated {
    static D f(S a) { return resizeSaturated<D>(a); }
  };
};
template <template <class> class F> Handler fromFloats(Type from) {
  return among<F, float, double, Half, BFloat>(from);
}
template <template <class> class F> Handler fromIntegers(Type from) {
  return among<F, uint8_t, uint16_t, uint32_t, uint64_t, int8_t, int16_t, int32_t, int64_t>(from);
}
template <class D> Handler whole(const Conversion &c) {
  if (isFloat(c.from))
    return fromFloats<To<D>::template Whole>(c.from);
  if (c.saturate)
    return fromIntegers<To<D>::template Saturated>(c.from);
  return fromIntegers<To<std::make_unsigned_t<D>>::template Resize>(c.from);
}
template <class D> Handler floating(const Conversion &c) {
  if (isFloat(c.from))
    return fromFloats<To<D>::template Float>(c.from);
  return fromIntegers<To<D>::template Integer>(c.from);
}

static float signed32(int32_t a) { return static_cast<float>(a); }
static float unsigned32(uint32_t a) { return static_cast<float>(a); }
static float fromHalf(Half a) { return canonical(toFloat(a)); }
static float fromBrain(BFloat a) { return canonical(toFloat(a)); }
static Half toHalf(float a) { return roundTo16<Half>(a); }
static BFloat toBrain(float a) { return roundTo16<BFloat>(a); }
static int32_t truncated(float a) {
  // The host's conversion gives INT_MIN for all that does not fit.
  int32_t r = _mm_cvttss_si32(_mm_set_ss(a));
  return a >= 0x1p31f ? std::numeric_limits<int32_t>::max() : a == a ? r : 0;
}
static uint32_t toTf32(float a) { return roundToTf32(a); }

static Handler frequent(const Conversion &c) {
  bool plain = !c.ftz && !c.saturate && !c.relu;
  bool nearest = plain && !c.toInteger && c.rounding == Rounding::Nearest;
  auto is = [&](Type to, Type from) { return c.to == to && c.from == from; };
  if (nearest && is(Type::F32, Type::S32))
    return Map<signed32>::run;
  if (nearest && is(Type::F32, Type::U32))
    return Map<unsigned32>::run;
  if (nearest && is(Type::F32, Type::F16))
    return Map<fromHalf>::run;
  if (nearest && is(Type::F32, Type::BF16))
    return Map<fromBrain>::run;
  if (nearest && is(Type::F16, Type::F32))
    return Map<toHalf>::run;
  if (nearest && is(Type::BF16, Type::F32))
    return Map<toBrain>::run;
  if (plain && c.rounding == Rounding::Zero && is(Type::S32, Type::F32))
    return Map<truncated>::run;
  return nullptr;
}

/// The rules about which modifiers a pair of types wants.
static bool allowed(const Conversion &c) {
  bool toFloat = isFloat(c.to), fromFloat = isFloat(c.from);
  bool exact = bytesOf(c.to) > bytesOf(c.from) || (c.to == c.from);
  if (c.to == Type::TF32)
    return c.from == Type::F32 && c.ties && !c.ftz && !c.saturate && !c.relu;
  if (c.ties || (c.relu && !(c.to == Type::F16 || c.to == Type::BF16)))
    return false;
  if (c.ftz && c.to != Type::F32 && c.from != Type::F32)
    return false;
  if (!toFloat)
    return fromFloat ? c.toInteger : !c.rounded;
  if (!fromFloat)
    return c.rounded && !c.toInteger &&
           (c.to != Type::F64 || c.rounding == Rounding::Nearest || bytesOf(c.from) < 8);
  return exact ? !c.rounded || c.toInteger : c.rounded && !c.toInteger;
}

Handler convertHandler(const Conversion &c) {
  if (!allowed(c))
    return nullptr;
  if (Handler handler = frequent(c))
    return handler;
  switch (c.to) {
  case Type::U8: return whole<uint8_t>(c);
  case Type::U16: return whole<uint16_t>(c);
  case Type::U32: return whole<uint32_t>(c);
  case Type::U64: return whole<uint64_t>(c);
  case Type::S8: return whole<int8_t>(c);
  case Type::S16: return whole<int16_t>(c);
  case Type::S32: return whole<int32_t>(c);
  case Type::S64: return whole<int64_t>(c);
  case Type::F16: return floating<Half>(c);
  case Type::BF16: return floating<BFloat>(c);
  case Type::F32: return floating<float>(c);
  case Type::F64: return floating<double>(c);
  case Type::TF32: return Map<toTf32>::run;
  default: return nullptr;
  }
}

uint32_t conversionMode(const Conversion &c) {
  return static_cast<uint32_t>(c.rounding) | (c.toInteger ? kToInteger : 0) | (c.ftz ? kFtz : 0) |
         (c.saturate ? kSaturate : 0) | (c.relu ? kRelu : 0);
}

/// The first operand becomes the upper half.
template <class T> Two<T> pair(float a, float b, uint32_t mode) {
  return {finish<T>(b, mode), finish<T>(a, mode)};
}

Handler convertPairHandler(const Conversion &c) {
  if (c.from != Type::F32 || !c.rounded || c.toInteger || c.ties || c.ftz || c.saturate)
    return nullptr;
  if (c.to == Type::F16x2)
    return Map<pair<Half>>::run;
  return c.to == Type::BF16x2 ? Map<pair<BFloat>>::run : nullptr;
}

} // namespace gnc::emulator
