// The gradient of an op as the text of an op: what `gnc grad` prints.
#ifndef GNC_DSL_GRADIENTTEXT_H
#define GNC_DSL_GRADIENTTEXT_H

#include "dsl/OpInstance.h"

namespace gnc::dsl {

/// An op `NAME_grad` in canonical form that takes the inputs of `instance` and an adjoint for every
/// result (`dy`), and gives the adjoint of every input (`dx`). `adjoint` computes these (see
/// passes/AdjointFunction.h); it holds equations only.
std::string gradientText(const OpInstance &instance, mlir::func::FuncOp adjoint);

} // namespace gnc::dsl

#endif // GNC_DSL_GRADIENTTEXT_H
