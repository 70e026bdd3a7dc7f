#include "dsl/ServiceText.h"

#include "dsl/BodyRunner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;

//===- tokens -------------------------------------------------------------------------------===//

Tok TextView::kind(size_t token) const {
  return token < file.tokens.size() ? file.tokens[token].kind : Tok::End;
}

Span TextView::span(size_t token) const {
  if (token >= file.tokens.size())
    return {};
  return {file.source, file.tokens[token].begin, file.tokens[token].end};
}

llvm::StringRef TextView::text(size_t token) const { return span(token).text(); }

bool TextView::isNumber(size_t token) const {
  return kind(token) == Tok::Integer || kind(token) == Tok::Float || kind(token) == Tok::Size;
}

bool TextView::isText(size_t token) const {
  return kind(token) == Tok::String || kind(token) == Tok::Text;
}

size_t TextView::before(uint32_t offset) const {
  auto after = llvm::partition_point(file.tokens, [&](const Token &t) { return t.end <= offset; });
  // The end of the file is a token without bytes.
  while (after != file.tokens.begin() && std::prev(after)->kind == Tok::End)
    --after;
  return after == file.tokens.begin() ? none : size_t(after - file.tokens.begin()) - 1;
}

size_t TextView::wordAt(uint32_t offset) const {
  size_t left = before(offset);
  size_t right = left + 1; // `none + 1` is the first
  auto good = [&](size_t token) {
    return kind(token) == Tok::Name || isText(token) || isNumber(token) || isReserved(kind(token));
  };
  if (right < file.tokens.size() && file.tokens[right].begin <= offset && good(right))
    return right;
  return left != none && file.tokens[left].end == offset && good(left) ? left : none;
}

bool TextView::inComment(uint32_t offset) const {
  size_t next = before(offset) + 1;
  if (next >= file.tokens.size())
    return false;
  const Token &token = file.tokens[next];
  if (offset > token.begin)
    return false;
  llvm::StringRef trivia = file.source->text().slice(token.triviaBegin, offset);
  return trivia.substr(trivia.rfind('\n') + 1).contains('#');
}

size_t TextView::openParen(size_t token) const {
  unsigned closed = 0;
  for (size_t i = std::min(token, file.tokens.size()); i-- > 0;) {
    switch (kind(i)) {
    case Tok::RParen:
    case Tok::RBracket: ++closed; break;
    case Tok::LParen:
    case Tok::LBracket:
      if (closed == 0)
        return kind(i) == Tok::LParen ? i : none;
      --closed;
      break;
    case Tok::LBrace:
    case Tok::RBrace: return none;
    default: break;
    }
  }
  return none;
}

unsigned TextView::openBraces(size_t token, const ast::Decl &decl) const {
  unsigned open = 0;
  for (size_t i = before(decl.span.begin) + 1; i < token && i < file.tokens.size(); ++i) {
    open += kind(i) == Tok::LBrace;
    open -= kind(i) == Tok::RBrace && open;
  }
  return open;
}

bool TextView::beginsStatement(size_t token) const {
  if (token >= file.tokens.size() || !file.tokens[token].firstOnLine ||
      continuesLine(kind(token)) || openParen(token) != none)
    return false;
  Tok last = token ? kind(token - 1) : Tok::LBrace;
  return last != Tok::Equal && last != Tok::Arrow && last != Tok::LBracket && last != Tok::Comma;
}

bool TextView::isResultArrow(size_t arrow) const {
  // Back over the parameters to a name behind the keyword of the declaration.
  if (arrow == 0 || kind(arrow - 1) != Tok::RParen)
    return false;
  size_t open = openParen(arrow - 1);
  if (open == none || open < 2 || kind(open - 1) != Tok::Name)
    return false;
  uint32_t keyword = span(open - 2).begin;
  return llvm::any_of(file.decls, [&](const ast::Decl *d) { return d->keyword.begin == keyword; });
}

const ast::Decl *TextView::declaration(uint32_t offset) const {
  const ast::Decl *found = nullptr;
  for (const ast::Decl *decl : file.decls)
    if (decl->span.begin <= offset)
      found = decl;
  if (!found || offset <= found->span.end)
    return found;
  // One with a mistake may go on behind what was understood of it.
  size_t next = before(offset) + 1;
  bool body = false;
  for (size_t i = before(found->span.begin) + 1; i < next; ++i)
    body |= kind(i) == Tok::LBrace;
  bool inside = found->hasErrors && (!body || openBraces(next, *found) > 0);
  return inside ? found : nullptr;
}

