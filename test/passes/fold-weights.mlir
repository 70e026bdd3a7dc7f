// RUN: gnc-opt %s --gnc-fold-weights --split-input-file | FileCheck %s

// A batch norm behind a sum: what its weights and states come to is computed apart, over the channel
// alone; a product and a sum stay for every sample.
// CHECK-LABEL: func.func @infer
// CHECK: %[[H:.*]]:2 = gnc.compute [k = 5]
// CHECK-SAME: %arg2[k]
// CHECK: math.sqrt
// CHECK: gnc.yield %{{.*}}, %{{.*}} : f32, f32
// CHECK: gnc.compute [n = ?, k = 5] sum [i = 7]
// CHECK: arith.mulf
// CHECK-NEXT: gnc.yield
// CHECK: finish (%[[SUM:.*]] : f32) (%[[A:.*]] = %[[H]]#0[k] : tensor<5xf32>, %[[B:.*]] = %[[H]]#1[k] : tensor<5xf32>)
// CHECK-NOT: math.sqrt
// CHECK: %[[P:.*]] = arith.mulf %[[SUM]], %[[A]]
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[P]], %[[B]]
// CHECK-NEXT: arith.maximumf %[[S]]
func.func @infer(%x: tensor<?x7xf32> {gnc.role = "input"}, %w: tensor<5x7xf32> {gnc.role = "weight"}, %g: tensor<5xf32> {gnc.role = "weight"},
                 %mu: tensor<5xf32> {gnc.role = "state"}, %var: tensor<5xf32> {gnc.role = "state"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] sum [i = 7] (%p = %x[n, i] : tensor<?x7xf32>, %q = %w[k, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%a = %g[k] : tensor<5xf32>, %b = %mu[k] : tensor<5xf32>, %c = %var[k] : tensor<5xf32>) {
    %eps = arith.constant 1.0e-5 : f32
    %zero = arith.constant 0.0 : f32
    %0 = arith.subf %s, %b : f32
    %1 = arith.mulf %a, %0 : f32
    %2 = arith.addf %c, %eps : f32
    %3 = math.sqrt %2 : f32
    %4 = arith.divf %1, %3 : f32
    %5 = arith.maximumf %4, %zero : f32
    gnc.yield %5 : f32
  }
  return %y : tensor<?x5xf32>
}

// -----

// A function of weights that is no factor, in a pointwise equation: it alone moves.
// CHECK-LABEL: func.func @infer
// CHECK: %[[H:.*]] = gnc.compute [k = 5]
// CHECK: math.exp
// CHECK: gnc.compute [n = ?, k = 5] ({{.*}} = %[[H]][k]
// CHECK-NOT: math.exp
// CHECK: arith.maximumf
func.func @infer(%x: tensor<?x5xf32> {gnc.role = "input"}, %g: tensor<5xf32> {gnc.role = "weight"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] (%p = %x[n, k] : tensor<?x5xf32>, %q = %g[k] : tensor<5xf32>) -> tensor<?x5xf32> {
    %0 = math.exp %q : f32
    %1 = arith.maximumf %p, %0 : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<?x5xf32>
}

// -----

// Nothing to win: a scale and a shift are one product and one sum already.
// CHECK-LABEL: func.func @infer
// CHECK: gnc.compute [n = ?, k = 5]
// CHECK-NOT: gnc.compute
func.func @infer(%x: tensor<?x5xf32> {gnc.role = "input"}, %g: tensor<5xf32> {gnc.role = "weight"}, %b: tensor<5xf32> {gnc.role = "weight"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] (%p = %x[n, k] : tensor<?x5xf32>, %q = %g[k] : tensor<5xf32>, %r = %b[k] : tensor<5xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %0, %r : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<?x5xf32>
}

// -----

// No weights: numbers keep their rounding.
// CHECK-LABEL: func.func @infer
// CHECK: arith.subf
// CHECK: arith.divf
func.func @infer(%x: tensor<?x5xf32> {gnc.role = "input"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] (%p = %x[n, k] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %half = arith.constant 0.3 : f32
    %0 = arith.subf %p, %half : f32
    %1 = arith.divf %0, %half : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<?x5xf32>
}

// -----

// Evaluation keeps the bits of training.
// CHECK-LABEL: func.func @eval
// CHECK: gnc.compute [n = ?, k = 5]
// CHECK: math.exp
// CHECK-NOT: gnc.compute
func.func @eval(%x: tensor<?x5xf32> {gnc.role = "input"}, %g: tensor<5xf32> {gnc.role = "weight"}) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] (%p = %x[n, k] : tensor<?x5xf32>, %q = %g[k] : tensor<5xf32>) -> tensor<?x5xf32> {
    %0 = math.exp %q : f32
    %1 = arith.maximumf %p, %0 : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<?x5xf32>
}
