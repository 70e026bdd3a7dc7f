//===- Emit.h - equations to kernels ----------------------------------------------------------===//
//
// Three ways to run an equation, chosen by its form alone:
//
//   emitContraction    sums of products with reuse: a tile of rows x columns held in registers
//   emitTransposition  copies into another order: blocks that are transposed in registers
//   emitEquation       everything else: loops over the result in memory order, vectors along the
//   innermost index
//
// All write kernels whose text depends only on the equation's canonical form and extents: equal
// equations, whatever their author called things, become one kernel.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "passes/Contraction.h"

namespace gnc {

/// The tiles of a launch: ceil((perSample * n + fixed) / divisor) * times.
struct Tiles {
  int64_t perSample = 0, fixed = 0, divisor = 1, times = 1;
};

/// Which kernel argument holds each read and each result. Of a random tensor, which has no memory,
/// it is the number of its site.
struct KernelArguments {
  llvm::SmallVector<unsigned> reads, results;
  std::optional<unsigned> stream; ///< where random numbers come from
};

/// A linear address in elements: base + sum strides[i] * index i of the equation.
struct StridedAddress {
  int64_t base = 0;
  llvm::SmallVector<int64_t> strides;
};

/// The address of a read if its coordinates are affine; guards and clamps are the caller's
/// business.
std::optional<StridedAddress> stridedAddress(AccessAttr access, mlir::RankedTensorType type,
                                             unsigned numIndices);
std::optional<StridedAddress> stridedAddress(AccessAttr access, llvm::ArrayRef<int64_t> strides,
                                             unsigned numIndices);
/// Whether strides find everything that `finish` reads, and it asks for no index.
bool hasStridedFinish(ComputeOp op);

/// The address of the columns of a contraction that lie in panels, at the first column of each: the
/// vector index steps by a panel's elements over its width.
StridedAddress panelAddress(ComputeOp op, const Contraction &c, unsigned vector);

/// Strides of the dimensions of a tensor that is read. Those of a random tensor count the elements
/// of a sample.
llvm::SmallVector<int64_t> readStrides(mlir::Value tensor);
/// The index of the equation that is the sample of read `read`, a random tensor; none if the tensor
/// is not batched.
std::optional<unsigned> sampleIndex(ComputeOp op, unsigned read);

inline bool isRandom(mlir::Value tensor) { return tensor.getDefiningOp<RandomOp>() != nullptr; }

/// The address of result `result` over the equation's indices (reduction strides are 0).
StridedAddress resultAddress(ComputeOp op, unsigned result);

mlir::FailureOr<Tiles> emitEquation(KernelBuilder &k, ComputeOp op,
                                    const KernelArguments &arguments);

/// Only for equations that copy a tensor into an order with another dimension innermost; nothing is
/// emitted for others.
std::optional<Tiles> emitTransposition(KernelBuilder &k, ComputeOp op,
                                       const KernelArguments &arguments);

/// An equation of a kernel: which of the kernel's buffers is what.
struct KernelPart {
  ComputeOp op;
  KernelArguments arguments;
};

/// `vector` is the column index, a vectorCandidate of the op with stride one in columns and result.
/// `window`, if not null, is what the tile carries out after it (codegen/TileWindows.h): then the
/// sums have no buffer.
mlir::FailureOr<Tiles> emitContraction(KernelBuilder &k, const KernelPart &product, unsigned vector,
                                       const KernelPart *window = nullptr);

/// What a kernel can do beyond sums of all terms over columns that lie side by side.
struct ContractionForms {
  unsigned panelLanes = 0; ///< in panels of whole vectors of so many; 0: not in panels
  bool alongSums = false;  ///< along an index of the sum (liesAlongSum)
  bool bounds = false;     ///< skip the terms that do not count (SumBound)
};
/// The column index that makes `op` a contraction in the layouts of its tensors.
std::optional<unsigned> contractionVector(ComputeOp op, ContractionForms forms);

} // namespace gnc
