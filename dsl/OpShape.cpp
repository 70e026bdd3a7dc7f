// The arithmetic of a result's shape, for the notes of the shape trail.
#include "dsl/Op.h"

using namespace gnc::dsl;

namespace {
/// A piece of the arithmetic: its value, how it reads, and how strongly it binds (1: sum, 2: product,
/// 3: a number).
struct Piece {
  Rational value;
  std::string text;
  int binding = 3;
  bool computed = false;

  std::string in(int needed) const { return binding < needed ? "(" + text + ")" : text; }
};
} // namespace

static Piece numberPiece(const Rational &value) { return {value, value.str(), 3, false}; }

static std::optional<Rational> sizePart(const Value &value, llvm::StringRef member) {
  const SizeValue *size = value.size();
  if (!size || size->extents.size() != 2 || (member != "h" && member != "w"))
    return std::nullopt;
  return size->extents[member == "h" ? 0 : 1];
}

static std::optional<Piece> pieceOf(const ast::Expr &expr, const Scope &scope);

static std::optional<Rational> apply(ast::BinaryOp op, const Rational &a, const Rational &b) {
  switch (op) {
  case ast::BinaryOp::Add:
    return a + b;
  case ast::BinaryOp::Sub:
    return a - b;
  case ast::BinaryOp::Mul:
    return a * b;
  case ast::BinaryOp::Div:
    return a / b;
  case ast::BinaryOp::FloorDiv:
    return a.floorDiv(b);
  case ast::BinaryOp::Mod:
    return a.mod(b);
  default:
    return std::nullopt;
  }
}

static std::optional<Piece> binaryPiece(const ast::Binary &expr, const Scope &scope) {
  using Op = ast::BinaryOp;
  auto lhs = pieceOf(*expr.lhs, scope), rhs = pieceOf(*expr.rhs, scope);
  if (!lhs || !rhs)
    return std::nullopt;
  auto value = apply(expr.op, lhs->value, rhs->value);
  if (!value)
    return std::nullopt;
  // What changes nothing is left out.
  bool sum = expr.op == Op::Add || expr.op == Op::Sub;
  bool divides = expr.op == Op::Div || expr.op == Op::FloorDiv;
  if ((sum && rhs->value.isZero()) || ((divides || expr.op == Op::Mul) && rhs->value == Rational(1)))
    return lhs;
  if ((expr.op == Op::Add && lhs->value.isZero()) ||
      (expr.op == Op::Mul && lhs->value == Rational(1)))
    return rhs;
  int binding = sum ? 1 : 2;
  // Products of two numbers stand close, as in "2*1".
  std::string op = ast::spelling(expr.op).str();
  if (expr.op != Op::Mul || lhs->computed || rhs->computed)
    op = " " + op + " ";
  return Piece{*value, lhs->in(binding) + op + rhs->in(binding + 1), binding, true};
}

static std::optional<Piece> pieceOf(const ast::Expr &expr, const Scope &scope) {
  if (auto *number = llvm::dyn_cast<ast::Number>(&expr))
    return numberPiece(number->value);
  if (auto *name = llvm::dyn_cast<ast::Name>(&expr)) {
    const Value *value = scope.value(name->name);
    if (!value || !value->exact())
      return std::nullopt;
    return numberPiece(*value->exact());
  }
  if (auto *member = llvm::dyn_cast<ast::Member>(&expr)) {
    auto *base = llvm::dyn_cast<ast::Name>(member->base);
    const Value *value = base ? scope.value(base->name) : nullptr;
    auto part = value ? sizePart(*value, member->member.text) : std::nullopt;
    return part ? std::optional(numberPiece(*part)) : std::nullopt;
  }
  if (auto *binary = llvm::dyn_cast<ast::Binary>(&expr))
    return binaryPiece(*binary, scope);
  return std::nullopt;
}

std::string gnc::dsl::shapeArithmetic(const ast::Expr &dim, const Scope &scope) {
  auto piece = pieceOf(dim, scope);
  if (!piece || !piece->computed)
    return "";
  return piece->text + " = " + piece->value.str();
}

std::string gnc::dsl::shapeNote(const ast::OpDecl &op, const Scope &scope) {
  std::string note;
  if (!op.results.empty() && op.results.front().type)
    for (const ast::Dim &dim : op.results.front().type->dims)
      if (!dim.pack && note.empty())
        note = shapeArithmetic(*dim.expr, scope);
  return note;
}
