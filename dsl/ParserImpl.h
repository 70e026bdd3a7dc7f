// The recursive-descent parser, one member function a rule of the grammar. Every function returns
// null (or false) after a mistake that it has reported; the statement or declaration that holds it
// then recovers.
#ifndef GNC_DSL_PARSERIMPL_H
#define GNC_DSL_PARSERIMPL_H

#include "dsl/AST.h"
#include "dsl/Diagnostic.h"

namespace gnc::dsl {

class Parser {
public:
  Parser(ast::File &file, Diagnostics &diags)
      : file(file), source(*file.source), tokens(file.tokens), diags(diags) {}
  void parseFile();

private:
  using Ident = ast::Ident;
  using Expr = ast::Expr;

  //===- tokens (Parser.cpp) -----------------------------------------------------------------===//
  const Token &cur() const { return tokens[pos]; }
  const Token &peek() const { return tokens[pos + 1 < tokens.size() ? pos + 1 : pos]; }
  bool is(Tok kind) const { return cur().kind == kind; }
  bool isWord(llvm::StringRef word) const { return is(Tok::Name) && text(cur()) == word; }
  llvm::StringRef text(const Token &t) const { return source.text().slice(t.begin, t.end); }
  Span spanOf(const Token &t) const { return {&source, t.begin, t.end}; }
  Span here() const { return spanOf(cur()); }
  Span previous() const { return pos ? spanOf(tokens[pos - 1]) : Span{&source, 0, 0}; }
  /// The span from `start` to the last token taken.
  Span since(Span start) const { return start.to(previous()); }
  Span take();
  bool accept(Tok kind);
  /// Is the current token first on a line that does not go on with the one before?
  bool onNewLine() const;
  /// Does the statement end before the current token?
  bool ends() const;
  bool expect(Tok kind, llvm::StringRef where);
  /// Takes the ")" or "]".
  bool close(Tok kind);
  bool name(llvm::StringRef what, Ident &out, bool sameLine = true);
  /// Reports every name of one list that stands there twice; what follows is parsed all the same.
  void checkDistinct(llvm::ArrayRef<Ident> names);
  /// A name that will stand for a tensor: not one of a reducer.
  bool tensorName(llvm::StringRef what, Ident &out);
  bool checkTensorName(const Ident &name);
  /// item {"," item} [","] up to `closing`, which is left.
  template <typename F> bool commaList(Tok closing, F item);
  /// "[" [item ";"] [item {"," item} [","]] "]"; without `batch` there is no ";".
  template <typename T>
  bool bracketed(bool (Parser::*item)(T &), std::optional<T> *batch, std::vector<T> &list,
                 Span &span);

  //===- mistakes (Parser.cpp, ParserHints.cpp) ----------------------------------------------===//
  /// Reports at `at`; silent if the current token has been reported already.
  Diagnostic &report(llvm::StringRef slug, Span at, const llvm::Twine &text);
  /// "expected NEED after '..', found '..'", at the current token (or where the line ended).
  Diagnostic &unexpected(llvm::StringRef slug, llvm::StringRef need);
  std::string found() const;
  void noteOpen(Diagnostic &d);
  bool tooDeep(Span at);
  /// The statement must end here.
  bool newLine();
  bool hintComment(Diagnostic &d);
  void hintCommon(Diagnostic &d);
  void hintOperator(Diagnostic &d);
  void hintExpression(Diagnostic &d);
  void hintStatement(Diagnostic &d);
  bool operatorAfterArrow();
  bool badStart();
  bool nextStatement() const;
  bool minusFirst() const;
  void reportMinusFirst();
  void missingBrace(Span brace);
  bool badTarget(const Expr *target);
  bool atDeclaration() const;
  void recoverStatement(size_t start);
  void recoverDeclaration(size_t start);
  bool recoverToBody();
  unsigned indentOf(Span span) const;

  //===- declarations (ParseDecl.cpp) --------------------------------------------------------===//
  void declaration();
  bool use(ast::UseDecl &d);
  bool let(ast::LetDecl &d);
  bool net(ast::NetDecl &d);
  bool block(ast::BlockDecl &d);
  bool op(ast::OpDecl &d);
  bool opBody(ast::OpDecl &d);
  bool cudaText(ast::OpDecl &d);
  bool def(ast::DefDecl &d);
  bool optimizer(ast::OptimizerDecl &d);
  bool metric(ast::MetricDecl &d);
  bool data(ast::DataDecl &d);
  bool train(ast::TrainDecl &d);
  bool infer(ast::InferDecl &d);
  template <typename T> void declare(bool (Parser::*rule)(T &));
  bool header(ast::Decl &d, ast::Params &params, std::vector<ast::Result> *results);
  bool params(ast::Params &out);
  bool param(std::vector<ast::Param> &out, bool input);
  bool results(std::vector<ast::Result> &out);
  bool result(std::vector<ast::Result> &out);
  std::string docComment(const Token &first) const;

