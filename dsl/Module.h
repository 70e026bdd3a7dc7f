// Files as modules: `use`, private names, the standard library, look-up of declarations.
//
// For the elaborator: `Module::find(name)` is the only way from a name to a declaration. The result
// carries the module it was found in; names inside that declaration are looked up *there*, so a
// library op never sees the user's names. A declaration with `hasErrors` was reported when it was
// parsed: fail without a further message.
#ifndef GNC_DSL_MODULE_H
#define GNC_DSL_MODULE_H

#include "dsl/AST.h"
#include "dsl/Diagnostic.h"
#include "dsl/Source.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <memory>
#include <string>
#include <vector>

namespace gnc::dsl {

class Module;

/// A declaration and the module whose names it sees. False if there is none.
struct Found {
  const ast::Decl *decl = nullptr;
  const Module *module = nullptr;
  explicit operator bool() const { return decl != nullptr; }
};

/// One file with its declarations; the standard library is one module of several files.
class Module {
public:
  /// What an undotted `name` means here: a declaration of this file, an imported one, or one of the
  /// standard library, in this order. `use`, `train` and `infer` have no names to find.
  Found find(llvm::StringRef name) const;
  /// What `m.name` means for a module named by `use .. as m`: own declarations that are not
  /// private.
  Found findExported(llvm::StringRef name) const;
  /// The module that `use .. as name` names here, or null.
  const Module *alias(llvm::StringRef name) const;

  /// Everything that `find` finds and every alias, for did-you-mean; sorted.
  std::vector<llvm::StringRef> visibleNames() const;
  std::vector<llvm::StringRef> exportedNames() const;
  /// Those visible names that `find` finds and that are of one kind (nets, optimizers); sorted.
  std::vector<llvm::StringRef> visibleNames(ast::Decl::Kind kind) const;

  bool isStandard() const { return standard == nullptr; }
  /// The path the file was opened with, or the name of a text.
  llvm::StringRef path() const { return filePath; }
  /// The folder that relative paths in this file start from; "" is the working directory.
  llvm::StringRef folder() const;
  /// The tree of a file; not for the standard library, which has several.
  const ast::File &file() const { return *files.front(); }
  /// The module that a `use` of this file brings in; null if it could not be read.
  const Module *used(const ast::UseDecl *use) const { return uses.lookup(use); }
  /// Own declarations of one kind in the order of the text, e.g. all<ast::NetDecl>().
  template <typename T> std::vector<const T *> all() const {
    std::vector<const T *> list;
    for (const auto &file : files)
      for (const ast::Decl *decl : file->decls)
        if (auto *one = llvm::dyn_cast<T>(decl))
          list.push_back(one);
    return list;
  }

private:
  friend class ModuleLoader;
  std::string filePath;
  std::vector<std::unique_ptr<ast::File>> files;
  llvm::StringMap<const ast::Decl *> own;
  llvm::StringMap<Found> imported;
  llvm::StringMap<const Module *> aliases;
  llvm::DenseMap<const ast::UseDecl *, const Module *> uses;
  const Module *standard = nullptr;  // null in the standard library itself
  const ast::Decl *unread = nullptr; // of a file that could not be read: what all its names mean
};

/// Loads files, each once, and everything they use. Owns the modules; sources stay with the
/// manager.
class ModuleLoader {
public:
  ModuleLoader(SourceManager &sources, Diagnostics &diags);
  ~ModuleLoader();

  /// The module of a file, or null when it cannot be read (reported, without a place).
  const Module *loadFile(llvm::StringRef path);
  /// The module of a text; relative paths in it start from the folder of `name`.
  const Module *loadText(llvm::StringRef name, std::string text);
  const Module &libraryModule() const { return *library; }
  /// The module that a source is a file of; null if it is none.
  const Module *moduleOf(const Source *source) const { return bySource.lookup(source); }

  /// Longer chains of files using files are refused.
  static constexpr size_t maxDepth = 100;

private:
  struct Loading {
    std::string identity;
    const Module *module;
    const ast::UseDecl *use; // the one being followed
  };
  void loadLibrary();
  Module *open(llvm::StringRef path, Span use);
  Module *build(const Source &source, llvm::StringRef identity);
  void declare(Module &module, const ast::File &file);
  void resolveUses(Module &module);
  void resolveUse(Module &module, const ast::UseDecl &use);
  void import(Module &module, const Module &from, const ast::UseDecl &use);
  bool reportCycle(llvm::StringRef identity, const ast::UseDecl &use);
  void reportMissing(const Module &from, const ast::Ident &name);
  void importNothing(Module &module, const ast::UseDecl &use);

  SourceManager &sources;
  Diagnostics &diags;
  std::unique_ptr<Module> library;
  std::vector<std::unique_ptr<Module>> modules;
  llvm::StringMap<Module *> byIdentity; // the file itself, whatever path leads to it
  llvm::DenseMap<const Source *, const Module *> bySource;
  ast::Arena arena;
  const ast::Decl *missing;   // stands for what could not be brought in; it has errors
  std::vector<Loading> chain; // the files being loaded, outermost first
};

/// "a net", "an op", "a data section": for messages.
llvm::StringRef describe(ast::Decl::Kind kind);

} // namespace gnc::dsl

#endif // GNC_DSL_MODULE_H
