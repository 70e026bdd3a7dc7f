//===- Lexer.h - a PTX text as tokens ---------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Module.h"

namespace gnc::emulator {

enum class TokenKind : uint8_t {
  End,
  Name,    ///< add, %r1, %tid.x, $L__BB0_1, _ZZ1aE1b
  Dotted,  ///< .u32, .shared::cta, .visible; `text` holds it without the dot
  Integer, ///< 12, -0x1f, 0b11, 017, 3U; `value` holds the bits
  Float32, ///< 0f3f800000
  Float64, ///< 0d3ff0000000000000, 1.5
  String,
  Punctuation, ///< one character; `text` holds it
  Bad,         ///< `text` says why
};

struct Token {
  TokenKind kind = TokenKind::End;
  unsigned line = 0;
  std::string_view text;
  uint64_t value = 0;
  bool is(char c) const {
    return kind == TokenKind::Punctuation && text.size() == 1 && text[0] == c;
  }
};

/// Splits a whole text. The tokens point into it. Ends with End, or with Bad where it is not PTX.
std::vector<Token> tokenize(std::string_view text);

} // namespace gnc::emulator
