// What would be there if a line that is being typed were not: so that the shapes around it stay.
#include "dsl/Parser.h"
#include "dsl/ServiceText.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;

namespace {
/// One mistake of a text, and how far it reaches.
class Mistake {
public:
  Mistake(const TextView &text, Span at) : text(text) {
    token = text.before(at.begin);
    if (at.end > at.begin || token == TextView::none)
      ++token; // it is this token; an empty place is behind the one before
  }

  /// From the arrow before the mistake, else from the start of the statement, to its end.
  std::pair<uint32_t, uint32_t> range() const {
    size_t first = statement(), begin = first;
    for (size_t i = first; i <= token && i < text.file.tokens.size(); ++i)
      if (text.kind(i) == Tok::Arrow && !text.isResultArrow(i))
        begin = i;
    size_t end = endOf(first);
    return {text.span(begin).begin, text.span(end == begin ? begin : end - 1).end};
  }

private:
  unsigned column(size_t i) const { return text.span(i).position().column; }
  bool leads(size_t i) const {
    Tok kind = text.kind(i);
    return text.file.tokens[i].firstOnLine && !continuesLine(kind) && kind != Tok::RParen &&
           kind != Tok::RBracket;
  }

  size_t statement() const {
    size_t first = std::min(token, text.file.tokens.size() - 1);
    while (first > 0 && !(leads(first) && text.openParen(first) == TextView::none))
      --first;
    return first;
  }

  /// Up to a line that begins no deeper, or the "}" around.
  size_t endOf(size_t first) const {
    unsigned open = 0;
    size_t i = first;
    for (; text.kind(i) != Tok::End; ++i) {
      Tok kind = text.kind(i);
      if (i > token && leads(i) && open == 0 && column(i) <= column(first))
        break;
      if (kind == Tok::RBrace && open == 0 && i > first)
        break;
      open += kind == Tok::LBrace;
      open -= kind == Tok::RBrace && open;
    }
    return i;
  }

  const TextView &text;
  size_t token;
};
} // namespace

/// Puts the "}" that is missing in front of `at` into the blanks there. False if there is no room.
static bool closeBody(std::string &text, uint32_t at) {
  if (llvm::StringRef(text).substr(at).trim().empty()) {
    text += "\n}";
    return true;
  }
  uint32_t begin = llvm::StringRef(text).take_front(at).rtrim().size();
  if (begin + 2 > at)
    return false;
  text[begin] = '}';
  return true;
}

std::string gnc::dsl::service::withoutMistakes(llvm::StringRef text) {
  constexpr unsigned maxRounds = 20;
  std::string current = text.str();
  for (unsigned round = 0; round != maxRounds; ++round) {
    SourceManager sources;
    Diagnostics diags;
    auto file = parse(sources.add("", current), diags);
    if (!diags.hasErrors() || file->tokens.empty())
      break;
    const Diagnostic &first = *diags.sorted().front();
    if (first.slug == "missing-brace") {
      if (!closeBody(current, first.span.begin))
        break;
      continue;
    }
    auto [begin, end] = Mistake(TextView(*file), first.span).range();
    bool changed = false;
    for (uint32_t i = begin; i < end; ++i)
      if (!llvm::isSpace(current[i])) {
        current[i] = ' ';
        changed = true;
      }
    if (!changed)
      break;
  }
  return current;
}
