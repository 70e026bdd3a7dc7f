// RUN: gnc-opt %s --gnc-fuse-elementwise --split-input-file | FileCheck %s

// Bias and activation join the contraction; the mask of the gradient reads the activation's output, so
// that nothing else is kept. The contraction's body stays a product.
// CHECK-LABEL: func.func @linear
// CHECK: %[[R:.*]] = gnc.compute [n = ?, o = 5] sum [i = 7]
// CHECK: arith.mulf
// CHECK-NEXT: gnc.yield
// CHECK: finish (%[[SUM:.*]] : f32) (%[[B:.*]] = %{{.*}}[o] : tensor<5xf32>)
// CHECK: %[[BIASED:.*]] = arith.addf %[[SUM]], %[[B]]
// CHECK: arith.maximumf %[[BIASED]]
// CHECK: gnc.compute [n = ?, o = 5] (%{{.*}} = %[[R]][n, o]
// CHECK-NOT: gnc.compute
func.func @linear(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>, %b: tensor<5xf32>, %g: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %z = gnc.compute [n = ?, o = 5] sum [i = 7] (%p = %x[n, i] : tensor<?x7xf32>, %q = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %a = gnc.compute [n = ?, o = 5] (%p = %z[n, o] : tensor<?x5xf32>, %q = %b[o] : tensor<5xf32>) -> tensor<?x5xf32> {
    %0 = arith.addf %p, %q : f32
    gnc.yield %0 : f32
  }
  %r = gnc.compute [n = ?, o = 5] (%p = %a[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %p, %zero : f32
    gnc.yield %0 : f32
  }
  %d = gnc.compute [n = ?, o = 5] (%p = %a[n, o] : tensor<?x5xf32>, %q = %g[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ogt, %p, %zero : f32
    %0 = arith.select %c, %q, %zero : f32
    gnc.yield %0 : f32
  }
  return %r, %d : tensor<?x5xf32>, tensor<?x5xf32>
}

// -----

// A boundary of the reader is respected: outside, the value is -1, not max(x, 0) of anything.
// CHECK-LABEL: func.func @boundary
// CHECK: gnc.compute [i = 6] max [r = 3] (%[[X:.*]] = %{{.*}}[i + r - 1] ?? -1.0{{.*}} : tensor<6xf32>)
// CHECK: %[[RELU:.*]] = arith.maximumf %[[X]]
// CHECK: %[[INSIDE:.*]] = gnc.inside 0
// CHECK: arith.select %[[INSIDE]], %[[RELU]]
// CHECK-NOT: gnc.compute
func.func @boundary(%x: tensor<6xf32>) -> tensor<6xf32> {
  %r = gnc.compute [i = 6] (%p = %x[i] : tensor<6xf32>) -> tensor<6xf32> {
    %zero = arith.constant 0.0 : f32
    %0 = arith.maximumf %p, %zero : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [i = 6] max [r = 3] (%p = %r[i + r - 1] ?? -1.0 : tensor<6xf32>) -> tensor<6xf32> {
    gnc.yield %p : f32
  }
  return %y : tensor<6xf32>
}

// -----

// An expensive function is not computed again for every window that sees it.
// CHECK-LABEL: func.func @expensive
// CHECK-COUNT-2: gnc.compute
func.func @expensive(%x: tensor<6xf32>) -> tensor<4xf32> {
  %r = gnc.compute [i = 6] (%p = %x[i] : tensor<6xf32>) -> tensor<6xf32> {
    %0 = math.tanh %p : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [i = 4] sum [r = 3] (%p = %r[i + r] : tensor<6xf32>) -> tensor<4xf32> {
    gnc.yield %p : f32
  }
  return %y : tensor<4xf32>
}

// -----

// Windows that do not overlap see every element once: then it is computed in place.
// CHECK-LABEL: func.func @once
// CHECK: gnc.compute [i = 3] sum [r = 2]
// CHECK: math.tanh
// CHECK-NOT: gnc.compute
func.func @once(%x: tensor<6xf32>) -> tensor<3xf32> {
  %r = gnc.compute [i = 6] (%p = %x[i] : tensor<6xf32>) -> tensor<6xf32> {
    %0 = math.tanh %p : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [i = 3] sum [r = 2] (%p = %r[i * 2 + r] : tensor<6xf32>) -> tensor<3xf32> {
    gnc.yield %p : f32
  }
  return %y : tensor<3xf32>
}

// -----

// Nothing goes into the body of a contraction.
// CHECK-LABEL: func.func @product
// CHECK-COUNT-2: gnc.compute
func.func @product(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>) -> tensor<?x5xf32> {
  %a = gnc.compute [n = ?, i = 7] (%p = %x[n, i] : tensor<?x7xf32>) -> tensor<?x7xf32> {
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, o = 5] sum [i = 7] (%p = %a[n, i] : tensor<?x7xf32>, %q = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %z : tensor<?x5xf32>
}

// -----

// The update of a weight waits until the end of the step: it does not join the gradient.
// CHECK-LABEL: func.func @update
// CHECK: sum [n = ?]
// CHECK-NOT: finish
// CHECK: gnc.compute [o = 5, i = 7] (
func.func @update(%x: tensor<?x7xf32>, %g: tensor<?x5xf32>, %w: tensor<5x7xf32>) -> (tensor<5x7xf32> {gnc.updates = 2 : i64}) {
  %d = gnc.compute [o = 5, i = 7] sum [n = ?] (%p = %x[n, i] : tensor<?x7xf32>, %q = %g[n, o] : tensor<?x5xf32>) -> tensor<5x7xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %v = gnc.compute [o = 5, i = 7] (%p = %d[o, i] : tensor<5x7xf32>, %q = %w[o, i] : tensor<5x7xf32>) -> tensor<5x7xf32> {
    %0 = arith.subf %q, %p : f32
    gnc.yield %0 : f32
  }
  return %v : tensor<5x7xf32>
}

// -----

// A number is computed by its readers; a label's one-hot code asks the other read whether it is inside.
// CHECK-LABEL: func.func @number
// CHECK: gnc.compute [n = ?, k = 4]
// CHECK-SAME: where (k - read0 < 1) ?? 0.0
// CHECK: gnc.extent
// CHECK: gnc.inside
// CHECK-NOT: gnc.compute
func.func @number(%t: tensor<?xi8>, %z: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %s = gnc.compute [n = ?] () -> tensor<?xf32> {
    %one = arith.constant 1.0 : f32
    %e = gnc.extent [0] : f32
    %0 = arith.divf %one, %e : f32
    gnc.yield %0 : f32
  }
  %d = gnc.compute [n = ?, k = 4] (%l = %t[n] : tensor<?xi8>, %p = %s[n] where (k - read0 < 1) ?? 0.0 : tensor<?xf32>, %q = %z[n, k] : tensor<?x4xf32>) -> tensor<?x4xf32> {
    %0 = arith.subf %q, %p : f32
    gnc.yield %0 : f32
  }
  return %d : tensor<?x4xf32>
}

// -----

// A random mask is drawn again by each of its readers. It does not join the contraction, whose tile
// stores what it computed.
// CHECK-LABEL: func.func @dropout
// CHECK: %[[U:.*]] = gnc.random
// CHECK-NEXT: %[[Y:.*]] = gnc.compute [n = ?, o = 5] sum [i = 7]
// CHECK-NOT: finish
// CHECK: gnc.compute [n = ?, o = 5] (%{{.*}} = %[[Y]][n, o] : tensor<?x5xf32>, %{{.*}} = %[[U]][n, o]
// CHECK: gnc.compute [n = ?, o = 5] (%{{.*}} = %arg2[n, o] : tensor<?x5xf32>, %{{.*}} = %[[U]][n, o]
// CHECK-NOT: gnc.compute
func.func @dropout(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>, %g: tensor<?x5xf32>, %s: tensor<4xi32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %u = gnc.random %s site 3 : tensor<?x5xf32>
  %m = gnc.compute [n = ?, o = 5] (%p = %u[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf olt, %p, %half : f32
    %0 = arith.select %c, %one, %zero : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, o = 5] sum [i = 7] (%p = %x[n, i] : tensor<?x7xf32>, %q = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %d = gnc.compute [n = ?, o = 5] (%p = %y[n, o] : tensor<?x5xf32>, %q = %m[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  %e = gnc.compute [n = ?, o = 5] (%p = %g[n, o] : tensor<?x5xf32>, %q = %m[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  }
  return %d, %e : tensor<?x5xf32>, tensor<?x5xf32>
}

// -----

// Numbers are not drawn again for every window that sees them.
// CHECK-LABEL: func.func @window
// CHECK: %[[M:.*]] = gnc.compute [n = ?, o = 5]
// CHECK: gnc.compute [n = ?, o = 3] max [r = 3] (%{{.*}} = %[[M]][n, o + r]
func.func @window(%s: tensor<4xi32>) -> tensor<?x3xf32> {
  %u = gnc.random %s site 3 : tensor<?x5xf32>
  %m = gnc.compute [n = ?, o = 5] (%p = %u[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf olt, %p, %half : f32
    %0 = arith.select %c, %one, %zero : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, o = 3] max [r = 3] (%p = %m[n, o + r] : tensor<?x5xf32>) -> tensor<?x3xf32> {
    gnc.yield %p : f32
  }
  return %y : tensor<?x3xf32>
}

// -----

// A leaky activation is above 0 where its input is: the mask of the gradient reads the output.
// CHECK-LABEL: func.func @leaky
// CHECK: %[[R:.*]] = gnc.compute [n = ?, o = 5] sum [i = 7]
// CHECK: finish
// CHECK: gnc.compute [n = ?, o = 5] (%{{.*}} = %[[R]][n, o]
// CHECK-NOT: gnc.compute
func.func @leaky(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>, %g: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %s = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, %b = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, o = 5] (%a = %s[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %slope = arith.constant 0.1 : f32
    %0 = arith.cmpf ogt, %a, %zero : f32
    %1 = arith.mulf %a, %slope : f32
    %2 = arith.select %0, %a, %1 : f32
    gnc.yield %2 : f32
  }
  %d = gnc.compute [n = ?, o = 5] (%a = %s[n, o] : tensor<?x5xf32>, %b = %g[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %slope = arith.constant 0.1 : f32
    %0 = arith.cmpf ogt, %a, %zero : f32
    %1 = arith.mulf %b, %slope : f32
    %2 = arith.select %0, %b, %1 : f32
    gnc.yield %2 : f32
  }
  return %y, %d : tensor<?x5xf32>, tensor<?x5xf32>
}

// -----

// With a negative slope it is above 0 on both sides: the mask needs the input.
// CHECK-LABEL: func.func @mirrored
// CHECK: %[[S:.*]] = gnc.compute [n = ?, o = 5] sum [i = 7]
// CHECK-NOT: finish
// CHECK: gnc.compute [n = ?, o = 5] (%{{.*}} = %[[S]][n, o]
// CHECK: gnc.compute [n = ?, o = 5] (%{{.*}} = %[[S]][n, o]
func.func @mirrored(%x: tensor<?x7xf32>, %w: tensor<5x7xf32>, %g: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %s = gnc.compute [n = ?, o = 5] sum [i = 7] (%a = %x[n, i] : tensor<?x7xf32>, %b = %w[o, i] : tensor<5x7xf32>) -> tensor<?x5xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, o = 5] (%a = %s[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %slope = arith.constant -0.1 : f32
    %0 = arith.cmpf ogt, %a, %zero : f32
    %1 = arith.mulf %a, %slope : f32
    %2 = arith.select %0, %a, %1 : f32
    gnc.yield %2 : f32
  }
  %d = gnc.compute [n = ?, o = 5] (%a = %s[n, o] : tensor<?x5xf32>, %b = %g[n, o] : tensor<?x5xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %slope = arith.constant -0.1 : f32
    %0 = arith.cmpf ogt, %a, %zero : f32
    %1 = arith.mulf %b, %slope : f32
    %2 = arith.select %0, %b, %1 : f32
    gnc.yield %2 : f32
  }
  return %y, %d : tensor<?x5xf32>, tensor<?x5xf32>
}

// -----

// A division is not done again by each of two readers,
// CHECK-LABEL: func.func @divided
// CHECK-COUNT-3: gnc.compute
func.func @divided(%x: tensor<8x16xf32>) -> (tensor<8xf32>, tensor<16xf32>) {
  %p = gnc.compute [i = 8, j = 16] (%a = %x[i, j] : tensor<8x16xf32>) -> tensor<8x16xf32> {
    %0 = arith.divf %a, %a : f32
    gnc.yield %0 : f32
  }
  %r = gnc.compute [i = 8] sum [j = 16] (%a = %p[i, j] : tensor<8x16xf32>) -> tensor<8xf32> {
    gnc.yield %a : f32
  }
  %c = gnc.compute [j = 16] sum [i = 8] (%a = %p[i, j] : tensor<8x16xf32>) -> tensor<16xf32> {
    gnc.yield %a : f32
  }
  return %r, %c : tensor<8xf32>, tensor<16xf32>
}

// -----

// while a product is.
// CHECK-LABEL: func.func @multiplied
// CHECK: gnc.compute [i = 8] sum [j = 16]
// CHECK: gnc.compute [j = 16] sum [i = 8]
// CHECK-NOT: gnc.compute
func.func @multiplied(%x: tensor<8x16xf32>) -> (tensor<8xf32>, tensor<16xf32>) {
  %p = gnc.compute [i = 8, j = 16] (%a = %x[i, j] : tensor<8x16xf32>) -> tensor<8x16xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  %r = gnc.compute [i = 8] sum [j = 16] (%a = %p[i, j] : tensor<8x16xf32>) -> tensor<8xf32> {
    gnc.yield %a : f32
  }
  %c = gnc.compute [j = 16] sum [i = 8] (%a = %p[i, j] : tensor<8x16xf32>) -> tensor<16xf32> {
    gnc.yield %a : f32
  }
  return %r, %c : tensor<8xf32>, tensor<16xf32>
}

// -----

// Sums over one term, as of the gradients of scalars, lose their reduction when they are joined with what follows; the
// next to join must see all of the first.
// CHECK-LABEL: func.func @one_term
// CHECK-NEXT: gnc.compute [] (%[[X:.*]] = %arg0[0] : tensor<1xf32>, %[[Y:.*]] = %arg1[0] : tensor<1xf32>) -> tensor<f32> {
// CHECK-NEXT: %[[XX:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK-NEXT: %[[YY:.*]] = arith.mulf %[[Y]], %[[Y]]
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[XX]], %[[YY]]
// CHECK-NEXT: math.sqrt %[[SUM]]
// CHECK-NEXT: gnc.yield
// CHECK-NEXT: }
// CHECK-NEXT: return
func.func @one_term(%x: tensor<1xf32>, %y: tensor<1xf32>) -> tensor<f32> {
  %2 = gnc.compute [] sum [i0 = 1] (%a = %x[i0] : tensor<1xf32>) -> tensor<f32> {
    %5 = arith.mulf %a, %a : f32
    gnc.yield %5 : f32
  }
  %3 = gnc.compute [] sum [i0 = 1] (%a = %y[i0] : tensor<1xf32>) -> tensor<f32> {
    %5 = arith.mulf %a, %a : f32
    gnc.yield %5 : f32
  }
  %4 = gnc.compute [] (%a = %2[] : tensor<f32>, %b = %3[] : tensor<f32>) -> tensor<f32> {
    %5 = arith.addf %a, %b : f32
    %6 = math.sqrt %5 : f32
    gnc.yield %6 : f32
  }
  return %4 : tensor<f32>
}
