//===- EquationTidy.cpp - an equation in simplest form ----------------------------------------===//
//
// EquationDraft::tidy: what can be said of one equation without changing a bit of its results.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/EquationDraft.h"
#include "ir/ScalarBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Accesses
//===------------------------------------------------------------------------------------------===//

bool EquationDraft::provablyInside(AffineExpr expr, int64_t size) const {
  if (!ShapedType::isDynamic(size))
    return rangeOf(expr, extents).inside(size);
  auto index = dyn_cast<AffineDimExpr>(expr); // the batch, by itself
  return index && ShapedType::isDynamic(extents[index.getPosition()]);
}

void EquationDraft::replaceInside(unsigned read, bool value) {
  for (Block *block : blocks())
    for (Operation &op : llvm::make_early_inc_range(*block))
      if (auto inside = dyn_cast<InsideOp>(op); inside && inside.getRead() == read) {
        inside.replaceAllUsesWith(ScalarBuilder(&op).boolean(value));
        inside.erase();
      }
}

/// Drops the parts of a read's boundary that always hold.
void EquationDraft::tidyGuard(unsigned position) {
  DraftRead &read = reads[position];
  llvm::erase_if(read.clamped, [&](int64_t coordinate) {
    return provablyInside(read.coords[coordinate], read.shape()[coordinate]);
  });
  SmallVector<IndexCondition> kept;
  for (const IndexCondition &condition : read.conditions) {
    bool isCoordinate = false; // the bounds of the tensor say it already
    for (auto [i, coordinate] : llvm::enumerate(read.coords))
      isCoordinate |= coordinate == condition.expr && !read.isClamped(i) &&
                      read.shape()[i] <= condition.limit && !ShapedType::isDynamic(read.shape()[i]);
    if (!isCoordinate && !provablyInside(condition.expr, condition.limit) &&
        !llvm::is_contained(kept, condition))
      kept.push_back(condition);
  }
  read.conditions = kept;
  if (!read.isGuarded() || !read.conditions.empty())
    return;
  for (auto [i, coordinate] : llvm::enumerate(read.coords))
    if (!read.isClamped(i) && !provablyInside(coordinate, read.shape()[i]))
      return;
  read.outside = std::nullopt;
  replaceInside(position, true);
}

void EquationDraft::simplifyAccesses() {
  for (unsigned i = 0; i < reads.size(); ++i) {
    for (auto [coordinate, size] : llvm::zip_equal(reads[i].coords, reads[i].shape()))
      if (!ShapedType::isDynamic(size)) // the batch stays an index by itself
        coordinate = simplify(coordinate, extents);
    for (IndexCondition &condition : reads[i].conditions)
      condition.expr = simplify(condition.expr, extents);
    tidyGuard(i);
  }
}

//===------------------------------------------------------------------------------------------===//
// Reads
//===------------------------------------------------------------------------------------------===//

/// The reads whose values are indices of `read`.
static SmallVector<unsigned> sourcesOf(const DraftRead &read) {
  SmallVector<unsigned> sources;
  read.walk([&](AffineExpr expr) {
    expr.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        sources.push_back(symbol.getPosition());
    });
  });
  return sources;
}

/// Keeps the reads listed, in that order; the others are unused. Body reads stay before those of
/// `finish`.
void EquationDraft::keepReads(ArrayRef<unsigned> kept) {
  unsigned numBody = numBodyReads(), numCombined = finish ? resultTypes.size() : 0;
  SmallVector<AffineExpr> symbols(reads.size(), getAffineConstantExpr(0, context));
  SmallVector<int64_t> positions(reads.size(), -1);
  SmallVector<DraftRead> chosen;
  unsigned oldFinishArguments = finish ? finish->getNumArguments() - numCombined : 0;
  SmallVector<BlockArgument> old;
  for (unsigned i = 0; i < reads.size(); ++i)
    old.push_back(argumentOf(i));
  for (auto [now, before] : llvm::enumerate(kept)) {
    symbols[before] = getAffineSymbolExpr(now, context);
    positions[before] = now;
    chosen.push_back(reads[before]);
    Block *block = before < numBody ? body.get() : finish.get();
    BlockArgument argument = block->addArgument(old[before].getType(), old[before].getLoc());
    old[before].replaceAllUsesWith(argument);
  }
  body->eraseArguments(0, numBody);
  if (finish)
    finish->eraseArguments(numCombined, oldFinishArguments);
  for (DraftRead &read : chosen)
    read.map([&](AffineExpr expr) { return expr.replaceSymbols(symbols); });
  reads = std::move(chosen);
  for (Block *block : blocks())
    for (Operation &op : *block)
      if (auto inside = dyn_cast<InsideOp>(op))
        inside.setRead(positions[inside.getRead()]);
}

