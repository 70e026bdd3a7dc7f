// Warnings about layers of the library that are put together as they are hardly meant.
#ifndef GNC_DSL_HABITS_H
#define GNC_DSL_HABITS_H

#include "dsl/Evaluator.h"

namespace gnc::dsl {

/// Looks at one use of a declaration of the library, when it is complete. `settings` holds its
/// settings, `at` is where it is written.
void warnAboutUse(Elaborator &elab, const ast::Decl &decl, const Scope &settings,
                  llvm::ArrayRef<Argument> inputs, const Value &result, Span at);

/// An op that sees the batch, `[N; ..]`, where a batch is one sample. `batch` is the key's place.
void warnAboutBatchOfOne(Elaborator &elab, Span batch);

} // namespace gnc::dsl

#endif // GNC_DSL_HABITS_H
