// Expressions, flows (`x -> f -> g`), stages and types.
#ifndef GNC_DSL_EXPR_H
#define GNC_DSL_EXPR_H

#include "dsl/ASTBase.h"

#include "llvm/ADT/SmallVector.h"

namespace gnc::dsl::ast {

struct Expr : Node {
  enum class Kind {
    Number,
    Size,
    String,
    Bool,
    Inf,
    Name,
    Member,
    Neg,
    Not,
    Binary,
    Compare,
    If,
    Call,
    Access,
    Reduce,
    Tuple,
    List,
    Flow,
    Range,
  };
  const Kind kind;

protected:
  Expr(Kind kind, Span span) : Node(span), kind(kind) {}
};

/// Gives an expression struct its kind and classof.
#define GNC_EXPR(NAME)                                                                             \
  explicit NAME(Span span) : Expr(Kind::NAME, span) {}                                             \
  static bool classof(const Expr *e) { return e->kind == Kind::NAME; }

/// `10`, `0.5`, `1e-3`: exact.
struct Number : Expr {
  GNC_EXPR(Number)
  Rational value;
};

/// `3x3`: two or more whole numbers.
struct Size : Expr {
  GNC_EXPR(Size)
  llvm::SmallVector<int64_t, 3> extents;
};

/// The value with escapes replaced; `span.text()` is what was written, with the quotes.
struct String : Expr {
  GNC_EXPR(String)
  std::string value;
};

struct Bool : Expr {
  GNC_EXPR(Bool)
  bool value = false;
};

struct Inf : Expr {
  GNC_EXPR(Inf)
};

struct Name : Expr {
  GNC_EXPR(Name)
  llvm::StringRef name;
};

/// `base.member`: `stride.h`, `source.image`, `f.w`, `b.cbr`, and `d.y` in gradients.
struct Member : Expr {
  GNC_EXPR(Member)
  Expr *base = nullptr;
  Ident member;
};

struct Neg : Expr {
  GNC_EXPR(Neg)
  Expr *operand = nullptr;
};

struct Not : Expr {
  GNC_EXPR(Not)
  Expr *operand = nullptr;
};

enum class BinaryOp { Add, Sub, Mul, Div, FloorDiv, Mod, Pow, And, Or };
enum class CompareOp { Eq, Ne, Lt, Le, Gt, Ge };
enum class Reducer { Sum, Prod, Max, Min, Mean, Any, All, Argmax, Argmin, Count };

llvm::StringRef spelling(BinaryOp op);  // "+" .. "or"
llvm::StringRef spelling(CompareOp op); // "==" ..
llvm::StringRef spelling(Reducer op);   // "sum" ..
/// The reducer of that name, if it is one.
std::optional<Reducer> reducerNamed(llvm::StringRef name);

struct Binary : Expr {
  GNC_EXPR(Binary)
  BinaryOp op = BinaryOp::Add;
  Span opSpan;
  Expr *lhs = nullptr, *rhs = nullptr;
};

/// A chain as in mathematics: `0 <= i < H` has operands {0, i, H} and ops {<=, <}.
struct Compare : Expr {
  GNC_EXPR(Compare)
  llvm::SmallVector<Expr *, 3> operands; // one more than ops
  llvm::SmallVector<CompareOp, 2> ops;
  llvm::SmallVector<Span, 2> opSpans;
};

struct If : Expr {
  GNC_EXPR(If)
  Expr *condition = nullptr, *thenValue = nullptr, *elseValue = nullptr;
};

/// One argument, `value` or `name = value`.
struct Arg {
  Ident name; // empty if positional
  Expr *value = nullptr;
  Span span;
};

/// Arguments in the order written; `span` is from "(" to ")".
struct Args {
  Span span;
  std::vector<Arg> list;
};

struct Call : Expr {
  GNC_EXPR(Call)
  Expr *callee = nullptr;
  Args args;
};

/// An index of an access: an expression, or `i..` (then `expr` is a Name).
struct Index {
  Expr *expr = nullptr;
  bool pack = false;
  Span span;
};

/// `x[n; c, i + r - 1] ?? 0`. Also an element of a list of numbers.
struct Access : Expr {
  GNC_EXPR(Access)
  Expr *tensor = nullptr;
  std::optional<Index> batch; // before ";"
  std::vector<Index> indices;
  Expr *outside = nullptr; // after "??", or null
  Span brackets;           // "[" to "]"
};

/// An index made by a reduction or by the left side of an equation: `r`, `r < 3`, `i..`.
struct Bind {
  Ident name;
  bool pack = false;
  Expr *bound = nullptr; // after "<", or null
  Span span;
};

/// `sum[k, r < 3] term`.
struct Reduce : Expr {
  GNC_EXPR(Reduce)
  Reducer reducer = Reducer::Sum;
  Span reducerSpan;
  std::vector<Bind> binds;
  Expr *body = nullptr;
};

/// `(a, b)`, `(a,)`.
struct Tuple : Expr {
  GNC_EXPR(Tuple)
  std::vector<Expr *> elements;
};

struct List : Expr {
  GNC_EXPR(List)
  std::vector<Expr *> elements;
};

/// `from .. to`, only after `in` of a `for`.
struct Range : Expr {
  GNC_EXPR(Range)
  Expr *from = nullptr, *to = nullptr;
};

//===- types --------------------------------------------------------------------------------===//

/// `Layer` and below it `Int`.. are compile-time types (settings); the others are of tensors.
enum class Elem { F32, F16, BF16, I32, U8, Bool, Index, Int, Number, Size, String, Layer };
llvm::StringRef spelling(Elem elem);
std::optional<Elem> elemNamed(llvm::StringRef name);

/// A dimension of a shape; a pack is `S..` (then `expr` is a Name).
struct Dim {
  Expr *expr = nullptr;
  bool pack = false;
  Span span;
};

/// `f16[C, H]`, `[N; C, S..]`, `index(K)`, `int`, `layer`.
struct Type : Node {
  using Node::Node;
  Elem elem = Elem::F32;
  bool elemWritten = false; // false: the default, f32
  Expr *classes = nullptr;  // K of index(K), else null
  bool hasShape = false;    // false: a setting, or a scalar such as `t: index(K)`
  std::optional<Dim> batch; // before ";"
  std::vector<Dim> dims;
  Span shapeSpan; // "[" to "]"
};

//===- layers -------------------------------------------------------------------------------===//

/// `@nodecay`, `@rate(0.1)`, `@was("old/path")`.
struct Attribute {
  Ident name;
  std::optional<Args> args;
  Span span;
};

/// What stands after an arrow.
struct Unit : Node {
  enum class Kind { LayerRef, Chain, IfUnit };
  const Kind kind;

protected:
  Unit(Kind kind, Span span) : Node(span), kind(kind) {}
};

/// `conv(64, 3x3)`, `relu`, `b.cbr(64)`, a setting `act`.
struct LayerRef : Unit {
  explicit LayerRef(Span span) : Unit(Kind::LayerRef, span) {}
  static bool classof(const Unit *u) { return u->kind == Kind::LayerRef; }
  llvm::SmallVector<Ident, 2> path; // dotted, at least one
  Span pathSpan;
  std::optional<Args> args; // `relu` has none, `relu()` has empty ones
};

/// unit [* count] [: type] [as name] {@attribute}
struct Stage {
  Unit *unit = nullptr;
  Expr *count = nullptr; // Number, Name or a parenthesised expression; null: once
  Type *type = nullptr;
  Ident name; // after "as"
  std::vector<Attribute> attributes;
  Span span;
};

/// `(linear(512) -> relu)`, the value of `layer f = ..` and of `block f(k) = ..`.
struct Chain : Unit {
  explicit Chain(Span span) : Unit(Kind::Chain, span) {}
  static bool classof(const Unit *u) { return u->kind == Kind::Chain; }
  std::vector<Stage> stages; // at least one
};

/// `if cond then unit else unit`.
struct IfUnit : Unit {
  explicit IfUnit(Span span) : Unit(Kind::IfUnit, span) {}
  static bool classof(const Unit *u) { return u->kind == Kind::IfUnit; }
  Expr *condition = nullptr;
  Unit *thenUnit = nullptr, *elseUnit = nullptr;
};

/// `source [: type] [as name] {-> stage}`. Where none of these follows, the parser returns the
/// source expression itself.
struct Flow : Expr {
  GNC_EXPR(Flow)
  Expr *source = nullptr;
  Type *type = nullptr; // of the source
  Ident name;           // of the source, after "as"
  std::vector<Stage> stages;
};

#undef GNC_EXPR

} // namespace gnc::dsl::ast

#endif // GNC_DSL_EXPR_H
