// RUN: gnc-opt %s --split-input-file | gnc-opt --split-input-file | FileCheck %s

// An equation prints as it is read: indices, reduction, reads, body.
// CHECK-LABEL: @convolution
// CHECK: gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [c = 1, r = 5, s = 5]
// CHECK-SAME: (%a = %{{.*}}[n, c, i + r, j + s] : tensor<?x1x28x28xf32>, %b = %{{.*}}[k, c, r, s] : tensor<32x1x5x5xf32>) -> tensor<?x32x24x24xf32>
func.func @convolution(%x: tensor<?x1x28x28xf32>, %w: tensor<32x1x5x5xf32>) -> tensor<?x32x24x24xf32> {
  %y = gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [c = 1, r = 5, s = 5]
      (%a = %x[n, c, i + r, j + s] : tensor<?x1x28x28xf32>, %b = %w[k, c, r, s] : tensor<32x1x5x5xf32>) -> tensor<?x32x24x24xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x32x24x24xf32>
}

// -----

// What lies outside, conditions, clamps and finish regions round-trip.
// CHECK-LABEL: @boundaries
// CHECK: [n, (i - r) floordiv 2] where ((i - r) mod 2 < 1) ?? 0.000000e+00
// CHECK-SAME: [n, clamp(i + 3)]
// CHECK: finish (%sum : f32) (%c = %{{.*}}[i] : tensor<9xf32>)
func.func @boundaries(%x: tensor<?x4xf32>, %y: tensor<?x5xf32>, %b: tensor<9xf32>) -> tensor<?x9xf32> {
  %z = gnc.compute [n = ?, i = 9] sum [r = 2]
      (%a = %x[n, (i - r) floordiv 2] where ((i - r) mod 2 < 1) ?? 0.0 : tensor<?x4xf32>, %c = %y[n, clamp(i + 3)] : tensor<?x5xf32>) -> tensor<?x9xf32> {
    %0 = arith.mulf %a, %c : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%d = %b[i] : tensor<9xf32>) {
    %1 = arith.addf %s, %d : f32
    gnc.yield %1 : f32
  }
  return %z : tensor<?x9xf32>
}

// -----

// Several results over one domain have one reduction each; a label names the read that holds it.
// CHECK-LABEL: @several
// CHECK: gnc.compute [n = ?] (max, argmax) [k = 10]
// CHECK: %b = %{{.*}}[n, read0] : tensor<?x10xf32>
func.func @several(%z: tensor<?x10xf32>, %t: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xi32>, tensor<?xf32>) {
  %m:2 = gnc.compute [n = ?] (max, argmax) [k = 10] (%a = %z[n, k] : tensor<?x10xf32>) -> (tensor<?xf32>, tensor<?xi32>) {
    gnc.yield %a, %a : f32, f32
  }
  %p = gnc.compute [n = ?] (%a = %t[n] : tensor<?xi32>, %b = %z[n, read0] : tensor<?x10xf32>) -> tensor<?xf32> {
    gnc.yield %b : f32
  }
  return %m#0, %m#1, %p : tensor<?xf32>, tensor<?xi32>, tensor<?xf32>
}

// Elements of f16 and bf16 are read, computed with and yielded as f32.
// CHECK-LABEL: func.func @half
// CHECK: %[[A:.*]] = gnc.compute [i = 4] (%[[P:.*]] = %{{.*}}[i] : tensor<4xbf16>) -> tensor<4xf16> {
// CHECK-NEXT: arith.addf %[[P]], %[[P]] : f32
// CHECK: gnc.compute [] max [i = 4] (%{{.*}} = %[[A]][i] : tensor<4xf16>) -> tensor<bf16> {
// CHECK-NEXT: gnc.yield %{{.*}} : f32
func.func @half(%x: tensor<4xbf16>) -> tensor<bf16> {
  %a = gnc.compute [i = 4] (%p = %x[i] : tensor<4xbf16>) -> tensor<4xf16> {
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [] max [i = 4] (%p = %a[i] : tensor<4xf16>) -> tensor<bf16> {
    gnc.yield %p : f32
  }
  return %b : tensor<bf16>
}
