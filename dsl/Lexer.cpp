#include "dsl/Lexer.h"

#include "dsl/Rational.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ConvertUTF.h"

using namespace gnc::dsl;
using llvm::isAlnum;
using llvm::isAlpha;
using llvm::isDigit;

static bool startsName(char c) { return isAlpha(c) || c == '_'; }
static bool inName(char c) { return isAlnum(c) || c == '_'; }

std::vector<Token> gnc::dsl::lex(const Source &source, Diagnostics &diags) {
  return Lexer(source, diags).run();
}

std::vector<Token> Lexer::run() {
  checkUtf8();
  std::vector<Token> tokens;
  for (;;) {
    Token token;
    token.triviaBegin = pos;
    trivia();
    token.begin = pos;
    token.firstOnLine = firstOnLine;
    firstOnLine = false;
    token.kind = pos == text.size() ? Tok::End : this->token();
    token.end = pos;
    tokens.push_back(token);
    if (token.kind == Tok::End)
      return tokens;
  }
}

void Lexer::trivia() {
  if (pos == 0 && text.starts_with("\xEF\xBB\xBF")) // what Windows editors put first
    pos = 3;
  for (; pos < text.size(); ++pos) {
    char c = text[pos];
    if (c == '#')
      pos = std::min(text.find('\n', pos), text.size());
    if (at(pos) == '\n')
      firstOnLine = true;
    else if (pos == text.size() || (c != ' ' && c != '\t' && c != '\r'))
      return;
  }
}

Tok Lexer::token() {
  char c = text[pos];
  if (startsName(c)) {
    uint32_t begin = pos;
    while (inName(at(pos)))
      ++pos;
    return keyword(text.slice(begin, pos));
  }
  if (isDigit(c))
    return number();
  if (text.substr(pos).starts_with("\"\"\""))
    return longText();
  if (c == '"')
    return string();
  return sign();
}

/// Reports and takes all that hangs on the number.
Tok Lexer::badNumber(uint32_t begin) {
  uint32_t rest = pos;
  while (inName(at(pos)))
    ++pos;
  llvm::StringRef whole = text.slice(begin, pos), number = text.slice(begin, rest),
                  tail = text.slice(rest, pos);
  auto &error = diags.error("bad-number", span(begin, pos),
                            whole.size() > 24 ? "this is not a number"
                                              : ("'" + whole + "' is not a number").str());
  if (whole.size() > 24)
    return Tok::Error;
  if (number.contains('x'))
    error.help("a size is whole numbers with x between them, such as 3x3");
  else if (tail == "x")
    error.help("write " + number + " * x for a product, or " + number + "x" + number +
               " for a size");
  else if (startsName(tail.front()) && tail.front() != '_')
    error.help("write " + number + " * " + tail + " for a product");
  else
    error.help("'_' may stand between digits, as in 60_000");
  return Tok::Error;
}

Tok Lexer::number() {
  uint32_t begin = pos;
  Tok kind = Tok::Integer;
  while (isDigit(at(pos)) || (at(pos) == '_' && isDigit(at(pos + 1))))
    ++pos;
  if (at(pos) == 'x' && isDigit(at(pos + 1))) {
    while (at(pos) == 'x' && isDigit(at(pos + 1)))
      for (++pos; isDigit(at(pos));)
        ++pos;
    return inName(at(pos)) ? badNumber(begin) : Tok::Size;
  }
  if (at(pos) == '.' && isDigit(at(pos + 1))) {
    kind = Tok::Float;
    for (++pos; isDigit(at(pos));)
      ++pos;
  }
  if (char e = at(pos); e == 'e' || e == 'E') {
    uint32_t digits = pos + 1 + (at(pos + 1) == '+' || at(pos + 1) == '-');
    if (isDigit(at(digits))) {
      kind = Tok::Float;
      for (pos = digits; isDigit(at(pos));)
        ++pos;
    }
  }
  if (inName(at(pos)))
    return badNumber(begin);
  if (!Rational::parse(text.slice(begin, pos))) {
    diags.error("bad-number", span(begin, pos), "this number is out of range")
        .note("numbers are exact; above and below the point they have up to 38 digits");
    return Tok::Error;
  }
  return kind;
}

