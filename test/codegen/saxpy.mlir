// A program by hand: y = alpha * x + w for every sample, and a step that adds the mean of x to w.
// RUN: gnc-opt %s --gnc-plan-memory | FileCheck %s
// RUN: gnc compile %s --emit=llvm -o - | FileCheck %s --check-prefix=LLVM
// RUN: gnc compile %s --emit=asm -o - | FileCheck %s --check-prefix=ASM

// CHECK-LABEL: func.func @train() attributes
// CHECK-SAME: gnc.arena_bytes = 576 : i64
// CHECK-SAME: gnc.persistent_bytes = 64 : i64
// CHECK: gnc.buffer at 64

// LLVM: define internal void @saxpy(i64 %0, i64 %1, i64 %2, ptr %3, ptr %4, ptr %5, ptr %6)
// LLVM: define {{.*}}void @gnc_kernel_{{[0-9a-f]+}}(i64 %0, i64 %1, i64 %2, ptr %3)
// LLVM: tail call void @saxpy(

// ASM: .globl gnc_kernel_

module attributes {gnc.recipe = {net = "Saxpy", batch = 4 : i64, epochs = 2 : i64, seed = 7 : i64, validate = 0.0 : f64,
    source = {kind = "synthetic", count = 16 : i64, seed = 1 : i64}, metrics = [], outputs = [], best = ""}} {
  func.func @saxpy(%lo: index, %hi: index, %n: index, %alpha: memref<1xf32>, %x: memref<32xf32>, %w: memref<8xf32>,
                   %y: memref<32xf32>) attributes {gnc.kernel} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %a = memref.load %alpha[%c0] : memref<1xf32>
    %as = vector.broadcast %a : f32 to vector<8xf32>
    %ws = vector.load %w[%c0] : memref<8xf32>, vector<8xf32>
    scf.for %t = %lo to %hi step %c1 {
      %at = arith.muli %t, %c8 : index
      %xs = vector.load %x[%at] : memref<32xf32>, vector<8xf32>
      %ys = vector.fma %as, %xs, %ws : vector<8xf32>
      vector.store %ys, %y[%at] : memref<32xf32>, vector<8xf32>
    }
    return
  }
  // The same kernel under another name.
  func.func @saxpy_twin(%lo: index, %hi: index, %n: index, %alpha: memref<1xf32>, %x: memref<32xf32>, %w: memref<8xf32>,
                        %y: memref<32xf32>) attributes {gnc.kernel} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %a = memref.load %alpha[%c0] : memref<1xf32>
    %as = vector.broadcast %a : f32 to vector<8xf32>
    %ws = vector.load %w[%c0] : memref<8xf32>, vector<8xf32>
    scf.for %t = %lo to %hi step %c1 {
      %at = arith.muli %t, %c8 : index
      %xs = vector.load %x[%at] : memref<32xf32>, vector<8xf32>
      %ys = vector.fma %as, %xs, %ws : vector<8xf32>
      vector.store %ys, %y[%at] : memref<32xf32>, vector<8xf32>
    }
    return
  }
  func.func @loss(%lo: index, %hi: index, %n: index, %y: memref<32xf32>, %loss: memref<1xf32>) attributes {gnc.kernel} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %zero = arith.constant 0.0 : f32
    %end = arith.muli %n, %c8 : index
    %sum = scf.for %i = %c0 to %end step %c1 iter_args(%s = %zero) -> f32 {
      %v = memref.load %y[%i] : memref<32xf32>
      %e = math.exp %v : f32
      %next = arith.addf %s, %e : f32
      scf.yield %next : f32
    }
    memref.store %sum, %loss[%c0] : memref<1xf32>
    return
  }
  func.func @update(%lo: index, %hi: index, %n: index, %x: memref<32xf32>, %w: memref<8xf32>) attributes {gnc.kernel} {
    %c0 = arith.constant 0 : index
    %xs = vector.load %x[%c0] : memref<32xf32>, vector<8xf32>
    %ws = vector.load %w[%c0] : memref<8xf32>, vector<8xf32>
    %sum = arith.addf %xs, %ws : vector<8xf32>
    vector.store %sum, %w[%c0] : memref<8xf32>, vector<8xf32>
    return
  }
  func.func @train() attributes {gnc.batch = 4 : i64} {
    %alpha = gnc.buffer : tensor<f32> in memref<1xf32> {host = {gnc.role = "schedule", gnc.path = "alpha", gnc.schedule = "2"}}
    %x = gnc.buffer : tensor<?x2x4xf32, affine_map<(n, i, j) -> (n, j, i)>> in memref<32xf32> {host = {gnc.role = "input", gnc.path = "x", gnc.member = "x"}}
    %w = gnc.buffer : tensor<2x4xf32, affine_map<(i, j) -> (j, i)>> in memref<8xf32> {host = {gnc.role = "weight", gnc.path = "Saxpy.w", gnc.init = "constant", gnc.init_a = 1.0 : f64, gnc.shape = [8]}}
    %y = gnc.buffer : tensor<?x8xf32> in memref<32xf32>
    %z = gnc.buffer : tensor<?x8xf32> in memref<32xf32>
    %loss = gnc.buffer : tensor<f32> in memref<1xf32> {host = {gnc.role = "result", gnc.path = "loss"}}
    %unused = gnc.buffer : tensor<f32> in memref<1xf32>
    gnc.launch @saxpy tiles [1, 0, 1, 1] writes [3] (%alpha, %x, %w, %y) flops(16, 0) : memref<1xf32>, memref<32xf32>, memref<8xf32>, memref<32xf32> loc("Saxpy"("saxpy.net":3:7))
    gnc.launch @saxpy_twin tiles [1, 0, 1, 1] writes [3] (%alpha, %y, %w, %z) flops(16, 0) : memref<1xf32>, memref<32xf32>, memref<8xf32>, memref<32xf32> loc("Saxpy"("saxpy.net":3:7))
    gnc.launch @loss tiles [0, 1, 1, 1] writes [1] (%y, %loss) flops(8, 0) : memref<32xf32>, memref<1xf32>
    gnc.launch @update tiles [0, 1, 1, 1] writes [1] (%x, %w) commit flops(0, 8) : memref<32xf32>, memref<8xf32>
    return
  }
}
