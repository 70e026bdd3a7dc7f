// Logic, shifts and fields (PTX ISA 9.7.1 and 9.7.8).
#include "runtime/emulator/Select.h"

namespace gnc::emulator {

template <class T> constexpr uint32_t kWidth = 8 * sizeof(T);

template <class T> struct And {
  static T f(T a, T b) { return a & b; }
};
template <class T> struct Or {
  static T f(T a, T b) { return a | b; }
};
template <class T> struct Xor {
  static T f(T a, T b) { return a ^ b; }
};
template <class T> struct Not {
  static T f(T a) { return static_cast<T>(~a); }
};
template <class T> struct LogicalNot {
  static T f(T a) { return a == 0; }
};
template <class T> struct Copy {
  static T f(T a) { return a; }
};
// Amounts beyond the width clamp; the host's instructions would mask them.
template <class T> struct Shl {
  static T f(T a, uint32_t n) {
    return n < kWidth<T> ? static_cast<T>(a << (n & (kWidth<T> - 1))) : T(0);
  }
};
template <class T> struct Shr {
  static T f(T a, uint32_t n) {
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>(a >> (n < kWidth<T> ? n : kWidth<T> - 1));
    else
      return n < kWidth<T> ? static_cast<T>(a >> (n & (kWidth<T> - 1))) : T(0);
  }
};
template <class T> struct Popcount {
  static uint32_t f(T a) { return std::popcount(a); }
};
template <class T> struct LeadingZeros {
  static uint32_t f(T a) { return std::countl_zero(a); }
};
template <class T> struct Reverse {
  static T f(T a) {
    T r = 0;
    for (uint32_t i = 0; i < kWidth<T>; ++i, a >>= 1)
      r = static_cast<T>(r << 1) | (a & 1);
    return r;
  }
};
/// bfe: `length` bits from `start` on, continued by the sign for signed types.
template <class T> struct Extract {
  static T f(T a, uint32_t start, uint32_t length) {
    using U = std::make_unsigned_t<T>;
    start &= 0xff, length &= 0xff;
    uint32_t width = kWidth<T>;
    uint32_t last = std::min(start + length - 1, width - 1);
    bool sign = std::is_signed_v<T> && length > 0 && (static_cast<U>(a) >> last & 1);
    U field = start < width ? static_cast<U>(a) >> start : 0;
    uint32_t have = start < width ? std::min(length, width - start) : 0;
    U mask = have >= width ? ~U(0) : (U(1) << have) - 1;
    return static_cast<T>((field & mask) | (sign ? ~mask : 0));
  }
};
/// bfi: the low bits of a inside b.
template <class T> struct Insert {
  static T f(T a, T b, uint32_t start, uint32_t length) {
    start &= 0xff, length &= 0xff;
    if (start >= kWidth<T> || length == 0)
      return b;
    T mask = length >= kWidth<T> ? ~T(0) : (T(1) << length) - 1;
    mask <<= start;
    return (b & ~mask) | ((a << start) & mask);
  }
};
template <class T> struct FindHighest {
  static uint32_t f(T a) {
    using U = std::make_unsigned_t<T>;
    U bits = static_cast<U>(a < 0 ? ~a : a);
    return bits ? kWidth<T> - 1 - std::countl_zero(bits) : ~0u;
  }
};
template <class T> struct ShiftToHighest {
  static uint32_t f(T a) {
    uint32_t bit = FindHighest<T>::f(a);
    return bit == ~0u ? bit : kWidth<T> - 1 - bit;
  }
};
static uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t r = 0;
  for (uint32_t i = 0; i < 8; ++i) {
    uint32_t minterm = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    r |= table >> i & 1 ? minterm : 0;
  }
  return r;
}
template <bool Left, bool Wrap> uint32_t funnel(uint32_t low, uint32_t high, uint32_t n) {
  n = Wrap ? n & 31 : std::min(n, 32u);
  uint64_t both = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<uint32_t>(Left ? both << n >> 32 : both >> n);
}

