//===- IndexSolver.cpp - solving accesses for indices: the equations --------------------------===//
#include "ir/IndexSolver.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;

namespace gnc {

IndexSolver::IndexSolver(MLIRContext *context, ArrayRef<SolverIndex> indices,
                         ArrayRef<int64_t> targetShape, ArrayRef<Exprs> symbolUses)
    : context(context), numIndices(indices.size()), numTargets(targetShape.size()),
      symbolUses(symbolUses) {
  for (const SolverIndex &index : indices) {
    order.push_back(variables.size());
    variables.push_back({index.name, index.extent, Kind::Index, index.parallel});
  }
  for (int64_t extent : targetShape)
    variables.push_back(
        {"q" + std::to_string(variables.size() - numIndices), extent, Kind::Target, true});
  for (auto [i, variable] : llvm::enumerate(variables)) {
    extents.push_back(variable.extent);
    values.push_back(dim(i));
  }
  // An index that takes one value is that value.
  for (unsigned i = 0; i < numIndices; ++i)
    if (extents[i] == 1)
      substitute(i, getAffineConstantExpr(0, context));
}

AffineExpr IndexSolver::dim(unsigned variable) const { return getAffineDimExpr(variable, context); }

AffineExpr IndexSolver::restOf(LinearForm form, AffineExpr atom) const {
  form.add(atom, -form.coefficient(atom));
  return form.toExpr(context);
}

/// numerator / divisor of a quotient variable, which counts from the least value.
AffineExpr IndexSolver::quotientExpr(unsigned variable) const {
  return dim(variable) + variables[variable].low;
}

AffineExpr IndexSolver::apply(AffineExpr expr) const {
  return simplify(expr.replaceDims(values), extents);
}

IndexRange IndexSolver::range(AffineExpr expr) const { return rangeOf(expr, extents); }

//===------------------------------------------------------------------------------------------===//
// Dependence
//===------------------------------------------------------------------------------------------===//

/// True if an index that is not solved yet occurs in `expr` itself. Targets are known; so are,
/// while one equation is solved, integer reads and quotients, whatever they depend on.
bool IndexSolver::isUnknown(AffineExpr expr) const {
  bool unknown = false;
  expr.walk([&](AffineExpr part) {
    if (auto index = dyn_cast<AffineDimExpr>(part))
      unknown |= variables[index.getPosition()].kind == Kind::Index;
  });
  return unknown;
}

/// True if the value of `expr` changes with `variable`, through integer reads and quotients too.
bool IndexSolver::dependsOn(AffineExpr expr, unsigned variable) const {
  bool found = false;
  expr.walk([&](AffineExpr part) {
    if (found)
      return;
    if (auto index = dyn_cast<AffineDimExpr>(part)) {
      const Variable &other = variables[index.getPosition()];
      found = index.getPosition() == variable ||
              (other.kind == Kind::Quotient && dependsOn(other.numerator, variable));
    } else if (auto symbol = dyn_cast<AffineSymbolExpr>(part)) {
      for (AffineExpr use : symbolUses[symbol.getPosition()])
        found |= dependsOn(apply(use), variable);
    }
  });
  return found;
}

//===------------------------------------------------------------------------------------------===//
// Changing the system
//===------------------------------------------------------------------------------------------===//

/// The first index in `expr`: fresh ones are named and placed after it.
unsigned IndexSolver::sourceOf(AffineExpr expr) const {
  std::optional<unsigned> source;
  expr.walk([&](AffineExpr part) {
    auto index = dyn_cast<AffineDimExpr>(part);
    if (!source && index && variables[index.getPosition()].kind != Kind::Target)
      source = index.getPosition();
  });
  return source.value_or(0);
}

unsigned IndexSolver::fresh(unsigned source, int64_t extent) {
  unsigned variable = variables.size();
  std::string name = variables.empty() ? "u" : variables[source].name;
  bool parallel = !variables.empty() && variables[source].parallel;
  variables.push_back({name, extent, Kind::Index, parallel});
  extents.push_back(extent);
  values.push_back(extent == 1 ? getAffineConstantExpr(0, context) : dim(variable));
  if (extent == 1)
    variables[variable].kind = Kind::Solved;
  auto *place = llvm::find(order, source);
  order.insert(place == order.end() ? place : place + 1, variable);
  return variable;
}

void IndexSolver::addCondition(AffineExpr expr, int64_t limit) {
  expr = apply(expr);
  IndexRange possible = range(expr);
  impossible |= possible.disjointFrom(limit);
  IndexCondition condition{expr, limit};
  if (!possible.inside(limit) && !llvm::is_contained(conditions, condition))
    conditions.push_back(condition);
}

/// Replaces `variable` by `value` everywhere.
void IndexSolver::substitute(unsigned variable, AffineExpr value) {
  variables[variable].kind = Kind::Solved;
  values[variable] = value;
  for (AffineExpr &other : values)
    other = apply(other);
  for (Variable &other : variables)
    if (other.kind == Kind::Quotient)
      other.numerator = apply(other.numerator);
  for (IndexCondition &bound : bounds)
    bound.expr = apply(bound.expr);
  SmallVector<IndexCondition> old;
  std::swap(old, conditions);
  for (IndexCondition &condition : old)
    addCondition(condition.expr, condition.limit);
}

/// Solves for an index: it must stay in its range.
void IndexSolver::assign(unsigned variable, AffineExpr value) {
  int64_t extent = extents[variable];
  value = apply(value);
  substitute(variable, value);
  if (!ShapedType::isDynamic(extent))
    addCondition(value, extent);
}

/// numerator / divisor, known to be whole where a point counts.
AffineExpr IndexSolver::divide(AffineExpr numerator, int64_t divisor) {
  LinearForm form = linearForm(apply(numerator));
  bool whole = form.constant % divisor == 0;
  for (auto &[atom, coefficient] : form.terms)
    whole &= coefficient % divisor == 0;
  if (!whole) {
    if (auto quotient = introduceQuotient(numerator, divisor, /*implied=*/false))
      return quotientExpr(*quotient);
    addCondition(numerator % divisor, 1);
    return numerator.floorDiv(divisor);
  }
  form.constant /= divisor;
  for (auto &[atom, coefficient] : form.terms)
    coefficient /= divisor;
  return form.toExpr(context);
}

/// The variable numerator / divisor; nothing if the numerator has no bounds.
std::optional<unsigned> IndexSolver::introduceQuotient(AffineExpr numerator, int64_t divisor,
                                                       bool implied) {
  numerator = apply(numerator);
  for (unsigned variable : quotients)
    if (Variable &other = variables[variable];
        other.kind == Kind::Quotient && other.numerator == numerator && other.divisor == divisor) {
      other.implied &= implied;
      return variable;
    }
  IndexRange possible = range(numerator);
  if (!possible.low || !possible.high)
    return std::nullopt;
  int64_t low = llvm::divideCeilSigned(*possible.low, divisor);
  int64_t high = llvm::divideFloorSigned(*possible.high, divisor);
  impossible |= high < low && !implied;
  unsigned variable = variables.size();
  // An extent of 1 would let `simplify` forget the variable, whose numerator is still to be
  // checked.
  int64_t extent = std::max<int64_t>(high - low + 1, 2);
  variables.push_back({variables[sourceOf(numerator)].name, extent, Kind::Quotient, false,
                       numerator, divisor, low, high, implied});
  extents.push_back(extent);
  values.push_back(dim(variable));
  quotients.push_back(variable);
  return variable;
}

//===------------------------------------------------------------------------------------------===//
// Solving
//===------------------------------------------------------------------------------------------===//

void IndexSolver::require(AffineExpr expr, int64_t limit) { addCondition(expr, limit); }

void IndexSolver::fix(unsigned target, int64_t value) {
  addCondition(dim(numIndices + target) - value, 1);
}

void IndexSolver::equate(AffineExpr expr, unsigned target) {
  if (auto index = dyn_cast<AffineDimExpr>(expr))
    variables[numIndices + target].name = variables[index.getPosition()].name;
  solve(expr, dim(numIndices + target));
}

void IndexSolver::bound(AffineExpr expr, int64_t limit) {
  expr = apply(expr);
  for (unsigned variable : quotients)
    if (const Variable &other = variables[variable]; other.kind == Kind::Quotient)
      expr = expr.replace(other.numerator.floorDiv(other.divisor), quotientExpr(variable));
  bounds.push_back({simplify(expr, extents), limit});
}

std::optional<unsigned> IndexSolver::divides(AffineExpr expr, int64_t divisor) {
  AffineExpr numerator = apply(expr);
  if (!isUnknown(numerator))
    return std::nullopt;
  std::optional<unsigned> quotient = introduceQuotient(numerator, divisor, /*implied=*/true);
  if (!quotient)
    return std::nullopt;
  facts.push_back(*quotient);
  return facts.size() - 1;
}

/// Solves expr = value. `value` is known.
void IndexSolver::solve(AffineExpr expr, AffineExpr value) {
  LinearForm form = linearForm(apply(expr)), unknown;
  LinearForm known = linearForm(apply(value));
  known.constant -= form.constant;
  for (auto &[atom, coefficient] : form.terms)
    isUnknown(atom) ? unknown.add(atom, coefficient) : known.add(atom, -coefficient);
  if (unknown.terms.empty())
    return addCondition(known.toExpr(context), 1);
  int64_t common = 0;
  for (auto &[atom, coefficient] : unknown.terms)
    common = std::gcd(common, coefficient);
  if (llvm::all_of(unknown.terms, [](auto &term) { return term.second < 0; }))
    common = -common;
  for (auto &[atom, coefficient] : unknown.terms)
    coefficient /= common;
  AffineExpr right = known.toExpr(context) * (common < 0 ? -1 : 1);
  if (int64_t factor = std::abs(common); factor != 1)
    right = divide(right, factor);
  right = simplify(right, extents);
  if (unknown.terms.size() == 1)
    return solveAtom(unknown.terms.front().first, right);
  if (solveMixedRadix(unknown, right) || solveForIndex(unknown, right) ||
      splitIndex(unknown, right))
    return;
  addCondition(right - unknown.toExpr(context), 1);
}

/// True if a condition says that `numerator` is a multiple of `divisor`.
bool IndexSolver::isKnownExact(AffineExpr numerator, int64_t divisor) const {
  return llvm::any_of(conditions, [&](const IndexCondition &condition) {
    auto mod = dyn_cast<AffineBinaryOpExpr>(condition.expr);
    if (!mod || condition.limit != 1 || mod.getKind() != AffineExprKind::Mod ||
        mod.getRHS() != getAffineConstantExpr(divisor, context))
      return false;
    // `mod` drops multiples of the divisor, `floordiv` keeps them.
    LinearForm difference = linearForm(numerator - mod.getLHS());
    return difference.constant % divisor == 0 &&
           llvm::all_of(difference.terms, [&](auto &term) { return term.second % divisor == 0; });
  });
}

/// Solves atom = value for an atom that contains unknown indices.
void IndexSolver::solveAtom(AffineExpr atom, AffineExpr value) {
  if (auto index = dyn_cast<AffineDimExpr>(atom)) {
    if (dependsOn(value, index.getPosition()))
      return addCondition(value - atom, 1);
    return assign(index.getPosition(), value);
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(atom);
  auto constant = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
  if (!constant || constant.getValue() <= 0)
    return addCondition(value - atom, 1);
  int64_t divisor = constant.getValue();
  AffineExpr operand = binary.getLHS();
  if (atom.getKind() == AffineExprKind::FloorDiv) {
    if (isKnownExact(operand, divisor))
      return solve(operand, value * divisor);
    AffineExpr rest = dim(fresh(sourceOf(operand), divisor));
    return solve(operand, value * divisor + rest);
  }
  IndexRange possible = range(operand);
  if (atom.getKind() != AffineExprKind::Mod || !possible.low || !possible.high)
    return addCondition(value - atom, 1);
  int64_t low = llvm::divideFloorSigned(*possible.low, divisor);
  int64_t high = llvm::divideFloorSigned(*possible.high, divisor);
  AffineExpr multiple = dim(fresh(sourceOf(operand), high - low + 1));
  addCondition(value, divisor);
  solve(operand, (multiple + low) * divisor + value);
}

/// a*u + v with 0 <= v - low < a, the coefficients of u being multiples of a: solves for both
/// parts.
bool IndexSolver::solveMixedRadix(LinearForm &form, AffineExpr value) {
  llvm::stable_sort(form.terms,
                    [](auto &a, auto &b) { return std::abs(a.second) > std::abs(b.second); });
  int64_t radix = 0;
  for (unsigned split = 1; split < form.terms.size(); ++split) {
    radix = std::gcd(radix, form.terms[split - 1].second);
    LinearForm high, low;
    for (auto [i, term] : llvm::enumerate(form.terms))
      i < split ? high.add(term.first, term.second / radix) : low.add(term.first, term.second);
    IndexRange rest = range(low.toExpr(context));
    if (!rest.low || !rest.high || *rest.high - *rest.low >= radix)
      continue;
    AffineExpr shifted = value - *rest.low;
    AffineExpr highValue = simplify(shifted.floorDiv(radix), extents);
    AffineExpr lowValue = simplify(shifted % radix, extents) + *rest.low;
    solve(low.toExpr(context), lowValue);
    solve(high.toExpr(context), highValue);
    return true;
  }
  return false;
}

/// Solves a sum for one index that stands in it alone.
bool IndexSolver::solveForIndex(LinearForm &form, AffineExpr value) {
  std::optional<std::pair<unsigned, int64_t>> best;
  AffineExpr bestRest;
  for (auto &[atom, coefficient] : form.terms) {
    auto index = dyn_cast<AffineDimExpr>(atom);
    if (!index)
      continue;
    unsigned variable = index.getPosition();
    AffineExpr rest = simplify(value - restOf(form, atom), extents);
    if (dependsOn(rest, variable))
      continue;
    auto badness = [&](unsigned v, int64_t c) {
      return std::pair(!variables[v].parallel, std::abs(c));
    };
    if (best && badness(best->first, best->second) <= badness(variable, coefficient))
      continue;
    best = {variable, coefficient};
    bestRest = rest;
  }
  if (!best)
    return false;
  auto [variable, coefficient] = *best;
  bestRest = simplify(bestRest * (coefficient < 0 ? -1 : 1), extents);
  if (std::abs(coefficient) != 1)
    bestRest = divide(bestRest, std::abs(coefficient));
  assign(variable, bestRest);
  return true;
}

/// v floordiv a or v mod a in a sum: v = a*g + u makes both plain indices.
bool IndexSolver::splitIndex(const LinearForm &form, AffineExpr value) {
  for (auto &[atom, coefficient] : form.terms) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(atom);
    auto index = binary ? dyn_cast<AffineDimExpr>(binary.getLHS()) : AffineDimExpr(nullptr);
    auto divisor = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    if (!index || !divisor || divisor.getValue() <= 0 ||
        ShapedType::isDynamic(extents[index.getPosition()]))
      continue;
    unsigned variable = index.getPosition();
    int64_t extent = extents[variable], factor = divisor.getValue();
    unsigned low = fresh(variable, std::min(factor, extent));
    unsigned high = fresh(variable, llvm::divideCeil(extent, factor));
    assign(variable, dim(high) * factor + dim(low));
    solve(form.toExpr(context), value);
    return true;
  }
  return false;
}

} // namespace gnc
