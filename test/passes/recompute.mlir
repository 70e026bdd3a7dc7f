// RUN: gnc-opt %s --split-input-file --gnc-recompute=batch=64 | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-recompute="batch=64 budget=4600000" | FileCheck %s --check-prefix=BUDGET
// RUN: gnc-opt %s --split-input-file --gnc-recompute="batch=64 budget=50000000" | FileCheck %s --check-prefix=AMPLE

// Four times as large as what it is made of, which is alive anyway: computed again before its late reader, so that it is not kept
// while most is alive. With enough memory it is kept.
// CHECK-LABEL: func @expansion
// CHECK: gnc.compute [n = ?, t = 4, i = 1024]
// CHECK: gnc.compute [n = ?, t = 16, i = 1024]
// CHECK: %[[AGAIN:.*]] = gnc.compute [n = ?, t = 4, i = 1024]
// CHECK-NEXT: gnc.index
// CHECK: gnc.compute [i = 1024]
// CHECK-SAME: %[[AGAIN]][n, t, i]
// AMPLE-LABEL: func @expansion
// AMPLE-COUNT-1: gnc.compute [n = ?, t = 4, i = 1024]
// AMPLE-NOT: gnc.compute [n = ?, t = 4, i = 1024]
// AMPLE: return
func.func @expansion(%x: tensor<?x1024xf32>, %w: tensor<1024xf32>) -> (tensor<1024xf32> {gnc.updates = 1 : i64}) {
  %a = gnc.compute [n = ?, i = 1024] (%p = %x[n, i] : tensor<?x1024xf32>, %q = %w[i] : tensor<1024xf32>) -> tensor<?x1024xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %e = gnc.compute [n = ?, t = 4, i = 1024] (%p = %a[n, i] : tensor<?x1024xf32>) -> tensor<?x4x1024xf32> {
    %0 = gnc.index 1 : f32
    %1 = arith.mulf %0, %p : f32
    gnc.yield %1 : f32
  }
  %s = gnc.compute [n = ?] sum [t = 4, i = 1024] (%p = %e[n, t, i] : tensor<?x4x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %big = gnc.compute [n = ?, t = 16, i = 1024] (%p = %s[n] : tensor<?xf32>) -> tensor<?x16x1024xf32> {
    %0 = math.exp %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?] sum [t = 16, i = 1024] (%p = %big[n, t, i] : tensor<?x16x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %g = gnc.compute [i = 1024] sum [n = ?, t = 4] (%p = %e[n, t, i] : tensor<?x4x1024xf32>, %q = %b[n] : tensor<?xf32>, %c = %a[n, i] : tensor<?x1024xf32>) -> tensor<1024xf32> {
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %0, %c : f32
    gnc.yield %1 : f32
  }
  return %g : tensor<1024xf32>
}

// -----

// Its operand would have to be kept instead, so only a budget asks for it.
// CHECK-LABEL: func @longer
// CHECK-COUNT-1: gnc.compute [n = ?, t = 4, i = 1024]
// CHECK-NOT: gnc.compute [n = ?, t = 4, i = 1024]
// CHECK: return
// BUDGET-LABEL: func @longer
// BUDGET: gnc.compute [n = ?, t = 16, i = 1024]
// BUDGET: gnc.compute [n = ?, t = 4, i = 1024]
// BUDGET: gnc.compute [i = 1024]
func.func @longer(%x: tensor<?x1024xf32>, %w: tensor<1024xf32>) -> (tensor<1024xf32> {gnc.updates = 1 : i64}) {
  %a = gnc.compute [n = ?, i = 1024] (%p = %x[n, i] : tensor<?x1024xf32>, %q = %w[i] : tensor<1024xf32>) -> tensor<?x1024xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %e = gnc.compute [n = ?, t = 4, i = 1024] (%p = %a[n, i] : tensor<?x1024xf32>) -> tensor<?x4x1024xf32> {
    %0 = gnc.index 1 : f32
    %1 = arith.mulf %0, %p : f32
    gnc.yield %1 : f32
  }
  %s = gnc.compute [n = ?] sum [t = 4, i = 1024] (%p = %e[n, t, i] : tensor<?x4x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %big = gnc.compute [n = ?, t = 16, i = 1024] (%p = %s[n] : tensor<?xf32>) -> tensor<?x16x1024xf32> {
    %0 = math.exp %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?] sum [t = 16, i = 1024] (%p = %big[n, t, i] : tensor<?x16x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %g = gnc.compute [i = 1024] sum [n = ?, t = 4] (%p = %e[n, t, i] : tensor<?x4x1024xf32>, %q = %b[n] : tensor<?xf32>) -> tensor<1024xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %g : tensor<1024xf32>
}

// -----

// As large as its operand: no memory for nothing. A budget computes what it is made of again, too.
// CHECK-LABEL: func @same
// CHECK-COUNT-1: gnc.compute [n = ?, t = 1, i = 1024]
// CHECK-NOT: gnc.compute [n = ?, t = 1, i = 1024]
// CHECK: return
// BUDGET-LABEL: func @same
// BUDGET: gnc.compute [n = ?, t = 16, i = 1024]
// BUDGET: gnc.compute [n = ?, i = 1024]
// BUDGET: gnc.compute [n = ?, t = 1, i = 1024]
// BUDGET: gnc.compute [i = 1024]
func.func @same(%x: tensor<?x1024xf32>, %w: tensor<1024xf32>) -> (tensor<1024xf32> {gnc.updates = 1 : i64}) {
  %a = gnc.compute [n = ?, i = 1024] (%p = %x[n, i] : tensor<?x1024xf32>, %q = %w[i] : tensor<1024xf32>) -> tensor<?x1024xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %e = gnc.compute [n = ?, t = 1, i = 1024] (%p = %a[n, i] : tensor<?x1024xf32>) -> tensor<?x1x1024xf32> {
    %0 = gnc.index 1 : f32
    %1 = arith.mulf %0, %p : f32
    gnc.yield %1 : f32
  }
  %s = gnc.compute [n = ?] sum [t = 1, i = 1024] (%p = %e[n, t, i] : tensor<?x1x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %big = gnc.compute [n = ?, t = 16, i = 1024] (%p = %s[n] : tensor<?xf32>) -> tensor<?x16x1024xf32> {
    %0 = math.exp %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?] sum [t = 16, i = 1024] (%p = %big[n, t, i] : tensor<?x16x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %g = gnc.compute [i = 1024] sum [n = ?, t = 1] (%p = %e[n, t, i] : tensor<?x1x1024xf32>, %q = %b[n] : tensor<?xf32>, %c = %a[n, i] : tensor<?x1024xf32>) -> tensor<1024xf32> {
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %0, %c : f32
    gnc.yield %1 : f32
  }
  return %g : tensor<1024xf32>
}

// -----

// Only a training has a backward pass to keep things for.
// CHECK-LABEL: func @answers
// CHECK-COUNT-1: gnc.compute [n = ?, t = 4, i = 1024]
// CHECK-NOT: gnc.compute [n = ?, t = 4, i = 1024]
// CHECK: return
func.func @answers(%x: tensor<?x1024xf32>, %w: tensor<1024xf32>) -> (tensor<1024xf32>) {
  %a = gnc.compute [n = ?, i = 1024] (%p = %x[n, i] : tensor<?x1024xf32>, %q = %w[i] : tensor<1024xf32>) -> tensor<?x1024xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %e = gnc.compute [n = ?, t = 4, i = 1024] (%p = %a[n, i] : tensor<?x1024xf32>) -> tensor<?x4x1024xf32> {
    %0 = gnc.index 1 : f32
    %1 = arith.mulf %0, %p : f32
    gnc.yield %1 : f32
  }
  %s = gnc.compute [n = ?] sum [t = 4, i = 1024] (%p = %e[n, t, i] : tensor<?x4x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %big = gnc.compute [n = ?, t = 16, i = 1024] (%p = %s[n] : tensor<?xf32>) -> tensor<?x16x1024xf32> {
    %0 = math.exp %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?] sum [t = 16, i = 1024] (%p = %big[n, t, i] : tensor<?x16x1024xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %g = gnc.compute [i = 1024] sum [n = ?, t = 4] (%p = %e[n, t, i] : tensor<?x4x1024xf32>, %q = %b[n] : tensor<?xf32>, %c = %a[n, i] : tensor<?x1024xf32>) -> tensor<1024xf32> {
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %0, %c : f32
    gnc.yield %1 : f32
  }
  return %g : tensor<1024xf32>
}
