// Reads of an equation as text: coordinates, what lies outside, conditions.
#include "dsl/EquationText.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using mlir::AffineExpr;
using mlir::AffineExprKind;

//===- index expressions --------------------------------------------------------------------===//

/// `a + b`, where -2*i reads better as a subtraction.
static ExprText addition(const ExprText &lhs, ExprText rhs) {
  bool negative = rhs.text.starts_with("-");
  if (negative)
    rhs.text.erase(0, 1);
  return {lhs.in(Tightness::Sum) + (negative ? " - " : " + ") + rhs.in(Tightness::Term),
          Tightness::Sum};
}

ExprText EquationText::index(AffineExpr expr) {
  if (auto constant = llvm::dyn_cast<mlir::AffineConstantExpr>(expr)) {
    int64_t value = constant.getValue();
    return {std::to_string(value), value < 0 ? Tightness::Sign : Tightness::Primary};
  }
  if (auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(expr)) {
    mentioned[dim.getPosition()] = true;
    return {indexNames[dim.getPosition()]};
  }
  if (auto symbol = llvm::dyn_cast<mlir::AffineSymbolExpr>(expr))
    return read(symbol.getPosition());
  auto binary = llvm::cast<mlir::AffineBinaryOpExpr>(expr);
  AffineExpr lhs = binary.getLHS(), rhs = binary.getRHS();
  switch (expr.getKind()) {
  case AffineExprKind::Add: return addition(index(lhs), index(rhs));
  case AffineExprKind::Mul: {
    auto factor = llvm::dyn_cast<mlir::AffineConstantExpr>(rhs);
    if (factor && factor.getValue() == -1)
      return {"-" + index(lhs).in(Tightness::Primary), Tightness::Sign};
    return {index(rhs).in(Tightness::Sign) + "*" + index(lhs).in(Tightness::Primary),
            Tightness::Term};
  }
  case AffineExprKind::CeilDiv: return index(-(-lhs).floorDiv(rhs));
  default: {
    const char *sign = expr.getKind() == AffineExprKind::Mod ? " % " : " // ";
    ExprText dividend = index(lhs);
    // -i % 2 would be read as (-i) % 2 here, and as -(i % 2) behind a sum.
    bool negative = dividend.text.starts_with("-");
    return {dividend.in(negative ? Tightness::Primary : Tightness::Term) + sign +
                index(rhs).in(Tightness::Primary),
            Tightness::Term};
  }
  }
}

/// `0 <= expr < limit` as far as it is not known; equality, with the negative terms on the right,
/// where there is one value.
ExprText EquationText::condition(AffineExpr expr, int64_t limit) {
  if (limit == 1) {
    gnc::LinearForm form = gnc::linearForm(expr), left, right;
    (form.constant < 0 ? right : left).constant = std::abs(form.constant);
    for (auto [atom, coefficient] : form.terms)
      (coefficient < 0 ? right : left).add(atom, std::abs(coefficient));
    ExprText a = index(left.toExpr(expr.getContext())), b = index(right.toExpr(expr.getContext()));
    return {a.in(Tightness::Sum) + " == " + b.in(Tightness::Sum), Tightness::Comparison};
  }
  gnc::IndexRange range = gnc::rangeOf(expr, op.getExtents());
  std::string text = index(expr).in(Tightness::Sum);
  if (range.low && *range.low >= 0)
    return {text + " < " + std::to_string(limit), Tightness::Comparison};
  if (range.high && *range.high < limit)
    return {text + " >= 0", Tightness::Comparison};
  return {"0 <= " + text + " < " + std::to_string(limit), Tightness::Comparison};
}

//===- reads --------------------------------------------------------------------------------===//

bool EquationText::canBeOutside(unsigned number, unsigned dimension) {
  gnc::AccessAttr access = op.getAccess(number);
  auto type = llvm::cast<mlir::RankedTensorType>(op.getReads()[number].getType());
  if (type.isDynamicDim(dimension) || access.isClamped(dimension))
    return false;
  AffineExpr coordinate = access.getCoords().getResult(dimension);
  return !gnc::rangeOf(gnc::simplify(coordinate, op.getExtents()), op.getExtents())
              .inside(type.getDimSize(dimension));
}

/// Says coordinate `dimension`, written as an exact division, what the condition says?
bool EquationText::isExact(unsigned number, unsigned condition, unsigned dimension) {
  gnc::AccessAttr access = op.getAccess(number);
  auto rest = llvm::dyn_cast<mlir::AffineBinaryOpExpr>(access.getConditions().getResult(condition));
  auto floor = llvm::dyn_cast<mlir::AffineBinaryOpExpr>(access.getCoords().getResult(dimension));
  return access.getLimits()[condition] == 1 && rest && floor &&
         rest.getKind() == AffineExprKind::Mod && floor.getKind() == AffineExprKind::FloorDiv &&
         rest.getLHS() == floor.getLHS() && rest.getRHS() == floor.getRHS() &&
         !access.isClamped(dimension);
}

