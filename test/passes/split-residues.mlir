// RUN: gnc-opt %s --split-input-file --gnc-split-residues | FileCheck %s

// The data gradient of a strided convolution: the position is split by its residue, and the result
// is put together again.
// CHECK-LABEL: func @strided
// CHECK: %[[T:.*]] = gnc.compute [n = ?, c = 4, q = 8, q_m = 2] sum [k = 6, r = 2]
// CHECK-SAME: %{{.*}}[n, k, q + q_m - r] ?? 0.000000e+00
// CHECK-SAME: %{{.*}}[k, c, r * 2 - q_m + 1] ?? 0.000000e+00
// CHECK-SAME: -> tensor<?x4x8x2xf32>
// CHECK: gnc.compute [{{.*}}] (%{{.*}} = %[[T]][{{.*}}, {{.*}} floordiv 2, {{.*}} mod 2]
// CHECK-SAME: -> tensor<?x4x16xf32>
func.func @strided(%dy: tensor<?x6x8xf32>, %w: tensor<6x4x3xf32>) -> tensor<?x4x16xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 16] sum [k = 6, r = 2]
      (%a = %dy[n, k, (q + 1) floordiv 2 - r] ?? 0.0 : tensor<?x6x8xf32>,
       %b = %w[k, c, r * 2 + (q + 1) mod 2] ?? 0.0 : tensor<6x4x3xf32>) -> tensor<?x4x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x16xf32>
}

// -----

// With a stride of 3 and this shift the reads are not linear in the residue: left alone.
// CHECK-LABEL: func @not_linear
// CHECK: gnc.compute [n = ?, c = 4, q = 15] sum
// CHECK-NOT: gnc.compute
func.func @not_linear(%dy: tensor<?x6x5xf32>, %w: tensor<6x4x3xf32>) -> tensor<?x4x15xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 15] sum [k = 6]
      (%a = %dy[n, k, (q + 1) floordiv 3] ?? 0.0 : tensor<?x6x5xf32>,
       %b = %w[k, c, (q + 1) mod 3] : tensor<6x4x3xf32>) -> tensor<?x4x15xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x15xf32>
}

// -----

// An extent that the stride does not divide is rounded up; nobody reads the last position.
// CHECK-LABEL: func @odd
// CHECK: %[[T:.*]] = gnc.compute [n = ?, c = 4, q = 8, q_m = 2] sum [k = 6, r = 2]
// CHECK: gnc.compute [n = ?, c = 4, q = 15] (%{{.*}} = %[[T]][n, c, q floordiv 2, q mod 2]
func.func @odd(%dy: tensor<?x6x8xf32>, %w: tensor<6x4x3xf32>) -> tensor<?x4x15xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 15] sum [k = 6, r = 2]
      (%a = %dy[n, k, (q + 1) floordiv 2 - r] ?? 0.0 : tensor<?x6x8xf32>,
       %b = %w[k, c, r * 2 + (q + 1) mod 2] ?? 0.0 : tensor<6x4x3xf32>) -> tensor<?x4x15xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x15xf32>
}

// -----

// A read that would leave its tensor at that position is guarded; what lies inside needs nothing.
// CHECK-LABEL: func @odd_inside
// CHECK: gnc.compute [n = ?, c = 4, q = 8, q_m = 2] sum
// CHECK-SAME: %{{.*}}[n, k, q + q_m] ?? 0.000000e+00 : tensor<?x6x8xf32>
// CHECK-SAME: %{{.*}}[k, c, -q_m + 1] : tensor<6x4x2xf32>
func.func @odd_inside(%dy: tensor<?x6x8xf32>, %w: tensor<6x4x2xf32>) -> tensor<?x4x15xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 15] sum [k = 6]
      (%a = %dy[n, k, (q + 1) floordiv 2] : tensor<?x6x8xf32>,
       %b = %w[k, c, (q + 1) mod 2] : tensor<6x4x2xf32>) -> tensor<?x4x15xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x15xf32>
}

// -----

// What follows such sums is asked for positions that exist, and after them; contractions take no
// guards there.
// CHECK-LABEL: func @odd_finish
// CHECK: %[[T:.*]] = gnc.compute [n = ?, c = 4, q = 8, q_m = 2] sum
// CHECK-NOT: finish
// CHECK: gnc.compute [n = ?, c = 4, q = 15] (%[[A:.*]] = %[[T]][n, c, q floordiv 2, q mod 2]
// CHECK-SAME: %[[B:.*]] = %{{.*}}[n, c, q] : tensor<?x4x15xf32>
// CHECK: arith.addf %[[A]], %[[B]]
func.func @odd_finish(%dy: tensor<?x6x8xf32>, %w: tensor<6x4x3xf32>, %x: tensor<?x4x15xf32>) -> tensor<?x4x15xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 15] sum [k = 6, r = 2]
      (%a = %dy[n, k, (q + 1) floordiv 2 - r] ?? 0.0 : tensor<?x6x8xf32>,
       %b = %w[k, c, r * 2 + (q + 1) mod 2] ?? 0.0 : tensor<6x4x3xf32>) -> tensor<?x4x15xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) (%y = %x[n, c, q] : tensor<?x4x15xf32>) {
    %1 = arith.addf %sum, %y : f32
    gnc.yield %1 : f32
  }
  return %dx : tensor<?x4x15xf32>
}

// -----

// Eight residues are still unrolled,
// CHECK-LABEL: func @eight
// CHECK: gnc.compute [n = ?, c = 4, q = 2, q_m = 8] sum
func.func @eight(%dy: tensor<?x6x2xf32>, %w: tensor<6x4x8xf32>) -> tensor<?x4x16xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 16] sum [k = 6]
      (%a = %dy[n, k, q floordiv 8] : tensor<?x6x2xf32>, %b = %w[k, c, q mod 8] : tensor<6x4x8xf32>) -> tensor<?x4x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x16xf32>
}

// -----

// nine are not.
// CHECK-LABEL: func @nine
// CHECK: gnc.compute [n = ?, c = 4, q = 18] sum
// CHECK-NOT: gnc.compute
func.func @nine(%dy: tensor<?x6x2xf32>, %w: tensor<6x4x9xf32>) -> tensor<?x4x18xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 18] sum [k = 6]
      (%a = %dy[n, k, q floordiv 9] : tensor<?x6x2xf32>, %b = %w[k, c, q mod 9] : tensor<6x4x9xf32>) -> tensor<?x4x18xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x18xf32>
}

// -----

// An exact division by position alone: the residue bounds the sum, which has no terms elsewhere.
// CHECK-LABEL: func @division
// CHECK: gnc.compute [n = ?, c = 4, q = 8, q_m = 2] sum [k = 6]
// CHECK-SAME: %{{.*}}[n, k, q] where (q_m < 1) ?? 0.000000e+00
func.func @division(%dy: tensor<?x6x8xf32>, %w: tensor<6x4xf32>) -> tensor<?x4x16xf32> {
  %dx = gnc.compute [n = ?, c = 4, q = 16] sum [k = 6]
      (%a = %dy[n, k, q floordiv 2] where (q mod 2 < 1) ?? 0.0 : tensor<?x6x8xf32>,
       %b = %w[k, c] : tensor<6x4xf32>) -> tensor<?x4x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x4x16xf32>
}
