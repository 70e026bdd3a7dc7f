// RUN: gnc-opt %s --split-input-file --gnc-assign-layouts | FileCheck %s
// RUN: gnc-opt %s --split-input-file --gnc-assign-layouts -o %t.once
// RUN: gnc-opt %t.once --split-input-file --gnc-assign-layouts | diff %t.once -

// A convolution puts its output channel innermost, in the result and in the weight; the optimizer's state and what comes
// after follow; the input stays as the host writes it.
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2) -> (d1, d2, d0)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: @convolution
// CHECK-SAME: %arg0: tensor<?x3x8xf32> {{.*}} %arg1: tensor<4x3x3xf32, #[[W]]> {{.*}} %arg2: tensor<4x3x3xf32, #[[W]]>
// CHECK-SAME: -> (tensor<?x4x6xf32, #[[Y]]>, tensor<4x3x3xf32, #[[W]]> {gnc.updates = 2 : i64})
// CHECK-COUNT-3: gnc.compute
// CHECK-NOT: gnc.compute
func.func @convolution(%x: tensor<?x3x8xf32> {gnc.role = "input"}, %w: tensor<4x3x3xf32> {gnc.role = "weight"}, %m: tensor<4x3x3xf32> {gnc.role = "optimizer"}) -> (tensor<?x4x6xf32>, tensor<4x3x3xf32> {gnc.updates = 2 : i64}) {
  %y = gnc.compute [n = ?, k = 4, i = 6] sum [c = 3, r = 3] (%a = %w[k, c, r] : tensor<4x3x3xf32>, %b = %x[n, c, i + r] : tensor<?x3x8xf32>) -> tensor<?x4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, k = 4, i = 6] (%a = %y[n, k, i] : tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
    %0 = math.tanh %a : f32
    gnc.yield %0 : f32
  }
  %s = gnc.compute [k = 4, c = 3, r = 3] (%a = %m[k, c, r] : tensor<4x3x3xf32>, %b = %w[k, c, r] : tensor<4x3x3xf32>) -> tensor<4x3x3xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %z, %s : tensor<?x4x6xf32>, tensor<4x3x3xf32>
}

// -----

// However the weight was declared, it lies in memory as [c, r, k].
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2) -> (d1, d0, d2)>
// CHECK-LABEL: @declared
// CHECK-SAME: %arg1: tensor<3x3x4xf32, #[[W]]>
func.func @declared(%x: tensor<?x3x8xf32> {gnc.role = "input"}, %w: tensor<3x3x4xf32> {gnc.role = "weight"}) -> tensor<?x4x6xf32> {
  %y = gnc.compute [n = ?, k = 4, i = 6] sum [c = 3, r = 3] (%a = %w[r, c, k] : tensor<3x3x4xf32>, %b = %x[n, c, i + r] : tensor<?x3x8xf32>) -> tensor<?x4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x4x6xf32>
}

// -----

// A contraction that needs the other order of a weight reads a copy: a linear layer and its data gradient.
// CHECK-DAG: #[[T:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: @copies
// CHECK: gnc.compute [n = ?, o = 16]
// CHECK: %[[C:.*]] = gnc.compute {{.*}}(%{{.*}} = %arg1{{.*}} : tensor<16x20xf32, #[[T]]>) -> tensor<16x20xf32>
// CHECK: gnc.compute [n = ?, i = 20] sum [o = 16] {{.*}}%[[C]][o, i] : tensor<16x20xf32>
func.func @copies(%x: tensor<?x20xf32> {gnc.role = "input"}, %w: tensor<16x20xf32> {gnc.role = "weight"}) -> tensor<?x20xf32> {
  %y = gnc.compute [n = ?, o = 16] sum [i = 20] (%a = %w[o, i] : tensor<16x20xf32>, %b = %x[n, i] : tensor<?x20xf32>) -> tensor<?x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %d = gnc.compute [n = ?, i = 20] sum [o = 16] (%a = %w[o, i] : tensor<16x20xf32>, %b = %y[n, o] : tensor<?x16xf32>) -> tensor<?x20xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %d : tensor<?x20xf32>
}

// -----

// Without contractions everything is row-major.
// CHECK-NOT: affine_map
// CHECK-LABEL: @pointwise
func.func @pointwise(%x: tensor<?x3x8xf32>) -> tensor<?x8x3xf32> {
  %y = gnc.compute [n = ?, i = 8, c = 3] (%a = %x[n, c, i] : tensor<?x3x8xf32>) -> tensor<?x8x3xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<?x8x3xf32>
}

// -----

// A diagonal says nothing about an order.
// CHECK-LABEL: @diagonal
// CHECK: gnc.compute [m = 3, o = 3]
func.func @diagonal(%x: tensor<3x6xf32>, %w: tensor<3x6xf32> {gnc.role = "weight"}) -> tensor<3x3xf32> {
  %y = gnc.compute [m = 3, o = 3] sum [i = 6] (%a = %x[m, i] : tensor<3x6xf32>, %b = %w[o, i] : tensor<3x6xf32>) -> tensor<3x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [m = 3, o = 3] (%a = %y[m, m] : tensor<3x3xf32>, %b = %y[m, o] : tensor<3x3xf32>) -> tensor<3x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %z : tensor<3x3xf32>
}

// -----

