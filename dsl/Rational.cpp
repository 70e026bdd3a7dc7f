#include "dsl/Rational.h"

#include "llvm/ADT/APInt.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cmath>
#include <utility>

using namespace gnc::dsl;

namespace {

using Int = Rational::Int;
using Unsigned = unsigned __int128;

Unsigned magnitude(Int a) { return a < 0 ? -Unsigned(a) : Unsigned(a); }

Unsigned gcd(Unsigned a, Unsigned b) {
  while (b)
    a = std::exchange(b, a % b);
  return a;
}

/// The most negative value has no negation; it is left out so that -a and |a| always exist.
constexpr Int maxInt = Int(~Unsigned(0) >> 1);
bool held(Int a) { return a >= -maxInt; }

bool multiply(Int a, Int b, Int &out) { return !__builtin_mul_overflow(a, b, &out) && held(out); }
bool add(Int a, Int b, Int &out) { return !__builtin_add_overflow(a, b, &out) && held(out); }

Int floorDivide(Int a, Int b) { // b > 0
  Int q = a / b;
  return a % b < 0 ? q - 1 : q;
}

llvm::APInt wide(Unsigned a) {
  uint64_t words[] = {uint64_t(a), uint64_t(a >> 64)};
  return llvm::APInt(384, words);
}

std::string digits(Unsigned a) {
  std::string text;
  do
    text.insert(text.begin(), char('0' + int(a % 10)));
  while (a /= 10);
  return text;
}

} // namespace

std::optional<Rational> Rational::make(Int num, Int den) {
  if (den == 0 || !held(num) || !held(den))
    return std::nullopt;
  Unsigned common = gcd(magnitude(num), magnitude(den));
  Int n = Int(magnitude(num) / common), d = Int(magnitude(den) / common);
  return Rational((num < 0) != (den < 0) ? -n : n, d);
}

/// Splits `1_5.25e-3` into its digits 1525 and the power of ten 10^-5; false if malformed.
static bool scan(llvm::StringRef text, llvm::SmallVectorImpl<char> &digits, int64_t &exponent) {
  auto [mantissa, power] = text.split(text.contains('E') ? 'E' : 'e');
  exponent = 0;
  if (mantissa.size() != text.size()) {
    power.consume_front("+");
    if (power.getAsInteger(10, exponent))
      return false;
  }
  // Nothing beyond this is representable, and the sum below must not overflow.
  exponent = std::clamp<int64_t>(exponent, -100000, 100000);
  bool point = false;
  for (char c : mantissa) {
    if (c == '_')
      continue;
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!llvm::isDigit(c))
      return false;
    digits.push_back(c);
    exponent -= point;
  }
  return !digits.empty();
}

std::optional<Rational> Rational::parse(llvm::StringRef literal) {
  llvm::SmallString<32> text;
  int64_t exponent;
  if (!scan(literal, text, exponent))
    return std::nullopt;
  // Zeros at the end are powers of ten: 0.500 and 1000000e-6 need no large numbers.
  while (text.size() > 1 && text.back() == '0') {
    text.pop_back();
    ++exponent;
  }
  Int value = 0;
  for (char c : text)
    if (!multiply(value, 10, value) || !add(value, c - '0', value))
      return std::nullopt;
  if (value == 0)
    return Rational();
  if (exponent < -80 || exponent > 40)
    return std::nullopt;
  Rational result(value, 1);
  for (; exponent; exponent += exponent < 0 ? 1 : -1) {
    auto next = exponent < 0 ? result / Rational(10) : result * Rational(10);
    if (!next)
      return std::nullopt;
    result = *next;
  }
  return result;
}

std::optional<int64_t> Rational::asInt() const {
  if (den != 1 || num > INT64_MAX || num < INT64_MIN)
    return std::nullopt;
  return int64_t(num);
}

std::optional<Rational> Rational::operator+(const Rational &b) const {
  // Knuth 4.5.1: dividing by the common part first keeps the products small.
  Int common = Int(gcd(den, b.den));
  Int left, right, sum, bottom;
  if (!multiply(num, b.den / common, left) || !multiply(b.num, den / common, right) ||
      !add(left, right, sum))
    return std::nullopt;
  Int rest = Int(gcd(magnitude(sum), common));
  if (!multiply(den / common, b.den / rest, bottom))
    return std::nullopt;
  return make(sum / rest, bottom);
}

