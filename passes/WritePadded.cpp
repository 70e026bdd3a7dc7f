//===- WritePadded.cpp - a tensor with its border is written by who computes it ---------------===//
//
// A contraction reads a copy of its operand that has a border of zeros (MaterializeGuards.cpp):
//
//   x[n, c, i] = f(..)        p[n, c, q] = x[n, c, q - 1] ?? 0        y = contraction of p
//
// Where f is pointwise, p is computed instead of x,
//
//   p[n, c, q] = f(.. at q - 1) where 0 <= q - 1 < extent, else 0
//
// and whoever read x[i] reads p[i + 1]. That saves a pass over memory and, on a card, its launch;
// the elements of a row of p are as far from each other as those of x, but rows have gaps between
// them. Several copies of one tensor (forward and weight gradient, or windows of several sizes)
// become one, wide enough for all. Changes no bit.
//
// Not where x is what the host sees, or an update; nor where x is a sum: the border would be asked
// for by every term, and contractions ask for nothing.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/IndexMath.h"
#include "ir/LibraryCall.h"
#include "ir/ScalarBuilder.h"
#include "passes/FuseElementwise.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_WRITEPADDED
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

//===------------------------------------------------------------------------------------------===//
// What is wanted
//===------------------------------------------------------------------------------------------===//

namespace {
/// How far a tensor goes beyond another one, by dimension.
struct Border {
  SmallVector<int64_t> before, after;
  explicit Border(unsigned rank) : before(rank, 0), after(rank, 0) {}
  void cover(const Border &other) {
    for (unsigned dim = 0; dim < before.size(); ++dim) {
      before[dim] = std::max(before[dim], other.before[dim]);
      after[dim] = std::max(after[dim], other.after[dim]);
    }
  }
};
} // namespace

/// The border, if `op` copies a tensor and adds one of zeros.
static std::optional<Border> borderOfCopy(ComputeOp op) {
  if (!op.isPointwise() || op.hasFinish() || op.getNumResults() != 1 || op.getReads().size() != 1 ||
      op.getYielded()[0] != op.getBody().getArgument(0) || isLibraryCall(op))
    return std::nullopt;
  AccessAttr access = op.getAccess(0);
  ArrayRef<int64_t> from = cast<RankedTensorType>(op.getReads()[0].getType()).getShape();
  ArrayRef<int64_t> to = op.getExtents();
  if (!access.isZeroOutside() || !access.getClamped().empty() || !access.getLimits().empty() ||
      from.size() != to.size())
    return std::nullopt;
  Border border(from.size());
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults())) {
    AffineExpr index = getAffineDimExpr(dim, op.getContext());
    LinearForm form = linearForm(coordinate);
    bool shifted = form.terms.size() == 1 && form.coefficient(index) == 1;
    bool dynamic = ShapedType::isDynamic(from[dim]);
    if (!shifted || form.constant > 0 || dynamic != ShapedType::isDynamic(to[dim]) ||
        (dynamic && form.constant) || to[dim] + form.constant < from[dim])
      return std::nullopt;
    border.before[dim] = -form.constant;
    border.after[dim] = dynamic ? 0 : to[dim] + form.constant - from[dim];
  }
  return border;
}

/// The border that the results of `op` are copied with; nullopt if they are not, or if someone must
/// see them without.
static std::optional<Border> wantedBorder(ComputeOp op) {
  std::optional<Border> wanted;
  for (Value result : op->getResults())
    for (OpOperand &use : result.getUses()) {
      auto reader = dyn_cast<ComputeOp>(use.getOwner());
      if (!reader || isLibraryCall(reader) ||
          !reader.getAccess(use.getOperandNumber()).getClamped().empty())
        return std::nullopt;
      if (std::optional<Border> border = borderOfCopy(reader)) {
        if (!wanted)
          wanted = Border(op.getNumParallel());
        wanted->cover(*border);
      }
    }
  return wanted;
}

//===------------------------------------------------------------------------------------------===//
// Rewriting
//===------------------------------------------------------------------------------------------===//

