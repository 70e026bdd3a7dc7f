//===- ContractionTest.cpp - tiles, tails, blocks and finish of the contraction kernel --------===//
//
// On whole numbers, where every order of summation is exact; on real numbers within the bound of
// Tolerance.h.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "codegen/ContractionPlan.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

constexpr unsigned kEveryWidth[] = {128, 256, 512};

void check(const std::string &text, int64_t planned = 5, int64_t n = 3,
           llvm::ArrayRef<unsigned> widths = kEveryWidth) {
  for (unsigned bits : widths) {
    SCOPED_TRACE(bits);
    auto whole = [&](Compiled &compiled) { return compiled.wholeNumbers(n, 3, 11); };
    expectSameBits(text, {.batch = planned, .vectorBits = bits}, n, 11, whole);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

/// y = finish(sum of %a * %b).
std::string contraction(const std::string &arguments, const std::string &indices,
                        const std::string &reads, const std::string &result,
                        const std::string &finish = "") {
  return formatv(
      "func.func @f({0}) -> {3} {{\n  %y = gnc.compute {1}\n      ({2}) -> {3} {{\n"
      "    %0 = arith.mulf %a, %b : f32\n    gnc.yield %0 : f32\n  } {4}\n  return %y : {3}\n}\n",
      arguments, indices, reads, result, finish);
}

std::string finish(const std::string &reads, const std::string &body) {
  return "finish (%s : f32) (" + reads + ") {\n    " + body + "\n    gnc.yield %0 : f32\n  }";
}

const char *const kBiasReluResidual = R"(%z = arith.constant 0.0 : f32
    %1 = arith.addf %s, %p : f32
    %2 = arith.maximumf %1, %z : f32
    %0 = arith.addf %2, %q : f32)";

TEST(ContractionTest, columnTails) {
  for (int columns = 1; columns <= 17; ++columns)
    check(contraction(
        formatv("%x: tensor<?x7xf32>, %w: tensor<{0}x7xf32>, %v: tensor<{0}xf32>, %r: "
                "tensor<?x{0}xf32>",
                columns),
        formatv("[n = ?, o = {0}] sum [i = 7]", columns),
        formatv("%a = %x[n, i] : tensor<?x7xf32>, %b = %w[o, i] : tensor<{0}x7xf32>", columns),
        formatv("tensor<?x{0}xf32>", columns),
        finish(formatv("%p = %v[o] : tensor<{0}xf32>, %q = %r[n, o] : tensor<?x{0}xf32>", columns),
               kBiasReluResidual)));
}

TEST(ContractionTest, rowTails) {
  for (int64_t n : {1, 2, 11, 12, 13, 25})
    check(contraction("%x: tensor<?x7xf32>, %w: tensor<20x7xf32>", "[n = ?, o = 20] sum [i = 7]",
                      "%a = %x[n, i] : tensor<?x7xf32>, %b = %w[o, i] : tensor<20x7xf32>",
                      "tensor<?x20xf32>"),
          25, n);
}

/// A batch of one, of a kernel that copies panels for more: with what follows the sum.
TEST(ContractionTest, oneRow) {
  for (int columns : {24, 100, 130})
    check(contraction(formatv("%x: tensor<?x500xf32>, %w: tensor<500x{0}xf32>, %v: "
                              "tensor<{0}xf32>, %r: tensor<?x{0}xf32>",
                              columns),
                      formatv("[n = ?, o = {0}] sum [i = 500]", columns),
                      formatv("%a = %x[n, i] : tensor<?x500xf32>, %b = %w[i, o] : "
                              "tensor<500x{0}xf32>",
                              columns),
                      formatv("tensor<?x{0}xf32>", columns),
                      finish(formatv("%p = %v[o] : tensor<{0}xf32>, %q = %r[n, o] : "
                                     "tensor<?x{0}xf32>",
                                     columns),
                             kBiasReluResidual)),
          64, 1);
}

/// A panel is as wide as its vectors, and a group holds whole ones: else columns beyond the last
/// would be written.
TEST(ContractionTest, panelsOfOneRow) {
  for (unsigned vectors : {1, 2, 4})
    for (int64_t group : {1, 2, 3, 4}) {
      constexpr int64_t kLanes = 8;
      ContractionPlan plan;
      plan.vectors = vectors;
      plan.width = vectors * kLanes;
      plan.rowTile = 6;
      plan.blocks.points = 320;
      plan.blocks.panelGroup = group;
      ContractionPlan one = plan.ofOneRow();
      EXPECT_FALSE(one.blocked());
      EXPECT_EQ(one.rowTile, 1u);
      EXPECT_EQ(one.width, one.vectors * kLanes);
      EXPECT_EQ(group * plan.width % one.width, 0);
      EXPECT_LE(one.vectors, 8u); // sums of two more would not fit beside what they are made of
      EXPECT_GE(one.vectors, std::min<int64_t>(group * vectors, 4));
    }
}

/// Whatever joins the sum in registers: strides of the columns, none, backwards; bytes, truth
/// values, uniform numbers.
TEST(ContractionTest, finishReads) {
  for (int columns : {5, 16, 21})
    for (const char *read : {
             "%p = %v[o * 2 + 1] : tensor<43xf32>, %q = %r[o, m] : tensor<43x6xf32>",
             "%p = %v[42 - o * 2] : tensor<43xf32>, %q = %r[o + m, 3] : tensor<43x6xf32>",
             "%p = %u[] : tensor<f32>, %q = %r[m * 2 + 1, 0] : tensor<43x6xf32>",
         })
      check(contraction(
          formatv("%x: tensor<6x7xf32>, %w: tensor<{0}x7xf32>, %v: tensor<43xf32>, %r: "
                  "tensor<43x6xf32>, "
                  "%u: tensor<f32>",
                  columns),
          formatv("[m = 6, o = {0}] sum [i = 7]", columns),
          formatv("%a = %x[m, i] : tensor<6x7xf32>, %b = %w[o, i] : tensor<{0}x7xf32>", columns),
          formatv("tensor<6x{0}xf32>", columns), finish(read, kBiasReluResidual)));
}

TEST(ContractionTest, finishReadsBytesAndTruth) {
  for (int columns : {3, 16, 21})
    check(contraction(
        formatv("%x: tensor<6x7xf32>, %w: tensor<{0}x7xf32>, %t: tensor<6x{0}xi1>, %u: "
                "tensor<6x{0}xi8>, %k: tensor<6xi1>",
                columns),
        formatv("[m = 6, o = {0}] sum [i = 7]", columns),
        formatv("%a = %x[m, i] : tensor<6x7xf32>, %b = %w[o, i] : tensor<{0}x7xf32>", columns),
        formatv("tensor<6x{0}xf32>", columns),
        finish(formatv("%p = %t[m, o] : tensor<6x{0}xi1>, %q = %u[m, o] : tensor<6x{0}xi8>, %c = "
                       "%k[m] : tensor<6xi1>",
                       columns),
               "%1 = arith.uitofp %q : i8 to f32\n    %2 = arith.addf %s, %1 : f32\n"
               "    %3 = arith.select %p, %2, %s : f32\n    %0 = arith.select %c, %3, %1 : f32")));
}

/// K is cut into blocks where B is large; only the last block is finished.
TEST(ContractionTest, blocksOfK) {
  for (const char *parts :
       {"%x: tensor<9x700xf32>, %w: tensor<70x700xf32>|sum [i = 700]|m, i|9x700|o, i|70x700",
        "%x: tensor<9x50x21xf32>, %w: tensor<70x50x21xf32>|sum [i = 50, j = 21]|m, i, j|9x50x21|o, "
        "i, j|70x50x21"}) {
    llvm::SmallVector<llvm::StringRef> part;
    llvm::StringRef(parts).split(part, '|');
    for (bool finished : {false, true})
      check(contraction(
          formatv("{0}, %v: tensor<70xf32>, %r: tensor<9x70xf32>", part[0]),
          formatv("[m = 9, o = 70] {0}", part[1]),
          formatv("%a = %x[{0}] : tensor<{1}xf32>, %b = %w[{2}] : tensor<{3}xf32>", part[2],
                  part[3], part[4], part[5]),
          "tensor<9x70xf32>",
          finished ? finish("%p = %v[o] : tensor<70xf32>, %q = %r[m, o] : tensor<9x70xf32>",
                            kBiasReluResidual)
                   : ""));
  }
}

/// A weight's gradient: the batch is summed over.
TEST(ContractionTest, sumsOverTheBatch) {
  for (int64_t n : {1, 3, 8})
    check(contraction("%x: tensor<?x4x9xf32>, %z: tensor<?x21x9xf32>",
                      "[o = 21, c = 4] sum [n = ?, j = 9]",
                      "%a = %x[n, c, j] : tensor<?x4x9xf32>, %b = %z[n, o, j] : tensor<?x21x9xf32>",
                      "tensor<21x4xf32>"),
          8, n);
}

/// Indices of the result that occur in both operands.
TEST(ContractionTest, batchesOfProducts) {
  check(contraction("%x: tensor<3x5x7xf32>, %w: tensor<3x18x7xf32>",
                    "[g = 3, m = 5, o = 18] sum [i = 7]",
                    "%a = %x[g, m, i] : tensor<3x5x7xf32>, %b = %w[g, o, i] : tensor<3x18x7xf32>",
                    "tensor<3x5x18xf32>"));
  check(contraction("%x: tensor<?x5x7xf32>, %w: tensor<?x18x7xf32>",
                    "[n = ?, m = 5, o = 18] sum [i = 7]",
                    "%a = %x[n, m, i] : tensor<?x5x7xf32>, %b = %w[n, o, i] : tensor<?x18x7xf32>",
                    "tensor<?x5x18xf32>"));
  check(contraction(
      "%x: tensor<?x2x3x5x7xf32>, %w: tensor<2x3x18x7xf32>",
      "[n = ?, g = 2, h = 3, m = 5, o = 18] sum [i = 7]",
      "%a = %x[n, g, h, m, i] : tensor<?x2x3x5x7xf32>, %b = %w[g, h, o, i] : tensor<2x3x18x7xf32>",
      "tensor<?x2x3x5x18xf32>"));
}

TEST(ContractionTest, severalColumnLoops) {
  check(contraction("%x: tensor<6x7xf32>, %w: tensor<7x4x5x9xf32>",
                    "[m = 6, p = 4, q = 5, o = 9] sum [i = 7]",
                    "%a = %x[m, i] : tensor<6x7xf32>, %b = %w[i, p, q, o] : tensor<7x4x5x9xf32>",
                    "tensor<6x4x5x9xf32>"));
  check(contraction("%x: tensor<6x7xf32>, %w: tensor<?x7x9xf32>",
                    "[n = ?, o = 9, m = 6] sum [i = 7]",
                    "%a = %x[m, i] : tensor<6x7xf32>, %b = %w[n, i, o] : tensor<?x7x9xf32>",
                    "tensor<?x9x6xf32>"));
}

/// Runs of columns whose rows follow each other are panels, several in a tile: with rows between
/// two runs that the sum leaves out, sums in blocks, one row, and what joins the sum by runs or
/// not.
TEST(ContractionTest, runsOfColumns) {
  struct Case {
    int runs, rows, points, columns;
  };
  for (Case c : {Case{5, 7, 7, 8},
                 {3, 9, 7, 16},
                 {4, 130, 128, 32},
                 {3, 700, 700, 16},
                 {2, 20, 20, 48},
                 {7, 20, 20, 12},
                 {3, 20, 20, 64}})
    for (int64_t n : {1, 25})
      for (const char *read : {"", "%p = %v[o] : tensor<{3}xf32>, %q = %r[n, p, o] : {4}",
                               "%p = %r[n, p, o] : {4}, %q = %r[n, 0, 0] : {4}"}) {
        std::string result = formatv("tensor<?x{0}x{1}xf32>", c.runs, c.columns);
        std::string weight = formatv("tensor<{0}x{1}x{2}xf32>", c.runs, c.rows, c.columns);
        check(
            contraction(
                formatv("%x: tensor<?x{0}xf32>, %w: {1}, %v: tensor<{2}xf32>, %r: {3}", c.points,
                        weight, c.columns, result),
                formatv("[n = ?, p = {0}, o = {1}] sum [i = {2}]", c.runs, c.columns, c.points),
                formatv("%a = %x[n, i] : tensor<?x{0}xf32>, %b = %w[p, i, o] : {1}", c.points,
                        weight),
                result,
                *read ? finish(formatv(read, 0, 0, 0, c.columns, result), kBiasReluResidual) : ""),
            25, n);
      }
}

/// Windows, backwards and dilated: A in place by any strides.
TEST(ContractionTest, windows) {
  for (const char *at : {"i + r", "i * 2 + r", "12 - i - r * 2", "i + r * 2"})
    check(contraction(
        "%x: tensor<?x3x14xf32>, %w: tensor<10x3x4xf32>",
        "[n = ?, k = 10, i = 5] sum [c = 3, r = 4]",
        formatv("%a = %x[n, c, {0}] : tensor<?x3x14xf32>, %b = %w[k, c, r] : tensor<10x3x4xf32>",
                at),
        "tensor<?x10x5xf32>"));
}

TEST(ContractionTest, extentsOfOne) {
  for (const char *shape : {"1|1|1", "1|9|1", "4|1|1", "1|1|7", "2|1|3", "1|8|2"}) {
    llvm::SmallVector<llvm::StringRef> e;
    llvm::StringRef(shape).split(e, '|');
    check(contraction(
        formatv("%x: tensor<{0}x{2}x1xf32>, %w: tensor<{1}x1x{2}xf32>", e[0], e[1], e[2]),
        formatv("[m = {0}, o = {1}, z = 1] sum [i = {2}]", e[0], e[1], e[2]),
        formatv(
            "%a = %x[m, i, z] : tensor<{0}x{2}x1xf32>, %b = %w[o, z, i] : tensor<{1}x1x{2}xf32>",
            e[0], e[1], e[2]),
        formatv("tensor<{0}x{1}x1xf32>", e[0], e[1])));
  }
}

/// Operands that are the same tensor, or the result's operand twice.
TEST(ContractionTest, oneTensorTwice) {
  check(contraction("%x: tensor<9x12xf32>", "[m = 9, o = 9] sum [i = 12]",
                    "%a = %x[m, i] : tensor<9x12xf32>, %b = %x[o, i] : tensor<9x12xf32>",
                    "tensor<9x9xf32>",
                    finish("%p = %x[m, o] : tensor<9x12xf32>", "%0 = arith.addf %s, %p : f32")));
}

TEST(ContractionTest, realNumbersWithinTheBound) {
  for (unsigned bits : kEveryWidth)
    for (int length : {1, 9, 65, 700}) {
      std::string text = contraction(
          formatv("%x: tensor<?x{0}xf32>, %w: tensor<70x{0}xf32>", length),
          formatv("[n = ?, o = 70] sum [i = {0}]", length),
          formatv("%a = %x[n, i] : tensor<?x{0}xf32>, %b = %w[o, i] : tensor<70x{0}xf32>", length),
          "tensor<?x70xf32>");
      SCOPED_TRACE(text);
      Compiled compiled(text, {.batch = 9, .vectorBits = bits});
      ASSERT_TRUE(compiled.ok);
      Tensors arguments = compiled.realNumbers(9, 1, 5);
      expectClose(compiled.run(arguments, 9, 1), compiled.expected(arguments, Precision::F64),
                  [&](double magnitude) { return sumOfProducts(length, magnitude); });
    }
}

} // namespace
