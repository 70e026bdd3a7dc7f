// RUN: gnc-opt %s --split-input-file --gnc-materialize-guards | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-materialize-guards -o %t.once
// RUN: gnc-opt %t.once --split-input-file --gnc-materialize-guards | diff %t.once -

// A padded convolution reads a padded copy by strides alone.
// CHECK-LABEL: @padding
// CHECK: %[[P:.*]] = gnc.compute [{{.*}} = ?, {{.*}} = 3, [[Q:.*]] = 10] (%{{.*}} = %arg0[{{.*}}, [[Q]] - 1] ?? 0.0{{.*}}) -> tensor<?x3x10xf32>
// CHECK: gnc.compute [n = ?, k = 4, i = 8] sum [c = 3, r = 3] ({{.*}} = %[[P]][n, c, i + r] : tensor<?x3x10xf32>)
func.func @padding(%x: tensor<?x3x8xf32>, %w: tensor<4x3x3xf32>) -> tensor<?x4x8xf32> {
  %y = gnc.compute [n = ?, k = 4, i = 8] sum [c = 3, r = 3] (%a = %w[k, c, r] : tensor<4x3x3xf32>, %b = %x[n, c, i + r - 1] ?? 0.0 : tensor<?x3x8xf32>) -> tensor<?x4x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x4x8xf32>
}

// -----

// An exact division becomes a copy with zeros between: the data gradient of a convolution with stride 2.
// CHECK-LABEL: @division
// CHECK: %[[P:.*]] = gnc.compute [{{.*}}, [[Q:.*]] = 13] (%{{.*}} = %arg0[{{.*}}, [[Q]] floordiv 2 - 1] where ([[Q]] mod 2 < 1) ?? 0.0{{.*}}) -> tensor<?x4x13xf32>
// CHECK: %[[P]][n, k, i - r + 2] : tensor<?x4x13xf32>)
func.func @division(%dy: tensor<?x4x5xf32>, %w: tensor<4x3x3xf32>) -> tensor<?x3x11xf32> {
  %y = gnc.compute [n = ?, c = 3, i = 11] sum [k = 4, r = 3] (%a = %w[k, c, r] : tensor<4x3x3xf32>, %b = %dy[n, k, (i - r) floordiv 2] where ((i - r) mod 2 < 1) ?? 0.0 : tensor<?x4x5xf32>) -> tensor<?x3x11xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x3x11xf32>
}

// -----

