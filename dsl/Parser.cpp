// Tokens, errors and recovery; the rules of the grammar are in the Parse*.cpp files.
#include "dsl/Parser.h"

#include "dsl/ParserImpl.h"

using namespace gnc::dsl;

std::unique_ptr<ast::File> gnc::dsl::parse(const Source &source, Diagnostics &diags) {
  auto file = std::make_unique<ast::File>();
  file->source = &source;
  if (source.text().size() > SourceManager::maxFileSize) {
    diags.error("too-large", {}, source.name() + " is too large to be a program")
        .note("it has " + llvm::Twine(source.text().size()) + " bytes; the limit is " +
              llvm::Twine(SourceManager::maxFileSize));
    return file;
  }
  file->tokens = lex(source, diags);
  Parser(*file, diags).parseFile();
  return file;
}

//===- tokens -------------------------------------------------------------------------------===//

Span Parser::take() {
  Span span = here();
  if (is(Tok::LParen) || is(Tok::LBracket))
    ++brackets;
  if ((is(Tok::RParen) || is(Tok::RBracket)) && brackets)
    --brackets;
  if (!is(Tok::End))
    ++pos;
  return span;
}

bool Parser::accept(Tok kind) {
  if (!is(kind))
    return false;
  take();
  return true;
}

bool Parser::onNewLine() const {
  return cur().firstOnLine && brackets == 0 && !continuesLine(cur().kind);
}

bool Parser::ends() const { return is(Tok::End) || is(Tok::RBrace) || onNewLine(); }

bool Parser::expect(Tok kind, llvm::StringRef where) {
  // A body may open on the next line; everything else that must follow stands on this one.
  if (is(kind) && (kind == Tok::LBrace || !onNewLine())) {
    take();
    return true;
  }
  hintCommon(unexpected("expected-token", (describe(kind) + " " + where).str()));
  return false;
}

bool Parser::close(Tok kind) {
  if (accept(kind))
    return true;
  auto &d = unexpected("expected-token", describe(kind));
  noteOpen(d);
  hintCommon(d);
  return false;
}

bool Parser::name(llvm::StringRef what, Ident &out, bool sameLine) {
  if (is(Tok::Name) && !(sameLine && onNewLine())) {
    out = {text(cur()), here()};
    take();
    return true;
  }
  if (isReserved(cur().kind) && !onNewLine())
    report("reserved-word", here(),
           "expected " + what + ", but '" + text(cur()) + "' is a reserved word")
        .help("use another name, such as '" + text(cur()) + "_'");
  else
    hintCommon(unexpected("expected-name", what));
  return false;
}

bool Parser::checkTensorName(const Ident &name) {
  auto reducer = ast::reducerNamed(name.text);
  if (!reducer || *reducer == ast::Reducer::Count)
    return true;
  report("reducer-name", name.span, "'" + name.text + "' reduces and cannot name a value")
      .note(name.text + "[i] x[i] reduces over i; " + name.text + "(x) over all of x")
      .help("use another name, such as '" + name.text + "_'");
  return false;
}

bool Parser::tensorName(llvm::StringRef what, Ident &out) {
  return name(what, out) && checkTensorName(out);
}

//===- mistakes -----------------------------------------------------------------------------===//

Diagnostic &Parser::report(llvm::StringRef slug, Span at, const llvm::Twine &text) {
  failed = true;
  // The lexer has reported its own errors; one token is one mistake.
  bool cascade = is(Tok::Error) || reportedAt == pos;
  reportedAt = pos;
  if (!cascade)
    return diags.error(slug, at, text);
  muted.remarks.clear();
  return muted;
}

std::string Parser::found() const {
  if (is(Tok::End))
    return "the end of the file";
  llvm::StringRef shown = text(cur());
  return shown.size() > 24 ? describe(cur().kind).str() : ("'" + shown + "'").str();
}

Diagnostic &Parser::unexpected(llvm::StringRef slug, llvm::StringRef need) {
  // What is missing at the end of a line is missing there, not at the start of the next.
  bool atLineEnd = pos > 0 && (cur().firstOnLine || is(Tok::End));
  uint32_t end = previous().end;
  Span at = atLineEnd ? Span{&source, end, end} : here();
  return report(slug, at,
                "expected " + need + ", found " +
                    (onNewLine() && !is(Tok::End) && !is(Tok::RBrace) ? "a new line" : found()));
}

