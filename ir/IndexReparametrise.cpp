//===- IndexReparametrise.cpp - solving accesses for indices: the end -------------------------===//
//
// The second half of IndexSolver: exact quotients are made whole by construction where an index can
// be re-parametrised, conditions tighten the ranges of indices, and what is left gets its final
// number.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/IndexSolver.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Exact quotients
//===------------------------------------------------------------------------------------------===//

/// How an index v makes t = (sign*v + rest) / a whole.
struct IndexSolver::Choice {
  unsigned index;
  int64_t sign;
  AffineExpr rest;
  bool direct;    // t is the new index; else v runs over the residue class that the rest demands
  int64_t low;    // of t as the new index
  int64_t extent; // of the new index
};

/// What t can be where a point contributes, as far as the bounds say so of t alone.
std::pair<int64_t, int64_t> IndexSolver::boundsOf(unsigned variable) const {
  const Variable &quotient = variables[variable];
  int64_t low = 0, high = quotient.high - quotient.low;
  for (const IndexCondition &bound : bounds) {
    LinearForm form = linearForm(bound.expr);
    if (form.terms.size() != 1 || form.coefficient(dim(variable)) != 1)
      continue;
    low = std::max(low, -form.constant);
    high = std::min(high, bound.limit - 1 - form.constant);
  }
  return {low, high};
}

/// The index that saves most, if any can be re-parametrised.
std::optional<IndexSolver::Choice> IndexSolver::chooseIndex(unsigned variable) const {
  const Variable &quotient = variables[variable];
  LinearForm form = linearForm(quotient.numerator);
  auto [low, high] = boundsOf(variable);
  std::optional<Choice> best;
  double bestSaving = 0;
  for (auto &[atom, coefficient] : form.terms) {
    auto index = dyn_cast<AffineDimExpr>(atom);
    if (!index || std::abs(coefficient) != 1)
      continue;
    unsigned candidate = index.getPosition();
    AffineExpr rest = restOf(form, atom);
    int64_t extent = extents[candidate];
    if (variables[candidate].kind != Kind::Index || ShapedType::isDynamic(extent) ||
        dependsOn(rest, candidate))
      continue;
    int64_t residues = llvm::divideCeil(extent, quotient.divisor);
    int64_t direct = std::max<int64_t>(high - low + 1, 1);
    // Plain affine accesses are worth a few wasted points.
    bool isDirect = direct * 4 <= residues * 5;
    int64_t cost = isDirect ? direct : residues;
    double saving = static_cast<double>(extent) / static_cast<double>(cost);
    if (saving <= bestSaving)
      continue;
    best = Choice{candidate, coefficient, simplify(rest, extents), isDirect, low, cost};
    bestSaving = saving;
  }
  return best;
}

void IndexSolver::resolveQuotient(unsigned variable) {
  const Variable quotient = variables[variable];
  int64_t a = quotient.divisor;
  std::optional<Choice> choice = chooseIndex(variable);
  if (!choice) {
    substitute(variable, quotient.numerator.floorDiv(a) - quotient.low);
    if (!quotient.implied)
      addCondition(quotient.numerator % a, 1);
    return;
  }
  variables[variable].exact = true;
  AffineExpr index = dim(fresh(choice->index, choice->extent));
  AffineExpr rest = choice->rest;
  if (choice->direct) {
    // t = low' + index, v = ±(a*(t + low) - rest)
    AffineExpr t = index + choice->low;
    substitute(variable, t);
    assign(choice->index, ((t + quotient.low) * a - rest) * choice->sign);
    return;
  }
  // v = a*index + (∓rest mod a)
  AffineExpr needed = simplify(rest * -choice->sign, extents);
  AffineExpr whole = (needed.floorDiv(a) - index) * -choice->sign;
  substitute(variable, whole - quotient.low);
  assign(choice->index, index * a + needed % a);
}

AffineExpr IndexSolver::quotient(unsigned fact) const {
  unsigned variable = facts[fact];
  if (!variables[variable].exact)
    return nullptr;
  return apply(quotientExpr(variable)).replaceDims(finalDims);
}

//===------------------------------------------------------------------------------------------===//
// Ranges
//===------------------------------------------------------------------------------------------===//

/// Cuts the range of one index down to what `condition` allows. True if something changed.
bool IndexSolver::tighten(const IndexCondition &condition) {
  LinearForm form = linearForm(condition.expr);
  for (auto &[atom, coefficient] : form.terms) {
    auto index = dyn_cast<AffineDimExpr>(atom);
    if (!index || variables[index.getPosition()].kind != Kind::Index ||
        ShapedType::isDynamic(extents[index.getPosition()]))
      continue;
    unsigned variable = index.getPosition();
    // 0 <= c*v + rest < limit; for c < 0 mirror the condition first.
    AffineExpr rest = restOf(form, atom);
    if (coefficient < 0)
      rest = condition.limit - 1 - rest;
    int64_t factor = std::abs(coefficient);
    IndexRange others = range(simplify(rest, extents));
    if (!others.low || !others.high || dependsOn(rest, variable))
      continue;
    int64_t low = std::max<int64_t>(0, llvm::divideCeilSigned(-*others.high, factor));
    int64_t high = std::min(extents[variable] - 1,
                            llvm::divideFloorSigned(condition.limit - 1 - *others.low, factor));
    if (low == 0 && high == extents[variable] - 1)
      continue;
    if (high < low) {
      impossible = true;
      return false;
    }
    AffineExpr cut = dim(fresh(variable, high - low + 1));
    substitute(variable, apply(cut) + low);
    return true;
  }
  return false;
}

//===------------------------------------------------------------------------------------------===//
// The result
//===------------------------------------------------------------------------------------------===//

void IndexSolver::number(IndexSolution &solution) {
  SmallVector<unsigned> kept;
  for (unsigned target = 0; target < numTargets; ++target)
    kept.push_back(numIndices + target);
  for (unsigned variable : order)
    if (variables[variable].kind == Kind::Index)
      kept.push_back(variable);
  finalDims.assign(variables.size(), getAffineConstantExpr(0, context));
  for (auto [position, variable] : llvm::enumerate(kept)) {
    finalDims[variable] = dim(position);
    solution.extents.push_back(extents[variable]);
    solution.names.push_back(variables[variable].name);
  }
  llvm::StringSet<> taken;
  for (std::string &name : solution.names) {
    std::string base = name;
    for (unsigned suffix = 2; !taken.insert(name).second; ++suffix)
      name = base + "_" + std::to_string(suffix);
  }
}

IndexSolution IndexSolver::finish() {
  for (unsigned i = 0; i < quotients.size(); ++i)
    resolveQuotient(quotients[i]);
  for (bool changed = !impossible; changed && !impossible;) {
    changed = false;
    for (const IndexCondition &condition : SmallVector<IndexCondition>(conditions))
      if ((changed = tighten(condition)))
        break;
  }
  IndexSolution solution;
  solution.numTargets = numTargets;
  solution.empty = impossible;
  number(solution);
  auto final = [&](AffineExpr expr) {
    return simplify(apply(expr).replaceDims(finalDims), solution.extents);
  };
  for (unsigned index = 0; index < numIndices; ++index)
    solution.values.push_back(final(dim(index)));
  for (const IndexCondition &condition : conditions)
    solution.conditions.push_back({final(condition.expr), condition.limit});
  return solution;
}

} // namespace gnc
