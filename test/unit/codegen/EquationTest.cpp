//===- EquationTest.cpp - equations that are not contractions, bit for bit --------------------===//
//
// Such an equation computes in the evaluator's order, so f32 results are equal, whatever the
// numbers. Every case runs with 4, 8 and 16 lanes; 19 elements are whole vectors and a rest for
// each of them.
//
//===------------------------------------------------------------------------------------------===//
#include "EquationCheck.h"

using namespace gnc;
using namespace gnc::test;
using llvm::formatv;

namespace {
//===- Reads ----------------------------------------------------------------------------------===//

TEST(EquationTest, guards) {
  for (const char *access : {
           "i - 1, j] ?? 5.0",                           // outside by the scalar index
           "i, j - 2] ?? 5.0",                           // by the vector index
           "i + 2, j * 2 - 3] ?? -1.5",                  // by both
           "i, j] where (i mod 2 < 1) ?? 0.5",           // a condition on the scalar index
           "i, j] where (j mod 3 < 2) ?? 0.5",           // on the vector index
           "i - 1, j] where (i + j - 4 < 9) ?? 0.5",     // on both
           "(i - 3) floordiv 2 + 1, j] ?? 2.0",          // a negative number divided
           "i, (j - 9) floordiv 4 + 2] ?? 2.0",          //
           "(i - 4) mod 3, (j * 2 - 30) mod 19] ?? 2.0", // and its remainder
           "4 - i, 18 - j]",                             // backwards
           "i, 20 - j] ?? 0xFFF0000000000000",           // backwards, outside, minus infinity
           "clamp(i - 2), j]",                           // clamped by the scalar index
           "i, clamp(j * 2 - 7)]",                       // by the vector index
           "clamp(i * 3 - 4), clamp(j - 30)]",           // by both
           "clamp(i - 2), j - 1] ?? 4.0",                // beside a guard
           "2, j]",
           "i, 7]",
           "4, 18]", // constants
           "(i + j) mod 5, j]",
           "j floordiv 4, (i + j * 2) mod 19]",
       })
    check(equation("%x: tensor<5x19xf32>", kIJ, formatv("%a = %x[{0} : tensor<5x19xf32>", access),
                   kY));
}

TEST(EquationTest, transposedAndStridedReads) {
  check(equation("%x: tensor<19x5xf32>", kIJ, "%a = %x[j, i] : tensor<19x5xf32>", kY));
  check(equation("%x: tensor<5x60xf32>", kIJ, "%a = %x[i, j * 3 + 2] : tensor<5x60xf32>", kY));
  check(equation("%x: tensor<?x19xf32>", "[n = ?, j = 19, k = 2]",
                 "%a = %x[n, j] : tensor<?x19xf32>", "tensor<?x19x2xf32>"));
  check(equation("%x: tensor<19xi8>", kIJ, "%t = %x[18 - j] : tensor<19xi8>", kY,
                 "%0 = arith.uitofp %t : i8 to f32\n    gnc.yield %0 : f32"),
        255);
}

/// Blocks that are transposed in registers: squares of one and of two blocks, other indices around
/// and between, a batch, an offset.
TEST(EquationTest, transpositions) {
  check(equation("%x: tensor<16x32xf32>", "[i = 32, j = 16]", "%a = %x[j, i] : tensor<16x32xf32>",
                 "tensor<32x16xf32>"));
  check(equation("%x: tensor<48x3x16xf32>", "[i = 16, r = 3, j = 48]",
                 "%a = %x[j, r, i] : tensor<48x3x16xf32>", "tensor<16x3x48xf32>"));
  check(equation("%x: tensor<?x5x6x32xf32>", "[n = ?, k = 32, i = 5, j = 6]",
                 "%a = %x[n, i, j, k] : tensor<?x5x6x32xf32>", "tensor<?x32x5x6xf32>"));
  check(equation("%x: tensor<?x16x2x16xf32>", "[n = ?, k = 16, c = 16, r = 2]",
                 "%a = %x[n, c, r, k] : tensor<?x16x2x16xf32>", "tensor<?x16x16x2xf32>"));
  check(equation("%x: tensor<?x20x18xf32>", "[n = ?, i = 16, j = 16]",
                 "%a = %x[n, j + 3, i + 1] : tensor<?x20x18xf32>", "tensor<?x16x16xf32>"));
}

/// Indices that select have no loop; what they share, and reads that move with them.
TEST(EquationTest, writtenOutIndices) {
  const char *body = R"(
    %i = gnc.index 0 : f32
    %p = gnc.index 1 : f32
    %0 = arith.constant 0.0 : f32
    %1 = arith.constant 1.0 : f32
    %sum = arith.addf %a, %b : f32
    %product = arith.mulf %sum, %c : f32
    %is0 = arith.cmpf oeq, %p, %0 : f32
    %is1 = arith.cmpf oeq, %p, %1 : f32
    %later = arith.select %is1, %product, %sum : f32
    %any = arith.select %is0, %a, %later : f32
    %first = arith.cmpf oeq, %i, %0 : f32
    %z = arith.select %first, %any, %product : f32
    gnc.yield %z : f32)";
  check(equation("%x: tensor<2x19xf32>, %w: tensor<3x19xf32>", "[i = 2, p = 3, j = 19]",
                 "%a = %x[i, j] : tensor<2x19xf32>, %b = %w[p, j] : tensor<3x19xf32>, "
                 "%c = %w[p + i - 1, j] ?? 0.5 : tensor<3x19xf32>",
                 "tensor<2x3x19xf32>", body));
}

