// The canonical form of a `.net` text: `gnc fmt`. White space is all that it changes.
#ifndef GNC_DSL_FORMAT_H
#define GNC_DSL_FORMAT_H

#include "dsl/Diagnostic.h"

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace gnc::dsl {

/// The text in canonical form; formatting that again gives the same bytes. Tokens, comments and the
/// tree stay as they are, and so does the author's choice of where lines break, as far as it fits.
/// A text with syntax errors is refused: they go to `diags`, and there is no result.
std::optional<std::string> format(llvm::StringRef name, llvm::StringRef text,
                                  SourceManager &sources, Diagnostics &diags);

} // namespace gnc::dsl

#endif // GNC_DSL_FORMAT_H
