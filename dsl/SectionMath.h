// The equations that sections need beside the user's: means over the batch, norms.
#ifndef GNC_DSL_SECTIONMATH_H
#define GNC_DSL_SECTIONMATH_H

#include "dsl/Elaborator.h"

namespace gnc::dsl {

/// One f32 number a sample of a scalar: `tensor<?xf32>`. A number that does not depend on the
/// sample is repeated.
mlir::Value perSample(mlir::OpBuilder &builder, mlir::Location location, const Tensor &scalar);

/// The mean over the batch of `tensor<?xf32>`: `tensor<f32>`.
mlir::Value batchMean(mlir::OpBuilder &builder, mlir::Location location, mlir::Value perSample);

/// The sum over the batch of `term`, f32 of the shape given, which is that of a sample of `term`
/// unless it is a number. What does not depend on the sample counts once for each.
mlir::Value batchSum(mlir::OpBuilder &builder, mlir::Location location, const Tensor &term,
                     llvm::ArrayRef<int64_t> shape);

/// The square root of the sum of the squares of all elements of all tensors: `tensor<f32>`.
mlir::Value normOfAll(mlir::OpBuilder &builder, mlir::Location location,
                      llvm::ArrayRef<mlir::Value> tensors);

/// `tensor` times min(1, limit / norm): gradients whose norm together is larger become that long.
mlir::Value scaleToNorm(mlir::OpBuilder &builder, mlir::Location location, mlir::Value tensor,
                        mlir::Value norm, double limit);

/// Every element brought into -limit .. limit.
mlir::Value limitValues(mlir::OpBuilder &builder, mlir::Location location, mlir::Value tensor,
                        double limit);

} // namespace gnc::dsl

#endif // GNC_DSL_SECTIONMATH_H
