// Bodies, statements, equations.
#include "dsl/ParserImpl.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

/// "{" {stmt NL} "}". True if it was understood to its end, with whatever mistakes inside.
bool Parser::body(Body &out, bool equations) {
  Nest nest(*this);
  if (!nest)
    return false;
  Span start = here();
  unsigned outer = std::exchange(brackets, 0);
  if (!expect(Tok::LBrace, "to begin a body"))
    return false;
  while (!is(Tok::RBrace) && !is(Tok::End) && !atDeclaration()) {
    size_t first = pos;
    Stmt *one = equations ? equation() : statement();
    if (one)
      out.stmts.push_back(one);
    if (!one || !newLine())
      recoverStatement(first);
  }
  brackets = outer;
  if (!is(Tok::RBrace)) {
    missingBrace(start);
    return false;
  }
  if (cur().firstOnLine && !suspect && indentOf(here()) != indentOf(start)) {
    suspect = here();
    suspectOpen = start;
  }
  take();
  out.span = since(start);
  return true;
}

Stmt *Parser::statement() {
  statementStart = pos;
  switch (cur().kind) {
  case Tok::KwParam: return paramStmt();
  case Tok::KwState: return stateStmt();
  case Tok::KwLayer: return layerStmt();
  case Tok::KwLet: return letStmt();
  case Tok::KwFor: return forStmt();
  case Tok::KwIf: return ifStmt();
  case Tok::KwWhen: return whenStmt();
  case Tok::KwAugment: return augmentStmt();
  case Tok::KwRequire: return requireStmt();
  case Tok::KwElse:
    report("expected-statement", here(), "there is no 'if' or 'when' that this 'else' belongs to");
    return nullptr;
  default: break;
  }
  if (minusFirst()) {
    reportMinusFirst();
    return nullptr;
  }
  if (operatorAfterArrow() || badStart())
    return nullptr;
  Expr *e = flow();
  return e ? flowStmt(e) : nullptr;
}

/// Attributes at the end of a statement belong to what it declares, not to its last stage.
static void moveAttributes(std::vector<Stage> &stages, std::vector<Attribute> &to) {
  if (stages.empty())
    return;
  Stage &last = stages.back();
  if (!last.attributes.empty())
    last.span.end = last.attributes.front().span.begin;
  std::move(last.attributes.begin(), last.attributes.end(), std::back_inserter(to));
  last.attributes.clear();
}

Stmt *Parser::paramStmt() {
  auto *s = make<ParamStmt>(take());
  if (!tensorName("the name of a weight", s->name))
    return nullptr;
  if (!is(Tok::Colon)) {
    unexpected("expected-type", "':' and the shape of the weight")
        .help("write param " + s->name.text + ": [C] = ..");
    return nullptr;
  }
  take();
  if (!(s->type = type()))
    return nullptr;
  if (is(Tok::Equal) && !onNewLine()) {
    take();
    if (!(s->init = flow()))
      return nullptr;
    if (auto *flow = llvm::dyn_cast<Flow>(s->init))
      moveAttributes(flow->stages, s->attributes);
  }
  if (!attributes(s->attributes))
    return nullptr;
  s->span = since(s->span);
  return s;
}

Stmt *Parser::stateStmt() {
  auto *s = make<StateStmt>(take());
  if (!tensorName("the name of a state", s->name))
    return nullptr;
  if (accept(Tok::Colon) && !(s->type = type()))
    return nullptr;
  if (is(Tok::Equal) && !onNewLine()) {
    take();
    if (!(s->init = flow()))
      return nullptr;
  }
  s->span = since(s->span);
  return s;
}

Stmt *Parser::layerStmt() {
  auto *s = make<LayerStmt>(take());
  if (!tensorName("the name of a layer", s->name) ||
      !expect(Tok::Equal, "after the name of a layer") || !(s->chain = chain()))
    return nullptr;
  moveAttributes(s->chain->stages, s->attributes);
  s->span = since(s->span);
  return s;
}

Stmt *Parser::letStmt() {
  auto *s = make<LetStmt>(take());
  if (!tensorName("a name after 'let'", s->name) || !expect(Tok::Equal, "after the name") ||
      !(s->value = flow()))
    return nullptr;
  s->span = since(s->span);
  return s;
}

