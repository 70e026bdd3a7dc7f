// The syntax tree of a `.net` file: statements, declarations, the file. Expressions: Expr.h.
#ifndef GNC_DSL_AST_H
#define GNC_DSL_AST_H

#include "dsl/Expr.h"
#include "dsl/Token.h"

#include "llvm/Support/raw_ostream.h"

namespace gnc::dsl::ast {

//===- statements ---------------------------------------------------------------------------===//

struct Stmt : Node {
  enum class Kind {
    Param,
    State,
    Layer,
    Let,
    For,
    If,
    When,
    Require,
    Assign,
    Update,
    Value,
    Equation,
  };
  const Kind kind;

protected:
  Stmt(Kind kind, Span span) : Node(span), kind(kind) {}
};

#define GNC_STMT(NAME, KIND)                                                                       \
  explicit NAME(Span span) : Stmt(Kind::KIND, span) {}                                             \
  static bool classof(const Stmt *s) { return s->kind == Kind::KIND; }

/// `{ .. }`.
struct Body {
  Span span; // "{" to "}"
  std::vector<Stmt *> stmts;
};

/// `param w: [k, C] = he(C) @nodecay`.
struct ParamStmt : Stmt {
  GNC_STMT(ParamStmt, Param)
  Ident name;
  Type *type = nullptr; // never null
  Expr *init = nullptr; // may be null
  std::vector<Attribute> attributes;
};

/// `state mu: [C] = 0`.
struct StateStmt : Stmt {
  GNC_STMT(StateStmt, State)
  Ident name;
  Type *type = nullptr; // may be null
  Expr *init = nullptr; // may be null
};

/// `layer f = conv(32) -> relu @was("old")`; attributes at the end belong to the layer, not to
/// the last stage.
struct LayerStmt : Stmt {
  GNC_STMT(LayerStmt, Layer)
  Ident name;
  Chain *chain = nullptr;
  std::vector<Attribute> attributes;
};

struct LetStmt : Stmt {
  GNC_STMT(LetStmt, Let)
  Ident name;
  Expr *value = nullptr;
};

/// `for i in e {}`, `for i in a .. b {}` (a Range), `for (a, b) in e {}`.
struct ForStmt : Stmt {
  GNC_STMT(ForStmt, For)
  std::vector<Ident> names;
  bool tuple = false; // names stood in parentheses: every entry is a row
  Span header;        // the names
  Expr *range = nullptr;
  Body body;
};

/// `else if` is an else body with that one statement.
struct IfStmt : Stmt {
  GNC_STMT(IfStmt, If)
  Expr *condition = nullptr;
  Body thenBody;
  std::optional<Body> elseBody;
};

enum class Mode { Train, Infer };

/// `when train {} else {}`; `augment {}` is `when train {}` in a data section.
struct WhenStmt : Stmt {
  GNC_STMT(WhenStmt, When)
  Mode mode = Mode::Train;
  bool augment = false;
  Body thenBody;
  std::optional<Body> elseBody;
};

struct RequireStmt : Stmt {
  GNC_STMT(RequireStmt, Require)
  Expr *condition = nullptr;
  String *message = nullptr; // may be null; holds {name} places
};

/// `y = e`, `m, v = e`, `(image, mask) = e`, `y: [C] = e`.
struct AssignStmt : Stmt {
  GNC_STMT(AssignStmt, Assign)
  std::vector<Ident> names; // more than one: the value is a tuple
  Type *type = nullptr;     // of the one name; may be null
  Expr *value = nullptr;
};

/// `mu <- e`.
struct UpdateStmt : Stmt {
  GNC_STMT(UpdateStmt, Update)
  std::vector<Ident> names;
  Expr *value = nullptr;
};

/// An expression or flow; the value of a body if it is the last.
struct ValueStmt : Stmt {
  GNC_STMT(ValueStmt, Value)
  Expr *value = nullptr;
};

/// Of an op: `y[i, j] = e`, `y[n; c] = e`, `m = e`, `d.x[i] = e`.
struct EquationStmt : Stmt {
  GNC_STMT(EquationStmt, Equation)
  bool adjoint = false; // d.x
  Ident name;
  Span target;               // all of the left side
  bool hasIndices = false;   // brackets were written
  std::optional<Bind> batch; // before ";"
  std::vector<Bind> indices;
  Expr *value = nullptr;
};

#undef GNC_STMT

//===- declarations -------------------------------------------------------------------------===//

/// `name [: type] [= value]`.
struct Param {
  Ident name;
  Type *type = nullptr;
  Expr *value = nullptr;
  Span span;
};

/// "(" inputs [";" settings] ")".
struct Params {
  Span span;
  std::vector<Param> inputs, settings;
  bool semicolon = false;
};

struct Result {
  Ident name; // may be empty: `-> [C, H, W]`
  Type *type = nullptr;
  Span span;
};

struct Decl : Node {
  enum class Kind {
    Use,
    Let,
    Net,
    Block,
    Op,
    Def,
    Optimizer,
    Metric,
    Data,
    Train,
    Infer,
  };
  const Kind kind;
  Ident name; // of train and infer: the net's; of use: the name after "as" or empty
  Span keyword;
  std::string doc;        // text of the `##` lines above, without the marks
  bool hasErrors = false; // something in it was not understood: do not elaborate it

protected:
  Decl(Kind kind, Span span) : Node(span), kind(kind) {}
};

#define GNC_DECL(NAME, KIND)                                                                       \
  explicit NAME(Span span) : Decl(Kind::KIND, span) {}                                             \
  static bool classof(const Decl *d) { return d->kind == Kind::KIND; }

/// `use "blocks.net": cbr, basic`, `use "blocks.net" as b`.
struct UseDecl : Decl {
  GNC_DECL(UseDecl, Use)
  String *path = nullptr;
  std::vector<Ident> imports;
};

struct LetDecl : Decl {
  GNC_DECL(LetDecl, Let)
  Expr *value = nullptr;
};

struct NetDecl : Decl {
  GNC_DECL(NetDecl, Net)
  Params params;
  std::vector<Result> results;
  Body body;
};

struct BlockDecl : Decl {
  GNC_DECL(BlockDecl, Block)
  Params params;
  std::vector<Result> results;
  Chain *chain = nullptr; // `block f(k) = a -> b`; then there is no body
  Body body;
};

/// `grad @surrogate { d.x = .. }`.
struct Grad {
  Span span;
  std::vector<Attribute> attributes;
  std::vector<Stmt *> equations; // EquationStmt, RequireStmt
};

/// `cuda(blocks = C) """ .. """`: a kernel in CUDA C++.
struct CudaText {
  std::optional<Args> launch;
  Span text; // with its quotes
  Span span;

