#include "runtime/emulator/Parser.h"

#include <charconv>

namespace gnc::emulator {

void Parser::openScope() {
  Scope inner;
  inner.parent = scope;
  scopes.push_back(std::move(inner));
  scope = static_cast<int>(scopes.size() - 1);
}

void Parser::body(Routine &routine) {
  expect('{', "before the body of a function");
  labelUses.clear();
  currentPlace = 0;
  int depth = 1;
  while (depth) {
    if (accept('{'))
      openScope(), ++depth;
    else if (accept('}'))
      scope = scopes[scope].parent, --depth;
    else if (peek().kind == TokenKind::Dotted)
      bodyDirective();
    else if (peek().kind == TokenKind::Name && peek(1).is(':')) {
      const Token label = take();
      take();
      auto [entry, isNew] = scopes[scope].labels.emplace(label.text, routine.labels.size());
      if (!isNew)
        fail(label.line, "the label " + quoted(label.text) + " stands twice");
      routine.labels.push_back(static_cast<uint32_t>(routine.statements.size()));
    } else
      statement();
  }
  // The closing brace left the function's own scope for the outer one: labels need all of them.
  resolveLabels();
}

void Parser::bodyDirective() {
  const Token token = take();
  std::string_view word = token.text;
  if (word == "reg")
    registers();
  else if (word == "shared" || word == "local" || word == "param")
    variables(word == "shared"  ? Space::Shared
              : word == "local" ? Space::Local
                                : Space::Param,
              false, current->variables);
  else if (word == "global" || word == "const")
    variables(word == "global" ? Space::Global : Space::Const, false, text.globals);
  else if (word == "loc")
    place();
  else if (word == "pragma") { // hints of compilers
    if (take().kind != TokenKind::String)
      failHere("the string of a pragma");
    expect(';', "behind a pragma");
  } else
    fail(token.line, "the directive " + quoted("." + std::string(word)) +
                         " inside a function is not supported");
}

void Parser::registers() {
  Type kind = type("the type of registers");
  do {
    unsigned line = peek().line;
    std::string_view name = expectName("the name of a register");
    RegisterName entry{static_cast<uint32_t>(current->registers.size()), 0};
    if (accept('<')) {
      uint64_t count = expectInteger("a number of registers");
      if (count == 0 || count > 1 << 20)
        fail(line, "a function has 1 to 1048576 registers of a name");
      entry.count = static_cast<uint32_t>(count);
      expect('>', "behind a number of registers");
    }
    if (!scopes[scope].registers.emplace(name, entry).second)
      fail(line, "the register " + quoted(name) + " is declared twice");
    current->registers.resize(current->registers.size() + std::max(1u, entry.count), kind);
    if (current->registers.size() > 1 << 22)
      fail(line, "a function of more than 4194304 registers");
  } while (accept(','));
  expect(';', "behind registers");
}

/// .loc FILE LINE COLUMN [, function_name LABEL [+ N] [, inlined_at FILE LINE COLUMN]]
void Parser::place() {
  unsigned fileNumber = static_cast<unsigned>(expectInteger("the number of a file"));
  unsigned line = static_cast<unsigned>(expectInteger("a line"));
  expectInteger("a column");
  while (accept(',')) {
    std::string_view word = expectName("function_name or inlined_at");
    if (word == "function_name") {
      expectName("a label");
      if (accept('+'))
        expectInteger("an offset");
    } else if (word == "inlined_at") {
      for (int i = 0; i < 3; ++i)
        expectInteger("a place");
    } else
      fail(peek().line, "found " + quoted(word) + " where function_name or inlined_at is needed");
  }
  text.places.push_back({fileNumber, line});
  currentPlace = static_cast<unsigned>(text.places.size());
}

//===- Statements -----------------------------------------------------------------------------===//

void Parser::statement() {
  Statement s;
  s.line = peek().line;
  s.place = currentPlace;
  if (accept('@')) {
    bool negated = accept('!');
    std::string_view name = expectName("a predicate");
    std::optional<Operand> guard = findRegister(name);
    if (!guard || current->registers[guard->id] != Type::Pred)
      fail(s.line, "the guard " + quoted(name) + " is no register of type .pred");
    guard->negated = negated;
    s.guard = guard;
  }
  if (peek().kind != TokenKind::Name)
    failHere("an instruction");
  s.opcode = take().text;
  while (peek().kind == TokenKind::Dotted)
    s.modifiers.push_back(take().text);
  if (!accept(';')) {
    do
      s.operands.push_back(operand(s.opcode == "bra"));
    while (accept(','));
    expect(';', "behind an instruction");
  }
  current->statements.push_back(std::move(s));
}

Operand Parser::operand(bool label) {
  unsigned line = peek().line;
  if (label && peek().kind == TokenKind::Name)
    return labelUse(take().text, line);
  Operand first = primary();
  if (!accept('|'))
    return first;
  Operand pair;
  pair.kind = Operand::Kind::Pair;
  pair.name = first.name;
  pair.elements.push_back(std::move(first));
  pair.elements.push_back(primary());
  return pair;
}

Operand Parser::primary() {
  const Token &token = peek();
  if (token.kind == TokenKind::Name) {
    take();
    Operand found = named(token.text, token.line);
    if (found.kind == Operand::Kind::Variable && accept('+'))
      found.value = expectInteger("an offset");
    return found;
  }
  if (accept('-'))
    return number(true);
  if (accept('!')) {
    Operand inner = named(expectName("a predicate"), token.line);
    inner.negated = true;
    return inner;
  }
  if (accept('{'))
    return listed(Operand::Kind::Vector, '}');
  if (accept('('))
    return listed(Operand::Kind::List, ')');
  if (accept('['))
    return bracketed();
  return number(false);
}

/// An operand inside of another one: lists and addresses do not nest.
Operand Parser::inner() {
  if (peek().is('{') || peek().is('(') || peek().is('['))
    failHere("a register, a number or a name");
  return primary();
}

Operand Parser::number(bool negative) {
  const Token token = take();
  Operand result;
  result.name = token.text;
  result.value = token.value;
  if (token.kind == TokenKind::Integer) {
    result.kind = Operand::Kind::Integer;
    result.value = negative ? -token.value : token.value;
  } else if (token.kind == TokenKind::Float32) {
    result.kind = Operand::Kind::Float32;
    result.value ^= negative ? 0x80000000u : 0;
  } else if (token.kind == TokenKind::Float64) {
    result.kind = Operand::Kind::Float64;
    result.value ^= negative ? uint64_t{1} << 63 : 0;
  } else {
    --at;
    failHere("an operand");
  }
  return result;
}

Operand Parser::listed(Operand::Kind kind, char close) {
  Operand result;
  result.kind = kind;
  if (accept(close))
    return result;
  do
    result.elements.push_back(inner());
  while (accept(','));
  if (!accept(close))
    failHere(std::string("'") + close + "'");
  return result;
}

/// [BASE], [BASE+N], [BASE-N], [BASE+-N]
Operand Parser::bracketed() {
  Operand result;
  result.kind = Operand::Kind::Address;
  result.elements.push_back(inner());
  Operand &base = result.elements[0];
  if (base.kind == Operand::Kind::Variable)
    std::swap(result.value, base.value); // the offset belongs to the address
  bool negative = false, more = false;
  while (peek().is('+') || peek().is('-')) {
    negative ^= take().is('-');
    more = true;
  }
  if (more) {
    uint64_t offset = expectInteger("an offset");
    result.value += negative ? -offset : offset;
  }
  expect(']', "behind an address");
  return result;
}

//===- Names ----------------------------------------------------------------------------------===//

std::optional<Operand> Parser::findRegister(std::string_view name) const {
  size_t digits = name.size();
  while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
    --digits;
  uint32_t number = 0;
  bool numbered =
      digits && digits < name.size() &&
      std::from_chars(name.data() + digits, name.data() + name.size(), number).ec == std::errc{} &&
      (name[digits] != '0' || name.size() == digits + 1);
  Operand result;
  result.kind = Operand::Kind::Register;
  result.name = name;
  for (int s = scope; s >= 0; s = scopes[s].parent) {
    const auto &registers = scopes[s].registers;
    if (auto found = registers.find(name); found != registers.end() && !found->second.count) {
      result.id = found->second.first;
      return result;
    }
    // The prefix may itself end in digits: %f1<4> declares %f10 .. %f13.
    for (size_t cut = digits; numbered && cut < name.size(); ++cut) {
      auto found = registers.find(name.substr(0, cut));
      if (found == registers.end() || !found->second.count)
        continue;
      std::from_chars(name.data() + cut, name.data() + name.size(), number);
      if (number >= found->second.count || (name[cut] == '0' && name.size() > cut + 1))
        continue;
      result.id = found->second.first + number;
      return result;
    }
  }
  return std::nullopt;
}

std::optional<Operand> Parser::findVariable(std::string_view name) const {
  Operand result;
  result.kind = Operand::Kind::Variable;
  result.name = name;
  for (int s = scope; s >= 0; s = scopes[s].parent)
    if (auto found = scopes[s].variables.find(name); found != scopes[s].variables.end()) {
      result.id = found->second;
      return result;
    }
  return std::nullopt;
}

Operand Parser::named(std::string_view name, unsigned line) {
  if (std::optional<Operand> found = findRegister(name))
    return *found;
  if (std::optional<Operand> found = findVariable(name))
    return *found;
  Operand result;
  result.name = name;
  if (name == "_")
    return result;
  if (name.starts_with("%")) {
    result.kind = Operand::Kind::Special;
    return result;
  }
  if (name == "WARP_SZ") {
    result.kind = Operand::Kind::Integer;
    result.value = 32;
    return result;
  }
  for (const Routine &routine : text.routines)
    if (routine.name == name) {
      result.kind = Operand::Kind::Name;
      return result;
    }
  if (current && current->name == name) {
    result.kind = Operand::Kind::Name;
    return result;
  }
  fail(line, quoted(name) + " is not declared");
}

Operand Parser::labelUse(std::string_view name, unsigned line) {
  Operand result;
  result.kind = Operand::Kind::Label;
  result.name = name;
  result.id = static_cast<uint32_t>(labelUses.size());
  labelUses.push_back({name, scope, line});
  return result;
}

void Parser::resolveLabels() {
  std::vector<uint32_t> target(labelUses.size());
  for (size_t i = 0; i < labelUses.size(); ++i) {
    const LabelUse &use = labelUses[i];
    int s = use.scope;
    auto found = scopes[s].labels.find(use.name);
    while (found == scopes[s].labels.end() && scopes[s].parent >= 0) {
      s = scopes[s].parent;
      found = scopes[s].labels.find(use.name);
    }
    if (found == scopes[s].labels.end())
      fail(use.line, "the label " + quoted(use.name) + " stands nowhere in this function");
    target[i] = found->second;
  }
  for (Statement &s : current->statements)
    for (Operand &operand : s.operands)
      if (operand.kind == Operand::Kind::Label)
        operand.id = target[operand.id];
}

} // namespace gnc::emulator