// A reshape between row-major tensors is another name for them, so both stay as they are, and the reader takes their order.
// CHECK: #[[LAST:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: @reshape
// CHECK: gnc.reshape %{{.*}} : tensor<?x2x4x8xf32> -> tensor<?x8x8xf32>
// CHECK: -> tensor<?x8x8xf32, #[[LAST]]>
func.func @reshape(%x: tensor<?x2x8xf32>) -> tensor<?x8x8xf32> {
  %t = gnc.compute [n = ?, t = 2, p = 4, k = 8] (%a = %x[n, t, k] : tensor<?x2x8xf32>) -> tensor<?x2x4x8xf32> {
    gnc.yield %a : f32
  }
  %r = gnc.reshape %t : tensor<?x2x4x8xf32> -> tensor<?x8x8xf32>
  %y = gnc.compute [n = ?, k = 8, i = 8] (%a = %r[n, i, k] : tensor<?x8x8xf32>) -> tensor<?x8x8xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x8x8xf32>
}

// -----

// An input of which several elements are read at a point, across its order, is copied into the reader's order first.
// CHECK: #[[LAST:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: @several_across
// CHECK: %[[COPY:.*]] = gnc.compute {{.*}} (%{{.*}} = %arg0[{{.*}}] : tensor<?x8x6xf32>) -> tensor<?x8x6xf32, #[[LAST]]> {
// CHECK: gnc.compute [n = ?, t = 3, c = 8] (%{{.*}} = %[[COPY]][n, c, t * 2] {{.*}} = %[[COPY]][n, c, t * 2 + 1]
func.func @several_across(%x: tensor<?x8x6xf32> {gnc.role = "input"}, %w: tensor<16x8xf32> {gnc.role = "weight"}) -> tensor<?x16x3xf32> {
  %v = gnc.compute [n = ?, t = 3, c = 8] (%a = %x[n, c, t * 2] : tensor<?x8x6xf32>, %b = %x[n, c, t * 2 + 1] : tensor<?x8x6xf32>) -> tensor<?x3x8xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [n = ?, k = 16, t = 3] sum [c = 8] (%a = %w[k, c] : tensor<16x8xf32>, %b = %v[n, t, c] : tensor<?x3x8xf32>) -> tensor<?x16x3xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x16x3xf32>
}

// -----

// Columns that are larger than what they are made of are made in the contraction's order, and what they read is copied.
// CHECK: #[[OWN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1, d0)>
// CHECK: #[[LAST:.*]] = affine_map<(d0, d1, d2) -> (d0, d2, d1)>
// CHECK-LABEL: @made_in_order
// CHECK: %[[COPY:.*]] = gnc.compute {{.*}} : tensor<40x30x2xf32, #[[OWN]]>) -> tensor<40x30x2xf32, #[[LAST]]> {
// CHECK: %[[U:.*]] = gnc.compute {{.*}} = %[[COPY]][o, i, 0] {{.*}} -> tensor<3x40x30xf32> {
// CHECK: %{{.*}} = %[[U]][t, o, i]
func.func @made_in_order(%x: tensor<?x30xf32> {gnc.role = "input"}, %w: tensor<40x30x2xf32> {gnc.role = "weight"}) -> (tensor<?x40xf32>, tensor<?x3x30xf32>) {
  %y = gnc.compute [n = ?, o = 40] sum [i = 30] (%a = %x[n, i] : tensor<?x30xf32>, %b = %w[o, i, 0] : tensor<40x30x2xf32>) -> tensor<?x40xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %u = gnc.compute [t = 3, o = 40, i = 30] (%a = %w[o, i, 0] : tensor<40x30x2xf32>, %b = %w[o, i, 1] : tensor<40x30x2xf32>) -> tensor<3x40x30xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, t = 3, i = 30] sum [o = 40] (%a = %y[n, o] : tensor<?x40xf32>, %b = %u[t, o, i] : tensor<3x40x30xf32>) -> tensor<?x3x30xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x40xf32>, tensor<?x3x30xf32>
}

// -----

// A kernel of the user reads and writes row-major: what a convolution writes channels-last is copied for it, and its result stays.
// CHECK: #[[CHANNELS_LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
// CHECK-LABEL: @user
// CHECK: %[[CONV:.*]] = gnc.compute {{.*}} sum {{.*}} -> tensor<?x16x8x8xf32, #[[CHANNELS_LAST]]>
// CHECK: %[[COPY:.*]] = gnc.compute {{.*}} = %[[CONV]]{{.*}} -> tensor<?x16x8x8xf32> {
// CHECK: gnc.cuda(%[[COPY]]) {{.*}} : (tensor<?x16x8x8xf32>) -> tensor<?x16x8x8xf32>
func.func @user(%x: tensor<?x3x10x10xf32>, %w: tensor<16x3x3x3xf32>) -> tensor<?x16x8x8xf32> {
  %y = gnc.compute [n = ?, k = 16, i = 8, j = 8] sum [c = 3, r = 3, s = 3] (%a = %x[n, c, i + r, j + s] : tensor<?x3x10x10xf32>, %b = %w[k, c, r, s] : tensor<16x3x3x3xf32>) -> tensor<?x16x8x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.cuda(%y) {constants = {}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "y[i] = x[i];", threads = 64 : i64} : (tensor<?x16x8x8xf32>) -> tensor<?x16x8x8xf32>
  return %z : tensor<?x16x8x8xf32>
}

// -----

// Columns in panels stay in panels, with their last dimension innermost.
// CHECK-LABEL: @panels
// CHECK: sum [c = 90] ({{.*}} = %{{.*}}[k floordiv 16, c, k mod 16] : tensor<5x90x16xf32>) -> tensor<?x80xf32>
// CHECK-NOT: #map
func.func @panels(%x: tensor<?x90xf32> {gnc.role = "input"}, %w: tensor<5x90x16xf32> {gnc.role = "weight"}) -> tensor<?x80xf32> {
  %y = gnc.compute [n = ?, k = 80] sum [c = 90] (%a = %x[n, c] : tensor<?x90xf32>, %b = %w[k floordiv 16, c, k mod 16] : tensor<5x90x16xf32>) -> tensor<?x80xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x80xf32>
}
