#include "dsl/Format.h"

#include "dsl/FormatImpl.h"
#include "dsl/Parser.h"

using namespace gnc::dsl;
using namespace gnc::dsl::fmt;

namespace {

class Writer {
public:
  Writer(const std::vector<Piece> &pieces, const std::vector<Line> &lines)
      : pieces(pieces), lines(lines) {}

  std::string run() {
    commentColumns();
    for (unsigned l = 0; l < lines.size(); ++l)
      write(l);
    return std::move(out);
  }

private:
  const Piece &first(unsigned l) const { return pieces[lines[l].begin]; }
  llvm::StringRef trailing(unsigned l) const { return pieces[lines[l].end - 1].trailing; }

  /// Comments behind neighbouring lines begin in one column.
  void commentColumns() {
    columns.resize(lines.size());
    for (unsigned begin = 0; begin < lines.size();) {
      unsigned end = begin, most = 0;
      while (end < lines.size() && !trailing(end).empty() &&
             (end == begin || (!first(end).blankBefore && first(end).comments.empty())))
        most = std::max(most, lineEnd(pieces, lines[end++]));
      for (unsigned l = begin; l < end; ++l)
        columns[l] = most + 2;
      begin = std::max(end, begin + 1);
    }
  }

  void newLine(bool blankBefore) {
    if (out.empty())
      return;
    out += blankBefore ? "\n\n" : "\n";
  }

  void write(unsigned l) {
    const Line &line = lines[l];
    const Piece &piece = first(l);
    bool closes =
        piece.kind == Tok::RBrace || piece.kind == Tok::RParen || piece.kind == Tok::RBracket;
    for (const Comment &comment : piece.comments) {
      newLine(comment.blankBefore);
      out += std::string(line.indent + (closes ? indentStep : 0), ' ');
      out += comment.text;
    }
    if (piece.kind == Tok::End) {
      if (!out.empty())
        out += '\n';
      return;
    }
    newLine(piece.blankBefore);
    out += std::string(line.indent, ' ');
    for (unsigned i = line.begin; i < line.end; ++i) {
      if (i > line.begin)
        out += std::string(pieces[i].gap + pieces[i].pad, ' ');
      out += pieces[i].text;
    }
    if (!trailing(l).empty())
      (out += std::string(columns[l] - lineEnd(pieces, line), ' ')) += trailing(l);
  }

  const std::vector<Piece> &pieces;
  const std::vector<Line> &lines;
  std::vector<unsigned> columns; // of the comments
  std::string out;
};

std::string formatOnce(const ast::File &file) {
  std::vector<Piece> pieces = makePieces(file);
  std::vector<Line> lines = layOut(pieces);
  align(pieces, lines);
  lines = layOut(pieces); // columns move what hangs below them
  for (unsigned round = 0; round < 100 && breakLongLines(pieces, lines); ++round) {
    lines = layOut(pieces);
    align(pieces, lines);
    lines = layOut(pieces);
  }
  return Writer(pieces, lines).run();
}

/// What formatting must not change: tokens, comments, the tree.
std::string essence(const ast::File &file) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  ast::dump(stream, file);
  llvm::StringRef source = file.source->text();
  for (const Token &token : file.tokens)
    stream << source.slice(token.begin, token.end) << '\n';
  for (const Token &token : file.tokens) {
    llvm::StringRef trivia = source.slice(token.triviaBegin, token.begin);
    for (; !trivia.empty(); trivia = trivia.split('\n').second)
      if (size_t at = trivia.split('\n').first.find('#'); at != llvm::StringRef::npos)
        stream << trivia.split('\n').first.substr(at).trim(" \t\r") << '\n';
  }
  return text;
}

/// Columns depend on lines and lines on columns; a few rounds settle them.
constexpr unsigned maxRounds = 10;

} // namespace

std::optional<std::string> gnc::dsl::format(llvm::StringRef name, llvm::StringRef text,
                                            SourceManager &sources, Diagnostics &diags) {
  auto file = parse(sources.add(name.str(), text.str()), diags);
  if (diags.hasErrors())
    return std::nullopt;
  std::string current = text.str(), before = essence(*file);
  for (unsigned round = 0; round < maxRounds; ++round) {
    std::string next = formatOnce(*file);
    if (next == current)
      return current;
    file = parse(sources.add(name.str(), next), diags);
    if (diags.hasErrors() || essence(*file) != before) {
      diags.clear(); // they are about a text that the user never saw
      diags.error("internal", {}, "formatting " + name + " would change more than white space");
      return std::nullopt;
    }
    current = std::move(next);
  }
  return current;
}
