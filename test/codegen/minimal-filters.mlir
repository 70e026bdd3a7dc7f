// RUN: gnc-opt --split-input-file --gnc-minimal-filters="lanes=16 registers=32" %s | FileCheck %s
// RUN: gnc-opt --split-input-file --gnc-minimal-filters="lanes=8 registers=16" %s | FileCheck %s --check-prefix=FEW

// Of 16 registers too few hold sums: products wait for what they load.
// FEW-NOT: gnc.minimal_filter

// Pixels of a row are neighbours along the axis of five taps.
// CHECK-LABEL: @five_taps
// CHECK: gnc.compute {{.*}}sum [u = 5, t = 5]
// CHECK: gnc.minimal_filter
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @five_taps(%x: tensor<?x28x28xf32>, %w: tensor<5x5x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [u = 5, t = 5]
      (%a = %x[n, i + u, j + t] : tensor<?x28x28xf32>, %b = %w[u, t, k] : tensor<5x5x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x32x24x24xf32, #nhwc>
}

// -----

// The rows of a tile are windows of a pool: runs of neighbours cross them.
// CHECK-LABEL: @windows
// CHECK: gnc.compute {{.*}}sum [u = 5, t = 5]
// CHECK: gnc.minimal_filter
// CHECK: gnc.compute {{.*}}max [r = 2, s = 2]
#parts = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d4, d3, d5, d1)>
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @windows(%x: tensor<?x28x28xf32>, %w: tensor<5x5x32xf32>) -> tensor<?x32x12x12xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 32, i = 12, p = 2, j = 12, q = 2] sum [u = 5, t = 5]
      (%a = %x[n, i * 2 + p + u, j * 2 + q + t] : tensor<?x28x28xf32>, %b = %w[u, t, k] : tensor<5x5x32xf32>)
      -> tensor<?x32x12x2x12x2xf32, #parts> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [n = ?, k = 32, i = 12, j = 12] max [r = 2, s = 2]
      (%a = %y[n, k, i, r, j, s] : tensor<?x32x12x2x12x2xf32, #parts>) -> tensor<?x32x12x12xf32, #nhwc> {
    gnc.yield %a : f32
  }
  return %m : tensor<?x32x12x12xf32, #nhwc>
}

// -----

// Three taps in each of three rows: what the transforms take is as much as they save.
// CHECK-LABEL: @three_taps
// CHECK-NOT: gnc.minimal_filter
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @three_taps(%x: tensor<?x26x26xf32>, %w: tensor<3x3x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [u = 3, t = 3]
      (%a = %x[n, i + u, j + t] : tensor<?x26x26xf32>, %b = %w[u, t, k] : tensor<3x3x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x32x24x24xf32, #nhwc>
}

// -----

// Pixels two apart are no neighbours of taps one apart.
// CHECK-LABEL: @strided
// CHECK-NOT: gnc.minimal_filter
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @strided(%x: tensor<?x51x51xf32>, %w: tensor<5x5x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [u = 5, t = 5]
      (%a = %x[n, i * 2 + u, j * 2 + t] : tensor<?x51x51xf32>, %b = %w[u, t, k] : tensor<5x5x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x32x24x24xf32, #nhwc>
}

// -----

// 23 pixels are no runs of four.
// CHECK-LABEL: @no_runs
// CHECK-NOT: gnc.minimal_filter
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @no_runs(%x: tensor<?x27x27xf32>, %w: tensor<5x5x32xf32>) -> tensor<?x32x23x23xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 32, i = 23, j = 23] sum [u = 5, t = 5]
      (%a = %x[n, i + u, j + t] : tensor<?x27x27xf32>, %b = %w[u, t, k] : tensor<5x5x32xf32>) -> tensor<?x32x23x23xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x32x23x23xf32, #nhwc>
}

// -----

// What is stored in half precision would be rounded differently.
// CHECK-LABEL: @half
// CHECK-NOT: gnc.minimal_filter
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
func.func @half(%x: tensor<?x28x28xf16>, %w: tensor<5x5x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
  %y = gnc.compute [n = ?, k = 32, i = 24, j = 24] sum [u = 5, t = 5]
      (%a = %x[n, i + u, j + t] : tensor<?x28x28xf16>, %b = %w[u, t, k] : tensor<5x5x32xf32>) -> tensor<?x32x24x24xf32, #nhwc> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x32x24x24xf32, #nhwc>
}
