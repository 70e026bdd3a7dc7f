//===- BoundedSumTest.cpp - contractions that skip terms ------------------------------------===//
//
// The form of the data gradient of a strided convolution, split by residues (SplitResidues.cpp):
// outer indices and one of the sum say which weights there are, or whether a sum has terms at all.
// Whole numbers, bit for bit beside the evaluator; shapes, coefficients and limits are drawn by a
// seed.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "mlir/Parser/Parser.h"
#include "passes/Contraction.h"
#include "test/Scale.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

/// One axis: its residue as outer index, its taps, where in a weight of `size` taps it reads.
struct Axis {
  int64_t residues, taps, size, stepOfTap, stepOfResidue, shift;
};

Axis drawAxis(Random &random) {
  constexpr int64_t kSteps[] = {1, 2, 3, -1, -2};
  return {random(1, 3),         random(1, 4),  random(1, 5),
          kSteps[random(0, 4)], random(-2, 2), random(-3, 5)};
}

/// t[n, p, s, u, o] = sum[k, r, v] x[n, p + s - r, u - v, k] * w[k, o, tap of s and r, of u and v].
std::string residueSum(Random &random, bool weights) {
  constexpr int64_t kPoints[] = {3, 40, 130, 330, 330}, kColumns[] = {5, 40, 70, 130},
                    kPositions[] = {1, 6, 13};
  int64_t points = kPoints[random(0, 4)], columns = kColumns[random(0, 3)],
          positions = kPositions[random(0, 2)];
  Axis one = drawAxis(random), two = random(0, 1) ? drawAxis(random) : Axis{1, 1, 1, 1, 0, 0};
  std::string x = formatv("tensor<?x{0}x{1}x{2}xf32>", positions + one.residues + one.taps - 2,
                          two.residues + two.taps - 1, points),
              w = formatv("tensor<{0}x{1}x{2}x{3}xf32>", points, columns, one.size, two.size),
              y = formatv("tensor<?x{0}x{1}x{2}x{3}xf32>", positions, one.residues, two.residues,
                          columns);
  std::string condition =
      random(0, 2) == 0
          ? formatv(" where (s + {0} < {1}) ?? 0.0", random(-1, 1), random(1, 2)).str()
          : "";
  std::string role = weights ? " {gnc.role = \"weight\", gnc.path = \"w\"}" : "";
  std::string finish = random(0, 3) ? formatv(R"(finish (%c : f32) (%q = %x[n, p, u, 0] : {0}) {{
    %1 = arith.addf %c, %q : f32
    gnc.yield %1 : f32
  })",
                                              x)
                                          .str()
                                    : "";
  return formatv(
      R"(func.func @infer(%x: {0} {{gnc.role = "input", gnc.path = "x"}, %w: {1}{2}) -> ({3} {{gnc.path = "y"}) {{
  %y = gnc.compute [n = ?, p = {4}, s = {5}, u = {6}, o = {7}] sum [k = {8}, r = {9}, v = {10}]
      (%a = %x[n, p + s - r + {11}, u - v + {12}, k]{13} : {0},
       %b = %w[k, o, r * {14} + s * {15} + {16}, v * {17} + u * {18} + {19}] ?? 0.0 : {1}) -> {3} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } {20}
  return %y : {3}
}
)",
      x, w, role, y, positions, one.residues, two.residues, columns, points, one.taps, two.taps,
      one.taps - 1, two.taps - 1, condition, one.stepOfTap, one.stepOfResidue, one.shift,
      two.stepOfTap, two.stepOfResidue, two.shift, finish);
}

TEST(BoundedSumTest, likeTheEvaluator) {
  unsigned cases = caseCount(40, 400);
  for (unsigned i = 0; i < cases; ++i) {
    Random random(caseSeed(i));
    std::string text = residueSum(random, /*weights=*/i % 2 == 0);
    SCOPED_TRACE(text);
    int64_t n = random(0, 1) ? random(2, 5) : 1;
    unsigned bits = 128u << i % 3;
    SCOPED_TRACE(bits);
    auto whole = [&](Compiled &compiled) { return compiled.wholeNumbers(n, 3, 11); };
    expectSameBits(text, {.batch = 30, .vectorBits = bits}, n, 11, whole);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

/// Of 2 x 2 residues of a convolution of 3x3 with stride 2, one has 4 taps, two have 2, one has 1;
/// of 1x1, three have none.
TEST(BoundedSumTest, countedTerms) {
  mlir::MLIRContext context;
  context.loadDialect<GncDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  auto shareOf = [&](const std::string &guarded) {
    std::string text = formatv(R"(
func.func @f(%x: tensor<?x6x6x8xf32>, %w: tensor<8x5x3x3xf32>) -> tensor<?x2x2x2x2x5xf32> {{
  %y = gnc.compute [n = ?, p = 2, s = 2, q = 2, u = 2, o = 5] sum [k = 8, r = 2, v = 2]
      ({0}) -> tensor<?x2x2x2x2x5xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x2x2x2x2x5xf32>
})",
                               guarded);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    double share = -1;
    module->walk([&](ComputeOp op) { share = countedShare(op); });
    return share;
  };
  std::string x = "%a = %x[n, p + s - r + 1, q + u - v + 1, k] : tensor<?x6x6x8xf32>, ";
  EXPECT_EQ(shareOf(x + "%b = %w[k, o, r * 2 - s + 1, v * 2 - u + 1] ?? 0.0 : "
                        "tensor<8x5x3x3xf32>"),
            9.0 / 16);
  EXPECT_EQ(shareOf("%a = %x[n, p, q, k] where (s < 1, u < 1) ?? 0.0 : tensor<?x6x6x8xf32>, "
                    "%b = %w[k, o, r, v] : tensor<8x5x3x3xf32>"),
            1.0 / 4);
  // Rows decide: no bound.
  EXPECT_EQ(shareOf("%a = %x[n, p - 1, q, k] ?? 0.0 : tensor<?x6x6x8xf32>, "
                    "%b = %w[k, o, r, v] : tensor<8x5x3x3xf32>"),
            1.0);
}

} // namespace
