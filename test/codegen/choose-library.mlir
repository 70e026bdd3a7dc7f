// Which sums of products go to the library: those that are correlations, whatever they are written with. The library is the
// software device's own.
// RUN: gnc-opt %s --split-input-file --gnc-choose-library="library=%emulator target=sm_90 batch=4" | FileCheck %s

// A forward one: strides, borders; the result's channels come last in memory. What the plan calls x, w and y are reads 1 and
// 0, and the result.
// CHECK-LABEL: func @forward
// CHECK-SAME: gnc.library_report = [{engine = 0 : i64, site = "{{.*}}", what = "forward 4x3x9x8, 5 of 3x2, stride 2x1, pad 1x0", workspace = 0 : i64}]
// CHECK: gnc.compute
// CHECK-SAME: ?? 0.000000e+00
// CHECK: } {gnc.library = {ids = array<i64: 1, 2, 3>, operands = array<i64: 1, 0, 2>,
// CHECK-SAME: orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>], plan = "{{.*}}", workspace = 0 : i64}
func.func @forward(%x: tensor<?x3x9x8xf32>, %w: tensor<5x3x3x2xf32>) -> tensor<?x5x5x7xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 5, j = 7] sum [c = 3, r = 3, s = 2]
      (%a = %w[k, c, r, s] : tensor<5x3x3x2xf32>, %b = %x[n, c, i * 2 + r - 1, j + s] ?? 0.0 : tensor<?x3x9x8xf32>)
      -> tensor<?x5x5x7xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x5x7xf32>
}

// -----

// A data gradient as it is derived, with divisions and remainders: stride 2, border 1.
// CHECK-LABEL: func @data
// CHECK-SAME: what = "data 4x2x12x12, 6 of 3x3, stride 2, pad 1"
func.func @data(%w: tensor<6x2x3x3xf32>, %dy: tensor<?x6x6x6xf32>) -> tensor<?x2x12x12xf32> {
  %dx = gnc.compute [n = ?, c = 2, p = 12, q = 12] sum [k = 6, r = 2, s = 2]
      (%a = %w[k, c, r * 2 + (p + 1) mod 2, s * 2 + (q + 1) mod 2] ?? 0.0 : tensor<6x2x3x3xf32>,
       %b = %dy[n, k, (p + 1) floordiv 2 - r, (q + 1) floordiv 2 - s] ?? 0.0 : tensor<?x6x6x6xf32>) -> tensor<?x2x12x12xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dx : tensor<?x2x12x12xf32>
}

// -----

// A weight gradient sums over the samples: those that are not there must count as nothing.
// CHECK-LABEL: func @weights
// CHECK-SAME: what = "weights 4x2x12x12, 6 of 3x3, dilated 2, pad 1"
// CHECK: sums_batch
func.func @weights(%x: tensor<?x2x12x12xf32>, %dy: tensor<?x6x10x10xf32>) -> tensor<6x2x3x3xf32> {
  %dw = gnc.compute [k = 6, c = 2, r = 3, s = 3] sum [n = ?, i = 10, j = 10]
      (%a = %x[n, c, i + r * 2 - 1, j + s * 2 - 1] ?? 0.0 : tensor<?x2x12x12xf32>,
       %b = %dy[n, k, i, j] : tensor<?x6x10x10xf32>) -> tensor<6x2x3x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %dw : tensor<6x2x3x3xf32>
}

// -----

// Channels in groups.
// CHECK-LABEL: func @groups
// CHECK-SAME: what = "forward 4x6x8x8, 4 of 3x3, 2 groups"
func.func @groups(%x: tensor<?x6x8x8xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<?x4x6x6xf32> {
  %y = gnc.compute [n = ?, k = 4, i = 6, j = 6] sum [c = 3, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<4x3x3x3xf32>, %b = %x[n, (k floordiv 2) * 3 + c, i + r, j + s] : tensor<?x6x8x8xf32>)
      -> tensor<?x4x6x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x4x6x6xf32>
}

// -----

// Borders on one side: before the first row, and after the last column.
// CHECK-LABEL: func @sides
// CHECK-SAME: what = "forward 4x3x8x8, 5 of 3x3, pad 1x0 and 0x1"
func.func @sides(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x3x3xf32>) -> tensor<?x5x7x7xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 7, j = 7] sum [c = 3, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<5x3x3x3xf32>, %b = %x[n, c, i + r - 1, j + s] ?? 0.0 : tensor<?x3x8x8xf32>)
      -> tensor<?x5x7x7xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x7x7xf32>
}

