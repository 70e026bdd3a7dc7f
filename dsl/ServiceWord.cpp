// What a word of a document stands for.
#include "dsl/Evaluator.h"
#include "dsl/ServiceImpl.h"
#include "dsl/TrainKeys.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;

Found Document::declarationNamed(size_t token) const {
  if (text->kind(token) != Tok::Name)
    return {};
  bool member = token >= 2 && text->kind(token - 1) == Tok::Dot;
  if (!member)
    return main->find(text->text(token));
  const Module *module = main->alias(text->text(token - 2));
  return module ? module->findExported(text->text(token)) : Found{};
}

Found Document::calleeOf(size_t paren) const {
  if (paren == TextView::none || paren == 0)
    return {};
  uint32_t at = text->span(paren - 1).begin;
  const ast::Decl *around = text->declaration(at);
  bool parameters = around && around->name.span.begin == at && parametersOf(*around);
  return parameters ? Found{} : declarationNamed(paren - 1);
}

llvm::SmallVector<LocalName> Document::sectionNames(const ast::Decl &section) const {
  llvm::SmallVector<LocalName> names;
  using Kind = ast::Decl::Kind;
  if (section.kind != Kind::Train && section.kind != Kind::Infer)
    return names;
  if (Found net = main->find(section.name.text))
    for (const ast::Result &result : resultsOf(*net.decl))
      if (result.name)
        names.push_back({result.name, result.span});
  Found data = main->find(dataOf(section).text);
  if (data && data.decl->kind == Kind::Data)
    for (const LocalName &field : localNames(*data.decl, data.decl->span.end))
      if (field.name.text != "source")
        names.push_back(field);
  return names;
}

static Word declared(size_t token, Found found) {
  Word word;
  word.token = token;
  word.decl = found;
  word.kind = found ? Word::Kind::Declaration : Word::Kind::None;
  return word;
}

/// Words of the head of a declaration: names of nets and data, files, imports.
std::optional<Word> Document::wordOfHead(const ast::Decl &decl, size_t token) const {
  using Kind = ast::Decl::Kind;
  uint32_t begin = text->span(token).begin;
  if (auto *use = llvm::dyn_cast<ast::UseDecl>(&decl)) {
    for (const ast::Ident &import : use->imports)
      if (import.span.begin == begin)
        return declared(token, main->find(import.text));
    Word word;
    word.token = token;
    word.use = use;
    word.kind = use->keyword.begin == begin ? Word::Kind::None : Word::Kind::Module;
    return word;
  }
  if (dataOf(decl).span.begin == begin && dataOf(decl))
    return declared(token, main->find(dataOf(decl).text));
  if (!decl.name || decl.name.span.begin != begin)
    return std::nullopt;
  bool section = decl.kind == Kind::Train || decl.kind == Kind::Infer;
  return declared(token, section ? main->find(decl.name.text) : Found{&decl, main});
}

static Word settingOf(size_t token, Found callee, const ast::Param &param) {
  Word word;
  word.kind = Word::Kind::Setting;
  word.token = token;
  word.decl = callee;
  word.param = &param;
  return word;
}

/// The setting (or input) that is given by the name at `token`: `stride` in `conv(8, stride = 2)`.
std::optional<Word> Document::settingNamed(size_t token) const {
  Found callee = calleeOf(text->openParen(token));
  const ast::Params *params = callee ? parametersOf(*callee.decl) : nullptr;
  if (params)
    for (auto *list : {&params->settings, &params->inputs})
      for (const ast::Param &param : *list)
        if (param.name.text == text->text(token))
          return settingOf(token, callee, param);
  return std::nullopt;
}

/// The setting that a number alone is given to: `8` in `-> conv(8)` and in `-> conv(k = 8)`.
std::optional<Word> Document::settingGiven(size_t token) const {
  Tok next = text->kind(token + 1);
  if (token == 0 || (next != Tok::Comma && next != Tok::RParen))
    return std::nullopt;
  if (text->kind(token - 1) == Tok::Equal && token >= 2) {
    std::optional<Word> word = settingNamed(token - 2);
    if (word)
      word->token = token;
    return word;
  }
  size_t paren = text->openParen(token);
  Found callee = calleeOf(paren);
  // By position: after an arrow, and where there are no inputs to give.
  bool settingsOnly = callee && llvm::isa<ast::OptimizerDecl, ast::DefDecl>(callee.decl);
  if (!callee || !(settingsOnly || (paren >= 2 && text->kind(paren - 2) == Tok::Arrow)))
    return std::nullopt;
  size_t position = 0;
  for (size_t i = paren + 1; i < token; ++i)
    position += text->kind(i) == Tok::Comma && text->openParen(i) == paren;
  auto settings = settingsOf(*callee.decl);
  if (position >= settings.size() || text->kind(token - 1) == Tok::Equal)
    return std::nullopt;
  return settingOf(token, callee, *settings[position]);
}

/// A name inside of a declaration, innermost meaning first.
Word Document::wordOfBody(const ast::Decl *decl, size_t token) const {
  llvm::StringRef name = text->text(token);
  Word word;
  word.token = token;
  if (text->kind(token + 1) == Tok::Equal)
    if (std::optional<Word> setting = settingNamed(token))
      return *setting;
  if (decl && decl->kind == ast::Decl::Kind::Train && text->beginsStatement(token) &&
      text->kind(token + 1) == Tok::Equal) {
    word.kind = Word::Kind::Key;
    return word;
  }
  if (decl) {
    uint32_t at = text->span(token).begin;
    auto locals = localNames(*decl, at);
    auto outer = sectionNames(*decl);
    const LocalName *local = findLocal(locals, name, at);
    if (!local)
      local = findLocal(outer, name, ~0u);
    if (local) {
      word.kind = Word::Kind::Local;
      word.local = *local;
      return word;
    }
  }
  if (Found found = main->find(name))
    return declared(token, found);
  for (const auto *use : main->all<ast::UseDecl>())
    if (use->name.text == name) {
      word.use = use;
      word.kind = Word::Kind::Module;
      return word;
    }
  bool builtin = isBuiltin(name) || isBuiltinLayer(name);
  word.kind = builtin ? Word::Kind::Builtin : Word::Kind::None;
  return word;
}

Word Document::wordAt(uint32_t offset) const {
  size_t token = text->wordAt(offset);
  if (token == TextView::none || text->inComment(offset))
    return {};
  const ast::Decl *decl = text->declaration(text->span(token).begin);
  if (decl)
    if (std::optional<Word> word = wordOfHead(*decl, token))
      return *word;
  if (text->isNumber(token))
    return settingGiven(token).value_or(Word());
  if (text->kind(token) != Tok::Name)
    return {};
  if (token >= 2 && text->kind(token - 1) == Tok::Dot) {
    Word word = declared(token, declarationNamed(token));
    if (!word.decl)
      word.kind = Word::Kind::Member;
    return word;
  }
  return wordOfBody(decl, token);
}