/// The conditions that no exact division says.
llvm::SmallVector<unsigned> EquationText::looseConditions(unsigned number) {
  gnc::AccessAttr access = op.getAccess(number);
  llvm::SmallVector<unsigned> loose;
  for (unsigned i = 0; i < access.getLimits().size(); ++i) {
    bool exact = false;
    for (unsigned d = 0; d < access.getCoords().getNumResults(); ++d)
      exact |= isExact(number, i, d);
    if (!exact)
      loose.push_back(i);
  }
  return loose;
}

/// When a guarded read is inside; none if it always is.
std::optional<ExprText> EquationText::inside(unsigned number) {
  gnc::AccessAttr access = op.getAccess(number);
  auto type = llvm::cast<mlir::RankedTensorType>(op.getReads()[number].getType());
  std::optional<ExprText> all;
  auto add = [&](AffineExpr expr, int64_t limit) {
    ExprText one = condition(expr, limit);
    if (all)
      one = {all->in(Tightness::And) + " and " + one.in(Tightness::Not), Tightness::And};
    all = one;
  };
  for (auto [expr, limit] : llvm::zip(access.getConditions().getResults(), access.getLimits()))
    add(expr, limit);
  for (unsigned d = 0; d < type.getRank(); ++d)
    if (canBeOutside(number, d))
      add(access.getCoords().getResult(d), type.getDimSize(d));
  return all;
}

std::string EquationText::coordinate(unsigned number, unsigned dimension) {
  gnc::AccessAttr access = op.getAccess(number);
  AffineExpr expr = access.getCoords().getResult(dimension);
  for (unsigned i = 0; i < access.getLimits().size(); ++i)
    if (isExact(number, i, dimension)) {
      auto floor = llvm::cast<mlir::AffineBinaryOpExpr>(expr);
      return index(floor.getLHS()).in(Tightness::Term) + " / " +
             index(floor.getRHS()).in(Tightness::Primary);
    }
  std::string text = index(expr).text;
  return access.isClamped(dimension) ? "clamp(" + text + ")" : text;
}

/// `x[n; c, i + r] ?? outside`, without the conditions that are no indices.
ExprText EquationText::access(unsigned number, std::optional<std::string> outside) {
  isRead[number] = true;
  mlir::Value tensor = op.getReads()[number];
  auto type = llvm::cast<mlir::RankedTensorType>(tensor.getType());
  std::string text = names[tensor];
  if (names.pack)
    return {text + "[i..]"};
  bool batched = gnc::isBatched(type);
  std::string places;
  for (unsigned d = 0; d < type.getRank(); ++d) {
    places += d > batched ? ", " : "";
    places += coordinate(number, d) + (batched && d == 0 ? (type.getRank() > 1 ? "; " : ";") : "");
  }
  if (type.getRank())
    text += "[" + places + "]";
  return outside ? ExprText{text + " ?? " + *outside, Tightness::Choice} : ExprText{text};
}

std::optional<llvm::SmallVector<unsigned>> gnc::dsl::indicesOf(gnc::AccessAttr access) {
  if (access.isGuarded() || !access.getClamped().empty())
    return std::nullopt;
  llvm::SmallVector<unsigned> indices;
  for (AffineExpr coordinate : access.getCoords().getResults()) {
    auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(coordinate);
    if (!dim || llvm::is_contained(indices, dim.getPosition()))
      return std::nullopt;
    indices.push_back(dim.getPosition());
  }
  return indices;
}

/// The equation of the tensor itself in place of its name.
ExprText EquationText::inlined(unsigned number) {
  isRead[number] = true;
  llvm::SmallVector<unsigned> indices = *indicesOf(op.getAccess(number));
  EquationText inner(op.getReads()[number].getDefiningOp<gnc::ComputeOp>(), *this, indices);
  ExprText text = inner.expression();
  for (auto [i, index] : llvm::enumerate(indices))
    mentioned[index] = mentioned[index] || inner.mentioned[i];
  return text;
}

ExprText EquationText::read(unsigned number) {
  if (names.inlined.contains(op.getReads()[number]))
    return inlined(number);
  gnc::AccessAttr attribute = op.getAccess(number);
  if (!attribute.isGuarded())
    return access(number, std::nullopt);
  std::string outside = numberText(attribute.getOutside().getValueAsDouble()).in(Tightness::Sign);
  auto type = llvm::cast<mlir::RankedTensorType>(op.getReads()[number].getType());
  llvm::SmallVector<unsigned> loose = looseConditions(number);
  bool guarded = loose.size() < attribute.getLimits().size();
  for (unsigned d = 0; d < type.getRank(); ++d)
    guarded |= canBeOutside(number, d);
  ExprText value = access(number, guarded ? std::optional(outside) : std::nullopt);
  std::optional<ExprText> holds;
  for (unsigned i : loose) {
    ExprText one = condition(attribute.getConditions().getResult(i), attribute.getLimits()[i]);
    if (holds)
      one = {holds->in(Tightness::And) + " and " + one.in(Tightness::Not), Tightness::And};
    holds = one;
  }
  if (!holds)
    return value;
  return {"if " + holds->text + " then " + value.text + " else " + outside, Tightness::Choice};
}