/// A read is used if some scalar, or an access of a used read, needs its value or whether it is
/// inside.
void EquationDraft::dropUnusedReads() {
  SmallVector<unsigned> pending;
  for (unsigned i = 0; i < reads.size(); ++i)
    if (!argumentOf(i).use_empty())
      pending.push_back(i);
  for (Block *block : blocks())
    for (Operation &op : *block)
      if (auto inside = dyn_cast<InsideOp>(op))
        pending.push_back(inside.getRead());
  BitVector used(reads.size());
  while (!pending.empty()) {
    unsigned read = pending.pop_back_val();
    if (!used[read])
      llvm::append_range(pending, sourcesOf(reads[read]));
    used.set(read);
  }
  if (!used.all())
    keepReads(SmallVector<unsigned>(used.set_bits()));
}

/// An equal read is made once.
void EquationDraft::mergeReads() {
  for (unsigned i = 0; i < reads.size(); ++i)
    for (unsigned j = 0; j < i; ++j) {
      if (!(reads[i] == reads[j]) || (i < numBodyReads()) != (j < numBodyReads()))
        continue;
      argumentOf(i).replaceAllUsesWith(argumentOf(j));
      AffineExpr from = getAffineSymbolExpr(i, context), to = getAffineSymbolExpr(j, context);
      for (DraftRead &read : reads)
        read.map([&](AffineExpr expr) { return expr.replace(from, to); });
      for (Block *block : blocks())
        for (Operation &op : *block)
          if (auto inside = dyn_cast<InsideOp>(op); inside && inside.getRead() == i)
            inside.setRead(j);
      break;
    }
}

/// Puts reads whose value is an index before those that use it.
void EquationDraft::sortReads() {
  SmallVector<unsigned> sorted;
  SmallVector<bool> placed(reads.size(), false);
  std::function<void(unsigned)> place = [&](unsigned read) {
    if (placed[read])
      return;
    placed[read] = true;
    for (unsigned source : sourcesOf(reads[read]))
      place(source);
    sorted.push_back(read);
  };
  for (unsigned read = 0; read < reads.size(); ++read)
    place(read);
  if (!llvm::is_sorted(sorted))
    keepReads(sorted);
}

//===------------------------------------------------------------------------------------------===//
// Indices
//===------------------------------------------------------------------------------------------===//

/// Drops indices that no access uses (any more). Scalars see 0 for their value and nothing for
/// their extent, which is 1.
void EquationDraft::dropIndices(ArrayRef<bool> dropped) {
  SmallVector<AffineExpr> values;
  SmallVector<int64_t> positions, keptExtents;
  SmallVector<std::string> keptNames;
  for (unsigned i = 0; i < extents.size(); ++i) {
    positions.push_back(keptExtents.size());
    values.push_back(dropped[i] ? getAffineConstantExpr(0, context)
                                : getAffineDimExpr(keptExtents.size(), context));
    if (!dropped[i]) {
      keptExtents.push_back(extents[i]);
      keptNames.push_back(names[i]);
    }
  }
  for (DraftRead &read : reads)
    read.map([&](AffineExpr expr) { return expr.replaceDims(values); });
  for (Block *block : blocks())
    for (Operation &op : llvm::make_early_inc_range(*block)) {
      if (auto index = dyn_cast<IndexOp>(op)) {
        if (dropped[index.getIndex()])
          index.replaceAllUsesWith(ScalarBuilder(&op).constant(0));
        else
          index.setIndex(positions[index.getIndex()]);
      }
      if (auto extent = dyn_cast<ExtentOp>(op)) {
        SmallVector<int64_t> indices;
        for (int64_t i : extent.getIndices())
          if (!dropped[i])
            indices.push_back(positions[i]);
        extent.setIndices(indices);
      }
    }
  extents = keptExtents;
  names = keptNames;
}

