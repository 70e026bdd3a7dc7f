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

// -----

// What each step computes of weights, for contractions that would copy it into panels, is written in panels: the
// column's number is split, and the other dimensions stand between its parts as they lie.
// CHECK-LABEL: @train
// CHECK: %[[U:.*]] = gnc.compute [k0 = 32, c = 300, p = 2, k1 = 16] (%{{.*}} = %{{.*}}[c, k0 * 16 + k1] : tensor<300x512xf32>, %{{.*}} = %{{.*}}[p] : tensor<2xf32>) -> tensor<32x300x2x16xf32>
// CHECK: %{{.*}} = %[[U]][k floordiv 16, c, p, k mod 16] : tensor<32x300x2x16xf32>
// CHECK: %{{.*}} = %[[U]][k floordiv 16, c, -p + 1, k mod 16] : tensor<32x300x2x16xf32>
#columnsLast = affine_map<(p, k, c) -> (c, p, k)>
func.func @train(%x: tensor<?x300x2xf32> {gnc.role = "input"}, %w: tensor<300x512xf32> {gnc.role = "weight"}, %v: tensor<2xf32> {gnc.role = "weight"}) -> (tensor<?x2x512xf32>, tensor<?x2x512xf32>, tensor<300x512xf32> {gnc.updates = 1 : i64}) {
  %u = gnc.compute [p = 2, k = 512, c = 300] (%a = %w[c, k] : tensor<300x512xf32>, %b = %v[p] : tensor<2xf32>) -> tensor<2x512x300xf32, #columnsLast> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, p = 2, k = 512] sum [c = 300] (%a = %x[n, c, p] : tensor<?x300x2xf32>, %b = %u[p, k, c] : tensor<2x512x300xf32, #columnsLast>) -> tensor<?x2x512xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, p = 2, k = 512] sum [c = 300] (%a = %x[n, c, p] : tensor<?x300x2xf32>, %b = %u[1 - p, k, c] : tensor<2x512x300xf32, #columnsLast>) -> tensor<?x2x512xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %next = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %z, %next : tensor<?x2x512xf32>, tensor<?x2x512xf32>, tensor<300x512xf32>
}

// -----

// Not what does not fill its last panel.
// CHECK-LABEL: @train
// CHECK-NOT: floordiv
func.func @train(%x: tensor<?x300xf32> {gnc.role = "input"}, %w: tensor<300x500xf32> {gnc.role = "weight"}) -> (tensor<?x500xf32>, tensor<300x500xf32> {gnc.updates = 1 : i64}) {
  %u = gnc.compute [c = 300, k = 500] (%a = %w[c, k] : tensor<300x500xf32>) -> tensor<300x500xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = 500] sum [c = 300] (%a = %x[n, c] : tensor<?x300xf32>, %b = %u[c, k] : tensor<300x500xf32>) -> tensor<?x500xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %next = gnc.compute [c = 300, k = 500] (%a = %w[c, k] : tensor<300x500xf32>) -> tensor<300x500xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %next : tensor<?x500xf32>, tensor<300x500xf32>
}

// -----

// Nor what somebody reads in another way.
// CHECK-LABEL: @train
// CHECK-NOT: floordiv
func.func @train(%x: tensor<?x300xf32> {gnc.role = "input"}, %w: tensor<300x512xf32> {gnc.role = "weight"}) -> (tensor<?x512xf32>, tensor<512xf32>, tensor<300x512xf32> {gnc.updates = 1 : i64}) {
  %u = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = 512] sum [c = 300] (%a = %x[n, c] : tensor<?x300xf32>, %b = %u[c, k] : tensor<300x512xf32>) -> tensor<?x512xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [k = 512] sum [c = 300] (%a = %u[c, k] : tensor<300x512xf32>) -> tensor<512xf32> {
    gnc.yield %a : f32
  }
  %next = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %m, %next : tensor<?x512xf32>, tensor<512xf32>, tensor<300x512xf32>
}

// -----

// Nor what leaves the program.
// CHECK-LABEL: @train
// CHECK-NOT: floordiv
func.func @train(%x: tensor<?x300xf32> {gnc.role = "input"}, %w: tensor<300x512xf32> {gnc.role = "weight"}) -> (tensor<?x512xf32>, tensor<300x512xf32>, tensor<300x512xf32> {gnc.updates = 1 : i64}) {
  %u = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = 512] sum [c = 300] (%a = %x[n, c] : tensor<?x300xf32>, %b = %u[c, k] : tensor<300x512xf32>) -> tensor<?x512xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %next = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %u, %next : tensor<?x512xf32>, tensor<300x512xf32>, tensor<300x512xf32>
}

// -----

// Nor what one contraction reads as columns and another as rows.
// CHECK-LABEL: @train
// CHECK-NOT: floordiv
func.func @train(%x: tensor<?x300xf32> {gnc.role = "input"}, %w: tensor<300x512xf32> {gnc.role = "weight"}) -> (tensor<?x512xf32>, tensor<512x512xf32>, tensor<300x512xf32> {gnc.updates = 1 : i64}) {
  %u = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = 512] sum [c = 300] (%a = %x[n, c] : tensor<?x300xf32>, %b = %u[c, k] : tensor<300x512xf32>) -> tensor<?x512xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [k = 512, j = 512] sum [c = 300] (%a = %u[c, k] : tensor<300x512xf32>, %b = %w[c, j] : tensor<300x512xf32>) -> tensor<512x512xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %next = gnc.compute [c = 300, k = 512] (%a = %w[c, k] : tensor<300x512xf32>) -> tensor<300x512xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %m, %next : tensor<?x512xf32>, tensor<512x512xf32>, tensor<300x512xf32>
}

// -----

// Nor columns whose rows lie near, and are read in their place.
// CHECK-LABEL: @train
// CHECK-NOT: floordiv
func.func @train(%x: tensor<?x300xf32> {gnc.role = "input"}, %w: tensor<300x128xf32> {gnc.role = "weight"}) -> (tensor<?x128xf32>, tensor<300x128xf32> {gnc.updates = 1 : i64}) {
  %u = gnc.compute [c = 300, k = 128] (%a = %w[c, k] : tensor<300x128xf32>) -> tensor<300x128xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = 128] sum [c = 300] (%a = %x[n, c] : tensor<?x300xf32>, %b = %u[c, k] : tensor<300x128xf32>) -> tensor<?x128xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %next = gnc.compute [c = 300, k = 128] (%a = %w[c, k] : tensor<300x128xf32>) -> tensor<300x128xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %next : tensor<?x128xf32>, tensor<300x128xf32>
}
