// The arithmetic that led to a shape: "28 + 2*0 - 5 + 1 = 24", from the declared result shape.
#include "dsl/ShapeNote.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using ast::BinaryOp;

namespace {
struct Term {
  bool negative = false;
  std::string text; // of the absolute term
  Rational value;
  int binding = 3;      // 2: a product, 3: a number or something in parentheses
  bool literal = false; // a number of the declaration itself
  bool silent = false;  // zero, and only because of settings that nobody gave
};

/// A sum of terms: what is computed inside a sum is one sum.
using Sum = llvm::SmallVector<Term, 4>;

class Arithmetic {
public:
  Arithmetic(const Scope &scope, const Use &use) : scope(scope), use(use) {}

  std::optional<Sum> of(const ast::Expr &expr);
  std::string text(Sum sum) const;
  static std::optional<Rational> value(const Sum &sum);

private:
  std::optional<Sum> binary(const ast::Binary &expr);
  std::optional<Sum> taken(const ast::If &expr);
  std::optional<Sum> product(const ast::Binary &expr, const Sum &lhs, const Sum &rhs);
  std::optional<Sum> name(llvm::StringRef name, llvm::StringRef member);
  std::string factor(const Sum &sum, int needed) const;
  bool given(llvm::StringRef name) const;

  const Scope &scope;
  const Use &use;
};
} // namespace

std::optional<Rational> Arithmetic::value(const Sum &sum) {
  std::optional<Rational> total = Rational(0);
  for (const Term &term : sum)
    if (total)
      total = term.negative ? *total - term.value : *total + term.value;
  return total;
}

/// Literals are added up, and come last; what is silent is left out.
static Sum tidy(const Sum &sum) {
  Sum terms;
  std::optional<Rational> literals = Rational(0);
  for (const Term &term : sum) {
    if (term.silent)
      continue;
    if (!term.literal)
      terms.push_back(term);
    else if (literals)
      literals = term.negative ? *literals - term.value : *literals + term.value;
  }
  if (literals && (!literals->isZero() || terms.empty()))
    terms.push_back({literals->isNegative(), literals->abs().str(), literals->abs(), 3, true});
  return terms;
}

std::string Arithmetic::text(Sum sum) const {
  std::string out;
  for (const Term &term : tidy(sum))
    out += (out.empty() ? (term.negative ? "-" : "") : term.negative ? " - " : " + ") + term.text;
  return out;
}

/// As a factor of a product, in parentheses if it binds more weakly than `needed`.
std::string Arithmetic::factor(const Sum &sum, int needed) const {
  Sum terms = tidy(sum);
  bool plain = terms.size() == 1 && !terms[0].negative && terms[0].binding >= needed;
  return plain ? terms[0].text : "(" + text(sum) + ")";
}

bool Arithmetic::given(llvm::StringRef name) const {
  for (const auto &[setting, text] : use.written)
    if (setting == name)
      return true;
  return !llvm::any_of(settingsOf(*use.decl),
                       [&](const ast::Param *param) { return param->name.text == name; });
}

std::optional<Sum> Arithmetic::name(llvm::StringRef name, llvm::StringRef member) {
  const Value *value = scope.value(name);
  if (!value)
    return std::nullopt;
  std::optional<Rational> number;
  if (const SizeValue *size = value->size(); size && !member.empty())
    number = size->extents[size->extents.size() - (member == "w" ? 1 : 2)];
  else if (value->exact() && member.empty())
    number = *value->exact();
  if (!number)
    return std::nullopt;
  Term term{number->isNegative(), number->abs().str(), number->abs()};
  term.silent = number->isZero() && !given(name);
  return Sum{term};
}

/// Does it consist of literals and silent terms only?
static bool isSilent(const Sum &sum) {
  return !sum.empty() && llvm::all_of(sum, [](const Term &term) { return term.silent; });
}

static bool isLiteral(const Sum &sum) {
  return llvm::all_of(sum, [](const Term &term) { return term.literal; });
}

