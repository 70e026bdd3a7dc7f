// Literals, names, parentheses, lists.
#include "dsl/ParserImpl.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

Expr *Parser::primary() {
  switch (cur().kind) {
  case Tok::Integer:
  case Tok::Float: return number();
  case Tok::Size: return size();
  case Tok::String: return string();
  case Tok::LParen: return parenthesis();
  case Tok::LBracket: return list();
  case Tok::KwTrue:
  case Tok::KwFalse: {
    auto *node = make<Bool>(here());
    node->value = is(Tok::KwTrue);
    take();
    return node;
  }
  case Tok::KwInf: return make<Inf>(take());
  case Tok::Name: {
    if (nextStatement())
      break;
    auto *node = make<Name>(here());
    node->name = text(cur());
    take();
    return node;
  }
  default: break;
  }
  if (isReserved(cur().kind) && !continuesLine(cur().kind) && !is(Tok::KwIf) && !onNewLine())
    hintExpression(report("reserved-word", here(),
                          "expected an expression, but " + found() + " is a reserved word"));
  else
    hintExpression(unexpected("expected-expression", "an expression"));
  return nullptr;
}

Expr *Parser::number() {
  auto *node = make<Number>(here());
  auto value = Rational::parse(text(cur()));
  if (!value) // the lexer has checked it; a token made by others may not be so good
    return report("bad-number", here(), "this number is out of range"), nullptr;
  node->value = *value;
  take();
  return node;
}

Expr *Parser::size() {
  auto *node = make<Size>(here());
  llvm::StringRef rest = text(cur());
  while (!rest.empty()) {
    auto [digits, tail] = rest.split('x');
    int64_t extent;
    if (digits.getAsInteger(10, extent)) {
      report("bad-number", here(), "this size is out of range");
      return nullptr;
    }
    node->extents.push_back(extent);
    rest = tail;
  }
  take();
  return node;
}

Expr *Parser::string() {
  auto *node = make<String>(here());
  llvm::StringRef written = text(cur()).drop_front().drop_back();
  for (size_t i = 0; i < written.size(); ++i) {
    char c = written[i];
    if (c == '\\' && ++i < written.size())
      c = written[i] == 'n' ? '\n' : written[i] == 't' ? '\t' : written[i];
    node->value += c;
  }
  take();
  return node;
}

/// "(" flow ")" is the flow itself; "(" flow "," .. ")" is a tuple.
Expr *Parser::parenthesis() {
  Span open = take();
  std::vector<Expr *> elements;
  bool listed = true, tuple = false;
  do {
    if (tuple && is(Tok::RParen))
      break; // (a,)
    Expr *e = flow();
    if (!e)
      return nullptr;
    elements.push_back(e);
    listed = accept(Tok::Comma);
    tuple |= listed;
  } while (listed);
  if (!close(Tok::RParen))
    return nullptr;
  if (!tuple)
    return elements.front();
  auto *node = make<Tuple>(since(open));
  node->elements = elements;
  return finish(node, std::vector<const Node *>(elements.begin(), elements.end()));
}

Expr *Parser::list() {
  auto *node = make<List>(here());
  Span open = take();
  bool listed = commaList(Tok::RBracket, [&] {
    Expr *e = flow();
    if (e)
      node->elements.push_back(e);
    return e != nullptr;
  });
  if (!listed || !close(Tok::RBracket))
    return nullptr;
  node->span = since(open);
  return finish(node, std::vector<const Node *>(node->elements.begin(), node->elements.end()));
}
