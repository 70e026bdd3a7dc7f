//===- EquationDraft.cpp - an equation while it is being written ------------------------------===//
#include "ir/EquationDraft.h"
#include "ir/ScalarBuilder.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace gnc {

void DraftRead::walk(function_ref<void(AffineExpr)> visit) const {
  for (AffineExpr expr : coords)
    visit(expr);
  for (const IndexCondition &condition : conditions)
    visit(condition.expr);
}

void DraftRead::map(function_ref<AffineExpr(AffineExpr)> change) {
  for (AffineExpr &expr : coords)
    expr = change(expr);
  for (IndexCondition &condition : conditions)
    condition.expr = change(condition.expr);
}

//===------------------------------------------------------------------------------------------===//
// From and to the op
//===------------------------------------------------------------------------------------------===//

static std::unique_ptr<Block> copyBlock(Block &block, MLIRContext *context) {
  auto copy = std::make_unique<Block>();
  IRMapping mapping;
  for (BlockArgument argument : block.getArguments())
    mapping.map(argument, copy->addArgument(argument.getType(), argument.getLoc()));
  OpBuilder builder = endOf(copy.get(), context);
  for (Operation &op : block)
    builder.clone(op, mapping);
  return copy;
}

static DraftRead readOf(ComputeOp op, unsigned read) {
  AccessAttr access = op.getAccess(read);
  DraftRead draft;
  draft.tensor = op.getReads()[read];
  llvm::append_range(draft.coords, access.getCoords().getResults());
  llvm::append_range(draft.clamped, access.getClamped());
  for (auto [expr, limit] :
       llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
    draft.conditions.push_back({expr, limit});
  if (access.isGuarded())
    draft.outside = access.getOutside().getValueAsDouble();
  return draft;
}

EquationDraft EquationDraft::of(ComputeOp op) {
  EquationDraft draft(op.getContext());
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    draft.names.push_back(op.getIndexName(i).str());
  llvm::append_range(draft.extents, op.getExtents());
  draft.numParallel = op.getNumParallel();
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    draft.reductions.push_back(op.getReduction(i));
  llvm::append_range(draft.resultTypes, op.getResultTypes());
  for (unsigned i = 0; i < op.getReads().size(); ++i)
    draft.reads.push_back(readOf(op, i));
  draft.body = copyBlock(*op.getBodyBlock(), op.getContext());
  if (op.hasFinish())
    draft.finish = copyBlock(op.getFinish().front(), op.getContext());
  return draft;
}

AccessAttr EquationDraft::accessOf(unsigned read) const {
  const DraftRead &draft = reads[read];
  SmallVector<AffineExpr> conditions;
  SmallVector<int64_t> limits;
  for (const IndexCondition &condition : draft.conditions) {
    conditions.push_back(condition.expr);
    limits.push_back(condition.limit);
  }
  FloatAttr outside;
  if (draft.isGuarded())
    outside = Builder(context).getF64FloatAttr(*draft.outside);
  return AccessAttr::get(context, AffineMap::get(extents.size(), read, draft.coords, context),
                         draft.clamped, AffineMap::get(extents.size(), read, conditions, context),
                         limits, outside);
}

ComputeOp EquationDraft::create(OpBuilder &builder, Location loc) {
  SmallVector<Value> tensors;
  SmallVector<Attribute> nameAttrs, accesses;
  SmallVector<int32_t> kinds;
  for (const std::string &name : names)
    nameAttrs.push_back(builder.getStringAttr(name));
  for (unsigned read = 0; read < reads.size(); ++read) {
    tensors.push_back(reads[read].tensor);
    accesses.push_back(accessOf(read));
  }
  for (Reduction reduction : reductions)
    kinds.push_back(static_cast<int32_t>(reduction));
  auto op = ComputeOp::create(builder, loc, resultTypes, tensors, builder.getArrayAttr(nameAttrs),
                              extents, numParallel, kinds, builder.getArrayAttr(accesses));
  op.getBody().push_back(body.release());
  if (finish)
    op.getFinish().push_back(finish.release());
  return op;
}

//===------------------------------------------------------------------------------------------===//
// Parts
//===------------------------------------------------------------------------------------------===//

SmallVector<Block *, 2> EquationDraft::blocks() {
  SmallVector<Block *, 2> all{body.get()};
  if (finish)
    all.push_back(finish.get());
  return all;
}

BlockArgument EquationDraft::argumentOf(unsigned read) {
  if (read < numBodyReads())
    return body->getArgument(read);
  return finish->getArgument(resultTypes.size() + read - numBodyReads());
}

BlockArgument EquationDraft::addRead(DraftRead read, Location loc) {
  Type element = scalarTypeOf(read.tensor.getType());
  reads.push_back(std::move(read));
  return body->addArgument(element, loc);
}

void EquationDraft::keepResults(ArrayRef<unsigned> kept) {
  auto select = [&](auto &list) {
    std::remove_reference_t<decltype(list)> selected;
    for (unsigned i : kept)
      selected.push_back(list[i]);
    list = selected;
  };
  select(reductions);
  for (Block *block : blocks()) {
    SmallVector<Value> values = llvm::to_vector(block->getTerminator()->getOperands());
    select(values);
    block->getTerminator()->setOperands(values);
  }
  if (finish) {
    // A combined value that goes is only legal to drop when `finish` does not use it.
    BitVector erased(finish->getNumArguments());
    for (unsigned i = 0; i < resultTypes.size(); ++i)
      erased[i] = !llvm::is_contained(kept, i);
    finish->eraseArguments(erased);
  }
  select(resultTypes);
}

void EquationDraft::reorderIndices(ArrayRef<unsigned> newOrder) {
  SmallVector<AffineExpr> positions(extents.size());
  SmallVector<std::string> oldNames = names;
  SmallVector<int64_t> oldExtents = extents, moved(extents.size());
  for (auto [now, before] : llvm::enumerate(newOrder)) {
    positions[before] = getAffineDimExpr(now, context);
    moved[before] = now;
    names[now] = oldNames[before];
    extents[now] = oldExtents[before];
  }
  for (DraftRead &read : reads)
    read.map([&](AffineExpr expr) { return expr.replaceDims(positions); });
  for (Block *block : blocks())
    block->walk([&](Operation *op) {
      if (auto index = dyn_cast<IndexOp>(op))
        index.setIndex(moved[index.getIndex()]);
      if (auto extent = dyn_cast<ExtentOp>(op)) {
        SmallVector<int64_t> indices;
        for (int64_t i : extent.getIndices())
          indices.push_back(moved[i]);
        extent.setIndices(indices);
      }
    });
}

} // namespace gnc
