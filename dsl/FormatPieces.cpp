// Tokens as pieces: what stands before each, what role it plays, how many blanks it needs.
#include "dsl/FormatImpl.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::fmt;

namespace {

bool opens(Tok kind) { return kind == Tok::LParen || kind == Tok::LBracket; }
bool closes(Tok kind) { return kind == Tok::RParen || kind == Tok::RBracket; }

bool declares(llvm::StringRef word) {
  return llvm::is_contained({"net", "block", "op", "def", "optimizer", "metric"}, word);
}

class PieceMaker {
public:
  explicit PieceMaker(const ast::File &file) : file(file), text(file.source->text()) {}

  std::vector<Piece> run() {
    for (const Token &token : file.tokens)
      add(token);
    for (unsigned i = 0; i < pieces.size(); ++i)
      settleBreaks(i);
    for (unsigned i = 1; i < pieces.size(); ++i) {
      classify(i);
      pieces[i].gap = naturalGap(pieces, i);
    }
    return std::move(pieces);
  }

private:
  void add(const Token &token) {
    Piece piece;
    piece.kind = token.kind;
    piece.text = text.slice(token.begin, token.end);
    readTrivia(text.slice(token.triviaBegin, token.begin), piece);
    piece.breakBefore = pieces.empty() || token.firstOnLine;
    piece.sourceColumn = file.source->position(token.begin).column;
    piece.sourceGap = token.begin - token.triviaBegin;
    if (closes(token.kind) || token.kind == Tok::RBrace)
      close(piece);
    piece.braces = braces;
    piece.brackets = brackets;
    unsigned index = pieces.size();
    if (opens(token.kind) || token.kind == Tok::LBrace) {
      open.push_back(index);
      ++(token.kind == Tok::LBrace ? braces : brackets);
    }
    pieces.push_back(std::move(piece));
  }

  void close(Piece &piece) {
    if (open.empty())
      return;
    piece.match = open.back();
    pieces[open.back()].match = pieces.size();
    --(piece.kind == Tok::RBrace ? braces : brackets);
    open.pop_back();
  }

  void readTrivia(llvm::StringRef trivia, Piece &piece) {
    trivia.consume_front("\xEF\xBB\xBF");
    bool first = !pieces.empty(); // what stands before the first line end belongs to the last token
    unsigned empty = 0;
    while (!trivia.empty()) {
      auto [line, rest] = trivia.split('\n');
      bool last = rest.empty() && !trivia.ends_with("\n");
      line = line.trim(" \t\r");
      if (line.empty()) {
        empty += !first && !last;
      } else if (first) {
        pieces.back().trailing = line;
      } else {
        piece.comments.push_back({line, empty > 0});
        empty = 0;
      }
      first = false;
      trivia = rest;
    }
    piece.blankBefore = empty > 0;
  }

  //===- breaks -----------------------------------------------------------------------------===//

  bool free(unsigned i) const {
    return pieces[i].comments.empty() && pieces[i - 1].trailing.empty();
  }

  void settleBreaks(unsigned i) {
    Piece &piece = pieces[i];
    if (i == 0 || piece.kind == Tok::End)
      return;
    Tok before = pieces[i - 1].kind;
    if (piece.kind == Tok::LBrace)
      piece.breakBefore &= !free(i) || (pieces[i - 1].braces == 0 && severalLines(i));
    else if (piece.kind == Tok::KwElse && before == Tok::RBrace)
      piece.breakBefore &= !free(i);
    else if (piece.kind == Tok::Arrow && pieces[i + 1].breakBefore && !piece.breakBefore &&
             pieces[i + 1].comments.empty())
      moveBreak(i);
    if (before == Tok::LBrace && piece.kind == Tok::RBrace)
      piece.breakBefore = !free(i);
    else if (before == Tok::LBrace || piece.kind == Tok::RBrace)
      piece.breakBefore |= bodyBreaks(before == Tok::LBrace ? i - 1 : piece.match);
    if (before == Tok::LBrace || piece.kind == Tok::RBrace)
      piece.blankBefore = false;
    if (before == Tok::LBrace && !piece.comments.empty())
      piece.comments.front().blankBefore = false;
  }

  /// An arrow leads its line: the break behind it goes before it.
  void moveBreak(unsigned i) {
    pieces[i].breakBefore = true;
    pieces[i + 1].breakBefore = false;
    pieces[i + 1].blankBefore = false;
    if (pieces[i].trailing.empty())
      return;
    if (pieces[i - 1].trailing.empty())
      std::swap(pieces[i - 1].trailing, pieces[i].trailing);
    else
      pieces[i + 1].breakBefore = true;
  }

  /// Does the head of the declaration before the brace take several lines?
  bool severalLines(unsigned brace) const {
    for (unsigned i = brace; i-- > 0;) {
      if (pieces[i].kind == Tok::RBrace || (pieces[i].breakBefore && startsHead(i)))
        return false;
      if (pieces[i].breakBefore)
        return true;
    }
    return false;
  }
  bool startsHead(unsigned i) const {
    return i == 0 || (pieces[i].brackets == 0 && pieces[i].kind == Tok::Name);
  }

  bool bodyBreaks(unsigned brace) const {
    for (unsigned i = brace + 1; i <= pieces[brace].match; ++i)
      if (pieces[i].breakBefore || !pieces[i - 1].trailing.empty())
        return true;
    return false;
  }

