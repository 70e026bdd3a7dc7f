// RUN: gnc-opt %s --split-input-file --gnc-one-pass-variance | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-one-pass-variance -o %t.once
// RUN: gnc-opt %t.once --split-input-file --gnc-one-pass-variance | diff %t.once -

// Mean and variance over the batch are one equation, of distances to the first element.
// CHECK-LABEL: @moments
// CHECK: %[[M:.*]]:2 = gnc.compute [c = 3] (sum, sum) [n = ?, i = 8] (%a = %arg0[n, c, i] : tensor<?x3x8xf32>, %b = %arg0[0, c, 0] : tensor<?x3x8xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
// CHECK-DAG: %[[N:.*]] = gnc.extent [1, 2]
// CHECK: %[[D:.*]] = arith.subf %a, %b
// CHECK: %[[S:.*]] = arith.mulf %[[D]], %[[D]]
// CHECK: gnc.yield
// CHECK: } finish (%[[X:.*]] : f32, %[[Y:.*]] : f32) (%[[C:.*]] = %arg0[0, c, 0] : tensor<?x3x8xf32>) {
// CHECK-DAG: %[[XX:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK-DAG: %[[V:.*]] = arith.subf %[[Y]], %[[XX]]
// CHECK-DAG: arith.maximumf %[[V]]
// CHECK-DAG: arith.addf %[[C]], %[[X]]
// CHECK: return %[[M]]#0, %[[M]]#1
func.func @moments(%x: tensor<?x3x8xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %m = gnc.compute [c = 3] sum [n = ?, i = 8] (%a = %x[n, c, i] : tensor<?x3x8xf32>) -> tensor<3xf32> {
    %0 = gnc.extent [1, 2] : f32
    %1 = arith.divf %a, %0 : f32
    gnc.yield %1 : f32
  }
  %v = gnc.compute [c = 3] sum [n = ?, i = 8] (%a = %x[n, c, i] : tensor<?x3x8xf32>, %b = %m[c] : tensor<3xf32>) -> tensor<3xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = gnc.extent [1, 2] : f32
    %3 = arith.divf %1, %2 : f32
    gnc.yield %3 : f32
  }
  return %m, %v : tensor<3xf32>, tensor<3xf32>
}

// -----

// Not over one sample, whose elements may be few and one of them far from all others.
// CHECK-LABEL: @sample
// CHECK-COUNT-2: gnc.compute [n = ?] sum
func.func @sample(%x: tensor<?x8xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %m = gnc.compute [n = ?] sum [i = 8] (%a = %x[n, i] : tensor<?x8xf32>) -> tensor<?xf32> {
    %0 = gnc.extent [1] : f32
    %1 = arith.divf %a, %0 : f32
    gnc.yield %1 : f32
  }
  %v = gnc.compute [n = ?] sum [i = 8] (%a = %x[n, i] : tensor<?x8xf32>, %b = %m[n] : tensor<?xf32>) -> tensor<?xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = gnc.extent [1] : f32
    %3 = arith.divf %1, %2 : f32
    gnc.yield %3 : f32
  }
  return %m, %v : tensor<?xf32>, tensor<?xf32>
}

// -----

// A sum that is no mean, squares of something else, and distances to something else stay as they are.
// CHECK-LABEL: @others
// CHECK-NOT: finish
func.func @others(%x: tensor<?x3xf32>, %y: tensor<?x3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %s = gnc.compute [c = 3] sum [n = ?] (%a = %x[n, c] : tensor<?x3xf32>) -> tensor<3xf32> {
    gnc.yield %a : f32
  }
  %p = gnc.compute [c = 3] sum [n = ?] (%a = %x[n, c] : tensor<?x3xf32>, %b = %s[c] : tensor<3xf32>) -> tensor<3xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = gnc.extent [1] : f32
    %3 = arith.divf %1, %2 : f32
    gnc.yield %3 : f32
  }
  %m = gnc.compute [c = 3] sum [n = ?] (%a = %x[n, c] : tensor<?x3xf32>) -> tensor<3xf32> {
    %0 = gnc.extent [1] : f32
    %1 = arith.divf %a, %0 : f32
    gnc.yield %1 : f32
  }
  %q = gnc.compute [c = 3] sum [n = ?] (%a = %y[n, c] : tensor<?x3xf32>, %b = %m[c] : tensor<3xf32>) -> tensor<3xf32> {
    %0 = arith.subf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = gnc.extent [1] : f32
    %3 = arith.divf %1, %2 : f32
    gnc.yield %3 : f32
  }
  %r = gnc.compute [c = 3] sum [n = ?] (%a = %x[n, c] : tensor<?x3xf32>, %b = %m[c] : tensor<3xf32>) -> tensor<3xf32> {
    %0 = arith.addf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = gnc.extent [1] : f32
    %3 = arith.divf %1, %2 : f32
    gnc.yield %3 : f32
  }
  return %p, %m, %q, %r : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
