// What a library computes says how: a mark that a later pass could stumble over is no valid IR.
// RUN: gnc-opt %s --split-input-file --verify-diagnostics

// A mark that says nothing.
func.func @empty(%x: tensor<4x5xf32>, %w: tensor<5x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{needs a dictionary as 'gnc.library', with `ids` (i64 array), `plan` (text) and `workspace` (bytes)}}
  %y = gnc.compute [i = 4, j = 6] sum [k = 5] (%a = %x[i, k] : tensor<4x5xf32>, %b = %w[k, j] : tensor<5x6xf32>) -> tensor<4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } {gnc.library}
  return %y : tensor<4x6xf32>
}

// -----

// A workspace of less than nothing.
func.func @workspace(%x: tensor<4x5xf32>, %w: tensor<5x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{and `workspace` (bytes)}}
  %y = gnc.compute [i = 4, j = 6] sum [k = 5] (%a = %x[i, k] : tensor<4x5xf32>, %b = %w[k, j] : tensor<5x6xf32>) -> tensor<4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } {gnc.library = {ids = array<i64: 1, 2, 3>, operands = array<i64: 0, 1, 2>, orders = [array<i64: 0, 1>, array<i64: 0, 1>, array<i64: 0, 1>], plan = "p", workspace = -1 : i64}}
  return %y : tensor<4x6xf32>
}

// -----

// An order that names a dimension twice.
func.func @order(%x: tensor<4x5xf32>, %w: tensor<5x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{needs `orders` in 'gnc.library', of the dimensions of its two reads and of its result}}
  %y = gnc.compute [i = 4, j = 6] sum [k = 5] (%a = %x[i, k] : tensor<4x5xf32>, %b = %w[k, j] : tensor<5x6xf32>) -> tensor<4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } {gnc.library = {ids = array<i64: 1, 2, 3>, operands = array<i64: 0, 1, 2>, orders = [array<i64: 0, 1>, array<i64: 1, 1>, array<i64: 0, 1>], plan = "p", workspace = 0 : i64}}
  return %y : tensor<4x6xf32>
}

// -----

// An operand that the equation has not.
func.func @operand(%x: tensor<4x5xf32>, %w: tensor<5x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{needs `operands` in 'gnc.library', one for each of `ids`: a read, or 2 for the result}}
  %y = gnc.compute [i = 4, j = 6] sum [k = 5] (%a = %x[i, k] : tensor<4x5xf32>, %b = %w[k, j] : tensor<5x6xf32>) -> tensor<4x6xf32> {
    %0 = arith.mulf %a, %b : f32
    gnc.yield %0 : f32
  } {gnc.library = {ids = array<i64: 1, 2, 3>, operands = array<i64: 0, 1, 3>, orders = [array<i64: 0, 1>, array<i64: 0, 1>, array<i64: 0, 1>], plan = "p", workspace = 0 : i64}}
  return %y : tensor<4x6xf32>
}

// -----

// An equation of one read.
func.func @reads(%x: tensor<4x5xf32>) -> tensor<4xf32> {
  // expected-error @below {{that a library computes has two reads and one result}}
  %y = gnc.compute [i = 4] sum [k = 5] (%a = %x[i, k] : tensor<4x5xf32>) -> tensor<4xf32> {
    gnc.yield %a : f32
  } {gnc.library = {ids = array<i64>, operands = array<i64>, orders = [], plan = "p", workspace = 0 : i64}}
  return %y : tensor<4xf32>
}

// -----

// A kernel takes what its plan names, and the workspace.
// expected-error @below {{it is for equations, and for kernels without a body that take what `ids` name and a workspace}}
func.func private @plan(memref<4xf32>) attributes {gnc.library = {ids = array<i64: 1>, plan = "p", workspace = 16 : i64}}

// -----

// A report of something else.
// expected-error @below {{which is, of functions, an array of dictionaries with `site`, `what`, and `engine` and `workspace` or `why`}}
func.func private @report() attributes {gnc.library_report = [{site = "a", what = "b"}]}
