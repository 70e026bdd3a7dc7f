// Files and declarations.
#include "dsl/ParserImpl.h"

#include "llvm/ADT/StringMap.h"

using namespace gnc::dsl;
using namespace gnc::dsl::ast;

void Parser::parseFile() {
  while (!is(Tok::End)) {
    failed = false;
    suspect = {};
    declaration();
  }
}

/// The `##` lines directly above, each on a line of its own.
std::string Parser::docComment(const Token &first) const {
  llvm::StringRef trivia = source.text().slice(first.triviaBegin, first.begin);
  // Before the first line end stands the rest of the line of the token before.
  size_t own = first.triviaBegin == 0 ? 0 : trivia.find('\n');
  llvm::SmallVector<llvm::StringRef, 8> lines;
  trivia.substr(own == llvm::StringRef::npos ? trivia.size() : own).split(lines, '\n');
  // The last part is the indentation of the declaration itself.
  size_t end = lines.empty() ? 0 : lines.size() - 1, begin = end;
  while (begin > 0 && lines[begin - 1].trim().starts_with("##"))
    --begin;
  std::string doc;
  for (size_t i = begin; i != end; ++i) {
    llvm::StringRef line = lines[i].trim().drop_front(2);
    line.consume_front(" ");
    if (i != begin)
      doc += '\n';
    doc += line;
  }
  return doc;
}

/// Makes the node, reads it by its rule, and goes on to the next declaration after a mistake.
template <typename T> void Parser::declare(bool (Parser::*rule)(T &)) {
  const Token &first = cur();
  size_t start = pos;
  auto *d = make<T>(here());
  file.decls.push_back(d);
  d->doc = docComment(first);
  d->keyword = take();
  bool understood = (this->*rule)(*d);
  d->span = since(d->keyword);
  if (!understood || (!atDeclaration() && !newLine()))
    recoverDeclaration(start);
  d->hasErrors = failed;
}

void Parser::declaration() {
  brackets = 0;
  if (is(Tok::KwLet))
    return declare(&Parser::let);
  llvm::StringRef word = is(Tok::Name) ? text(cur()) : "";
  if (word == "use")
    return declare(&Parser::use);
  if (word == "net")
    return declare(&Parser::net);
  if (word == "block")
    return declare(&Parser::block);
  if (word == "op")
    return declare(&Parser::op);
  if (word == "def")
    return declare(&Parser::def);
  if (word == "optimizer")
    return declare(&Parser::optimizer);
  if (word == "metric")
    return declare(&Parser::metric);
  if (word == "data")
    return declare(&Parser::data);
  if (word == "train")
    return declare(&Parser::train);
  if (word == "infer")
    return declare(&Parser::infer);
  if (is(Tok::RBrace)) {
    report("stray-brace", here(), "nothing is open that this '}' could close");
  } else {
    auto &d = report("expected-declaration", here(), "expected a declaration, found " + found());
    llvm::StringRef near = nearest(word, {"use", "let", "net", "block", "op", "def", "optimizer",
                                          "metric", "data", "train", "infer"});
    d.note("a file consists of: use let net block op def optimizer metric data train infer");
    if (!near.empty() && peek().kind == Tok::Name)
      d.help("did you mean '" + near + "'?");
    else if (isReserved(cur().kind) || (is(Tok::Name) && peek().kind == Tok::Equal))
      d.help(is(Tok::Name) ? "at the top level a constant is written: let " + word + " = .."
                           : "statements stand in the body of a net or block");
  }
  recoverDeclaration(pos++);
}

/// "use" STRING ["as" NAME] [":" NAME {"," NAME}]
bool Parser::use(UseDecl &d) {
  if (!is(Tok::String)) {
    unexpected("expected-token", "the name of a file, a string")
        .note("write use \"blocks.net\": name, or use \"blocks.net\" as b");
    return false;
  }
  d.path = llvm::cast<String>(string());
  if (accept(Tok::KwAs) && !name("a name after 'as'", d.name))
    return false;
  if (!accept(Tok::Colon))
    return true;
  do
    if (!name("a name to bring in", d.imports.emplace_back(), /*sameLine=*/d.imports.size() < 2))
      return false;
  while (accept(Tok::Comma));
  return true;
}

