//===- Number.h - floating-point numbers as PTX computes with them ----------------------------===//
//
// Directed rounding without the processor's rounding mode: a result is first computed in double
// "to odd" (truncated, with the last bit set where it is not exact), which can then be rounded to
// any narrower format once more without error, as 53 bits are more than 24 + 2 (Boldo and
// Melquiond 2008, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
// odd").
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Lanes.h"

#include <cmath>
#include <limits>

namespace gnc::emulator {

enum class Rounding : uint8_t { Nearest, Zero, Down, Up };

/// All NaN results of PTX are the same one. By their bits: compilers may take one NaN for another.
inline float canonical(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fffffff : bits);
}
inline double canonical(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  return std::bit_cast<double>(
      (bits & (~uint64_t{0} >> 1)) > 0x7ff0000000000000 ? 0x7ff8000000000000 : bits);
}
constexpr uint16_t kNaN16 = 0x7fff;

/// .ftz: subnormal numbers become zeros of their sign.
inline float flush(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>(bits & 0x7f800000 ? bits : bits & 0x80000000);
}
template <bool Ftz> float flushIf(float x) { return Ftz ? flush(x) : x; }

/// .sat: to [0, 1], a NaN to 0.
inline float saturate(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }

/// `nearest` is the exact value, rounded; `error` has the sign of what rounding dropped.
inline double toOdd(double nearest, double error) {
  uint64_t bits = std::bit_cast<uint64_t>(nearest);
  if (error == 0 || std::isinf(nearest) || std::isnan(nearest) || std::isnan(error) || (bits & 1))
    return nearest;
  // The exact value lies beside `nearest`, and of both neighbours the one there is odd.
  bool away = (error > 0) == !(bits >> 63);
  return std::bit_cast<double>(away ? bits + 1 : bits - 1);
}
inline double addToOdd(double a, double b) {
  double sum = a + b, part = sum - a; // Knuth's TwoSum
  return toOdd(sum, (a - (sum - part)) + (b - part));
}

inline float roundTo32(double odd, Rounding mode) {
  float nearest = static_cast<float>(odd);
  if (mode == Rounding::Nearest || static_cast<double>(nearest) == odd || std::isnan(odd))
    return nearest;
  const float infinity = std::numeric_limits<float>::infinity();
  bool tooLarge = nearest > odd;
  bool down = mode == Rounding::Down || (mode == Rounding::Zero && odd > 0);
  if (down && tooLarge)
    return std::nextafterf(nearest, -infinity);
  if (!down && !tooLarge)
    return std::nextafterf(nearest, infinity);
  return nearest;
}

/// A float to odd: to be rounded to 16 bits next.
inline float oddFloat(double odd) {
  float zero = roundTo32(odd, Rounding::Zero);
  if (static_cast<double>(zero) == odd || std::isnan(zero) || std::isinf(zero))
    return zero;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(zero) | 1);
}

//===- 16 bits --------------------------------------------------------------------------------===//

inline float toFloat(Half h) { return _cvtsh_ss(h.bits); }
inline float toFloat(BFloat b) { return std::bit_cast<float>(static_cast<uint32_t>(b.bits) << 16); }
inline float toFloat(float x) { return x; }

template <class T> T roundTo16(float x, Rounding mode = Rounding::Nearest);
template <> inline Half roundTo16<Half>(float x, Rounding mode) {
  if (x != x)
    return {kNaN16};
  switch (mode) {
  case Rounding::Nearest: return {static_cast<uint16_t>(_cvtss_sh(x, 0))};
  case Rounding::Down: return {static_cast<uint16_t>(_cvtss_sh(x, 1))};
  case Rounding::Up: return {static_cast<uint16_t>(_cvtss_sh(x, 2))};
  case Rounding::Zero: return {static_cast<uint16_t>(_cvtss_sh(x, 3))};
  }
  return {0};
}
template <> inline BFloat roundTo16<BFloat>(float x, Rounding mode) {
  uint32_t bits = std::bit_cast<uint32_t>(x), dropped = bits & 0xffff;
  if (x != x)
    return {kNaN16};
  bool negative = bits >> 31, up = false;
  switch (mode) {
  case Rounding::Nearest: up = dropped + (bits >> 16 & 1) > 0x8000; break;
  case Rounding::Zero: break;
  case Rounding::Down: up = dropped && negative; break;
  case Rounding::Up: up = dropped && !negative; break;
  }
  return {static_cast<uint16_t>((bits >> 16) + up)};
}
template <class T> T fromOdd(double odd) { return roundTo16<T>(oddFloat(odd)); }

/// cvt.rna.tf32: to 10 bits behind the point, halves away from zero.
inline uint32_t roundToTf32(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if (x != x)
    return 0x7fffffff;
  if ((bits & 0x7f800000) == 0x7f800000)
    return bits;
  return (bits + 0x1000) & ~0x1fffu;
}
/// What mma reads of a tf32 operand: the low 13 bits do not count.
inline float fromTf32(uint32_t bits) { return std::bit_cast<float>(bits & ~0x1fffu); }

} // namespace gnc::emulator
