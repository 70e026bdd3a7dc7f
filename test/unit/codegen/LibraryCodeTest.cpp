// Ops and blocks of the standard library, with their gradients, as compiled code: the numbers of
// the evaluator in f64, up to what f32 rounds (NetBound).
#include "NetJudge.h"
#include "test/Scale.h"
#include "test/unit/dsl/LibraryCase.h"

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

using namespace gnc;
using namespace gnc::test;

/// The code of an expression, which the front end accepts, beside the evaluator.
static void expectCompiled(Program &program, Plan plan) {
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

static void expectCompiled(const LibraryCase &one, const Plan &plan = {}) {
  SCOPED_TRACE(one.expression);
  Program program("", one.expression, one.operands, one.mode);
  ASSERT_TRUE(program.good()) << program.messages();
  expectCompiled(program, plan);
}

static std::vector<const LibraryCase *> ordinaryCases() {
  std::vector<const LibraryCase *> cases;
  for (const LibraryCase &one : libraryCases())
    if (!one.extreme)
      cases.push_back(&one);
  return cases;
}

/// All of them, or some by the seed.
static std::vector<const LibraryCase *> sampledCases(unsigned sample) {
  std::vector<const LibraryCase *> all = ordinaryCases(), some;
  unsigned count = caseCount(sample, unsigned(all.size()));
  for (unsigned i = 0; i < count; ++i)
    some.push_back(all[fullScale() ? i : caseSeed(i) * 7919 % all.size()]);
  return some;
}

TEST(LibraryCode, ComputesWhatTheEvaluatorDoes) {
  std::set<std::string> names;
  unsigned count = 0;
  for (const LibraryCase *one : sampledCases(16)) {
    names.insert(one->name);
    expectCompiled(*one);
    ++count;
  }
  printf("  measured: f32: %u cases of %zu ops and blocks, with gradients, beside the evaluator in "
         "f64\n",
         count, names.size());
}

//===- Other shapes ---------------------------------------------------------------------------===//

/// The operands of a case with other extents, and a batch of another size: an extent becomes the
/// same wherever it occurs, or stays. The numbers lie between those that were there.
static std::vector<Operand> otherShapes(const LibraryCase &one, std::mt19937_64 &random) {
  std::map<int64_t, int64_t> extents;
  auto below = [&](int64_t n) { return int64_t(random() % uint64_t(n)); };
  auto other = [&](int64_t extent) {
    auto [entry, isNew] = extents.try_emplace(extent, extent);
    if (isNew && below(4) != 0) // a few are longer than a warp
      entry->second = below(6) == 0 ? 30 + below(8) : 1 + below(2 * extent + 1);
    return entry->second;
  };
  const int64_t batch = 1 + below(5);
  std::vector<Operand> operands = one.operands;
  for (Operand &operand : operands) {
    const std::vector<double> data = operand.value.data;
    llvm::SmallVector<int64_t> shape;
    if (operand.type.batched)
      shape.push_back(batch);
    for (int64_t &extent : operand.type.shape)
      shape.push_back(extent = other(extent));
    if (operand.type.classes)
      operand.type.classes = other(operand.type.classes);
    operand.value = TensorValue(shape);
    const int64_t classes = operand.type.classes;
    auto any = [&] { return data[size_t(below(int64_t(data.size())))]; };
    auto between = [&](double a, double b) {
      double part = double(random() >> 11) * 0x1p-53;
      return std::isfinite(a) && std::isfinite(b) ? std::lerp(a, b, part) : a;
    };
    for (double &number : operand.value.data)
      if (classes)
        number = double(below(classes));
      else if (operand.type.element != dsl::ElementKind::F32)
        number = any();
      else
        number = between(any(), any());
  }
  return operands;
}

/// The evaluator is slow.
static bool isSmall(const std::vector<Operand> &operands) {
  return llvm::all_of(operands, [](const Operand &o) { return o.value.size() <= 2000; });
}

static bool sameShapes(const std::vector<Operand> &a, const std::vector<Operand> &b) {
  return llvm::equal(
      a, b, [](const Operand &x, const Operand &y) { return x.value.shape == y.value.shape; });
}

/// The case with other shapes that its expression accepts, or null.
static std::unique_ptr<Program> withOtherShapes(const LibraryCase &one, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int attempt = 0; attempt < 20; ++attempt) {
    std::vector<Operand> operands = otherShapes(one, random);
    if (!isSmall(operands) || sameShapes(operands, one.operands))
      continue;
    auto program = std::make_unique<Program>("", one.expression, operands, one.mode);
    if (program->good())
      return program;
  }
  return nullptr;
}

static std::string shapesOf(const Program &program) {
  std::string text;
  for (const Operand &operand : program.arguments())
    text += operand.name + ": " + operand.type.str() + " ";
  return text;
}

//===- On a card ------------------------------------------------------------------------------===//

/// On the software device, which reports every hazard.
class LibraryCodeOnACard : public OnACard {
protected:
  void SetUp() override {
    if (!haveToolkit())
      GTEST_SKIP() << "no CUDA toolkit";
  }
};
INSTANTIATE_TEST_SUITE_P(By, LibraryCodeOnACard, bothCodegens(), codegenOf);

TEST_P(LibraryCodeOnACard, ComputesWhatTheEvaluatorDoes) {
  std::set<std::string> names;
  unsigned count = 0;
  for (const LibraryCase *one : sampledCases(4)) {
    names.insert(one->name);
    expectCompiled(*one, plan(1));
    ++count;
  }
  printf(
      "  measured: by %s: %u cases of %zu ops and blocks on the software device, with gradients\n",
      codegenName(), count, names.size());
}

TEST_P(LibraryCodeOnACard, OtherShapes) {
  std::set<std::string> names;
  unsigned count = 0, i = 0;
  for (const LibraryCase *one : sampledCases(4))
    for (unsigned more = 0; more < caseCount(1, 2); ++more) {
      SCOPED_TRACE(one->expression);
      uint64_t seed = caseSeed(i++);
      SCOPED_TRACE(seed);
      auto program = withOtherShapes(*one, seed);
      ASSERT_TRUE(program) << "takes no other shapes";
      SCOPED_TRACE(shapesOf(*program));
      expectCompiled(*program, plan(1));
      names.insert(one->name);
      ++count;
    }
  printf(
      "  measured: by %s: %u cases of %zu ops and blocks in random shapes on the software device, "
      "with gradients\n",
      codegenName(), count, names.size());
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
