#include "ir/IndexMath.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Ranges
//===------------------------------------------------------------------------------------------===//

static std::optional<int64_t> addBounds(std::optional<int64_t> a, std::optional<int64_t> b) {
  int64_t sum;
  if (!a || !b || llvm::AddOverflow(*a, *b, sum))
    return std::nullopt;
  return sum;
}

static std::optional<int64_t> scaleBound(std::optional<int64_t> a, int64_t factor) {
  int64_t product;
  if (!a || llvm::MulOverflow(*a, factor, product))
    return std::nullopt;
  return product;
}

static IndexRange scaleRange(IndexRange range, int64_t factor) {
  if (factor == 0)
    return {0, 0};
  IndexRange scaled{scaleBound(range.low, factor), scaleBound(range.high, factor)};
  if (factor < 0)
    std::swap(scaled.low, scaled.high);
  return scaled;
}

static IndexRange rangeOfMod(IndexRange operand, int64_t divisor) {
  // Within one period the remainder moves with the operand.
  if (operand.low && operand.high &&
      llvm::divideFloorSigned(*operand.low, divisor) ==
          llvm::divideFloorSigned(*operand.high, divisor))
    return {llvm::mod(*operand.low, divisor), llvm::mod(*operand.high, divisor)};
  return {0, divisor - 1};
}

IndexRange rangeOf(AffineExpr expr, ArrayRef<int64_t> extents) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    int64_t extent = extents[dim.getPosition()];
    return {0, ShapedType::isDynamic(extent) ? std::nullopt : std::optional<int64_t>(extent - 1)};
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return {};
  IndexRange left = rangeOf(binary.getLHS(), extents);
  if (expr.getKind() == AffineExprKind::Add) {
    IndexRange right = rangeOf(binary.getRHS(), extents);
    return {addBounds(left.low, right.low), addBounds(left.high, right.high)};
  }
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!factor)
    return {};
  int64_t value = factor.getValue();
  switch (expr.getKind()) {
  case AffineExprKind::Mul: return scaleRange(left, value);
  case AffineExprKind::FloorDiv:
    if (value <= 0)
      return {};
    return {left.low ? std::optional(llvm::divideFloorSigned(*left.low, value)) : std::nullopt,
            left.high ? std::optional(llvm::divideFloorSigned(*left.high, value)) : std::nullopt};
  case AffineExprKind::CeilDiv:
    if (value <= 0)
      return {};
    return {left.low ? std::optional(llvm::divideCeilSigned(*left.low, value)) : std::nullopt,
            left.high ? std::optional(llvm::divideCeilSigned(*left.high, value)) : std::nullopt};
  case AffineExprKind::Mod: return value > 0 ? rangeOfMod(left, value) : IndexRange{};
  default: return {};
  }
}

//===------------------------------------------------------------------------------------------===//
// Linear form
//===------------------------------------------------------------------------------------------===//

int64_t LinearForm::coefficient(AffineExpr atom) const {
  for (auto &[term, coefficient] : terms)
    if (term == atom)
      return coefficient;
  return 0;
}

void LinearForm::add(AffineExpr atom, int64_t coefficient) {
  auto *it = llvm::find_if(terms, [&](auto &term) { return term.first == atom; });
  if (it == terms.end())
    terms.push_back({atom, coefficient});
  else if ((it->second += coefficient) == 0)
    terms.erase(it);
}

static int64_t rankOf(AffineExpr atom) {
  if (auto dim = dyn_cast<AffineDimExpr>(atom))
    return dim.getPosition();
  if (auto symbol = dyn_cast<AffineSymbolExpr>(atom))
    return (int64_t(1) << 31) + symbol.getPosition();
  return int64_t(1) << 32;
}

void LinearForm::sort() {
  llvm::stable_sort(terms, [](auto &a, auto &b) { return rankOf(a.first) < rankOf(b.first); });
}

