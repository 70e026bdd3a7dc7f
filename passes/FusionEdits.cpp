#include "ir/ScalarBuilder.h"
#include "passes/FusionSupport.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace gnc {

//===------------------------------------------------------------------------------------------===//
// Reads
//===------------------------------------------------------------------------------------------===//

unsigned addBodyRead(EquationDraft &draft, DraftRead read, Location loc) {
  unsigned position = draft.numBodyReads();
  Type element = scalarTypeOf(read.tensor.getType());
  SmallVector<AffineExpr> symbols;
  for (unsigned i = 0; i < draft.reads.size(); ++i)
    symbols.push_back(getAffineSymbolExpr(i < position ? i : i + 1, draft.context));
  for (unsigned i = position; i < draft.reads.size(); ++i)
    draft.reads[i].map([&](AffineExpr expr) { return expr.replaceSymbols(symbols); });
  for (Block *block : draft.blocks())
    for (Operation &op : *block)
      if (auto inside = dyn_cast<InsideOp>(op); inside && inside.getRead() >= position)
        inside.setRead(inside.getRead() + 1);
  draft.reads.insert(draft.reads.begin() + position, std::move(read));
  draft.body->addArgument(element, loc);
  return position;
}

unsigned addFinishRead(EquationDraft &draft, DraftRead read, Location loc) {
  draft.finish->addArgument(scalarTypeOf(read.tensor.getType()), loc);
  draft.reads.push_back(std::move(read));
  return draft.reads.size() - 1;
}

void ensureFinish(EquationDraft &draft, Location loc) {
  if (draft.finish)
    return;
  draft.finish = std::make_unique<Block>();
  for (Type type : draft.resultTypes)
    draft.finish->addArgument(scalarTypeOf(type), loc);
  OpBuilder builder = endOf(draft.finish.get(), draft.context);
  YieldOp::create(builder, loc, draft.finish->getArguments());
}

/// A pointwise equation needs no `finish`: it moves to the end of the body.
static void dissolveFinish(EquationDraft &draft, Location loc) {
  std::unique_ptr<Block> finish = std::move(draft.finish);
  ScalarImport import;
  for (unsigned i = 0; i < draft.extents.size(); ++i)
    import.indices.push_back(getAffineDimExpr(i, draft.context));
  import.extents = draft.extents;
  unsigned numResults = draft.resultTypes.size();
  for (unsigned i = 0; i < numResults; ++i)
    import.values.map(finish->getArgument(i), draft.yield()->getOperand(i));
  for (unsigned i = 0; i < draft.reads.size(); ++i)
    import.reads.push_back(i);
  for (BlockArgument argument : finish->getArguments().drop_front(numResults))
    import.values.map(argument, draft.body->addArgument(argument.getType(), loc));
  draft.yield()->setOperands(importScalars(draft, *finish, import, draft.yield()));
}

void settle(EquationDraft &draft, Location loc) {
  draft.tidy();
  if (!draft.finish || draft.numParallel != draft.extents.size())
    return;
  dissolveFinish(draft, loc);
  draft.tidy();
}

//===------------------------------------------------------------------------------------------===//
// Indices as numbers
//===------------------------------------------------------------------------------------------===//

/// f32 holds whole numbers exactly up to here.
constexpr int64_t kExact = int64_t(1) << 24;

static bool canEmit(AffineExpr expr, ArrayRef<int64_t> extents) {
  if (isa<AffineDimExpr>(expr))
    return true;
  bool emittable = true;
  expr.walk([&](AffineExpr part) {
    IndexRange range = rangeOf(part, extents);
    emittable &= !isa<AffineSymbolExpr>(part) && part.getKind() != AffineExprKind::CeilDiv &&
                 range.low && range.high && *range.low > -kExact && *range.high < kExact;
  });
  return emittable;
}

/// `expr` as a number. Quotients round correctly, and their floor is exact: see kExact.
static Value emitIndex(ScalarBuilder &scalars, AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return scalars.constant(static_cast<double>(constant.getValue()));
  Type f32 = Float32Type::get(expr.getContext());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return scalars.create<IndexOp>(f32, dim.getPosition());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value left = emitIndex(scalars, binary.getLHS()), right = emitIndex(scalars, binary.getRHS());
  if (expr.getKind() == AffineExprKind::Add)
    return scalars.add(left, right);
  if (expr.getKind() == AffineExprKind::Mul)
    return scalars.mul(left, right);
  Value quotient = scalars.create<math::FloorOp>(scalars.div(left, right));
  return expr.getKind() == AffineExprKind::FloorDiv
             ? quotient
             : scalars.sub(left, scalars.mul(quotient, right));
}

//===------------------------------------------------------------------------------------------===//
// Scalars
//===------------------------------------------------------------------------------------------===//

bool canImport(Block &scalars, ArrayRef<AffineExpr> indices, ArrayRef<int64_t> draftExtents) {
  return llvm::all_of(scalars, [&](Operation &op) {
    auto index = dyn_cast<IndexOp>(op);
    return !index || canEmit(indices[index.getIndex()], draftExtents);
  });
}

