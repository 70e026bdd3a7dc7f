#include "dsl/Module.h"

#include "dsl/Parser.h"
#include "dsl/StandardLibrary.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>

using namespace gnc::dsl;
using llvm::StringRef;

StringRef gnc::dsl::describe(ast::Decl::Kind kind) {
  switch (kind) {
  case ast::Decl::Kind::Use: return "a use";
  case ast::Decl::Kind::Let: return "a constant";
  case ast::Decl::Kind::Net: return "a net";
  case ast::Decl::Kind::Block: return "a block";
  case ast::Decl::Kind::Op: return "an op";
  case ast::Decl::Kind::Def: return "a function";
  case ast::Decl::Kind::Optimizer: return "an optimizer";
  case ast::Decl::Kind::Metric: return "a metric";
  case ast::Decl::Kind::Data: return "a data section";
  case ast::Decl::Kind::Train: return "a train section";
  case ast::Decl::Kind::Infer: return "an infer section";
  }
  return "a declaration";
}

/// `_helper` stays in its file.
static bool isPrivate(StringRef name) { return name.starts_with("_"); }

//===- look-up ------------------------------------------------------------------------------===//

Found Module::find(StringRef name) const {
  if (auto it = own.find(name); it != own.end())
    return {it->second, this};
  if (auto it = imported.find(name); it != imported.end())
    return it->second;
  return standard ? standard->findExported(name) : Found{};
}

Found Module::findExported(StringRef name) const {
  if (unread)
    return {unread, this};
  auto it = own.find(name);
  return it == own.end() || isPrivate(name) ? Found{} : Found{it->second, this};
}

const Module *Module::alias(StringRef name) const { return aliases.lookup(name); }

