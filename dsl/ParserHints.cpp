// What is said to common mistakes: the right form of what was probably meant.
#include "dsl/ParserImpl.h"

#include "llvm/ADT/StringSwitch.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

static bool isOperator(Tok kind) {
  switch (kind) {
  case Tok::Plus:
  case Tok::Minus:
  case Tok::Star:
  case Tok::Slash:
  case Tok::SlashSlash:
  case Tok::Percent:
  case Tok::Caret:
  case Tok::EqualEqual:
  case Tok::NotEqual:
  case Tok::Less:
  case Tok::LessEqual:
  case Tok::Greater:
  case Tok::GreaterEqual:
  case Tok::KwAnd:
  case Tok::KwOr: return true;
  default: return false;
  }
}

/// `x -> relu + x`: an arrow binds weaker than every operator, and its right side is a layer.
bool Parser::operatorAfterArrow() {
  if (!isOperator(cur().kind) || !lastFlow || lastFlow->span.end != previous().end)
    return false;
  auto &d = report("operator-after-arrow", here(), "expected a new line before " + found());
  hintOperator(d);
  return true;
}

void Parser::hintOperator(Diagnostic &d) {
  llvm::StringRef flow = lastFlow->span.text();
  // The other operand as far as it is a plain name or number: enough for the usual residual.
  std::string rest = peek().firstOnLine || peek().kind == Tok::End ? ".." : text(peek()).str();
  if (flow.contains('\n') || flow.size() > 48)
    flow = "..";
  d.help("'->' ends the expression; write (" + flow + ") " + text(cur()) + " " + rest);
}

bool Parser::minusFirst() const {
  return is(Tok::Minus) && cur().firstOnLine && brackets == 0 && peek().begin == cur().end;
}

void Parser::reportMinusFirst() {
  llvm::StringRef operand = text(peek());
  report("leading-minus", here(), "a line cannot begin with a unary '-'")
      .note("an operator first on its line goes on with the line before")
      .help("write '- " + operand + "' to subtract from the line before, (-" + operand +
            ") to begin with a negative value");
}

/// A comment of another language: what follows its sign is nonsense of any kind.
bool Parser::hintComment(Diagnostic &d) {
  size_t i = pos;
  while (i > 0 && !tokens[i].firstOnLine && tokens[i].kind != Tok::SlashSlash)
    --i;
  bool block = is(Tok::Star) && pos && tokens[pos - 1].kind == Tok::Slash;
  if (!block && (tokens[i].kind != Tok::SlashSlash || i == pos))
    return false;
  d.help("'//' is division; a comment begins with '#'");
  return true;
}

/// Mistakes of any place, told by the token found.
void Parser::hintCommon(Diagnostic &d) {
  if (hintComment(d))
    return;
  if (lastFlow && lastFlow->span.end == previous().end && isOperator(cur().kind))
    return hintOperator(d);
  if (is(Tok::LeftArrow))
    d.help("'<-' updates a state; to compare with a negative number write '< -' with a blank");
  else if (is(Tok::QuestionQuestion))
    d.help("'?\?' stands right after an access: x[i - 1] ?\? 0");
  else if (is(Tok::Semicolon))
    d.help("';' separates inputs from settings and the batch from other dimensions; nothing else");
}

/// No expression begins here.
void Parser::hintExpression(Diagnostic &d) {
  if (is(Tok::Dot) && peek().kind == Tok::Integer && peek().begin == cur().end)
    d.help("write 0." + text(peek()));
  else if (is(Tok::Plus))
    d.help("there is no unary '+'");
  else if (is(Tok::Equal) && pos && isOperator(tokens[pos - 1].kind))
    d.help("there is no '" + text(tokens[pos - 1]) + "='; write x = x " + text(tokens[pos - 1]) +
           " ..");
  else if (is(Tok::Star) && tokens[pos ? pos - 1 : 0].kind == Tok::Star)
    d.help("a power is written x^2");
  else if (is(Tok::LBrace))
    d.help("braces hold bodies; a list is written [a, b]");
  else if (is(Tok::Arrow))
    d.help("a flow begins with a value: x -> ..; a chain stands in a block or a layer statement");
  else
    hintCommon(d);
}

