#include "dsl/LibraryText.h"

#include "dsl/Parser.h"
#include "dsl/StandardLibrary.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;

/// Up to the first full stop that ends a sentence; "et al. 2015:" and "2.5" do not.
static std::string firstSentence(llvm::StringRef doc) {
  std::string text;
  for (llvm::StringRef rest = doc; !rest.empty(); rest = rest.split('\n').second)
    text += (text.empty() ? "" : " ") + rest.split('\n').first.trim().str();
  for (size_t i = 0; i + 2 < text.size(); ++i)
    if (text[i] == '.' && text[i + 1] == ' ' && !llvm::isDigit(text[i + 2]) &&
        !llvm::StringRef(text).take_front(i).ends_with("al"))
      return text.substr(0, i + 1);
  return text;
}

/// From the first line of the documentation above the declaration.
static uint32_t beginWithDocs(llvm::StringRef text, uint32_t begin) {
  while (begin > 0 && text[begin - 1] == '\n') {
    size_t above = text.rfind('\n', begin - 1); // the end of the line before the one above
    uint32_t from = above == llvm::StringRef::npos ? 0 : above + 1;
    if (!text.slice(from, begin).starts_with("##"))
      break;
    begin = from;
  }
  return begin;
}

std::vector<LibraryEntry> gnc::dsl::libraryEntries() {
  std::vector<LibraryEntry> entries;
  SourceManager sources;
  Diagnostics diags;
  for (const LibraryFile &file : standardLibrary()) {
    const Source &source = sources.add(file.name.str(), file.text.str());
    auto tree = parse(source, diags);
    for (const ast::Decl *decl : tree->decls) {
      if (decl->name.text.starts_with("_")) // the library's own business
        continue;
      uint32_t begin = beginWithDocs(source.text(), decl->span.begin);
      entries.push_back({decl->name.text.str(), firstSentence(decl->doc),
                         source.text().slice(begin, decl->span.end).str()});
    }
  }
  return entries;
}

std::vector<ExplainPage> gnc::dsl::explainPages() {
  std::vector<ExplainPage> pages;
  llvm::StringRef rest = explainText;
  for (size_t at = rest.find("\n# "); at != llvm::StringRef::npos; at = rest.find("\n# ")) {
    auto [slug, body] = rest.substr(at + 3).split('\n');
    pages.push_back({slug.trim(), body.substr(0, body.find("\n# ")).trim()});
    rest = body;
  }
  llvm::sort(pages, [](const auto &a, const auto &b) { return a.slug < b.slug; });
  return pages;
}
