// Flows, chains, layers and their arguments, types.
#include "dsl/ParserImpl.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

Expr *Parser::flow() {
  Expr *source = expr();
  return source ? flowTail(source) : nullptr;
}

static void addStages(const std::vector<Stage> &stages, std::vector<const Node *> &children) {
  for (const Stage &stage : stages)
    children.insert(children.end(), {stage.unit, stage.count, stage.type});
}

/// [":" type] ["as" NAME] {"->" stage} after an expression.
Expr *Parser::flowTail(Expr *source) {
  if (!is(Tok::Colon) && !is(Tok::KwAs) && !is(Tok::Arrow))
    return source;
  auto *node = make<Flow>(source->span);
  node->source = source;
  if (accept(Tok::Colon) && !(node->type = type()))
    return nullptr;
  if (accept(Tok::KwAs) && !tensorName("a name after 'as'", node->name))
    return nullptr;
  while (accept(Tok::Arrow)) {
    Stage one;
    if (!stage(one))
      return nullptr;
    node->stages.push_back(std::move(one));
  }
  node->span = since(source->span);
  if (!node->stages.empty())
    lastFlow = node;
  std::vector<const Node *> children{source, node->type};
  addStages(node->stages, children);
  return finish(node, children);
}

Chain *Parser::chain() {
  auto *node = make<Chain>(here());
  do {
    Stage one;
    if (!stage(one))
      return nullptr;
    node->stages.push_back(std::move(one));
  } while (accept(Tok::Arrow));
  node->span = since(node->span);
  std::vector<const Node *> children;
  addStages(node->stages, children);
  return finish(node, children);
}

/// unit ["*" count] [":" type] ["as" NAME] {attr}
bool Parser::stage(Stage &out) {
  Nest nest(*this); // its arguments may be flows again
  if (!nest)
    return false;
  Span start = here();
  out.unit = unit();
  if (!out.unit)
    return false;
  if (accept(Tok::Star) && !(out.count = count()))
    return false;
  if (accept(Tok::Colon) && !(out.type = type()))
    return false;
  if (accept(Tok::KwAs) && !tensorName("a name after 'as'", out.name))
    return false;
  if (!attributes(out.attributes))
    return false;
  out.span = since(start);
  return true;
}

/// INT | NAME | "(" expr ")"
Expr *Parser::count() {
  if (is(Tok::Integer) || is(Tok::Name))
    return primary();
  if (!is(Tok::LParen)) {
    unexpected("bad-count", "a whole number, the count of the layer")
        .note("after a layer '*' repeats it: f * 2, f * n, f * (n - 1)");
    return nullptr;
  }
  take();
  Expr *e = expr();
  return e && close(Tok::RParen) ? e : nullptr;
}

Unit *Parser::unit() {
  if (!is(Tok::LParen) && !is(Tok::KwIf))
    return layerRef();
  Nest nest(*this);
  if (!nest)
    return nullptr;
  Span start = here();
  if (accept(Tok::LParen)) {
    Chain *node = chain();
    if (!node || !close(Tok::RParen))
      return nullptr;
    node->span = since(start);
    return node;
  }
  take();
  auto *node = make<IfUnit>(start);
  node->condition = condition();
  if (!node->condition || !expect(Tok::KwThen, "after the condition"))
    return nullptr;
  node->thenUnit = unit();
  if (!node->thenUnit)
    return nullptr;
  if (!accept(Tok::KwElse)) {
    auto &d = unexpected("expected-token", "'else'").note("a layer is needed either way");
    if (is(Tok::Arrow))
      d.help("put a chain in parentheses: if .. then (a -> b) else id");
    else
      d.help("write 'else id' to pass through");
    return nullptr;
  }
  node->elseUnit = unit();
  if (!node->elseUnit)
    return nullptr;
  node->span = since(start);
  return finish(node, {node->condition, node->thenUnit, node->elseUnit});
}

/// NAME {"." NAME} [args]
Unit *Parser::layerRef() {
  auto *node = make<LayerRef>(here());
  if ((!is(Tok::Name) && !isReserved(cur().kind)) || nextStatement()) {
    auto &d = unexpected("expected-layer", "a layer");
    if (is(Tok::Integer) || is(Tok::Float) || is(Tok::String) || is(Tok::LBracket))
      d.note("after '->' stands a layer, such as relu or conv(64, 3x3)");
    else
      hintCommon(d);
    return nullptr;
  }
  do {
    Ident part;
    bool first = node->path.empty(); // may stand on the line after the arrow
    if (!name(first ? "a layer" : "a name after '.'", part, /*sameLine=*/!first))
      return nullptr;
    node->path.push_back(part);
  } while (!ends() && accept(Tok::Dot));
  node->pathSpan = since(node->span);
  std::vector<const Node *> children;
  if (is(Tok::LParen) && !cur().firstOnLine) {
    if (!args(node->args.emplace()))
      return nullptr;
    for (const Arg &arg : node->args->list)
      children.push_back(arg.value);
  }
  node->span = since(node->span);
  return finish(node, children);
}

