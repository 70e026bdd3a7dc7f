//===- ScalarTest.cpp - scalar operations in vectors and alone, on numbers of every kind ------===//
//
// Each operation runs over the same numbers once with 4 lanes, where all of them lie in whole
// vectors, and once with 16, where none do.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// 12 numbers: a multiple of 4 lanes, less than 16.
const std::vector<double> kSpecial = {0.0,  -0.0, 1,     -1,        0.5,        100,
                                      -100, 1e30, 1e-40, kInfinity, -kInfinity, std::nan("")};
const std::vector<double> kOrdinary = {1e-6, -1e-6,   0.3, -0.75, 1.5, -1.5,
                                       2.5,  3.14159, -7,  12.25, 80,  -87};

Tensors specialAndOrdinary(Compiled &compiled, const std::vector<double> &first) {
  Tensors values = compiled.arguments(1, [](bool) { return 0; });
  for (TensorValue &tensor : values)
    std::copy(first.begin(), first.end(), tensor.data.begin());
  return values;
}

/// Off by at most so many units of the last place; signs of zero count.
void expectWithin(const Tensors &actual, const Tensors &expected, double ulps) {
  ASSERT_EQ(actual[0].size(), expected[0].size());
  for (int64_t i = 0; i < actual[0].size(); ++i) {
    auto found = static_cast<float>(actual[0].data[i]),
         wanted = static_cast<float>(expected[0].data[i]);
    EXPECT_LE(floatsBetween(found, wanted), ulps)
        << "element " << i << ": " << found << ", not " << wanted;
    if (wanted == 0 && ulps == 0) {
      EXPECT_EQ(std::signbit(found), std::signbit(wanted)) << "element " << i;
    }
  }
}

void checkBothForms(const std::string &text, const std::vector<double> &numbers, double ulps) {
  for (unsigned bits : {128u, 512u}) {
    SCOPED_TRACE(text + std::to_string(bits));
    Compiled compiled(text, {.vectorBits = bits});
    ASSERT_TRUE(compiled.ok);
    Tensors arguments = specialAndOrdinary(compiled, numbers);
    expectWithin(compiled.run(arguments, 1, 1), compiled.expected(arguments, Precision::F32), ulps);
  }
}

/// y[i] = op(x[i]).
std::string unary(const std::string &op) {
  return formatv(R"(func.func @f(%x: tensor<12xf32>) -> tensor<12xf32> {{
  %y = gnc.compute [i = 12] (%a = %x[i] : tensor<12xf32>) -> tensor<12xf32> {{
    %0 = {0} %a : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<12xf32>
})",
                 op);
}

/// y[i, j] = body(x[i], z[j]); the loops do not merge, for x and z walk one each.
std::string binary(const std::string &body) {
  return formatv(R"(func.func @f(%x: tensor<12xf32>, %z: tensor<12xf32>) -> tensor<12x12xf32> {{
  %y = gnc.compute [i = 12, j = 12] (%a = %x[i] : tensor<12xf32>, %b = %z[j] : tensor<12xf32>) -> tensor<12x12xf32> {{
    {0}
    gnc.yield %0 : f32
  }
  return %y : tensor<12x12xf32>
})",
                 body);
}

double ulpsOf(const std::string &op) {
  for (const LibmError &error : kLibm)
    if (op == error.op)
      return error.ulps();
  return 0;
}

TEST(ScalarTest, unaryOperations) {
  for (const char *op :
       {"arith.negf", "math.absf", "math.floor", "math.ceil", "math.round", "math.roundeven",
        "math.sqrt", "math.rsqrt", "math.exp", "math.expm1", "math.log", "math.log1p", "math.tanh",
        "math.erf", "math.sin", "math.cos", "gnc.sigmoid", "gnc.softplus", "gnc.stop"})
    for (const auto &numbers : {kSpecial, kOrdinary})
      checkBothForms(unary(op), numbers, ulpsOf(op));
}

TEST(ScalarTest, binaryOperations) {
  for (const char *op : {"arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf",
                         "arith.minimumf", "math.powf"})
    for (const auto &numbers : {kSpecial, kOrdinary})
      checkBothForms(binary(formatv("%0 = {0} %a, %b : f32", op)), numbers, ulpsOf(op));
}

