// RUN: gnc-opt %s --gnc-store-half=type=bf16 --split-input-file | FileCheck %s
// RUN: gnc-opt %s --gnc-store-half=type=f16 --split-input-file | FileCheck %s --check-prefix=F16

// What is read again is stored in half, whichever way it is viewed; scalars stay f32, and so does what
// the host sees. The last tensor leads to an update alone, as a gradient does, which f16 cannot hold.
// CHECK-LABEL: func.func @train
// CHECK: %[[A:.*]] = gnc.compute {{.*}} : tensor<?x64xf32>) -> tensor<?x64xbf16>
// CHECK-NEXT: gnc.yield %{{.*}} : f32
// CHECK: gnc.reshape %[[A]] : tensor<?x64xbf16> -> tensor<?x8x8xbf16>
// CHECK: gnc.compute {{.*}} : tensor<?x8x8xbf16>) -> tensor<?x8x8xf32>
// CHECK: gnc.compute {{.*}} : tensor<?x64xbf16>) -> tensor<?x64xbf16>
// CHECK: gnc.compute {{.*}} : tensor<?x64xbf16>) -> tensor<64xf32>
// F16-LABEL: func.func @train
// F16: -> tensor<?x64xf16>
// F16: -> tensor<?x8x8xf32>
// F16: gnc.compute {{.*}} : tensor<?x64xf16>) -> tensor<?x64xf32>
func.func @train(%x: tensor<?x64xf32> {gnc.role = "input"}, %w: tensor<64xf32> {gnc.role = "weight"})
    -> (tensor<?x8x8xf32> {gnc.path = "loss"}, tensor<64xf32> {gnc.updates = 1 : i64}) {
  %a = gnc.compute [n = ?, i = 64] (%p = %x[n, i] : tensor<?x64xf32>) -> tensor<?x64xf32> {
    gnc.yield %p : f32
  }
  %v = gnc.reshape %a : tensor<?x64xf32> -> tensor<?x8x8xf32>
  %y = gnc.compute [n = ?, i = 8, j = 8] (%p = %v[n, j, i] : tensor<?x8x8xf32>) -> tensor<?x8x8xf32> {
    gnc.yield %p : f32
  }
  %g = gnc.compute [n = ?, i = 64] (%p = %a[n, i] : tensor<?x64xf32>) -> tensor<?x64xf32> {
    %0 = arith.mulf %p, %p : f32
    gnc.yield %0 : f32
  }
  %s = gnc.compute [i = 64] sum [n = ?] (%p = %g[n, i] : tensor<?x64xf32>) -> tensor<64xf32> {
    gnc.yield %p : f32
  }
  return %y, %s : tensor<?x8x8xf32>, tensor<64xf32>
}

// -----

// A sum in stages is not rounded between them, and tensors of few elements a sample are not worth it.
// CHECK-LABEL: func.func @train
// CHECK-NOT: bf16
func.func @train(%x: tensor<?x64x9xf32>) -> tensor<?xf32> {
  %a = gnc.compute [n = ?, i = 64] sum [j = 9] (%p = %x[n, i, j] : tensor<?x64x9xf32>) -> tensor<?x64xf32> {
    gnc.yield %p : f32
  }
  %b = gnc.compute [n = ?] sum [i = 64] (%p = %a[n, i] : tensor<?x64xf32>) -> tensor<?xf32> {
    gnc.yield %p : f32
  }
  %c = gnc.compute [n = ?] (%p = %b[n] : tensor<?xf32>) -> tensor<?xf32> {
    %0 = arith.mulf %p, %p : f32
    gnc.yield %0 : f32
  }
  return %c : tensor<?xf32>
}

// -----

// Evaluation and inference are f32.
// CHECK-LABEL: func.func @infer
// CHECK-NOT: bf16
func.func @infer(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %a = gnc.compute [n = ?, i = 64] (%p = %x[n, i] : tensor<?x64xf32>) -> tensor<?x64xf32> {
    %0 = arith.mulf %p, %p : f32
    gnc.yield %0 : f32
  }
  %b = gnc.compute [n = ?, i = 64] (%p = %a[n, i] : tensor<?x64xf32>) -> tensor<?x64xf32> {
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  return %b : tensor<?x64xf32>
}