bool Parser::let(LetDecl &d) {
  return name("a name after 'let'", d.name) && expect(Tok::Equal, "after the name") &&
         (d.value = flow());
}

void Parser::checkDistinct(llvm::ArrayRef<Ident> names) {
  llvm::StringMap<Span> seen;
  for (const Ident &one : names) {
    auto [it, inserted] = seen.try_emplace(one.text, one.span);
    if (!one || inserted)
      continue;
    failed = true;
    diags.error("declared-twice", one.span, "'" + one.text + "' is declared twice")
        .note(it->second, "the first time")
        .help("give one of them another name");
  }
}

/// The names of parameters or results.
template <typename T> static void addNames(llvm::ArrayRef<T> list, std::vector<Ident> &names) {
  for (const T &one : list)
    names.push_back(one.name);
}

/// NAME params [results]. After a mistake it goes on at the body: what is wrong there is told in
/// the same run.
bool Parser::header(Decl &d, Params &list, std::vector<Result> *outcome) {
  std::string what = ("the name of the " + d.keyword.text()).str();
  bool understood =
      name(what, d.name) && params(list) && (!outcome || !accept(Tok::Arrow) || results(*outcome));
  std::vector<Ident> parameters, made;
  addNames<Param>(list.inputs, parameters);
  addNames<Param>(list.settings, parameters);
  checkDistinct(parameters);
  if (outcome)
    addNames<Result>(*outcome, made);
  checkDistinct(made);
  return understood || recoverToBody();
}

bool Parser::net(NetDecl &d) { return header(d, d.params, &d.results) && body(d.body); }

bool Parser::block(BlockDecl &d) {
  if (!header(d, d.params, &d.results))
    return false;
  if (accept(Tok::Equal))
    return (d.chain = chain());
  if (!is(Tok::LBrace)) {
    unexpected("expected-token", "'{' or '=' after the head of the block")
        .note("a block has a body, or is a chain: block f(k) = conv(k) -> relu");
    return false;
  }
  return body(d.body);
}

/// "op" NAME params [results] ("=" expr | equations) ["grad" {attr} equations]
bool Parser::op(OpDecl &d) {
  if (!header(d, d.params, &d.results))
    return false;
  for (const Param &input : d.params.inputs)
    if (input.name.text == "count")
      report("reducer-name", input.name.span, "'count' reduces and cannot name a tensor")
          .help("use another name, such as 'count_'");
  if (!opBody(d))
    return false;
  if (!isWord("grad"))
    return true;
  d.grad.emplace();
  Span start = take();
  Body given;
  if (!attributes(d.grad->attributes) || !body(given, /*equations=*/true))
    return false;
  d.grad->equations = std::move(given.stmts);
  d.grad->span = since(start);
  return true;
}

/// "=" expr | equations | "cuda" [args] TEXT
bool Parser::opBody(OpDecl &d) {
  if (isWord("cuda"))
    return cudaText(d);
  if (accept(Tok::Equal)) {
    if (!(d.value = expr()))
      return false;
    if (!is(Tok::Arrow))
      return true;
    report("expected-newline", here(), "a flow cannot stand in an op")
        .help("in an op a function is called: relu(x); a chain of layers is a block");
    return false;
  }
  if (!is(Tok::LBrace)) {
    unexpected("expected-token", "'{' or '=' after the head of the op")
        .note("an op has equations, or one value: op f(x) = x * x");
    return false;
  }
  Body equations;
  if (!body(equations, /*equations=*/true))
    return false;
  d.equations = std::move(equations.stmts);
  return true;
}