// Both factors may be guarded; each gets its copy.
// CHECK-LABEL: @both
// CHECK-COUNT-2: gnc.compute {{.*}} ?? 0.0
// CHECK: gnc.compute
// CHECK-NOT: ??
func.func @both(%x: tensor<3x8xf32>, %w: tensor<3x4xf32>) -> tensor<8xf32> {
  %y = gnc.compute [i = 8] sum [c = 3, r = 6] (%a = %w[c, r - 1] ?? 0.0 : tensor<3x4xf32>, %b = %x[c, i + r - 2] ?? 0.0 : tensor<3x8xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<8xf32>
}

// -----

// What padding with zeros cannot say stays: another value outside, no product, a condition of its own, an index by data,
// a copy more than 16 times as large.
// CHECK-LABEL: @others
// CHECK-NOT: -> tensor<{{.*}}x{{.*}}xf32> {
// CHECK: return
func.func @others(%x: tensor<3x8xf32>, %w: tensor<3x3xf32>, %l: tensor<3xi8>, %one: tensor<3x1xf32>)
    -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %p = gnc.compute [i = 8] sum [c = 3, r = 3] (%a = %w[c, r] : tensor<3x3xf32>, %b = %x[c, i + r - 1] ?? 1.0 : tensor<3x8xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %q = gnc.compute [i = 8] sum [c = 3, r = 3] (%a = %w[c, r] : tensor<3x3xf32>, %b = %x[c, i + r - 1] ?? 0.0 : tensor<3x8xf32>) -> tensor<8xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %s = gnc.compute [i = 8] sum [c = 3, r = 3] (%a = %w[c, r] : tensor<3x3xf32>, %b = %x[c, i + r - 1] where (i + c < 5) ?? 0.0 : tensor<3x8xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %t = gnc.compute [i = 8] sum [c = 3] (%k = %l[c] : tensor<3xi8>, %b = %x[read0, i - 1] ?? 0.0 : tensor<3x8xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %b, %b : f32
    gnc.yield %0 : f32
  }
  %u = gnc.compute [i = 8] sum [c = 3, r = 3] (%a = %w[c, r] : tensor<3x3xf32>, %b = %one[c, i * 3 - r] ?? 0.0 : tensor<3x1xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %p, %q, %s, %t, %u : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// -----

// Random numbers are written down for the products that read them, once, and not for others.
// CHECK-LABEL: @random
// CHECK: %[[U:.*]] = gnc.random
// CHECK-NEXT: %[[COPY:.*]] = gnc.compute [{{.*}}] (%{{.*}} = %[[U]][
// CHECK: gnc.compute [n = ?, o = 5] sum [i = 7] (%{{.*}} = %[[COPY]][n, i]
// CHECK: gnc.compute [n = ?, o = 5] sum [i = 7] (%{{.*}} = %[[COPY]][n, -i + 6]
// CHECK: gnc.compute [n = ?, i = 7] (%{{.*}} = %[[U]][n, i]
func.func @random(%w: tensor<5x7xf32>, %s: tensor<4xi32>) -> (tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x7xf32>) {
  %u = gnc.random %s site 3 : tensor<?x7xf32>
  %y = gnc.compute [n = ?, o = 5] sum [i = 7] (%p = %u[n, i] : tensor<?x7xf32>, %q = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, o = 5] sum [i = 7] (%p = %u[n, 6 - i] : tensor<?x7xf32>, %q = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %v = gnc.compute [n = ?, i = 7] (%p = %u[n, i] : tensor<?x7xf32>) -> tensor<?x7xf32> {
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  return %y, %z, %v : tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x7xf32>
}

// -----

// A division that need not be exact repeats elements, which zeros between them cannot say.
// CHECK-LABEL: @rounds
// CHECK-COUNT-1: gnc.compute
// CHECK-SAME: = %arg0[c, (i + r) floordiv 2] ?? 0.0
// CHECK-NOT: gnc.compute
// CHECK: return
func.func @rounds(%x: tensor<3x4xf32>, %w: tensor<3x3xf32>) -> tensor<8xf32> {
  %y = gnc.compute [i = 8] sum [c = 3, r = 3] (%a = %w[c, r] : tensor<3x3xf32>, %b = %x[c, (i + r) floordiv 2] ?? 0.0 : tensor<3x4xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<8xf32>
}

// -----

// A window over each channel by itself asks once for a row, where there is little border and nobody else wants the copy.
// CHECK-LABEL: @large_map
// CHECK-COUNT-1: gnc.compute
// CHECK-SAME: ?? 0.0
// CHECK-NOT: gnc.compute
// CHECK: return
func.func @large_map(%x: tensor<?x60x8xf32>, %w: tensor<3x8xf32>) -> tensor<?x60x8xf32> {
  %y = gnc.compute [n = ?, i = 60, c = 8] sum [r = 3] (%a = %x[n, i + r - 1, c] ?? 0.0 : tensor<?x60x8xf32>, %b = %w[r, c] : tensor<3x8xf32>) -> tensor<?x60x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x60x8xf32>
}

// -----

// A small one is copied.
// CHECK-LABEL: @small_map
// CHECK: -> tensor<?x9x8xf32>
func.func @small_map(%x: tensor<?x7x8xf32>, %w: tensor<3x8xf32>) -> tensor<?x7x8xf32> {
  %y = gnc.compute [n = ?, i = 7, c = 8] sum [r = 3] (%a = %x[n, i + r - 1, c] ?? 0.0 : tensor<?x7x8xf32>, %b = %w[r, c] : tensor<3x8xf32>) -> tensor<?x7x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x7x8xf32>
}

// -----

// So is one that another sum of products reads: they share the copy.
// CHECK-LABEL: @shared_map
// CHECK: -> tensor<?x62x8xf32>
func.func @shared_map(%x: tensor<?x60x8xf32>, %w: tensor<3x8xf32>, %d: tensor<?x60x8xf32>) -> (tensor<?x60x8xf32>, tensor<3x8xf32>) {
  %y = gnc.compute [n = ?, i = 60, c = 8] sum [r = 3] (%a = %x[n, i + r - 1, c] ?? 0.0 : tensor<?x60x8xf32>, %b = %w[r, c] : tensor<3x8xf32>) -> tensor<?x60x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %g = gnc.compute [r = 3, c = 8] sum [n = ?, i = 60] (%a = %x[n, i + r - 1, c] ?? 0.0 : tensor<?x60x8xf32>, %b = %d[n, i, c] : tensor<?x60x8xf32>) -> tensor<3x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %g : tensor<?x60x8xf32>, tensor<3x8xf32>
}

// -----

// What outer and reduced indices decide is a bound of the sum, which a contraction takes as it is.
// CHECK-LABEL: @bound
// CHECK-COUNT-1: gnc.compute
// CHECK-SAME: %arg1[k, c, r * 2 - s + 1] ?? 0.0
// CHECK-NOT: gnc.compute
func.func @bound(%dy: tensor<?x6x12xf32>, %w: tensor<6x4x3xf32>) -> tensor<?x4x8x2xf32> {
  %y = gnc.compute [n = ?, c = 4, q = 8, s = 2] sum [k = 6, r = 2]
      (%a = %dy[n, k, q + s - r + 1] : tensor<?x6x12xf32>,
       %b = %w[k, c, r * 2 - s + 1] ?? 0.0 : tensor<6x4x3xf32>) -> tensor<?x4x8x2xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x4x8x2xf32>
}
