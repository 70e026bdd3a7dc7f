//===- EquationMaskTest.cpp - reads whose conditions differ from lane to lane, bit for bit ----===//
#include "EquationCheck.h"

using namespace gnc;
using namespace gnc::test;

// A condition of its own in every lane, for elements that all exist side by side.
TEST(EquationMask, ConditionsOfLanes) {
  const char *table = "%x: tensor<5x19xf32>, %t: tensor<19xi8>, %v: tensor<19xi32>, "
                      "%u: tensor<19xi1>, %s: tensor<5xi32>";
  for (const char *reads : {
           "%l = %t[j] : tensor<19xi8>, %a = %x[i, j] where (read0 - i mod 2 - (i floordiv 2) * 2 "
           "< "
           "1) ?? 0.0 : tensor<5x19xf32>", // the gradient of a pool
           "%l = %v[j] : tensor<19xi32>, %a = %x[i, j] where (i - read0 < 1) ?? 3.0 : "
           "tensor<5x19xf32>",
           "%l = %v[j] : tensor<19xi32>, %a = %x[i, 4] where (read0 * 7 - j < 5) ?? 3.0 : "
           "tensor<5x19xf32>", // one element, and the index
           "%l = %s[i] : tensor<5xi32>, %a = %x[i, j] where (j - read0 * 5 < 4) ?? 3.0 : "
           "tensor<5x19xf32>", // the index alone differs
           "%a = %x[i, j] where (j - i < 2) ?? 3.0 : tensor<5x19xf32>",
           "%l = %u[j] : tensor<19xi1>, %a = %x[i, j] where (read0 + i < 3) ?? 3.0 : "
           "tensor<5x19xf32>",
           "%l = %t[j] : tensor<19xi8>, %m = %v[j] : tensor<19xi32>, %a = %x[i, j] where (read0 - "
           "read1 < 2, read1 < 3) ?? 3.0 : tensor<5x19xf32>",
           "%l = %t[j] : tensor<19xi8>, %a = %x[i - 1, j] where (read0 < 2) ?? 3.0 : "
           "tensor<5x19xf32>", // a guard of all lanes, too
           "%l = %t[j] : tensor<19xi8>, %a = %x[i, j - 1] where (read0 < 2) ?? 3.0 : "
           "tensor<5x19xf32>", // of each: one by one
           "%l = %t[j] : tensor<19xi8>, %a = %x[i, j] where ((read0 + j) mod 3 < 2) ?? 3.0 : "
           "tensor<5x19xf32>",
           "%l = %t[j] : tensor<19xi8>, %a = %x[clamp(j - 7), j] where (read0 < 2) ?? 3.0 : "
           "tensor<5x19xf32>",
       })
    check(equation(table, kIJ, reads, kY));
  // Numbers of all 32 bits (floats bring them here) do not run over; on a card they do, as its
  // indices have no more bits (codegen/README.md).
  checkOnProcessors(
      equation(table, kIJ,
               "%l = %v[j] : tensor<19xi32>, %a = %x[i, j] where (read0 * 3 + i < 2147483647) ?? "
               "3.0 : tensor<5x19xf32>",
               kY),
      4, [](Tensors &arguments) {
        const double some[] = {2147483520, -2147483648.0, 715827840, 715827904, -1, 0};
        for (int64_t j = 0; j < arguments[2].size(); ++j)
          arguments[2].data[j] = some[j % 6];
      });
  // In a sum, and after one.
  check(equation(table, "[i = 5] sum [j = 19]",
                 "%l = %t[j] : tensor<19xi8>, %a = %x[i, j] where (read0 - 1 < 2) ?? 9.0 : "
                 "tensor<5x19xf32>",
                 "tensor<5xf32>"));
}