TEST(EquationTest, insideSaysWhetherItIs) {
  const char *body = R"(%in = gnc.inside 0 : i1
    %n = gnc.inside 1 : i1
    %both = arith.andi %in, %n : i1
    %c = arith.constant 8.0 : f32
    %0 = arith.select %both, %c, %b : f32
    gnc.yield %0 : f32)";
  for (const char *access :
       {"i - 1, j]", "i, j - 2]", "i, j] where (j mod 3 < 2)", "i, j]", "i, j * 2]"})
    check(equation("%x: tensor<5x19xf32>", kIJ,
                   formatv("%a = %x[{0} ?? 1.0 : tensor<5x19xf32>, %b = %x[4 - i, j + 1] ?? 2.0 : "
                           "tensor<5x19xf32>",
                           access),
                   kY, body));
}

//===- Reads by data --------------------------------------------------------------------------===//

TEST(EquationTest, indicesByData) {
  const std::string table =
      "%x: tensor<5x19xf32>, %s: tensor<5xi32>, %t: tensor<19xi8>, %u: tensor<19xi1>";
  for (const char *reads : {
           "%l = %s[i] : tensor<5xi32>, %a = %x[read0, j] : tensor<5x19xf32>", // one for the vector
           "%l = %t[j] : tensor<19xi8>, %a = %x[i, read0] : tensor<5x19xf32>", // one a lane
           "%l = %t[j] : tensor<19xi8>, %a = %x[read0, j] : tensor<5x19xf32>", // with the index
                                                                               // beside it
           "%l = %u[j] : tensor<19xi1>, %a = %x[read0 + 3, j] : tensor<5x19xf32>", // a truth value
           "%l = %s[i] : tensor<5xi32>, %a = %x[clamp(read0 * 3 - 2), j] : tensor<5x19xf32>",
           "%l = %t[j] : tensor<19xi8>, %a = %x[clamp(read0 * 3 - 2), j] : tensor<5x19xf32>",
           "%l = %t[j] : tensor<19xi8>, %a = %x[i, j] where (read0 - 1 < 2) ?? 9.0 : "
           "tensor<5x19xf32>",
           "%l = %s[i] : tensor<5xi32>, %a = %x[i, j] where (read0 - 1 < 2) ?? 9.0 : "
           "tensor<5x19xf32>",
           "%l = %t[j] : tensor<19xi8>, %a = %x[i, j - read0] ?? 9.0 : tensor<5x19xf32>",
           "%l = %s[i] : tensor<5xi32>, %a = %x[i, j + read0] ?? 9.0 : tensor<5x19xf32>",
       })
    check(equation(table, kIJ, reads, kY));
  // The index of an index.
  check(equation(table, kIJ,
                 "%l = %s[i] : tensor<5xi32>, %m = %t[read0 * 2 + j floordiv 2] : tensor<19xi8>, "
                 "%a = %x[read1, j] : tensor<5x19xf32>",
                 kY));
}

