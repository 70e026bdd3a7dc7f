//===- ComputeGradientPoints.cpp - the points of a gradient's equation ------------------------===//
//
// Which points of the forward equation read element q, and the same reads and scalars over the new
// indices.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/ComputeGradient.h"
#include "ir/ScalarBuilder.h"

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// The points that count
//===------------------------------------------------------------------------------------------===//

/// Coordinate of the read = coordinate of the target, as far as the piece says.
void ComputeGradient::requirePiece(IndexSolver &solver, unsigned coordinate, Piece piece) {
  const DraftRead &read = forwardReads[target];
  AffineExpr expr = read.coords[coordinate];
  int64_t size = read.shape()[coordinate];
  if (piece == Piece::Inside)
    return solver.equate(expr, coordinate);
  bool below = piece == Piece::Below;
  solver.fix(coordinate, below ? 0 : size - 1);
  AffineExpr distance = below ? -1 - expr : expr - size;
  IndexRange range = rangeOf(distance, op.getExtents());
  constexpr int64_t kUnbounded = int64_t(1) << 40; // a data-dependent coordinate
  solver.require(distance, std::max<int64_t>(range.high.value_or(kUnbounded) + 1, 1));
}

/// Tells the solver which points contribute nothing anyway.
void ComputeGradient::shareFacts(IndexSolver &solver) {
  for (unsigned i = 0; i < op.getNumParallel(); ++i)
    if (!ShapedType::isDynamic(op.getExtents()[i]))
      solver.bound(getAffineDimExpr(i, context), op.getExtents()[i]);
  for (unsigned i = 0; i < vanishing.size(); ++i) {
    const DraftRead &read = forwardReads[i];
    if (i == target || !vanishing[i] || read.outside != 0.0)
      continue;
    for (const IndexCondition &condition : read.conditions) {
      auto mod = dyn_cast<AffineBinaryOpExpr>(condition.expr);
      auto divisor = mod && mod.getKind() == AffineExprKind::Mod
                         ? dyn_cast<AffineConstantExpr>(mod.getRHS())
                         : AffineConstantExpr();
      if (condition.limit != 1 || !divisor)
        continue;
      if (std::optional<unsigned> fact = solver.divides(mod.getLHS(), divisor.getValue()))
        facts.push_back({i, condition, *fact});
    }
    for (auto [j, coordinate] : llvm::enumerate(read.coords))
      if (!read.isClamped(j) && !ShapedType::isDynamic(read.shape()[j]))
        solver.bound(coordinate, read.shape()[j]);
  }
}

void ComputeGradient::solve(ArrayRef<Piece> pieces) {
  SmallVector<SolverIndex> indices;
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    indices.push_back({op.getIndexName(i).str(), op.getExtents()[i], i < op.getNumParallel()});
  SmallVector<IndexSolver::Exprs> symbolUses;
  for (const DraftRead &read : forwardReads)
    read.walk([&, &uses = symbolUses.emplace_back()](AffineExpr expr) { uses.push_back(expr); });
  const DraftRead &read = forwardReads[target];
  solver.emplace(context, indices, read.shape(), symbolUses);
  for (const IndexCondition &condition : read.conditions)
    solver->require(condition.expr, condition.limit);
  // Bare indices first, coordinates that depend on data last: what is solved helps the rest.
  auto rank = [&](AffineExpr coordinate) {
    bool dataDependent = false;
    coordinate.walk([&](AffineExpr part) { dataDependent |= isa<AffineSymbolExpr>(part); });
    return isa<AffineDimExpr>(coordinate) ? 0 : dataDependent ? 2 : 1;
  };
  for (int round = 0; round < 3; ++round)
    for (unsigned i = 0; i < read.coords.size(); ++i)
      if (rank(read.coords[i]) == round)
        requirePiece(*solver, i, pieces[i]);
  shareFacts(*solver);
  solution = solver->finish();
}

//===------------------------------------------------------------------------------------------===//
// The new indices
//===------------------------------------------------------------------------------------------===//

/// True if the coordinate of a forward read stays where the forward equation had it.
bool ComputeGradient::isTrusted(AffineExpr coordinate) const {
  bool trusted = true;
  coordinate.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part)) {
      unsigned source = symbol.getPosition();
      trusted &= draft->reads[source].isGuarded() == forwardReads[source].isGuarded();
    }
    auto index = dyn_cast<AffineDimExpr>(part);
    int64_t extent = index ? ComputeOp(op).getExtents()[index.getPosition()] : 0;
    if (index && !ShapedType::isDynamic(extent))
      trusted &= rangeOf(solution.values[index.getPosition()], solution.extents).inside(extent);
  });
  return trusted;
}

/// e floordiv a, known to be whole at every point, becomes the expression that it is.
void ComputeGradient::placeFact(unsigned number, DraftRead &read) {
  const Fact &fact = facts[number];
  AffineExpr quotient = solver->quotient(fact.number);
  if (!quotient)
    return;
  auto mod = cast<AffineBinaryOpExpr>(fact.condition.expr);
  AffineExpr division = mod.getLHS().floorDiv(mod.getRHS());
  llvm::erase(read.conditions, fact.condition);
  // A symbol of a number that no read has stands in until the indices are substituted.
  AffineExpr marker = getAffineSymbolExpr(draft->reads.size() + number, context);
  for (AffineExpr &coordinate : read.coords)
    coordinate = coordinate.replace(division, marker);
}

