// The entry to the syntax part: text in, tree out.
#ifndef GNC_DSL_PARSER_H
#define GNC_DSL_PARSER_H

#include "dsl/AST.h"
#include "dsl/Diagnostic.h"
#include "dsl/Source.h"

#include <memory>

namespace gnc::dsl {

/// Parses a file. Always returns a tree; when `diags` has new errors it holds what was understood,
/// with the declarations that were not marked `hasErrors`.
std::unique_ptr<ast::File> parse(const Source &source, Diagnostics &diags);

} // namespace gnc::dsl

#endif // GNC_DSL_PARSER_H
