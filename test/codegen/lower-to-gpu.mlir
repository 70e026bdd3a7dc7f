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

// What could not come earlier may come later: %p, which waits for the first product and has too many blocks to be beside the
// second, joins %s behind that.
// CHECK-LABEL: func.func @later()
// CHECK: gnc.launch {{.*}} writes [1](
// CHECK: gnc.launch {{.*}} writes [2](
// CHECK: gnc.launch {{.*}} writes [1, 3](
// CHECK-NOT: gnc.launch
func.func @later(%x: tensor<64x64xf32> {gnc.path = "x"}, %w: tensor<64x64xf32> {gnc.path = "w"})
    -> (tensor<100x64x64xf32> {gnc.path = "p"}, tensor<64x64xf32> {gnc.path = "s"}) {
  %y = gnc.compute [i = 64, j = 64] sum [t = 64] (%a = %w[t, i] : tensor<64x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %p = gnc.compute [k = 100, i = 64, j = 64] (%a = %y[j, i] : tensor<64x64xf32>) -> tensor<100x64x64xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [i = 64, j = 64] sum [t = 64] (%a = %x[i, t] : tensor<64x64xf32>, %b = %y[t, j] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %s = gnc.compute [i = 64, j = 64] (%a = %z[j, i] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %p, %s : tensor<100x64x64xf32>, tensor<64x64xf32>
}

// -----

// Any other equation has as many threads a block as the product beside it, so they share a kernel.
// CHECK-LABEL: func.func @beside()
// CHECK: gnc.launch @[[K:k[0-9a-f]+]] {{.*}} writes [2, 4]
// CHECK-NOT: gnc.launch
// CHECK: func.func private @[[K]]({{.*}} gnc.threads = 128
func.func @beside(%x: tensor<64x64xf32> {gnc.path = "x"}, %w: tensor<64x64xf32> {gnc.path = "w"}, %z: tensor<3000xf32> {gnc.path = "z"})
    -> (tensor<64x64xf32> {gnc.path = "y"}, tensor<3000xf32> {gnc.path = "t"}) {
  %y = gnc.compute [i = 64, j = 64] sum [t = 64] (%a = %x[i, t] : tensor<64x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %t = gnc.compute [p = 3000] (%a = %z[p] : tensor<3000xf32>) -> tensor<3000xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y, %t : tensor<64x64xf32>, tensor<3000xf32>
}

// -----

// Two products that each fill a card keep their own kernels.
// CHECK-LABEL: func.func @full()
// CHECK-COUNT-2: gnc.launch
func.func @full(%x: tensor<?x512x64xf32> {gnc.path = "x"}, %w: tensor<64x64xf32> {gnc.path = "w"})
    -> (tensor<?x512x64xf32> {gnc.path = "y"}, tensor<?x512x64xf32> {gnc.path = "z"}) {
  %y = gnc.compute [n = ?, i = 512, j = 64] sum [t = 64] (%a = %x[n, i, t] : tensor<?x512x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<?x512x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  %z = gnc.compute [n = ?, i = 512, j = 64] sum [t = 64] (%a = %x[n, 511 - i, t] : tensor<?x512x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<?x512x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y, %z : tensor<?x512x64xf32>, tensor<?x512x64xf32>
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

// A product goes through shared memory in two halves; the products of a tile of k are a loop that machine code unrolls, but those of
// the last one stay a loop.
// CHECK-LABEL: func.func @product()
// CHECK: gnc.threads = 128
// CHECK: memref.alloca() {{.*}} : memref<2176xf32, #gpu.address_space<workgroup>>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.fma
// CHECK: } {gnc.unroll = true}
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: vector.fma
// CHECK: } {gnc.unroll = false}
// CHECK-NOT: gnc.unroll
func.func @product(%x: tensor<64x64xf32> {gnc.path = "x"}, %w: tensor<64x64xf32> {gnc.path = "w"}) -> (tensor<64x64xf32> {gnc.path = "y"}) {
  %y = gnc.compute [i = 64, j = 64] sum [t = 64] (%a = %x[i, t] : tensor<64x64xf32>, %b = %w[t, j] : tensor<64x64xf32>) -> tensor<64x64xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<64x64xf32>
}

// -----

// Of two tiles of k, neither is unrolled: no loop over tiles would keep ptxas from reading both first.
// CHECK-LABEL: func.func @two()
// CHECK-COUNT-2: } {gnc.unroll = false}
// CHECK-NOT: gnc.unroll
func.func @two(%x: tensor<64x32xf32> {gnc.path = "x"}, %w: tensor<32x64xf32> {gnc.path = "w"}) -> (tensor<64x64xf32> {gnc.path = "y"}) {
  %y = gnc.compute [i = 64, j = 64] sum [t = 32] (%a = %x[i, t] : tensor<64x32xf32>, %b = %w[t, j] : tensor<32x64xf32>) -> tensor<64x64xf32> {
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

// -----

// What writes weights looks at the loss and at the word that stops it first: the kernel that computes the loss does not.
// CHECK-LABEL: func.func @commit()
// CHECK-DAG: %[[HALT:.*]] = gnc.buffer : tensor<i32> in memref<1xi32> {host = {gnc.path = "halt", gnc.role = "halt"}}
// CHECK-DAG: %[[LOSS:.*]] = gnc.buffer : tensor<f32> {{.*}}gnc.path = "loss"
// CHECK: gnc.launch @[[FIRST:k[0-9a-f]+]] {{.*}} flops
// CHECK-NOT: commit
// CHECK: gnc.launch @[[UPDATE:k[0-9a-f]+]] {{.*}}(%{{[^,]*}}, %[[LOSS]], %[[HALT]]) commit
// CHECK: func.func private @[[FIRST]](
// CHECK-NOT: math.absf
// CHECK: func.func private @[[UPDATE]](%[[W:.*]]: memref<16xf32>, %[[L:.*]]: memref<16xf32>, %[[H:.*]]: memref<1xi32>, %{{.*}}: index)
// CHECK: %[[WORD:.*]] = memref.load %[[H]]
// CHECK: %[[RUNS:.*]] = arith.cmpi eq, %[[WORD]]
// CHECK: %[[SIZE:.*]] = math.absf
// CHECK: %[[FINITE:.*]] = arith.cmpf olt, %[[SIZE]]
// CHECK: %[[GOOD:.*]] = arith.andi %[[RUNS]], %[[FINITE]]
// CHECK-NEXT: scf.if %[[GOOD]] {
// CHECK: vector.store
func.func @commit(%w: tensor<9xf32> {gnc.path = "w", gnc.role = "weight"})
    -> (tensor<f32> {gnc.path = "loss"}, tensor<9xf32> {gnc.updates = 0 : i64}) {
  %loss = gnc.compute [] sum [t = 9] (%a = %w[t] : tensor<9xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  %next = gnc.compute [p = 9] (%a = %w[p] : tensor<9xf32>) -> tensor<9xf32> {
    %0 = arith.addf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %loss, %next : tensor<f32>, tensor<9xf32>
}

// -----

// A kernel of the user is launched among ours: blocks of 64 threads for 8 elements a sample, and its text under its hash.
// CHECK-LABEL: func.func @user()
// CHECK: gnc.launch @{{.*}}(%[[X:[0-9]+]], %[[A:[0-9]+]])
// CHECK: gnc.launch @[[USER:k[0-9a-f]+]] tiles [8, 0, 64, 1] writes [1](%[[A]], %[[B:[0-9]+]])
// CHECK: gnc.launch @{{.*}}(%[[B]], %{{[0-9]+}})
// CHECK: func.func private @[[USER]](%{{.*}}: memref<32xf32>, %{{.*}}: memref<32xf32>, %{{.*}}: index) attributes {
// CHECK-SAME: gnc.cuda = {{{.*}}names = ["x", "y"]{{.*}}source = "y[i] = x[i] / C;"{{.*}}}, gnc.kernel, gnc.threads = 64 : i64}
func.func @user(%x: tensor<?x8xf32> {gnc.path = "x"}) -> (tensor<?x8xf32> {gnc.path = "y"}) {
  %a = gnc.compute [n = ?, i = 8] (%e = %x[n, i] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = arith.addf %e, %e : f32
    gnc.yield %0 : f32
  }
  %b = gnc.cuda(%a) {constants = {C = 8 : i64}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "y[i] = x[i] / C;", threads = 64 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %c = gnc.compute [n = ?, i = 8] (%e = %b[n, i] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = arith.mulf %e, %e : f32
    gnc.yield %0 : f32
  }
  return %c : tensor<?x8xf32>
}