//===- names --------------------------------------------------------------------------------===//

const ast::Params *gnc::dsl::service::parametersOf(const ast::Decl &decl) {
  if (auto *net = llvm::dyn_cast<ast::NetDecl>(&decl))
    return &net->params;
  if (auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl))
    return &block->params;
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(&decl))
    return &op->params;
  if (auto *def = llvm::dyn_cast<ast::DefDecl>(&decl))
    return &def->params;
  if (auto *optimizer = llvm::dyn_cast<ast::OptimizerDecl>(&decl))
    return &optimizer->params;
  if (auto *metric = llvm::dyn_cast<ast::MetricDecl>(&decl))
    return &metric->params;
  return nullptr;
}

llvm::ArrayRef<ast::Result> gnc::dsl::service::resultsOf(const ast::Decl &decl) {
  if (auto *net = llvm::dyn_cast<ast::NetDecl>(&decl))
    return net->results;
  if (auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl))
    return block->results;
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(&decl))
    return op->results;
  return {};
}

const ast::Body *gnc::dsl::service::bodyOf(const ast::Decl &decl) {
  if (auto *net = llvm::dyn_cast<ast::NetDecl>(&decl))
    return &net->body;
  if (auto *block = llvm::dyn_cast<ast::BlockDecl>(&decl))
    return &block->body;
  if (auto *optimizer = llvm::dyn_cast<ast::OptimizerDecl>(&decl))
    return &optimizer->body;
  if (auto *metric = llvm::dyn_cast<ast::MetricDecl>(&decl))
    return &metric->body;
  if (auto *data = llvm::dyn_cast<ast::DataDecl>(&decl))
    return &data->body;
  if (auto *train = llvm::dyn_cast<ast::TrainDecl>(&decl))
    return &train->body;
  if (auto *infer = llvm::dyn_cast<ast::InferDecl>(&decl))
    return &infer->body;
  return nullptr;
}

ast::Ident gnc::dsl::service::dataOf(const ast::Decl &decl) {
  if (auto *train = llvm::dyn_cast<ast::TrainDecl>(&decl))
    return train->data;
  if (auto *infer = llvm::dyn_cast<ast::InferDecl>(&decl))
    return infer->data;
  return {};
}

namespace {
class NameCollector {
public:
  NameCollector(uint32_t offset, llvm::SmallVectorImpl<LocalName> &out)
      : offset(offset), out(out) {}

  void parameters(const ast::Params &params) {
    for (const ast::Param &input : params.inputs)
      dimensions(input.type);
    for (llvm::ArrayRef<ast::Param> list :
         {llvm::ArrayRef(params.inputs), llvm::ArrayRef(params.settings)})
      for (const ast::Param &param : list)
        out.push_back({param.name, param.span, 0, &param});
  }

  void statements(llvm::ArrayRef<ast::Stmt *> list) {
    for (const ast::Stmt *stmt : list)
      if (stmt->span.begin <= offset)
        statement(*stmt);
  }

private:
  /// `C` of `x: [C, H]`.
  void dimensions(const ast::Type *type) {
    auto add = [&](const ast::Expr *expr) {
      auto *name = llvm::dyn_cast_or_null<ast::Name>(expr);
      bool known = name && llvm::any_of(out, [&](const LocalName &one) {
                     return one.name.text == name->name;
                   });
      if (name && !known)
        out.push_back({{name->name, name->span}, name->span});
    };
    if (!type)
      return;
    add(type->classes);
    if (type->batch)
      add(type->batch->expr);
    for (const ast::Dim &dim : type->dims)
      add(dim.expr);
  }

  void statement(const ast::Stmt &stmt) {
    auto inside = [&](const ast::Body &body) {
      return body.span.begin <= offset && offset <= body.span.end;
    };
    if (auto *equation = llvm::dyn_cast<ast::EquationStmt>(&stmt)) {
      if (!equation->adjoint)
        out.push_back({equation->name, equation->target, equation->span.end});
    } else if (auto *loop = llvm::dyn_cast<ast::ForStmt>(&stmt)) {
      if (!inside(loop->body))
        return;
      for (const ast::Ident &name : loop->names)
        out.push_back({name, name.span, name.span.end});
      statements(loop->body.stmts);
    } else if (auto *choice = llvm::dyn_cast<ast::IfStmt>(&stmt)) {
      statements(choice->thenBody.stmts);
      if (choice->elseBody)
        statements(choice->elseBody->stmts);
    } else if (auto *when = llvm::dyn_cast<ast::WhenStmt>(&stmt)) {
      statements(when->thenBody.stmts);
      if (when->elseBody)
        statements(when->elseBody->stmts);
    } else {
      simple(stmt);
    }
  }

