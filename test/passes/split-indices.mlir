// RUN: gnc-opt %s --gnc-split-indices --split-input-file | FileCheck %s

// A linear layer reads the map itself; its weight, and the update of it, take the map's shape.
// CHECK-LABEL: func.func @flatten
// CHECK-SAME: %[[X:.*]]: tensor<?x3x2x2xf32>
// CHECK-SAME: %[[W:.*]]: tensor<5x3x2x2xf32> {gnc.role = "weight", gnc.shape = array<i64: 5, 12>}
// CHECK-SAME: tensor<5x3x2x2xf32> {gnc.shape = array<i64: 5, 12>, gnc.updates = 1 : i64}
// CHECK-NOT: gnc.reshape
// CHECK: [n = ?, o = 5] sum [i0 = 3, i1 = 2, i2 = 2]
// CHECK-SAME: %[[W]][o, i0, i1, i2] : tensor<5x3x2x2xf32>
// CHECK-SAME: %[[X]][n, i0, i1, i2] : tensor<?x3x2x2xf32>
// CHECK: [o = 5, i0 = 3, i1 = 2, i2 = 2] (
// CHECK-SAME: %[[W]][o, i0, i1, i2] : tensor<5x3x2x2xf32>
func.func @flatten(%x: tensor<?x3x2x2xf32> {gnc.role = "input"}, %w: tensor<5x12xf32> {gnc.role = "weight"})
    -> (tensor<?x5xf32> {gnc.path = "y"}, tensor<5x12xf32> {gnc.updates = 1 : i64}) {
  %f = gnc.reshape %x : tensor<?x3x2x2xf32> -> tensor<?x12xf32>
  %y = gnc.compute [n = ?, o = 5] sum [i = 12] (%a = %w[o, i] : tensor<5x12xf32>, %b = %f[n, i] : tensor<?x12xf32>) -> tensor<?x5xf32> {
    %p = arith.mulf %a, %b : f32
    gnc.yield %p : f32
  }
  %v = gnc.compute [o = 5, i = 12] (%a = %w[o, i] : tensor<5x12xf32>) -> tensor<5x12xf32> {
    %p = arith.addf %a, %a : f32
    gnc.yield %p : f32
  }
  return %y, %v : tensor<?x5xf32>, tensor<5x12xf32>
}

// -----

// The number of a split index is put together again, and its extent is that of all its parts.
// CHECK-LABEL: func.func @numbers
// CHECK: [a0 = 2, a1 = 3]
// CHECK: %[[I0:.*]] = gnc.index 0 : f32
// CHECK: %[[THREE:.*]] = arith.constant 3.0
// CHECK: %[[ROW:.*]] = arith.mulf %[[I0]], %[[THREE]]
// CHECK: %[[I1:.*]] = gnc.index 1 : f32
// CHECK: arith.addf %[[ROW]], %[[I1]]
func.func @numbers(%x: tensor<2x3xf32> {gnc.role = "weight"}) -> (tensor<f32> {gnc.path = "y"}) {
  %f = gnc.reshape %x : tensor<2x3xf32> -> tensor<6xf32>
  %z = gnc.compute [a = 6] (%u = %f[a] : tensor<6xf32>) -> tensor<6xf32> {
    %i = gnc.index 0 : f32
    %p = arith.mulf %u, %i : f32
    gnc.yield %p : f32
  }
  %y = gnc.compute [] sum [a = 6] (%u = %z[a] : tensor<6xf32>) -> tensor<f32> {
    gnc.yield %u : f32
  }
  return %y : tensor<f32>
}

// -----

