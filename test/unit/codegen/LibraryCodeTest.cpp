// Ops and blocks of the standard library, with their gradients, as compiled code: the numbers of
// the evaluator in f64, up to what f32 rounds (NetBound).
#include "NetJudge.h"
#include "test/Scale.h"
#include "test/unit/dsl/LibraryCase.h"

#include <limits>
#include <set>

using namespace gnc;
using namespace gnc::test;

static void expectCompiled(const LibraryCase &one, Plan plan = {}) {
  SCOPED_TRACE(one.expression);
  Program program("", one.expression, one.operands, one.mode);
  ASSERT_TRUE(program.good()) << program.messages();
  Tensors arguments;
  int64_t n = 1;
  for (const Operand &operand : program.arguments()) {
    arguments.push_back(operand.value);
    for (double &number : arguments.back().data)
      number = float(number);
    if (operand.type.batched)
      n = operand.value.shape[0];
  }
  plan.batch = n;
  Compiled compiled(program.graphWithGradients(), plan);
  ASSERT_TRUE(compiled.ok);
  NetBound bound(compiled.function(), arguments, caseSeed(0));
  ASSERT_TRUE(bound.finite);
  Tensors found = compiled.run(arguments, n, 2);
  ASSERT_EQ(found.size(), bound.expected.size());
  for (auto [r, result] : llvm::enumerate(bound.expected))
    for (size_t i = 0; i < result.data.size(); ++i)
      ASSERT_NEAR(found[r].data[i], result.data[i], bound.bounds[r])
          << "element " << i << " of result " << r;
}

TEST(LibraryCode, ComputesWhatTheEvaluatorDoes) {
  std::vector<const LibraryCase *> cases;
  for (const LibraryCase &one : libraryCases())
    if (!one.extreme)
      cases.push_back(&one);
  unsigned count = caseCount(16, unsigned(cases.size()));
  std::set<std::string> names;
  for (unsigned i = 0; i < count; ++i) {
    const LibraryCase &one = *cases[fullScale() ? i : caseSeed(i) * 7919 % cases.size()];
    names.insert(one.name);
    expectCompiled(one);
  }
  printf("  measured: f32: %u cases of %zu ops and blocks, with gradients, beside the evaluator in "
         "f64\n",
         count, names.size());
}

/// The same on a card: on the software device, which reports every hazard.
TEST(LibraryCode, ComputesWhatTheEvaluatorDoesOnACard) {
  std::vector<const LibraryCase *> cases;
  for (const LibraryCase &one : libraryCases())
    if (!one.extreme)
      cases.push_back(&one);
  for (unsigned i = 0, n = caseCount(12, unsigned(cases.size())); i < n; ++i)
    expectCompiled(*cases[fullScale() ? i : caseSeed(i) * 7919 % cases.size()], {.card = "sm_90"});
}

/// Numbers that are no classes, none of which C++ could convert: brought inside, or outside for
/// `??`.
TEST(LibraryCode, NumbersThatAreNoClasses) {
  const double inf = std::numeric_limits<double>::infinity();
  Operand x = with(numbers("x", {9}), {0.9, -1, 1e9, 1.7, -inf, inf, NAN, -0.5, 4});
  Operand y = with(numbers("y", {6}), {10, 20, 30, 40, 50, 60});
  struct Case {
    const char *read;
    std::vector<double> values;
  };
  for (const Case &one : {Case{"y[index(x[i], 4)]", {10, 10, 40, 20, 10, 40, 10, 10, 40}},
                          Case{"y[index(x[i], 4)] ?? -7", {10, -7, -7, 20, -7, -7, -7, 10, -7}},
                          Case{"y[index(x[i], 4) % 2] ?? -7", {10, -7, -7, 20, -7, -7, -7, 10, -7}},
                          Case{"y[index(x[i], 8)] ?? -7", {10, -7, -7, 20, -7, -7, -7, 10, 50}}}) {
    SCOPED_TRACE(one.read);
    Program program(std::string("op f(x: [A], y: [K]) -> z: [A] { z[i] = ") + one.read + " }",
                    "f(x, y)", {x, y});
    ASSERT_TRUE(program.good()) << program.messages();
    Compiled compiled(program.graph(), {.batch = 1});
    ASSERT_TRUE(compiled.ok);
    EXPECT_EQ(compiled.run({x.value, y.value}, 1, 2).front().data, one.values);
  }
}
