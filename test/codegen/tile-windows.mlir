// RUN: gnc-opt --split-input-file --gnc-tile-windows=lanes=8 %s | FileCheck %s

// Windows of 2x2 become indices of the sum, and what they do not cover is not computed: 13 pixels
// are 6 windows.
// CHECK-LABEL: @pool
// CHECK: %[[T:.*]] = gnc.compute [n = ?, k = 16, i = 6, i_w = 2, j = 6, j_w = 2] sum [r = 3, s = 3]
// CHECK-SAME: %{{.*}}[n, i * 2 + i_w + r, j * 2 + j_w + s] : tensor<?x15x15xf32>
// CHECK-SAME: -> tensor<?x16x6x2x6x2xf32, #{{.*}}>
// CHECK: finish
// CHECK: gnc.compute [n = ?, k = 16, i = 6, j = 6] max [r = 2, s = 2] (%{{.*}} = %[[T]][n, k, i, r, j, s]
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @pool(%x: tensor<?x15x15xf32>, %w: tensor<3x3x16xf32>, %v: tensor<16xf32>) -> tensor<?x16x6x6xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 16, i = 13, j = 13] sum [r = 3, s = 3]
      (%a = %x[n, i + r, j + s] : tensor<?x15x15xf32>, %b = %w[r, s, k] : tensor<3x3x16xf32>) -> tensor<?x16x13x13xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%c = %v[k] : tensor<16xf32>) {
    %0 = arith.addf %s, %c : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, k = 16, i = 6, j = 6] max [r = 2, s = 2]
      (%a = %y[n, k, i * 2 + r, j * 2 + s] : tensor<?x16x13x13xf32, #nhwc>) -> tensor<?x16x6x6xf32, #nhwc> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x16x6x6xf32, #nhwc>
}

// -----

// Windows that overlap would be computed again and again.
// CHECK-LABEL: @overlap
// CHECK: sum [r = 3, s = 3]
// CHECK-SAME: -> tensor<?x16x13x13xf32
// CHECK: max [s = 3]
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @overlap(%x: tensor<?x15x15xf32>, %w: tensor<3x3x16xf32>) -> tensor<?x16x13x6xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 16, i = 13, j = 13] sum [r = 3, s = 3]
      (%a = %x[n, i + r, j + s] : tensor<?x15x15xf32>, %b = %w[r, s, k] : tensor<3x3x16xf32>) -> tensor<?x16x13x13xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, k = 16, i = 13, j = 6] max [s = 3]
      (%a = %y[n, k, i, j * 2 + s] : tensor<?x16x13x13xf32, #nhwc>) -> tensor<?x16x13x6xf32, #nhwc> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x16x13x6xf32, #nhwc>
}

// -----

// What another equation reads, too, must be in memory.
// CHECK-LABEL: @two_readers
// CHECK: sum [r = 3, s = 3]
// CHECK-SAME: -> tensor<?x16x12x12xf32
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @two_readers(%x: tensor<?x14x14xf32>, %w: tensor<3x3x16xf32>) -> (tensor<?x16x6x6xf32, #nhwc>, tensor<?x16x12x12xf32, #nhwc>) {
  %y = gnc.compute [n = ?, k = 16, i = 12, j = 12] sum [r = 3, s = 3]
      (%a = %x[n, i + r, j + s] : tensor<?x14x14xf32>, %b = %w[r, s, k] : tensor<3x3x16xf32>) -> tensor<?x16x12x12xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, k = 16, i = 6, j = 6] max [r = 2, s = 2]
      (%a = %y[n, k, i * 2 + r, j * 2 + s] : tensor<?x16x12x12xf32, #nhwc>) -> tensor<?x16x6x6xf32, #nhwc> {
    gnc.yield %a : f32
  }
  return %p, %y : tensor<?x16x6x6xf32, #nhwc>, tensor<?x16x12x12xf32, #nhwc>
}

// -----

// Gradients ask for the positions, too.
// CHECK-LABEL: @position
// CHECK: sum [r = 3, s = 3]
// CHECK-SAME: -> tensor<?x16x6x2x6x2xf32
// CHECK: (max, argmax) [r = 2, s = 2]
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @position(%x: tensor<?x14x14xf32>, %w: tensor<3x3x16xf32>) -> (tensor<?x16x6x6xf32, #nhwc>, tensor<?x16x6x6xi8, #nhwc>) {
  %y = gnc.compute [n = ?, k = 16, i = 12, j = 12] sum [r = 3, s = 3]
      (%a = %x[n, i + r, j + s] : tensor<?x14x14xf32>, %b = %w[r, s, k] : tensor<3x3x16xf32>) -> tensor<?x16x12x12xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p:2 = gnc.compute [n = ?, k = 16, i = 6, j = 6] (max, argmax) [r = 2, s = 2]
      (%a = %y[n, k, i * 2 + r, j * 2 + s] : tensor<?x16x12x12xf32, #nhwc>) -> (tensor<?x16x6x6xf32, #nhwc>, tensor<?x16x6x6xi8, #nhwc>) {
    gnc.yield %a, %a : f32, f32
  }
  return %p#0, %p#1 : tensor<?x16x6x6xf32, #nhwc>, tensor<?x16x6x6xi8, #nhwc>
}

// -----

// Sums in blocks lie in memory until the last one.
// CHECK-LABEL: @blocks
// CHECK: sum [c = 900]
// CHECK-SAME: -> tensor<?x12x70xf32>
func.func @blocks(%x: tensor<?x12x900xf32>, %w: tensor<900x70xf32>) -> tensor<?x6x70xf32> {
  %y = gnc.compute [n = ?, i = 12, k = 70] sum [c = 900]
      (%a = %x[n, i, c] : tensor<?x12x900xf32>, %b = %w[c, k] : tensor<900x70xf32>) -> tensor<?x12x70xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 6, k = 70] max [r = 2]
      (%a = %y[n, i * 2 + r, k] : tensor<?x12x70xf32>) -> tensor<?x6x70xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x6x70xf32>
}

// -----

// Columns that do not lie side by side in what the window leaves are none of a tile.
// CHECK-LABEL: @other_order
// CHECK: sum [r = 3, s = 3]
// CHECK-SAME: -> tensor<?x16x12x12xf32
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @other_order(%x: tensor<?x14x14xf32>, %w: tensor<3x3x16xf32>) -> tensor<?x16x6x6xf32> {
  %y = gnc.compute [n = ?, k = 16, i = 12, j = 12] sum [r = 3, s = 3]
      (%a = %x[n, i + r, j + s] : tensor<?x14x14xf32>, %b = %w[r, s, k] : tensor<3x3x16xf32>) -> tensor<?x16x12x12xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, k = 16, i = 6, j = 6] max [r = 2, s = 2]
      (%a = %y[n, k, i * 2 + r, j * 2 + s] : tensor<?x16x12x12xf32, #nhwc>) -> tensor<?x16x6x6xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x16x6x6xf32>
}