  llvm::StringRef source() const { return text.text().drop_front(3).drop_back(3); }
};

struct OpDecl : Decl {
  GNC_DECL(OpDecl, Op)
  Params params;
  std::vector<Result> results;
  Expr *value = nullptr;         // `op f(x) = e`; then there are no equations
  std::vector<Stmt *> equations; // EquationStmt, RequireStmt
  std::optional<CudaText> cuda;  // in place of either
  std::optional<Grad> grad;
};

/// A compile-time function.
struct DefDecl : Decl {
  GNC_DECL(DefDecl, Def)
  Params params;
  Expr *value = nullptr;
};

struct OptimizerDecl : Decl {
  GNC_DECL(OptimizerDecl, Optimizer)
  Params params;
  Body body;
};

/// `metric f1(z: [K], t: index(K)) { state .. }`: accumulates, ends in one expression.
struct MetricDecl : Decl {
  GNC_DECL(MetricDecl, Metric)
  Params params;
  std::vector<Result> results;
  Body body;
};

struct DataDecl : Decl {
  GNC_DECL(DataDecl, Data)
  Body body;
};

/// `train NET(args) on DATA { .. }`; `name` is the net's.
struct TrainDecl : Decl {
  GNC_DECL(TrainDecl, Train)
  std::optional<Args> args;
  Ident data;
  Body body;
};

/// `infer NET(args) [on DATA] { .. }`; `name` is the net's.
struct InferDecl : Decl {
  GNC_DECL(InferDecl, Infer)
  std::optional<Args> args;
  Ident data; // may be empty
  Body body;
};

#undef GNC_DECL

/// A parsed file; owns its tree. The Source outlives it.
struct File {
  const Source *source = nullptr;
  std::vector<Decl *> decls; // in the order of the text; those with errors are marked
  std::vector<Token> tokens; // all of the text, blanks and comments too (see Token.h)
  Arena arena;
};

/// Compact s-expressions, one declaration or statement a line; the same for the same tree.
void dump(llvm::raw_ostream &os, const File &file);
void dump(llvm::raw_ostream &os, const Decl &decl);
void dump(llvm::raw_ostream &os, const Expr &expr);
void dump(llvm::raw_ostream &os, const Type &type);

} // namespace gnc::dsl::ast

#endif // GNC_DSL_AST_H