/// Copies of all results of `op` that are read, with the border: what is to compute them.
static ComputeOp createPadded(ComputeOp op, const Border &border) {
  EquationDraft draft(op.getContext());
  DraftRead read;
  for (unsigned dim = 0; dim < op.getNumParallel(); ++dim) {
    int64_t extent = op.getExtents()[dim], more = border.before[dim] + border.after[dim];
    draft.names.push_back(op.getIndexName(dim).str());
    draft.extents.push_back(ShapedType::isDynamic(extent) ? extent : extent + more);
    read.coords.push_back(getAffineDimExpr(dim, draft.context) - border.before[dim]);
  }
  draft.numParallel = draft.extents.size();
  read.outside = 0.0;
  for (Value result : op->getResults()) {
    if (result.use_empty())
      continue;
    read.tensor = result;
    draft.addRead(read, op.getLoc());
    draft.reductions.push_back(Reduction::None);
    draft.resultTypes.push_back(RankedTensorType::get(
        draft.extents, cast<RankedTensorType>(result.getType()).getElementType()));
  }
  OpBuilder inner = endOf(draft.body.get(), draft.context);
  YieldOp::create(inner, op.getLoc(), draft.body->getArguments());
  OpBuilder builder(op->getNextNode());
  return draft.create(builder, op.getLoc());
}

/// Lets a read of a tensor read `padded`, in which its element 0 is element `shift`. Outside stays
/// outside.
static void readPadded(DraftRead &read, Value padded, ArrayRef<int64_t> shift,
                       ArrayRef<int64_t> extents) {
  for (auto [dim, coordinate] : llvm::enumerate(read.coords)) {
    int64_t size = read.shape()[dim];
    if (read.isGuarded() && !ShapedType::isDynamic(size) &&
        !rangeOf(coordinate, extents).inside(size))
      read.conditions.push_back({coordinate, size});
  }
  for (auto [coordinate, by] : llvm::zip_equal(read.coords, shift))
    coordinate = coordinate + by;
  read.tensor = padded;
}

/// All readers of `tensor` read `padded`; copies that only add to a border are gone.
static void replaceBy(Value tensor, Value padded, ArrayRef<int64_t> shift) {
  while (!tensor.use_empty()) {
    auto reader = cast<ComputeOp>(*tensor.getUsers().begin());
    if (std::optional<Border> border = borderOfCopy(reader)) {
      SmallVector<int64_t> rest;
      for (auto [all, own] : llvm::zip_equal(shift, border->before))
        rest.push_back(all - own);
      replaceBy(reader->getResult(0), padded, rest);
      reader.erase();
      continue;
    }
    EquationDraft draft = EquationDraft::of(reader);
    for (DraftRead &read : draft.reads)
      if (read.tensor == tensor)
        readPadded(read, padded, shift, draft.extents);
    replaceWith(reader, draft);
  }
}

static void writePadded(ComputeOp op) {
  constexpr double kMostGrowth = 4;
  if (!op.isPointwise() || op.hasFinish() || isLibraryCall(op))
    return;
  std::optional<Border> border = wantedBorder(op);
  if (!border)
    return;
  ComputeOp padded = createPadded(op, *border);
  if (!canComputeIn(op, padded) ||
      pointsOf(padded.getExtents()) > kMostGrowth * pointsOf(op.getExtents())) {
    padded.erase();
    return;
  }
  SmallVector<Value> results;
  llvm::copy_if(op->getResults(), std::back_inserter(results),
                [](Value result) { return !result.use_empty(); });
  padded = computeIn(op, padded);
  for (auto [result, whole] : llvm::zip_equal(results, padded->getResults()))
    replaceBy(result, whole, border->before);
  op.erase();
}

namespace {
struct WritePadded : gnc::impl::WritePaddedBase<WritePadded> {
  void runOnOperation() override {
    if (getOperation().isExternal() || storesHalf(getOperation()))
      return;
    SmallVector<ComputeOp> ops(getOperation().getOps<ComputeOp>());
    // From the last: the readers that an equation replaces and erases have been looked at.
    for (ComputeOp op : llvm::reverse(ops))
      writePadded(op);
  }
};
} // namespace
