// Expressions. Binary operators go on over a new line that begins with one (see ends()).
#include "dsl/ParserImpl.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

Expr *Parser::expr() {
  Nest nest(*this);
  if (!nest)
    return nullptr;
  Span start = here();
  if (!accept(Tok::KwIf))
    return disjunction();
  Expr *when = condition();
  return when ? ifTail(start, when) : nullptr;
}

/// A condition is an expression; "=" after one is a slip that deserves its own words.
Expr *Parser::condition() {
  Expr *e = expr();
  if (e && is(Tok::Equal)) {
    report("assign-in-condition", here(), "'=' assigns; a condition compares with '=='")
        .help("write " + e->span.text() + " == ..");
    return nullptr;
  }
  return e;
}

/// "then" expr "else" expr
Expr *Parser::ifTail(Span start, Expr *condition) {
  if (!is(Tok::KwThen)) {
    auto &d = unexpected("expected-token", "'then' after the condition");
    if (is(Tok::LBrace))
      d.help("in an expression a choice is written: if " + condition->span.text() +
             " then a else b");
    else
      hintCommon(d);
    return nullptr;
  }
  take();
  Expr *yes = expr();
  if (!yes)
    return nullptr;
  if (!accept(Tok::KwElse)) {
    unexpected("expected-token", "'else'")
        .note("a choice has a value either way: if condition then a else b");
    return nullptr;
  }
  Expr *no = expr();
  if (!no)
    return nullptr;
  auto *node = make<If>(since(start));
  node->condition = condition;
  node->thenValue = yes;
  node->elseValue = no;
  return finish(node, {condition, yes, no});
}

Expr *Parser::binary(BinaryOp op, Expr *lhs, Span opSpan, Expr *rhs) {
  if (!rhs)
    return nullptr;
  auto *node = make<Binary>(lhs->span.to(rhs->span));
  node->op = op;
  node->opSpan = opSpan;
  node->lhs = lhs;
  node->rhs = rhs;
  return finish(node, {lhs, rhs});
}

Expr *Parser::disjunction() {
  Span start = here();
  Expr *e = conjunction();
  while (e && is(Tok::KwOr)) {
    Span op = take();
    e = binary(BinaryOp::Or, e, op, conjunction());
    if (e)
      e->span = since(start); // with the parentheses of the first operand
  }
  return e;
}

Expr *Parser::conjunction() {
  Span start = here();
  Expr *e = negation();
  while (e && is(Tok::KwAnd)) {
    Span op = take();
    e = binary(BinaryOp::And, e, op, negation());
    if (e)
      e->span = since(start);
  }
  return e;
}

Expr *Parser::negation() {
  Span start = here();
  if (!is(Tok::KwNot))
    return comparison();
  Nest nest(*this);
  if (!nest)
    return nullptr;
  take();
  Expr *operand = negation();
  if (!operand)
    return nullptr;
  auto *node = make<Not>(since(start));
  node->operand = operand;
  return finish(node, {operand});
}

static std::optional<CompareOp> compareOp(Tok kind) {
  switch (kind) {
  case Tok::EqualEqual: return CompareOp::Eq;
  case Tok::NotEqual: return CompareOp::Ne;
  case Tok::Less: return CompareOp::Lt;
  case Tok::LessEqual: return CompareOp::Le;
  case Tok::Greater: return CompareOp::Gt;
  case Tok::GreaterEqual: return CompareOp::Ge;
  default: return std::nullopt;
  }
}

Expr *Parser::comparison() {
  Span start = here();
  Expr *first = sum();
  if (!first || !compareOp(cur().kind))
    return first;
  auto *node = make<Compare>(start);
  node->operands.push_back(first);
  while (auto op = compareOp(cur().kind)) {
    node->ops.push_back(*op);
    node->opSpans.push_back(take());
    Expr *operand = sum();
    if (!operand)
      return nullptr;
    node->operands.push_back(operand);
  }
  node->span = since(start);
  std::vector<const Node *> children(node->operands.begin(), node->operands.end());
  return finish(node, children);
}

Expr *Parser::sum() {
  Span start = here();
  Expr *e = term();
  while (e && (is(Tok::Plus) || is(Tok::Minus))) {
    if (minusFirst()) {
      reportMinusFirst();
      return nullptr;
    }
    BinaryOp op = is(Tok::Plus) ? BinaryOp::Add : BinaryOp::Sub;
    Span at = take();
    e = binary(op, e, at, term());
    if (e)
      e->span = since(start);
  }
  return e;
}

static std::optional<BinaryOp> termOp(Tok kind) {
  switch (kind) {
  case Tok::Star: return BinaryOp::Mul;
  case Tok::Slash: return BinaryOp::Div;
  case Tok::SlashSlash: return BinaryOp::FloorDiv;
  case Tok::Percent: return BinaryOp::Mod;
  default: return std::nullopt;
  }
}

Expr *Parser::term() {
  Span start = here();
  Expr *e = factor();
  while (e) {
    auto op = termOp(cur().kind);
    if (!op)
      break;
    Span at = take();
    e = binary(*op, e, at, factor());
    if (e)
      e->span = since(start);
  }
  return e;
}

