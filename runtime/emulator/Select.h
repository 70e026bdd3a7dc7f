//===- Select.h - from the types and modifiers of an instruction to its handler ---------------===//
#pragma once

#include "runtime/emulator/Number.h"

namespace gnc::emulator {

template <class T> struct TypeOf;
template <> struct TypeOf<uint8_t> {
  static constexpr Type value = Type::U8;
};
template <> struct TypeOf<uint16_t> {
  static constexpr Type value = Type::U16;
};
template <> struct TypeOf<uint32_t> {
  static constexpr Type value = Type::U32;
};
template <> struct TypeOf<uint64_t> {
  static constexpr Type value = Type::U64;
};
template <> struct TypeOf<int8_t> {
  static constexpr Type value = Type::S8;
};
template <> struct TypeOf<int16_t> {
  static constexpr Type value = Type::S16;
};
template <> struct TypeOf<int32_t> {
  static constexpr Type value = Type::S32;
};
template <> struct TypeOf<int64_t> {
  static constexpr Type value = Type::S64;
};
template <> struct TypeOf<float> {
  static constexpr Type value = Type::F32;
};
template <> struct TypeOf<double> {
  static constexpr Type value = Type::F64;
};
template <> struct TypeOf<Half> {
  static constexpr Type value = Type::F16;
};
template <> struct TypeOf<BFloat> {
  static constexpr Type value = Type::BF16;
};
template <> struct TypeOf<Two<Half>> {
  static constexpr Type value = Type::F16x2;
};
template <> struct TypeOf<Two<BFloat>> {
  static constexpr Type value = Type::BF16x2;
};

/// Bits and, where the sign does not matter, signed numbers as unsigned ones.
inline Type unsignedOf(Type t) {
  switch (bytesOf(t)) {
  case 1: return Type::U8;
  case 2: return Type::U16;
  case 4: return Type::U32;
  case 8: return Type::U64;
  default: return t;
  }
}

/// The handler of Op<T>::f for the T of a type, null where it is not among them.
template <template <class> class Op, class... T> Handler among(Type type) {
  Handler found = nullptr;
  ((type == TypeOf<T>::value ? (found = Map<&Op<T>::f>::run, 0) : 0), ...);
  return found;
}
template <template <class> class Op> Handler amongUnsigned(Type type) {
  return among<Op, uint16_t, uint32_t, uint64_t>(type);
}
template <template <class> class Op> Handler amongIntegers(Type type) {
  return among<Op, uint16_t, uint32_t, uint64_t, int16_t, int32_t, int64_t>(type);
}

/// What the modifiers of an arithmetic instruction say.
struct Modes {
  Type type = Type::None;
  Rounding rounding = Rounding::Nearest;
  bool approximate = false, full = false, ftz = false, saturate = false;
  bool nan = false, xorSign = false, relu = false;
};

/// Null where a form does not exist. `opcode` with its .lo, .hi, .wide: "mul.hi".
Handler integerHandler(std::string_view opcode, Type type);
Handler bitsHandler(std::string_view opcode, Type type);
/// Of f32 and f32x2.
Handler float32Handler(std::string_view opcode, const Modes &modes);
Handler float64Handler(std::string_view opcode, const Modes &modes);
Handler float16Handler(std::string_view opcode, const Modes &modes);
Handler specialHandler(std::string_view opcode, const Modes &modes);
/// "lt", "ltu", ..; the result is a predicate.
Handler compareHandler(std::string_view comparison, Type type, bool ftz);
/// selp and slct.
Handler selectHandler(Type type);
/// How a conversion rounds.
struct Conversion {
  Type to, from;
  bool toInteger = false; ///< .rni and its like
  bool rounded = false;   ///< any rounding was written
  Rounding rounding = Rounding::Nearest;
  bool ties = false; ///< .rna
  bool ftz = false, saturate = false, relu = false;
};
/// Handlers take the source and then a constant, `conversionMode`, which some ignore.
Handler convertHandler(const Conversion &conversion);
/// cvt.rn.f16x2.f32 d, a, b: two sources and the constant.
Handler convertPairHandler(const Conversion &conversion);
uint32_t conversionMode(const Conversion &conversion);

} // namespace gnc::emulator
