// RUN: gnc-opt %s --gnc-merge-domains --split-input-file | FileCheck %s

// Adam: the two moments share the gradient, the weight reads both; all become one pass.
// CHECK-LABEL: func.func @adam
// CHECK: %[[ALL:.*]]:3 = gnc.compute [i = 9]
// CHECK-NOT: gnc.compute
// CHECK: return
func.func @adam(%g: tensor<9xf32>, %w: tensor<9xf32>, %m: tensor<9xf32>, %v: tensor<9xf32>)
    -> (tensor<9xf32> {gnc.updates = 1 : i64}, tensor<9xf32> {gnc.updates = 2 : i64}, tensor<9xf32> {gnc.updates = 3 : i64}) {
  %m1 = gnc.compute [i = 9] (%a = %g[i] : tensor<9xf32>, %b = %m[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %v1 = gnc.compute [j = 9] (%a = %g[j] : tensor<9xf32>, %b = %v[j] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %0, %b : f32
    gnc.yield %1 : f32
  }
  %w1 = gnc.compute [i = 9] (%a = %w[i] : tensor<9xf32>, %b = %m1[i] : tensor<9xf32>, %c = %v1[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.divf %b, %c : f32
    %1 = arith.subf %a, %0 : f32
    gnc.yield %1 : f32
  }
  return %w1, %m1, %v1 : tensor<9xf32>, tensor<9xf32>, tensor<9xf32>
}

// -----

// The largest element of a window and its position; a third op in between does not mind.
// CHECK-LABEL: func.func @window
// CHECK: %[[BOTH:.*]]:2 = gnc.compute [i = 4] (max, argmax) [r = 2] (%{{[a-z0-9]*}} = %{{[a-z0-9]*}}[i * 2 + r] : tensor<8xf32>) ->
// CHECK: gnc.compute [i = 4] (%{{[a-z0-9]*}} = %[[BOTH]]#0[i]
// CHECK-NOT: gnc.compute
func.func @window(%x: tensor<8xf32>) -> (tensor<4xf32>, tensor<4xi8>) {
  %m = gnc.compute [i = 4] max [r = 2] (%a = %x[i * 2 + r] : tensor<8xf32>) -> tensor<4xf32> {
    gnc.yield %a : f32
  }
  %y = gnc.compute [i = 4] (%a = %m[i] : tensor<4xf32>) -> tensor<4xf32> {
    %0 = math.exp %a : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [i = 4] argmax [s = 2] (%a = %x[i * 2 + s] : tensor<8xf32>) -> tensor<4xi8> {
    gnc.yield %a : f32
  }
  return %y, %p : tensor<4xf32>, tensor<4xi8>
}

// -----

// A value that only the merged equation reads is not written any more.
// CHECK-LABEL: func.func @inner
// CHECK: :2 = gnc.compute [i = 9] {{.*}} -> (tensor<9xf32>, tensor<9xf32>) {
// CHECK-NOT: gnc.compute
func.func @inner(%g: tensor<9xf32>, %w: tensor<9xf32>) -> (tensor<9xf32>, tensor<9xf32>) {
  %h = gnc.compute [i = 9] (%a = %g[i] : tensor<9xf32>, %b = %w[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %m = gnc.compute [i = 9] (%a = %h[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  %v = gnc.compute [i = 9] (%a = %h[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = math.exp %a : f32
    gnc.yield %0 : f32
  }
  return %m, %v : tensor<9xf32>, tensor<9xf32>
}

// -----

// The variance needs the mean, which is whole only after its pass: two passes.
// CHECK-LABEL: func.func @variance
// CHECK-COUNT-2: gnc.compute
func.func @variance(%x: tensor<9xf32>) -> (tensor<f32>, tensor<f32>) {
  %m = gnc.compute [] sum [i = 9] (%a = %x[i] : tensor<9xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  %v = gnc.compute [] sum [i = 9] (%a = %x[i] : tensor<9xf32>, %b = %m[] : tensor<f32>) -> tensor<f32> {
    %0 = arith.subf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %m, %v : tensor<f32>, tensor<f32>
}

// -----

// What a contraction shares stays its own affair; so does a learning rate.
// CHECK-LABEL: func.func @apart
// CHECK-COUNT-4: gnc.compute
func.func @apart(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>, %v: tensor<5x7xf32>, %lr: tensor<f32>, %p: tensor<9xf32>, %q: tensor<9xf32>)
    -> (tensor<?x5xf32>, tensor<?x5xf32>, tensor<9xf32>, tensor<9xf32>) {
  %y = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, %b = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, %b = %v[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p1 = gnc.compute [i = 9] (%a = %p[i] : tensor<9xf32>, %b = %lr[] : tensor<f32>) -> tensor<9xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %q1 = gnc.compute [i = 9] (%a = %q[i] : tensor<9xf32>, %b = %lr[] : tensor<f32>) -> tensor<9xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z, %p1, %q1 : tensor<?x5xf32>, tensor<?x5xf32>, tensor<9xf32>, tensor<9xf32>
}

// -----

// The update of a running mean could wait until the end; the op that shares its read cannot.
// CHECK-LABEL: func.func @state
// CHECK-COUNT-3: gnc.compute
func.func @state(%m: tensor<9xf32>, %s: tensor<9xf32>) -> (tensor<9xf32> {gnc.updates = 1 : i64}, tensor<9xf32>) {
  %s1 = gnc.compute [i = 9] (%a = %m[i] : tensor<9xf32>, %b = %s[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %r = gnc.compute [i = 9] (%a = %m[i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = math.sqrt %a : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [i = 9] (%a = %r[8 - i] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %s1, %y : tensor<9xf32>, tensor<9xf32>
}

// -----

// A sum that needs another one only at its end computes with it in `finish`.
// CHECK-LABEL: func.func @finish
// CHECK: gnc.compute [c = 3] (sum, sum) [i = 9]
// CHECK: finish (%[[S:.*]] : f32, %[[Q:.*]] : f32) ()
// CHECK: arith.divf %[[Q]], %[[S]]
// CHECK-NOT: gnc.compute
func.func @finish(%x: tensor<3x9xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %s = gnc.compute [c = 3] sum [i = 9] (%a = %x[c, i] : tensor<3x9xf32>) -> tensor<3xf32> {
    gnc.yield %a : f32
  }
  %q = gnc.compute [c = 3] sum [i = 9] (%a = %x[c, i] : tensor<3x9xf32>) -> tensor<3xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  } finish (%sum : f32) (%b = %s[c] : tensor<3xf32>) {
    %0 = arith.divf %sum, %b : f32
    gnc.yield %0 : f32
  }
  return %s, %q : tensor<3xf32>, tensor<3xf32>
}

// -----

// A sum that another result is made from stays a result, although nothing else reads it.
// CHECK-LABEL: func.func @combined
// CHECK: %[[R:.*]]:2 = gnc.compute [c = 8] (sum, sum) [i = 64]
// CHECK: finish (%[[S:.*]] : f32, %[[Q:.*]] : f32)
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[S]], %[[S]]
// CHECK: %[[V:.*]] = arith.subf %[[Q]], %[[SQUARE]]
// CHECK: gnc.yield %[[S]], %[[V]]
// CHECK: return %[[R]]#1
func.func @combined(%x: tensor<8x64xf32>) -> tensor<8xf32> {
  %s = gnc.compute [c = 8] sum [i = 64] (%a = %x[c, i] : tensor<8x64xf32>) -> tensor<8xf32> {
    gnc.yield %a : f32
  }
  %v = gnc.compute [c = 8] sum [i = 64] (%a = %x[c, i] : tensor<8x64xf32>) -> tensor<8xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  } finish (%q : f32) (%m = %s[c] : tensor<8xf32>) {
    %0 = arith.mulf %m, %m : f32
    %1 = arith.subf %q, %0 : f32
    gnc.yield %1 : f32
  }
  return %v : tensor<8xf32>
}
