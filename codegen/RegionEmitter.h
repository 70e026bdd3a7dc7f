//===- RegionEmitter.h - an equation's scalar region as machine arithmetic --------------------===//
#pragma once

#include "codegen/KernelBuilder.h"

namespace gnc {

/// What the region may ask for besides its arguments. All values have `lanes` lanes.
struct RegionContext {
  unsigned lanes = 1;
  llvm::function_ref<mlir::Value(unsigned index)> index; ///< the index as f32
  llvm::function_ref<mlir::Value(unsigned read)>
      inside;                      ///< whether a guarded read is inside, as i1
  llvm::ArrayRef<int64_t> extents; ///< of the equation, `?` for the batch
};

/// Emits one op of a region on vectors of context.lanes. Emits a located error for an op without a
/// machine form.
mlir::FailureOr<mlir::Value> emitScalar(KernelBuilder &k, mlir::Operation &op,
                                        mlir::ValueRange operands, const RegionContext &context);

/// argmax and argmin carry two values: the best so far and where it was.
inline bool isPosition(Reduction reduction) {
  return reduction == Reduction::ArgMax || reduction == Reduction::ArgMin;
}

/// The value of `accumulator` with one more term, of as many lanes.
mlir::Value combine(KernelBuilder &k, Reduction reduction, mlir::Value accumulator,
                    mlir::Value term);
/// For ArgMax and ArgMin: `term`, at `position`, replaces `best`, at `at`, if it beats it or is the
/// first NaN.
void combinePosition(KernelBuilder &k, Reduction reduction, mlir::Value &best, mlir::Value &at,
                     mlir::Value term, mlir::Value position);

/// Emits the region's ops on vectors of context.lanes (scalars for 1) and returns what it yields.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> emitRegion(KernelBuilder &k, mlir::Region &region,
                                                           mlir::ValueRange arguments,
                                                           const RegionContext &context);

} // namespace gnc
