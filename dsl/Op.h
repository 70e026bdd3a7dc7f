// Uses of `op` declarations become equations of the graph: one gnc.compute per equation and reduction.
//
// For E1: before `applyOp`, push the use (Elaborator::pushUse), bind the settings and call
// `bindInputs` on the same scope; afterwards give the results their trail with `shapeNote`.
#ifndef GNC_DSL_OP_H
#define GNC_DSL_OP_H

#include "dsl/Elaborator.h"

namespace gnc::dsl {

/// The results of an op on `inputs`, one per declared result (one for a pointwise op), in order.
/// `settings` holds the settings and the dimensions that the inputs bound; `use` is where the op was
/// used. In train mode an op with `grad` becomes a gnc.custom.
FailureOr<llvm::SmallVector<Tensor, 2>> applyOp(Elaborator &elab, const ast::OpDecl &op,
                                                llvm::ArrayRef<Tensor> inputs, Scope &settings,
                                                Span use);

/// True if the inputs have no types: the op is written on numbers and maps over tensors of equal
/// shapes.
bool isPointwise(const ast::OpDecl &op);

/// The arithmetic of a declared dimension with numbers for names: "(24 - 2) // 2 + 1 = 12"; "" if
/// there is nothing to compute. What changes nothing (`+ 0`, `* 1`, `// 1`) is left out.
std::string shapeArithmetic(const ast::Expr &dim, const Scope &scope);

/// The note of a result for the shape trail: the arithmetic of its first dimension that is computed,
/// or "".
std::string shapeNote(const ast::OpDecl &op, const Scope &scope);

} // namespace gnc::dsl

#endif // GNC_DSL_OP_H
