// RUN: gnc-opt %s --split-input-file --verify-diagnostics

// A read that can leave its tensor must say what lies outside.
func.func @outside(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{read 0 runs over 1..8 in dimension 1 of extent 8; guard it (`?? value`) or clamp it}}
  %y = gnc.compute [n = ?, i = 8] (%a = %x[n, i + 1] : tensor<?x8xf32>) -> tensor<?x8xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<?x8xf32>
}

// -----

// The batch axis is walked by a batch index alone; but there is a first sample.
func.func @batch(%x: tensor<?x8xf32>) -> tensor<8xf32> {
  // expected-error @below {{read 0 must use the batch index alone, or 0, for the batch axis}}
  %y = gnc.compute [i = 8] (%a = %x[1, i] : tensor<?x8xf32>) -> tensor<8xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<8xf32>
}

// -----

// A result has the shape of the parallel indices.
func.func @shape(%x: tensor<8xf32>) -> tensor<9xf32> {
  // expected-error @below {{has a result 'tensor<9xf32>' that is not shaped as its parallel indices}}
  %y = gnc.compute [i = 8] (%a = %x[i] : tensor<8xf32>) -> tensor<9xf32> {
    gnc.yield %a : f32
  }
  return %y : tensor<9xf32>
}

// -----

// A coordinate is named by an earlier read of whole numbers only.
func.func @symbol(%z: tensor<?x10xf32>) -> tensor<?xf32> {
  // expected-error @below {{read 1 names read0, which is not an earlier read of whole numbers}}
  %y = gnc.compute [n = ?] (%a = %z[n, 0] : tensor<?x10xf32>, %b = %z[n, read0] : tensor<?x10xf32>) -> tensor<?xf32> {
    gnc.yield %b : f32
  }
  return %y : tensor<?xf32>
}

// -----

// Reads of `finish` come after the reduction and cannot use its indices.
func.func @finish(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  // expected-error @below {{read 1 of `finish` uses the reduction index k}}
  %y = gnc.compute [i = 4] sum [k = 8] (%a = %x[i, k] : tensor<4x8xf32>) -> tensor<4xf32> {
    gnc.yield %a : f32
  } finish (%s : f32) (%b = %x[i, k] : tensor<4x8xf32>) {
    %0 = arith.addf %s, %b : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<4xf32>
}

// -----

// A scalar op names an index that exists.
func.func @scalar(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = gnc.compute [i = 4] (%a = %x[i] : tensor<4xf32>) -> tensor<4xf32> {
    // expected-error @below {{names index 1 of 1}}
    %0 = gnc.index 1 : f32
    gnc.yield %0 : f32
  }
  return %y : tensor<4xf32>
}

// -----

// A reshape keeps the number of elements.
func.func @reshape(%x: tensor<?x12xf32>) -> tensor<?x13xf32> {
  // expected-error @below {{12 elements are not 13}}
  %y = gnc.reshape %x : tensor<?x12xf32> -> tensor<?x13xf32>
  return %y : tensor<?x13xf32>
}

// -----

// A byte holds 256 positions.
func.func @bytePositions(%x: tensor<300xf32>) -> tensor<i8> {
  // expected-error @below {{result 0 is one of 300 positions, an i8 holds 256; make it i32}}
  %y = gnc.compute [] argmax [i = 300] (%a = %x[i] : tensor<300xf32>) -> tensor<i8> {
    gnc.yield %a : f32
  }
  return %y : tensor<i8>
}

// -----

// How many positions a batch has is not known.
func.func @batchPositions(%x: tensor<?xf32>) -> tensor<i8> {
  // expected-error @below {{result 0 is a position over the batch and must be i32}}
  %y = gnc.compute [] argmin [n = ?] (%a = %x[n] : tensor<?xf32>) -> tensor<i8> {
    gnc.yield %a : f32
  }
  return %y : tensor<i8>
}

// -----

// A truth value is no position.
func.func @truthPosition(%x: tensor<2xf32>) -> tensor<i1> {
  // expected-error @below {{result 0 is a position and must be i32 or i8}}
  %y = gnc.compute [] argmax [i = 2] (%a = %x[i] : tensor<2xf32>) -> tensor<i1> {
    gnc.yield %a : f32
  }
  return %y : tensor<i1>
}

// -----

// Bytes have no sign.
func.func @signOfByte(%x: tensor<3xi8>) -> tensor<3xf32> {
  %y = gnc.compute [i = 3] (%a = %x[i] : tensor<3xi8>) -> tensor<3xf32> {
    // expected-error @below {{reads a sign that bytes and truth values do not have; use the unsigned form}}
    %0 = arith.sitofp %a : i8 to f32
    gnc.yield %0 : f32
  }
  return %y : tensor<3xf32>
}

// -----

// Nor when they are compared.
func.func @compareBytes(%x: tensor<3xi8>) -> tensor<3xi1> {
  %y = gnc.compute [i = 3] (%a = %x[i] : tensor<3xi8>) -> tensor<3xi1> {
    %c = arith.constant 100 : i8
    // expected-error @below {{reads a sign that bytes and truth values do not have; use the unsigned form}}
    %0 = arith.cmpi sgt, %a, %c : i8
    gnc.yield %0 : i1
  }
  return %y : tensor<3xi1>
}

// -----

// An argument takes one new value.
// expected-error @below {{results 0 and 2 both update argument 1}}
func.func @twoUpdates(%x: tensor<f32>, %w: tensor<f32>) -> (tensor<f32> {gnc.updates = 1 : i64}, tensor<f32>, tensor<f32> {gnc.updates = 1 : i64}) {
  return %x, %x, %w : tensor<f32>, tensor<f32>, tensor<f32>
}

// -----

// An update is of an argument.
// expected-error @below {{result 0 updates 1 : i64, which is no argument of the function}}
func.func @updatesNothing(%x: tensor<f32>) -> (tensor<f32> {gnc.updates = 1 : i64}) {
  return %x : tensor<f32>
}

// -----

// A scalar is rounded when it is stored, not before.
func.func @yields_half(%x: tensor<4xf32>) -> tensor<4xbf16> {
  // expected-error @+1 {{'gnc.compute' op yields 'bf16' for result 0, needs 'f32'}}
  %y = gnc.compute [i = 4] (%p = %x[i] : tensor<4xf32>) -> tensor<4xbf16> {
    %0 = arith.truncf %p : f32 to bf16
    gnc.yield %0 : bf16
  }
  return %y : tensor<4xbf16>
}
