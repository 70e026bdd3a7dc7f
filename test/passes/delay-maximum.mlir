// RUN: gnc-opt %s --split-input-file --gnc-delay-maximum | FileCheck %s

// relu, then pool: the other way round.
// CHECK-LABEL: func @pool
// CHECK: %[[MAX:.*]] = gnc.compute [n = ?, i = 4] max [r = 2] (%a = %arg0[n, i * 2 + r]
// CHECK: %[[Y:.*]] = gnc.compute [n = ?, i = 4] (%a = %[[MAX]][n, i] : tensor<?x4xf32>)
// CHECK: arith.maximumf
// CHECK: return %[[Y]]
func.func @pool(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %y = gnc.compute [n = ?, j = 8] (%a = %x[n, j] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 4] max [r = 2] (%a = %y[n, i * 2 + r] : tensor<?x8xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x4xf32>
}

// -----

// Others want what is before the pool as it is.
// CHECK-LABEL: func @both
// CHECK: arith.maximumf
// CHECK: max [r = 2]
// CHECK-NOT: arith.maximumf
func.func @both(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %y = gnc.compute [n = ?, j = 8] (%a = %x[n, j] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 4] max [r = 2] (%a = %y[n, i * 2 + r] : tensor<?x8xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  return %p, %y : tensor<?x4xf32>, tensor<?x8xf32>
}

// -----

// A window over the border may have no element: minus infinity, and not 0.
// CHECK-LABEL: func @border
// CHECK: arith.maximumf
// CHECK: max [r = 3]
// CHECK-NOT: arith.maximumf
func.func @border(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %y = gnc.compute [n = ?, j = 8] (%a = %x[n, j] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 4] max [r = 3] (%a = %y[n, i * 2 + r - 1] ?? 0xFFF0000000000000 : tensor<?x8xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x4xf32>
}

// -----

// The sum of max(x, c) is another one.
// CHECK-LABEL: func @sum
// CHECK: arith.maximumf
// CHECK: sum [r = 2]
// CHECK-NOT: arith.maximumf
func.func @sum(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %y = gnc.compute [n = ?, j = 8] (%a = %x[n, j] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %a, %zero : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 4] sum [r = 2] (%a = %y[n, i * 2 + r] : tensor<?x8xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x4xf32>
}

// -----

// What else is done to x stays before the pool: where rounding makes two sums equal, another element would win.
// CHECK-LABEL: func @bias
// CHECK: arith.maximumf
// CHECK: max [r = 2]
// CHECK-NOT: arith.maximumf
func.func @bias(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %y = gnc.compute [n = ?, j = 8] (%a = %x[n, j] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %one = arith.constant 1.0 : f32
    %zero = arith.constant 0.0 : f32
    %0 = arith.addf %a, %one : f32
    %1 = arith.maximumf %0, %zero : f32
    gnc.yield %1 : f32
  }
  %p = gnc.compute [n = ?, i = 4] max [r = 2] (%a = %y[n, i * 2 + r] : tensor<?x8xf32>) -> tensor<?x4xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x4xf32>
}
