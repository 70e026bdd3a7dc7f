// The tokens around a place of a document, and the names that hold there. Internal to the service.
#ifndef GNC_DSL_SERVICETEXT_H
#define GNC_DSL_SERVICETEXT_H

#include "dsl/Module.h"

#include "llvm/ADT/SmallVector.h"

namespace gnc::dsl::service {

/// A name that a declaration makes inside itself.
struct LocalName {
  ast::Ident name;
  Span span;                         // of all that makes it: "stride: size = 1"
  uint32_t from = 0;                 // the byte from which on it holds
  const ast::Param *param = nullptr; // if it is one
  const ast::Chain *layer = nullptr; // of `layer f = ..`
};

/// Works on tokens, so also where nothing parses.
class TextView {
public:
  explicit TextView(const ast::File &file) : file(file) {}
  static constexpr size_t none = ~size_t(0);

  /// Tok::End outside of the text.
  Tok kind(size_t token) const;
  llvm::StringRef text(size_t token) const;
  Span span(size_t token) const;
  bool isNumber(size_t token) const;
  bool isText(size_t token) const; ///< between quotes

  /// The name, keyword, number or string that the offset lies in or directly behind.
  size_t wordAt(uint32_t offset) const;
  /// The last token that ends at or before the offset.
  size_t before(uint32_t offset) const;
  bool inComment(uint32_t offset) const;
  /// The "(" that is open in front of a token, inside the same braces.
  size_t openParen(size_t token) const;
  /// How many "{" are open in front of a token, counted from the declaration.
  unsigned openBraces(size_t token, const ast::Decl &decl) const;
  /// First of its statement: it leads its line, outside of brackets, and does not go on.
  bool beginsStatement(size_t token) const;
  /// Is this "->" the one before the results of a declaration?
  bool isResultArrow(size_t arrow) const;
  /// The declaration that the offset lies in; null between declarations.
  const ast::Decl *declaration(uint32_t offset) const;

  const ast::File &file;
};

/// The names that `decl` has made up to the offset, in the order of the text: parameters,
/// dimensions, whatever its statements bind.
llvm::SmallVector<LocalName> localNames(const ast::Decl &decl, uint32_t offset);
/// The last of them with this name that holds at the offset or is made there, else the first of
/// that name; null if there is none.
const LocalName *findLocal(llvm::ArrayRef<LocalName> names, llvm::StringRef name, uint32_t offset);

const ast::Params *parametersOf(const ast::Decl &decl);
llvm::ArrayRef<ast::Result> resultsOf(const ast::Decl &decl);
const ast::Body *bodyOf(const ast::Decl &decl);
/// The data section of a train or infer section, or none.
ast::Ident dataOf(const ast::Decl &decl);

/// "block conv(x: [C, H, W]; k: int, ..)": up to its body; all of what is one short line.
std::string headOf(const ast::Decl &decl);
/// The sentences of a declaration's documentation that mention `name` as code.
std::string sentencesAbout(llvm::StringRef doc, llvm::StringRef name);

/// The text with blanks in place of what does not parse, as far as that can be told: everything
/// else stays where it is. A body that is not closed is closed (ServiceRepair.cpp).
std::string withoutMistakes(llvm::StringRef text);

} // namespace gnc::dsl::service

#endif // GNC_DSL_SERVICETEXT_H