/// `*`, `/`, `//`, `%`; what changes nothing (`1 *`, `// 1`) is left out.
std::optional<Sum> Arithmetic::product(const ast::Binary &expr, const Sum &lhs, const Sum &rhs) {
  auto a = value(lhs), b = value(rhs);
  if (!a || !b)
    return std::nullopt;
  bool times = expr.op == BinaryOp::Mul;
  // `2*pad` of padding 1 stays: a literal alone would be lost among the others.
  if (expr.op != BinaryOp::Mod && *b == Rational(1) && !(times && isLiteral(lhs)))
    return lhs;
  if (times && *a == Rational(1) && !isLiteral(rhs))
    return rhs;
  std::optional<Rational> result = times                           ? *a * *b
                                   : expr.op == BinaryOp::FloorDiv ? a->floorDiv(*b)
                                   : expr.op == BinaryOp::Mod      ? a->mod(*b)
                                                                   : *a / *b;
  if (!result)
    return std::nullopt;
  std::string sign = times ? "*" : (" " + spelling(expr.op) + " ").str();
  Term term{false, factor(lhs, 2) + sign + factor(rhs, 3), *result, 2};
  term.literal = false;
  term.silent = times && ((isSilent(lhs) && (isLiteral(rhs) || isSilent(rhs))) ||
                          (isSilent(rhs) && isLiteral(lhs)));
  return Sum{term};
}

std::optional<Sum> Arithmetic::binary(const ast::Binary &expr) {
  auto lhs = of(*expr.lhs), rhs = of(*expr.rhs);
  if (!lhs || !rhs)
    return std::nullopt;
  switch (expr.op) {
  case BinaryOp::Add:
  case BinaryOp::Sub:
    for (Term term : *rhs) {
      term.negative ^= expr.op == BinaryOp::Sub;
      lhs->push_back(std::move(term));
    }
    return lhs;
  case BinaryOp::Mul:
  case BinaryOp::Div:
  case BinaryOp::FloorDiv:
  case BinaryOp::Mod: return product(expr, *lhs, *rhs);
  default: return std::nullopt;
  }
}

std::optional<Sum> Arithmetic::of(const ast::Expr &expr) {
  if (auto *number = llvm::dyn_cast<ast::Number>(&expr))
    return Sum{Term{number->value.isNegative(), number->value.abs().str(), number->value.abs(), 3,
                    /*literal=*/true}};
  if (auto *bare = llvm::dyn_cast<ast::Name>(&expr))
    return name(bare->name, "");
  if (auto *member = llvm::dyn_cast<ast::Member>(&expr))
    if (auto *base = llvm::dyn_cast<ast::Name>(member->base))
      return name(base->name, member->member.text);
  if (auto *operation = llvm::dyn_cast<ast::Binary>(&expr))
    return binary(*operation);
  if (auto *choice = llvm::dyn_cast<ast::If>(&expr))
    return taken(*choice);
  return std::nullopt;
}

/// The branch that a setting chooses: `if ceil then .. else ..`.
std::optional<Sum> Arithmetic::taken(const ast::If &expr) {
  auto *setting = llvm::dyn_cast<ast::Name>(expr.condition);
  const Value *value = setting ? scope.value(setting->name) : nullptr;
  const bool *condition = value ? value->boolean() : nullptr;
  if (!condition)
    return std::nullopt;
  return of(*condition ? *expr.thenValue : *expr.elseValue);
}

std::string gnc::dsl::resultArithmetic(const ast::OpDecl &op, const Scope &scope, const Use &use) {
  std::string note;
  if (op.results.empty() || !op.results.front().type)
    return note;
  for (const ast::Dim &dim : op.results.front().type->dims) {
    if (dim.pack || !llvm::isa<ast::Binary, ast::If>(dim.expr))
      continue;
    Arithmetic arithmetic(scope, use);
    auto sum = arithmetic.of(*dim.expr);
    auto value = sum ? Arithmetic::value(*sum) : std::nullopt;
    if (!value)
      continue;
    std::string text = arithmetic.text(*sum) + " = " + value->str();
    // The second dimension of a square map says nothing new.
    if (text != value->str() + " = " + value->str() && note.find(text) == std::string::npos)
      note += (note.empty() ? "" : ", ") + text;
  }
  return note;
}
