// Columns: `=` of neighbouring statements and settings, types, rows of tables, checked shapes, and
// whatever else the author had put below each other with blanks.
#include "dsl/FormatImpl.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/STLFunctionalExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::fmt;

namespace {

constexpr unsigned none = ~0u;
/// Names whose lengths differ by more stand in columns of their own: one long one does not push
/// all others away.
constexpr unsigned widestStep = 8;
constexpr unsigned shapeGap = 4;
/// Lines of more pieces have no columns that a reader would see.
constexpr unsigned widestTable = 200;

class Aligner {
public:
  Aligner(std::vector<Piece> &pieces, const std::vector<Line> &lines)
      : pieces(pieces), lines(lines) {}

  void run() {
    for (Piece &piece : pieces)
      piece.pad = 0;
    columns([this](const Line &line) { return typeOf(line); }, widestStep);
    columns([this](const Line &line) { return equalsOf(line); }, widestStep);
    tables();
    hints();
    shapes();
  }

private:
  using Find = llvm::function_ref<unsigned(const Line &)>;

  const Piece &first(const Line &line) const { return pieces[line.begin]; }
  unsigned column(const Line &line, unsigned index) const { return columnOf(pieces, line, index); }

  /// Are these lines neighbours at the same depth, with no empty line between them?
  bool follows(unsigned line) const {
    const Piece &piece = first(lines[line]);
    if (line == 0 || piece.blankBefore || lines[line].indent != lines[line - 1].indent)
      return false;
    return llvm::none_of(piece.comments, [](const Comment &c) { return c.blankBefore; });
  }

  /// A statement that begins and ends on this line.
  bool wholeStatement(const Line &line) const {
    const Piece &next = line.end < pieces.size() ? pieces[line.end] : pieces.back();
    bool ends = next.statement || next.kind == Tok::RBrace || next.kind == Tok::End;
    return first(line).statement && ends;
  }

  /// Statements whose `=` belong together.
  unsigned family(const Line &line) const {
    Tok kind = first(line).kind;
    if (kind == Tok::KwParam || kind == Tok::KwState)
      return 1;
    return unsigned(kind == Tok::Name && first(line).braces == 0 ? 1000 : 2 + unsigned(kind));
  }

  unsigned typeOf(const Line &line) const {
    if (!wholeStatement(line) || family(line) != 1 || line.end - line.begin < 4 ||
        pieces[line.begin + 2].kind != Tok::Colon)
      return none;
    return line.begin + 3;
  }

  unsigned equalsOf(const Line &line) const {
    if (wholeStatement(line)) {
      for (unsigned i = line.begin + 1; i < line.end; ++i)
        if (pieces[i].brackets == 0 && pieces[i].braces == first(line).braces &&
            (pieces[i].kind == Tok::Equal || pieces[i].kind == Tok::LeftArrow))
          return i;
      return none;
    }
    return setting(line) ? line.begin + 1 : none;
  }

  /// `name = value,` in brackets, alone on its line.
  bool setting(const Line &line) const {
    if (first(line).brackets == 0 || first(line).statement || line.end - line.begin < 3 ||
        first(line).kind != Tok::Name || pieces[line.begin + 1].kind != Tok::Equal)
      return false;
    for (unsigned i = line.begin; i + 1 < line.end; ++i)
      if (pieces[i].kind == Tok::Comma && pieces[i].brackets == first(line).brackets)
        return false;
    return pieces[line.end - 1].brackets >= first(line).brackets;
  }

  /// Puts what `find` finds on lines that follow each other into one column.
  void columns(Find find, unsigned step) {
    for (unsigned begin = 0; begin < lines.size();) {
      unsigned least = none, most = 0, end = begin, index, room = none;
      for (; end < lines.size() && (index = find(lines[end])) != none; ++end) {
        unsigned at = column(lines[end], index);
        unsigned low = std::min(least, at), high = std::max(most, at),
                 last = furthest(lines[end], at);
        if (end > begin && (high - low > step || high > std::min(room, last) || !follows(end) ||
                            !related(begin, end, index)))
          break;
        least = low, most = high, room = std::min(room, last);
      }
      for (unsigned line = begin; line < end; ++line)
        moveTo(lines[line], find(lines[line]), most);
      begin = std::max(end, begin + 1);
    }
  }

  /// How far right a piece may move before its line gets too long.
  unsigned furthest(const Line &line, unsigned at) const {
    unsigned end = lineEnd(pieces, line);
    return end < lineWidth ? at + lineWidth - end : at;
  }

  bool related(unsigned begin, unsigned line, unsigned index) const {
    if (first(lines[begin]).statement != first(lines[line]).statement)
      return false;
    const Piece &head = first(lines[begin]), &other = first(lines[line]);
    bool sameWord = family(lines[begin]) != 1000 || head.text == other.text;
    unsigned equals = equalsOf(lines[begin]);
    bool sameSign = equals == none || equalsOf(lines[line]) == none ||
                    index != equalsOf(lines[line]) || pieces[equals].kind == pieces[index].kind;
    return family(lines[begin]) == family(lines[line]) && sameWord && sameSign;
  }

  void moveTo(const Line &line, unsigned index, unsigned target) {
    unsigned at = column(line, index);
    if (target > at)
      pieces[index].pad += target - at;
    fixed.push_back(index);
  }

  //===- tables -----------------------------------------------------------------------------===//

