//===- FuseElementwiseInline.cpp - pointwise equations are computed by their readers ----------===//
//
// A reader asks for the producer at coordinates A(i) of its own indices i. The producer reads
// tensor x at B(p) for its index p; so the reader now reads x at B(A(i)), and computes the
// producer's scalars from that.
//
// Boundaries: the reader's access may be guarded, so that outside the producer's shape (or where a
// condition fails) it is a constant v, whatever the producer would compute there. Therefore every
// read that comes in takes over the conditions, 0 <= A(i)_k < extent of p_k first, and the reader
// selects v where they fail. Whether they fail is known from a read which had no boundary of its
// own.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/IndexMath.h"
#include "ir/ScalarBuilder.h"
#include "passes/Contraction.h"
#include "passes/FuseElementwise.h"
#include "passes/FusionSupport.h"

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// May it be inlined?
//===------------------------------------------------------------------------------------------===//

/// What a read of `shape` requires beyond what the ranges of the indices prove.
static SmallVector<IndexCondition> guardOf(const DraftRead &read, ArrayRef<int64_t> extents) {
  SmallVector<IndexCondition> guard;
  if (!read.isGuarded())
    return guard;
  for (auto [dim, coordinate] : llvm::enumerate(read.coords)) {
    int64_t size = read.shape()[dim];
    if (!ShapedType::isDynamic(size) && !read.isClamped(dim) &&
        !rangeOf(coordinate, extents).inside(size))
      guard.push_back({coordinate, size});
  }
  for (const IndexCondition &condition : read.conditions)
    if (!rangeOf(condition.expr, extents).inside(condition.limit))
      guard.push_back(condition);
  return guard;
}

/// A clamped index can be passed on where the producer uses it alone, on a dimension of the same
/// extent.
static bool passesClampOn(EquationDraft &producer, unsigned index) {
  AffineExpr dim = getAffineDimExpr(index, producer.context);
  for (const DraftRead &read : producer.reads) {
    for (auto [coordinate, size] : llvm::zip_equal(read.coords, read.shape()))
      if (coordinate.isFunctionOfDim(index) &&
          (coordinate != dim || size != producer.extents[index]))
        return false;
    for (const IndexCondition &condition : read.conditions)
      if (condition.expr.isFunctionOfDim(index))
        return false;
  }
  return llvm::none_of(*producer.body, [&](Operation &op) {
    auto value = dyn_cast<IndexOp>(op);
    return value && value.getIndex() == index;
  });
}

/// The first read among `begin`..`end`-1 that has no boundary of its own, and does not read
/// `avoided`.
static std::optional<unsigned> unguardedRead(const EquationDraft &draft, unsigned begin,
                                             unsigned end, Operation *avoided = nullptr) {
  for (unsigned i = begin; i < end; ++i)
    if (!draft.reads[i].isGuarded() &&
        (!avoided || draft.reads[i].tensor.getDefiningOp() != avoided))
      return i;
  return std::nullopt;
}

/// A read of the reader that can tell, with the boundary of read `number` added, whether that one
/// is inside.
static std::optional<unsigned> witnessFor(const EquationDraft &draft, unsigned number) {
  Operation *producer = draft.reads[number].tensor.getDefiningOp();
  if (number < draft.numBodyReads())
    return unguardedRead(draft, 0, draft.numBodyReads(), producer);
  return unguardedRead(draft, draft.numBodyReads(), draft.reads.size(), producer);
}

/// A guarded access needs a read that tells whether it is inside, and can have no data-dependent
/// index.
static bool canGuard(ComputeOp producer, unsigned result, const EquationDraft &reader,
                     unsigned read) {
  bool knows = witnessFor(reader, read).has_value();
  for (unsigned i = 0; i < producer.getReads().size(); ++i) {
    if (isUsedAsIndex(producer, i))
      return false;
    knows |= !producer.getAccess(i).isGuarded();
  }
  Type element = cast<RankedTensorType>(producer.getResultTypes()[result]).getElementType();
  return knows && element.isF32();
}

