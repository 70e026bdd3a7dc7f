// RUN: gnc-opt %s --split-input-file --gnc-lower-to-kernels="batch=4 gpu" | FileCheck %s

// The kernel of a card takes buffers and the batch. Its threads take four elements each, as vectors at multiples of their
// size; the last vector of a memory that is no multiple of four is taken element by element.
// CHECK-LABEL: func.func @pointwise()
// CHECK: gnc.launch @[[K:k[0-9a-f]+]] tiles [15, 0, 1024, 1] writes [1]
// CHECK: func.func private @[[K]](%{{.*}}: memref<64xf32>, %{{.*}}: memref<64xf32>, %{{.*}}: index) attributes {gnc.kernel, gnc.threads = 256 : i64}
// CHECK: gpu.thread_id x
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<64xf32>, vector<4xf32>
// CHECK: vector.store {{.*}} {alignment = 16 : i64}
// CHECK: else
// CHECK: memref.load
func.func @pointwise(%x: tensor<?x3x5xf32> {gnc.path = "x"}) -> (tensor<?x3x5xf32> {gnc.path = "y"}) {
  %y = gnc.compute [n = ?, c = 3, i = 5] (%a = %x[n, c, i] : tensor<?x3x5xf32>) -> tensor<?x3x5xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<?x3x5xf32>
}

// -----

// A long sum is taken by the threads of a block, who meet at a barrier, in no branch.
// CHECK-LABEL: func.func @sum()
// CHECK: func.func private @{{k[0-9a-f]+}}(
// CHECK: memref.alloca() {{.*}} : memref<8xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.shuffle {{ *}}xor
// CHECK: {{^}}    gpu.barrier
func.func @sum(%x: tensor<2x3000xf32> {gnc.path = "x"}) -> (tensor<2xf32> {gnc.path = "y"}) {
  %y = gnc.compute [p = 2] sum [t = 3000] (%a = %x[p, t] : tensor<2x3000xf32>) -> tensor<2xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<2xf32>
}

// -----

// Equations that do not depend on each other share a launch: the first block computes %y, the others %z.
// CHECK-LABEL: func.func @together()
// CHECK: gnc.launch @[[K:k[0-9a-f]+]] {{.*}} writes [1, 3]
// CHECK-NOT: gnc.launch
// CHECK: func.func private @[[K]](
// CHECK: %[[B:.*]] = gpu.block_id x
// CHECK: arith.cmpi slt, %[[B]], %c1
func.func @together(%x: tensor<9xf32> {gnc.path = "x"}, %w: tensor<3xf32> {gnc.path = "w"})
    -> (tensor<9xf32> {gnc.path = "y"}, tensor<3xf32> {gnc.path = "z"}) {
  %y = gnc.compute [p = 9] (%a = %x[p] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [p = 3] (%a = %w[p] : tensor<3xf32>) -> tensor<3xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<9xf32>, tensor<3xf32>
}

// -----

// A kernel with a product has few blocks at a time: what waits for memory, and has many, keeps its own.
// CHECK-LABEL: func.func @apart()
// CHECK-COUNT-2: gnc.launch
func.func @apart(%x: tensor<64x64xf32> {gnc.path = "x"}, %w: tensor<64x64xf32> {gnc.path = "w"}, %z: tensor<300000xf32> {gnc.path = "z"})
    -> (tensor<64x64xf32> {gnc.path = "y"}, tensor<300000xf32> {gnc.path = "t"}) {
  %y = gnc.compute [i = 64, j = 64] sum [t = 64] (%a = %x[i, t] : tensor<64x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %t = gnc.compute [p = 300000] (%a = %z[p] : tensor<300000xf32>) -> tensor<300000xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %t : tensor<64x64xf32>, tensor<300000xf32>
}

// -----

// An equation moves over few launches, as its result would wait for its readers: %z joins the second of four.
// CHECK-LABEL: func.func @near()
// CHECK: gnc.launch {{.*}} writes [1](
// CHECK: gnc.launch {{.*}} writes [1, 3](
// CHECK: gnc.launch {{.*}} writes [1](
// CHECK: gnc.launch {{.*}} writes [1](
func.func @near(%x: tensor<9xf32> {gnc.path = "x"}, %w: tensor<3xf32> {gnc.path = "w"})
    -> (tensor<9xf32> {gnc.path = "y"}, tensor<3xf32> {gnc.path = "z"}) {
  %a = gnc.compute [p = 9] (%a = %x[p] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [p = 9] (%c = %a[8 - p] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %c, %c : f32
    gnc.yield %0 : f32
  }
  %d = gnc.compute [p = 9] (%c = %b[8 - p] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.mulf %c, %c : f32
    gnc.yield %0 : f32
  }
  %y = gnc.compute [p = 9] (%c = %d[8 - p] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %c, %c : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [p = 3] (%c = %w[p] : tensor<3xf32>) -> tensor<3xf32> {
    %0 = arith.mulf %c, %c : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<9xf32>, tensor<3xf32>
}

// -----

// A product goes through shared memory in two halves; the products of a tile of k are a loop that machine code unrolls.
// CHECK-LABEL: func.func @product()
// CHECK: gnc.threads = 256
// CHECK: memref.alloca() {{.*}} : memref<2176xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.fma
// CHECK: } {gnc.unroll}
// CHECK: gpu.barrier
func.func @product(%x: tensor<64x64xf32> {gnc.path = "x"}, %w: tensor<64x64xf32> {gnc.path = "w"}) -> (tensor<64x64xf32> {gnc.path = "y"}) {
  %y = gnc.compute [i = 64, j = 64] sum [t = 64] (%a = %x[i, t] : tensor<64x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<64x64xf32>
}

// -----

// Rows of a weight gradient are the window's and the channels': neighbours in memory, the channels, go to neighbouring threads, four
// at a time, though the window's index comes last in the equation.
// CHECK-LABEL: func.func @gradient()
// CHECK: %[[X:[a-z0-9]+]]: memref<{{[0-9]+}}xf32>
// CHECK: vector.load %[[X]]
// CHECK-NOT: memref.load %[[X]]
func.func @gradient(%x: tensor<66x64xf32> {gnc.path = "x"}, %d: tensor<64x64xf32> {gnc.path = "d"}) -> (tensor<64x3x64xf32> {gnc.path = "y"}) {
  %y = gnc.compute [c = 64, s = 3, k = 64] sum [i = 64] (%a = %x[i + s, c] : tensor<66x64xf32>, %b = %d[i, k] : tensor<64x64xf32>) -> tensor<64x3x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<64x3x64xf32>
}
