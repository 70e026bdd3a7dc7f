// What may be typed at a place.
#include "dsl/DataSource.h"
#include "dsl/Evaluator.h"
#include "dsl/ServiceImpl.h"
#include "dsl/TrainKeys.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;
using DeclKind = ast::Decl::Kind;
using llvm::StringRef;

namespace {
class Completer {
public:
  Completer(const Document &document, uint32_t offset)
      : document(document), text(*document.text), offset(offset) {}

  std::vector<Completion> run();

private:
  bool atStatement() const;
  void statement();
  void assigned(StringRef name, Found callee);
  void keys();
  void settings(Found callee, size_t paren);
  void members(size_t dot);
  void layers();
  void values();
  void sources();
  void declarations(DeclKind kind);
  void types();
  bool head();
  void keywords(llvm::ArrayRef<StringRef> words);

  bool takesLayer(Found callee, StringRef setting) const;
  void add(Completion one);
  void addDeclaration(StringRef name, Found found, StringRef shown = "");
  void addLocal(const LocalName &local);
  llvm::SmallVector<LocalName> locals() const;
  const ast::Call *sourceOf(const ast::DataDecl &data) const;
  DeclKind section() const { return around ? around->kind : DeclKind::Use; }

  const Document &document;
  const TextView &text;
  uint32_t offset;
  const ast::Decl *around = nullptr;
  size_t previous = TextView::none; // the token in front of what is typed
  std::vector<Completion> list;
  llvm::StringSet<> known;
};
} // namespace

//===- entries ------------------------------------------------------------------------------===//

void Completer::add(Completion one) {
  if (known.insert(one.label).second)
    list.push_back(std::move(one));
}

void Completer::addDeclaration(StringRef name, Found found, StringRef shown) {
  if (name.starts_with("_") && found.module != document.main)
    return;
  using Kind = DeclKind;
  Completion one;
  one.label = (shown.empty() ? name : shown).str();
  switch (found.decl->kind) {
  case Kind::Net:
  case Kind::Block:
  case Kind::Op: one.kind = CompletionKind::Layer; break;
  case Kind::Let: one.kind = CompletionKind::Name; break;
  default: one.kind = CompletionKind::Function;
  }
  one.detail = oneLine(headOf(*found.decl), 120);
  one.documentation = found.decl->doc;
  add(std::move(one));
}

void Completer::addLocal(const LocalName &local) {
  Completion one;
  one.label = local.name.text.str();
  one.kind = local.layer ? CompletionKind::Layer : CompletionKind::Name;
  one.detail = document.facts->valueAt(local.name.span.begin).str();
  if (one.detail.empty() && local.param)
    one.detail = local.param->span.text().str();
  add(std::move(one));
}

void Completer::keywords(llvm::ArrayRef<StringRef> words) {
  for (StringRef word : words)
    add({word.str(), CompletionKind::Keyword, "", "", ""});
}

/// Nearest names first.
llvm::SmallVector<LocalName> Completer::locals() const {
  llvm::SmallVector<LocalName> names;
  if (!around)
    return names;
  for (const LocalName &local : localNames(*around, offset))
    if (local.from <= offset)
      names.push_back(local);
  std::reverse(names.begin(), names.end());
  llvm::append_range(names, document.sectionNames(*around));
  return names;
}

//===- what may stand where -----------------------------------------------------------------===//

/// After an arrow.
void Completer::layers() {
  for (const LocalName &local : locals())
    if (local.layer ||
        (local.param && local.param->type && local.param->type->elem == ast::Elem::Layer))
      addLocal(local);
  for (StringRef name : document.main->visibleNames()) {
    if (document.main->alias(name))
      add({name.str(), CompletionKind::Module, "", "", ""});
    Found found = document.main->find(name);
    if (found && found.decl != around &&
        (found.decl->kind == DeclKind::Net || found.decl->kind == DeclKind::Block ||
         found.decl->kind == DeclKind::Op))
      addDeclaration(name, found);
  }
  llvm::SmallVector<StringRef> builtins;
  collectBuiltins(builtins);
  for (StringRef name : builtins)
    if (isBuiltinLayer(name))
      add({name.str(), CompletionKind::Layer, "built in", "", ""});
}