// -----

// Of an image of one column, the column before it: its sum is of nothing.
// CHECK-LABEL: func @outside
// CHECK-SAME: why = "what it reads lies outside"
func.func @outside(%x: tensor<?x2x8x1xf32>, %w: tensor<5x2x3x1xf32>) -> tensor<?x5x6x1xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 6, j = 1] sum [c = 2, r = 3]
      (%a = %w[k, c, r, 0] : tensor<5x2x3x1xf32>, %b = %x[n, c, i + r, j * 3 - 1] ?? 0.0 : tensor<?x2x8x1xf32>)
      -> tensor<?x5x6x1xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x6x1xf32>
}

// -----

// A condition that never holds.
// CHECK-LABEL: func @never
// CHECK-SAME: why = "what it reads lies outside"
func.func @never(%x: tensor<?x2x8x1xf32>, %w: tensor<5x2x3x1xf32>) -> tensor<?x5x6x1xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 6, j = 1] sum [c = 2, r = 3]
      (%a = %w[k, c, r, 0] : tensor<5x2x3x1xf32>, %b = %x[n, c, i + r, j] where (j - 1 < 4) ?? 0.0 : tensor<?x2x8x1xf32>)
      -> tensor<?x5x6x1xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x6x1xf32>
}

// -----

// Bias and relu are part of the plan.
// CHECK-LABEL: func @epilogue
// CHECK-SAME: what = "forward 4x3x8x8, 5 of 3x3 + bias + relu"
// CHECK: finish
// CHECK: ids = array<i64: 1, 2, 3, 4>, operands = array<i64: 1, 0, 3, 2>
// CHECK-NOT: gnc.compute
func.func @epilogue(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x3x3xf32>, %b: tensor<5xf32>) -> tensor<?x5x6x6xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 6, j = 6] sum [c = 3, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<5x3x3x3xf32>, %q = %x[n, c, i + r, j + s] : tensor<?x3x8x8xf32>) -> tensor<?x5x6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) (%c = %b[k] : tensor<5xf32>) {
    %0 = arith.addf %sum, %c : f32
    %zero = arith.constant 0.0 : f32
    %1 = arith.maximumf %0, %zero : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<?x5x6x6xf32>
}

// -----

// One number for all channels is no bias: the plan would read one of each.
// CHECK-LABEL: func @shared
// CHECK-SAME: what = "forward 4x3x8x8, 5 of 3x3"
// CHECK: gnc.compute {{.*}} sum
// CHECK-NOT: finish
// CHECK: arith.addf
func.func @shared(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x3x3xf32>, %b: tensor<1xf32>) -> tensor<?x5x6x6xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 6, j = 6] sum [c = 3, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<5x3x3x3xf32>, %q = %x[n, c, i + r, j + s] : tensor<?x3x8x8xf32>) -> tensor<?x5x6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) (%c = %b[0] : tensor<1xf32>) {
    %0 = arith.addf %sum, %c : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x6x6xf32>
}

// -----

// Nor is one of each column, where there is a single channel.
// CHECK-LABEL: func @columns
// CHECK-SAME: what = "forward 4x3x8x8, 1 of 3x3"
// CHECK: gnc.compute {{.*}} sum
// CHECK-NOT: finish
// CHECK: arith.addf
func.func @columns(%x: tensor<?x3x8x8xf32>, %w: tensor<1x3x3x3xf32>, %b: tensor<6xf32>) -> tensor<?x1x6x6xf32> {
  %y = gnc.compute [n = ?, k = 1, i = 6, j = 6] sum [c = 3, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<1x3x3x3xf32>, %q = %x[n, c, i + r, j + s] : tensor<?x3x8x8xf32>) -> tensor<?x1x6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) (%c = %b[j] : tensor<6xf32>) {
    %0 = arith.addf %sum, %c : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x1x6x6xf32>
}

