// RUN: gnc-opt %s --split-input-file --gnc-lower-to-kernels=batch=4 | FileCheck %s

// An equation becomes a launch of a kernel over buffers for 4 samples; the host sees arguments and results. A pointwise
// equation over one layout is one loop over memory, in vectors of 8 and a rest.
// CHECK-LABEL: func.func @pointwise() attributes {gnc.batch = 4 : i64}
// CHECK: %[[X:.*]] = gnc.buffer : tensor<?x3x5xf32> in memref<64xf32> {host = {gnc.path = "x", gnc.role = "input"}}
// CHECK: %[[Y:.*]] = gnc.buffer : tensor<?x3x5xf32> in memref<64xf32> {host = {gnc.path = "y", gnc.role = "result"}}
// CHECK: gnc.launch @[[K:k[0-9a-f]+]] tiles [15, 0, {{[0-9]+}}, 1] writes [1](%[[X]], %[[Y]]) flops(
// CHECK-NOT: commit
// CHECK: func.func private @[[K]](%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: memref<64xf32>, %{{.*}}: memref<64xf32>) attributes {gnc.kernel}
// CHECK: vector.load {{.*}} vector<8xf32>
// CHECK: vector.store
// CHECK: memref.load
// CHECK: memref.store
func.func @pointwise(%x: tensor<?x3x5xf32> {gnc.path = "x"}) -> (tensor<?x3x5xf32> {gnc.path = "y"}) {
  %y = gnc.compute [n = ?, c = 3, i = 5] (%a = %x[n, c, i] : tensor<?x3x5xf32>) -> tensor<?x3x5xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x3x5xf32>
}

// -----

