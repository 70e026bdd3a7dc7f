func.func @infer(%x: tensor<8x8xf32> {gnc.path = "x", gnc.role = "input"}) -> (tensor<8x8xf32> {gnc.path = "y"}) {
  %y = gnc.compute [i = 8, j = 8] (%a = %x[i, j] : tensor<8x8xf32>) -> tensor<8x8xf32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<8x8xf32>
}