bool Parser::cudaText(OpDecl &d) {
  d.cuda.emplace();
  Span start = take();
  if (is(Tok::LParen) && !args(d.cuda->launch.emplace()))
    return false;
  if (!is(Tok::Text)) {
    unexpected("expected-token", "the kernel, a text between \"\"\"")
        .note("write cuda \"\"\" y[i] = x[i]; \"\"\"");
    return false;
  }
  d.cuda->text = take();
  d.cuda->span = since(start);
  return true;
}

bool Parser::def(DefDecl &d) {
  return header(d, d.params, nullptr) && expect(Tok::Equal, "after the parameters") &&
         (d.value = flow());
}

bool Parser::optimizer(OptimizerDecl &d) { return header(d, d.params, nullptr) && body(d.body); }

bool Parser::metric(MetricDecl &d) { return header(d, d.params, &d.results) && body(d.body); }

bool Parser::data(DataDecl &d) {
  return (name("the name of the data", d.name) || recoverToBody()) && body(d.body);
}

/// "train" NAME [args] "on" NAME body
bool Parser::train(TrainDecl &d) {
  auto head = [&] {
    if (!name("the name of the net", d.name) || (is(Tok::LParen) && !args(d.args.emplace())))
      return false;
    if (!isWord("on")) {
      unexpected("expected-token", "'on' and the name of the data")
          .note("write train Net on data { .. }");
      return false;
    }
    take();
    return name("the name of the data", d.data);
  };
  return (head() || recoverToBody()) && body(d.body);
}

/// "infer" NAME [args] ["on" NAME] body
bool Parser::infer(InferDecl &d) {
  auto head = [&] {
    if (!name("the name of the net", d.name) || (is(Tok::LParen) && !args(d.args.emplace())))
      return false;
    if (!isWord("on"))
      return true;
    take();
    return name("the name of the data", d.data);
  };
  return (head() || recoverToBody()) && body(d.body);
}

//===- parameters and results ---------------------------------------------------------------===//

/// "(" [plist] [";" [plist]] ")"
bool Parser::params(Params &out) {
  Span opening = here();
  if (!expect(Tok::LParen, "and the parameters"))
    return false;
  while (!is(Tok::RParen)) {
    if (is(Tok::Semicolon)) {
      if (out.semicolon) {
        report("semicolon", here(), "there is one ';', between inputs and settings");
        return false;
      }
      take();
      out.semicolon = true;
      continue;
    }
    if (!param(out.semicolon ? out.settings : out.inputs, !out.semicolon))
      return false;
    if (is(Tok::RParen) || is(Tok::Semicolon))
      continue;
    if (!accept(Tok::Comma)) {
      close(Tok::RParen); // reports
      return false;
    }
  }
  take();
  out.span = since(opening);
  return true;
}

/// NAME [":" type] ["=" flow]
bool Parser::param(std::vector<Param> &out, bool input) {
  Param one;
  if (!name("the name of a parameter", one.name))
    return false;
  if (accept(Tok::Colon) && !(one.type = type()))
    return false;
  // Settings are never indexed, so `normalize(x; mean, std)` is free to use such a name.
  if (input && one.type && one.type->hasShape && !checkTensorName(one.name))
    return false;
  if (accept(Tok::Equal) && !(one.value = flow()))
    return false;
  one.span = since(one.name.span);
  out.push_back(one);
  return true;
}

/// result | "(" result {"," result} ")"
bool Parser::results(std::vector<Result> &out) {
  if (!is(Tok::LParen))
    return result(out);
  take();
  return commaList(Tok::RParen, [&] { return result(out); }) && close(Tok::RParen);
}

/// NAME ":" type | type: a name followed by ":" names the result
bool Parser::result(std::vector<Result> &out) {
  Result one;
  Span start = here();
  if (is(Tok::Name) && peek().kind == Tok::Colon) {
    if (!tensorName("the name of a result", one.name))
      return false;
    take();
  }
  if (!(one.type = type()))
    return false;
  one.span = since(start);
  out.push_back(one);
  return true;
}