Rational Rational::operator-() const { return {-num, den}; }

std::optional<Rational> Rational::operator-(const Rational &b) const { return *this + -b; }

std::optional<Rational> Rational::operator*(const Rational &b) const {
  Int left = Int(gcd(magnitude(num), b.den)), right = Int(gcd(magnitude(b.num), den));
  Int top, bottom;
  if (!multiply(num / left, b.num / right, top) || !multiply(den / right, b.den / left, bottom))
    return std::nullopt;
  return make(top, bottom);
}

std::optional<Rational> Rational::operator/(const Rational &b) const {
  if (b.num == 0)
    return std::nullopt;
  return *this * (b.num < 0 ? Rational(-b.den, -b.num) : Rational(b.den, b.num));
}

Rational Rational::floor() const { return {floorDivide(num, den), 1}; }
Rational Rational::ceil() const { return -(-*this).floor(); }

std::optional<Rational> Rational::floorDiv(const Rational &b) const {
  auto quotient = *this / b;
  return quotient ? std::optional(quotient->floor()) : std::nullopt;
}

std::optional<Rational> Rational::mod(const Rational &b) const {
  auto quotient = floorDiv(b);
  auto product = quotient ? *quotient * b : std::nullopt;
  return product ? *this - *product : std::nullopt;
}

std::optional<Rational> Rational::pow(int64_t exponent) const {
  if (exponent < 0 && num == 0)
    return std::nullopt;
  // 1, 0 and -1 have all powers; anything else overflows long before 128.
  if (den == 1 && magnitude(num) <= 1)
    return exponent == 0 ? Rational(1) : (num < 0 && exponent % 2 == 0 ? Rational(1) : *this);
  if (exponent > 127 || exponent < -127)
    return std::nullopt;
  Rational result(1);
  for (int64_t i = 0, e = std::abs(exponent); i < e; ++i) {
    auto next = result * *this;
    if (!next)
      return std::nullopt;
    result = *next;
  }
  return exponent < 0 ? Rational(1) / result : result;
}

std::strong_ordering Rational::operator<=>(const Rational &b) const {
  // Compares the continued fractions: exact, and nothing can overflow.
  Int an = num, ad = den, bn = b.num, bd = b.den;
  bool swapped = false;
  for (;;) {
    Int aq = floorDivide(an, ad), bq = floorDivide(bn, bd);
    if (aq != bq)
      return (aq < bq) != swapped ? std::strong_ordering::less : std::strong_ordering::greater;
    an -= aq * ad;
    bn -= bq * bd;
    if (an == 0 || bn == 0) {
      if (an == 0 && bn == 0)
        return std::strong_ordering::equal;
      return (an == 0) != swapped ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    // The fractional parts compare the other way round as their reciprocals.
    std::swap(an, ad);
    std::swap(bn, bd);
    swapped = !swapped;
  }
}

double Rational::round(int bits, int minExponent) const {
  if (num == 0)
    return 0;
  // Scale by 2^-exponent so that the quotient has at least `bits` bits, less below the least
  // normal number; then the remainder decides how to round.
  llvm::APInt top = wide(magnitude(num)), bottom = wide(Unsigned(den));
  int exponent = int(top.getActiveBits()) - int(bottom.getActiveBits()) - bits;
  exponent = std::max(exponent, minExponent);
  llvm::APInt quotient, remainder;
  auto divide = [&](int e) {
    llvm::APInt::udivrem(e < 0 ? top.shl(-e) : top, e > 0 ? bottom.shl(e) : bottom, quotient,
                         remainder);
  };
  divide(exponent);
  if (int(quotient.getActiveBits()) > bits)
    divide(++exponent);
  llvm::APInt twice = remainder.shl(1);
  llvm::APInt divisor = exponent > 0 ? bottom.shl(exponent) : bottom;
  if (twice.ugt(divisor) || (twice == divisor && quotient[0]))
    ++quotient;
  double value = std::ldexp(double(quotient.getZExtValue()), exponent);
  return num < 0 ? -value : value;
}

double Rational::toDouble() const { return round(53, -1074); }
float Rational::toFloat() const { return float(round(24, -149)); }

std::string Rational::str() const {
  std::string text = (num < 0 ? "-" : "") + digits(magnitude(num));
  return den == 1 ? text : text + "/" + digits(Unsigned(den));
}
