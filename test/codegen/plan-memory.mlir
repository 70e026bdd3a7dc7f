// What persists comes first, then what the host sees, then temporaries that share by lifetime.
// RUN: gnc-opt %s --gnc-plan-memory | FileCheck %s
// Planning a second time changes nothing.
// RUN: gnc-opt %s --gnc-plan-memory --gnc-plan-memory | FileCheck %s

func.func private @one(index, index, index, memref<100xf32>, memref<100xf32>) attributes {gnc.kernel}

// Weight and optimizer state: 2 * 448 bytes. Schedule, input, result: 64 + 448 + 64. Temporaries: a (launches 0 to 1) and
// c (2 to 3) are never alive together, b (1 to 2) meets both: 2 * 448.
// CHECK-LABEL: func.func @train() attributes
// CHECK-SAME: gnc.arena_bytes = 2368 : i64
// CHECK-SAME: gnc.persistent_bytes = 896 : i64
func.func @train() {
  // CHECK-NEXT: gnc.buffer at 1408 : {{.*}}gnc.role = "result"
  %loss = gnc.buffer : tensor<f32> in memref<16xf32> {host = {gnc.role = "result", gnc.path = "loss"}}
  // CHECK-NEXT: gnc.buffer at 960 : {{.*}}gnc.role = "input"
  %x = gnc.buffer : tensor<?x10xf32> in memref<100xf32> {host = {gnc.role = "input", gnc.path = "x"}}
  // CHECK-NEXT: gnc.buffer at 448 : {{.*}}gnc.role = "optimizer"
  %m = gnc.buffer : tensor<100xf32> in memref<100xf32> {host = {gnc.role = "optimizer", gnc.path = "w"}}
  // CHECK-NEXT: gnc.buffer at 896 : {{.*}}gnc.role = "schedule"
  %rate = gnc.buffer : tensor<f32> in memref<16xf32> {host = {gnc.role = "schedule", gnc.path = "rate"}}
  // CHECK-NEXT: gnc.buffer at 0 : {{.*}}gnc.role = "weight"
  %w = gnc.buffer : tensor<100xf32> in memref<100xf32> {host = {gnc.role = "weight", gnc.path = "w"}}
  // CHECK-NEXT: gnc.buffer at 1472 : tensor<?x10xf32>
  %a = gnc.buffer : tensor<?x10xf32> in memref<100xf32>
  // CHECK-NEXT: gnc.buffer at 1920 : tensor<?x10xf32>
  %b = gnc.buffer : tensor<?x10xf32> in memref<100xf32>
  // CHECK-NEXT: gnc.buffer at 1472 : tensor<?x10xf32>
  %c = gnc.buffer : tensor<?x10xf32> in memref<100xf32>
  // Nobody uses this one.
  // CHECK-NEXT: gnc.launch
  %d = gnc.buffer : tensor<?x10xf32> in memref<100xf32>
  gnc.launch @one tiles [1, 0, 1, 1] writes [1] (%x, %a) flops(0, 0) : memref<100xf32>, memref<100xf32>
  gnc.launch @one tiles [1, 0, 1, 1] writes [1] (%a, %b) flops(0, 0) : memref<100xf32>, memref<100xf32>
  gnc.launch @one tiles [1, 0, 1, 1] writes [1] (%b, %c) flops(0, 0) : memref<100xf32>, memref<100xf32>
  gnc.launch @one tiles [1, 0, 1, 1] writes [1] (%c, %w) commit flops(0, 0) : memref<100xf32>, memref<100xf32>
  return
}

// A function of equations is left alone.
// CHECK-LABEL: func.func @graph
// CHECK-NOT: gnc.arena_bytes
func.func @graph(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// Constants are there from the beginning on: no temporary takes their place.
// CHECK-LABEL: func.func @constants() attributes
// CHECK-SAME: gnc.arena_bytes = 576 : i64
func.func @constants() {
  // CHECK-NEXT: gnc.buffer at 128 : tensor<?x10xf32>
  %a = gnc.buffer : tensor<?x10xf32> in memref<100xf32>
  // CHECK-NEXT: gnc.buffer at 64 : tensor<2xi32> in memref<2xi32> {constant = array<i32: 3, 0>}
  %site = gnc.buffer : tensor<2xi32> in memref<2xi32> {constant = array<i32: 3, 0>}
  // CHECK-NEXT: gnc.buffer at 0 : {{.*}}gnc.role = "stream"
  %s = gnc.buffer : tensor<4xi32> in memref<16xi32> {host = {gnc.role = "stream", gnc.path = "stream"}}
  gnc.launch @one tiles [1, 0, 1, 1] writes [1] (%a, %a) flops(0, 0) : memref<100xf32>, memref<100xf32>
  gnc.launch @draw tiles [1, 0, 1, 1] writes [2] (%s, %site, %a) flops(0, 0) : memref<16xi32>, memref<2xi32>, memref<100xf32>
  return
}
