//===- SplitResidues.cpp - indices that are divided become two --------------------------------===//
//
// The data gradient of a convolution with stride 2 reads, with q its own position,
//
//   dx[n, c, q] = sum[k, r < 2] dy[n, k, (q + 1) floordiv 2 - r] * w[k, c, 2*r + (q + 1) mod 2]
//
// which is no walk by strides, so no contraction. Split by the residue, q = 2*p + s, it is one for
// each s:
//
//   t[n, c, p, s] = sum[k, r < 2] dy[n, k, p + s - r] * w[k, c, 2*r + 1 - s]
//   dx[n, c, q]   = t[n, c, q floordiv 2, q mod 2]
//
// since any function of two values is linear; for other strides this happens where the shift is a
// multiple of the stride. What decides about a term by s alone (an exact division of q) or by s and
// r (a tap that is not there) is a bound of the sum, which then skips it (Contraction.h).
//
// Where the stride does not divide the extent of q, t has positions that
// nobody asks for, and reads that leave their tensors there are guarded. The copy at the end moves
// elements within one row. Sums keep their order: no bit changes. Runs before guards are
// materialised; what does not become affine is left alone.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/EquationDraft.h"
#include "ir/IndexMath.h"
#include "ir/LibraryCall.h"
#include "passes/Contraction.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_SPLITRESIDUES
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// The one number by which coordinates divide something that contains the index; none if there are
/// several, or none.
static std::optional<int64_t> divisorOf(const EquationDraft &draft, unsigned index) {
  int64_t divisor = 0;
  bool several = false;
  auto look = [&](AffineExpr expr) {
    auto kind = expr.getKind();
    if ((kind != AffineExprKind::FloorDiv && kind != AffineExprKind::Mod) ||
        !expr.isFunctionOfDim(index))
      return;
    auto constant = dyn_cast<AffineConstantExpr>(cast<AffineBinaryOpExpr>(expr).getRHS());
    several |= !constant || (divisor && divisor != constant.getValue());
    if (constant)
      divisor = constant.getValue();
  };
  for (const DraftRead &read : draft.reads)
    read.walk([&](AffineExpr expr) { expr.walk(look); });
  return divisor > 1 && !several ? std::optional(divisor) : std::nullopt;
}

/// The same function of its dims without divisions, if it is linear: `expr` minus its divisions,
/// each of which depends on one index of few values.
static std::optional<AffineExpr> withoutDivisions(AffineExpr expr, ArrayRef<int64_t> extents) {
  MLIRContext *context = expr.getContext();
  AffineExpr sum = getAffineConstantExpr(linearForm(expr).constant, context);
  for (auto [atom, coefficient] : linearForm(expr).terms) {
    if (isa<AffineDimExpr>(atom)) {
      sum = sum + atom * coefficient;
      continue;
    }
    std::optional<unsigned> only;
    for (unsigned d = 0; d < extents.size(); ++d)
      if (atom.isFunctionOfDim(d)) {
        if (only)
          return std::nullopt;
        only = d;
      }
    if (!only || isa<AffineSymbolExpr>(atom) || ShapedType::isDynamic(extents[*only]))
      return std::nullopt;
    AffineExpr dim = getAffineDimExpr(*only, context);
    auto at = [&](int64_t value) -> std::optional<int64_t> {
      auto constant =
          dyn_cast<AffineConstantExpr>(atom.replace(dim, getAffineConstantExpr(value, context)));
      return constant ? std::optional(constant.getValue()) : std::nullopt;
    };
    std::optional<int64_t> zero = at(0), one = at(1);
    for (int64_t value = 0; value < extents[*only]; ++value)
      if (!zero || !one || at(value) != *zero + value * (*one - *zero))
        return std::nullopt;
    sum = sum + (dim * (*one - *zero) + *zero) * coefficient;
  }
  return sum;
}

namespace {
/// A result index q and the m of q = m*p + s.
struct Split {
  unsigned index;
  int64_t divisor;
};
} // namespace

static SmallVector<Split> findSplits(const EquationDraft &draft) {
  constexpr int64_t kLargestDivisor = 8;
  SmallVector<Split> splits;
  for (unsigned index = 0; index < draft.numParallel; ++index) {
    std::optional<int64_t> divisor = divisorOf(draft, index);
    int64_t extent = draft.extents[index];
    if (divisor && *divisor <= kLargestDivisor && !ShapedType::isDynamic(extent) &&
        extent >= *divisor)
      splits.push_back({index, *divisor});
  }
  return splits;
}

/// Guards a read that leaves its tensor. A batch is as long everywhere.
static void guard(DraftRead &read, ArrayRef<int64_t> extents) {
  for (auto [coordinate, expr] : llvm::enumerate(read.coords)) {
    int64_t size = read.shape()[coordinate];
    if (!read.isGuarded() && !ShapedType::isDynamic(size) && !read.isClamped(coordinate) &&
        !rangeOf(expr, extents).inside(size))
      read.outside = 0;
  }
}