bool Parser::args(Args &out) {
  Span open = take();
  if (!commaList(Tok::RParen, [&] { return arg(out); }) || !close(Tok::RParen))
    return false;
  out.span = since(open);
  return true;
}

/// [NAME "="] flow: a flow is read first, then "=" is looked for.
bool Parser::arg(Args &out) {
  Arg one;
  Span start = here();
  one.value = flow();
  if (!one.value)
    return false;
  if (is(Tok::Equal)) {
    auto *named = llvm::dyn_cast<Name>(one.value);
    if (!named) {
      report("bad-target", one.value->span, "an argument is given by a name: name = value")
          .help("to compare write '=='");
      return false;
    }
    take();
    one.name = {named->name, named->span};
    if (!(one.value = flow()))
      return false;
  }
  one.span = since(start);
  out.list.push_back(one);
  return true;
}

/// {"@" NAME [args]}
bool Parser::attributes(std::vector<Attribute> &out) {
  while (is(Tok::At) && !ends()) {
    Attribute one;
    Span start = take();
    if (!name("the name of an attribute", one.name))
      return false;
    if (is(Tok::LParen) && !cur().firstOnLine && !args(one.args.emplace()))
      return false;
    one.span = since(start);
    out.push_back(std::move(one));
  }
  return true;
}

//===- types --------------------------------------------------------------------------------===//

static std::string typeHelp(llvm::StringRef name) {
  llvm::StringRef meant = llvm::StringSwitch<llvm::StringRef>(name)
                              .Cases({"float", "float32", "f64", "double", "real"}, "f32")
                              .Cases({"half", "float16"}, "f16")
                              .Cases({"bfloat16"}, "bf16")
                              .Cases({"int32", "i64", "int64", "long"}, "i32")
                              .Cases({"uint8", "byte"}, "u8")
                              .Cases({"str"}, "string")
                              .Cases({"label", "class"}, "index(10)")
                              .Default("");
  if (meant.empty())
    meant = nearest(name, {"f32", "f16", "bf16", "i32", "u8", "bool", "index", "int", "number",
                           "size", "string", "layer"});
  return meant.empty() ? "" : ("did you mean '" + meant + "'?").str();
}

/// "layer" | elem [shape] | shape
Type *Parser::type() {
  auto *node = make<Type>(here());
  if (accept(Tok::KwLayer)) {
    node->elem = Elem::Layer;
    node->elemWritten = true;
    return node;
  }
  if (is(Tok::Name)) {
    auto elem = elemNamed(text(cur()));
    if (!elem) {
      auto &d = report("unknown-type", here(), "there is no type " + found());
      d.note("types: a shape such as [C, H, W]; f32 f16 bf16 i32 u8 bool index(K); "
             "int number size string layer");
      if (std::string help = typeHelp(text(cur())); !help.empty())
        d.help(help);
      else if (llvm::isUpper(text(cur()).front()))
        d.help("a shape stands in brackets: [" + text(cur()) + "]");
      return nullptr;
    }
    take();
    node->elem = *elem;
    node->elemWritten = true;
    if (*elem == Elem::Index &&
        (!expect(Tok::LParen, "after 'index': index(10) is a label of ten classes") ||
         !(node->classes = expr()) || !close(Tok::RParen)))
      return nullptr;
  } else if (!is(Tok::LBracket)) {
    unexpected("expected-type", "a type")
        .note("a type is a shape such as [C, H, W], or f32, int..");
    return nullptr;
  }
  if (is(Tok::LBracket) && !(cur().firstOnLine && node->elemWritten)) {
    node->hasShape = true;
    if (!bracketed(&Parser::dim, &node->batch, node->dims, node->shapeSpan))
      return nullptr;
  }
  node->span = since(node->span);
  std::vector<const Node *> children{node->classes};
  for (const Dim &dim : node->dims)
    children.push_back(dim.expr);
  if (node->batch)
    children.push_back(node->batch->expr);
  return finish(node, children);
}

bool Parser::dim(Dim &out) {
  Span start = here();
  out.expr = expr();
  if (!out.expr || !pack(out.expr, "a rank pack", out.pack))
    return false;
  out.span = since(start);
  return true;
}
