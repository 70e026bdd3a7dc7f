// RUN: gnc-opt %s --split-input-file --gnc-write-padded | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-write-padded -o %t.once
// RUN: gnc-opt %t.once --split-input-file --gnc-write-padded | diff %t.once -

// Who computes a tensor writes the border that one of its readers wants; the other reads at an offset.
// CHECK-LABEL: @border
// CHECK: %[[P:.*]] = gnc.compute [n = ?, c = 3, [[Q:.*]] = 10] (%a = %arg0[n, c, [[Q]] - 1] ?? 0.0{{.*}}) -> tensor<?x3x10xf32>
// CHECK: math.tanh
// CHECK: gnc.inside 0
// CHECK: arith.select
// CHECK: gnc.compute [n = ?, k = 4, i = 8] sum [c = 3, r = 3] ({{.*}} = %[[P]][n, c, i + r] : tensor<?x3x10xf32>)
// CHECK: gnc.compute [n = ?, c = 3, i = 8] (%a = %[[P]][n, c, i + 1] : tensor<?x3x10xf32>)
// CHECK-NOT: gnc.compute
func.func @border(%x: tensor<?x3x8xf32>, %w: tensor<4x3x3xf32>) -> (tensor<?x4x8xf32>, tensor<?x3x8xf32>) {
  %t = gnc.compute [n = ?, c = 3, i = 8] (%a = %x[n, c, i] : tensor<?x3x8xf32>) -> tensor<?x3x8xf32> {
    %0 = math.tanh %a : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, c = 3, q = 10] (%a = %t[n, c, q - 1] ?? 0.0 : tensor<?x3x8xf32>) -> tensor<?x3x10xf32> {
    gnc.yield %a : f32
  }
  %y = gnc.compute [n = ?, k = 4, i = 8] sum [c = 3, r = 3] (%a = %w[k, c, r] : tensor<4x3x3xf32>, %b = %p[n, c, i + r] : tensor<?x3x10xf32>) -> tensor<?x4x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, c = 3, i = 8] (%a = %t[n, c, i] : tensor<?x3x8xf32>) -> tensor<?x3x8xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x4x8xf32>, tensor<?x3x8xf32>
}

// -----

// Copies of several sizes become one that is wide enough for all.
// CHECK-LABEL: @several
// CHECK: %[[P:.*]] = gnc.compute [n = ?, [[Q:.*]] = 11] (%a = %arg0[n, [[Q]] - 2] ?? 0.0{{.*}}) -> tensor<?x11xf32>
// CHECK: (%a = %[[P]][n, i] : tensor<?x11xf32>, %b = %[[P]][n, i + 1] : tensor<?x11xf32>) -> tensor<?x9xf32>
// CHECK-NOT: gnc.compute
func.func @several(%x: tensor<?x8xf32>) -> tensor<?x9xf32> {
  %t = gnc.compute [n = ?, i = 8] (%a = %x[n, i] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = math.absf %a : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, q = 10] (%a = %t[n, q - 2] ?? 0.0 : tensor<?x8xf32>) -> tensor<?x10xf32> {
    gnc.yield %a : f32
  }
  %q = gnc.compute [n = ?, q = 10] (%a = %t[n, q - 1] ?? 0.0 : tensor<?x8xf32>) -> tensor<?x10xf32> {
    gnc.yield %a : f32
  }
  %y = gnc.compute [n = ?, i = 9] (%a = %p[n, i] : tensor<?x10xf32>, %b = %q[n, i] : tensor<?x10xf32>) -> tensor<?x9xf32> {
    %0 = arith.subf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x9xf32>
}

// -----

// All results of an equation get the border; what was outside of one stays outside.
// CHECK-LABEL: @results
// CHECK: %[[P:.*]]:2 = gnc.compute [n = ?, [[Q:.*]] = 10] (%a = %arg0[n, [[Q]] - 1] ?? 0.0{{.*}}) -> (tensor<?x10xf32>, tensor<?x10xf32>)
// CHECK: (%a = %[[P]]#0[n, i + 1] where (i < 8) ?? 1.0{{.*}}, %b = %[[P]]#1[n, i] : tensor<?x10xf32>) -> tensor<?x10xf32>
func.func @results(%x: tensor<?x8xf32>) -> tensor<?x10xf32> {
  %t:2 = gnc.compute [n = ?, i = 8] (%a = %x[n, i] : tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %0 = math.absf %a : f32
    %1 = math.floor %a : f32
    gnc.yield %0, %1 : f32, f32
  }
  %p = gnc.compute [n = ?, q = 10] (%a = %t#1[n, q - 1] ?? 0.0 : tensor<?x8xf32>) -> tensor<?x10xf32> {
    gnc.yield %a : f32
  }
  %y = gnc.compute [n = ?, i = 10] (%a = %t#0[n, i] ?? 1.0 : tensor<?x8xf32>, %b = %p[n, i] : tensor<?x10xf32>) -> tensor<?x10xf32> {
    %0 = arith.subf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x10xf32>
}

// -----

// A border of something else, what the host sees, a sum, and a border many times as large as the tensor stay copies.
// CHECK-LABEL: @others
// CHECK-COUNT-8: gnc.compute
// CHECK-NOT: gnc.compute
func.func @others(%x: tensor<?x8xf32>) -> (tensor<?x10xf32>, tensor<?x10xf32>, tensor<?x8xf32>, tensor<?x10xf32>, tensor<?x80xf32>) {
  %ta = gnc.compute [n = ?, i = 8] (%a = %x[n, i] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = math.absf %a : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, q = 10] (%a = %ta[n, q - 1] ?? 1.0 : tensor<?x8xf32>) -> tensor<?x10xf32> {
    gnc.yield %a : f32
  }
  %tb = gnc.compute [n = ?, i = 8] (%a = %x[n, i] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = math.floor %a : f32
    gnc.yield %0 : f32
  }
  %q = gnc.compute [n = ?, q = 10] (%a = %tb[n, q - 1] ?? 0.0 : tensor<?x8xf32>) -> tensor<?x10xf32> {
    gnc.yield %a : f32
  }
  %tc = gnc.compute [n = ?, i = 8] sum [j = 8] (%a = %x[n, j] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = gnc.index 1 : f32
    %1 = arith.mulf %0, %a : f32
    gnc.yield %1 : f32
  }
  %r = gnc.compute [n = ?, q = 10] (%a = %tc[n, q - 1] ?? 0.0 : tensor<?x8xf32>) -> tensor<?x10xf32> {
    gnc.yield %a : f32
  }
  %td = gnc.compute [n = ?, i = 8] (%a = %x[n, i] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = math.ceil %a : f32
    gnc.yield %0 : f32
  }
  %s = gnc.compute [n = ?, q = 80] (%a = %td[n, q - 1] ?? 0.0 : tensor<?x8xf32>) -> tensor<?x80xf32> {
    gnc.yield %a : f32
  }
  return %p, %q, %tb, %r, %s : tensor<?x10xf32>, tensor<?x10xf32>, tensor<?x8xf32>, tensor<?x10xf32>, tensor<?x80xf32>
}