TEST(EquationTest, indicesByDataInReductions) {
  check(equation("%x: tensor<7x19xf32>, %s: tensor<40xi32>", "[j = 19] sum [k = 40]",
                 "%l = %s[k] : tensor<40xi32>, %a = %x[read0, j] : tensor<7x19xf32>",
                 "tensor<19xf32>"),
        7);
  check(equation("%z: tensor<?x10xf32>, %s: tensor<?xi8>", "[] sum [n = ?]",
                 "%l = %s[n] : tensor<?xi8>, %a = %z[n, read0] : tensor<?x10xf32>", "tensor<f32>"),
        10);
  check(
      equation(
          "%z: tensor<?x10xf32>, %s: tensor<?xi8>", "[n = ?] max [k = 10]",
          "%a = %z[n, k] : tensor<?x10xf32>", "tensor<?xf32>", "gnc.yield %a : f32",
          "finish (%m : f32) (%l = %s[n] : tensor<?xi8>, %b = %z[n, read1] : tensor<?x10xf32>) {\n"
          "    %0 = arith.subf %m, %b : f32\n    gnc.yield %0 : f32\n  }"),
      10);
}

//===- Indices and extents as numbers ---------------------------------------------------------===//

TEST(EquationTest, indexAndExtent) {
  const char *body = R"(%n = gnc.index 0 : f32
    %i = gnc.index 1 : f32
    %j = gnc.index 2 : f32
    %k = gnc.index 3 : f32
    %e = gnc.extent [0, 3] : f32
    %f = gnc.extent [1, 2] : f32
    %1 = arith.mulf %n, %e : f32
    %2 = arith.mulf %i, %f : f32
    %3 = arith.addf %1, %2 : f32
    %4 = arith.mulf %j, %k : f32
    %5 = arith.addf %3, %4 : f32
    %0 = arith.addf %5, %a : f32
    gnc.yield %0 : f32)";
  for (const char *kind : {"sum", "max"})
    for (int extent : {3, 40})
      check(equation("%x: tensor<?x4x19xf32>",
                     formatv("[n = ?, i = 4, j = 19] {0} [k = {1}]", kind, extent),
                     "%a = %x[n, i, j] : tensor<?x4x19xf32>", "tensor<?x4x19xf32>", body));
}

/// The mean over a batch divides by the samples that there are, not by those planned for.
TEST(EquationTest, batchAtRunTime) {
  check(equation(
      "%x: tensor<?x19xf32>", "[j = 19] sum [n = ?]", "%a = %x[n, j] : tensor<?x19xf32>",
      "tensor<19xf32>", "gnc.yield %a : f32",
      "finish (%s : f32) () {\n    %n = gnc.extent [1] : f32\n    %0 = arith.divf %s, %n : f32\n"
      "    gnc.yield %0 : f32\n  }"));
}

//===- Reductions -----------------------------------------------------------------------------===//

TEST(EquationTest, reductionsOfEveryShape) {
  for (const char *kind : {"sum", "prod", "max", "min"}) {
    auto reduce = [&](const char *indices, const char *access, const char *result) {
      check(equation("%x: tensor<?x6x19xf32>", formatv(indices, kind),
                     formatv("%a = %x[{0}] : tensor<?x6x19xf32>", access), result));
    };
    reduce("[n = ?, i = 6] {0} [j = 19]", "n, i, j", "tensor<?x6xf32>");
    reduce("[n = ?, j = 19] {0} [i = 6]", "n, i, j", "tensor<?x19xf32>");
    reduce("[i = 6, j = 19] {0} [n = ?]", "n, i, j", "tensor<6x19xf32>");
    reduce("[n = ?] {0} [i = 6, j = 19]", "n, i, j", "tensor<?xf32>");
    reduce("[j = 19] {0} [i = 6, n = ?]", "n, i, j", "tensor<19xf32>");
    reduce("[] {0} [n = ?, i = 6, j = 19]", "n, i, j", "tensor<f32>");
    reduce("[n = ?, i = 1, j = 1] {0} [r = 1, s = 3]", "n, i + r, j * 5 + s", "tensor<?x1x1xf32>");
    reduce("[n = ?, i = 3, j = 9] {0} [r = 2, s = 2]", "n, i * 2 + r, j * 2 + s",
           "tensor<?x3x9xf32>");
    reduce("[n = ?, i = 6, j = 17] {0} [s = 3]", "n, i, j + s", "tensor<?x6x17xf32>");
  }
}

