// Lines and their indentation; where a line is broken that is too long.
//
// A line that goes on with a statement hangs: what it continues stands above it. An operator that
// leads such a line stands to the left of that column, so that the operands are below each other:
//
//   y[i] = sum[k] a[i, k]
//        * b[k]
#include "dsl/FormatImpl.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Unicode.h"

using namespace gnc::dsl;
using namespace gnc::dsl::fmt;

namespace {

bool opens(Tok kind) { return kind == Tok::LParen || kind == Tok::LBracket; }
bool closes(Tok kind) { return kind == Tok::RParen || kind == Tok::RBracket; }

constexpr size_t maxEntries = 100;

/// What is open around a token: the statement, then every bracket.
struct Frame {
  unsigned base = 0;       // the column of what comes first in it
  unsigned anchor = 0;     // the column of the operand that an operator continues
  unsigned lineIndent = 0; // of the line that opens it
  bool hanging = false;    // the bracket ends its line
  bool broken = false;     // some line in it was
  bool pendingBase = false, pendingAnchor = false, hasAnchor = false;
  bool chain = false; // of a statement: `layer f = a -> b`, where arrows hang too
  std::vector<unsigned> ifs;
  /// Where the entries of its first line begin: in the text, and now.
  std::vector<std::pair<unsigned, unsigned>> entries;
};

class LayOut {
public:
  explicit LayOut(const std::vector<Piece> &pieces) : pieces(pieces) {}

  std::vector<Line> run() {
    frames.emplace_back();
    for (unsigned i = 0; i < pieces.size(); ++i) {
      const Piece &piece = pieces[i];
      if (piece.breakBefore || i == 0 || piece.kind == Tok::End)
        newLine(i);
      else
        column += piece.gap + piece.pad;
      place(i);
      column += widthOf(piece.text);
      lines.back().end = i + 1;
    }
    return std::move(lines);
  }

private:
  void newLine(unsigned i) {
    const Piece &piece = pieces[i];
    if (piece.statement || piece.kind == Tok::RBrace || piece.kind == Tok::End)
      column = indentStep * piece.braces;
    else
      column = continuation(i);
    lines.push_back({i, i + 1, column});
  }

  unsigned continuation(unsigned i) {
    const Piece &piece = pieces[i];
    Frame &frame = frames.back();
    bool outermost = frames.size() == 1;
    frame.broken = true;
    unsigned lowest = outermost ? statementIndent + indentStep : frame.base;
    if (closes(piece.kind)) {
      if (frame.pendingBase) // nothing stands in it
        frame.base = frame.lineIndent + indentStep;
      return frame.hanging ? frame.lineIndent : frame.base - 1;
    }
    if (frame.pendingBase) {
      frame.hanging = true;
      return frame.lineIndent + indentStep;
    }
    if (piece.kind == Tok::LBrace ||
        (piece.kind == Tok::KwElse && piece.brackets == 0 && pieces[i - 1].kind == Tok::RBrace))
      return statementIndent;
    if (piece.resultArrow)
      return statementIndent + 3;
    if ((piece.kind == Tok::KwThen || piece.kind == Tok::KwElse) && !frame.ifs.empty())
      return frame.ifs.back();
    if (frame.pendingAnchor)
      return outermost ? lowest : frame.base + indentStep;
    if (!frame.hasAnchor)
      return lowest;
    if (!continuesLine(piece.kind))
      return std::max(belowEntry(frame, piece).value_or(frame.anchor), lowest);
    if (piece.kind == Tok::Arrow && outermost && !frame.chain)
      return lowest;
    unsigned hang = widthOf(piece.text) + 1;
    return std::max(frame.anchor > hang ? frame.anchor - hang : 0, lowest);
  }

  /// An author may go on below an entry of the line above other than the first.
  std::optional<unsigned> belowEntry(const Frame &frame, const Piece &piece) const {
    for (auto [source, now] : frame.entries)
      if (source == piece.sourceColumn)
        return now;
    return std::nullopt;
  }

  /// What the token at `column` means for the lines after it.
  void place(unsigned i) {
    const Piece &piece = pieces[i];
    if (piece.statement) {
      frames.assign(1, Frame());
      statementIndent = column;
      frames.back().chain = piece.kind == Tok::KwLayer || piece.text == "block";
    }
    Frame &frame = frames.back();
    if (frame.pendingBase && !closes(piece.kind))
      frame.base = frame.anchor = column, frame.hasAnchor = true;
    if (frame.pendingAnchor)
      frame.anchor = column, frame.hasAnchor = true;
    bool entry = frame.pendingBase || (i > 0 && pieces[i - 1].kind == Tok::Comma);
    if (entry && frames.size() > 1 && !frame.broken && frame.entries.size() < maxEntries)
      frame.entries.push_back({piece.sourceColumn, column});
    frame.pendingBase = frame.pendingAnchor = false;
    step(piece);
  }

