//===- LayoutOrders.h - what --gnc-assign-layouts reasons with --------------------------------===//
#pragma once

#include "ir/Gnc.h"

namespace gnc {

/// Dimensions of a tensor, outermost first.
using Order = llvm::SmallVector<unsigned>;

inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

/// Logical order with dimension `innermost` last.
Order orderWithInnermost(unsigned rank, unsigned innermost);

/// The dimension of the tensor that index `index` walks alone (any coordinate that is just the
/// index).
std::optional<unsigned> bareDimension(AccessAttr access, unsigned index);

/// A tensor of which an equation reads several elements at a point, each across its order, is
/// copied into the equation's order first: moving it costs less than as many scattered reads. For
/// equations that are no contractions, once all tensors have their orders.
void transposeReads(ComputeOp op);

} // namespace gnc
