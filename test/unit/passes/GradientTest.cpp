//===- GradientTest.cpp - the gradient of every form of equation ------------------------------===//
//
// Derived gradients against central differences in f64. Each case is one function; the test
// differentiates the sum of its results, each weighted by random numbers, by every f32 argument.
//
//===------------------------------------------------------------------------------------------===//
#include "GradientCheck.h"

using namespace gnc::test;

//===------------------------------------------------------------------------------------------===//
// Sums of products
//===------------------------------------------------------------------------------------------===//

TEST(Gradient, Linear) {
  checkGradient(
      function("%x: tensor<?x7xf32>, %w: tensor<5x7xf32>",
               "%y = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, "
               "%b = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> " +
                   std::string(kProduct),
               "tensor<?x5xf32>"));
}

TEST(Gradient, LinearHasNoGuard) {
  std::string text = derivedText(
      function("%x: tensor<?x7xf32>, %w: tensor<5x7xf32>",
               "%y = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, "
               "%b = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> " +
                   std::string(kProduct),
               "tensor<?x5xf32>"));
  EXPECT_EQ(text.find("??"), std::string::npos) << text;
}

TEST(Gradient, BiasAndBroadcast) {
  checkGradient(
      function("%x: tensor<?x3x4xf32>, %b: tensor<3xf32>, %s: tensor<f32>",
               "%y = gnc.compute [n = ?, c = 3, i = 4] (%a = %x[n, c, i] : tensor<?x3x4xf32>, "
               "%e = %b[c] : tensor<3xf32>, %g = %s[] : tensor<f32>) -> tensor<?x3x4xf32> {\n"
               "%0 = arith.mulf %a, %g : f32  %1 = arith.addf %0, %e : f32  gnc.yield %1 : f32 }\n",
               "tensor<?x3x4xf32>"));
}

TEST(Gradient, SumOverAnIndexThatIsNotRead) {
  checkGradient(
      function("%x: tensor<4xf32>",
               "%y = gnc.compute [i = 4] sum [r = 3] (%a = %x[i] : tensor<4xf32>) -> tensor<4xf32> "
               "{ gnc.yield %a : f32 }\n",
               "tensor<4xf32>"));
}

//===------------------------------------------------------------------------------------------===//
// Pooling
//===------------------------------------------------------------------------------------------===//

static std::string pool(const char *kind, int size, int stride, int pad, int extent) {
  int out = (extent + 2 * pad - size) / stride + 1;
  std::string o = std::to_string(out), r = std::to_string(size), e = std::to_string(extent);
  std::string outside = std::string(kind) == "sum" ? "0.0" : kind[1] == 'a' ? "-1.0e30" : "1.0e30";
  auto at = [&](const char *i, const char *k) {
    return std::string(i) + " * " + std::to_string(stride) + " + " + k + " - " +
           std::to_string(pad);
  };
  std::string in = "tensor<?x2x" + e + "x" + e + "xf32>",
              result = "tensor<?x2x" + o + "x" + o + "xf32>";
  return function("%x: " + in,
                  "%y = gnc.compute [n = ?, c = 2, i = " + o + ", j = " + o + "] " + kind +
                      " [r = " + r + ", s = " + r + "] (%a = %x[n, c, " + at("i", "r") + ", " +
                      at("j", "s") + "]" + (pad ? " ?? " + outside : "") + " : " + in + ") -> " +
                      result + " { gnc.yield %a : f32 }\n",
                  result);
}

TEST(Gradient, Pools) {
  for (const char *kind : {"max", "min", "sum"})
    for (auto [size, stride, pad, extent] : {std::array{2, 2, 0, 8},
                                             {3, 2, 1, 8},
                                             {3, 1, 0, 6},
                                             {2, 3, 0, 8},
                                             {3, 3, 1, 7},
                                             {3, 2, 0, 8}})
      checkGradient(pool(kind, size, stride, pad, extent));
}

// Over the batch as well: the position counts the batch first.
TEST(Gradient, MaxOverBatchAndMap) {
  checkGradient(
      function("%x: tensor<?x3x4xf32>",
               "%y = gnc.compute [c = 3] max [i = 4, n = ?] (%a = %x[n, c, i] : tensor<?x3x4xf32>) "
               "-> tensor<3xf32> { gnc.yield %a : f32 }\n",
               "tensor<3xf32>"));
}