AffineExpr LinearForm::toExpr(MLIRContext *context) const {
  AffineExpr sum = getAffineConstantExpr(0, context);
  for (auto &[atom, coefficient] : terms)
    sum = sum + atom * coefficient;
  return sum + constant;
}

bool LinearForm::isAffineInDims() const {
  return llvm::all_of(terms, [](auto &term) { return isa<AffineDimExpr>(term.first); });
}

static void accumulate(AffineExpr expr, int64_t factor, LinearForm &form) {
  if (factor == 0)
    return;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant += factor * constant.getValue();
    return;
  }
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    if (expr.getKind() == AffineExprKind::Add) {
      accumulate(binary.getLHS(), factor, form);
      accumulate(binary.getRHS(), factor, form);
      return;
    }
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (expr.getKind() == AffineExprKind::Mul && constant) {
      accumulate(binary.getLHS(), factor * constant.getValue(), form);
      return;
    }
  }
  form.add(expr, factor);
}

LinearForm linearForm(AffineExpr expr) {
  LinearForm form;
  accumulate(expr, 1, form);
  return form;
}

//===------------------------------------------------------------------------------------------===//
// Simplification
//===------------------------------------------------------------------------------------------===//

/// Splits `form` into a multiple of `divisor` (returned, already divided) and a rest within
/// 0..divisor-1, if the ranges prove the rest's bounds.
static std::optional<std::pair<LinearForm, LinearForm>> splitByDivisor(const LinearForm &form,
                                                                       int64_t divisor,
                                                                       ArrayRef<int64_t> extents,
                                                                       MLIRContext *context) {
  LinearForm quotient, rest;
  for (auto &[atom, coefficient] : form.terms)
    (coefficient % divisor == 0 ? quotient.add(atom, coefficient / divisor)
                                : rest.add(atom, coefficient));
  // The constant goes where it keeps the rest inside one period.
  IndexRange range = rangeOf(rest.toExpr(context), extents);
  if (!range.low || !range.high)
    return std::nullopt;
  int64_t shift = llvm::divideFloorSigned(*range.low + form.constant, divisor);
  rest.constant = form.constant - shift * divisor;
  quotient.constant = shift;
  if (*range.low + rest.constant < 0 || *range.high + rest.constant >= divisor)
    return std::nullopt;
  return std::pair(quotient, rest);
}

static AffineExpr simplifyDivision(AffineExprKind kind, AffineExpr operand, int64_t divisor,
                                   ArrayRef<int64_t> extents) {
  MLIRContext *context = operand.getContext();
  bool isMod = kind == AffineExprKind::Mod;
  if (divisor == 1)
    return isMod ? getAffineConstantExpr(0, context) : operand;
  LinearForm form = linearForm(operand);
  if (auto split = splitByDivisor(form, divisor, extents, context))
    return (isMod ? split->second : split->first).toExpr(context);
  // Multiples of the divisor leave the division even if the rest stays in it.
  LinearForm quotient, rest;
  for (auto &[atom, coefficient] : form.terms)
    (coefficient % divisor == 0 ? quotient.add(atom, coefficient / divisor)
                                : rest.add(atom, coefficient));
  quotient.constant = llvm::divideFloorSigned(form.constant, divisor);
  rest.constant = llvm::mod(form.constant, divisor);
  AffineExpr restExpr = rest.toExpr(context);
  // (e floordiv a) floordiv b = e floordiv (a * b)
  if (auto inner = dyn_cast<AffineBinaryOpExpr>(restExpr);
      inner && !isMod && restExpr.getKind() == AffineExprKind::FloorDiv)
    if (auto first = dyn_cast<AffineConstantExpr>(inner.getRHS()))
      return quotient.toExpr(context) +
             simplifyDivision(kind, inner.getLHS(), first.getValue() * divisor, extents);
  return isMod ? restExpr % divisor : quotient.toExpr(context) + restExpr.floorDiv(divisor);
}