/// Extents of other indices are numbers unless they are those of an index here.
static Value importExtent(EquationDraft &draft, ExtentOp op, const ScalarImport &import,
                          ScalarBuilder &scalars) {
  SmallVector<int64_t> here;
  double count = 1;
  for (int64_t i : op.getIndices()) {
    auto dim = dyn_cast<AffineDimExpr>(import.indices[i]);
    if (dim && draft.extents[dim.getPosition()] == import.extents[i])
      here.push_back(dim.getPosition());
    else
      count *= import.extents[i];
  }
  Value number = scalars.constant(count);
  if (here.empty())
    return number;
  return scalars.mul(number, scalars.create<ExtentOp>(number.getType(), here));
}

SmallVector<Value> importScalars(EquationDraft &draft, Block &from, ScalarImport &import,
                                 Operation *place) {
  OpBuilder builder(place);
  ScalarBuilder scalars(place);
  for (Operation &op : from.without_terminator()) {
    if (auto index = dyn_cast<IndexOp>(op)) {
      import.values.map(index.getResult(), emitIndex(scalars, import.indices[index.getIndex()]));
    } else if (auto extent = dyn_cast<ExtentOp>(op)) {
      import.values.map(extent.getResult(), importExtent(draft, extent, import, scalars));
    } else {
      Operation *copy = builder.clone(op, import.values);
      if (auto inside = dyn_cast<InsideOp>(copy))
        inside.setRead(import.reads[inside.getRead()]);
    }
  }
  SmallVector<Value> yielded;
  for (Value value : from.getTerminator()->getOperands())
    yielded.push_back(import.values.lookupOrDefault(value));
  return yielded;
}

//===------------------------------------------------------------------------------------------===//
// Splitting indices
//===------------------------------------------------------------------------------------------===//

namespace {
/// The indices of an equation after some were split.
struct SplitNumbering {
  SmallVector<AffineExpr> values;            // of the old indices
  SmallVector<SmallVector<int64_t>> numbers; // of the new indices, per old one
  SmallVector<std::string> names;
  SmallVector<int64_t> extents;
};
} // namespace

static std::string uniqueName(std::string name, llvm::StringSet<> &taken) {
  while (!taken.insert(name).second)
    name += '_';
  return name;
}

static SplitNumbering numberSplit(const EquationDraft &draft,
                                  ArrayRef<SmallVector<int64_t>> splits) {
  SplitNumbering numbering;
  llvm::StringSet<> taken;
  for (const std::string &name : draft.names)
    taken.insert(name);
  for (auto [i, split] : llvm::enumerate(splits)) {
    AffineExpr value = getAffineConstantExpr(0, draft.context);
    SmallVector<int64_t> extents = split.empty() ? SmallVector<int64_t>{draft.extents[i]} : split;
    auto &numbers = numbering.numbers.emplace_back();
    for (auto [part, extent] : llvm::enumerate(extents)) {
      unsigned number = numbering.extents.size();
      AffineExpr dim = getAffineDimExpr(number, draft.context);
      value = split.empty() ? dim : value * extent + dim;
      numbers.push_back(number);
      numbering.extents.push_back(extent);
      numbering.names.push_back(split.empty()
                                    ? draft.names[i]
                                    : uniqueName(draft.names[i] + std::to_string(part), taken));
    }
    numbering.values.push_back(value);
  }
  return numbering;
}

/// Gives the scalars the new numbers. Indices that were split are marked until all others are
/// renamed, so that the builder, which reuses equal ops, never takes an old number for a new one.
static void splitInScalars(Block &block, const SplitNumbering &numbering) {
  SmallVector<IndexOp> marked;
  for (Operation &op : block) {
    if (auto extent = dyn_cast<ExtentOp>(op)) {
      SmallVector<int64_t> indices;
      for (int64_t i : extent.getIndices())
        llvm::append_range(indices, numbering.numbers[i]);
      extent.setIndices(indices);
    }
    auto index = dyn_cast<IndexOp>(op);
    if (!index)
      continue;
    int64_t old = index.getIndex();
    if (isa<AffineDimExpr>(numbering.values[old])) {
      index.setIndex(numbering.numbers[old].front());
      continue;
    }
    index.setIndex(-1 - old);
    marked.push_back(index);
  }
  for (IndexOp index : marked) {
    ScalarBuilder scalars(index);
    index.replaceAllUsesWith(emitIndex(scalars, numbering.values[-1 - (int64_t)index.getIndex()]));
    index.erase();
  }
}

void splitIndices(EquationDraft &draft, ArrayRef<SmallVector<int64_t>> splits) {
  SplitNumbering numbering = numberSplit(draft, splits);
  for (DraftRead &read : draft.reads)
    read.map([&](AffineExpr expr) { return expr.replaceDims(numbering.values); });
  for (Block *block : draft.blocks())
    splitInScalars(*block, numbering);
  unsigned numParallel = 0;
  for (unsigned i = 0; i < draft.numParallel; ++i)
    numParallel += numbering.numbers[i].size();
  draft.numParallel = numParallel;
  draft.extents = numbering.extents;
  draft.names = numbering.names;
  for (Type &type : draft.resultTypes)
    type = RankedTensorType::get(ArrayRef(draft.extents).take_front(numParallel),
                                 cast<RankedTensorType>(type).getElementType());
}

} // namespace gnc