/// NaN is an extreme number; of equal ones the first counts.
TEST(EquationTest, positionsOfExtremes) {
  auto poison = [](Tensors &arguments) {
    std::vector<double> &x = arguments[0].data; // of 6 rows of 19
    const double kInfinity = std::numeric_limits<double>::infinity();
    for (int j = 0; j < 19; ++j) {
      x[j] = 3;                                              // all equal
      x[19 + j] = j % 5 == 3 ? 7 : -1;                       // several maxima
      x[2 * 19 + j] = j == 11 || j == 15 ? std::nan("") : j; // NaN in the middle
      x[3 * 19 + j] = -kInfinity;                            // nothing above the start
      x[4 * 19 + j] = j == 0 ? std::nan("") : kInfinity;     // NaN first
      x[5 * 19 + j] = j == 18 ? kInfinity : j % 2 ? 0.0 : -0.0;
    }
  };
  for (const char *element : {"i32", "i8"})
    for (const char *shape : {"[i = 6]", "[j = 19]", "[]"}) {
      bool rows = shape[1] == 'i', columns = shape[1] == 'j';
      const char *reduced = rows ? "[j = 19]" : columns ? "[i = 6]" : "[i = 6, j = 19]";
      std::string extent = rows ? "6x" : columns ? "19x" : "";
      std::string whole = formatv("tensor<{0}{1}>", extent, element),
                  real = formatv("tensor<{0}f32>", extent);
      check(formatv(R"(func.func @f(%x: tensor<6x19xf32>) -> ({2}, {2}, {3}, {3}) {{
  %y:4 = gnc.compute {0} (argmax, argmin, max, min) {1} (%a = %x[i, j] : tensor<6x19xf32>) -> ({2}, {2}, {3}, {3}) {{
    gnc.yield %a, %a, %a, %a : f32, f32, f32, f32
  }
  return %y#0, %y#1, %y#2, %y#3 : {2}, {2}, {3}, {3}
})",
                    shape, reduced, whole, real),
            4, poison);
    }
}

TEST(EquationTest, positionsInABatch) {
  check(equation("%x: tensor<?x4x19xf32>", "[j = 19] argmax [i = 4, n = ?]",
                 "%a = %x[n, i, j] : tensor<?x4x19xf32>", "tensor<19xi32>"));
  check(equation("%x: tensor<?x4x19xf32>", "[i = 4] argmin [n = ?, j = 19]",
                 "%a = %x[n, i, j] : tensor<?x4x19xf32>", "tensor<4xi32>"));
}

TEST(EquationTest, finishOfReductions) {
  const char *finish =
      R"(finish (%m : f32) (%b = %v[i] : tensor<6xf32>, %g = %x[n, i - 1, 4] ?? 3.0 : tensor<?x6x19xf32>) {
    %in = gnc.inside 2 : i1
    %k = gnc.index 1 : f32
    %1 = arith.mulf %m, %b : f32
    %2 = arith.addf %1, %g : f32
    %0 = arith.select %in, %2, %k : f32
    gnc.yield %0 : f32
  })";
  check(equation("%x: tensor<?x6x19xf32>, %v: tensor<6xf32>", "[n = ?, i = 6] max [j = 19]",
                 "%a = %x[n, i, j] : tensor<?x6x19xf32>", "tensor<?x6xf32>", "gnc.yield %a : f32",
                 finish));
}

//===- Shapes and element types ---------------------------------------------------------------===//

TEST(EquationTest, singleNumbers) {
  check(equation("%x: tensor<f32>", "[]", "%a = %x[] : tensor<f32>", "tensor<f32>"));
  check(equation("%x: tensor<1x1xf32>", "[i = 1, j = 1]", "%a = %x[j, i] : tensor<1x1xf32>",
                 "tensor<1x1xf32>"));
  check(equation("%x: tensor<?x1x1xf32>", "[n = ?, i = 1, j = 1]",
                 "%a = %x[n, i, j] : tensor<?x1x1xf32>", "tensor<?x1x1xf32>"));
  check(
      equation("%x: tensor<1x19x1xf32>", "[i = 1, j = 19, k = 1]",
               "%a = %x[i, j, k] : tensor<1x19x1xf32>", "tensor<1x19x1xf32>",
               "%k = gnc.index 2 : f32\n    %0 = arith.addf %a, %k : f32\n    gnc.yield %0 : f32"));
  check(equation("%x: tensor<f32>", "[i = 1] sum [k = 1]", "%a = %x[] : tensor<f32>",
                 "tensor<1xf32>"));
  check(equation("", "[i = 19]", "", "tensor<19xf32>",
                 "%0 = arith.constant 2.5 : f32\n    gnc.yield %0 : f32"));
}