AffineExpr simplify(AffineExpr expr, ArrayRef<int64_t> extents) {
  MLIRContext *context = expr.getContext();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return extents[dim.getPosition()] == 1 ? getAffineConstantExpr(0, context) : expr;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr;
  AffineExpr left = simplify(binary.getLHS(), extents), right = simplify(binary.getRHS(), extents);
  auto constant = dyn_cast<AffineConstantExpr>(right);
  if (constant && constant.getValue() > 0 &&
      (expr.getKind() == AffineExprKind::FloorDiv || expr.getKind() == AffineExprKind::Mod))
    return simplifyDivision(expr.getKind(), left, constant.getValue(), extents);
  LinearForm form = linearForm(getAffineBinaryOpExpr(expr.getKind(), left, right));
  // v - n * (v floordiv n) = v mod n, in any multiple
  for (auto &[atom, coefficient] : llvm::to_vector(form.terms)) {
    auto division = dyn_cast<AffineBinaryOpExpr>(atom);
    if (!division || atom.getKind() != AffineExprKind::FloorDiv)
      continue;
    auto divisor = dyn_cast<AffineConstantExpr>(division.getRHS());
    int64_t inner = form.coefficient(division.getLHS());
    if (!divisor || inner == 0 || coefficient != -inner * divisor.getValue())
      continue;
    form.add(atom, -coefficient);
    form.add(division.getLHS(), -inner);
    form.add(division.getLHS() % divisor.getValue(), inner);
  }
  form.sort();
  return form.toExpr(context);
}

AffineMap simplify(AffineMap map, ArrayRef<int64_t> extents) {
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(simplify(expr, extents));
  return AffineMap::get(map.getNumDims(), map.getNumSymbols(), results, map.getContext());
}

//===------------------------------------------------------------------------------------------===//
// Printing
//===------------------------------------------------------------------------------------------===//

static void printAtom(raw_ostream &os, AffineExpr atom, ArrayRef<StringRef> names, bool nested) {
  if (auto dim = dyn_cast<AffineDimExpr>(atom)) {
    os << names[dim.getPosition()];
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(atom)) {
    os << "read" << symbol.getPosition();
  } else if (auto constant = dyn_cast<AffineConstantExpr>(atom)) {
    os << constant.getValue();
  } else {
    auto binary = cast<AffineBinaryOpExpr>(atom);
    bool product = atom.getKind() == AffineExprKind::Add || atom.getKind() == AffineExprKind::Mul;
    if (nested || product)
      os << '(';
    if (product) {
      printIndexExpr(os, atom, names);
    } else {
      printAtom(os, binary.getLHS(), names, true);
      os << (atom.getKind() == AffineExprKind::Mod        ? " mod "
             : atom.getKind() == AffineExprKind::FloorDiv ? " floordiv "
                                                          : " ceildiv ");
      printAtom(os, binary.getRHS(), names, true);
    }
    if (nested || product)
      os << ')';
  }
}

void printIndexExpr(raw_ostream &os, AffineExpr expr, ArrayRef<StringRef> names) {
  LinearForm form = linearForm(expr);
  // Positive terms first: "2*i - 1" and "p - r" read better than "-r + p".
  llvm::stable_sort(form.terms, [](auto &a, auto &b) { return (a.second > 0) > (b.second > 0); });
  bool first = true;
  for (auto &[atom, coefficient] : form.terms) {
    int64_t magnitude = coefficient < 0 ? -coefficient : coefficient;
    os << (first ? (coefficient < 0 ? "-" : "") : coefficient < 0 ? " - " : " + ");
    printAtom(os, atom, names, magnitude != 1 || coefficient < 0);
    if (magnitude != 1)
      os << " * " << magnitude;
    first = false;
  }
  if (first)
    os << form.constant;
  else if (form.constant)
    os << (form.constant < 0 ? " - " : " + ")
       << (form.constant < 0 ? -form.constant : form.constant);
}

} // namespace gnc
