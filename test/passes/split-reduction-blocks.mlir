// RUN: gnc-opt %s --gnc-split-reduction="blocks=128" --split-input-file | FileCheck %s

// A linear layer behind a convolution has few results and long sums: for a card, one index of the sum becomes parallel, not the
// channels, which layouts put last; its place is before the results', so that columns stay neighbours. The bias waits for stage 2.
// CHECK-LABEL: func.func @linear
// CHECK: %[[P:.*]] = gnc.compute [n = ?, i = 12, o = 120] sum [c = 32, j = 12]
// CHECK: gnc.compute [n = ?, o = 120] sum [i = 12]
// CHECK-SAME: %[[P]][n, i, o]
// CHECK: finish
func.func @linear(%x: tensor<?x32x12x12xf32>, %w: tensor<120x32x12x12xf32>, %b: tensor<120xf32>) -> tensor<?x120xf32> {
  %y = gnc.compute [n = ?, o = 120] sum [c = 32, i = 12, j = 12] (%a = %x[n, c, i, j] : tensor<?x32x12x12xf32>, %v = %w[o, c, i, j] : tensor<120x32x12x12xf32>) -> tensor<?x120xf32> {
    %0 = arith.mulf %a, %v : f32
    gnc.yield %0 : f32
  } finish (%s : f32) (%d = %b[o] : tensor<120xf32>) {
    %0 = arith.addf %s, %d : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x120xf32>
}

// -----

// Sums that are not long stay whole: a second launch costs more.
// CHECK-LABEL: func.func @short
// CHECK-COUNT-1: gnc.compute
// CHECK-NOT: gnc.compute
func.func @short(%x: tensor<?x4x256xf32>, %w: tensor<10x4x256xf32>) -> tensor<?x10xf32> {
  %y = gnc.compute [n = ?, o = 10] sum [c = 4, i = 256] (%a = %x[n, c, i] : tensor<?x4x256xf32>, %v = %w[o, c, i] : tensor<10x4x256xf32>) -> tensor<?x10xf32> {
    %0 = arith.mulf %a, %v : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x10xf32>
}

// -----

// Results that make blocks enough stay whole.
// CHECK-LABEL: func.func @wide
// CHECK-COUNT-1: gnc.compute
// CHECK-NOT: gnc.compute
func.func @wide(%x: tensor<?x32x128xf32>, %w: tensor<4096x32x128xf32>) -> tensor<?x4096xf32> {
  %y = gnc.compute [n = ?, o = 4096] sum [c = 32, i = 128] (%a = %x[n, c, i] : tensor<?x32x128xf32>, %v = %w[o, c, i] : tensor<4096x32x128xf32>) -> tensor<?x4096xf32> {
    %0 = arith.mulf %a, %v : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x4096xf32>
}
