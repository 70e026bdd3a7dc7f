// Warnings about weights that training cannot move, found in the graph.
#ifndef GNC_DSL_GRADIENTPATHS_H
#define GNC_DSL_GRADIENTPATHS_H

#include "dsl/Elaborator.h"

namespace gnc::dsl {

/// Warns about trained weights that no path leads to from the loss, and about ops on such a path
/// whose derived gradient is zero everywhere. What `stop` cuts is meant so. `at` is where the loss
/// is written.
void warnAboutPaths(Elaborator &elab, mlir::Value loss, llvm::ArrayRef<const Parameter *> trained,
                    Span at);

} // namespace gnc::dsl

#endif // GNC_DSL_GRADIENTPATHS_H