void EquationDraft::dropUnitReductions() {
  SmallVector<bool> dropped(extents.size(), false);
  unsigned left = extents.size() - numParallel;
  bool needsPosition = llvm::any_of(reductions, [](Reduction reduction) {
    return reduction == Reduction::ArgMax || reduction == Reduction::ArgMin;
  });
  for (unsigned i = numParallel; i < extents.size(); ++i)
    if (extents[i] == 1 && !(needsPosition && left == 1)) {
      dropped[i] = true;
      --left;
    }
  if (llvm::is_contained(dropped, true))
    dropIndices(dropped);
  if (left == 0)
    llvm::fill(reductions, Reduction::None);
}

void EquationDraft::dropUnusedSumIndices() {
  SmallVector<bool> dropped(extents.size(), false);
  double factor = 1;
  for (unsigned i = numParallel; i < extents.size(); ++i) {
    bool used = ShapedType::isDynamic(extents[i]);
    for (const DraftRead &read : reads)
      read.walk([&](AffineExpr expr) { used |= expr.isFunctionOfDim(i); });
    for (Operation &op : *body) {
      auto index = dyn_cast<IndexOp>(op);
      auto extent = dyn_cast<ExtentOp>(op);
      used |= (index && index.getIndex() == i) ||
              (extent && llvm::is_contained(extent.getIndices(), static_cast<int64_t>(i)));
    }
    dropped[i] = !used;
    factor *= used ? 1 : extents[i];
  }
  if (!llvm::is_contained(dropped, true))
    return;
  ScalarBuilder scalars(yield());
  for (OpOperand &operand : yield()->getOpOperands())
    operand.set(scalars.mul(scalars.constant(factor), operand.get()));
  dropIndices(dropped);
  if (extents.size() == numParallel)
    llvm::fill(reductions, Reduction::None);
}

//===------------------------------------------------------------------------------------------===//
// Scalars
//===------------------------------------------------------------------------------------------===//

/// The value `op` folds to, if it does; arithmetic of `arith` alone, which rounds as the machine
/// does.
static Value folded(Operation &op) {
  SmallVector<OpFoldResult> results;
  if (!isa<arith::ArithDialect>(op.getDialect()) || op.hasTrait<OpTrait::ConstantLike>() ||
      failed(op.fold(results)) || results.size() != 1)
    return nullptr;
  if (auto value = dyn_cast<Value>(results.front()))
    return value;
  OpBuilder builder(&op);
  Operation *constant = op.getDialect()->materializeConstant(
      builder, cast<Attribute>(results.front()), op.getResult(0).getType(), op.getLoc());
  return constant ? constant->getResult(0) : Value();
}

static Value earlierEqual(Operation &op) {
  for (Operation &other : *op.getBlock()) {
    if (&other == &op)
      return nullptr;
    if (other.getName() == op.getName() && other.getOperands() == op.getOperands() &&
        OperationEquivalence::isEquivalentTo(&other, &op, OperationEquivalence::IgnoreLocations))
      return other.getResult(0);
  }
  return nullptr;
}

void foldScalars(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      continue;
    Value replacement = folded(op);
    if (!replacement)
      replacement = earlierEqual(op);
    if (replacement && replacement != op.getResult(0)) {
      op.getResult(0).replaceAllUsesWith(replacement);
      op.erase();
    }
  }
  eraseDeadScalars(block);
}

/// The extent of static indices is a number.
static void foldExtents(Block &block, ArrayRef<int64_t> extents) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto extent = dyn_cast<ExtentOp>(op);
    if (!extent)
      continue;
    double count = 1;
    for (int64_t i : extent.getIndices())
      count = ShapedType::isDynamic(extents[i]) || count < 0 ? -1 : count * extents[i];
    if (count < 0 || count > (1 << 24))
      continue;
    extent.replaceAllUsesWith(ScalarBuilder(&op).constant(count));
    extent.erase();
  }
}

void EquationDraft::tidy() {
  simplifyAccesses();
  dropUnitReductions();
  for (Block *block : blocks()) {
    foldExtents(*block, extents);
    foldScalars(*block);
  }
  mergeReads();
  for (Block *block : blocks())
    foldScalars(*block);
  dropUnusedReads();
  sortReads();
}

} // namespace gnc