static bool canInline(ComputeOp producer, unsigned result, ComputeOp reader, unsigned read) {
  constexpr unsigned kMostReads = 24, kMostScalars = 160;
  if (isUsedAsIndex(reader, read))
    return false;
  bool inBody = read < reader.getNumBodyReads();
  if (!inBody && drawsNumbers(producer) && isProductSum(reader))
    return false;
  Block &into = inBody ? *reader.getBodyBlock() : reader.getFinish().front();
  if (reader.getReads().size() + producer.getReads().size() > kMostReads ||
      costOf(into).ops + costOf(*producer.getBodyBlock()).ops > kMostScalars)
    return false;
  EquationDraft from = EquationDraft::of(producer), draft = EquationDraft::of(reader);
  const DraftRead &access = draft.reads[read];
  for (int64_t clamped : access.clamped)
    if (!passesClampOn(from, clamped))
      return false;
  if (!guardOf(access, draft.extents).empty() && !canGuard(producer, result, draft, read))
    return false;
  return canImport(*from.body, access.coords, draft.extents);
}

//===------------------------------------------------------------------------------------------===//
// Does it pay?
//===------------------------------------------------------------------------------------------===//

/// How often a read computes each element of the producer again, on average.
static double overlapOf(OpOperand &use) {
  auto reader = cast<ComputeOp>(use.getOwner());
  bool inBody = use.getOperandNumber() < reader.getNumBodyReads();
  auto shape = cast<RankedTensorType>(use.get().getType()).getShape();
  return pointsOf(inBody ? reader.getExtents() : reader.getParallelExtents()) / pointsOf(shape);
}

/// It reads no more than it writes: its readers have no more to read than before, however many they
/// are.
static bool readsLittle(ComputeOp op) {
  double read = 0, written = 0;
  for (Value tensor : op.getReads())
    if (!tensor.getDefiningOp<RandomOp>())
      read += bytesOf(tensor.getType());
  for (Type type : op.getResultTypes())
    written += bytesOf(type);
  return read <= 1.1 * written;
}

static bool pays(ComputeOp producer, ArrayRef<OpOperand *> uses) {
  constexpr double kOnce = 1.5, kMostRepeatedOps = 16;
  constexpr unsigned kCheapOps = 2;
  ScalarCost cost = innerCostOf(producer);
  if (producer.getReads().empty() && producer.getBodyBlock()->getOps<IndexOp>().empty())
    return true; // a number
  double overlap = 0;
  for (OpOperand *use : uses) {
    if (drawsNumbers(producer) && overlapOf(*use) > kOnce)
      return false; // a number costs tens of cycles: once a reader, but not once a window
    overlap += overlapOf(*use);
  }
  if (uses.size() == 1 && overlap <= kOnce)
    return true;
  if (cost.expensive || cost.ops * (overlap - 1) > kMostRepeatedOps)
    return false;
  return uses.size() == 1 || (cost.ops <= kCheapOps && readsLittle(producer));
}

/// All uses of the producer, if inlining it into every one of them is allowed and pays; else none.
static SmallVector<OpOperand *> usesToInline(ComputeOp producer) {
  SmallVector<OpOperand *> uses;
  for (OpResult result : producer->getResults())
    for (OpOperand &use : result.getUses()) {
      auto reader = dyn_cast<ComputeOp>(use.getOwner());
      if (!reader || (use.getOperandNumber() < reader.getNumBodyReads() && isContraction(reader)))
        return {};
      uses.push_back(&use);
    }
  bool allowed = !uses.empty() && pays(producer, uses) && llvm::all_of(uses, [&](OpOperand *use) {
    unsigned result = cast<OpResult>(use->get()).getResultNumber();
    return canInline(producer, result, cast<ComputeOp>(use->getOwner()), use->getOperandNumber());
  });
  return allowed ? uses : SmallVector<OpOperand *>();
}

//===------------------------------------------------------------------------------------------===//
// Inlining
//===------------------------------------------------------------------------------------------===//

/// The producer's read `read`, seen from the reader through `access`.
static DraftRead compose(DraftRead read, const DraftRead &access, ArrayRef<IndexCondition> guard,
                         ArrayRef<AffineExpr> symbols) {
  for (auto [dim, coordinate] : llvm::enumerate(read.coords))
    if (auto index = dyn_cast<AffineDimExpr>(coordinate);
        index && access.isClamped(index.getPosition()) && !read.isClamped(dim))
      read.clamped.push_back(dim);
  read.map([&](AffineExpr expr) { return expr.replaceDimsAndSymbols(access.coords, symbols); });
  if (!guard.empty()) {
    read.conditions.append(guard.begin(), guard.end());
    bool isFloat = cast<RankedTensorType>(read.tensor.getType()).getElementType().isF32();
    if (!read.outside)
      read.outside = isFloat ? *access.outside : 0.0; // any value will do
  }
  return read;
}