// Equal forms are one kernel, whatever indices, order of factors and source are called.
// CHECK-LABEL: func.func @twice()
// CHECK: gnc.launch @[[K:k[0-9a-f]+]] tiles
// CHECK: gnc.launch @[[K]] tiles
// CHECK: func.func private @[[K]]
// CHECK: vector.fma
// CHECK-NOT: func.func
func.func @twice(%x: tensor<?x6xf32> {gnc.path = "x"}, %w: tensor<6x8xf32> {gnc.path = "w"}) -> (tensor<?x8xf32> {gnc.path = "y"}, tensor<?x8xf32> {gnc.path = "z"}) {
  %y = gnc.compute [n = ?, o = 8] sum [i = 6] (%a = %x[n, i] : tensor<?x6xf32>, %b = %w[i, o] : tensor<6x8xf32>) -> tensor<?x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [m = ?, column = 8] sum [row = 6] (%b = %w[row, column] : tensor<6x8xf32>, %a = %x[m, row] : tensor<?x6xf32>) -> tensor<?x8xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// An update that walks its weight element by element happens in the weight's own buffer, and comes last.
// CHECK-LABEL: func.func @update()
// CHECK: %[[W:.*]] = gnc.buffer : tensor<8xf32> {{.*}}gnc.path = "w"
// CHECK: %[[L:.*]] = gnc.buffer : tensor<f32> {{.*}}gnc.path = "loss"
// CHECK: gnc.launch @{{.*}} writes [1](%[[W]], %[[L]]) flops
// CHECK: gnc.launch @{{.*}} writes [0](%[[W]], %{{.*}}) commit flops
// CHECK-NOT: gnc.launch
func.func @update(%w: tensor<8xf32> {gnc.role = "weight", gnc.path = "w"}, %g: tensor<8xf32> {gnc.path = "g"}) -> (tensor<8xf32> {gnc.updates = 0 : i64}, tensor<f32> {gnc.path = "loss"}) {
  %v = gnc.compute [i = 8] (%a = %w[i] : tensor<8xf32>, %b = %g[i] : tensor<8xf32>) -> tensor<8xf32> {
    %0 = arith.subf %a, %b : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [i = 8] (%a = %w[i] : tensor<8xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  return %v, %l : tensor<8xf32>, tensor<f32>
}

// -----

// One that reads other elements is computed beside and copied over the weight at the end.
// CHECK-LABEL: func.func @shifted()
// CHECK: %[[W:.*]] = gnc.buffer : tensor<8xf32> {{.*}}gnc.path = "w"
// CHECK: %[[V:.*]] = gnc.buffer : tensor<8xf32> in memref<16xf32>{{$}}
// CHECK: gnc.launch @{{.*}} writes [1](%[[W]], %[[V]]) flops
// CHECK: gnc.launch @{{.*}} writes [1](%[[V]], %[[W]]) commit flops
func.func @shifted(%w: tensor<8xf32> {gnc.role = "weight", gnc.path = "w"}) -> (tensor<8xf32> {gnc.updates = 0 : i64}) {
  %v = gnc.compute [i = 8] (%a = %w[i - 1] ?? 0.0 : tensor<8xf32>) -> tensor<8xf32> {
    gnc.yield %a : f32
  }
  return %v : tensor<8xf32>
}

// -----

// An update beside something that the host reads is no update in place: the host reads before the commit.
// CHECK-LABEL: func.func @shown()
// CHECK: gnc.launch @{{.*}} writes [2, 3]({{.*}}) flops
// CHECK: gnc.launch @{{.*}} commit flops
func.func @shown(%w: tensor<8xf32> {gnc.role = "weight", gnc.path = "w"}, %g: tensor<8xf32> {gnc.path = "g"}) -> (tensor<8xf32> {gnc.updates = 0 : i64}, tensor<8xf32> {gnc.path = "y"}) {
  %v:2 = gnc.compute [i = 8] (%a = %w[i] : tensor<8xf32>, %b = %g[i] : tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
    %0 = arith.subf %a, %b : f32
    %1 = arith.addf %a, %b : f32
    gnc.yield %0, %1 : f32, f32
  }
  return %v#0, %v#1 : tensor<8xf32>, tensor<8xf32>
}

// -----

// A reshape between row-major tensors is another name for a buffer; one that moves elements is an equation.
// CHECK-LABEL: func.func @reshapes()
// CHECK: %[[X:.*]] = gnc.buffer : tensor<?x6xf32>
// CHECK: gnc.launch @{{.*}} tiles {{.*}}(%[[X]], %[[Y:.*]]) flops
// CHECK: gnc.launch @{{.*}} tiles {{.*}}(%[[Y]], %[[Z:.*]]) flops
// CHECK: gnc.launch @{{.*}} tiles {{.*}}(%[[Z]], %{{.*}}) flops
// CHECK-NOT: gnc.launch
func.func @reshapes(%x: tensor<?x6xf32> {gnc.path = "x"}) -> (tensor<?x6xf32> {gnc.path = "z"}) {
  %v = gnc.reshape %x : tensor<?x6xf32> -> tensor<?x2x3xf32>
  %y = gnc.compute [n = ?, i = 2, j = 3] (%a = %v[n, i, j] : tensor<?x2x3xf32>) -> tensor<?x2x3xf32, affine_map<(n, i, j) -> (n, j, i)>> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %w = gnc.reshape %y : tensor<?x2x3xf32, affine_map<(n, i, j) -> (n, j, i)>> -> tensor<?x6xf32>
  %z = gnc.compute [n = ?, i = 6] (%a = %w[n, i] : tensor<?x6xf32>) -> tensor<?x6xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %z : tensor<?x6xf32>
}

// -----

// Random numbers have no buffer. The site is data, so that two layers share a kernel.
// CHECK-LABEL: func.func @random()
// CHECK: %[[X:.*]] = gnc.buffer : tensor<?x6xf32>
// CHECK: %[[S:.*]] = gnc.buffer : tensor<4xi32> {{.*}}gnc.role = "stream"
// CHECK: %[[FIRST:.*]] = gnc.buffer : tensor<2xi32> in memref<2xi32> {constant = array<i32: 3, 0>}
// CHECK: %[[SECOND:.*]] = gnc.buffer : tensor<2xi32> in memref<2xi32> {constant = array<i32: 5, 1>}
// CHECK: gnc.launch @[[K:k[0-9a-f]+]] {{.*}}(%[[X]], %[[FIRST]], %[[S]], %[[Y:[0-9]+]])
// CHECK: gnc.launch @[[K]] {{.*}}(%[[Y]], %[[SECOND]], %[[S]], %{{[0-9]+}})
// CHECK-NOT: gnc.launch
func.func @random(%x: tensor<?x6xf32> {gnc.path = "x"}, %s: tensor<4xi32> {gnc.role = "stream", gnc.path = "stream"}) -> (tensor<?x6xf32> {gnc.path = "z"}) {
  %u = gnc.random %s site 3 : tensor<?x6xf32>
  %v = gnc.random %s site 4294967301 : tensor<?x6xf32>
  %y = gnc.compute [n = ?, i = 6] (%a = %x[n, i] : tensor<?x6xf32>, %b = %u[n, i] : tensor<?x6xf32>) -> tensor<?x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, i = 6] (%a = %y[n, i] : tensor<?x6xf32>, %b = %v[n, i] : tensor<?x6xf32>) -> tensor<?x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %z : tensor<?x6xf32>
}

// -----

// A pool over whole windows of a sum's rows joins it: one launch, and no buffer for the sums.
// CHECK-LABEL: func.func @window()
// CHECK-COUNT-3: gnc.buffer
// CHECK-NOT: gnc.buffer
// CHECK: gnc.launch
// CHECK-NOT: gnc.launch
func.func @window(%x: tensor<?x12x9xf32> {gnc.path = "x"}, %w: tensor<9x16xf32> {gnc.path = "w"}) -> (tensor<?x6x16xf32> {gnc.path = "p"}) {
  %t = gnc.compute [n = ?, i = 6, r = 2, k = 16] sum [c = 9]
      (%a = %x[n, i * 2 + r, c] : tensor<?x12x9xf32>, %b = %w[c, k] : tensor<9x16xf32>) -> tensor<?x6x2x16xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [n = ?, i = 6, k = 16] max [r = 2] (%a = %t[n, i, r, k] : tensor<?x6x2x16xf32>) -> tensor<?x6x16xf32> {
    gnc.yield %a : f32
  }
  return %p : tensor<?x6x16xf32>
}

// -----

// A copy whose elements lie where those of its operand do is another name for the buffer; one that moves elements is not.
// CHECK-LABEL: func.func @names()
// CHECK-COUNT-3: gnc.launch
// CHECK-NOT: gnc.launch
// CHECK: return
func.func @names(%x: tensor<?x2x3x2xf32> {gnc.path = "x"}) -> (tensor<?x2x6xf32> {gnc.path = "y"}) {
  %t = gnc.compute [n = ?, c = 2, p = 3, m = 2] (%a = %x[n, c, p, m] : tensor<?x2x3x2xf32>) -> tensor<?x2x3x2xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %same = gnc.compute [n = ?, c = 2, q = 6] (%a = %t[n, c, q floordiv 2, q mod 2] : tensor<?x2x3x2xf32>) -> tensor<?x2x6xf32> {
    gnc.yield %a : f32
  }
  %moved = gnc.compute [n = ?, c = 2, q = 6] (%a = %t[n, c, q mod 3, q floordiv 3] : tensor<?x2x3x2xf32>) -> tensor<?x2x6xf32> {
    gnc.yield %a : f32
  }
  %y = gnc.compute [n = ?, c = 2, q = 6] (%a = %same[n, c, q] : tensor<?x2x6xf32>, %b = %moved[n, c, q] : tensor<?x2x6xf32>) -> tensor<?x2x6xf32> {
    %0 = arith.addf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x2x6xf32>
}
