//===- GpuTest.cpp - kernels of cards on the software device ----------------------------------===//
//
// What the families of the processor (ExactTest, LibraryCodeTest, RandomProgramTest) do not come to
// on a card: the ways in which a block shares its work, each with the edge where it is not whole;
// the two ways to PTX; whole training steps. The device is in checked mode: a race, a barrier in a
// branch or an address that is off is a failure of the run.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "dsl/Frontend.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

const Plan onCard(int64_t batch) { return {.batch = batch, .card = "sm_90"}; }

/// Whole numbers: every order of summation is exact.
void expectExact(const std::string &text, int64_t planned, int64_t n) {
  SCOPED_TRACE(text);
  Compiled compiled(text, onCard(planned));
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = compiled.wholeNumbers(n, 3, 1);
  expectEqual(compiled.run(arguments, n, 1), compiled.expected(arguments, Precision::F32));
}

//===- Sums shared by a block -----------------------------------------------------------------===//

/// `kind` over the second dimension of ?xRxC (`along` 1) or the last (`along` 2).
std::string reduction(const std::string &kind, int64_t r, int64_t c, int along) {
  std::string x = formatv("tensor<?x{0}x{1}xf32>", r, c);
  std::string y = formatv("tensor<?x{0}xf32>", along == 1 ? c : r);
  return formatv(R"(func.func @f(%x: {0}) -> {1} {{
  %y = gnc.compute [n = ?, p = {2}] {3} [t = {4}] (%a = %x[n, {5}] : {0}) -> {1} {{
    gnc.yield %a : f32
  }
  return %y : {1}
})",
                 x, y, along == 1 ? c : r, kind, along == 1 ? r : c, along == 1 ? "t, p" : "p, t");
}

Plan whole(int64_t batch) { // the graph would split the longest sums itself
  Plan plan = onCard(batch);
  plan.disabled = {"split-reduction"};
  return plan;
}

void expectReduced(const std::string &text, int64_t planned, int64_t n) {
  SCOPED_TRACE(text);
  Compiled compiled(text, whole(planned));
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = compiled.wholeNumbers(n, 2, 1);
  expectEqual(compiled.run(arguments, n, 1), compiled.expected(arguments, Precision::F32));
}

/// A warp for each result, and the last block not full.
TEST(GpuTest, sumsOfAWarp) { expectReduced(reduction("sum", 3, 100, 2), 3, 3); }
/// A block for each result: several warps, and a number of terms that they do not share evenly.
TEST(GpuTest, sumsOfABlock) { expectReduced(reduction("sum", 2, 3001, 2), 2, 2); }
TEST(GpuTest, maximaOfABlock) { expectReduced(reduction("max", 2, 3001, 2), 2, 2); }
/// Neighbouring results by neighbouring threads: 41 columns are a block and a part of one.
TEST(GpuTest, sumsOfColumns) { expectReduced(reduction("sum", 500, 41, 1), 2, 1); }
TEST(GpuTest, productsOfColumns) { expectReduced(reduction("prod", 70, 41, 1), 2, 2); }
/// The number of terms is known at run time alone.
TEST(GpuTest, sumsOverTheBatch) {
  expectReduced(R"(func.func @f(%x: tensor<?x9xf32>) -> tensor<9xf32> {
  %y = gnc.compute [p = 9] sum [n = ?, t = 3] (%a = %x[n, p] : tensor<?x9xf32>) -> tensor<9xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<9xf32>
})",
                40, 37);
}
/// Mean and variance of numbers around 1000 in one launch: all of it is exact, which it would not
/// be of their squares.
TEST(GpuTest, varianceInOnePass) {
  Compiled compiled(R"(func.func @f(%x: tensor<?x5x8xf32>) -> (tensor<5xf32>, tensor<5xf32>) {
  %m = gnc.compute [c = 5] sum [n = ?, i = 8] (%a = %x[n, c, i] : tensor<?x5x8xf32>) -> tensor<5xf32> {
    %0 = gnc.extent [1, 2] : f32
    %1 = arith.divf %a, %0 : f32
    gnc.yield %1 : f32
  }
  %v = gnc.compute [c = 5] sum [n = ?, i = 8] (%a = %x[n, c, i] : tensor<?x5x8xf32>, %b = %m[c] : tensor<5xf32>) -> tensor<5xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = gnc.extent [1, 2] : f32
    %3 = arith.divf %1, %2 : f32
    gnc.yield %3 : f32
  }
  return %m, %v : tensor<5xf32>, tensor<5xf32>
})",
                    onCard(8));
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.program.launches.size(), 1u);
  int number = 0;
  Tensors arguments = compiled.arguments(8, [&](bool) { return 1000 + number++ * 5 % 7; });
  expectEqual(compiled.run(arguments, 8, 1), compiled.expected(arguments, Precision::F32));
}
/// The first of equal extremes, as one thread finds it.
TEST(GpuTest, positions) {
  expectExact(R"(func.func @f(%x: tensor<?x300xf32>) -> (tensor<?xf32>, tensor<?xi32>) {
  %y:2 = gnc.compute [n = ?] (max, argmax) [t = 300] (%a = %x[n, t] : tensor<?x300xf32>)
      -> (tensor<?xf32>, tensor<?xi32>) {
    gnc.yield %a, %a : f32, f32
  }
  return %y#0, %y#1 : tensor<?xf32>, tensor<?xi32>
})",
              4, 3);
}

