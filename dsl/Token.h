// Tokens that keep everything: blanks and comments stand before each token as its trivia, so the
// formatter and the language server work on the same parse as the compiler.
#ifndef GNC_DSL_TOKEN_H
#define GNC_DSL_TOKEN_H

#include "dsl/Source.h"

#include <cstdint>
#include <vector>

namespace gnc::dsl {

class Diagnostics;

enum class Tok : uint8_t {
  End,   // of the file; holds the last blanks and comments
  Error, // text that was reported by the lexer
  Name,
  Integer,
  Float,
  Size,
  String,
  Text, // between """, of any number of lines
#define KEYWORD(KIND, SPELLING, CONTINUES) KIND,
#define SIGN(KIND, SPELLING, CONTINUES) KIND,
#include "dsl/Tokens.def"
};

struct Token {
  Tok kind = Tok::End;
  bool firstOnLine = false;
  uint32_t triviaBegin = 0; // blanks, line ends and comments: [triviaBegin, begin)
  uint32_t begin = 0, end = 0;
};

/// All tokens of a source, the last is Tok::End. Trivia and tokens together are the text, byte for
/// byte. What is not a token is reported and becomes Tok::Error.
std::vector<Token> lex(const Source &source, Diagnostics &diags);

/// "'->'", "'if'", "a name", "the end of the file": for messages.
llvm::StringRef describe(Tok kind);
/// The reserved word of that spelling, else Tok::Name.
Tok keyword(llvm::StringRef name);
/// The longest sign that the text begins with (its length goes to `length`), else Tok::Error.
Tok sign(llvm::StringRef text, unsigned &length);
bool isReserved(Tok kind);
/// May this token, first on its line, go on with the statement of the line before?
bool continuesLine(Tok kind);

} // namespace gnc::dsl

#endif // GNC_DSL_TOKEN_H
