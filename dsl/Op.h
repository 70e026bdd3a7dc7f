// Uses of `op` declarations become equations of the graph: one gnc.compute per equation and
// reduction.
//
// Before `applyOp` the caller pushes the use (Elaborator::pushUse), binds the settings and calls
// `bindInputs` on the same scope; afterwards it gives the results their trail.
#ifndef GNC_DSL_OP_H
#define GNC_DSL_OP_H

#include "dsl/Elaborator.h"

namespace gnc::dsl {

/// The results of an op on `inputs`, one per declared result (one for a pointwise op), in order.
/// `settings` holds the settings and the dimensions that the inputs bound; `use` is where the op
/// was used. In train mode an op with `grad` becomes a gnc.custom.
FailureOr<llvm::SmallVector<Tensor, 2>> applyOp(Elaborator &elab, const ast::OpDecl &op,
                                                llvm::ArrayRef<Tensor> inputs, Scope &settings,
                                                Span use);

/// Whether a gradient can flow through the op to an input: a kernel in CUDA C++ has only what is
/// written behind it.
bool hasGradient(const ast::OpDecl &op, llvm::StringRef input);

/// True if the inputs have no types: the op is written on numbers and maps over tensors of equal
/// shapes.
bool isPointwise(const ast::OpDecl &op);

} // namespace gnc::dsl

#endif // GNC_DSL_OP_H
