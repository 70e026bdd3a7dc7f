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

/// The same with a shape column, `: [32, 12, 12]`, behind every line of a chain that an arrow
/// leads, in nets and in the blocks that they use; a column of numbers that is there is brought up
/// to date. Left alone is what has no one shape: a block used with several, what depends on a
/// whole-number setting of its net or on a free dimension, columns with names in them. The text has
/// to be free of errors (those of wrong columns aside); relative paths in it start from the folder
/// of `name`.
std::optional<std::string> formatWithShapes(llvm::StringRef name, llvm::StringRef text,
                                            SourceManager &sources, Diagnostics &diags);

} // namespace gnc::dsl

#endif // GNC_DSL_FORMAT_H