/// Replaces the indices; false if an access does not become affine.
static bool applySplits(EquationDraft &draft, ArrayRef<Split> splits) {
  SmallVector<AffineExpr> replacements;
  SmallVector<std::string> names;
  SmallVector<int64_t> extents;
  const Split *next = splits.begin();
  for (unsigned index = 0; index < draft.extents.size(); ++index) {
    AffineExpr first = getAffineDimExpr(extents.size(), draft.context);
    if (next == splits.end() || next->index != index) {
      replacements.push_back(first);
      names.push_back(draft.names[index]);
      extents.push_back(draft.extents[index]);
      continue;
    }
    replacements.push_back(first * next->divisor +
                           getAffineDimExpr(extents.size() + 1, draft.context));
    names.append({draft.names[index], draft.names[index] + "_m"});
    extents.push_back(llvm::divideCeil(draft.extents[index], next->divisor));
    extents.push_back(next->divisor);
    ++next;
  }
  bool affine = true;
  for (DraftRead &read : draft.reads) {
    read.map([&](AffineExpr expr) {
      expr = simplify(expr.replaceDims(replacements), extents);
      std::optional<AffineExpr> linear = withoutDivisions(expr, extents);
      affine &= linear.has_value();
      return linear ? simplify(*linear, extents) : expr;
    });
    guard(read, extents);
  }
  draft.names = names;
  draft.extents = extents;
  draft.numParallel += splits.size();
  return affine;
}

/// Whether a scalar speaks of an index by its number.
static bool namesIndices(ComputeOp op) {
  bool found = false;
  op.walk([&](Operation *scalar) { found |= isa<IndexOp, ExtentOp>(scalar); });
  return found;
}

/// The equation that puts the sums of `draft` together again, over the indices it has now; its
/// first read is theirs, still without coordinates. It takes what follows the sums along if `all`.
static EquationDraft takeTail(EquationDraft &draft, bool all, Location loc) {
  EquationDraft tail(draft.context);
  tail.numParallel = draft.numParallel;
  tail.names.assign(draft.names.begin(), draft.names.begin() + draft.numParallel);
  tail.extents.assign(draft.extents.begin(), draft.extents.begin() + draft.numParallel);
  tail.reductions = {Reduction::None};
  tail.resultTypes = draft.resultTypes;
  tail.reads.emplace_back();
  OpBuilder builder(draft.context);
  builder.setInsertionPointToEnd(tail.body.get());
  YieldOp::create(builder, loc, tail.body->addArgument(scalarTypeOf(draft.resultTypes[0]), loc));
  if (all) {
    tail.finish = std::move(draft.finish);
    tail.reads.append(draft.reads.begin() + draft.numBodyReads(), draft.reads.end());
    draft.reads.truncate(draft.numBodyReads());
  }
  return tail;
}

/// Whether the conditions of the sum, which are of exact divisions, became bounds of a contraction;
/// what they did not is for padding.
static bool boundsConditions(ComputeOp op) {
  auto conditional = [](AccessAttr access) { return !access.getLimits().empty(); };
  if (llvm::none_of(op.getAccesses().getAsRange<AccessAttr>(), conditional))
    return true;
  return isContraction(op) && llvm::all_of(llvm::seq(op.getNumBodyReads()), [&](unsigned read) {
           return op.getAccess(read).getLimits().empty() || sumBounds(op, read);
         });
}

static void splitResidues(ComputeOp op, bool bounds) {
  if (!isProductSum(op) || isLibraryCall(op) || namesIndices(op))
    return;
  EquationDraft draft = EquationDraft::of(op);
  for (auto [read, access] : llvm::enumerate(op.getAccesses().getAsRange<AccessAttr>())) {
    bool inSum = read < op.getNumBodyReads();
    if ((!access.getLimits().empty() && !(bounds && inSum)) || isDataDependent(access))
      return;
  }
  SmallVector<Split> splits = findSplits(draft);
  if (splits.empty())
    return;
  // What follows the sums would need guards at positions that nobody asks for, which a contraction
  // must not have.
  bool ragged = llvm::any_of(
      splits, [&](Split split) { return draft.extents[split.index] % split.divisor != 0; });
  EquationDraft tail = takeTail(draft, ragged && draft.finish, op.getLoc());
  if (!applySplits(draft, splits))
    return;
  Type element = cast<RankedTensorType>(op.getResult(0).getType()).getElementType();
  draft.resultTypes = {
      RankedTensorType::get(ArrayRef(draft.extents).take_front(draft.numParallel), element)};
  OpBuilder builder(op);
  ComputeOp sums = draft.create(builder, op.getLoc());
  if (!boundsConditions(sums))
    return sums.erase();
  tail.reads[0].tensor = sums.getResult(0);
  const Split *next = splits.begin();
  for (unsigned index = 0; index < tail.numParallel; ++index) {
    AffineExpr dim = builder.getAffineDimExpr(index);
    if (next == splits.end() || next->index != index) {
      tail.reads[0].coords.push_back(dim);
      continue;
    }
    tail.reads[0].coords.append({dim.floorDiv(next->divisor), dim % next->divisor});
    ++next;
  }
  settle(tail, op.getLoc());
  op.getResult(0).replaceAllUsesWith(tail.create(builder, op.getLoc()).getResult(0));
  op.erase();
}

namespace {
struct SplitResidues : gnc::impl::SplitResiduesBase<SplitResidues> {
  using SplitResiduesBase::SplitResiduesBase;
  void runOnOperation() override {
    SmallVector<ComputeOp> computes;
    getOperation().walk([&](ComputeOp op) { computes.push_back(op); });
    for (ComputeOp op : computes)
      splitResidues(op, bounds);
  }
};
} // namespace
