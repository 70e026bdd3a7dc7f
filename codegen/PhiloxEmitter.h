//===- PhiloxEmitter.h - random numbers in a kernel -------------------------------------------===//
//
// Philox4x32-10 (Salmon et al. 2011) on vectors, a lane a number. What the numbers mean is said at
// gnc.random. Words are kept in i64, whose upper halves may hold anything: so the product of 32-bit
// words is one instruction (pmuludq), and its halves cost one shift. A block is four words, and
// numbers are ordered so that loops over consecutive elements find a use for all of them: 16 blocks
// make a group of 64 numbers, first all words 0, then all words 1, ..
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"

namespace gnc {

/// What the numbers of one site share in one step: i64 scalars, of which the low words count.
/// `first` is the sample at the batch's first position.
struct RandomKey {
  mlir::Value low, high, step, first;
};

/// Computes the key from kernel arguments: the stream's four words, the site's two.
RandomKey emitRandomKey(KernelBuilder &k, unsigned stream, unsigned site);

/// The numbers of `element`s of `sample`s, uniform in [0, 1): f32 for i64, lane by lane.
mlir::Value emitUniform(KernelBuilder &k, const RandomKey &key, mlir::Value element,
                        mlir::Value sample, unsigned lanes);

/// Numbers of one group, computed together at a third of the cost.
constexpr unsigned kRandomGroup = 64;
/// The numbers of 64 elements from `element` on, a multiple of 64, as one vector.
mlir::Value emitUniformGroup(KernelBuilder &k, const RandomKey &key, mlir::Value element,
                             mlir::Value sample);

} // namespace gnc