// More than 256 points: the position is an i32.
TEST(Gradient, MaxOverManyPoints) {
  checkGradient(
      function("%x: tensor<2x400xf32>",
               "%y = gnc.compute [c = 2] max [i = 400] (%a = %x[c, i] : tensor<2x400xf32>) "
               "-> tensor<2xf32> { %0 = arith.mulf %a, %a : f32 gnc.yield %0 : f32 }\n",
               "tensor<2xf32>"));
}

// Of several equal extremes the first in row-major order gets the gradient.
TEST(Gradient, MaxTakesTheFirst) {
  std::string source =
      function("%x: tensor<2x3xf32>",
               "%y = gnc.compute [] max [i = 2, j = 3] (%a = %x[i, j] : tensor<2x3xf32>) "
               "-> tensor<f32> { gnc.yield %a : f32 }\n",
               "tensor<f32>");
  auto gradients = gradientsAt(source, {{1, 0, 4, 4, 4, 2}});
  ASSERT_EQ(gradients.size(), 1u);
  EXPECT_EQ(gradients[0].data, (std::vector<double>{0, 0, 1, 0, 0, 0}));
}

// max(a, b) at a tie goes to b; so does min.
TEST(Gradient, ScalarTiesGoToTheSecond) {
  for (const char *op : {"arith.maximumf", "arith.minimumf"}) {
    std::string source = function(
        "%x: tensor<1xf32>, %z: tensor<1xf32>",
        "%y = gnc.compute [i = 1] (%a = %x[i] : tensor<1xf32>, %b = %z[i] : tensor<1xf32>) "
        "-> tensor<1xf32> { %0 = " +
            std::string(op) + " %a, %b : f32 gnc.yield %0 : f32 }\n",
        "tensor<1xf32>");
    auto gradients = gradientsAt(source, {{3}, {3}});
    ASSERT_EQ(gradients.size(), 2u);
    EXPECT_EQ(gradients[0].data[0], 0);
    EXPECT_EQ(gradients[1].data[0], 1);
  }
}

//===------------------------------------------------------------------------------------------===//
// Statistics, losses
//===------------------------------------------------------------------------------------------===//

TEST(Gradient, Moments) {
  checkGradient(R"(
func.func @f(%x: tensor<?x3x4xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %mu = gnc.compute [c = 3] sum [n = ?, i = 4] (%a = %x[n, c, i] : tensor<?x3x4xf32>) -> tensor<3xf32> {
    %e = gnc.extent [1, 2] : f32
    %0 = arith.divf %a, %e : f32
    gnc.yield %0 : f32
  }
  %var = gnc.compute [c = 3] sum [n = ?, i = 4] (%a = %x[n, c, i] : tensor<?x3x4xf32>, %m = %mu[c] : tensor<3xf32>) -> tensor<3xf32> {
    %d = arith.subf %a, %m : f32
    %q = arith.mulf %d, %d : f32
    %e = gnc.extent [1, 2] : f32
    %0 = arith.divf %q, %e : f32
    gnc.yield %0 : f32
  }
  return %mu, %var : tensor<3xf32>, tensor<3xf32>
})");
}

TEST(Gradient, SoftmaxCrossEntropy) {
  checkGradient(R"(
func.func @f(%z: tensor<?x5xf32>, %t: tensor<?xi32>) -> tensor<?xf32> {
  %m = gnc.compute [n = ?] max [k = 5] (%a = %z[n, k] : tensor<?x5xf32>) -> tensor<?xf32> { gnc.yield %a : f32 }
  %s = gnc.compute [n = ?] sum [k = 5] (%a = %z[n, k] : tensor<?x5xf32>, %b = %m[n] : tensor<?xf32>) -> tensor<?xf32> {
    %c = gnc.stop %b : f32
    %d = arith.subf %a, %c : f32
    %e = math.exp %d : f32
    gnc.yield %e : f32
  }
  %l = gnc.compute [n = ?] (%a = %s[n] : tensor<?xf32>, %b = %m[n] : tensor<?xf32>, %i = %t[n] : tensor<?xi32>, %c = %z[n, read2] : tensor<?x5xf32>) -> tensor<?xf32> {
    %g = math.log %a : f32
    %h = gnc.stop %b : f32
    %0 = arith.addf %g, %h : f32
    %1 = arith.subf %0, %c : f32
    gnc.yield %1 : f32
  }
  return %l : tensor<?xf32>
})",
                {.batch = 3});
}