//===- Elements -------------------------------------------------------------------------------===//

/// One loop over memory whose last vector is not whole, and one whose rows are no vectors.
TEST(GpuTest, elements) {
  for (int64_t width : {7, 8, 33})
    expectExact(
        formatv(R"(func.func @f(%x: tensor<?x{0}xf32>, %b: tensor<{0}xf32>) -> tensor<?x{0}xf32> {{
  %y = gnc.compute [n = ?, i = {0}] (%a = %x[n, i] : tensor<?x{0}xf32>, %c = %b[i] : tensor<{0}xf32>) -> tensor<?x{0}xf32> {{
    %0 = arith.mulf %a, %c : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x{0}xf32>
})",
                width),
        5, 3);
}

/// A row that starts at a multiple of four is read as vectors, one that starts beside it is not.
TEST(GpuTest, unalignedRows) {
  for (int64_t shift : {0, 1, 4})
    expectExact(formatv(R"(func.func @f(%x: tensor<?x40xf32>) -> tensor<?x32xf32> {{
  %y = gnc.compute [n = ?, i = 32] (%a = %x[n, i + {0}] : tensor<?x40xf32>) -> tensor<?x32xf32> {{
    gnc.yield %a : f32
  }
  return %y : tensor<?x32xf32>
})",
                        shift),
                3, 2);
}

/// Drawn numbers are those of the processor, bit for bit.
TEST(GpuTest, randomNumbers) {
  std::string text =
      R"(func.func @f(%s: tensor<4xi32> {gnc.role = "stream"}, %x: tensor<?x70xf32>) -> tensor<?x70xf32> {
  %u = gnc.random %s site 9123456789012345678 : tensor<?x70xf32>
  %y = gnc.compute [n = ?, i = 70] (%a = %u[n, i] : tensor<?x70xf32>, %b = %x[n, i] : tensor<?x70xf32>) -> tensor<?x70xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x70xf32>
})";
  Compiled compiled(text, onCard(3));
  ASSERT_TRUE(compiled.ok);
  Tensors arguments = compiled.realNumbers(3, 2, 1);
  arguments[0].data = {12345, 678, 3, 90};
  expectEqual(compiled.run(arguments, 3, 1), compiled.expected(arguments, Precision::F32));
}

/// Two bytes in memory, both kinds, in vectors and alone.
TEST(GpuTest, halfPrecision) {
  for (const char *type : {"f16", "bf16"})
    expectExact(
        formatv(R"(func.func @f(%x: tensor<?x33xf32>, %w: tensor<20x33xf32>) -> tensor<?x20xf32> {{
  %a = gnc.compute [n = ?, i = 33] (%p = %x[n, i] : tensor<?x33xf32>) -> tensor<?x33x{0}> {{
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?, o = 20] sum [i = 33] (%p = %a[n, i] : tensor<?x33x{0}>, %q = %w[o, i] : tensor<20x33xf32>) -> tensor<?x20xf32> {{
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %b : tensor<?x20xf32>
})",
                type),
        5, 4);
}

//===- Contractions ---------------------------------------------------------------------------===//

std::string product(int64_t m, int64_t n, int64_t k) {
  return formatv(
      R"(func.func @f(%x: tensor<{0}x{2}xf32>, %w: tensor<{2}x{1}xf32>, %r: tensor<{0}x{1}xf32>) -> tensor<{0}x{1}xf32> {{
  %y = gnc.compute [i = {0}, j = {1}] sum [t = {2}] (%a = %x[i, t] : tensor<{0}x{2}xf32>, %b = %w[t, j] : tensor<{2}x{1}xf32>) -> tensor<{0}x{1}xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%c = %r[i, j] : tensor<{0}x{1}xf32>) {{
    %0 = arith.addf %s, %c : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<{0}x{1}xf32>
})",
      m, n, k);
}