// -----

// Anything else that follows becomes an equation of its own.
// CHECK-LABEL: func @other
// CHECK-SAME: what = "forward 4x3x8x8, 5 of 3x3"
// CHECK: %[[SUM:.*]] = gnc.compute [n = ?, k = 5, i = 6, j = 6] sum
// CHECK-NOT: finish
// CHECK: gnc.compute [n = ?, k = 5, i = 6, j = 6] (%{{.*}} = %[[SUM]][n, k, i, j]
// CHECK: math.tanh
func.func @other(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x3x3xf32>) -> tensor<?x5x6x6xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 6, j = 6] sum [c = 3, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<5x3x3x3xf32>, %q = %x[n, c, i + r, j + s] : tensor<?x3x8x8xf32>) -> tensor<?x5x6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) () {
    %0 = math.tanh %sum : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x6x6xf32>
}

// -----

// What follows may not ask how many terms there were: it stays together, and ours.
// CHECK-LABEL: func @counted
// CHECK-SAME: why = "what follows it counts its terms"
// CHECK-NOT: gnc.library =
func.func @counted(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x3x3xf32>) -> tensor<?x5x6x6xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 6, j = 6] sum [c = 3, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<5x3x3x3xf32>, %q = %x[n, c, i + r, j + s] : tensor<?x3x8x8xf32>) -> tensor<?x5x6x6xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) () {
    %0 = gnc.extent [4] : f32
    %1 = arith.divf %sum, %0 : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<?x5x6x6xf32>
}

// -----

// Matrices have no windows.
// CHECK-LABEL: func @linear
// CHECK-SAME: why = "it has no windows: it is a product of matrices"
func.func @linear(%x: tensor<?x3xf32>, %w: tensor<5x3xf32>) -> tensor<?x5xf32> {
  %y = gnc.compute [n = ?, k = 5] sum [c = 3] (%a = %w[k, c] : tensor<5x3xf32>, %b = %x[n, c] : tensor<?x3xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5xf32>
}

// -----

// A border that is not zero is none of a correlation.
// CHECK-LABEL: func @border
// CHECK-SAME: why = "it reads what is computed on the way, or not in f32"
func.func @border(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x3x3xf32>) -> tensor<?x5x8x8xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 8, j = 8] sum [c = 3, r = 3, s = 3]
      (%a = %w[k, c, r, s] : tensor<5x3x3x3xf32>, %b = %x[n, c, i + r - 1, j + s - 1] ?? 1.0 : tensor<?x3x8x8xf32>) -> tensor<?x5x8x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x8x8xf32>
}

// -----

// One tap is read twice: the windows are not those of a correlation.
// CHECK-LABEL: func @folded
// CHECK-SAME: why = "its windows are no fixed distance apart"
func.func @folded(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x2x3xf32>) -> tensor<?x5x5x6xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 5, j = 6] sum [c = 3, r = 4, s = 3]
      (%a = %w[k, c, r floordiv 2, s] : tensor<5x3x2x3xf32>, %b = %x[n, c, i + r, j + s] : tensor<?x3x8x8xf32>) -> tensor<?x5x5x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x5x6xf32>
}

// -----

// The library has no engine for steps over gaps: ours.
// CHECK-LABEL: func @refused
// CHECK-SAME: what = "forward 4x3x9x9, 5 of 2x2, stride 2, dilated 2", why = "of cuDNN's 0 engines none is deterministic and computes in f32 alone"
func.func @refused(%x: tensor<?x3x9x9xf32>, %w: tensor<5x3x2x2xf32>) -> tensor<?x5x4x4xf32> {
  %y = gnc.compute [n = ?, k = 5, i = 4, j = 4] sum [c = 3, r = 2, s = 2]
      (%a = %w[k, c, r, s] : tensor<5x3x2x2xf32>, %b = %x[n, c, i * 2 + r * 2, j * 2 + s * 2] : tensor<?x3x9x9xf32>) -> tensor<?x5x4x4xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x5x4x4xf32>
}
