#include "runtime/emulator/Parser.h"

#include <cstring>

namespace gnc::emulator {

std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

void Parser::fail(unsigned line, std::string message) const {
  throw ParseFailure{{line, std::move(message)}};
}

void Parser::failHere(const std::string &needed) const {
  const Token &token = peek();
  if (token.kind == TokenKind::Bad)
    fail(token.line, std::string(token.text));
  if (token.kind == TokenKind::End)
    fail(token.line, "the text ends where " + needed + " is needed");
  std::string dot = token.kind == TokenKind::Dotted ? "." : "";
  fail(token.line,
       "found " + quoted(dot + std::string(token.text)) + " where " + needed + " is needed");
}

bool Parser::accept(char c) {
  if (!peek().is(c))
    return false;
  take();
  return true;
}

void Parser::expect(char c, const char *where) {
  if (!accept(c))
    failHere(std::string("'") + c + "' " + where);
}

std::string_view Parser::expectName(const char *what) {
  if (peek().kind != TokenKind::Name)
    failHere(what);
  return take().text;
}

uint64_t Parser::expectInteger(const char *what) {
  if (peek().kind != TokenKind::Integer)
    failHere(what);
  return take().value;
}

Type Parser::type(const char *what) {
  Type found = peek().kind == TokenKind::Dotted ? typeNamed(peek().text) : Type::None;
  if (found == Type::None)
    failHere(what);
  take();
  return found;
}

//===- The text -------------------------------------------------------------------------------===//

Text Parser::run() {
  scopes.emplace_back();
  header();
  while (peek().kind != TokenKind::End)
    directive();
  return std::move(text);
}

void Parser::header() {
  if (peek().text != "version" || peek().kind != TokenKind::Dotted)
    failHere(".version");
  take();
  // "8.5" reads as a number with a fraction.
  std::string_view version = peek().text;
  if (peek().kind != TokenKind::Float64 || version.size() != 3)
    failHere("a version such as 8.5");
  text.version = (version[0] - '0') * 10 + (version[2] - '0');
  if (text.version > 92)
    failHere("a version up to 9.2");
  take();
  if (peek().text != "target")
    failHere(".target");
  target();
}

void Parser::target() {
  take();
  std::string_view name = expectName("a target such as sm_80");
  if (!name.starts_with("sm_") || name.size() < 5)
    fail(peek().line, "the target " + quoted(name) + " is no sm_NN");
  for (char c : name.substr(3))
    if (c >= '0' && c <= '9' && text.target < 1000)
      text.target = text.target * 10 + (c - '0');
    else if ((c != 'a' && c != 'f') || &c == name.data() + 3)
      fail(peek().line, "the target " + quoted(name) + " is no sm_NN");
  while (accept(','))
    if (std::string_view option = expectName("an option of the target"); option != "debug")
      fail(peek().line, "the target option " + quoted(option) + " is not supported");
}

void Parser::directive() {
  if (peek().kind != TokenKind::Dotted)
    failHere("a directive such as .entry or .global");
  bool external = false;
  while (peek().text == "visible" || peek().text == "extern" || peek().text == "weak" ||
         peek().text == "common")
    external |= take().text == "extern";
  if (peek().kind != TokenKind::Dotted)
    failHere("a declaration");
  const Token token = take();
  if (token.text == "address_size") {
    if (expectInteger("64") != 64)
      fail(token.line, "only 64-bit addresses are supported");
  } else if (token.text == "entry" || token.text == "func")
    routine(token.text == "entry", external);
  else if (token.text == "global" || token.text == "const" || token.text == "shared")
    variables(token.text == "global"  ? Space::Global
              : token.text == "const" ? Space::Const
                                      : Space::Shared,
              external, text.globals);
  else if (token.text == "file")
    file();
  else if (token.text == "section")
    skipSection();
  else if (token.text == "pragma") {
    if (take().kind != TokenKind::String)
      failHere("the string of a pragma");
    expect(';', "behind a pragma");
  } else
    fail(token.line,
         "the directive " + quoted("." + std::string(token.text)) + " is not supported");
}

void Parser::file() {
  unsigned number = static_cast<unsigned>(expectInteger("the number of a file"));
  if (peek().kind != TokenKind::String)
    failHere("the name of a file");
  text.files[number] = take().text;
  while (accept(',')) // time and size
    expectInteger("a number");
}

/// Debug information: nothing of it is executed.
void Parser::skipSection() {
  if (peek().kind != TokenKind::Dotted || !peek().text.starts_with("debug_"))
    failHere("a debug section");
  take();
  expect('{', "before a section");
  while (!accept('}')) {
    if (peek().kind == TokenKind::End || peek().kind == TokenKind::Bad)
      failHere("'}' behind a section");
    take();
  }
}

//===- Functions ------------------------------------------------------------------------------===//

void Parser::routine(bool entry, bool external) {
  Routine routine;
  routine.entry = entry;
  current = &routine;
  scopes.resize(1);
  openScope();
  if (!entry && peek().is('('))
    routine.results = parameterList();
  routine.line = peek().line;
  routine.name = expectName("the name of a function");
  if (peek().is('('))
    routine.parameters = parameterList();
  routineLimits(routine);
  if (!accept(';')) {
    if (external)
      failHere("';' behind an external function");
    routine.defined = true;
    body(routine);
  }
  scopes.resize(1);
  scope = 0;
  current = nullptr;
  text.routines.push_back(std::move(routine));
}

void Parser::limit(uint32_t (&values)[3]) {
  values[1] = values[2] = 1;
  unsigned n = 0;
  do
    values[n++] = static_cast<uint32_t>(expectInteger("a number of threads"));
  while (n < 3 && accept(','));
}

void Parser::routineLimits(Routine &routine) {
  while (peek().kind == TokenKind::Dotted) {
    const Token token = take();
    if (token.text == "maxntid")
      limit(routine.maxThreads);
    else if (token.text == "reqntid")
      limit(routine.requiredThreads);
    else if (token.text == "minnctapersm" || token.text == "maxnreg")
      expectInteger("a number");
    else if (token.text == "pragma") {
      if (take().kind != TokenKind::String)
        failHere("the string of a pragma");
      expect(';', "behind a pragma");
    } else if (token.text != "noreturn")
      fail(token.line, "the directive " + quoted("." + std::string(token.text)) +
                           " of a function is not supported");
  }
}

std::vector<uint32_t> Parser::parameterList() {
  std::vector<uint32_t> list;
  expect('(', "before parameters");
  if (accept(')'))
    return list;
  do
    list.push_back(parameter());
  while (accept(','));
  expect(')', "behind parameters");
  return list;
}

uint32_t Parser::parameter() {
  bool inRegister = peek().text == "reg";
  if (!inRegister && peek().text != "param")
    failHere(".param");
  take();
  uint32_t alignment = 0;
  if (peek().text == "align") {
    take();
    alignment = static_cast<uint32_t>(expectInteger("an alignment"));
  }
  Type kind = type("the type of a parameter");
  bool pointer = peek().kind == TokenKind::Dotted && peek().text == "ptr";
  uint32_t pointerAlignment = 0;
  if (pointer) {
    take();
    if (peek().text == "global" || peek().text == "shared" || peek().text == "const" ||
        peek().text == "local")
      take();
    if (peek().text == "align") {
      take();
      pointerAlignment = static_cast<uint32_t>(expectInteger("an alignment"));
    }
  }
  if (inRegister) {
    Variable v;
    v.name = expectName("the name of a parameter");
    v.space = Space::Register;
    v.type = kind;
    v.bytes = current->registers.size(); // which register it is
    scopes[scope].registers[v.name] = {static_cast<uint32_t>(current->registers.size()), 0};
    current->registers.push_back(kind);
    text.variables.push_back(std::move(v));
    return static_cast<uint32_t>(text.variables.size() - 1);
  }
  uint32_t id = variable(Space::Param, kind, alignment, false);
  text.variables[id].pointer = pointer;
  text.variables[id].pointerAlignment = pointerAlignment;
  return id;
}

//===- Variables ------------------------------------------------------------------------------===//

void Parser::variables(Space space, bool external, std::vector<uint32_t> &list) {
  uint32_t alignment = 0;
  if (peek().text == "align") {
    take();
    alignment = static_cast<uint32_t>(expectInteger("an alignment"));
  }
  Type kind = type("the type of a variable");
  if (kind == Type::Pred)
    fail(peek().line, "a variable in memory has no type .pred");
  do
    list.push_back(variable(space, kind, alignment, external));
  while (accept(','));
  expect(';', "behind a variable");
}

/// NAME, its dimensions and its initial value.
uint32_t Parser::variable(Space space, Type type, uint32_t alignment, bool external) {
  Variable v;
  v.line = peek().line;
  v.name = expectName("the name of a variable");
  v.space = space;
  v.type = type;
  v.alignment = alignment ? alignment : std::max(1u, bytesOf(type));
  if (v.alignment & (v.alignment - 1) || v.alignment > 512)
    fail(v.line, "an alignment is a power of two up to 512");
  v.external = external;
  v.bytes = bytesOf(type);
  while (accept('[')) {
    if (accept(']')) {
      v.unsized = true, v.bytes = 0;
      continue;
    }
    uint64_t count = expectInteger("a number of elements");
    if (count > (uint64_t{1} << 32) || v.bytes * count > (uint64_t{1} << 32))
      fail(v.line, "a variable of more than 4 GiB");
    v.bytes *= count;
    expect(']', "behind a number of elements");
  }
  if (accept('='))
    initialiser(v, type);
  if (v.unsized && v.bytes == 0 && !(external && space == Space::Shared))
    fail(v.line, quoted(v.name) + " has no size");
  if (!scopes[scope].variables.emplace(v.name, text.variables.size()).second)
    fail(v.line, quoted(v.name) + " is declared twice");
  text.variables.push_back(std::move(v));
  return static_cast<uint32_t>(text.variables.size() - 1);
}

void Parser::initialiser(Variable &v, Type type) {
  if (v.space != Space::Global && v.space != Space::Const)
    failHere("no initial value: only .global and .const variables have one");
  if (accept('{')) {
    int depth = 1;
    while (depth) {
      if (accept('{'))
        ++depth;
      else if (accept('}'))
        --depth;
      else if (!accept(','))
        initialElement(v, type);
    }
  } else
    initialElement(v, type);
  if (v.unsized)
    v.bytes = v.initial.size();
  if (v.initial.size() > v.bytes)
    fail(v.line, quoted(v.name) + " has more initial values than elements");
  v.initial.resize(v.bytes);
}

static float floatOf(double value) { return static_cast<float>(value); }

void Parser::initialElement(Variable &v, Type type) {
  uint64_t bits = 0, offset = v.initial.size();
  const Token token = take();
  bool negative = token.is('-');
  const Token first = negative ? take() : token;
  if (first.kind == TokenKind::Integer)
    bits = negative ? -first.value : first.value;
  else if (first.kind == TokenKind::Float32 || first.kind == TokenKind::Float64) {
    double value;
    if (first.kind == TokenKind::Float32) {
      float narrow;
      uint32_t half = static_cast<uint32_t>(first.value);
      std::memcpy(&narrow, &half, 4);
      value = narrow;
    } else
      std::memcpy(&value, &first.value, 8);
    value = negative ? -value : value;
    if (type == Type::F64)
      std::memcpy(&bits, &value, 8);
    else if (float narrow = floatOf(value); type == Type::F32)
      std::memcpy(&bits, &narrow, 4);
    else
      fail(first.line,
           "a floating-point number in a variable of type ." + std::string(emulator::name(type)));
    if (first.kind == TokenKind::Float32 && type == Type::F32 && !negative)
      bits = first.value; // a NaN keeps its bits
  } else if (first.kind == TokenKind::Name && !negative) {
    bool generic = first.text == "generic" && accept('(');
    Variable::Reference reference{offset, generic ? expectName("a variable") : first.text, 0};
    if (accept('+'))
      reference.addend = static_cast<int64_t>(expectInteger("an offset"));
    if (generic)
      expect(')', "behind a variable");
    if (bytesOf(type) != 8)
      fail(first.line, "an address needs a variable of 64 bits");
    v.references.push_back(reference);
  } else
    fail(first.line, "an initial value is a number or the name of a variable");
  v.initial.resize(offset + bytesOf(type));
  std::memcpy(v.initial.data() + offset, &bits, std::min(8u, bytesOf(type)));
}

Expected<Text> parse(std::string_view ptx) {
  try {
    return Parser(ptx).run();
  } catch (ParseFailure &failure) {
    return std::move(failure.error);
  }
}

} // namespace gnc::emulator