void ComputeGradient::placeForwardRead(unsigned position) {
  DraftRead &read = draft->reads[position];
  if (position == target) {
    read = {read.tensor, {}, {}, {}, std::nullopt};
    for (unsigned i = 0; i < solution.numTargets; ++i)
      read.coords.push_back(getAffineDimExpr(i, context));
    return;
  }
  SmallVector<AffineExpr> symbols;
  for (unsigned i = 0; i < draft->reads.size(); ++i)
    symbols.push_back(getAffineSymbolExpr(i, context));
  for (unsigned number = 0; number < facts.size(); ++number) {
    if (facts[number].read == position)
      placeFact(number, read);
    AffineExpr quotient = solver->quotient(facts[number].number);
    symbols.push_back(quotient ? quotient : getAffineConstantExpr(0, context));
  }
  read.map([&](AffineExpr expr) {
    return simplify(expr.replaceDims(solution.values).replaceSymbols(symbols), solution.extents);
  });
  if (read.isGuarded())
    return;
  for (auto [i, size] : llvm::enumerate(read.shape()))
    if (!read.isClamped(i) && !ShapedType::isDynamic(size) &&
        !rangeOf(read.coords[i], solution.extents).inside(size) &&
        !isTrusted(forwardReads[position].coords[i]))
      read.outside = 0;
}

/// True if some read is 0 where the condition fails, and with it the value.
bool ComputeGradient::isImplied(const IndexCondition &condition) const {
  for (unsigned i = 0; polynomial && i < vanishing.size(); ++i) {
    const DraftRead &read = draft->reads[i];
    if (i == target || !vanishing[i] || read.outside != 0.0)
      continue;
    for (auto [j, coordinate] : llvm::enumerate(read.coords))
      if (coordinate == condition.expr && !read.isClamped(j) && read.shape()[j] == condition.limit)
        return true;
  }
  return false;
}

/// dT is 0 where a point does not count; what else is read there may be anything finite.
void ComputeGradient::placeReadsAtResult() {
  for (unsigned i = op.getReads().size(); i < draft->reads.size(); ++i) {
    DraftRead &read = draft->reads[i];
    read.map([&](AffineExpr expr) { return substitute(expr); });
    read.outside = 0;
    if (!llvm::is_contained(adjointReads, i))
      continue;
    for (const IndexCondition &condition : solution.conditions)
      if (!isImplied(condition))
        read.conditions.push_back(condition);
  }
}

/// An index expression as arithmetic on numbers. Exact below 2^24, as all whole numbers in f32.
static Value scalarOf(AffineExpr expr, ScalarBuilder &s, EquationDraft &draft) {
  Type f32 = Float32Type::get(expr.getContext());
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return s.constant(constant.getValue());
  if (auto index = dyn_cast<AffineDimExpr>(expr))
    return s.create<IndexOp>(f32, index.getPosition());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    Value value = draft.argumentOf(symbol.getPosition());
    if (value.getType().isInteger(32))
      return s.create<arith::SIToFPOp>(f32, value);
    return s.create<arith::UIToFPOp>(f32, value);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value a = scalarOf(binary.getLHS(), s, draft), b = scalarOf(binary.getRHS(), s, draft);
  if (expr.getKind() == AffineExprKind::Add)
    return s.add(a, b);
  if (expr.getKind() == AffineExprKind::Mul)
    return s.mul(a, b);
  if (expr.getKind() == AffineExprKind::CeilDiv)
    return s.create<math::CeilOp>(s.div(a, b));
  Value quotient = s.create<math::FloorOp>(s.div(a, b));
  return expr.getKind() == AffineExprKind::FloorDiv ? quotient : s.sub(a, s.mul(b, quotient));
}

/// Scalars that name forward indices or reads name the new ones.
void ComputeGradient::placeScalars() {
  for (Operation &scalar : llvm::make_early_inc_range(*draft->body)) {
    ScalarBuilder s(&scalar);
    Value replacement;
    if (auto index = dyn_cast<IndexOp>(scalar)) {
      replacement = scalarOf(solution.values[index.getIndex()], s, *draft);
    } else if (auto extent = dyn_cast<ExtentOp>(scalar)) {
      double count = 1;
      SmallVector<int64_t> batch;
      for (int64_t i : extent.getIndices())
        if (ShapedType::isDynamic(op.getExtents()[i]))
          batch.push_back(cast<AffineDimExpr>(solution.values[i]).getPosition());
        else
          count *= op.getExtents()[i];
      replacement = s.constant(count);
      if (!batch.empty())
        replacement = s.mul(s.create<ExtentOp>(scalar.getResult(0).getType(), batch), replacement);
    } else if (auto inside = dyn_cast<InsideOp>(scalar); inside && inside.getRead() == target) {
      replacement = s.boolean(true);
    }
    if (!replacement || replacement == scalar.getResult(0))
      continue;
    scalar.getResult(0).replaceAllUsesWith(replacement);
    scalar.erase();
  }
}
