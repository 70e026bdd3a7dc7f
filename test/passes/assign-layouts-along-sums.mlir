// RUN: gnc-opt %s --split-input-file --gnc-assign-layouts=along-sums | FileCheck %s

// The gradient of an input reads the weights as they lie for the product, %o innermost: along its sum, as it reads %dy.
// CHECK-LABEL: @gradient
// CHECK-COUNT-2: gnc.compute
// CHECK-NOT: gnc.compute
func.func @gradient(%x: tensor<?x16xf32> {gnc.role = "input"}, %w: tensor<8x16xf32> {gnc.role = "weight"}) -> tensor<?x16xf32> {
  %y = gnc.compute [n = ?, o = 8] sum [i = 16] (%a = %w[o, i] : tensor<8x16xf32>, %b = %x[n, i] : tensor<?x16xf32>) -> tensor<?x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.compute [n = ?, i = 16] sum [o = 8] (%a = %w[o, i] : tensor<8x16xf32>, %b = %y[n, o] : tensor<?x8xf32>) -> tensor<?x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x16xf32>
}

// -----

// A sum that does not go by fours has no vectors along it: the weights are copied.
// CHECK-LABEL: @few
// CHECK-COUNT-3: gnc.compute
func.func @few(%x: tensor<?x16xf32> {gnc.role = "input"}, %w: tensor<10x16xf32> {gnc.role = "weight"}) -> tensor<?x16xf32> {
  %y = gnc.compute [n = ?, o = 10] sum [i = 16] (%a = %w[o, i] : tensor<10x16xf32>, %b = %x[n, i] : tensor<?x16xf32>) -> tensor<?x10xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.compute [n = ?, i = 16] sum [o = 10] (%a = %w[o, i] : tensor<10x16xf32>, %b = %y[n, o] : tensor<?x10xf32>) -> tensor<?x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x16xf32>
}
