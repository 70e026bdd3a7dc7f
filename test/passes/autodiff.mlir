// RUN: gnc-opt %s --split-input-file --gnc-autodiff --gnc-simplify | FileCheck %s

// A linear layer: both gradients are plain contractions, without any guard.
// CHECK-LABEL: @linear
// CHECK: %[[DX:.*]] = gnc.compute [n = ?, i = 7] sum [o = 5]
// CHECK-SAME: = %arg1[o, i] : tensor<5x7xf32>
// CHECK-SAME: = %arg2[n, o] : tensor<?x5xf32>
// CHECK: %[[DW:.*]] = gnc.compute [o = 5, i = 7] sum [n = ?]
// CHECK-SAME: = %arg0[n, i] : tensor<?x7xf32>
// CHECK-SAME: = %arg2[n, o] : tensor<?x5xf32>
// CHECK: return %[[DX]], %[[DW]]
func.func @linear(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>, %g: tensor<?x5xf32>) -> (tensor<?x7xf32>, tensor<5x7xf32>) {
  %y = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, %b = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [n = ?, o = 5] (%a = %y[n, o] : tensor<?x5xf32>, %b = %g[n, o] : tensor<?x5xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx, %dw = gnc.gradient %l of (%x, %w) : tensor<f32> of tensor<?x7xf32>, tensor<5x7xf32> -> tensor<?x7xf32>, tensor<5x7xf32>
  return %dx, %dw : tensor<?x7xf32>, tensor<5x7xf32>
}

// -----

// The data gradient of a strided convolution walks one residue class of taps: no exact division is left.
// CHECK-LABEL: @strided
// CHECK: gnc.compute [n = ?, c = 3, q2 = 8] sum [k = 4, r = 2]
// CHECK-SAME: = %arg1[k, c, r * 2 + (q2 + 1) mod 2] ?? 0
// CHECK-SAME: = %arg2[n, k, (q2 + 1) floordiv 2 - r] ?? 0
// The weight gradient of a padded convolution is guarded where the padding is.
// CHECK: gnc.compute [k = 4, c = 3, r = 3] sum [n = ?, i = 4]
// CHECK-SAME: = %arg0[n, c, r + i * 2 - 1] ?? 0
// CHECK-SAME: = %arg2[n, k, i] : tensor<?x4x4xf32>
func.func @strided(%x: tensor<?x3x8xf32>, %w: tensor<4x3x3xf32>, %g: tensor<?x4x4xf32>) -> (tensor<?x3x8xf32>, tensor<4x3x3xf32>) {
  %y = gnc.compute [n = ?, k = 4, i = 4] sum [c = 3, r = 3] (%a = %x[n, c, i * 2 + r - 1] ?? 0.0 : tensor<?x3x8xf32>, %b = %w[k, c, r] : tensor<4x3x3xf32>) -> tensor<?x4x4xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [n = ?, k = 4, i = 4] (%a = %y[n, k, i] : tensor<?x4x4xf32>, %b = %g[n, k, i] : tensor<?x4x4xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx, %dw = gnc.gradient %l of (%x, %w) : tensor<f32> of tensor<?x3x8xf32>, tensor<4x3x3xf32> -> tensor<?x3x8xf32>, tensor<4x3x3xf32>
  return %dx, %dw : tensor<?x3x8xf32>, tensor<4x3x3xf32>
}

// -----

// Both gradients of a transposed convolution are affine; the sum of the weight gradient runs over the input, not over
// twice as many outputs, and nothing is guarded.
// CHECK-LABEL: @transposed
// CHECK: gnc.compute [n = ?, c = 3, q2 = 8] sum [k = 2, r = 3]
// CHECK-SAME: = %arg2[n, k, q2 * 2 + r] : tensor<?x2x17xf32>
// CHECK: gnc.compute [c = 3, k = 2, r = 3] sum [n = ?, i = 8]
// CHECK-SAME: = %arg0[n, c, i] : tensor<?x3x8xf32>
// CHECK-SAME: = %arg2[n, k, r + i * 2] : tensor<?x2x17xf32>
func.func @transposed(%x: tensor<?x3x8xf32>, %w: tensor<3x2x3xf32>, %g: tensor<?x2x17xf32>) -> (tensor<?x3x8xf32>, tensor<3x2x3xf32>) {
  %y = gnc.compute [n = ?, k = 2, i = 17] sum [c = 3, r = 3] (%a = %x[n, c, (i - r) floordiv 2] where ((i - r) mod 2 < 1) ?? 0.0 : tensor<?x3x8xf32>, %b = %w[c, k, r] : tensor<3x2x3xf32>) -> tensor<?x2x17xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [n = ?, k = 2, i = 17] (%a = %y[n, k, i] : tensor<?x2x17xf32>, %b = %g[n, k, i] : tensor<?x2x17xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx, %dw = gnc.gradient %l of (%x, %w) : tensor<f32> of tensor<?x3x8xf32>, tensor<3x2x3xf32> -> tensor<?x3x8xf32>, tensor<3x2x3xf32>
  return %dx, %dw : tensor<?x3x8xf32>, tensor<3x2x3xf32>
}

// -----

// Max pooling keeps the position of the first extreme as a byte and routes by a condition on the adjoint's read.
// CHECK-LABEL: @pool
// CHECK: %[[AT:.*]] = gnc.compute [n = ?, i = 4] argmax [r = 2] {{.*}} -> tensor<?x4xi8>
// CHECK: gnc.compute [n = ?, q1 = 8]
// CHECK-SAME: = %[[AT]][n, q1 floordiv 2] : tensor<?x4xi8>
// CHECK-SAME: = %arg1[n, q1 floordiv 2] where (read0 - (q1 mod 2) < 1) ?? 0
func.func @pool(%x: tensor<?x8xf32>, %g: tensor<?x4xf32>) -> tensor<?x8xf32> {
  %y = gnc.compute [n = ?, i = 4] max [r = 2] (%a = %x[n, i * 2 + r] : tensor<?x8xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  %l = gnc.compute [] sum [n = ?, i = 4] (%a = %y[n, i] : tensor<?x4xf32>, %b = %g[n, i] : tensor<?x4xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<?x8xf32> -> tensor<?x8xf32>
  return %dx : tensor<?x8xf32>
}

// -----

// A gathered element compares its own position with the data: a condition, no scatter.
// CHECK-LABEL: @gather
// CHECK: gnc.compute [q0 = 5, j = 4] sum [n = ?]
// CHECK-SAME: = %arg0[n] : tensor<?xi32>
// CHECK-SAME: = %arg2[n, j] where (q0 - read0 < 1) ?? 0
func.func @gather(%t: tensor<?xi32>, %e: tensor<5x4xf32>, %g: tensor<?x4xf32>) -> tensor<5x4xf32> {
  %y = gnc.compute [n = ?, j = 4] (%i = %t[n] : tensor<?xi32>, %a = %e[read0, j] : tensor<5x4xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  %l = gnc.compute [] sum [n = ?, j = 4] (%a = %y[n, j] : tensor<?x4xf32>, %b = %g[n, j] : tensor<?x4xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %d = gnc.gradient %l of (%e) : tensor<f32> of tensor<5x4xf32> -> tensor<5x4xf32>
  return %d : tensor<5x4xf32>
}

// -----

// The derivative of relu is a select, not a product with a mask.
// CHECK-LABEL: @relu
// CHECK: arith.cmpf ogt
// CHECK-NEXT: arith.select
// CHECK-NOT: arith.mulf
// CHECK: return
func.func @relu(%x: tensor<6xf32>) -> tensor<6xf32> {
  %y = gnc.compute [i = 6] (%a = %x[i] : tensor<6xf32>) -> tensor<6xf32> {
    %z = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %z : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [i = 6] (%a = %y[i] : tensor<6xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<6xf32> -> tensor<6xf32>
  return %dx : tensor<6xf32>
}

// -----

// A factor that is no polynomial is selected by whether the adjoint's read is inside: 1/0 * 0 is not 0.
// CHECK-LABEL: @unread
// CHECK: arith.divf
// CHECK: gnc.inside
// CHECK: arith.select
func.func @unread(%x: tensor<6xf32>) -> tensor<6xf32> {
  %l = gnc.compute [] sum [i = 3] (%a = %x[i * 2] : tensor<6xf32>) -> tensor<f32> {
    %0 = math.log %a : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [] (%a = %l[] : tensor<f32>) -> tensor<f32> {
    %0 = math.exp %a : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.gradient %m of (%x) : tensor<f32> of tensor<6xf32> -> tensor<6xf32>
  return %dx : tensor<6xf32>
}

// -----

// `stop` cuts: only the other use of x counts; and `stop` is gone afterwards.
// CHECK-LABEL: @stop
// CHECK-NOT: gnc.stop
// CHECK: gnc.compute [i = 4] (%{{.*}} = %arg0[i] : tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: gnc.yield
func.func @stop(%x: tensor<4xf32>) -> tensor<4xf32> {
  %l = gnc.compute [] sum [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<f32> {
    %s = gnc.stop %a : f32
    %0 = arith.mulf %a, %s : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<4xf32> -> tensor<4xf32>
  return %dx : tensor<4xf32>
}

// -----

// What the loss does not depend on has gradient zero.
// CHECK-LABEL: @independent
// CHECK: %[[ZERO:.*]] = gnc.compute [i0 = ?, i1 = 3] () -> tensor<?x3xf32> {
// CHECK-NEXT: arith.constant 0.0
// CHECK: return %[[ZERO]]
func.func @independent(%x: tensor<4xf32>, %w: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %l = gnc.compute [] sum [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  %dw = gnc.gradient %l of (%w) : tensor<f32> of tensor<?x3xf32> -> tensor<?x3xf32>
  return %dw : tensor<?x3xf32>
}

// -----

// A given gradient is used as it is written, here a straight-through round; the forward equations are inlined.
// CHECK-LABEL: @custom
// CHECK-NOT: gnc.custom
// CHECK: %[[D:.*]] = gnc.compute [i = 4] (%{{.*}} = %arg1[i] : tensor<4xf32>)
// CHECK-NEXT: gnc.yield
// CHECK: return %[[D]]
func.func @custom(%x: tensor<4xf32>, %g: tensor<4xf32>) -> tensor<4xf32> {
  %y = gnc.custom(%x) {given = array<i64: 0>, surrogate} : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %0 = gnc.compute [i = 4] (%p = %a[i] : tensor<4xf32>) -> tensor<4xf32> {
      %1 = math.round %p : f32
      gnc.yield %1 : f32
    }
    gnc.return %0 : tensor<4xf32>
  } gradient {
  ^bb0(%a: tensor<4xf32>, %r: tensor<4xf32>, %d: tensor<4xf32>):
    gnc.return %d : tensor<4xf32>
  }
  %l = gnc.compute [] sum [i = 4] (%a = %y[i] : tensor<4xf32>, %b = %g[i] : tensor<4xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<4xf32> -> tensor<4xf32>
  return %dx : tensor<4xf32>
}

// -----

// The adjoint of a tensor that is stored in half is f32.
// CHECK-LABEL: func.func @half
// CHECK-NOT: -> tensor<{{.*}}bf16>
// CHECK: -> tensor<?x4xbf16>
// CHECK-NOT: -> tensor<{{.*}}bf16>
// CHECK: return
func.func @half(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = gnc.compute [n = ?, i = 4] (%p = %x[n, i] : tensor<?x4xf32>) -> tensor<?x4xbf16> {
    %0 = arith.mulf %p, %p : f32
    gnc.yield %0 : f32
  }
  %loss = gnc.compute [] sum [n = ?, i = 4] (%p = %a[n, i] : tensor<?x4xbf16>) -> tensor<f32> {
    %0 = arith.mulf %p, %p : f32
    gnc.yield %0 : f32
  }
  %d = gnc.gradient %loss of (%x) : tensor<f32> of tensor<?x4xf32> -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}

// -----

// relu(z) is 0 outside of z, and all that it is multiplied with: the adjoint needs no condition there.
// CHECK-LABEL: @implied
// CHECK: gnc.compute [n = ?, q1 = 8] sum [r = 3]
// CHECK-SAME: = %arg1[n, q1 + r] ?? 0
// CHECK-SAME: = %arg2[n] : tensor<?xf32>
func.func @implied(%x: tensor<?x8xf32>, %z: tensor<?x8xf32>, %g: tensor<?xf32>) -> tensor<?x8xf32> {
  %y = gnc.compute [n = ?] sum [i = 8, r = 3] (%a = %x[n, i - r] ?? 0.0 : tensor<?x8xf32>, %b = %z[n, i] : tensor<?x8xf32>) -> tensor<?xf32> {
    %0 = arith.constant 0.0 : f32
    %1 = arith.cmpf ogt, %b, %0 : f32
    %2 = arith.select %1, %b, %0 : f32
    %3 = arith.mulf %a, %2 : f32
    gnc.yield %3 : f32
  }
  %l = gnc.compute [] sum [n = ?] (%a = %y[n] : tensor<?xf32>, %b = %g[n] : tensor<?xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<?x8xf32> -> tensor<?x8xf32>
  return %dx : tensor<?x8xf32>
}

// -----

// A point counts where i + s is even: of the two indices the one that saves more is replaced, s by the half (i + s) / 2.
// CHECK-LABEL: @savesMost
// CHECK: gnc.compute [] sum [n = ?, i = 3, s = 9]
// CHECK-SAME: = %arg0[n, s] : tensor<?x9xf32>
// CHECK-SAME: = %arg2[n, i] where (s * 2 - i < 16) ?? 0
func.func @savesMost(%x: tensor<?x9xf32>, %w: tensor<f32>, %g: tensor<?x3xf32>) -> tensor<f32> {
  %y = gnc.compute [n = ?, i = 3] sum [s = 16] (%a = %x[n, (i + s) floordiv 2] where ((i + s) mod 2 < 1) ?? 0.0 : tensor<?x9xf32>, %b = %w[] : tensor<f32>) -> tensor<?x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [n = ?, i = 3] (%a = %y[n, i] : tensor<?x3xf32>, %b = %g[n, i] : tensor<?x3xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %dw = gnc.gradient %l of (%w) : tensor<f32> of tensor<f32> -> tensor<f32>
  return %dw : tensor<f32>
}