TEST(EquationTest, truthAndBytesInMemory) {
  check(R"(
func.func @f(%x: tensor<?x19xf32>, %m: tensor<?x19xi1>, %b: tensor<?x19xi8>, %q: tensor<19xi1>) -> (tensor<?x19xi1>, tensor<19x4xi1>, tensor<?x19xi8>) {
  %y:2 = gnc.compute [n = ?, j = 19] (%a = %x[n, j] : tensor<?x19xf32>, %t = %m[n, j - 1] ?? 1.0 : tensor<?x19xi1>, %u = %b[n, j * 2] ?? 200.0 : tensor<?x19xi8>)
      -> (tensor<?x19xi1>, tensor<?x19xi8>) {
    %zero = arith.constant 0.0 : f32
    %p = arith.cmpf ogt, %a, %zero : f32
    %0 = arith.xori %p, %t : i1
    gnc.yield %0, %u : i1, i8
  }
  %z = gnc.compute [j = 19, k = 4] (%a = %q[j] : tensor<19xi1>) -> tensor<19x4xi1> {
    gnc.yield %a : i1
  }
  return %y#0, %z, %y#1 : tensor<?x19xi1>, tensor<19x4xi1>, tensor<?x19xi8>
})",
        255);
}

/// Results and operands in any physical order, as layouts leave them.
TEST(EquationTest, layouts) {
  const char *orders[] = {"", ", affine_map<(n, i, j) -> (n, j, i)>"};
  for (const char *from : orders)
    for (const char *to : orders)
      check(formatv(
          R"(func.func @f(%x: tensor<?x6x19xf32{0}>, %v: tensor<19xf32>) -> (tensor<?x6x19xf32{1}>, tensor<?x6x19xi1{0}>) {{
  %y:2 = gnc.compute [n = ?, i = 6, j = 19] (%a = %x[n, i, j] : tensor<?x6x19xf32{0}>, %b = %v[j] : tensor<19xf32>)
      -> (tensor<?x6x19xf32{1}>, tensor<?x6x19xi1{0}>) {{
    %0 = arith.addf %a, %b : f32
    %1 = arith.cmpf ogt, %a, %b : f32
    gnc.yield %0, %1 : f32, i1
  }
  return %y#0, %y#1 : tensor<?x6x19xf32{1}>, tensor<?x6x19xi1{0}>
})",
          from, to));
}

TEST(EquationTest, reshapes) {
  for (const char *order : {"", ", affine_map<(n, i, j) -> (n, j, i)>"})
    check(formatv(
        R"(func.func @f(%x: tensor<?x6x19xf32>, %w: tensor<114xf32>) -> (tensor<?x114xf32>, tensor<?x19x6xf32>) {{
  %y = gnc.compute [n = ?, i = 6, j = 19] (%a = %x[n, i, j] : tensor<?x6x19xf32>) -> tensor<?x6x19xf32{0}> {{
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %flat = gnc.reshape %y : tensor<?x6x19xf32{0}> -> tensor<?x114xf32>
  %z = gnc.compute [n = ?, f = 114] (%a = %flat[n, f] : tensor<?x114xf32>, %b = %w[f] : tensor<114xf32>) -> tensor<?x114xf32> {{
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %t = gnc.reshape %z : tensor<?x114xf32> -> tensor<?x19x6xf32>
  return %flat, %t : tensor<?x114xf32>, tensor<?x19x6xf32>
})",
        order));
}

/// More tiles than threads, long vectors, chunks that end in the middle of a vector.
TEST(EquationTest, manyTiles) {
  check(equation("%x: tensor<40009xf32>", "[i = 40009]", "%a = %x[40008 - i] : tensor<40009xf32>",
                 "tensor<40009xf32>", "%0 = arith.mulf %a, %a : f32\n    gnc.yield %0 : f32"));
  check(equation("%x: tensor<?x40x33x17xf32>", "[n = ?, i = 40, j = 33, k = 17]",
                 "%a = %x[n, i, 32 - j, k] : tensor<?x40x33x17xf32>", "tensor<?x40x33x17xf32>"));
}

} // namespace