  //===- statements (ParseStmt.cpp) ----------------------------------------------------------===//
  bool body(ast::Body &out, bool equations = false);
  ast::Stmt *statement();
  ast::Stmt *paramStmt();
  ast::Stmt *stateStmt();
  ast::Stmt *layerStmt();
  ast::Stmt *letStmt();
  ast::Stmt *forStmt();
  ast::Stmt *ifStmt();
  ast::Stmt *whenStmt();
  ast::Stmt *augmentStmt();
  ast::Stmt *requireStmt();
  ast::Stmt *flowStmt(Expr *flow);
  bool targets(Expr *first, std::vector<Ident> &names, ast::Type *&type);
  ast::Stmt *equation();
  bool equationTarget(ast::EquationStmt &e);

  //===- expressions (ParseExpr.cpp) ---------------------------------------------------------===//
  Expr *expr();
  Expr *condition();
  Expr *ifTail(Span start, Expr *condition);
  Expr *disjunction();
  Expr *conjunction();
  Expr *negation();
  Expr *comparison();
  Expr *sum();
  Expr *term();
  Expr *factor();
  Expr *postfix();
  Expr *member(Expr *base);
  Expr *call(Expr *callee);
  Expr *access(Expr *tensor);
  Expr *reduce(const ast::Name &reducer);
  Expr *primary();
  Expr *number();
  Expr *size();
  Expr *string();
  Expr *parenthesis();
  Expr *list();
  bool pack(const Expr *name, llvm::StringRef what, bool &out);
  bool index(ast::Index &out);
  bool bind(ast::Bind &out);
  Expr *binary(ast::BinaryOp op, Expr *lhs, Span opSpan, Expr *rhs);

  //===- flows, layers, types (ParseLayer.cpp) -----------------------------------------------===//
  Expr *flow();
  Expr *flowTail(Expr *source);
  ast::Chain *chain();
  bool stage(ast::Stage &out);
  Expr *count();
  ast::Unit *unit();
  ast::Unit *layerRef();
  bool args(ast::Args &out);
  bool arg(ast::Args &out);
  bool attributes(std::vector<ast::Attribute> &out);
  ast::Type *type();
  bool dim(ast::Dim &out);

  //===- nodes -------------------------------------------------------------------------------===//
  template <typename T> T *make(Span span) { return file.arena.make<T>(span); }
  /// Sets the height of a finished node from its children; null if the tree is too deep.
  template <typename T> T *finish(T *node, llvm::ArrayRef<const ast::Node *> children) {
    for (const ast::Node *child : children)
      if (child)
        node->height = std::max(node->height, child->height + 1);
    return node->height > ast::Node::maxHeight && tooDeep(node->span) ? nullptr : node;
  }

  /// Counts the levels of recursion of the parser itself.
  struct Nest {
    Parser &parser;
    explicit Nest(Parser &parser) : parser(parser) { ++parser.nesting; }
    ~Nest() { --parser.nesting; }
    explicit operator bool() const {
      return parser.nesting <= maxNesting || !parser.tooDeep(parser.here());
    }
  };
  static constexpr unsigned maxNesting = 200;

  ast::File &file;
  const Source &source;
  const std::vector<Token> &tokens;
  Diagnostics &diags;
  Diagnostic muted{}; // takes what would be a cascade
  size_t pos = 0;
  size_t statementStart = 0;
  size_t reportedAt = SIZE_MAX; // the token of the last mistake
  bool failed = false;          // the declaration being parsed has a mistake
  unsigned brackets = 0;        // open ( and [: new lines do not count
  unsigned nesting = 0;
  const ast::Flow *lastFlow = nullptr; // the last with stages, for `x -> f + y`
  Span suspect;                        // a `}` that is indented less than the line of its `{`
  Span suspectOpen;
};

template <typename F> bool Parser::commaList(Tok closing, F item) {
  while (!is(closing)) {
    if (!item())
      return false;
    if (is(closing))
      break;
    if (!is(Tok::Comma)) {
      auto &d = unexpected("expected-token", std::string("',' or ") + describe(closing).str());
      noteOpen(d);
      hintCommon(d);
      return false;
    }
    take();
  }
  return true;
}

template <typename T>
bool Parser::bracketed(bool (Parser::*item)(T &), std::optional<T> *batch, std::vector<T> &list,
                       Span &span) {
  Span open = take();
  if (!commaList(Tok::RBracket, [&] {
        T one;
        if (!(this->*item)(one))
          return false;
        if (batch && !*batch && list.empty() && accept(Tok::Semicolon)) {
          *batch = std::move(one);
          one = T();
          if (is(Tok::RBracket)) // a batch and nothing else: [N;]
            return true;
          if (!(this->*item)(one))
            return false;
        }
        list.push_back(std::move(one));
        return true;
      }))
    return false;
  bool closed = close(Tok::RBracket);
  span = since(open);
  return closed;
}

} // namespace gnc::dsl

#endif // GNC_DSL_PARSERIMPL_H
