// RUN: gnc-opt %s --split-input-file --gnc-autodiff --verify-diagnostics

// A scalar op without a rule is named.
func.func @scalar(%x: tensor<4xf32>) -> tensor<4xf32> {
  %l = gnc.compute [] sum [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<f32> {
    // expected-error @below {{'math.cbrt' has no derivative}}
    %0 = math.cbrt %a : f32
    gnc.yield %0 : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<4xf32> -> tensor<4xf32>
  return %dx : tensor<4xf32>
}

// -----

// A gradient of a gradient.
func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %l = gnc.compute [] sum [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  // expected-error @below {{cannot be differentiated again}}
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<4xf32> -> tensor<4xf32>
  %m = gnc.compute [] sum [i = 4] (%a = %dx[i] : tensor<4xf32>) -> tensor<f32> {
    %0 = arith.mulf %a, %a : f32
    gnc.yield %0 : f32
  }
  %d2 = gnc.gradient %m of (%x) : tensor<f32> of tensor<4xf32> -> tensor<4xf32>
  return %d2 : tensor<4xf32>
}

// -----

// Gradients are derived before fusion.
func.func @fused(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  // expected-error @below {{is fused; its gradient must be derived before fusion}}
  %y = gnc.compute [i = 4] sum [j = 3] (%a = %x[i, j] : tensor<4x3xf32>) -> tensor<4xf32> {
    gnc.yield %a : f32
  } finish (%s : f32) () {
    %0 = math.exp %s : f32
    gnc.yield %0 : f32
  }
  %l = gnc.compute [] sum [i = 4] (%a = %y[i] : tensor<4xf32>) -> tensor<f32> {
    gnc.yield %a : f32
  }
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<4x3xf32> -> tensor<4x3xf32>
  return %dx : tensor<4x3xf32>
}

// -----

// An op that is none of ours, on the way from the weight to the loss.
func.func private @f(tensor<f32>) -> tensor<f32>
func.func @foreign(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{'func.call' has no gradient}}
  %l = func.call @f(%x) : (tensor<f32>) -> tensor<f32>
  %dx = gnc.gradient %l of (%x) : tensor<f32> of tensor<f32> -> tensor<f32>
  return %dx : tensor<f32>
}
