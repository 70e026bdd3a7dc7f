// RUN: gnc-opt %s --split-input-file --verify-diagnostics | FileCheck %s
// RUN: gnc-opt %s --split-input-file --verify-diagnostics | gnc-opt --split-input-file | FileCheck %s

// Random numbers have a stream, a site and a type.
// CHECK-LABEL: @random
// CHECK: gnc.random %{{.*}} site 9223372036854775807 : tensor<?x3xf32>
func.func @random(%s: tensor<4xi32> {gnc.role = "stream"}) -> tensor<?x3xf32> {
  %u = gnc.random %s site 9223372036854775807 : tensor<?x3xf32>
  return %u : tensor<?x3xf32>
}

// -----

// Elements of a sample are counted with 32 bits.
func.func @large(%s: tensor<4xi32>) -> tensor<?x65536x65537xf32> {
  // expected-error @below {{numbers the elements of a sample with 32 bits}}
  %u = gnc.random %s site 3 : tensor<?x65536x65537xf32>
  return %u : tensor<?x65536x65537xf32>
}

// -----

// They are numbers.
func.func @words(%s: tensor<4xi32>) -> tensor<?x3xi32> {
  // expected-error @below {{result #0 must be tensor of 32-bit float values}}
  %u = gnc.random %s site 3 : tensor<?x3xi32>
  return %u : tensor<?x3xi32>
}