/// Tiles that are whole and that are not in each direction, vectors and scalars along rows, columns
/// and k, one tile of k and several.
TEST(GpuTest, products) {
  struct Shape {
    int64_t m, n, k;
  };
  for (Shape s : {Shape{128, 128, 16},
                  {64, 64, 64},
                  {130, 70, 33},
                  {5, 3, 7},
                  {33, 200, 8},
                  {200, 12, 100},
                  {256, 136, 40}})
    if (!HasFatalFailure())
      expectExact(product(s.m, s.n, s.k), 1, 1);
}

struct Window {
  int64_t channels, rows, columns, step; ///< of the image; between positions
  int64_t height, width;                 ///< positions
};

/// Sums over windows of an image, or the weight's gradient: sums over positions, and the batch.
std::string correlation(const Window &w, bool gradient) {
  std::string types = formatv("%x: tensor<?x{0}x{1}x{2}xf32>", w.channels,
                              w.step * (w.height - 1) + w.rows, w.step * (w.width - 1) + w.columns);
  std::string image = formatv("%a = %x[n, c, {0} * p + r, {0} * q + s] : {1}", w.step,
                              llvm::StringRef(types).drop_front(4));
  std::string weight = formatv("tensor<{0}x{1}x{2}x70xf32>", w.channels, w.rows, w.columns);
  std::string map = formatv("tensor<?x{0}x{1}x70xf32>", w.height, w.width);
  std::string window = formatv("c = {0}, r = {1}, s = {2}", w.channels, w.rows, w.columns);
  std::string place = formatv("n = ?, p = {0}, q = {1}", w.height, w.width);
  const char *form = R"(func.func @f({0}, %w: {1}) -> {2} {{
  %y = gnc.compute [{3}, o = 70] sum [{4}] ({5}, %b = %w[{6}, o] : {1}) -> {2} {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : {2}
})";
  return gradient ? formatv(form, types, map, weight, window, place, image, "n, p, q").str()
                  : formatv(form, types, weight, map, place, window, image, "c, r, s").str();
}

/// Tiles of k in one run, in runs that they fill or not, of several whole runs, and across them;
/// the number of positions is known at run time alone.
TEST(GpuTest, windows) {
  for (Window w : {Window{3, 3, 3, 1, 6, 7},
                   {1, 5, 5, 1, 4, 9},
                   {2, 3, 17, 1, 3, 5},
                   {3, 3, 3, 2, 5, 6},
                   {1, 7, 7, 2, 4, 8},
                   {2, 1, 23, 1, 17, 3},
                   {16, 3, 1, 1, 13, 8}})
    for (bool gradient : {false, true})
      for (int64_t batch : {1, 3})
        if (!HasFatalFailure())
          expectExact(correlation(w, gradient), batch, 1);
}

//===- Both ways to PTX -----------------------------------------------------------------------===//

std::string rowsOfSoftmax() {
  return R"(func.func @f(%x: tensor<?x37xf32>) -> tensor<?x37xf32> {
  %m = gnc.compute [n = ?] max [i = 37] (%a = %x[n, i] : tensor<?x37xf32>) -> tensor<?xf32> {
    gnc.yield %a : f32
  }
  %s = gnc.compute [n = ?] sum [i = 37] (%a = %x[n, i] : tensor<?x37xf32>, %b = %m[n] : tensor<?xf32>) -> tensor<?xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    gnc.yield %1 : f32
  }
  %y = gnc.compute [n = ?, i = 37] (%a = %x[n, i] : tensor<?x37xf32>, %b = %m[n] : tensor<?xf32>, %c = %s[n] : tensor<?xf32>) -> tensor<?x37xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = math.exp %0 : f32
    %2 = arith.divf %1, %c : f32
    gnc.yield %2 : f32
  }
  return %y : tensor<?x37xf32>
})";
}