/// "-" factor | postfix ["^" factor]: -x^2 is -(x^2), 2^-1 and 2^3^2 mean what they do on paper.
Expr *Parser::factor() {
  Span start = here();
  if (accept(Tok::Minus)) {
    Nest nest(*this);
    Expr *operand = nest ? factor() : nullptr;
    if (!operand)
      return nullptr;
    auto *node = make<Neg>(since(start));
    node->operand = operand;
    return finish(node, {operand});
  }
  Expr *base = postfix();
  if (!base || !is(Tok::Caret))
    return base;
  Nest nest(*this);
  if (!nest)
    return nullptr;
  Span at = take();
  Expr *power = binary(BinaryOp::Pow, base, at, factor());
  if (power)
    power->span = since(start);
  return power;
}

Expr *Parser::postfix() {
  const Token &first = cur();
  Expr *e = primary();
  // Only a bare name reduces: `(max)[k]` is an access.
  if (auto *name = llvm::dyn_cast_if_present<Name>(e); name && first.kind == Tok::Name &&
                                                       is(Tok::LBracket) && !cur().firstOnLine &&
                                                       reducerNamed(name->name))
    return reduce(*name);
  while (e) {
    if (is(Tok::Dot) && !ends())
      e = member(e);
    else if (is(Tok::LParen) && !cur().firstOnLine)
      e = call(e);
    else if (is(Tok::LBracket) && !cur().firstOnLine)
      e = access(e);
    else
      break;
    if (e)
      e->span = since(spanOf(first));
  }
  return e;
}

Expr *Parser::member(Expr *base) {
  take();
  auto *node = make<Member>(base->span);
  node->base = base;
  if (!is(Tok::Name) && llvm::isa<Number>(base))
    return unexpected("bad-number", "a digit after the point")
               .help("write " + base->span.text() + ".0"),
           nullptr;
  if (!name("a name after '.'", node->member))
    return nullptr;
  return finish(node, {base});
}

Expr *Parser::call(Expr *callee) {
  auto *node = make<Call>(callee->span);
  node->callee = callee;
  if (!args(node->args))
    return nullptr;
  std::vector<const Node *> children{callee};
  for (const Arg &arg : node->args.list)
    children.push_back(arg.value);
  return finish(node, children);
}

/// NAME "..": true with `out` set, also if there is no "..".
bool Parser::pack(const Expr *name, llvm::StringRef what, bool &out) {
  if (!is(Tok::DotDot))
    return true;
  if (!llvm::isa<Name>(name)) {
    report("bad-pack", here(), what + " is a single name followed by '..'");
    return false;
  }
  take();
  return out = true;
}

/// expr [".."]
bool Parser::index(Index &out) {
  Span start = here();
  out.expr = expr();
  if (!out.expr || !pack(out.expr, "an index pack", out.pack))
    return false;
  out.span = since(start);
  return true;
}

/// "[" [index ";"] [index {"," index}] "]" ["??" factor]
Expr *Parser::access(Expr *tensor) {
  auto *node = make<Access>(tensor->span);
  node->tensor = tensor;
  if (!bracketed(&Parser::index, &node->batch, node->indices, node->brackets))
    return nullptr;
  std::vector<const Node *> children{tensor};
  for (const Index &index : node->indices)
    children.push_back(index.expr);
  if (node->batch)
    children.push_back(node->batch->expr);
  if (accept(Tok::QuestionQuestion)) {
    Nest nest(*this);
    node->outside = nest ? factor() : nullptr;
    if (!node->outside)
      return nullptr;
    children.push_back(node->outside);
  }
  return finish(node, children);
}

/// NAME [".."] ["<" sum]
bool Parser::bind(Bind &out) {
  Span start = here();
  if (!name("an index", out.name))
    return false;
  out.pack = accept(Tok::DotDot);
  if (accept(Tok::Less) && !(out.bound = sum()))
    return false;
  out.span = since(start);
  if (is(Tok::Comma) || is(Tok::RBracket) || is(Tok::Semicolon))
    return true;
  unexpected("bad-bind", "',' or ']' after an index")
      .note("here indices are made, not used: i, i.. or r < 3");
  return false;
}

/// REDUCER "[" bind {"," bind} "]" term: the body is a term, as after a big sigma on paper.
Expr *Parser::reduce(const Name &reducer) {
  Nest nest(*this);
  if (!nest)
    return nullptr;
  auto *node = make<Reduce>(reducer.span);
  node->reducer = *reducerNamed(reducer.name);
  node->reducerSpan = reducer.span;
  Span brackets;
  if (!bracketed<Bind>(&Parser::bind, nullptr, node->binds, brackets))
    return nullptr;
  if (node->binds.empty()) {
    report("expected-name", brackets, "a reduction needs an index")
        .help("write " + reducer.name + "[i] .. to reduce over i, " + reducer.name +
              "(x) to reduce over all of x");
    return nullptr;
  }
  if (is(Tok::RParen) || is(Tok::RBracket) || is(Tok::Comma) || is(Tok::RBrace) || is(Tok::End)) {
    unexpected("expected-expression", ("a term after " + since(reducer.span).text()).str())
        .note("followed by '[' the name '" + reducer.name + "' always reduces")
        .help("a list or tensor needs another name, such as '" + reducer.name + "_'");
    return nullptr;
  }
  node->body = term();
  if (!node->body)
    return nullptr;
  std::vector<const Node *> children{node->body};
  for (const Bind &bind : node->binds)
    children.push_back(bind.bound);
  node->span = since(reducer.span);
  return finish(node, children);
}