  void simple(const ast::Stmt &stmt) {
    llvm::SmallVector<ast::Ident> names;
    assignedNames(stmt, names);
    for (const ast::Ident &name : names) {
      // `as` holds at once, `y = f(y)` behind the statement.
      LocalName one{name, name.span, name.span.end};
      const ast::Expr *value = nullptr;
      if (auto *layer = llvm::dyn_cast<ast::LayerStmt>(&stmt))
        one.layer = layer->chain;
      else if (auto *let = llvm::dyn_cast<ast::LetStmt>(&stmt))
        value = let->value;
      else if (auto *assign = llvm::dyn_cast<ast::AssignStmt>(&stmt))
        value = assign->value;
      if (value && name.span.begin < value->span.begin)
        one.from = stmt.span.end;
      out.push_back(one);
    }
  }

  uint32_t offset;
  llvm::SmallVectorImpl<LocalName> &out;
};
} // namespace

llvm::SmallVector<LocalName> gnc::dsl::service::localNames(const ast::Decl &decl, uint32_t offset) {
  llvm::SmallVector<LocalName> names;
  NameCollector collector(offset, names);
  if (const ast::Params *params = parametersOf(decl))
    collector.parameters(*params);
  if (const ast::Body *body = bodyOf(decl))
    collector.statements(body->stmts);
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(&decl)) {
    collector.statements(op->equations);
    if (op->grad)
      collector.statements(op->grad->equations);
  }
  for (const ast::Result &result : resultsOf(decl))
    if (result.name)
      names.push_back({result.name, result.span});
  return names;
}

const LocalName *gnc::dsl::service::findLocal(llvm::ArrayRef<LocalName> names, llvm::StringRef name,
                                              uint32_t offset) {
  const LocalName *found = nullptr;
  for (const LocalName &one : names)
    if (one.name.text == name && (!found || one.from <= offset || one.name.span.begin == offset))
      found = &one;
  return found;
}

//===- texts --------------------------------------------------------------------------------===//

std::string gnc::dsl::service::headOf(const ast::Decl &decl) {
  constexpr size_t shortLine = 100;
  llvm::StringRef text = decl.span.text();
  if (!text.contains('\n') && text.size() <= shortLine)
    return text.str();
  unsigned open = 0;
  size_t end = 0;
  for (; end < text.size(); ++end) {
    char c = text[end];
    if (open == 0 && (c == '{' || c == '=' || c == '"'))
      break;
    open += c == '(' || c == '[';
    open -= (c == ')' || c == ']') && open;
    if (c == '#') // a comment
      end = std::min(text.find('\n', end), text.size());
  }
  return text.take_front(end).rtrim().str();
}

std::string gnc::dsl::service::sentencesAbout(llvm::StringRef doc, llvm::StringRef name) {
  std::string flat = doc.str(), found;
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  llvm::StringRef rest = flat;
  while (!rest.empty()) {
    size_t end = rest.find_first_of(".;");
    while (end != llvm::StringRef::npos && end + 1 < rest.size() && rest[end + 1] != ' ')
      end = rest.find_first_of(".;", end + 1); // "2.5"
    llvm::StringRef sentence = rest.take_front(end).trim();
    rest = end == llvm::StringRef::npos ? "" : rest.drop_front(end + 1);
    for (size_t at = sentence.find('`'); at != llvm::StringRef::npos; at = sentence.find('`', at)) {
      size_t close = sentence.find('`', at + 1);
      llvm::StringRef code = sentence.slice(at + 1, close);
      bool about =
          code.consume_front(name) && (code.empty() || !(llvm::isAlnum(code[0]) || code[0] == '_'));
      if (about) {
        found += (found.empty() ? "" : " ") + sentence.str() + ".";
        break;
      }
      at = close == llvm::StringRef::npos ? close : close + 1;
    }
  }
  return found;
}
