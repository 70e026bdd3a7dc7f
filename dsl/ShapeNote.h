// The arithmetic of shapes, for the notes of diagnostics. Internal to the elaborator.
#ifndef GNC_DSL_SHAPENOTE_H
#define GNC_DSL_SHAPENOTE_H

#include "dsl/Evaluator.h"

namespace gnc::dsl {

/// How the computed dimensions of an op's first result come about, with the numbers of `scope` in
/// the declared shape: "(24 - 2) // 2 + 1 = 12"; "" if nothing is computed. What changes nothing is
/// left out: `* 1`, and zeros of settings that `use` does not give.
std::string resultArithmetic(const ast::OpDecl &op, const Scope &scope, const Use &use);

} // namespace gnc::dsl

#endif // GNC_DSL_SHAPENOTE_H