std::vector<StringRef> Module::exportedNames() const {
  std::vector<StringRef> names;
  for (StringRef name : own.keys())
    if (!isPrivate(name))
      names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<StringRef> Module::visibleNames() const {
  std::vector<StringRef> names;
  llvm::append_range(names, own.keys());
  llvm::append_range(names, imported.keys());
  llvm::append_range(names, aliases.keys());
  if (standard)
    llvm::append_range(names, standard->exportedNames());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<StringRef> Module::visibleNames(ast::Decl::Kind kind) const {
  std::vector<StringRef> names;
  for (StringRef name : visibleNames())
    if (Found found = find(name); found && found.decl->kind == kind)
      names.push_back(name);
  return names;
}

StringRef Module::folder() const { return llvm::sys::path::parent_path(filePath); }

//===- loading ------------------------------------------------------------------------------===//

ModuleLoader::ModuleLoader(SourceManager &sources, Diagnostics &diags)
    : sources(sources), diags(diags) {
  auto *decl = arena.make<ast::BlockDecl>(Span());
  decl->hasErrors = true;
  missing = decl;
  loadLibrary();
}

ModuleLoader::~ModuleLoader() = default;

void ModuleLoader::loadLibrary() {
  library = std::make_unique<Module>();
  library->filePath = "std";
  for (const LibraryFile &file : standardLibrary()) {
    const Source &source = sources.add(file.name.str(), file.text.str());
    bySource[&source] = library.get();
    library->files.push_back(parse(source, diags));
    declare(*library, *library->files.back());
  }
}

const Module *ModuleLoader::loadFile(StringRef path) { return open(path, {}); }

const Module *ModuleLoader::loadText(StringRef name, std::string text) {
  return build(sources.add(name.str(), std::move(text)), SourceManager::identityOf(name));
}

Module *ModuleLoader::open(StringRef path, Span use) {
  std::string identity = SourceManager::identityOf(path);
  if (Module *known = byIdentity.lookup(identity))
    return known;
  std::string error;
  const Source *source = sources.open(path, error);
  if (!source) {
    diags.error("file-not-read", use, "cannot read " + path + ": " + error);
    return nullptr;
  }
  return build(*source, identity);
}

Module *ModuleLoader::build(const Source &source, StringRef identity) {
  modules.push_back(std::make_unique<Module>());
  Module &module = *modules.back();
  byIdentity[identity] = &module;
  bySource[&source] = &module;
  module.filePath = source.name().str();
  module.standard = library.get();
  module.files.push_back(parse(source, diags));
  declare(module, *module.files.back());
  chain.push_back({identity.str(), &module, nullptr});
  resolveUses(module);
  chain.pop_back();
  return &module;
}

void ModuleLoader::declare(Module &module, const ast::File &file) {
  for (const ast::Decl *decl : file.decls) {
    using Kind = ast::Decl::Kind;
    if (!decl->name || decl->kind == Kind::Use || decl->kind == Kind::Train ||
        decl->kind == Kind::Infer)
      continue;
    auto [it, inserted] = module.own.try_emplace(decl->name.text, decl);
    if (!inserted) {
      diags.error("declared-twice", decl->name.span, "'" + decl->name.text + "' is declared twice")
          .note(it->second->name.span, "the first time as " + describe(it->second->kind))
          .help("give one of them another name");
      continue;
    }
    if (module.standard && module.standard->findExported(decl->name.text))
      diags
          .warning("shadows-std", decl->name.span,
                   "'" + decl->name.text + "' hides the standard library's")
          .note("this file uses its own; the library goes on using the library's")
          .help("give it another name if that is not meant");
  }
}

//===- use ----------------------------------------------------------------------------------===//

void ModuleLoader::resolveUses(Module &module) {
  for (const auto *use : module.all<ast::UseDecl>())
    if (use->path)
      resolveUse(module, *use);
}

void ModuleLoader::resolveUse(Module &module, const ast::UseDecl &use) {
  if (!use.name && use.imports.empty() && !use.hasErrors)
    diags.error("use-nothing", use.span, "this use names nothing to bring in")
        .help("write use " + use.path->span.text() + ": name, or use " + use.path->span.text() +
              " as m and then m.name");
  llvm::SmallString<128> path(use.path->value);
  if (llvm::sys::path::is_relative(path)) {
    path = module.folder();
    llvm::sys::path::append(path, use.path->value);
  }
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/false);
  if (reportCycle(SourceManager::identityOf(path), use))
    return importNothing(module, use);
  if (chain.size() >= maxDepth) {
    diags.error("use-too-deep", use.path->span,
                "files use each other more than " + llvm::Twine(maxDepth) + " deep");
    return importNothing(module, use);
  }
  chain.back().use = &use;
  if (const Module *from = open(path, use.path->span))
    import(module, *from, use);
  else
    importNothing(module, use);
}

/// The names of a file that is not there: their uses have nothing more to say.
void ModuleLoader::importNothing(Module &module, const ast::UseDecl &use) {
  for (const ast::Ident &name : use.imports)
    module.imported.try_emplace(name.text, Found{missing, &module});
  if (!use.name)
    return;
  modules.push_back(std::make_unique<Module>());
  modules.back()->unread = missing;
  module.aliases.try_emplace(use.name.text, modules.back().get());
}

bool ModuleLoader::reportCycle(StringRef identity, const ast::UseDecl &use) {
  auto first = llvm::find_if(chain, [&](const Loading &l) { return l.identity == identity; });
  if (first == chain.end())
    return false;
  Diagnostic &error = diags.error("use-cycle", use.path->span, "files use each other in a circle");
  for (auto it = first; it + 1 != chain.end(); ++it)
    error.note(it->use->path->span, it->module->path() + " uses " + (it + 1)->module->path());
  error.note(chain.back().module->path() + " uses " + first->module->path())
      .help("move what both need into a third file");
  return true;
}

void ModuleLoader::import(Module &module, const Module &from, const ast::UseDecl &use) {
  module.uses[&use] = &from;
  if (use.name) {
    if (module.own.count(use.name.text) || !module.aliases.try_emplace(use.name.text, &from).second)
      diags.error("declared-twice", use.name.span, "'" + use.name.text + "' is declared twice");
  }
  for (const ast::Ident &name : use.imports) {
    Found found = from.findExported(name.text);
    if (!found) {
      reportMissing(from, name);
      module.imported.try_emplace(name.text, Found{missing, &module});
      continue;
    }
    auto own = module.own.find(name.text);
    if (own != module.own.end()) {
      diags.error("declared-twice", name.span, "'" + name.text + "' is declared in this file too")
          .note(own->second->name.span, "here, as " + describe(own->second->kind))
          .help("use the file under a name instead: use " + use.path->span.text() + " as m");
      continue;
    }
    auto [it, inserted] = module.imported.try_emplace(name.text, found);
    if (!inserted && it->second.decl != found.decl && it->second.decl != missing)
      diags.error("declared-twice", name.span, "'" + name.text + "' is brought in twice")
          .note(it->second.decl->name.span, "the other one")
          .help("use one of the files under a name: use " + use.path->span.text() + " as m");
  }
}

void ModuleLoader::reportMissing(const Module &from, const ast::Ident &name) {
  if (from.own.count(name.text)) {
    diags
        .error("private-name", name.span,
               "'" + name.text + "' is private: its name starts with '_'")
        .note(from.own.lookup(name.text)->name.span, "declared here")
        .help("rename it without '_' to share it");
    return;
  }
  Diagnostic &error = diags.error("unknown-import", name.span,
                                  from.path() + " declares nothing named '" + name.text + "'");
  std::vector<StringRef> names = from.exportedNames();
  if (from.imported.count(name.text))
    error.note("it uses '" + name.text + "' itself; use the file that declares it");
  if (!names.empty())
    error.note("it declares: " + llvm::join(names, ", "));
  StringRef near = nearest(name.text, names);
  if (!near.empty())
    error.help("did you mean '" + near + "'?");
}