  //===- roles ------------------------------------------------------------------------------===//

  void classify(unsigned i) {
    Piece &piece = pieces[i];
    if (i == 1)
      startStatement(0);
    if (piece.brackets == 0 && startsStatement(i))
      startStatement(i);
    if (piece.kind == Tok::LBracket && pieces[i - 1].kind == Tok::Name && isReducer(i - 1))
      piece.reducer = pieces[piece.match].reducer = true;
    if (piece.kind == Tok::Minus)
      piece.unary = !endsOperand(pieces, i - 1);
    if (piece.brackets == 0 && (piece.kind == Tok::Equal || piece.kind == Tok::LBrace))
      head = false;
    piece.resultArrow = piece.kind == Tok::Arrow && head && piece.brackets == 0;
    piece.shape = piece.kind == Tok::Colon && !declaresType(i);
  }

  bool isReducer(unsigned i) const {
    auto reducer = ast::reducerNamed(pieces[i].text);
    if (!reducer || (i > 0 && pieces[i - 1].kind == Tok::Dot))
      return false;
    return *reducer != ast::Reducer::Count || declaration == "op";
  }

  bool startsStatement(unsigned i) const {
    Tok before = pieces[i - 1].kind;
    if (pieces[i].kind == Tok::RBrace || pieces[i].kind == Tok::LBrace ||
        pieces[i].kind == Tok::End)
      return false;
    if (before == Tok::LBrace)
      return true;
    if (!pieces[i].breakBefore || continuesLine(pieces[i].kind))
      return false;
    return endsOperand(pieces, i - 1) || before == Tok::RBrace;
  }

  void startStatement(unsigned i) {
    pieces[i].statement = true;
    start = i;
    if (pieces[i].braces == 0)
      declaration = pieces[i].text;
    head = pieces[i].braces == 0 && declares(declaration);
  }

  /// `x: [C]` among parameters, in `param`, `state`, `use`, or as `y: [C] = e`.
  bool declaresType(unsigned i) const {
    if (head && (pieces[i].brackets == 1 || pieces[i - 1].kind == Tok::Name))
      return true;
    if (pieces[i].brackets != 0)
      return false;
    Tok first = pieces[start].kind;
    if (first == Tok::KwParam || first == Tok::KwState || declaration == "use")
      return i == start + 2 || declaration == "use";
    if (i != start + 1)
      return false;
    for (unsigned k = i; k < pieces.size() && pieces[k].kind != Tok::Arrow; ++k) {
      if (pieces[k].breakBefore && pieces[k].brackets == 0)
        return false;
      if (pieces[k].kind == Tok::Equal && pieces[k].brackets == 0)
        return true;
    }
    return false;
  }

  const ast::File &file;
  llvm::StringRef text, declaration;
  std::vector<Piece> pieces;
  std::vector<unsigned> open;
  unsigned braces = 0, brackets = 0, start = 0;
  bool head = false; // in the head of a declaration
};

/// Signs that stand between blanks, or between none where the author left none: `2*pad.h`.
bool isProduct(Tok kind) {
  return llvm::is_contained({Tok::Star, Tok::Slash, Tok::SlashSlash, Tok::Percent, Tok::Caret},
                            kind);
}

bool isTight(const std::vector<Piece> &pieces, unsigned i) {
  return isProduct(pieces[i].kind) && pieces[i].sourceGap == 0 && !pieces[i].breakBefore &&
         pieces[i + 1].sourceGap == 0 && !pieces[i + 1].breakBefore;
}

} // namespace

bool fmt::endsOperand(const std::vector<Piece> &pieces, unsigned i) {
  switch (pieces[i].kind) {
  case Tok::RBracket: return !pieces[i].reducer;
  case Tok::DotDot: return pieces[i].gap == 0; // of a pack; a range goes on
  case Tok::Name:
  case Tok::Integer:
  case Tok::Float:
  case Tok::Size:
  case Tok::String:
  case Tok::Text:
  case Tok::RParen:
  case Tok::KwTrue:
  case Tok::KwFalse:
  case Tok::KwInf:
  case Tok::KwLayer: // a type
    return true;
  default: return false;
  }
}

unsigned fmt::naturalGap(const std::vector<Piece> &pieces, unsigned i) {
  const Piece &piece = pieces[i], &before = pieces[i - 1];
  if (before.unary || opens(before.kind) || before.kind == Tok::At || before.kind == Tok::Dot ||
      isTight(pieces, i - 1))
    return 0;
  switch (piece.kind) {
  case Tok::RBracket:
  case Tok::RParen:
  case Tok::Comma:
  case Tok::Semicolon:
  case Tok::Dot: return 0;
  case Tok::Colon: return piece.shape;
  case Tok::DotDot: { // a range between blanks, a pack without
    Tok next = pieces[i + 1].kind;
    return !(closes(next) || next == Tok::Comma || next == Tok::Less || next == Tok::Semicolon);
  }
  case Tok::LParen: return !(before.kind == Tok::Name || closes(before.kind)) || before.reducer;
  case Tok::LBracket: return !(before.kind == Tok::Name || closes(before.kind)) || before.reducer;
  case Tok::RBrace: return before.kind != Tok::LBrace;
  default: return !isTight(pieces, i);
  }
}

std::vector<Piece> fmt::makePieces(const ast::File &file) { return PieceMaker(file).run(); }
