// Tensors in expressions: emits one gnc.compute per operation (fusion joins them later).
#ifndef GNC_DSL_TENSORARITHMETIC_H
#define GNC_DSL_TENSORARITHMETIC_H

#include "dsl/Elaborator.h"
#include "dsl/ScalarMath.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace gnc::dsl {

/// Given the operands as scalars (converted to f32), builds the result.
using ScalarBody =
    llvm::function_ref<mlir::Value(ScalarMath &, llvm::ArrayRef<mlir::Value> operands)>;

/// A pointwise computation on values that are tensors, numbers or schedules, at least one a tensor
/// or a schedule. Tensors have equal shapes or are `[]`; the result is batched if an operand is.
/// `what` is for the message of different shapes: "add" (then lhs and rhs are named by `operands`).
FailureOr<Tensor> pointwise(Elaborator &elab, llvm::ArrayRef<Value> values,
                            llvm::ArrayRef<Span> operands, ElementKind element, Span at,
                            llvm::StringRef verb, ScalarBody body);

/// A number, boolean, schedule or tensor as a tensor (`[]` for the first three).
FailureOr<Tensor> toTensor(Elaborator &elab, const Value &value, Span at);

/// `sum(x)`, `mean(x)`, `max(x)`, `argmax(x)`, ..: over all axes, or over one.
FailureOr<Tensor> reduceAxes(Elaborator &elab, ast::Reducer reducer, const Tensor &tensor,
                             std::optional<int64_t> axis, Span at);

FailureOr<Tensor> flatten(Elaborator &elab, const Tensor &tensor, Span at);
/// The same elements, row by row, in another shape; another number of elements is reported at `at`.
FailureOr<Tensor> reshape(Elaborator &elab, const Tensor &tensor, llvm::ArrayRef<int64_t> shape,
                          Span at);
FailureOr<Tensor> concat(Elaborator &elab, llvm::ArrayRef<Tensor> parts, llvm::ArrayRef<Span> spans,
                         int64_t axis, Span at);

} // namespace gnc::dsl

#endif // GNC_DSL_TENSORARITHMETIC_H
