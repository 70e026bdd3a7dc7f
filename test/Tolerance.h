//===- Tolerance.h - how far from the truth a test may find a number --------------------------===//
//
// Every tolerance of the tests, with where it comes from. The first rule is to need none: whole
// numbers are exact in f32 as long as sums stay below 2^24, and equations that are not contractions
// compute in the evaluator's order, bit for bit.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace gnc::test {

//===- Rounding -------------------------------------------------------------------------------===//

/// Unit roundoff u: a rounded operation gives the exact result times (1 + d), |d| <= u.
constexpr double kRound32 = 0x1p-24, kRound64 = 0x1p-53;

/// The relative error of `count` rounded operations one after another, (1 + u)^count - 1, from
/// above (Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.1).
constexpr double roundings(double count, double u = kRound32) {
  return count * u / (1 - count * u);
}

/// A sum of `terms` products of exact numbers, in any order, fused or not: no term passes more than
/// `terms` additions and one multiplication. `magnitude` is the sum of absolute terms
/// (TensorValue::magnitude).
constexpr double sumOfProducts(double terms, double magnitude, double u = kRound32) {
  return roundings(terms + 1, u) * magnitude;
}

/// The same where rounding errors of either sign are as likely: with probability 1 - 2 exp(-l^2 /
/// 2) a chain of n roundings stays below l sqrt(n) u (Higham and Mary 2019, theorem 2.4); l = 7
/// fails once in 10^10 numbers.
inline double likelyRoundings(double count, double u = kRound32) {
  return 7 * std::sqrt(count) * u;
}

/// Two ways to compute the same in f64: up to 16 operations on numbers up to 100 ..
constexpr double kFew64 = 1e-12;
static_assert(kFew64 > roundings(16, kRound64) * 100);
/// .. and up to 1000 on numbers up to 1000.
constexpr double kMany64 = 1e-9;
static_assert(kMany64 > roundings(1000, kRound64) * 1000);

/// f64 arithmetic against numbers that the equation holds in f32 (0.1f is off by u), a handful of
/// them.
constexpr double kConstants32 = 1e-6;
static_assert(kConstants32 > roundings(16));

/// Sums taken in another order inside a random graph, relative to the largest term: what one
/// equation rounds, the next ones multiply by numbers up to 10, at most five times on the way to a
/// result.
constexpr double kReordered32 = 1e-2, kReordered64 = 1e-10;
static_assert(kReordered32 > roundings(1, kRound32) * 1e5 &&
              kReordered64 > roundings(8, kRound64) * 1e5);

/// A program's error beside the largest of four samples of it that move every element by up to its
/// bound in a random direction (NetBound). An error is a sum of many such moves: it is normal, and
/// four samples of a single number stay below a 16th of its deviation once in 160 000 times
/// ((2 / (16 sqrt(2 pi)))^4), while compiled code, whose moves are smaller, would need more than
/// one deviation.
constexpr double kSampled = 16;

/// A normalised variance differs from 1 by eps / variance: 1e-5 of at least 0.01.
constexpr double kNormalised = 1e-3;

//===- Chance ---------------------------------------------------------------------------------===//

/// The mean of n samples is within five standard deviations of its own: off once in 1.7 million
/// seeds.
inline double meanOf(double n, double deviation) { return 5 * deviation / std::sqrt(n); }
/// The same for how often something of probability p happens in n trials.
inline double countOf(double n, double p) { return 5 * std::sqrt(n * p * (1 - p)); }

//===- Functions of libm ----------------------------------------------------------------------===//

/// How many numbers of type float lie between two of them; NaN is as far as can be from any number.
inline double floatsBetween(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b) ? 0 : std::numeric_limits<double>::infinity();
  auto place = [](float x) {
    auto bits = static_cast<int64_t>(std::bit_cast<uint32_t>(x));
    return bits & 0x80000000 ? 0x80000000 - bits : bits;
  };
  return std::fabs(static_cast<double>(place(a) - place(b)));
}

