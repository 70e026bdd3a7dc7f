// RUN: gnc-opt %s --split-input-file --gnc-simplify | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-simplify -o %t.once
// RUN: gnc-opt %t.once --split-input-file --gnc-simplify | diff %t.once -

// Accesses are simplified with the ranges of the indices; one group is no group; a guard that always holds goes.
// CHECK-LABEL: @accesses
// CHECK: = %arg0[n, c, i + r] : tensor<?x3x8xf32>
func.func @accesses(%x: tensor<?x3x8xf32>) -> tensor<?x4x6xf32> {
  %y = gnc.compute [n = ?, k = 4, i = 6] sum [c = 3, r = 3] (%a = %x[n, k floordiv 4 * 3 + c, i + r] where (i + r < 8) ?? 0.0 : tensor<?x3x8xf32>) -> tensor<?x4x6xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<?x4x6xf32>
}

// -----

// A condition that the tensor's own bounds imply is not repeated; the guard stays.
// CHECK-LABEL: @implied
// CHECK: = %arg0[i - 1] ?? 0
func.func @implied(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = gnc.compute [i = 8] (%a = %x[i - 1] where (i - 1 < 8) ?? 0.0 : tensor<8xf32>) -> tensor<8xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<8xf32>
}

// -----

// Reduction indices of extent 1 go; without any left the equation is pointwise.
// CHECK-LABEL: @unit
// CHECK: gnc.compute [n = ?, k = 4, i = 8] sum [c = 3] (
// CHECK: gnc.compute [n = ?, k = 4, i = 8] (%{{.*}} = %{{.*}}[n, k, i] : tensor<?x4x8xf32>)
func.func @unit(%x: tensor<?x3x8xf32>, %w: tensor<4x3x1xf32>) -> tensor<?x4x8xf32> {
  %y = gnc.compute [n = ?, k = 4, i = 8] sum [c = 3, r = 1] (%a = %x[n, c, i + r] : tensor<?x3x8xf32>, %b = %w[k, c, r] : tensor<4x3x1xf32>) -> tensor<?x4x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, k = 4, i = 8] max [r = 1] (%a = %y[n, k, i + r] : tensor<?x4x8xf32>) -> tensor<?x4x8xf32> {
    %0 = math.exp %a : f32
    gnc.yield %0 : f32
  }
  return %z : tensor<?x4x8xf32>
}

// -----

// Equal reads are made once, unused ones not at all.
// CHECK-LABEL: @reads
// CHECK: gnc.compute [i = 4] (%[[A:.*]] = %arg0[i] : tensor<4xf32>) ->
// CHECK-NEXT: arith.mulf %[[A]], %[[A]]
func.func @reads(%x: tensor<4xf32>, %z: tensor<4xf32>) -> tensor<4xf32> {
  %y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>, %b = %z[i] : tensor<4xf32>, %c = %x[i] : tensor<4xf32>) -> tensor<4xf32> {
    %0 = arith.mulf %a, %c : f32
    %1 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<4xf32>
}

// -----

// Unused results go; equal equations become one, whatever their indices are called.
// CHECK-LABEL: @results
// CHECK: %[[M:.*]] = gnc.compute [i = 4] max [j = 3]
// CHECK-NOT: gnc.compute
// CHECK: return %[[M]], %[[M]]
func.func @results(%x: tensor<4x3xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s, %m = gnc.compute [i = 4] (sum, max) [j = 3] (%a = %x[i, j] : tensor<4x3xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    gnc.yield %a, %a : f32, f32
  }
  %k = gnc.compute [p = 4] max [q = 3] (%a = %x[p, q] : tensor<4x3xf32>) -> tensor<4xf32> {
    gnc.yield %a : f32
  }
  return %m, %k : tensor<4xf32>, tensor<4xf32>
}

// -----

// A plain copy is forwarded; a permutation is not a copy.
// CHECK-LABEL: @copies
// CHECK: %[[P:.*]] = gnc.compute [i = 4, j = 4] (%{{.*}} = %arg0[j, i] : tensor<4x4xf32>)
// CHECK-NOT: gnc.compute
// CHECK: return %[[P]]
func.func @copies(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = gnc.compute [i = 4, j = 4] (%a = %x[i, j] : tensor<4x4xf32>) -> tensor<4x4xf32> {
    gnc.yield %a : f32
  }
  %z = gnc.compute [i = 4, j = 4] (%a = %y[j, i] : tensor<4x4xf32>) -> tensor<4x4xf32> {
    gnc.yield %a : f32
  }
  return %z : tensor<4x4xf32>
}

// -----

// A tensor of one number is that number to its readers; outside its guard it is not.
// CHECK-LABEL: @numbers
// CHECK: gnc.compute [i = 4] (%{{.*}} = %arg0[i] : tensor<4xf32>, %{{.*}} = %{{.*}}[i - 1] ?? 0{{.*}})
// CHECK: %[[IN:.*]] = gnc.inside
// CHECK: arith.select %[[IN]]
func.func @numbers(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = gnc.compute [i = 4] () -> tensor<4xf32> {
    %0 = arith.constant 2.0 : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>, %b = %c[i] : tensor<4xf32>, %d = %c[i - 1] ?? 0.0 : tensor<4xf32>) -> tensor<4xf32> {
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %d : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<4xf32>
}

// -----

// x * 1 and constants fold; x * 0 does not, since x may be infinite.
// CHECK-LABEL: @scalars
// CHECK: %[[ZERO:.*]] = arith.constant 0.0
// CHECK-NEXT: %[[P:.*]] = arith.mulf %{{.*}}, %[[ZERO]]
// CHECK-NEXT: gnc.yield %[[P]]
func.func @scalars(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<4xf32> {
    %one = arith.constant 1.0 : f32
    %zero = arith.subf %one, %one : f32
    %0 = arith.mulf %a, %one : f32
    %1 = arith.mulf %0, %zero : f32
    gnc.yield %1 : f32
  }
  return %y : tensor<4xf32>
}

// -----

// Equal random numbers are one op, and a reshape of them is them: they count elements in any shape.
// CHECK-LABEL: @random
// CHECK: %[[U:.*]] = gnc.random %{{.*}} site 3 : tensor<?x6xf32>
// CHECK: %[[V:.*]] = gnc.random %{{.*}} site 3 : tensor<?x2x3xf32>
// CHECK-NOT: gnc.random
// CHECK: return %[[U]], %[[U]], %[[V]]
func.func @random(%s: tensor<4xi32>) -> (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x2x3xf32>) {
  %u = gnc.random %s site 3 : tensor<?x6xf32>
  %v = gnc.random %s site 3 : tensor<?x6xf32>
  %w = gnc.reshape %v : tensor<?x6xf32> -> tensor<?x2x3xf32>
  return %u, %v, %w : tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x2x3xf32>
}
