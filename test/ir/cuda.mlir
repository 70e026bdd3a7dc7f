// RUN: gnc-opt %s --split-input-file --verify-diagnostics | FileCheck %s
// RUN: gnc-opt %s --split-input-file --verify-diagnostics | gnc-opt --split-input-file | FileCheck %s

// A kernel of the user has a text, the names of what it takes, and numbers that it knows.
// CHECK-LABEL: @kernel
// CHECK: gnc.cuda(%{{.*}}) {constants = {C = 8 : i64, eps = 1.000000e-03 : f32, relu = true}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "y[i] = x[i];", threads = 64 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @kernel(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = gnc.cuda(%x) {constants = {C = 8 : i64, eps = 1.0e-3 : f32, relu = true}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "y[i] = x[i];", threads = 64 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @names(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{needs `names`, one for each input and result}}
  %y = gnc.cuda(%x) {constants = {}, file = "a.net", line = 3 : i64, names = ["x"], source = "", threads = 64 : i64} : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @threads(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{has blocks of 1 to 1024 threads, not 1025}}
  %y = gnc.cuda(%x) {constants = {}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "", threads = 1025 : i64} : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @blocks(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{runs in at least one block}}
  %y = gnc.cuda(%x) {blocks = 0 : i64, constants = {}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "", threads = 64 : i64} : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @constant(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{needs 'C' in `constants` as i64, i1 or f32}}
  %y = gnc.cuda(%x) {constants = {C = "8"}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "", threads = 64 : i64} : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// One sample at a time has its own result.
func.func @batch(%x: tensor<?x8xf32>) -> tensor<8xf32> {
  // expected-error @below {{computes results with a batch if an input has one, and without `batch` always then}}
  %y = gnc.cuda(%x) {constants = {}, file = "a.net", line = 3 : i64, names = ["x", "y"], source = "", threads = 64 : i64} : (tensor<?x8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