TEST(Gradient, SoftmaxNormalised) {
  checkGradient(R"(
func.func @f(%z: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %e = gnc.compute [n = ?, k = 5] (%a = %z[n, k] : tensor<?x5xf32>) -> tensor<?x5xf32> { %0 = math.exp %a : f32 gnc.yield %0 : f32 }
  %s = gnc.compute [n = ?] sum [k = 5] (%a = %e[n, k] : tensor<?x5xf32>) -> tensor<?xf32> { gnc.yield %a : f32 }
  %p = gnc.compute [n = ?, k = 5] (%a = %e[n, k] : tensor<?x5xf32>, %b = %s[n] : tensor<?xf32>) -> tensor<?x5xf32> {
    %0 = arith.divf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %p : tensor<?x5xf32>
})");
}

//===------------------------------------------------------------------------------------------===//
// Products
//===------------------------------------------------------------------------------------------===//

TEST(Gradient, ProductWithZeros) {
  std::string source =
      function("%x: tensor<3x4xf32>",
               "%y = gnc.compute [i = 3] prod [r = 4] (%a = %x[i, r] : tensor<3x4xf32>) -> "
               "tensor<3xf32> { gnc.yield %a : f32 }\n",
               "tensor<3xf32>");
  // No zero, one, two.
  checkGradient(source, {.given = {{0, {1.5, -2, 0.5, 3, 1, 0, 2, -3, 2, 0, 0, 4}}}});
}

TEST(Gradient, ProductOfAWindow) {
  checkGradient(
      function(
          "%x: tensor<8xf32>",
          "%y = gnc.compute [i = 6] prod [r = 3] (%a = %x[i + r] : tensor<8xf32>) -> tensor<6xf32> "
          "{ %0 = arith.mulf %a, %a : f32 gnc.yield %0 : f32 }\n",
          "tensor<6xf32>"),
      {.low = 0.5});
}

//===------------------------------------------------------------------------------------------===//
// Scalars
//===------------------------------------------------------------------------------------------===//

TEST(Gradient, UnaryFunctions) {
  for (const char *op :
       {"math.exp", "math.expm1", "math.log", "math.log1p", "math.tanh", "math.erf", "math.sqrt",
        "math.rsqrt", "math.sin", "math.cos", "math.absf", "arith.negf", "gnc.sigmoid",
        "gnc.softplus", "math.floor", "math.ceil", "math.round"})
    checkGradient(
        function("%x: tensor<6xf32>",
                 "%y = gnc.compute [i = 6] (%a = %x[i] : tensor<6xf32>) -> tensor<6xf32> { %0 = " +
                     std::string(op) + " %a : f32 gnc.yield %0 : f32 }\n",
                 "tensor<6xf32>"),
        {.low = 0.1, .high = 1.9});
}

TEST(Gradient, BinaryFunctions) {
  for (const char *op : {"arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf",
                         "arith.minimumf", "math.powf"})
    checkGradient(function("%x: tensor<6xf32>, %z: tensor<6xf32>",
                           "%y = gnc.compute [i = 6] (%a = %x[i] : tensor<6xf32>, %b = %z[i] : "
                           "tensor<6xf32>) -> tensor<6xf32> "
                           "{ %0 = " +
                               std::string(op) + " %a, %b : f32 gnc.yield %0 : f32 }\n",
                           "tensor<6xf32>"),
                  {.low = 0.1, .high = 1.9});
}

// A branch that is not taken must not poison the gradient: log(x) at x <= 0.
TEST(Gradient, SelectKeepsTheOtherBranchOut) {
  checkGradient(
      function("%x: tensor<4xf32>",
               "%y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<4xf32> {\n"
               "%z = arith.constant 0.0 : f32  %c = arith.cmpf ogt, %a, %z : f32  %l = math.log %a "
               ": f32\n"
               "%s = arith.select %c, %l, %a : f32  gnc.yield %s : f32 }\n",
               "tensor<4xf32>"),
      {.given = {{0, {-1.0, 2.0, -0.5, 0.25}}}});
}

// Points that are not read have any value, also one at which the derivative is infinite.
TEST(Gradient, UnreadPointsDoNotMatter) {
  checkGradient(
      function("%x: tensor<6xf32>",
               "%y = gnc.compute [i = 3] (%a = %x[i * 2] : tensor<6xf32>) -> tensor<3xf32> {\n"
               "%l = math.log %a : f32  gnc.yield %l : f32 }\n",
               "tensor<3xf32>"),
      {.given = {{0, {1, 0, 2, 0, 3, 0}}}});
}

TEST(Gradient, IndexAndInside) {
  checkGradient(function(
      "%x: tensor<6xf32>, %w: tensor<3xf32>",
      "%y = gnc.compute [i = 6] sum [r = 3] (%a = %x[i + r - 1] ?? 0.0 : tensor<6xf32>, "
      "%b = %w[r] : tensor<3xf32>) -> tensor<6xf32> {\n"
      "%i = gnc.index 0 : f32  %r = gnc.index 1 : f32  %p = arith.addf %i, %r : f32\n"
      "%q = arith.mulf %a, %p : f32  %in = gnc.inside 0 : i1  %one = arith.constant 1.0 : f32\n"
      "%s = arith.select %in, %q, %one : f32  %0 = arith.mulf %s, %b : f32  gnc.yield %0 : f32 }\n",
      "tensor<6xf32>"));
}

//===------------------------------------------------------------------------------------------===//
// Graphs
//===------------------------------------------------------------------------------------------===//

TEST(Gradient, SeveralUsesAndReshape) {
  checkGradient(R"(
func.func @f(%x: tensor<?x3x4xf32>, %w: tensor<12xf32>) -> (tensor<?xf32>, tensor<?x12xf32>) {
  %r = gnc.reshape %x : tensor<?x3x4xf32> -> tensor<?x12xf32>
  %y = gnc.compute [n = ?] sum [i = 12] (%a = %r[n, i] : tensor<?x12xf32>, %b = %w[i] : tensor<12xf32>, %c = %w[i] : tensor<12xf32>) -> tensor<?xf32> {
    %0 = arith.mulf %a, %b : f32
    %1 = arith.mulf %0, %c : f32
    gnc.yield %1 : f32
  }
  %z = gnc.compute [n = ?, i = 12] (%a = %r[n, i] : tensor<?x12xf32>, %b = %y[n] : tensor<?xf32>) -> tensor<?x12xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?xf32>, tensor<?x12xf32>
})");
}

TEST(Gradient, SeveralResults) {
  checkGradient(R"(
func.func @f(%x: tensor<?x6xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %s, %m, %l = gnc.compute [n = ?] (sum, max, min) [i = 6] (%a = %x[n, i] : tensor<?x6xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0, %a, %a : f32, f32, f32
  }
  return %s, %m, %l : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
})");
}

TEST(Gradient, CustomGivesAndDerives) {
  checkGradient(R"(
func.func @f(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %y = gnc.custom(%x, %w) {given = array<i64: 0>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %0 = gnc.compute [i = 4] (%p = %a[i] : tensor<4xf32>, %q = %b[i] : tensor<4xf32>) -> tensor<4xf32> {
      %1 = arith.mulf %p, %q : f32
      gnc.yield %1 : f32
    }
    gnc.return %0 : tensor<4xf32>
  } gradient {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %r: tensor<4xf32>, %d: tensor<4xf32>):
    %0 = gnc.compute [i = 4] (%p = %d[i] : tensor<4xf32>, %q = %b[i] : tensor<4xf32>) -> tensor<4xf32> {
      %1 = arith.mulf %p, %q : f32
      gnc.yield %1 : f32
    }
    gnc.return %0 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
})");
}

// A result that the loss does not depend on has gradient zero.
TEST(Gradient, Unused) {
  checkGradient(R"(
func.func @f(%x: tensor<4xf32>, %w: tensor<?x3xf32>) -> tensor<4xf32> {
  %y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<4xf32> { gnc.yield %a : f32 }
  return %y : tensor<4xf32>
})");
}
