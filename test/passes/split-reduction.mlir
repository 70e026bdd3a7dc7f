// RUN: gnc-opt %s --gnc-split-reduction --split-input-file | FileCheck %s

// The gradient of a bias: vectors run along the last dimension, whose partial sums are added in stage 2.
// CHECK-LABEL: func.func @bias
// CHECK: %[[P:.*]] = gnc.compute [c = 32, j = 24] sum [n = ?, i = 24]
// CHECK-SAME: -> tensor<32x24xf32>
// CHECK: gnc.compute [c = 32] sum [j = 24] (%{{.*}} = %[[P]][c, j] : tensor<32x24xf32>) -> tensor<32xf32>
func.func @bias(%g: tensor<?x32x24x24xf32>) -> tensor<32xf32> {
  %b = gnc.compute [c = 32] sum [n = ?, i = 24, j = 24] (%a = %g[n, c, i, j] : tensor<?x32x24x24xf32>) -> tensor<32xf32> {
    gnc.yield %a : f32
  }
  return %b : tensor<32xf32>
}

// -----

// The weight gradient of a convolution: one partial result per sample, each a contraction again.
// CHECK-LABEL: func.func @weights
// CHECK: %[[P:.*]] = gnc.compute [n = ?, k = 32, r = 5, s = 5] sum [i = 24, j = 24]
// CHECK-SAME: -> tensor<?x32x5x5xf32>
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: gnc.yield
// CHECK: gnc.compute [k = 32, r = 5, s = 5] sum [n = ?] (%{{.*}} = %[[P]][n, k, r, s] : tensor<?x32x5x5xf32>) -> tensor<32x5x5xf32>
func.func @weights(%x: tensor<?x28x28xf32>, %g: tensor<?x32x24x24xf32>) -> tensor<32x5x5xf32> {
  %w = gnc.compute [k = 32, r = 5, s = 5] sum [n = ?, i = 24, j = 24]
      (%a = %x[n, i + r, j + s] : tensor<?x28x28xf32>, %b = %g[n, k, i, j] : tensor<?x32x24x24xf32>) -> tensor<32x5x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %w : tensor<32x5x5xf32>
}

// -----

// A mean over the batch asks for its size at the end: then stage 2 runs over it. Both moments split together.
// CHECK-LABEL: func.func @moments
// CHECK: %[[P:.*]]:2 = gnc.compute [n = ?, c = 16, j = 32] (sum, sum) [i = 32]
// CHECK: gnc.compute [c = 16] (sum, sum) [n = ?, j = 32]
// CHECK-SAME: %[[P]]#0[n, c, j]
// CHECK-SAME: %[[P]]#1[n, c, j]
// CHECK: finish
// CHECK: gnc.extent [1]
func.func @moments(%x: tensor<?x16x32x32xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %m:2 = gnc.compute [c = 16] (sum, sum) [n = ?, i = 32, j = 32] (%a = %x[n, c, i, j] : tensor<?x16x32x32xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %a, %0 : f32, f32
  } finish (%s : f32, %q : f32) () {
    %n = gnc.extent [1] : f32
    %0 = arith.divf %s, %n : f32
    %1 = arith.divf %q, %n : f32
    gnc.yield %0, %1 : f32, f32
  }
  return %m#0, %m#1 : tensor<16xf32>, tensor<16xf32>
}

// -----

// A sum of everything: along the last dimension first, and over the batch as that is still long.
// CHECK-LABEL: func.func @everything
// CHECK: gnc.compute [n = ?, j = 224] sum [c = 3, i = 224]
// CHECK: gnc.compute [] sum [
func.func @everything(%x: tensor<?x3x224x224xf32>) -> tensor<f32> {
  %s = gnc.compute [] sum [n = ?, c = 3, i = 224, j = 224] (%a = %x[n, c, i, j] : tensor<?x3x224x224xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  return %s : tensor<f32>
}

// -----

// The weight gradient of a linear layer has results enough, and a small sum is not long.
// CHECK-LABEL: func.func @enough
// CHECK-COUNT-2: gnc.compute
// CHECK-NOT: gnc.compute
func.func @enough(%x: tensor<?x4608xf32>, %g: tensor<?x128xf32>) -> (tensor<128x4608xf32>, tensor<128xf32>) {
  %w = gnc.compute [o = 128, i = 4608] sum [n = ?] (%a = %x[n, i] : tensor<?x4608xf32>, %b = %g[n, o] : tensor<?x128xf32>) -> tensor<128x4608xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [o = 128] sum [n = ?] (%a = %g[n, o] : tensor<?x128xf32>) -> tensor<128xf32> {
    gnc.yield %a : f32
  }
  return %w, %b : tensor<128x4608xf32>, tensor<128xf32>
}

// -----

// The position of a maximum is a position in the whole: it is not split.
// CHECK-LABEL: func.func @position
// CHECK-COUNT-1: gnc.compute
// CHECK-NOT: gnc.compute
func.func @position(%x: tensor<8x32768xf32>) -> tensor<i32> {
  %p = gnc.compute [] argmax [i = 8, j = 32768] (%a = %x[i, j] : tensor<8x32768xf32>) -> tensor<i32> {
    gnc.yield %a : f32
  }
  return %p : tensor<i32>
}

// -----

// A `finish` that does not ask for the size of the batch leaves the batch in stage 1.
// CHECK-LABEL: func.func @scaled
// CHECK: gnc.compute [c = 32, j = 24] sum [n = ?, i = 24]
// CHECK: gnc.compute [c = 32] sum [j = 24]
// CHECK: finish
func.func @scaled(%dy: tensor<?x32x24x24xf32>) -> tensor<32xf32> {
  %db = gnc.compute [c = 32] sum [n = ?, i = 24, j = 24] (%a = %dy[n, c, i, j] : tensor<?x32x24x24xf32>) -> tensor<32xf32> {
    gnc.yield %a : f32
  } finish (%s : f32) () {
    %half = arith.constant 0.5 : f32
    %0 = arith.mulf %s, %half : f32
    gnc.yield %0 : f32
  }
  return %db : tensor<32xf32>
}
