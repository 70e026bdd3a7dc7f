// Comparisons and selection (PTX ISA 9.7.5 to 9.7.7).
#include "runtime/emulator/Select.h"

#include <array>

namespace gnc::emulator {

template <class T> auto comparable(T a) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat>)
    return toFloat(a);
  else
    return a;
}
template <class T, bool Ftz> auto operand(T a) {
  if constexpr (Ftz)
    return flush(comparable(a));
  else
    return comparable(a);
}

enum Comparison { kEq, kNe, kLt, kLe, kGt, kGe, kEqu, kNeu, kLtu, kLeu, kGtu, kGeu, kNum, kNan };

template <class T, Comparison C, bool Ftz> bool compare(T x, T y) {
  auto a = operand<T, Ftz>(x), b = operand<T, Ftz>(y);
  // The negation of the opposite ordered comparison is true for NaN; ordered ones are false.
  switch (C) {
  case kEq: return a == b;
  case kNe: return a < b || a > b;
  case kLt: return a < b;
  case kLe: return a <= b;
  case kGt: return a > b;
  case kGe: return a >= b;
  case kEqu: return !(a < b || a > b);
  case kNeu: return !(a == b);
  case kLtu: return !(a >= b);
  case kLeu: return !(a > b);
  case kGtu: return !(a <= b);
  case kGeu: return !(a < b);
  case kNum: return a == a && b == b;
  case kNan: return a != a || b != b;
  }
}

template <class T, bool Ftz, size_t... C>
Handler comparisonHandler(Comparison which, std::index_sequence<C...>) {
  static constexpr Handler handlers[] = {Map<compare<T, static_cast<Comparison>(C), Ftz>>::run...};
  return handlers[which];
}
template <class T, bool Ftz = false> Handler floats(Comparison which) {
  return comparisonHandler<T, Ftz>(which, std::make_index_sequence<14>());
}
template <class T> Handler integers(Comparison which) {
  return which <= kGe ? comparisonHandler<T, false>(which, std::make_index_sequence<6>()) : nullptr;
}

Handler compareHandler(std::string_view comparison, Type type, bool ftz) {
  static constexpr std::array<std::string_view, 14> names = {
      "eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
  // Unsigned types have names of their own for the order.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> unsignedNames = {
      {{"lo", "lt"}, {"ls", "le"}, {"hi", "gt"}, {"hs", "ge"}}};
  for (auto [name, plain] : unsignedNames)
    if (comparison == name && isUnsigned(type))
      comparison = plain;
  size_t which = 0;
  while (which < names.size() && names[which] != comparison)
    ++which;
  if (which == names.size() || (ftz && type != Type::F32))
    return nullptr;
  auto c = static_cast<Comparison>(which);
  switch (type) {
  case Type::B16: return c <= kNe ? integers<uint16_t>(c) : nullptr;
  case Type::B32: return c <= kNe ? integers<uint32_t>(c) : nullptr;
  case Type::B64: return c <= kNe ? integers<uint64_t>(c) : nullptr;
  case Type::U16: return integers<uint16_t>(c);
  case Type::U32: return integers<uint32_t>(c);
  case Type::U64: return integers<uint64_t>(c);
  case Type::S16: return integers<int16_t>(c);
  case Type::S32: return integers<int32_t>(c);
  case Type::S64: return integers<int64_t>(c);
  case Type::F16: return floats<Half>(c);
  case Type::BF16: return floats<BFloat>(c);
  case Type::F32: return ftz ? floats<float, true>(c) : floats<float>(c);
  case Type::F64: return floats<double>(c);
  default: return nullptr;
  }
}

template <class T> struct Select {
  static T f(T a, T b, bool c) { return c ? a : b; }
};

Handler selectHandler(Type type) { return amongUnsigned<Select>(unsignedOf(type)); }

} // namespace gnc::emulator
