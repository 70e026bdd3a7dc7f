#include "dsl/Service.h"

#include "dsl/Frontend.h"
#include "dsl/ServiceImpl.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;

Document::Document(llvm::StringRef path, const Texts &texts) : loader(sources, diags) {
  for (const auto &[name, text] : texts)
    sources.replace(name, text);
  main = loader.loadFile(path);
  if (!main)
    return;
  text.emplace(main->file());
  bool broken = llvm::any_of(main->file().decls, [](auto *decl) { return decl->hasErrors; });
  facts.emplace(*main->file().source);
  elaborate(*main, diags);
  if (!broken)
    return;
  // Shapes are those of the text without the line that is being typed.
  repaired.emplace(sources, ignored);
  const Module *rest =
      repaired->loadText(main->path(), withoutMistakes(main->file().source->text()));
  facts.emplace(*rest->file().source);
  elaborate(*rest, ignored);
}

void Document::elaborate(const Module &module, Diagnostics &messages) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  // What MLIR itself says about an invalid module is said as one message by the front end.
  mlir::ScopedDiagnosticHandler silent(&context, [](mlir::Diagnostic &) {});
  FrontendOptions options;
  options.checkAll = true;
  options.listener = &*facts;
  (void)elaborateModule(module, options, context, sources, messages);
}

Analysis::Analysis(llvm::StringRef path, const Texts &texts)
    : document(std::make_unique<Document>(path, texts)) {}

Analysis::~Analysis() = default;

const Source *Analysis::source() const {
  return document->main ? document->main->file().source : nullptr;
}

bool Analysis::isLibrary(const Source *source) const {
  return document->loader.moduleOf(source) == &document->loader.libraryModule();
}

//===- messages -----------------------------------------------------------------------------===//

/// Does a file lead to another one by what it uses?
static bool leadsTo(const Module *from, const Module *target,
                    llvm::SmallPtrSetImpl<const Module *> &seen) {
  if (!from || !seen.insert(from).second)
    return false;
  return from == target || llvm::any_of(from->all<ast::UseDecl>(), [&](const ast::UseDecl *use) {
           return leadsTo(from->used(use), target, seen);
         });
}

std::vector<ServiceMessage> Analysis::messages() const {
  std::vector<ServiceMessage> list;
  for (const Diagnostic *diagnostic : document->diags.sorted()) {
    ServiceMessage message{diagnostic, diagnostic->span};
    if (source() && message.at.source != source()) {
      message.elsewhere = bool(diagnostic->span);
      message.at = {source(), 0, 0};
      const Module *origin = document->loader.moduleOf(diagnostic->span.source);
      for (const auto *use : document->main->all<ast::UseDecl>()) {
        llvm::SmallPtrSet<const Module *, 8> seen;
        if (origin && leadsTo(document->main->used(use), origin, seen)) {
          message.at = use->path->span;
          break;
        }
      }
    }
    list.push_back(message);
  }
  return list;
}

//===- shapes, definitions ------------------------------------------------------------------===//

std::vector<InlayShape> Analysis::shapes() const {
  std::vector<InlayShape> list;
  if (!document->main)
    return list;
  for (const auto &[begin, fact] : document->facts->layers()) {
    if (!fact.stage || fact.stage->type || !fact.isTensor)
      continue;
    const ast::Stage &stage = *fact.stage;
    // Behind the layer and its count, whose parentheses belong to no node.
    uint32_t next = stage.name                 ? stage.name.span.begin
                    : stage.attributes.empty() ? stage.span.end
                                               : stage.attributes.front().span.begin;
    size_t last = document->text->before(next);
    if (stage.name) // `as`
      --last;
    list.push_back({document->text->span(last).end, fact.shape});
  }
  llvm::stable_sort(list, [](auto &a, auto &b) { return a.offset < b.offset; }); // chains in chains
  return list;
}

Span Analysis::definition(uint32_t offset) const {
  if (!document->main)
    return {};
  Word word = document->wordAt(offset);
  switch (word.kind) {
  case Word::Kind::Declaration: return word.decl.decl->name.span;
  case Word::Kind::Local: return word.local.name.span;
  case Word::Kind::Setting: return word.param->name.span;
  case Word::Kind::Module:
    if (const Module *module = document->main->used(word.use))
      return {module->file().source, 0, 0};
    return {};
  default: return {};
  }
}
