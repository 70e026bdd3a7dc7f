#include "dsl/Token.h"

#include "llvm/ADT/StringSwitch.h"

using namespace gnc::dsl;

bool gnc::dsl::isReserved(Tok kind) { return kind >= Tok::KwParam && kind <= Tok::KwAugment; }

bool gnc::dsl::continuesLine(Tok kind) {
  switch (kind) {
#define KEYWORD(KIND, SPELLING, CONTINUES)                                                         \
  case Tok::KIND: return CONTINUES;
#define SIGN(KIND, SPELLING, CONTINUES) KEYWORD(KIND, SPELLING, CONTINUES)
#include "dsl/Tokens.def"
  default: return false;
  }
}

llvm::StringRef gnc::dsl::describe(Tok kind) {
  switch (kind) {
  case Tok::End: return "the end of the file";
  case Tok::Error: return "an error";
  case Tok::Name: return "a name";
  case Tok::Integer:
  case Tok::Float: return "a number";
  case Tok::Size: return "a size";
  case Tok::String: return "a string";
  case Tok::Text: return "a text";
#define KEYWORD(KIND, SPELLING, CONTINUES)                                                         \
  case Tok::KIND: return "'" SPELLING "'";
#define SIGN(KIND, SPELLING, CONTINUES) KEYWORD(KIND, SPELLING, CONTINUES)
#include "dsl/Tokens.def"
  }
  return "a token";
}

Tok gnc::dsl::keyword(llvm::StringRef name) {
  return llvm::StringSwitch<Tok>(name)
#define KEYWORD(KIND, SPELLING, CONTINUES) .Case(SPELLING, Tok::KIND)
#define SIGN(KIND, SPELLING, CONTINUES)
#include "dsl/Tokens.def"
      .Default(Tok::Name);
}

Tok gnc::dsl::sign(llvm::StringRef text, unsigned &length) {
#define KEYWORD(KIND, SPELLING, CONTINUES)
#define SIGN(KIND, SPELLING, CONTINUES)                                                            \
  if (text.starts_with(SPELLING))                                                                  \
    return length = sizeof(SPELLING) - 1, Tok::KIND;
#include "dsl/Tokens.def"
  return Tok::Error;
}