/// "for" (NAME | "(" NAME {"," NAME} ")") "in" flow [".." expr] body
Stmt *Parser::forStmt() {
  auto *s = make<ForStmt>(take());
  Span start = here();
  auto variable = [&] { return name("a loop variable", s->names.emplace_back()); };
  if (is(Tok::LParen)) {
    s->tuple = true;
    take();
    if (!commaList(Tok::RParen, variable) || !close(Tok::RParen))
      return nullptr;
  } else if (!variable()) {
    return nullptr;
  }
  s->header = since(start);
  checkDistinct(s->names);
  if (s->names.empty() || is(Tok::Comma)) {
    report("expected-name", s->names.empty() ? s->header : here(),
           "the names of a row stand in parentheses")
        .help("write for (a, b) in ..");
    return nullptr;
  }
  if (!expect(Tok::KwIn, "after the loop variable") || !(s->range = flow()))
    return nullptr;
  if (accept(Tok::DotDot)) {
    auto *range = make<Range>(s->range->span);
    range->from = s->range;
    if (!(range->to = expr()))
      return nullptr;
    range->span = since(range->span);
    if (!(s->range = finish(range, {range->from, range->to})))
      return nullptr;
  }
  if (!body(s->body))
    return nullptr;
  s->span = since(s->span);
  return s;
}

/// After the condition, "{" makes a statement of it and "then" an expression.
Stmt *Parser::ifStmt() {
  Span start = take();
  Expr *when = condition();
  if (!when)
    return nullptr;
  if (is(Tok::KwThen)) {
    Expr *value = ifTail(start, when);
    value = value ? flowTail(value) : nullptr;
    return value ? flowStmt(value) : nullptr;
  }
  if (!is(Tok::LBrace)) {
    hintCommon(unexpected("expected-token", "'{' or 'then' after the condition"));
    return nullptr;
  }
  auto *s = make<IfStmt>(start);
  s->condition = when;
  if (!body(s->thenBody))
    return nullptr;
  if (accept(Tok::KwElse)) {
    s->elseBody.emplace();
    if (is(Tok::KwIf)) {
      Nest nest(*this);
      Stmt *other = nest ? ifStmt() : nullptr;
      if (!other)
        return nullptr;
      s->elseBody->stmts.push_back(other);
      s->elseBody->span = other->span;
    } else if (!body(*s->elseBody)) {
      return nullptr;
    }
  }
  s->span = since(start);
  return s;
}

Stmt *Parser::whenStmt() {
  auto *s = make<WhenStmt>(take());
  if (!isWord("train") && !isWord("infer")) {
    unexpected("expected-token", "'train' or 'infer' after 'when'")
        .note("'when' chooses by the mode; a condition on settings is written 'if'");
    return nullptr;
  }
  s->mode = isWord("train") ? Mode::Train : Mode::Infer;
  take();
  if (!body(s->thenBody) || (accept(Tok::KwElse) && !body(s->elseBody.emplace())))
    return nullptr;
  s->span = since(s->span);
  return s;
}

Stmt *Parser::augmentStmt() {
  auto *s = make<WhenStmt>(take());
  s->augment = true;
  if (!body(s->thenBody))
    return nullptr;
  s->span = since(s->span);
  return s;
}

Stmt *Parser::requireStmt() {
  auto *s = make<RequireStmt>(take());
  if (!(s->condition = condition()))
    return nullptr;
  if (accept(Tok::Comma)) {
    if (!is(Tok::String)) {
      unexpected("expected-token", "the message, a string")
          .note("write require C % 8 == 0, \"{C} channels are not divisible by 8\"");
      return nullptr;
    }
    s->message = llvm::cast<String>(string());
  }
  s->span = since(s->span);
  return s;
}

