//===- OpcodeHost.h - what PTX computes, in plain C++ -----------------------------------------===//
//
// An oracle for OpcodeTest: shares no code with the engine.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace gnc::test {

/// One operand, as every type: 64 bits, and what the lower ones are.
struct Word {
  uint64_t u64;
  int64_t s64() const { return static_cast<int64_t>(u64); }
  uint32_t u() const { return static_cast<uint32_t>(u64); }
  int32_t s() const { return static_cast<int32_t>(u64); }
  uint16_t h() const { return static_cast<uint16_t>(u64); }
  int16_t sh() const { return static_cast<int16_t>(u64); }
  float f() const { return std::bit_cast<float>(u()); }
  float high() const { return std::bit_cast<float>(static_cast<uint32_t>(u64 >> 32)); }
  double d() const { return std::bit_cast<double>(u64); }
  bool p() const { return u() & 1; }
};

inline uint64_t F(float x) { return x != x ? 0x7fffffff : std::bit_cast<uint32_t>(x); }
inline uint64_t D(double x) { return x != x ? 0x7ff8000000000000 : std::bit_cast<uint64_t>(x); }
inline uint64_t two(uint64_t low, uint64_t high) { return low | high << 32; }
inline uint64_t U(int64_t x) { return static_cast<uint32_t>(x); }
inline uint64_t H(int64_t x) { return static_cast<uint16_t>(x); }
/// Part `i` of `bits` bits of x, as a signed or an unsigned number.
inline int64_t part(uint32_t x, int i, int bits, bool isSigned) {
  int64_t value = x >> i * bits & ((1u << bits) - 1);
  return isSigned && value >> (bits - 1) ? value - (1 << bits) : value;
}
/// dp4a (four bytes by four bytes), dp2a (two halves by two bytes, from byte `first` on).
inline uint64_t dot(Word a, Word b, Word c, int parts, int first, bool signedA, bool signedB) {
  int64_t sum = c.u();
  for (int i = 0; i < parts; ++i)
    sum += part(a.u(), i, 32 / parts, signedA) * part(b.u(), first + i, 8, signedB);
  return U(sum);
}
inline float ftz(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }
inline float sat(float x) { return x > 0 ? std::min(x, 1.0f) : 0; } // -0 and NaN give +0
/// Of a whole number that a double holds, to a signed or unsigned one of `bits` bits.
inline uint64_t clampTo(double x, int bits, bool isSigned, bool wideNaN) {
  double least = isSigned ? -std::ldexp(1, bits - 1) : 0,
         most = std::ldexp(1, isSigned ? bits - 1 : bits);
  uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1;
  if (x != x)
    return wideNaN ? 1ull << (bits - 1) : 0;
  if (x < least)
    return isSigned ? (1ull << (bits - 1)) & mask : 0;
  if (x >= most)
    return isSigned ? (1ull << (bits - 1)) - 1 : mask;
  return (x < 0 ? static_cast<uint64_t>(static_cast<int64_t>(x)) : static_cast<uint64_t>(x)) & mask;
}
/// The float next to x that directed rounding of the exact x gives.
inline float directed(long double x, int mode) {
  float near = static_cast<float>(x);
  if (static_cast<long double>(near) == x || x != x)
    return near;
  bool up = mode == 'p' || (mode == 'z' && x < 0);
  if (up && near < x)
    return std::nextafterf(near, INFINITY);
  if (!up && near > x)
    return std::nextafterf(near, -INFINITY);
  return near;
}
/// f16 by its definition.
inline double fromHalf(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double x = exponent == 31  ? (fraction ? NAN : INFINITY)
             : exponent == 0 ? std::ldexp(fraction, -24)
                             : std::ldexp(1024 + fraction, exponent - 25);
  return h >> 15 ? -x : x;
}
inline uint64_t toHalf(double x) {
  if (x != x)
    return 0x7fff;
  uint64_t sign = std::signbit(x) ? 0x8000 : 0;
  x = std::fabs(x);
  if (x >= 65520)
    return sign | 0x7c00;
  int exponent = std::max(-14, x == 0 ? -14 : std::ilogb(x));
  double units = std::nearbyint(std::ldexp(x, 10 - exponent));
  auto whole = static_cast<uint64_t>(units); // a carry moves into the exponent by itself
  return sign |
         (whole +
          (exponent == -14 && whole < 1024 ? 0 : static_cast<uint64_t>(exponent + 14) << 10));
}
inline double fromBrain(uint16_t b) { return std::bit_cast<float>(static_cast<uint32_t>(b) << 16); }
inline uint64_t toBrain(float x) {
  if (x != x)
    return 0x7fff;
  uint32_t bits = std::bit_cast<uint32_t>(x), low = bits & 0xffff, high = bits >> 16;
  return high + (low > 0x8000 || (low == 0x8000 && high & 1));
}
inline uint32_t field(uint64_t a, unsigned from, unsigned length, unsigned width, bool isSigned) {
  uint32_t r = 0;
  unsigned last = std::min(from + length - 1, width - 1);
  bool sign = isSigned && length && a >> last & 1;
  for (unsigned i = 0; i < 32; ++i)
    r |= static_cast<uint32_t>(i < length && from + i < width ? a >> (from + i) & 1 : sign) << i;
  return r;
}

} // namespace gnc::test