/// The bracket that is open here, for messages that miss its end.
void Parser::noteOpen(Diagnostic &d) {
  unsigned closed = 0;
  for (size_t i = pos; i-- > 0 && tokens[i].kind != Tok::LBrace && tokens[i].kind != Tok::RBrace;) {
    Tok kind = tokens[i].kind;
    if (kind == Tok::RParen || kind == Tok::RBracket)
      ++closed;
    if ((kind != Tok::LParen && kind != Tok::LBracket) || closed-- > 0)
      continue;
    Span open = spanOf(tokens[i]);
    if (open.position().line != previous().position().line)
      d.note(open, "'" + open.text() + "' was opened here");
    return;
  }
}

bool Parser::tooDeep(Span at) {
  report("too-deep", {at.source, at.begin, std::min(at.end, at.begin + 1)},
         "this is nested too deeply")
      .note("at most " + llvm::Twine(maxNesting) +
            " levels of parentheses, bodies and signs, and " + llvm::Twine(ast::Node::maxHeight) +
            " operators in a row")
      .help("name a part of it with 'let' or '=', and use the name");
  return true;
}

bool Parser::newLine() {
  bool semicolon = is(Tok::Semicolon);
  if (semicolon)
    report("semicolon", here(), "a statement does not end in ';'")
        .help("leave it out; a new line ends a statement");
  while (is(Tok::Semicolon))
    take();
  if (semicolon || cur().firstOnLine || is(Tok::RBrace) || is(Tok::End))
    return true;
  if (operatorAfterArrow())
    return false;
  auto &d = unexpected("expected-newline", "a new line");
  hintStatement(d);
  return false;
}

//===- recovery -----------------------------------------------------------------------------===//

static bool declares(llvm::StringRef word) {
  static constexpr llvm::StringLiteral words[] = {"use",       "net",    "block", "op",    "def",
                                                  "optimizer", "metric", "data",  "train", "infer"};
  return llvm::is_contained(words, word);
}

bool Parser::atDeclaration() const {
  // `data = ..` is an assignment; a name or string after the word makes a declaration of it.
  return is(Tok::Name) && cur().firstOnLine && declares(text(cur())) && !peek().firstOnLine &&
         (peek().kind == Tok::Name || (peek().kind == Tok::String && isWord("use")));
}

/// Goes on to the next statement of the body: the next line outside of what was open, or its "}".
void Parser::recoverStatement(size_t start) {
  unsigned open = brackets, braces = 0;
  bool first = pos == start; // nothing was taken: this token must go
  size_t mistake = pos;
  // A line that begins no deeper than the statement is the next statement, even if a bracket was
  // left open.
  unsigned indent = indentOf(spanOf(tokens[start]));
  auto begins = [&] {
    return cur().firstOnLine && !continuesLine(cur().kind) && !is(Tok::RParen) &&
           !is(Tok::RBracket) && (open == 0 || pos == mistake || indentOf(here()) <= indent);
  };
  for (; !is(Tok::End) && !atDeclaration(); ++pos, first = false) {
    if (is(Tok::LBrace)) {
      ++braces;
    } else if (is(Tok::RBrace)) {
      if (braces == 0)
        break;
      --braces;
      open = 0;
    } else if (!first && braces == 0 && begins()) {
      break;
    } else if (is(Tok::LParen) || is(Tok::LBracket)) {
      ++open;
    } else if ((is(Tok::RParen) || is(Tok::RBracket)) && open) {
      --open;
    }
  }
  brackets = 0;
}

/// Goes on to a line that begins with a declaration, or in the first column.
void Parser::recoverDeclaration(size_t start) {
  unsigned braces = 0;
  for (; !is(Tok::End) && !atDeclaration(); ++pos) {
    if (is(Tok::LBrace))
      ++braces;
    else if (is(Tok::RBrace))
      braces -= braces != 0;
    else if (pos != start && braces == 0 && cur().firstOnLine && !continuesLine(cur().kind) &&
             here().position().column == 1)
      break;
  }
  brackets = 0;
}

/// After a mistake in the head of a declaration: its body is read all the same, for what may be
/// wrong in there.
bool Parser::recoverToBody() {
  while (!is(Tok::End) && !is(Tok::LBrace) && !atDeclaration() &&
         !(cur().firstOnLine && here().position().column == 1))
    ++pos;
  brackets = 0;
  return is(Tok::LBrace);
}

unsigned Parser::indentOf(Span span) const {
  llvm::StringRef line = source.line(span.position().line);
  return line.size() - line.ltrim().size();
}

void Parser::missingBrace(Span brace) {
  auto &d = is(Tok::End) ? unexpected("missing-brace", "'}'")
                         : report("missing-brace", here(), "expected '}' before " + found());
  d.note(brace, "this '{' is not closed");
  if (suspect)
    d.note(suspect, "this '}' closes the '{' of line " + llvm::Twine(suspectOpen.position().line) +
                        ", but is indented differently; one may be missing before it");
}
