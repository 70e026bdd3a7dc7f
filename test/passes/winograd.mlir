// RUN: gnc-opt %s --split-input-file --gnc-winograd="rows=4 columns=4" | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-winograd | FileCheck %s --check-prefix=COUNTED
// RUN: gnc-opt %s --split-input-file --gnc-winograd=batch=1 | FileCheck %s --check-prefix=ONE

// A convolution becomes three transforms and a product for each of 36 points. The result's tiles are
// the image in memory, and its reader finds the channel last.
// CHECK-LABEL: func @convolution
// CHECK: %[[V:.*]] = gnc.compute [n = ?, u = 6, v = 6, ty = 2, tx = 2, c = 4]
// CHECK: %[[W:.*]] = gnc.compute [u = 6, v = 6, c = 4, k = 5]
// CHECK: gnc.compute [n = ?, u = 6, v = 6, ty = 2, tx = 2, k = 5] sum [c = 4]
// CHECK-SAME: %[[V]][n, u, v, ty, tx, c]
// CHECK-SAME: %[[W]][u, v, c, k]
// CHECK: %[[Y:.*]] = gnc.compute [n = ?, ty = 2, p = 4, tx = 2, q = 4, k = 5]
// CHECK: %[[IMAGE:.*]] = gnc.reshape %[[Y]] : tensor<?x2x4x2x4x5xf32> -> tensor<?x8x8x5xf32>
// CHECK: gnc.compute [n = ?, k = 5] sum [i = 8, j = 8] (%{{.*}} = %[[IMAGE]][n, i, j, k]
// Here it does not pay.
// COUNTED-LABEL: func @convolution
// COUNTED-NOT: u = 6
func.func @convolution(%x: tensor<?x4x8x8xf32>, %w: tensor<5x4x3x3xf32>) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 8, j = 8] sum [c = 4, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<5x4x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x4x8x8xf32>)
      -> tensor<?x5x8x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, k = 5] sum [i = 8, j = 8] (%a = %y[n, k, i, j] : tensor<?x5x8x8xf32>) -> tensor<?x5xf32> {
    gnc.yield %a : f32
  }
  return %z : tensor<?x5xf32>
}

// -----

// Many channels and samples: it pays.
// COUNTED-LABEL: func @wide
// COUNTED: u = 6, v = 6
func.func @wide(%x: tensor<?x64x8x8xf32>, %w: tensor<64x64x3x3xf32>) -> tensor<?x64x8x8xf32> {
  %y = gnc.compute [n = ?, k = 64, i = 8, j = 8] sum [c = 64, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<64x64x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x64x8x8xf32>)
      -> tensor<?x64x8x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x64x8x8xf32>
}

// -----

// A map of 5 x 5 fills four tiles of 4 x 4 by less than half: with as many channels it does not pay.
// COUNTED-LABEL: func @coarse
// COUNTED-NOT: u = 6
func.func @coarse(%x: tensor<?x64x5x5xf32>, %w: tensor<64x64x3x3xf32>) -> tensor<?x64x5x5xf32> {
  %y = gnc.compute [n = ?, k = 64, i = 5, j = 5] sum [c = 64, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<64x64x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x64x5x5xf32>)
      -> tensor<?x64x5x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x64x5x5xf32>
}

// -----

// A stride of 2 is not of this form.
// CHECK-LABEL: func @strided
// CHECK-NOT: u = 6
func.func @strided(%x: tensor<?x4x9x9xf32>, %w: tensor<5x4x3x3xf32>) -> tensor<?x5x4x4xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 4, j = 4] sum [c = 4, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<5x4x3x3xf32>, %b = %x[n, c, i * 2 + r, j * 2 + s] : tensor<?x4x9x9xf32>)
      -> tensor<?x5x4x4xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x4x4xf32>
}

// -----

// Neither are dilated taps.
// CHECK-LABEL: func @dilated
// CHECK-NOT: u = 6
func.func @dilated(%x: tensor<?x4x9x9xf32>, %w: tensor<5x4x3x3xf32>) -> tensor<?x5x5x5xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 5, j = 5] sum [c = 4, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<5x4x3x3xf32>, %b = %x[n, c, i + r * 2, j + s * 2] : tensor<?x4x9x9xf32>)
      -> tensor<?x5x5x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x5x5xf32>
}

// -----

// A border of ones is no padding with zeros.
// CHECK-LABEL: func @border_of_ones
// CHECK-NOT: u = 6
func.func @border_of_ones(%x: tensor<?x4x8x8xf32>, %w: tensor<5x4x3x3xf32>) -> tensor<?x5x8x8xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 8, j = 8] sum [c = 4, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<5x4x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 1.0 : tensor<?x4x8x8xf32>)
      -> tensor<?x5x8x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x8x8xf32>
}

// -----

// Of one small image there are few tiles: what counts is the weight, of which a run reads 36 numbers for 9 in tiles of 4x4, 24 in
// tiles of 4x2. Where the weight changes, its transform is work of each run, and the direct sum is less.
// CHECK-LABEL: func @image
// CHECK: u = 6, v = 6
// COUNTED-LABEL: func @image
// COUNTED: u = 6, v = 6
// ONE-LABEL: func @image
// ONE: gnc.compute [n = ?, u = 6, v = 4, ty = 2, tx = 4, c = 512]
// ONE: gnc.compute [u = 6, v = 4, c = 512, k = 512]
func.func @image(%x: tensor<?x512x7x7xf32>, %w: tensor<512x512x3x3xf32> {gnc.role = "weight", gnc.path = "w"}) -> tensor<?x512x7x7xf32> {
  %y = gnc.compute [n = ?, k = 512, i = 7, j = 7] sum [c = 512, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<512x512x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x512x7x7xf32>)
      -> tensor<?x512x7x7xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x512x7x7xf32>
}

// -----

// CHECK-LABEL: func @training
// COUNTED-LABEL: func @training
// ONE-LABEL: func @training
// ONE-NOT: u = 
// ONE: return
func.func @training(%x: tensor<?x512x7x7xf32>, %w: tensor<512x512x3x3xf32> {gnc.role = "weight", gnc.path = "w"})
    -> (tensor<?x512x7x7xf32>, tensor<512x512x3x3xf32> {gnc.updates = 1 : i64}) {
  %y = gnc.compute [n = ?, k = 512, i = 7, j = 7] sum [c = 512, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<512x512x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x512x7x7xf32>)
      -> tensor<?x512x7x7xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %w : tensor<?x512x7x7xf32>, tensor<512x512x3x3xf32>
}
