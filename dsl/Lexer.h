// The lexer's inside; its interface is lex() in Token.h.
#ifndef GNC_DSL_LEXER_H
#define GNC_DSL_LEXER_H

#include "dsl/Diagnostic.h"
#include "dsl/Token.h"

namespace gnc::dsl {

class Lexer {
public:
  Lexer(const Source &source, Diagnostics &diags)
      : source(source), text(source.text()), diags(diags) {}
  std::vector<Token> run();

private:
  void trivia();
  Tok token();
  Tok number();
  Tok badNumber(uint32_t begin);
  Tok string();
  Tok longText();
  Tok sign();
  Tok unknown();
  void checkUtf8();

  char at(uint32_t i) const { return i < text.size() ? text[i] : '\0'; }
  Span span(uint32_t begin, uint32_t end) const { return {&source, begin, end}; }

  const Source &source;
  llvm::StringRef text;
  Diagnostics &diags;
  uint32_t pos = 0;
  bool firstOnLine = true;
};

} // namespace gnc::dsl

#endif // GNC_DSL_LEXER_H
