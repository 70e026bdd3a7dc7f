// The standard library and the pages about messages, as texts to read: `gnc std`, `gnc explain`.
#ifndef GNC_DSL_LIBRARYTEXT_H
#define GNC_DSL_LIBRARYTEXT_H

#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace gnc::dsl {

/// A declaration of the standard library.
struct LibraryEntry {
  std::string name;
  std::string summary; // the first sentence of its documentation; may be empty
  std::string source;  // documentation and text, as they stand in the library
};

/// All of them, in the order of the library.
std::vector<LibraryEntry> libraryEntries();

/// What `gnc explain SLUG` says: the text below the heading.
struct ExplainPage {
  llvm::StringRef slug, text;
};

/// All pages, sorted by slug.
std::vector<ExplainPage> explainPages();

/// The text of dsl/explain/*.md; embedded by EmbedText.cmake.
extern const char *const explainText;

} // namespace gnc::dsl

#endif // GNC_DSL_LIBRARYTEXT_H
