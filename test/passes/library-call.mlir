// An equation that a library computes is left as it is, borders and long sums included.
// RUN: gnc-opt %s --gnc-split-reduction --gnc-split-residues --gnc-materialize-guards | FileCheck %s --check-prefix=SAME
// SAME: gnc.compute [n = ?, k = 2, i = 8, j = 8] sum [c = 2, r = 3, s = 3]
// SAME-SAME: i + r - 1, j + s - 1] ?? 0.000000e+00
// SAME: gnc.library =
// SAME: gnc.compute [n = ?, i0 = 2, i1 = 8, i2 = 8]
// SAME: gnc.compute [k = 4, c = 2, r = 3, s = 3] sum [n = ?, i = 8, j = 8]
// SAME-SAME: r + i - 1, s + j - 1] ?? 0.000000e+00
// SAME: gnc.library =
// SAME: gnc.compute [i0 = 4, i1 = 2, i2 = 3, i3 = 3]
// SAME-NOT: gnc.compute

// Its tensors lie as it says: inputs are copied, what is computed for it is computed so.
// RUN: gnc-opt %s --gnc-assign-layouts | FileCheck %s --check-prefix=LAYOUT
// LAYOUT: #[[LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
// LAYOUT: gnc.compute {{.*}} = %arg0[{{.*}} -> tensor<?x2x8x8xf32, #[[LAST]]> {
// LAYOUT: gnc.compute {{.*}} sum {{.*}} -> tensor<?x2x8x8xf32, #[[LAST]]> {
// LAYOUT: gnc.compute {{.*}} -> tensor<?x2x8x8xf32, #[[LAST]]> {
// LAYOUT: gnc.compute {{.*}} = %arg2[{{.*}} -> tensor<?x4x8x8xf32, #[[LAST]]> {
// LAYOUT: gnc.compute {{.*}} sum {{.*}} tensor<?x2x8x8xf32, #[[LAST]]>, {{.*}} tensor<?x4x8x8xf32, #[[LAST]]>) -> tensor<4x2x3x3xf32, #[[LAST]]> {

// It reads and writes f32, whatever else is stored in half.
// RUN: gnc-opt %s --gnc-store-half="type=bf16 few-elements=1" | FileCheck %s --check-prefix=HALF --implicit-check-not=bf16
// HALF: gnc.library =
// HALF: gnc.library =
func.func @train(%x: tensor<?x2x8x8xf32> {gnc.role = "input"}, %w: tensor<2x2x3x3xf32> {gnc.role = "weight"}, %dy: tensor<?x4x8x8xf32> {gnc.role = "input"})
    -> (tensor<4x2x3x3xf32> {gnc.path = "loss"}) {
  %f = gnc.compute [n = ?, k = 2, i = 8, j = 8] sum [c = 2, r = 3, s = 3]
      (%p = %w[k, c, r, s] : tensor<2x2x3x3xf32>, %q = %x[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x2x8x8xf32>)
      -> tensor<?x2x8x8xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } {gnc.library = {ids = array<i64: 2, 1, 3>, operands = array<i64: 0, 1, 2>, orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>], plan = "p", workspace = 0 : i64}}
  %a = gnc.compute [n = ?, i0 = 2, i1 = 8, i2 = 8] (%p = %f[n, i0, i1, i2] : tensor<?x2x8x8xf32>) -> tensor<?x2x8x8xf32> {
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  %dw = gnc.compute [k = 4, c = 2, r = 3, s = 3] sum [n = ?, i = 8, j = 8]
      (%p = %a[n, c, i + r - 1, j + s - 1] ?? 0.0 : tensor<?x2x8x8xf32>, %q = %dy[n, k, i, j] : tensor<?x4x8x8xf32>)
      -> tensor<4x2x3x3xf32> {
    %0 = arith.mulf %p, %q : f32
    gnc.yield %0 : f32
  } {gnc.library = {ids = array<i64: 1, 3, 2>, operands = array<i64: 0, 1, 2>, orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>], plan = "p", workspace = 0 : i64}}
  %r = gnc.compute [i0 = 4, i1 = 2, i2 = 3, i3 = 3] (%p = %dw[i0, i1, i2, i3] : tensor<4x2x3x3xf32>) -> tensor<4x2x3x3xf32> {
    %0 = arith.addf %p, %p : f32
    gnc.yield %0 : f32
  }
  return %r : tensor<4x2x3x3xf32>
}