TEST(ScalarTest, comparisons) {
  for (const char *predicate : {"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq",
                                "ugt", "uge", "ult", "ule", "une", "uno", "true"})
    checkBothForms(
        binary(formatv("%1 = arith.cmpf {0}, %a, %b : f32\n    %0 = arith.select %1, %a, %b : f32",
                       predicate)),
        kSpecial, 0);
}

TEST(ScalarTest, truthValues) {
  for (const char *op : {"andi", "ori", "xori"})
    checkBothForms(binary(formatv(R"(%p = arith.cmpf ogt, %a, %b : f32
    %q = arith.cmpf olt, %a, %a : f32
    %r = arith.cmpf oge, %b, %a : f32
    %s = arith.{0} %p, %q : i1
    %t = arith.{0} %s, %r : i1
    %0 = arith.uitofp %t : i1 to f32)",
                                  op)),
                   kSpecial, 0);
}

/// Bytes are 0..255 as numbers, compared and converted without a sign.
TEST(ScalarTest, bytesHaveNoSign) {
  for (unsigned bits : {128u, 512u}) {
    Compiled compiled(R"(
func.func @f(%x: tensor<12xi8>) -> (tensor<12xf32>, tensor<12xi1>, tensor<12xi8>) {
  %y:3 = gnc.compute [i = 12] (%a = %x[i] : tensor<12xi8>) -> (tensor<12xf32>, tensor<12xi1>, tensor<12xi8>) {
    %0 = arith.uitofp %a : i8 to f32
    %c = arith.constant 100 : i8
    %1 = arith.cmpi ugt, %a, %c : i8
    gnc.yield %0, %1, %a : f32, i1, i8
  }
  return %y#0, %y#1, %y#2 : tensor<12xf32>, tensor<12xi1>, tensor<12xi8>
})",
                      {.vectorBits = bits});
    ASSERT_TRUE(compiled.ok);
    Tensors arguments =
        specialAndOrdinary(compiled, {0, 1, 2, 99, 100, 101, 127, 128, 129, 200, 254, 255});
    expectEqual(compiled.run(arguments, 1, 1), compiled.expected(arguments, Precision::F32));
  }
}

/// A byte of a whole number is its low bits, without a sign.
TEST(ScalarTest, truncation) {
  for (unsigned bits : {128u, 512u}) {
    Compiled compiled(R"(
func.func @f(%x: tensor<12xi32>) -> (tensor<12xf32>, tensor<12xi1>, tensor<12xi8>) {
  %y:3 = gnc.compute [i = 12] (%a = %x[i] : tensor<12xi32>) -> (tensor<12xf32>, tensor<12xi1>, tensor<12xi8>) {
    %0 = arith.trunci %a : i32 to i8
    %1 = arith.uitofp %0 : i8 to f32
    %2 = arith.trunci %a : i32 to i1
    gnc.yield %1, %2, %0 : f32, i1, i8
  }
  return %y#0, %y#1, %y#2 : tensor<12xf32>, tensor<12xi1>, tensor<12xi8>
})",
                      {.vectorBits = bits});
    ASSERT_TRUE(compiled.ok);
    Tensors arguments = specialAndOrdinary(
        compiled, {0, 1, -1, 127, 128, 255, 256, 257, -128, -257, 16777216, 1 << 30});
    Tensors expected = compiled.expected(arguments, Precision::F32);
    EXPECT_EQ(expected.at(0).data.at(2), 255);
    expectEqual(compiled.run(arguments, 1, 1), expected);
  }
}

/// i32 as numbers: also those that f32 must round.
TEST(ScalarTest, integersRound) {
  for (unsigned bits : {128u, 512u}) {
    Compiled compiled(R"(
func.func @f(%x: tensor<12xi32>) -> tensor<12xf32> {
  %y = gnc.compute [i = 12] (%a = %x[i] : tensor<12xi32>) -> tensor<12xf32> {
    %0 = arith.sitofp %a : i32 to f32
    gnc.yield %0 : f32
  }
  return %y : tensor<12xf32>
})",
                      {.vectorBits = bits});
    ASSERT_TRUE(compiled.ok);
    Tensors arguments = specialAndOrdinary(
        compiled, {0, 1, -1, 7, -7, 255, 65536, 16777216, -16777216, 1 << 30, -5, 9});
    expectEqual(compiled.run(arguments, 1, 1), compiled.expected(arguments, Precision::F32));
  }
}

} // namespace