/// flow {"," NAME} ["=" flow | "<-" flow], after the flow
Stmt *Parser::flowStmt(Expr *e) {
  bool many = is(Tok::Comma), update = is(Tok::LeftArrow);
  if (!many && (!(is(Tok::Equal) || update) || onNewLine())) {
    auto *s = make<ValueStmt>(e->span);
    s->value = e;
    return s;
  }
  std::vector<Ident> names;
  Type *type = nullptr;
  if (many && !llvm::isa<Name>(e)) {
    newLine(); // reports the comma
    return nullptr;
  }
  if (!targets(e, names, type))
    return nullptr;
  while (accept(Tok::Comma))
    if (!tensorName("a name to assign to", names.emplace_back()))
      return nullptr;
  update = is(Tok::LeftArrow);
  if (!update && !is(Tok::Equal)) {
    unexpected("expected-token", "'='")
        .note("names with commas between them are assigned to: a, b = ..")
        .help("several values stand in parentheses: (a, b)");
    return nullptr;
  }
  take();
  Expr *value = flow();
  if (!value)
    return nullptr;
  Span span = since(names.front().span);
  if (update) {
    auto *s = make<UpdateStmt>(span);
    s->names = std::move(names);
    s->value = value;
    return s;
  }
  auto *s = make<AssignStmt>(span);
  s->names = std::move(names);
  s->type = type;
  s->value = value;
  return s;
}

/// A name, a name with a type, or a tuple of names.
bool Parser::targets(Expr *first, std::vector<Ident> &names, Type *&type) {
  if (auto *flow = llvm::dyn_cast<Flow>(first);
      flow && flow->stages.empty() && !flow->name && is(Tok::Equal)) {
    type = flow->type;
    first = flow->source;
  }
  std::vector<Expr *> list{first};
  if (auto *tuple = llvm::dyn_cast<Tuple>(first); tuple && !type)
    list = tuple->elements;
  for (Expr *e : list) {
    auto *name = llvm::dyn_cast<Name>(e);
    if (!name)
      return badTarget(e);
    names.push_back({name->name, name->span});
    if (!checkTensorName(names.back()))
      return false;
  }
  return true;
}

//===- equations ----------------------------------------------------------------------------===//

/// ["d" "."] NAME ["[" [bind ";"] [bind {"," bind}] "]"] "=" expr | require
Stmt *Parser::equation() {
  if (is(Tok::KwRequire))
    return requireStmt();
  auto *s = make<EquationStmt>(here());
  if (!is(Tok::Name)) {
    auto &d = report("expected-equation", here(), "expected an equation, found " + found());
    if (isReserved(cur().kind))
      d.note("an op consists of equations: y[i] = ..; weights, states and loops stand in a block");
    else
      d.note("an equation is written y[i, j] = ..");
    return nullptr;
  }
  if (!equationTarget(*s))
    return nullptr;
  if (!is(Tok::Equal) || onNewLine()) {
    auto &d = unexpected("expected-equation", "'=' after '" + s->target.text().str() + "'");
    if (is(Tok::LeftArrow) || is(Tok::Arrow) || is(Tok::LParen))
      d.note("an op consists of equations; flows and updates stand in a block");
    else
      d.note("the value of an op is given by an equation for each of its results");
    return nullptr;
  }
  take();
  if (!(s->value = expr()))
    return nullptr;
  s->span = since(s->target);
  if (is(Tok::Arrow)) {
    report("expected-newline", here(), "a flow cannot stand in an equation")
        .help("in an op a function is called: relu(x[i]); layers stand in a block");
    return nullptr;
  }
  return s;
}

bool Parser::equationTarget(EquationStmt &e) {
  Span start = here();
  e.adjoint = isWord("d") && peek().kind == Tok::Dot;
  if (e.adjoint) {
    take();
    take();
  }
  if (!name("the name of a result or input", e.name, /*sameLine=*/e.adjoint) ||
      !checkTensorName(e.name))
    return false;
  if (is(Tok::LBracket) && !cur().firstOnLine) {
    Span brackets;
    e.hasIndices = true;
    if (!bracketed(&Parser::bind, &e.batch, e.indices, brackets))
      return false;
    if (reducerNamed(e.name.text)) { // only `count` comes here
      report("reducer-name", e.name.span, "'" + e.name.text + "' reduces and cannot name a tensor")
          .help("use another name, such as '" + e.name.text + "_'");
      return false;
    }
  }
  e.target = since(start);
  return true;
}
