//===- Parser.h - recursive descent over the statements of PTX --------------------------------===//
//
// Names of registers, variables and labels are resolved here, so that later stages see numbers.
// What instructions mean is not known here (Decoder.h).
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/emulator/Ast.h"
#include "runtime/emulator/Lexer.h"

namespace gnc::emulator {

/// Ends parsing; caught in `parse`.
struct ParseFailure {
  CompileError error;
};

class Parser {
public:
  explicit Parser(std::string_view text) : tokens(tokenize(text)) {}
  Text run();

private:
  /// A register name, or with a count the names prefix0 .. prefix(count-1).
  struct RegisterName {
    uint32_t first = 0;
    uint32_t count = 0; ///< 0: the name itself
  };
  struct Scope {
    std::map<std::string_view, RegisterName, std::less<>> registers;
    std::map<std::string_view, uint32_t, std::less<>> variables, labels;
    int parent = -1;
  };
  struct LabelUse {
    std::string_view name;
    int scope;
    unsigned line;
  };

  // Tokens.
  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(at + ahead, tokens.size() - 1)];
  }
  const Token &take() { return tokens[at + 1 < tokens.size() ? at++ : at]; }
  bool accept(char c);
  void expect(char c, const char *where);
  std::string_view expectName(const char *what);
  uint64_t expectInteger(const char *what);
  [[noreturn]] void fail(unsigned line, std::string message) const;
  [[noreturn]] void failHere(const std::string &needed) const;

  // ParserModule.cpp: what stands outside of functions, and declarations.
  void header();
  void target();
  void directive();
  void file();
  void skipSection();
  void routine(bool entry, bool external);
  void routineLimits(Routine &routine);
  void limit(uint32_t (&values)[3]);
  std::vector<uint32_t> parameterList();
  uint32_t parameter();
  void variables(Space space, bool external, std::vector<uint32_t> &list);
  uint32_t variable(Space space, Type type, uint32_t alignment, bool external);
  void initialiser(Variable &variable, Type type);
  void initialElement(Variable &variable, Type type);
  Type type(const char *what);

  // ParserBody.cpp: statements and operands.
  void body(Routine &routine);
  void bodyDirective();
  void registers();
  void place();
  void statement();
  Operand operand(bool label);
  Operand primary();
  Operand inner();
  Operand number(bool negative);
  Operand bracketed();
  Operand listed(Operand::Kind kind, char close);
  Operand named(std::string_view name, unsigned line);
  std::optional<Operand> findRegister(std::string_view name) const;
  std::optional<Operand> findVariable(std::string_view name) const;
  Operand labelUse(std::string_view name, unsigned line);
  void openScope();
  void resolveLabels();

  std::vector<Token> tokens;
  size_t at = 0;
  Text text;
  std::vector<Scope> scopes; ///< of the current function, the first one outside of it
  int scope = 0;
  Routine *current = nullptr;
  std::vector<LabelUse> labelUses;
  unsigned currentPlace = 0;
};

/// A word that nothing answers to, beside what there is.
std::string quoted(std::string_view word);

} // namespace gnc::emulator