// What the host gives or takes keeps its shape: the reshape stays, as it is free.
// CHECK-LABEL: func.func @host
// CHECK-COUNT-2: gnc.reshape
func.func @host(%x: tensor<?x6xf32> {gnc.role = "input"}) -> (tensor<?x6xf32> {gnc.path = "y"}) {
  %m = gnc.reshape %x : tensor<?x6xf32> -> tensor<?x2x3xf32>
  %t = gnc.compute [n = ?, a = 2, b = 3] (%u = %m[n, b mod 2, a] : tensor<?x2x3xf32>) -> tensor<?x2x3xf32> {
    gnc.yield %u : f32
  }
  %y = gnc.reshape %t : tensor<?x2x3xf32> -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// The first reshape to ask decides; the other one stays.
// CHECK-LABEL: func.func @conflict
// CHECK: [a0 = 3, a1 = 4]
// CHECK: gnc.reshape %{{.*}} : tensor<3x4xf32> -> tensor<2x6xf32>
// CHECK-NOT: gnc.reshape
func.func @conflict(%x: tensor<3x4xf32> {gnc.role = "weight"}) -> (tensor<2xf32> {gnc.path = "y"}) {
  %f = gnc.reshape %x : tensor<3x4xf32> -> tensor<12xf32>
  %z = gnc.compute [a = 12] (%u = %f[a] : tensor<12xf32>) -> tensor<12xf32> {
    %p = arith.addf %u, %u : f32
    gnc.yield %p : f32
  }
  %g = gnc.reshape %z : tensor<12xf32> -> tensor<2x6xf32>
  %y = gnc.compute [a = 2] sum [b = 6] (%u = %g[a, b] : tensor<2x6xf32>) -> tensor<2xf32> {
    gnc.yield %u : f32
  }
  return %y : tensor<2xf32>
}

// -----

// A window over the flat dimension would need divisions at every element: the reshape stays.
// CHECK-LABEL: func.func @window
// CHECK: gnc.reshape
// CHECK: [i = 10] sum [r = 3]
func.func @window(%x: tensor<3x4xf32> {gnc.role = "weight"}) -> (tensor<10xf32> {gnc.path = "y"}) {
  %f = gnc.reshape %x : tensor<3x4xf32> -> tensor<12xf32>
  %y = gnc.compute [i = 10] sum [r = 3] (%u = %f[i + r] : tensor<12xf32>) -> tensor<10xf32> {
    gnc.yield %u : f32
  }
  return %y : tensor<10xf32>
}

// -----

// Coordinates that fall into whole parts are taken apart, boundaries included.
// CHECK-LABEL: func.func @parts
// CHECK-NOT: gnc.reshape
// CHECK: %{{.*}}[c, 2] : tensor<3x4xf32>
// CHECK-SAME: %{{.*}}[c - 1, r] ?? 0.0
func.func @parts(%x: tensor<3x4xf32> {gnc.role = "weight"}) -> (tensor<3x4xf32> {gnc.path = "y"}) {
  %f = gnc.reshape %x : tensor<3x4xf32> -> tensor<12xf32>
  %y = gnc.compute [c = 3, r = 4] (%u = %f[c * 4 + 2] : tensor<12xf32>, %v = %f[c * 4 + r - 4] ?? 0.0 : tensor<12xf32>) -> tensor<3x4xf32> {
    %p = arith.addf %u, %v : f32
    gnc.yield %p : f32
  }
  return %y : tensor<3x4xf32>
}

// -----

// Random numbers take the shape that lets a reshape disappear.
// CHECK-LABEL: @random
// CHECK: gnc.random %{{.*}} site 3 : tensor<?x2x3xf32>
// CHECK-NOT: gnc.reshape
// CHECK: return
func.func @random(%x: tensor<?x2x3xf32> {gnc.role = "input"}, %s: tensor<4xi32> {gnc.role = "stream"}) -> (tensor<?xf32> {gnc.path = "y"}) {
  %u = gnc.random %s site 3 : tensor<?x6xf32>
  %flat = gnc.reshape %x : tensor<?x2x3xf32> -> tensor<?x6xf32>
  %y = gnc.compute [n = ?] sum [i = 6] (%a = %flat[n, i] : tensor<?x6xf32>, %b = %u[n, i] : tensor<?x6xf32>) -> tensor<?xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?xf32>
}
