// The formatter's own view of a text: tokens with what stands before them, and lines made of them.
//
// FormatPieces.cpp makes pieces and says how many blanks stand before each; FormatLayout.cpp breaks
// them into lines and indents these; FormatAlign.cpp moves pieces to the right into columns.
#ifndef GNC_DSL_FORMATIMPL_H
#define GNC_DSL_FORMATIMPL_H

#include "dsl/AST.h"

#include <optional>
#include <string>
#include <vector>

namespace gnc::dsl::fmt {

constexpr unsigned indentStep = 2, lineWidth = 100;

struct Comment {
  llvm::StringRef text;
  bool blankBefore = false; // an empty line stands above it
};

/// A token and the trivia before it.
struct Piece {
  Tok kind = Tok::End;
  llvm::StringRef text;
  std::vector<Comment> comments;     // on lines of their own, before this token
  llvm::StringRef trailing;          // a comment behind this token
  bool blankBefore = false;          // an empty line stands above it
  bool breakBefore = false;          // first on its line
  bool statement = false;            // begins a statement or a declaration
  bool unary = false;                // a sign of one operand
  bool reducer = false;              // the bracket of a reduction, either end of it
  bool resultArrow = false;          // `->` before the results of a declaration
  bool shape = false;                // the colon of a checked shape: `f : [C]`
  unsigned gap = 0;                  // blanks before it if it is not first on its line
  unsigned pad = 0;                  // more of them, for a column
  unsigned braces = 0, brackets = 0; // that are open around it
  unsigned match = 0;                // of a bracket or brace: the index of the other end
  unsigned sourceColumn = 0, sourceGap = 0;
};

/// The pieces [begin, end) with the column of the first.
struct Line {
  unsigned begin = 0, end = 0, indent = 0;
};

/// All pieces of a file, the last of kind End. Breaks are those of the text, as far as they are
/// the author's choice.
std::vector<Piece> makePieces(const ast::File &file);
/// The blanks that stand between two tokens of one line.
unsigned naturalGap(const std::vector<Piece> &pieces, unsigned index);

/// Lines with their indentation; pads as they are.
std::vector<Line> layOut(const std::vector<Piece> &pieces);
/// Breaks lines that are too long, a level at a time. False if there was nothing to do.
bool breakLongLines(std::vector<Piece> &pieces, const std::vector<Line> &lines);
/// Sets the pads so that columns are straight.
void align(std::vector<Piece> &pieces, const std::vector<Line> &lines);

/// Characters, not bytes: comments and strings may hold any.
unsigned widthOf(llvm::StringRef text);
/// The column at which a piece of a line begins.
unsigned columnOf(const std::vector<Piece> &pieces, const Line &line, unsigned index);
unsigned lineEnd(const std::vector<Piece> &pieces, const Line &line);
bool endsOperand(const std::vector<Piece> &pieces, unsigned index);

} // namespace gnc::dsl::fmt

#endif // GNC_DSL_FORMATIMPL_H
