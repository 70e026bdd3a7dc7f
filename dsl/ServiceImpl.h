// What the answers of the language service are made of. Internal to it.
#ifndef GNC_DSL_SERVICEIMPL_H
#define GNC_DSL_SERVICEIMPL_H

#include "dsl/Facts.h"
#include "dsl/Service.h"
#include "dsl/ServiceText.h"

namespace gnc::dsl::service {

/// What a word of the document stands for.
struct Word {
  enum class Kind {
    None,
    Declaration, // `decl`
    Local,       // `local`
    Setting,     // `param` of `decl`
    Key,         // of a train section
    Member,      // of something: only its value may be known
    Module,      // `use` whose file is meant
    Builtin,
  } kind = Kind::None;
  size_t token = TextView::none;
  Found decl;
  const ast::Param *param = nullptr;
  LocalName local;
  const ast::UseDecl *use = nullptr;
};

/// A text, its tree, and what is known about it.
struct Document {
  Document(llvm::StringRef path, const Texts &texts);

  SourceManager sources;
  Diagnostics diags;
  ModuleLoader loader;
  const Module *main = nullptr;
  std::optional<ModuleLoader> repaired; // owns the tree that facts are about, if that is not main's
  Diagnostics ignored;
  std::optional<TextView> text;
  std::optional<Facts> facts;

  /// What the word at the offset stands for (ServiceWord.cpp).
  Word wordAt(uint32_t offset) const;
  /// What the name at `token` means as a declaration, `m.f` included.
  Found declarationNamed(size_t token) const;
  /// The declaration that is called by the "(" at a token, none if it is no call of one.
  Found calleeOf(size_t paren) const;
  /// Of a train or infer section: its net's results and its data's fields.
  llvm::SmallVector<LocalName> sectionNames(const ast::Decl &section) const;

private:
  void elaborate(const Module &module, Diagnostics &messages);
  std::optional<Word> wordOfHead(const ast::Decl &decl, size_t token) const;
  Word wordOfBody(const ast::Decl *decl, size_t token) const;
  std::optional<Word> settingNamed(size_t token) const;
  std::optional<Word> settingGiven(size_t token) const;
};

} // namespace gnc::dsl::service

#endif // GNC_DSL_SERVICEIMPL_H
