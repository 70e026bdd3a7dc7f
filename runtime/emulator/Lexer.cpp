#include "runtime/emulator/Lexer.h"

#include <bit>
#include <charconv>

namespace gnc::emulator {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%';
}
static bool isNamePart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || isDigit(c) || c == '_' || c == '$';
}

namespace {
class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}
  std::vector<Token> run();

private:
  char peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : '\0'; }
  bool skipBlank();
  Token next();
  Token name();
  Token dotted();
  Token number();
  Token exactFloat(int digits, TokenKind kind);
  Token quoted();
  Token make(TokenKind kind, size_t from) const {
    return {kind, line, text.substr(from, at - from), 0};
  }
  Token bad(std::string_view why) const { return {TokenKind::Bad, line, why, 0}; }

  std::string_view text;
  size_t at = 0;
  unsigned line = 1;
};
} // namespace

/// Blanks and comments; false where a comment does not end.
bool Lexer::skipBlank() {
  while (at < text.size()) {
    char c = text[at];
    if (c == '\n')
      ++line, ++at;
    else if (c == ' ' || c == '\t' || c == '\r')
      ++at;
    else if (c == '/' && peek(1) == '/')
      while (at < text.size() && text[at] != '\n')
        ++at;
    else if (c == '/' && peek(1) == '*') {
      size_t end = text.find("*/", at + 2);
      if (end == std::string_view::npos)
        return false;
      for (; at < end + 2; ++at)
        line += text[at] == '\n';
    } else
      break;
  }
  return true;
}

Token Lexer::name() {
  size_t from = at++;
  while (isNamePart(peek()))
    ++at;
  // The members of %tid and its like belong to the name.
  bool member = text[from] == '%' && peek() == '.' &&
                std::string_view("xyzw").find(peek(1)) != std::string_view::npos &&
                !isNamePart(peek(2));
  if (member)
    at += 2;
  return make(TokenKind::Name, from);
}

Token Lexer::dotted() {
  size_t from = ++at;
  while (isNamePart(peek()) ||
         (peek() == ':' && peek(1) == ':' && isNamePart(peek(2)) && (at += 1)))
    ++at;
  return at == from ? bad("a lone '.'") : make(TokenKind::Dotted, from);
}

/// 0f and 0d: the bits of a number, all of its digits written.
Token Lexer::exactFloat(int digits, TokenKind kind) {
  size_t from = at;
  at += 2;
  Token token{kind, line, {}, 0};
  auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), token.value, 16);
  if (error != std::errc{} || end != text.data() + at + digits)
    return bad("a floating-point number needs all hexadecimal digits of its bits");
  at += digits;
  token.text = text.substr(from, at - from);
  return token;
}

Token Lexer::number() {
  size_t from = at;
  char kind = static_cast<char>(peek(1) | 0x20);
  if (peek() == '0' && kind == 'f')
    return exactFloat(8, TokenKind::Float32);
  if (peek() == '0' && kind == 'd')
    return exactFloat(16, TokenKind::Float64);
  int base = 10;
  if (peek() == '0' && kind == 'x')
    base = 16, at += 2;
  else if (peek() == '0' && kind == 'b')
    base = 2, at += 2;
  const char *begin = text.data() + at, *last = text.data() + text.size();
  Token token{TokenKind::Integer, line, {}, 0};
  auto whole = std::from_chars(begin, last, token.value, base);
  const char *end = whole.ptr;
  bool fraction = base == 10 && end != last && (*end == '.' || *end == 'e' || *end == 'E');
  if (fraction) {
    double value = 0;
    auto real = std::from_chars(begin, last, value);
    if (real.ec != std::errc{})
      return bad("a number that no double holds");
    end = real.ptr;
    token.kind = TokenKind::Float64;
    token.value = std::bit_cast<uint64_t>(value);
  } else if (whole.ec != std::errc{})
    return bad("a number that 64 bits do not hold");
  else if (base == 10 && *begin == '0' && end - begin > 1)
    whole = std::from_chars(begin, last, token.value, 8), end = whole.ptr;
  if (end != last && *end == 'U')
    ++end;
  at = end - text.data();
  if (isNamePart(peek()))
    return bad("letters behind a number");
  token.text = text.substr(from, at - from);
  return token;
}

Token Lexer::quoted() {
  size_t from = ++at;
  while (at < text.size() && text[at] != '"' && text[at] != '\n')
    at += text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
  if (peek() != '"')
    return bad("a string that does not end");
  Token token = make(TokenKind::String, from);
  ++at;
  return token;
}

Token Lexer::next() {
  if (!skipBlank())
    return bad("a comment that does not end");
  if (at >= text.size())
    return {TokenKind::End, line, {}, 0};
  char c = peek();
  if (isNameStart(c))
    return name();
  if (c == '.')
    return dotted();
  if (isDigit(c))
    return number();
  if (c == '"')
    return quoted();
  if (std::string_view("{}()[]<>,;:=+-!|@&*~").find(c) == std::string_view::npos)
    return bad("a character that PTX does not use here");
  ++at;
  return make(TokenKind::Punctuation, at - 1);
}

std::vector<Token> Lexer::run() {
  std::vector<Token> tokens;
  do
    tokens.push_back(next());
  while (tokens.back().kind != TokenKind::End && tokens.back().kind != TokenKind::Bad);
  return tokens;
}

std::vector<Token> tokenize(std::string_view text) {
  // The driver takes texts with their final NUL.
  return Lexer(text.substr(0, text.find('\0'))).run();
}

} // namespace gnc::emulator