/// In an expression.
void Completer::values() {
  for (const LocalName &local : locals())
    addLocal(local);
  if (section() == DeclKind::Data)
    add({"source", CompletionKind::Name, "the samples as they are read", "", ""});
  if (section() == DeclKind::Train)
    add({"weights", CompletionKind::Name, "all weights of the net", "", ""});
  for (StringRef name : document.main->visibleNames()) {
    if (document.main->alias(name))
      add({name.str(), CompletionKind::Module, "", "", ""});
    Found found = document.main->find(name);
    bool value = found && found.decl != around && found.decl->kind != DeclKind::Optimizer &&
                 found.decl->kind != DeclKind::Data;
    if (value)
      addDeclaration(name, found);
  }
  llvm::SmallVector<StringRef> builtins;
  collectBuiltins(builtins);
  for (StringRef name : builtins)
    add({name.str(), CompletionKind::Function, "built in", "", ""});
}

void Completer::declarations(DeclKind kind) {
  for (StringRef name : document.main->visibleNames(kind))
    addDeclaration(name, document.main->find(name));
}

/// After a colon.
void Completer::types() {
  for (unsigned i = 0; i <= unsigned(ast::Elem::Layer); ++i)
    keywords({spelling(ast::Elem(i))});
}

/// In front of the body of a train or infer section: `train NET on DATA`.
bool Completer::head() {
  if ((section() != DeclKind::Train && section() != DeclKind::Infer) ||
      text.openBraces(previous + 1, *around) > 0)
    return false;
  if (text.text(previous) == "on")
    declarations(DeclKind::Data);
  else if (text.span(previous) == around->keyword)
    declarations(DeclKind::Net);
  else
    return false;
  return true;
}

void Completer::sources() {
  for (const SourceUse &use : sourceUses())
    add({use.name.str(), CompletionKind::Function, use.use.str(), "has " + orList(use.members),
         ""});
}

/// Settings that are not given yet, by name; inputs too, which may be named.
void Completer::settings(Found callee, size_t paren) {
  llvm::StringSet<> given;
  for (size_t i = paren + 1; i <= previous; ++i)
    if (text.kind(i) == Tok::Equal && text.openParen(i) == paren)
      given.insert(text.text(i - 1));
  auto offer = [&](const ast::Param &param, StringRef what) {
    if (given.contains(param.name.text))
      return;
    Completion one;
    one.label = param.name.text.str();
    one.kind = CompletionKind::Setting;
    one.detail = (param.span.text() + (what.empty() ? "" : "  (" + what + ")")).str();
    one.documentation = sentencesAbout(callee.decl->doc, param.name.text);
    one.insert = one.label + " = ";
    add(std::move(one));
  };
  for (const ast::Param *param : settingsOf(*callee.decl))
    offer(*param, "");
  for (const ast::Param &param : inputsOf(*callee.decl))
    offer(param, "input");
}

/// Does the setting that stands in front of "=" want a layer?
bool Completer::takesLayer(Found callee, StringRef setting) const {
  return callee && llvm::any_of(settingsOf(*callee.decl), [&](const ast::Param *param) {
           return param->name.text == setting && param->type &&
                  param->type->elem == ast::Elem::Layer;
         });
}

const ast::Call *Completer::sourceOf(const ast::DataDecl &data) const {
  for (const ast::Stmt *stmt : data.body.stmts)
    if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(stmt))
      if (assign->names.front().text == "source") {
        auto *flow = llvm::dyn_cast<ast::Flow>(assign->value);
        return llvm::dyn_cast<ast::Call>(flow ? flow->source : assign->value);
      }
  return nullptr;
}