/// Numbers that C++ makes an int of before it computes with them.
const char *const kNarrow =
    R"(func.func @f(%x: tensor<?x9xi8>) -> (tensor<?x9xi8>, tensor<?x9xi1>) {
  %y:2 = gnc.compute [n = ?, i = 9] (%a = %x[n, i] : tensor<?x9xi8>, %b = %x[n, i - 1] ?? 77.0 : tensor<?x9xi8>)
      -> (tensor<?x9xi8>, tensor<?x9xi1>) {
    %0 = arith.constant 0 : i8
    %1 = arith.constant 200 : i8
    %sum = arith.addi %a, %1 : i8
    %wraps = arith.cmpi ult, %sum, %a : i8
    %less = arith.cmpi ult, %a, %b : i8
    %both = arith.andi %wraps, %less : i1
    %chosen = arith.select %both, %sum, %0 : i8
    %either = arith.xori %both, %less : i1
    %is = arith.select %wraps, %either, %less : i1
    gnc.yield %chosen, %is : i8, i1
  }
  return %y#0, %y#1 : tensor<?x9xi8>, tensor<?x9xi1>
})";

/// NVIDIA's compiler and LLVM make the same numbers of one kernel.
TEST(GpuTest, nvrtcAgrees) {
  if (!haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
  for (const std::string &text :
       {rowsOfSoftmax(), product(70, 40, 33), reduction("sum", 2, 3001, 2), std::string(kNarrow)}) {
    SCOPED_TRACE(text);
    Plan plan = onCard(3);
    Compiled nvptx(text, plan);
    plan.codegen = GpuCodegen::Nvrtc;
    Compiled nvrtc(text, plan);
    ASSERT_TRUE(nvptx.ok && nvrtc.ok);
    Tensors arguments = nvptx.realNumbers(3, 120, 1);
    expectEqual(nvrtc.run(arguments, 3, 1), nvptx.run(arguments, 3, 1));
  }
}

//===- A training step ------------------------------------------------------------------------===//

/// Loss and all new weights of the smooth LeNet after one step, beside the processor's, relative to
/// the largest element of each tensor.
TEST(GpuTest, trainingStep) {
  if (!haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
  constexpr int64_t batch = 3;
  auto source = [](mlir::MLIRContext &context) {
    dsl::SourceManager sources;
    dsl::Diagnostics diagnostics;
    dsl::FrontendOptions options;
    options.dataOverride = "synthetic:64";
    auto result = dsl::elaborateFile(std::string(GNC_SOURCE_DIR) + "/examples/lenet_smooth.net",
                                     options, context, sources, diagnostics);
    EXPECT_FALSE(diagnostics.hasErrors()) << diagnostics.str();
    return std::move(result.module);
  };
  Compiled card(source, onCard(batch)), processor(source, {.batch = batch});
  ASSERT_TRUE(card.ok && processor.ok);
  Tensors arguments = card.realNumbers(batch, 10, 1);
  for (TensorValue &argument : arguments)
    if (argument.size() > 10) // weights small enough that nothing overflows
      for (double &number : argument.data)
        number = float(number / 16);
  Tensors found = card.run(arguments, batch, 1), expected = processor.run(arguments, batch, 1);
  ASSERT_EQ(found.size(), expected.size());
  for (auto [r, want] : llvm::enumerate(expected)) {
    double largest = 0;
    for (double value : want.data)
      largest = std::max(largest, std::fabs(value));
    for (size_t i = 0; i < want.data.size(); ++i)
      ASSERT_NEAR(found[r].data[i], want.data[i], kLossCurve * largest)
          << "element " << i << " of result " << r;
  }
}

//===- What is refused ------------------------------------------------------------------------===//

/// Kernels count with 32 bits.
TEST(GpuTest, tooManyElements) {
  testing::internal::CaptureStderr();
  Compiled compiled(R"(func.func @f(%x: tensor<?x65536xf32>) -> tensor<?x65536xf32> {
  %y = gnc.compute [n = ?, i = 65536] (%a = %x[n, i] : tensor<?x65536xf32>) -> tensor<?x65536xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x65536xf32>
})",
                    onCard(1 << 15));
  EXPECT_FALSE(compiled.ok);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("kernels of a GPU count to 2147483647"),
            std::string::npos);
}

} // namespace
