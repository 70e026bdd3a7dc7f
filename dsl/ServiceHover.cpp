// What is told about the word under the mouse.
#include "dsl/DataSource.h"
#include "dsl/ServiceImpl.h"
#include "dsl/TrainKeys.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;

namespace {
/// Collects paragraphs of Markdown.
class HoverText {
public:
  explicit HoverText(const Document &document) : document(document) {}

  std::string of(const Word &word);

private:
  void paragraph(const llvm::Twine &text);
  void code(const llvm::Twine &text) { paragraph("```net\n" + text + "\n```"); }
  void layer(uint32_t begin);
  void declaration(const ast::Decl &decl);
  void local(const LocalName &local, uint32_t at);
  void setting(const Word &word);
  void key(llvm::StringRef name);
  void source(llvm::StringRef name);

  const Document &document;
  std::string out;
};
} // namespace

void HoverText::paragraph(const llvm::Twine &text) {
  out += (out.empty() ? "" : "\n\n") + text.str();
}

/// What the layer or call that begins here comes to.
void HoverText::layer(uint32_t begin) {
  const LayerFact *fact = document.facts->layerAt(begin);
  if (!fact)
    return;
  std::string line = "-> " + fact->shape;
  if (!fact->arithmetic.empty())
    line += "    " + fact->arithmetic;
  code(line);
  std::string more;
  auto add = [&](const llvm::Twine &text) { more += (more.empty() ? "" : "; ") + text.str(); };
  if (fact->parameters)
    add(llvm::Twine(fact->parameters) + (fact->parameters == 1 ? " parameter" : " parameters"));
  if (!fact->same)
    add("at its first use");
  if (fact->assumed)
    add("free dimensions of the net count as 256");
  if (!more.empty())
    paragraph(more);
}

void HoverText::declaration(const ast::Decl &decl) {
  code(headOf(decl));
  if (!decl.doc.empty())
    paragraph(decl.doc);
}

void HoverText::local(const LocalName &local, uint32_t at) {
  llvm::StringRef value = document.facts->valueAt(at);
  if (value.empty())
    value = document.facts->valueAt(local.name.span.begin);
  if (local.param)
    code(local.param->span.text());
  else if (local.layer)
    code("layer " + local.name.text + " = " + oneLine(local.layer->span.text(), 80));
  if (!value.empty() && !local.layer)
    code(local.name.text + " : " + value);
}

void HoverText::setting(const Word &word) {
  code(word.param->span.text());
  std::string about = sentencesAbout(word.decl.decl->doc, word.param->name.text);
  paragraph("of " + word.decl.decl->name.text + (about.empty() ? "" : ". " + about));
}

void HoverText::key(llvm::StringRef name) {
  for (const TrainKey &key : trainKeys())
    if (key.name == name)
      paragraph("`" + key.name + "`: " + key.meaning);
}

/// `idx` in `source = idx(..)`.
void HoverText::source(llvm::StringRef name) {
  for (const SourceUse &use : sourceUses())
    if (use.name == name) {
      code("source = " + use.use);
      paragraph("has " + orList(use.members));
    }
}

std::string HoverText::of(const Word &word) {
  using Kind = Word::Kind;
  const TextView &text = *document.text;
  uint32_t at = text.span(word.token).begin;
  bool member = word.token >= 2 && text.kind(word.token - 1) == Tok::Dot;
  layer(member ? text.span(word.token - 2).begin : at);
  switch (word.kind) {
  case Kind::Declaration: declaration(*word.decl.decl); break;
  case Kind::Local: local(word.local, at); break;
  case Kind::Setting: setting(word); break;
  case Kind::Key: key(text.text(word.token)); break;
  case Kind::Builtin: paragraph("built in"); break;
  case Kind::Module:
    if (const Module *module = document.main->used(word.use))
      paragraph("`" + module->path() + "`");
    break;
  case Kind::Member:
    if (llvm::StringRef value = document.facts->valueAt(at); !value.empty())
      code(text.text(word.token) + " : " + value);
    break;
  case Kind::None: {
    const ast::Decl *around = text.declaration(at);
    if (around && around->kind == ast::Decl::Kind::Data)
      source(text.text(word.token));
  }
  }
  return std::move(out);
}

std::optional<Hover> Analysis::hover(uint32_t offset) const {
  if (!document->main)
    return std::nullopt;
  Word word = document->wordAt(offset);
  if (word.token == TextView::none)
    return std::nullopt;
  std::string text = HoverText(*document).of(word);
  if (text.empty())
    return std::nullopt;
  return Hover{document->text->span(word.token), std::move(text)};
}