static unsigned addRead(EquationDraft &draft, DraftRead read, bool inBody, Location loc) {
  return inBody ? addBodyRead(draft, std::move(read), loc)
                : addFinishRead(draft, std::move(read), loc);
}

/// Adds the reads of `from` to the draft, as seen through read `number`.
static void importReads(EquationDraft &draft, unsigned number, EquationDraft &from,
                        ArrayRef<IndexCondition> guard, ScalarImport &import, Location loc) {
  bool inBody = number < draft.numBodyReads();
  const DraftRead access = draft.reads[number];
  SmallVector<AffineExpr> symbols;
  for (auto [i, read] : llvm::enumerate(from.reads)) {
    unsigned position = addRead(draft, compose(read, access, guard, symbols), inBody, loc);
    import.values.map(from.argumentOf(i), draft.argumentOf(position));
    import.reads.push_back(position);
    symbols.push_back(getAffineSymbolExpr(position, draft.context));
  }
}

/// The number of a read that is inside exactly where `guard` holds.
static unsigned findWitness(EquationDraft &draft, unsigned number, const EquationDraft &from,
                            ArrayRef<IndexCondition> guard, const ScalarImport &import,
                            Location loc) {
  if (std::optional<unsigned> own = unguardedRead(from, 0, from.reads.size()))
    return import.reads[*own];
  DraftRead witness = draft.reads[*witnessFor(draft, number)];
  witness.conditions.append(guard.begin(), guard.end());
  witness.outside = 0.0;
  return addRead(draft, witness, number < draft.numBodyReads(), loc);
}

/// Computes result `result` of `producer` in the draft, in place of read `number`.
static void inlineRead(EquationDraft &draft, unsigned number, ComputeOp producer, unsigned result) {
  EquationDraft from = EquationDraft::of(producer);
  const DraftRead access = draft.reads[number];
  SmallVector<IndexCondition> guard = guardOf(access, draft.extents);
  Block &block = number < draft.numBodyReads() ? *draft.body : *draft.finish;
  ScalarImport import;
  import.indices = access.coords;
  import.extents = from.extents;
  importReads(draft, number, from, guard, import, producer.getLoc());
  unsigned witness =
      guard.empty() ? 0 : findWitness(draft, number, from, guard, import, producer.getLoc());
  Operation *place = &block.front();
  Value value = importScalars(draft, *from.body, import, place)[result];
  if (!guard.empty()) {
    ScalarBuilder scalars(place);
    Value inside = scalars.create<InsideOp>(IntegerType::get(draft.context, 1), witness);
    value = scalars.select(inside, value, scalars.constant(*access.outside));
    for (InsideOp op : block.getOps<InsideOp>())
      if (op.getRead() == number)
        op.setRead(witness);
  }
  draft.argumentOf(number).replaceAllUsesWith(value);
}

namespace gnc {

bool canComputeIn(ComputeOp producer, ComputeOp reader) {
  return producer.isPointwise() && !producer.hasFinish() &&
         llvm::all_of(llvm::enumerate(reader.getReads()), [&](auto read) {
           auto source = dyn_cast<OpResult>(read.value());
           return !source || source.getOwner() != producer ||
                  canInline(producer, source.getResultNumber(), reader, read.index());
         });
}

ComputeOp computeIn(ComputeOp producer, ComputeOp reader) {
  EquationDraft draft = EquationDraft::of(reader);
  // From the last: a read that is added to the body moves up those after it.
  for (unsigned read = draft.reads.size(); read-- > 0;)
    if (auto source = dyn_cast<OpResult>(draft.reads[read].tensor);
        source && source.getOwner() == producer)
      inlineRead(draft, read, producer, source.getResultNumber());
  return replaceWith(reader, draft);
}

bool inlineIntoReaders(ComputeOp producer) {
  if (!producer.isPointwise() || producer.hasFinish())
    return false;
  SmallVector<OpOperand *> uses = usesToInline(producer);
  if (uses.empty())
    return false;
  SmallVector<ComputeOp> readers;
  for (OpOperand *use : uses)
    if (auto reader = cast<ComputeOp>(use->getOwner()); !llvm::is_contained(readers, reader))
      readers.push_back(reader);
  for (ComputeOp reader : readers)
    computeIn(producer, reader);
  return true;
}

} // namespace gnc