  /// The first pieces of the entries of a line that is one row `(a, b, c),`; empty if it is none.
  std::vector<unsigned> row(const Line &line) const {
    const Piece &piece = first(line);
    if (piece.kind != Tok::LParen || piece.brackets == 0 || piece.match >= line.end ||
        line.end - line.begin > widestTable || piece.match + 2 < line.end ||
        (piece.match + 2 == line.end && pieces[line.end - 1].kind != Tok::Comma))
      return {};
    std::vector<unsigned> entries{line.begin + 1};
    for (unsigned i = line.begin + 1; i + 1 < piece.match; ++i)
      if (pieces[i].kind == Tok::Comma && pieces[i].brackets == piece.brackets + 1)
        entries.push_back(i + 1);
    return entries;
  }

  void tables() {
    for (unsigned begin = 0; begin < lines.size();) {
      size_t entries = row(lines[begin]).size();
      unsigned end = begin + 1;
      while (entries && end < lines.size() && follows(end) && row(lines[end]).size() == entries)
        ++end;
      if (entries && end - begin > 1)
        for (size_t k = 0; k < entries; ++k)
          tableColumn(begin, end, k);
      begin = end;
    }
  }

  unsigned entryEnd(const Line &line, size_t k) const {
    std::vector<unsigned> entries = row(line);
    return k + 1 < entries.size() ? entries[k + 1] - 1 : first(line).match;
  }

  /// Numbers end in one column, everything else begins in one.
  void tableColumn(unsigned begin, unsigned end, size_t k) {
    unsigned most = 0;
    bool numbers = true;
    for (unsigned l = begin; l < end; ++l) {
      unsigned from = row(lines[l])[k], to = entryEnd(lines[l], k);
      most = std::max(most, column(lines[l], to) - pieces[to].gap);
      Tok last = pieces[to - 1].kind;
      numbers &= (last == Tok::Integer || last == Tok::Float) &&
                 (to == from + 1 || (to == from + 2 && pieces[from].unary));
    }
    for (unsigned l = begin; l < end; ++l) {
      unsigned to = entryEnd(lines[l], k);
      unsigned missing = most - (column(lines[l], to) - pieces[to].gap);
      unsigned target = numbers ? row(lines[l])[k] : to + 1;
      fixed.push_back(row(lines[l])[k]);
      if (numbers || k + 1 < row(lines[l]).size())
        pieces[target].pad += missing;
    }
  }

  //===- what the author aligned ------------------------------------------------------------===//

  /// The piece of a line that began in this column of the text, if it is of that kind.
  unsigned partner(const Line &line, const Piece &piece) const {
    if (line.end - line.begin > widestTable)
      return none;
    for (unsigned i = line.begin + 1; i < line.end; ++i)
      if (pieces[i].sourceColumn == piece.sourceColumn)
        return pieces[i].kind == piece.kind && pieces[i].sourceGap > 0 ? i : none;
    return none;
  }

  void hints() {
    llvm::sort(fixed);
    std::vector<char> seen(pieces.size(), 0);
    for (unsigned l = 0; l + 1 < lines.size(); ++l)
      for (unsigned i = lines[l].begin + 1; i < lines[l].end; ++i)
        if (!seen[i] && pieces[i].sourceGap > 0 && pieces[i].gap > 0 && !isFixedSorted(i))
          hint(l, i, seen);
  }

  bool isFixedSorted(unsigned i) const { return llvm::binary_search(fixed, i); }

  void hint(unsigned l, unsigned i, std::vector<char> &seen) {
    if (lines[l].end - lines[l].begin > widestTable)
      return;
    std::vector<std::pair<unsigned, unsigned>> group{{l, i}};
    bool wide = pieces[i].sourceGap > 1;
    for (unsigned next = l + 1; next < lines.size() && follows(next); ++next) {
      unsigned other = partner(lines[next], pieces[i]);
      if (other == none || isFixedSorted(other) || pieces[other].gap == 0 ||
          !pieces[other - 1].trailing.empty())
        break;
      wide |= pieces[other].sourceGap > 1;
      group.push_back({next, other});
    }
    unsigned most = 0;
    for (auto [line, index] : group) {
      seen[index] = 1;
      most = wide ? std::max(most, column(lines[line], index)) : 0;
    }
    if (wide && group.size() > 1)
      for (auto [line, index] : group)
        pieces[index].pad += most - column(lines[line], index);
  }

  //===- shapes -----------------------------------------------------------------------------===//

  /// The colon of a shape that ends a line of a chain.
  unsigned shapeOf(const Line &line) const {
    if (first(line).kind != Tok::Arrow)
      return none;
    for (unsigned i = line.end; i-- > line.begin;)
      if (pieces[i].shape && pieces[i].brackets == first(line).brackets)
        return i + 1 < line.end && pieces[i + 1].kind == Tok::LBracket &&
                       pieces[i + 1].match + 1 == line.end
                   ? i
                   : none;
    return none;
  }

  /// All shapes of one chain, also where lines between them have none.
  void shapes() {
    for (unsigned begin = 0; begin < lines.size();) {
      unsigned end = begin + 1, most = 0;
      while (end < lines.size() && first(lines[end]).kind == Tok::Arrow && follows(end))
        ++end;
      for (unsigned l = begin; l < end; ++l)
        if (unsigned colon = shapeOf(lines[l]); colon != none) {
          pieces[colon].pad = 0;
          most = std::max(most, column(lines[l], colon) + shapeGap - 1);
        }
      for (unsigned l = begin; l < end; ++l)
        if (unsigned colon = shapeOf(lines[l]); colon != none)
          pieces[colon].pad += most - column(lines[l], colon);
      begin = end;
    }
  }

  std::vector<Piece> &pieces;
  const std::vector<Line> &lines;
  std::vector<unsigned> fixed;
};

} // namespace

void fmt::align(std::vector<Piece> &pieces, const std::vector<Line> &lines) {
  Aligner(pieces, lines).run();
}