/// After a dot: what a module declares, what a source has, the parts of a size.
void Completer::members(size_t dot) {
  StringRef base = dot ? text.text(dot - 1) : "";
  if (const Module *module = document.main->alias(base)) {
    for (StringRef name : module->exportedNames())
      addDeclaration(name, module->findExported(name));
    return;
  }
  if (auto *data = llvm::dyn_cast_or_null<ast::DataDecl>(around); data && base == "source") {
    const ast::Call *call = sourceOf(*data);
    for (const SourceUse &use : sourceUses())
      if (call && call->callee->span.text() == use.name)
        for (StringRef member : use.members)
          add({member.str(), CompletionKind::Field, "of " + use.name.str(), "", ""});
    return;
  }
  for (StringRef part : {"h", "w"})
    add({part.str(), CompletionKind::Field, "of a size", "", ""});
}

void Completer::keys() {
  llvm::StringSet<> given;
  auto &train = llvm::cast<ast::TrainDecl>(*around);
  for (const ast::Stmt *stmt : train.body.stmts)
    if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(stmt))
      given.insert(assign->names.front().text);
  for (const TrainKey &key : trainKeys())
    if (!given.contains(key.name))
      add({key.name.str(), CompletionKind::Key, key.meaning.str(), "", (key.name + " = ").str()});
  keywords({"let"});
}

/// First on its line.
void Completer::statement() {
  if (!around) {
    keywords({"net", "block", "op", "def", "let", "use", "data", "train", "infer", "optimizer",
              "metric"});
    return;
  }
  if (section() == DeclKind::Train)
    return keys();
  if (section() == DeclKind::Data) {
    add({"source", CompletionKind::Key, "where the samples come from", "", "source = "});
    keywords({"let", "when", "augment", "if", "for", "require"});
  } else if (section() == DeclKind::Net || section() == DeclKind::Block) {
    keywords({"param", "state", "layer", "let", "for", "if", "when", "require"});
  }
  values();
}

//===- which of them ------------------------------------------------------------------------===//

/// Does the cursor stand where a statement or a declaration begins?
bool Completer::atStatement() const {
  Tok last = text.kind(previous);
  if (!around || last == Tok::LBrace)
    return true;
  StringRef between = text.file.source->text().slice(text.span(previous).end, offset);
  return between.contains('\n') && text.openParen(previous + 1) == TextView::none &&
         last != Tok::Equal && last != Tok::Comma;
}

/// After `NAME =`.
void Completer::assigned(StringRef name, Found callee) {
  bool statement = text.beginsStatement(previous - 1);
  if (takesLayer(callee, name))
    layers();
  else if (statement && section() == DeclKind::Data && name == "source")
    sources();
  else if (statement && section() == DeclKind::Train && name == "optimizer")
    declarations(DeclKind::Optimizer);
  else
    values();
}

std::vector<Completion> Completer::run() {
  size_t word = text.wordAt(offset);
  if (word != TextView::none && text.span(word).begin >= offset)
    word = TextView::none; // it begins here: what is typed stands in front of it
  if (text.inComment(offset) || text.isText(word) || text.isNumber(word))
    return {};
  previous = text.before(word == TextView::none ? offset : text.span(word).begin);
  around = text.declaration(offset);
  Tok last = text.kind(previous);
  size_t paren = text.openParen(previous + 1);
  Found callee = document.calleeOf(paren);
  bool chain = last == Tok::LParen && previous && text.kind(previous - 1) == Tok::Arrow;
  if (around && head())
    return std::move(list);
  if (last == Tok::Dot) {
    members(previous);
  } else if (last == Tok::Colon) {
    types();
  } else if (chain || (last == Tok::Arrow && !text.isResultArrow(previous))) {
    layers();
  } else if (last == Tok::Equal && previous) {
    assigned(text.text(previous - 1), callee);
  } else if (callee && (last == Tok::LParen || last == Tok::Comma)) {
    settings(callee, paren);
    values();
  } else if (atStatement()) {
    statement();
  } else {
    values();
  }
  return std::move(list);
}

std::vector<Completion> Analysis::completions(uint32_t offset) const {
  if (!document->main)
    return {};
  return Completer(*document, offset).run();
}
