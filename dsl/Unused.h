// Warnings about what is written and never used: names, values, settings.
#ifndef GNC_DSL_UNUSED_H
#define GNC_DSL_UNUSED_H

#include "dsl/AST.h"
#include "dsl/Diagnostic.h"

namespace gnc::dsl {

/// Looks at every declaration of a file without mistakes. A name counts as used if it is read
/// anywhere in its declaration; one that begins with `_` may stay unused, as may one of several
/// names that are assigned at once while another of them is used.
void warnAboutUnused(const ast::File &file, Diagnostics &diags);

} // namespace gnc::dsl

#endif // GNC_DSL_UNUSED_H
