//===- Layout.h - how a tensor lies in memory -------------------------------------------------===//
//
// A tensor's dimensions are logical; its type's encoding, if present, is a permutation map
// (d0, d1, ..) -> (dims in physical order, outermost first). Without one it is row-major. The batch
// axis is always outermost, so a smaller batch is a prefix of the buffer.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace gnc {

/// Logical dimensions from the outermost to the innermost in memory.
llvm::SmallVector<unsigned> physicalOrder(mlir::RankedTensorType type);

/// Distance in elements between neighbours in each logical dimension.
llvm::SmallVector<int64_t> physicalStrides(mlir::RankedTensorType type);

/// The same tensor type in another physical order (row-major: without encoding).
mlir::RankedTensorType withOrder(mlir::RankedTensorType type, llvm::ArrayRef<unsigned> order);

/// Elements at the given batch size.
int64_t elementsAt(mlir::RankedTensorType type, int64_t batch);

} // namespace gnc