  void step(const Piece &piece) {
    Frame &frame = frames.back();
    if (opens(piece.kind)) {
      Frame inner;
      inner.pendingBase = true;
      inner.lineIndent = lines.back().indent;
      frames.push_back(inner);
    } else if (closes(piece.kind)) {
      if (frames.size() > 1)
        frames.pop_back();
    } else if (piece.kind == Tok::Comma || piece.kind == Tok::Semicolon) {
      frame.ifs.clear();
      frame.anchor = frame.base;
      frame.hasAnchor = frames.size() > 1;
    } else if (piece.kind == Tok::KwIf) {
      frame.ifs.push_back(column);
      frame.pendingAnchor = true;
    } else if (piece.kind == Tok::KwElse || piece.kind == Tok::KwThen) {
      if (piece.kind == Tok::KwElse && !frame.ifs.empty())
        frame.ifs.pop_back();
      frame.pendingAnchor = true;
    } else if (llvm::is_contained({Tok::Equal, Tok::LeftArrow, Tok::KwRequire}, piece.kind)) {
      frame.pendingAnchor = true;
    }
  }

  const std::vector<Piece> &pieces;
  std::vector<Line> lines;
  std::vector<Frame> frames;
  unsigned column = 0, statementIndent = 0;
};

//===- long lines ---------------------------------------------------------------------------===//

/// How good a place before this piece is to break a line; 0: none.
unsigned breakRank(const std::vector<Piece> &pieces, unsigned i) {
  const Piece &piece = pieces[i], &before = pieces[i - 1];
  if (piece.resultArrow)
    return 7;
  if (before.kind == Tok::Equal && piece.braces == 0 && piece.brackets == 0)
    return 6;
  if (piece.kind == Tok::Arrow)
    return 5;
  if (piece.brackets > 0 && (before.kind == Tok::Comma || before.kind == Tok::Semicolon))
    return closes(piece.kind) ? 0 : 4;
  if (before.kind == Tok::Comma) // the message of a requirement
    return 4;
  if (piece.unary || piece.gap == 0)
    return 0;
  if (before.reducer)
    return 2;
  if (piece.kind == Tok::KwAnd || piece.kind == Tok::KwOr)
    return 3;
  if (piece.kind == Tok::Plus || piece.kind == Tok::Minus)
    return 2;
  return piece.kind == Tok::Star || piece.kind == Tok::Slash ? 1 : 0;
}

/// A body on one line gets lines of its own.
bool breakBody(std::vector<Piece> &pieces, const Line &line) {
  for (unsigned i = line.begin; i < line.end; ++i) {
    Piece &piece = pieces[i];
    if (piece.kind != Tok::LBrace || piece.match >= line.end || piece.match == i + 1)
      continue;
    pieces[i + 1].breakBefore = pieces[piece.match].breakBefore = true;
    return true;
  }
  return false;
}

/// What is left of a line that is longer by far is broken in many places at once.
constexpr unsigned farTooLong = 10 * lineWidth;

unsigned rightSide(const std::vector<Piece> &pieces, const Line &line) {
  unsigned from = line.begin + 1;
  for (unsigned i = from; i < line.end; ++i)
    if (pieces[i].brackets == 0 && pieces[i].kind == Tok::Equal)
      from = i + 1;
  return from;
}

/// The last place in reach outside of as many brackets as can be; not on the left of an equation.
bool breakOne(std::vector<Piece> &pieces, const Line &line) {
  unsigned best = 0, bestRank = 0, bestDepth = 0, bestEnd = 0;
  unsigned end = line.indent, limit = lineWidth, whole = lineEnd(pieces, line);
  for (unsigned i = line.begin, from = rightSide(pieces, line); i < line.end; ++i) {
    const Piece &piece = pieces[i];
    unsigned rank = i >= from ? breakRank(pieces, i) : 0, depth = piece.brackets;
    bool better = rank && (!best || depth < bestDepth || (depth == bestDepth && rank > bestRank));
    bool alike = rank && best && depth == bestDepth && rank == bestRank;
    if (alike && end > limit && whole - end > farTooLong) {
      pieces[best].breakBefore = true;
      limit = bestEnd + lineWidth / 2;
    }
    if (better || (alike && end <= limit))
      best = i, bestRank = rank, bestDepth = depth, bestEnd = end;
    end += (i > line.begin ? piece.gap + piece.pad : 0) + widthOf(piece.text);
  }
  if (!best)
    return false;
  pieces[best].breakBefore = true;
  return true;
}

} // namespace

unsigned fmt::widthOf(llvm::StringRef text) {
  text = text.split('\n').first; // a text of several lines hangs below its first one
  int width = llvm::sys::unicode::columnWidthUTF8(text);
  return width >= 0 ? width : text.size();
}

unsigned fmt::columnOf(const std::vector<Piece> &pieces, const Line &line, unsigned index) {
  unsigned column = line.indent;
  for (unsigned i = line.begin; i < index; ++i)
    column += widthOf(pieces[i].text) + pieces[i + 1].gap + pieces[i + 1].pad;
  return column;
}

unsigned fmt::lineEnd(const std::vector<Piece> &pieces, const Line &line) {
  return columnOf(pieces, line, line.end - 1) + widthOf(pieces[line.end - 1].text);
}

std::vector<Line> fmt::layOut(const std::vector<Piece> &pieces) { return LayOut(pieces).run(); }

bool fmt::breakLongLines(std::vector<Piece> &pieces, const std::vector<Line> &lines) {
  bool any = false;
  for (const Line &line : lines)
    if (lineEnd(pieces, line) > lineWidth)
      any |= breakBody(pieces, line) || breakOne(pieces, line);
  return any;
}