Tok Lexer::string() {
  uint32_t begin = pos++;
  bool bad = false;
  while (pos < text.size() && text[pos] != '"' && text[pos] != '\n') {
    if (text[pos++] != '\\' || pos == text.size() || text[pos] == '\n')
      continue;
    if (!llvm::StringRef("\"\\nt").contains(text[pos])) {
      diags.error("bad-escape", span(pos - 1, pos + 1), "there is no such escape in a string")
          .help("the escapes are \\\" \\\\ \\n \\t; a backslash itself is written \\\\");
      bad = true;
    }
    ++pos;
  }
  if (at(pos) != '"' || pos == text.size()) {
    diags.error("open-string", span(begin, pos), "this string does not end on its line")
        .help("close it with '\"'; a line end inside a string is written \\n");
    return Tok::Error;
  }
  ++pos;
  return bad ? Tok::Error : Tok::String;
}

/// Everything up to the next """, as it stands.
Tok Lexer::longText() {
  constexpr llvm::StringLiteral quotes = "\"\"\"";
  uint32_t begin = pos;
  size_t end = text.find(quotes, begin + quotes.size());
  if (end == llvm::StringRef::npos) {
    pos = begin + quotes.size();
    diags.error("open-string", span(begin, pos), "this text does not end")
        .help("close it with '\"\"\"'");
    pos = text.size(); // what follows would be reported word by word
    return Tok::Error;
  }
  pos = end + quotes.size();
  return Tok::Text;
}

Tok Lexer::sign() {
  unsigned length = 0;
  Tok kind = dsl::sign(text.substr(pos), length);
  if (kind == Tok::Error)
    return unknown();
  pos += length;
  return kind;
}

/// What people write, or what word processors make of it, and what it is here.
static llvm::StringRef meant(llvm::StringRef character, llvm::StringRef two) {
  return llvm::StringSwitch<llvm::StringRef>(two == "&&" || two == "||" ? two : character)
      .Case("&&", "write 'and'")
      .Case("||", "write 'or'")
      .Cases({"&", "|", "~"}, "the language has no operators on bits")
      .Case("!", "write 'not'")
      .Case("?", "a choice is written: if a then b else c")
      .Cases({"'", "“", "”", "‘", "’", "`"}, "strings stand between '\"'")
      .Cases({"→", "⟶", "⇒"}, "write '->'")
      .Cases({"×", "·"}, "write '*' for a product, or 3x3 for a size")
      .Cases({"−", "–", "—"}, "write '-'")
      .Case("≤", "write '<='")
      .Case("≥", "write '>='")
      .Case("≠", "write '!='")
      .Case("←", "write '<-'")
      .Case("\\", "a line that begins with '->' or an operator goes on with the one before")
      .Case("\xC2\xA0", "this is a no-break space; write an ordinary one")
      .Default("");
}

Tok Lexer::unknown() {
  uint32_t begin = pos;
  unsigned length = llvm::getNumBytesForUTF8(uint8_t(text[pos]));
  // Bytes that are no UTF-8 were reported for the whole file; here they only end a token.
  if (!llvm::isLegalUTF8Sequence(text.bytes_begin() + pos,
                                 text.bytes_begin() +
                                     std::min<size_t>(pos + length, text.size()))) {
    ++pos;
    return Tok::Error;
  }
  llvm::StringRef character = text.substr(pos, length), two = text.substr(pos, 2);
  pos += two == "&&" || two == "||" ? 2 : length;
  llvm::StringRef quote = character == "'" ? "\"" : "'";
  bool control = uint8_t(text[begin]) < 0x20 || text[begin] == 0x7f;
  auto &error =
      control
          ? diags.error("bad-character", span(begin, pos),
                        "a control character (byte " + llvm::Twine(int(text[begin])) +
                            ") cannot stand here")
          : diags.error("bad-character", span(begin, pos),
                        quote + text.slice(begin, pos) + quote + " is not used in the language");
  if (llvm::StringRef help = meant(character, two); !help.empty())
    error.help(help);
  // A run of one and the same character is one mistake.
  while (text.substr(pos, length) == character)
    pos += length;
  return Tok::Error;
}

void Lexer::checkUtf8() {
  const auto *begin = text.bytes_begin(), *at = begin, *end = text.bytes_end();
  unsigned reported = 0;
  while (at != end) {
    const auto *bad = at;
    if (llvm::isLegalUTF8String(&bad, end))
      return;
    uint32_t offset = bad - begin;
    diags
        .error("bad-encoding", span(offset, offset + 1),
               "byte 0x" + llvm::utohexstr(uint8_t(*bad)) + " is not UTF-8 text")
        .help("save the file as UTF-8");
    // One message a line, and not for all of a file that is no text.
    size_t line = text.find('\n', offset);
    if (++reported == 5 || line == llvm::StringRef::npos)
      return;
    at = begin + line;
  }
}
