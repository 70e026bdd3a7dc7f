// RUN: gnc-opt --split-input-file --gnc-pack-weights %s | FileCheck %s
// RUN: gnc-opt --split-input-file --gnc-pack-weights=lanes=16 %s | FileCheck %s --check-prefix=WIDE

// Columns of a weight go into panels of two vectors; what lies beyond the last one is 0.
// CHECK-LABEL: @infer
// CHECK: %[[P:.*]] = gnc.compute [i0 = 5, i1 = 100, i2 = 16] (%{{.*}} = %{{.*}}[i1, i0 * 16 + i2] ?? {{.*}} : tensor<100x72xf32>) -> tensor<5x100x16xf32>
// CHECK: %{{.*}} = %[[P]][k floordiv 16, c, k mod 16] : tensor<5x100x16xf32>
// WIDE-LABEL: @infer
// WIDE: tensor<3x100x32xf32>
func.func @infer(%x: tensor<?x100xf32> {gnc.role = "input"}, %w: tensor<100x72xf32> {gnc.role = "weight"}) -> tensor<?x72xf32> {
  %y = gnc.compute [n = ?, k = 72] sum [c = 100] (%a = %x[n, c] : tensor<?x100xf32>, %b = %w[c, k] : tensor<100x72xf32>) -> tensor<?x72xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x72xf32>
}

// -----

// Two readers share the panels.
// CHECK-LABEL: @infer
// CHECK-COUNT-1: -> tensor<4x100x16xf32>
// CHECK-NOT: -> tensor<4x100x16xf32>
func.func @infer(%x: tensor<?x100xf32> {gnc.role = "input"}, %w: tensor<100x64xf32> {gnc.role = "weight"}) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %y = gnc.compute [n = ?, k = 64] sum [c = 100] (%a = %x[n, c] : tensor<?x100xf32>, %b = %w[c, k] : tensor<100x64xf32>) -> tensor<?x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, k = 64] sum [c = 100] (%a = %x[n, 99 - c] : tensor<?x100xf32>, %b = %w[c, k] : tensor<100x64xf32>) -> tensor<?x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// What depends on a sample is not packed beforehand.
// CHECK-LABEL: @infer
// CHECK-NOT: floordiv
func.func @infer(%x: tensor<?x100xf32> {gnc.role = "input"}, %w: tensor<100x72xf32> {gnc.role = "input"}) -> tensor<?x72xf32> {
  %y = gnc.compute [n = ?, k = 72] sum [c = 100] (%a = %x[n, c] : tensor<?x100xf32>, %b = %w[c, k] : tensor<100x72xf32>) -> tensor<?x72xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x72xf32>
}

// -----

// Nor are weights that the program changes.
// CHECK-LABEL: @train
// CHECK-NOT: floordiv
func.func @train(%x: tensor<?x100xf32> {gnc.role = "input"}, %w: tensor<100x72xf32> {gnc.role = "weight"}) -> (tensor<?x72xf32>, tensor<100x72xf32> {gnc.updates = 1 : i64}) {
  %y = gnc.compute [n = ?, k = 72] sum [c = 100] (%a = %x[n, c] : tensor<?x100xf32>, %b = %w[c, k] : tensor<100x72xf32>) -> tensor<?x72xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %v = gnc.compute [c = 100, k = 72] (%a = %w[c, k] : tensor<100x72xf32>) -> tensor<100x72xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %v : tensor<?x72xf32>, tensor<100x72xf32>
}

// -----

// Nor those that are a single panel, which are read in line as they lie.
// CHECK-LABEL: @infer
// CHECK-NOT: floordiv
func.func @infer(%x: tensor<?x900xf32> {gnc.role = "input"}, %w: tensor<900x16xf32> {gnc.role = "weight"}) -> tensor<?x16xf32> {
  %y = gnc.compute [n = ?, k = 16] sum [c = 900] (%a = %x[n, c] : tensor<?x900xf32>, %b = %w[c, k] : tensor<900x16xf32>) -> tensor<?x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x16xf32>
}
