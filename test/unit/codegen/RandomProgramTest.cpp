//===- RandomProgramTest.cpp - random graphs and gradients, compiled in many ways -------------===//
//
// The graphs and equations that passes are tested with, run as machine code: with every pass, and
// with each one left out. On whole numbers: where the f32 and f64 evaluators agree on every result
// nothing was rounded, so compiled code has to agree as well, whatever the order of its sums.
//
//===------------------------------------------------------------------------------------------===//
#include "../passes/RandomEquation.h"
#include "../passes/RandomGraph.h"
#include "Compiled.h"
#include "test/Scale.h"

using namespace gnc;
using namespace gnc::test;

namespace {

/// No pass, each one that can be left out, and each with the one after it.
const std::vector<std::vector<std::string>> &disabledSets() {
  static const std::vector<std::vector<std::string>> all = [] {
    std::vector<std::vector<std::string>> sets = {{}};
    for (const OptionalPass &pass : optionalPasses()) {
      if (sets.size() > 1)
        sets.push_back({sets.back().front(), pass.flag.str()});
      sets.push_back({pass.flag.str()});
    }
    return sets;
  }();
  return all;
}

/// Counts what is checked; a test whose cases all round would prove nothing.
struct Tally {
  unsigned exact = 0, rounded = 0;
  ~Tally() { EXPECT_GT(exact, rounded) << "most cases round"; }
};

bool equal(const Tensors &a, const Tensors &b) {
  for (size_t r = 0; r < a.size(); ++r)
    if (a[r].data != b[r].data)
      return false;
  return true;
}

/// Small whole numbers.
Tensors drawSmall(Compiled &compiled, int64_t n, std::mt19937_64 &random) {
  return compiled.arguments(n, [&](bool isFloat) {
    return isFloat ? static_cast<double>(random() % 5) - 2 : static_cast<double>(random() % 2);
  });
}

void check(const std::string &text, uint64_t seed, Tally &tally, const Plan &base = {}) {
  std::mt19937_64 random(seed);
  int64_t planned = 1 + random() % 4, n = 1 + random() % planned;
  Plan plan = base;
  plan.batch = planned;
  plan.vectorBits = 128u << random() % 3;
  plan.disabled = disabledSets()[random() % disabledSets().size()];
  std::string without;
  for (const std::string &pass : plan.disabled)
    without += " " + pass;
  SCOPED_TRACE(text + "seed " + std::to_string(seed) + ", " + std::to_string(plan.vectorBits) +
               " bits, batch " + std::to_string(n) + " of " + std::to_string(planned) +
               ", without" + without);
  Compiled compiled(text, plan);
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = drawSmall(compiled, n, random);
  Tensors expected = compiled.expected(arguments, Precision::F64);
  if (!equal(expected, compiled.expected(arguments, Precision::F32))) {
    ++tally.rounded;
    compiled.run(arguments, n, 1); // nothing to compare with, but it runs
    return;
  }
  ++tally.exact;
  expectEqual(compiled.run(arguments, n, 1 + random() % 3), expected);
}

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// The equation y of x and w, and the gradients of sum(y * g).
std::string withGradient(const std::string &text) {
  size_t arrow = text.find(") -> "), brace = text.find(" {", arrow);
  std::string y = text.substr(arrow + 5, brace - arrow - 5);
  auto typeOf = [&](const std::string &name) {
    size_t at = text.find(name + ": ") + name.size() + 2;
    return text.substr(at, text.find('>', at) + 1 - at);
  };
  std::string x = typeOf("%x"), w = typeOf("%w"), indices, access;
  std::string shape = y.substr(7, y.rfind('x') - 7) + "x";
  for (size_t at = 0; at < shape.size(); at = shape.find('x', at) + 1) {
    std::string name = "e" + std::to_string(at);
    indices += (at ? ", " : "") + name + " = " + shape.substr(at, shape.find('x', at) - at);
    access += (at ? ", " : "") + name;
  }
  std::string body = text.substr(brace + 3, text.find("  return") - brace - 3);
  return "func.func @f(%x: " + x + ", %w: " + w + ", %g: " + y + ") -> (" + y + ", " + x + ", " +
         w + ") {\n" + body + "  %loss = gnc.compute [] sum [" + indices + "] (%a = %y[" + access +
         "] : " + y + ", %b = %g[" + access + "] : " + y +
         ") -> tensor<f32> {\n    %0 = arith.mulf %a, %b : f32\n    gnc.yield %0 : f32\n  }\n" +
         "  %d:2 = gnc.gradient %loss of (%x, %w) : tensor<f32> of " + x + ", " + w + " -> " + x +
         ", " + w + "\n  return %y, %d#0, %d#1 : " + y + ", " + x + ", " + w + "\n}\n";
}

void runFamily(std::string (*source)(uint64_t), unsigned cases) {
  Tally tally;
  for (unsigned i = 0; i < cases; ++i) {
    check(withGradient(source(caseSeed(i))), caseSeed(i), tally);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

TEST(RandomProgramTest, convolutions) { runFamily(randomConvolution, caseCount(30, 500)); }
TEST(RandomProgramTest, transposedConvolutions) {
  runFamily(randomTransposedConvolution, caseCount(30, 500));
}
TEST(RandomProgramTest, accesses) { runFamily(randomAccesses, caseCount(60, 1000)); }

TEST(RandomProgramTest, graphs) {
  Tally tally;
  for (unsigned i = 0; i < caseCount(60, 1000); ++i) {
    check(replaced(randomGraph(caseSeed(i)), "math.tanh", "math.absf"), caseSeed(i), tally);
    if (HasFatalFailure())
      return;
  }
}

class RandomProgramOnACard : public OnACard {};
INSTANTIATE_TEST_SUITE_P(By, RandomProgramOnACard, bothCodegens(), codegenOf);

/// A few of each family on the software device.
TEST_P(RandomProgramOnACard, everyFamily) {
  Tally tally;
  const Plan card = plan(1, "sm_80");
  for (unsigned i = 0; i < caseCount(2, 100) && !HasFatalFailure(); ++i) {
    uint64_t seed = caseSeed(i);
    check(withGradient(randomConvolution(seed)), seed, tally, card);
    check(withGradient(randomTransposedConvolution(seed)), seed, tally, card);
    check(withGradient(randomAccesses(seed)), seed, tally, card);
    check(replaced(randomGraph(seed), "math.tanh", "math.absf"), seed, tally, card);
  }
  printf("  measured: by %s: %u random programs on the software device, bit for bit; %u more ran "
         "that round\n",
         codegenName(), tally.exact, tally.rounded);
}

/// Where f32 is exact, tensors that are rounded to half are rounded alike, even if that changes
/// them.
void checkStored(const std::string &text, uint64_t seed, Tally &tally) {
  SCOPED_TRACE(text + "seed " + std::to_string(seed));
  // The evaluator sees what fusion left, with weights in the shapes that were declared.
  Plan plan{3, 128u << seed % 3, {"split-indices"}, seed % 2 ? "bf16" : "f16"};
  Compiled full(text, {.batch = 3}), half(text, plan);
  ASSERT_TRUE(full.ok && half.ok);
  std::mt19937_64 random(seed);
  Tensors arguments = drawSmall(full, 2, random);
  Tensors actual = half.run(arguments, 2, 2);
  if (!equal(full.expected(arguments, Precision::F64), full.expected(arguments, Precision::F32))) {
    ++tally.rounded;
    return;
  }
  ++tally.exact;
  expectEqual(actual, half.expected(arguments, Precision::F32));
}

TEST(RandomProgramTest, storedInHalf) {
  Tally tally;
  for (unsigned i = 0; i < caseCount(10, 300); ++i) {
    checkStored(withGradient(randomConvolution(caseSeed(i))), caseSeed(i), tally);
    checkStored(replaced(randomGraph(caseSeed(i)), "math.tanh", "math.absf"), caseSeed(i), tally);
    if (HasFatalFailure())
      return;
  }
}

} // namespace