/// prmt: bytes of {b, a}, chosen by the nibbles of c.
static uint32_t permute(uint32_t a, uint32_t b, uint32_t c) {
  uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  uint32_t r = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    uint32_t choice = c >> (4 * i);
    uint32_t byte = static_cast<uint32_t>(bytes >> (8 * (choice & 7))) & 0xff;
    byte = choice & 8 ? (byte & 0x80 ? 0xff : 0) : byte; // its sign
    r |= byte << (8 * i);
  }
  return r;
}
/// The modes of prmt as nibbles of its general form, by the low two bits of c.
template <uint16_t S0, uint16_t S1, uint16_t S2, uint16_t S3>
uint32_t permuteMode(uint32_t a, uint32_t b, uint32_t c) {
  constexpr uint16_t choices[4] = {S0, S1, S2, S3};
  return permute(a, b, choices[c & 3]);
}

static bool andBits(bool a, bool b) { return a & b; }
static bool orBits(bool a, bool b) { return a | b; }
static bool xorBits(bool a, bool b) { return a ^ b; }
static bool notBit(bool a) { return !a; }
static bool copyBit(bool a) { return a; }

static Handler predicateHandler(std::string_view opcode) {
  if (opcode == "and")
    return Map<andBits>::run;
  if (opcode == "or")
    return Map<orBits>::run;
  if (opcode == "xor")
    return Map<xorBits>::run;
  if (opcode == "not")
    return Map<notBit>::run;
  if (opcode == "mov")
    return Map<copyBit>::run;
  return nullptr;
}

Handler bitsHandler(std::string_view opcode, Type type) {
  if (type == Type::Pred)
    return predicateHandler(opcode);
  Type bits = unsignedOf(type);
  struct Entry {
    std::string_view name;
    Handler (*find)(Type);
    bool onlyBits;
  };
  static constexpr Entry entries[] = {
      {"and", amongUnsigned<And>, true},
      {"or", amongUnsigned<Or>, true},
      {"xor", amongUnsigned<Xor>, true},
      {"not", amongUnsigned<Not>, true},
      {"cnot", amongUnsigned<LogicalNot>, true},
      {"shl", amongUnsigned<Shl>, true},
      {"mov", amongUnsigned<Copy>, false},
      {"popc", among<Popcount, uint32_t, uint64_t>, true},
      {"clz", among<LeadingZeros, uint32_t, uint64_t>, true},
      {"brev", among<Reverse, uint32_t, uint64_t>, true},
      {"bfi", among<Insert, uint32_t, uint64_t>, true},
  };
  for (const Entry &entry : entries)
    if (entry.name == opcode)
      return !entry.onlyBits || isBits(type) ? entry.find(bits) : nullptr;
  if (opcode == "shr")
    return amongIntegers<Shr>(isBits(type) ? bits : type);
  if (opcode == "bfe")
    return among<Extract, uint32_t, uint64_t, int32_t, int64_t>(type);
  if (opcode == "bfind")
    return among<FindHighest, uint32_t, uint64_t, int32_t, int64_t>(type);
  if (opcode == "bfind.shiftamt")
    return among<ShiftToHighest, uint32_t, uint64_t, int32_t, int64_t>(type);
  if (type != Type::B32)
    return nullptr;
  if (opcode == "lop3")
    return Map<lop3>::run;
  if (opcode == "shf.l.wrap")
    return Map<funnel<true, true>>::run;
  if (opcode == "shf.l.clamp")
    return Map<funnel<true, false>>::run;
  if (opcode == "shf.r.wrap")
    return Map<funnel<false, true>>::run;
  if (opcode == "shf.r.clamp")
    return Map<funnel<false, false>>::run;
  if (opcode == "prmt")
    return Map<permute>::run;
  if (opcode == "prmt.f4e")
    return Map<permuteMode<0x3210, 0x4321, 0x5432, 0x6543>>::run;
  if (opcode == "prmt.b4e")
    return Map<permuteMode<0x5670, 0x6701, 0x7012, 0x0123>>::run;
  if (opcode == "prmt.rc8")
    return Map<permuteMode<0x0000, 0x1111, 0x2222, 0x3333>>::run;
  if (opcode == "prmt.ecl")
    return Map<permuteMode<0x3210, 0x3211, 0x3222, 0x3333>>::run;
  if (opcode == "prmt.ecr")
    return Map<permuteMode<0x0000, 0x1110, 0x2210, 0x3210>>::run;
  if (opcode == "prmt.rc16")
    return Map<permuteMode<0x1010, 0x3232, 0x1010, 0x3232>>::run;
  return nullptr;
}

} // namespace gnc::emulator
