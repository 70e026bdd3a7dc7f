// Exact numbers of compile-time arithmetic: `C / 2` of 63 is 63/2, `1/255` is exact.
#ifndef GNC_DSL_RATIONAL_H
#define GNC_DSL_RATIONAL_H

#include "llvm/ADT/StringRef.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace gnc::dsl {

/// numerator / denominator in lowest terms, denominator > 0, both below 2^127 (so that 1e-30 is
/// exact too). Every operation that may leave that range, or divide by zero, returns an optional:
/// a result is exact or there is none, never wrong.
class Rational {
public:
  using Int = __int128;

  constexpr Rational() = default;
  constexpr Rational(int64_t whole) : num(whole) {}
  /// num / den; none if den is 0 or the value cannot be held.
  static std::optional<Rational> make(Int num, Int den);
  /// A decimal literal: `10`, `60_000`, `0.5`, `1e-3`. None if malformed or out of range.
  static std::optional<Rational> parse(llvm::StringRef literal);

  Int numerator() const { return num; }
  Int denominator() const { return den; }
  bool isZero() const { return num == 0; }
  bool isNegative() const { return num < 0; }
  bool isInteger() const { return den == 1; }
  /// The value if it is whole and fits 64 bits.
  std::optional<int64_t> asInt() const;

  std::optional<Rational> operator+(const Rational &b) const;
  std::optional<Rational> operator-(const Rational &b) const;
  std::optional<Rational> operator*(const Rational &b) const;
  /// Exact division; none for b = 0.
  std::optional<Rational> operator/(const Rational &b) const;
  Rational operator-() const;
  /// The largest whole number <= this / b.
  std::optional<Rational> floorDiv(const Rational &b) const;
  /// this - b * floorDiv(b): the sign follows the divisor.
  std::optional<Rational> mod(const Rational &b) const;
  /// Whole powers, negative ones too; none for 0 to a negative power.
  std::optional<Rational> pow(int64_t exponent) const;
  Rational floor() const;
  Rational ceil() const;
  Rational abs() const { return num < 0 ? -*this : *this; }

  bool operator==(const Rational &) const = default;
  std::strong_ordering operator<=>(const Rational &b) const;

  /// Rounded once, to the nearest, ties to even.
  double toDouble() const;
  float toFloat() const;
  /// "63/2", "-4", "1/1000".
  std::string str() const;

private:
  constexpr Rational(Int num, Int den) : num(num), den(den) {}
  double round(int bits, int minExponent) const;

  Int num = 0, den = 1;
};

} // namespace gnc::dsl

#endif // GNC_DSL_RATIONAL_H