/// Errors of float functions in units of the last place, as the manual of the GNU C library states
/// them for x86_64
/// ("Known Maximum Errors in Math Functions"). The f32 evaluator rounds the double result once:
/// half a unit more, which `ulps` rounds up to one.
struct LibmError {
  const char *op;
  double stated;
  double ulps() const { return std::ceil(stated + 0.5); }
};
constexpr LibmError kLibm[] = {
    {"math.exp", 1},
    {"math.expm1", 1},
    {"math.log", 1},
    {"math.log1p", 1},
    {"math.tanh", 2},
    {"math.erf", 1},
    {"math.sin", 1},
    {"math.cos", 1},
    {"math.powf", 1},
    // 1 / sqrt(x), each rounded once: 2 u relative are at most 2 units.
    {"math.rsqrt", 2},
    // e = exp(-|x|) is off by 2 u, 1 + e by half of that and u, the quotient by u more, e times it
    // by 2 u and u: 7 u.
    {"gnc.sigmoid", 7},
    // log1p is no worse conditioned than its argument is off: 2 u of exp, 2 u of log1p, u of the
    // sum.
    {"gnc.softplus", 5},
};

//===- Winograd -------------------------------------------------------------------------------===//

/// F(4x4, 3x3) in f32, relative to the largest result. A result is A' [..] A of products of G w G'
/// and B' x B. Absolute row sums of A', B' and G are at most 19, 10 and 1: in two dimensions their
/// squares bound how far what lies between exceeds |x| |w|, 361 * 100, and each of some 30
/// roundings on the way is of that size, in the worst case: 7e-2. Roundings of either sign in sums
/// of at least 32 channels that are themselves sums of either sign leave the square root of each
/// factor, 190 * sqrt(30) * u = 6e-5.
constexpr double kWinograd = 1e-4;
static_assert(kWinograd > 19 * 10 * 5.5 * kRound32);

/// F(4, 5) along one axis in f32, relative to the largest result. Absolute row sums of its matrices
/// are at most 20, 15 and 1.4 (outputs, inputs and filters of codegen/MinimalFilter.h), so that
/// what lies between exceeds |x| |w| at most 420 times; each of some 20 roundings on the way may be
/// of that size, 5e-4 in the worst case. Of either sign they leave the square root of each factor,
/// 20 * sqrt(20) * u.
constexpr double kMinimalFilter = 6e-6;
static_assert(kMinimalFilter > 20 * 4.5 * kRound32);

//===- Derivatives ----------------------------------------------------------------------------===//

/// Central differences in f64: the error of (f(x + h) - f(x - h)) / 2h is h^2 |f'''| / 6 + u |f| /
/// h. For h = 1e-6 and third derivatives up to 1e6 these are below 2e-7 and, for |f| up to 1e4,
/// 1e-6.
constexpr double kDifferenceStep = 1e-6, kDifferenceAbsolute = 1e-5, kDifferenceRelative = 1e-3;
/// For functions of magnitude 1 and third derivatives up to 100, h = 1e-5 balances both below 2e-9;
/// a gradient is summed over up to 100 such terms.
constexpr double kSmoothStep = 1e-5, kSmoothTolerance = 1e-6;

/// Gradients of a deep net in f32, relative to the largest of their tensor: a chain of some 60 sums
/// of some 600 terms each leaves the square root of its roundings, 1e-5. What PyTorch computes in
/// f32 stays below that too (test/system/torch, which allows as much).
constexpr double kGradient = 2e-5;
static_assert(kGradient > 190 * kRound32);

//===- Loss curves ----------------------------------------------------------------------------===//

/// A loss near 2, the mean of 10 samples, computed in f32 from the same weights: the loss itself
/// rounds by u * 2, a logit is a sum of 128 numbers that are off by about sqrt(4608) u / 10 each,
/// which together are 2e-7 to 5e-7. Stable gradient descent (lenet_smooth.net) does not amplify
/// what the weights are off by, so twice that is allowed. With kinks (relu, max) some elements take
/// the other branch, and Adam divides gradients by their own size, so that small ones move their
/// weight by a step in either direction: a decade is left for 40 steps of fashion.net.
constexpr double kLossCurve = 1e-5, kLossCurveSmooth = 1e-6;

//===- A card beside a processor --------------------------------------------------------------===//

/// Gradients of the nets of test/torch/nets.py, relative to the largest of their tensor, where the
/// truth is not known: either may be off it by kGradient. Answers come from half as long a chain.
/// Losses of a few steps: a number that a rounding moves across a kink, or to another step of a
/// quantised layer, changes them by more than rounding; ten times a smooth net's is what
/// test/system/torch allows over 20 steps.
constexpr double kDeviceGradients = 2 * kGradient, kDeviceAnswers = kGradient,
                 kDeviceLosses = 10 * kLossCurve;

} // namespace gnc::test