/// A statement was complete, but its line goes on.
void Parser::hintStatement(Diagnostic &d) {
  if (hintComment(d))
    return;
  const Token *before = pos ? &tokens[pos - 1] : nullptr;
  llvm::StringRef word = before && before->kind == Tok::Name ? text(*before) : "";
  llvm::StringRef help =
      llvm::StringSwitch<llvm::StringRef>(word)
          .Case("return", "the last expression of a body is its value; 'return' is not needed")
          .Cases({"elif", "elseif"}, "write 'else if'")
          .Cases({"var", "const", "auto"}, "a name is made by an assignment: x = ..")
          .Cases({"while", "repeat"}, "the only loop is: for x in .. { }")
          .Cases({"class", "struct", "def", "fn", "func", "function"},
                 "a layer is declared by: block name(x: [C, H, W]) { }")
          .Default("");
  bool afterFlow = before && lastFlow && lastFlow->span.end == before->end;
  bool value = is(Tok::Integer) || is(Tok::Float) || is(Tok::Size) || is(Tok::Name);
  if (!help.empty())
    d.help(help);
  else if (!word.empty() && value && !(afterFlow && is(Tok::Name)))
    d.help((afterFlow ? "settings stand in parentheses: " : "a call has parentheses: ") + word +
           "(" + text(cur()) + ")");
  else if (afterFlow && is(Tok::Name))
    d.help("layers are joined by arrows: .. -> " + text(cur()));
  else if (is(Tok::Equal))
    d.help("'=' assigns, once in a statement; to compare write '=='");
  else if (is(Tok::Comma))
    d.help("several values stand in parentheses: (a, b)");
  else if (is(Tok::RParen) || is(Tok::RBracket))
    d.help("nothing is open that " + found() + " could close");
  else if (is(Tok::LBrace))
    d.help("a body stands after 'if', 'for', 'when' or 'augment'");
  else if (is(Tok::KwThen))
    d.help("a choice is written: if condition then a else b");
  else
    hintCommon(d);
}

/// Signs that no statement begins with. A mistake here is about the line, not about the value.
bool Parser::badStart() {
  static constexpr Tok starts[] = {Tok::LParen, Tok::LBracket, Tok::Minus, Tok::RBrace};
  if (cur().kind < Tok::Arrow || llvm::is_contained(starts, cur().kind))
    return false;
  auto &d = report("expected-statement", here(), "a statement cannot begin with " + found());
  if (is(Tok::Equal) || is(Tok::LeftArrow))
    d.help(found() + " stands on the line of the name that is assigned to");
  else if (is(Tok::At))
    d.help("an attribute stands on the line of what it belongs to");
  else if (is(Tok::RParen) || is(Tok::RBracket))
    d.help("nothing is open that " + found() + " could close");
  else if (is(Tok::LBrace))
    d.help("a body stands after 'if', 'for', 'when' or 'augment'");
  else
    hintExpression(d);
  return true;
}

/// `x = 3 +` and on the next line `y = ..`: the next statement is not the missing operand.
bool Parser::nextStatement() const {
  if (!onNewLine() || pos == statementStart || !pos ||
      (peek().kind != Tok::Equal && peek().kind != Tok::LeftArrow))
    return false;
  Tok before = tokens[pos - 1].kind;
  return isOperator(before) || before == Tok::Equal || before == Tok::LeftArrow ||
         before == Tok::Arrow;
}

/// The left side of "=" or "<-" is no name.
bool Parser::badTarget(const Expr *target) {
  bool update = is(Tok::LeftArrow);
  const auto *flow = llvm::dyn_cast<Flow>(target);
  auto &d = report("bad-target", target->span, "this cannot be assigned to; a name is needed");
  if (llvm::isa<Access>(target))
    d.help("equations with indices stand in an op");
  else if (update)
    d.help("'<-' updates a state; to compare with a negative number write '< -' with a blank");
  else if (flow && !flow->stages.empty())
    d.help("the name comes first: y = x -> ..; or name a stage with 'as'");
  else if (llvm::isa<Compare, Binary, Not>(target))
    d.help("to compare write '=='");
  return false;
}
