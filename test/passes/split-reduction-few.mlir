// RUN: gnc-opt %s --gnc-split-reduction="long-reduction=64" --split-input-file | FileCheck %s

// A sample with 64 terms is worth a contraction of its own,
// CHECK-LABEL: func.func @enough
// CHECK: gnc.compute [n = ?, k = 32, r = 3] sum [i = 8, j = 8]
// CHECK: gnc.compute [k = 32, r = 3] sum [n = ?]
func.func @enough(%x: tensor<?x10x8xf32>, %g: tensor<?x32x8x8xf32>) -> tensor<32x3xf32> {
  %w = gnc.compute [k = 32, r = 3] sum [n = ?, i = 8, j = 8] (%a = %x[n, i + r, j] : tensor<?x10x8xf32>, %b = %g[n, k, i, j] : tensor<?x32x8x8xf32>) -> tensor<32x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %w : tensor<32x3xf32>
}

// -----

// one with 63 is not.
// CHECK-LABEL: func.func @few
// CHECK-COUNT-1: gnc.compute
// CHECK-NOT: gnc.compute
func.func @few(%x: tensor<?x9x9xf32>, %g: tensor<?x32x7x9xf32>) -> tensor<32x3xf32> {
  %w = gnc.compute [k = 32, r = 3] sum [n = ?, i = 7, j = 9] (%a = %x[n, i + r, j] : tensor<?x9x9xf32>, %b = %g[n, k, i, j] : tensor<?x32x7x9xf32>) -> tensor<32x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %w : tensor<32x3xf32>
}
