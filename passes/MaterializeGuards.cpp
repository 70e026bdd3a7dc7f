//===- MaterializeGuards.cpp - padded operands for contractions -------------------------------===//
//
// The contraction kernel walks its operands by strides: no guards, no divisions. A product sum that
// reads
//
//   x[n, c, i * 2 + r - 1] ?? 0                      (padding)
//   dy[n, k, (i - r) floordiv 2] where ((i - r) mod 2 < 1) ?? 0   (exact division: a strided
//   gradient)
//
// gets a copy of the operand in which everything it can touch exists: xp[q] = x[q - 1] ?? 0 with q
// = i * 2 + r, and dyp[q] = dy[(q - 2) floordiv 2] where (..) ?? 0 with q = i - r + 2. The copy is
// an equation like any other; on a card, whoever computes the operand writes it that way
// (WritePadded.cpp). What does not fit this form is left alone, and so is a guard that a
// contraction takes as a bound of its sum (Contraction.h). Random numbers, which have no memory,
// are written down for product sums, too.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/CopyEquation.h"
#include "ir/IndexMath.h"
#include "ir/LibraryCall.h"
#include "passes/Contraction.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_MATERIALIZEGUARDS
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

namespace {
/// The padded copy of one read, dimension by dimension.
struct PaddedRead {
  SmallVector<AffineExpr> coords;     // of the contraction, into the copy
  SmallVector<int64_t> shape;         // of the copy
  SmallVector<AffineExpr> sources;    // coordinate of the original, over the copy's indices
  SmallVector<AffineExpr> conditions; // over the copy's indices
  SmallVector<int64_t> limits;
  double growth = 1; // elements of the copy over those of the original
};
} // namespace

/// The condition `numerator mod divisor < 1` of an exact division, if `access` has it; marks it as
/// used.
static bool takeExactness(AccessAttr access, AffineExpr numerator, int64_t divisor,
                          ArrayRef<int64_t> extents, SmallVectorImpl<bool> &used) {
  AffineExpr wanted = simplify(numerator % divisor, extents);
  for (auto [i, condition] : llvm::enumerate(access.getConditions().getResults()))
    if (access.getLimits()[i] == 1 && simplify(condition, extents) == wanted) {
      used[i] = true;
      return true;
    }
  return false;
}

/// Plans dimension `dim`; false if its coordinate is not (affine) or (affine) floordiv constant
/// with exactness.
static bool planDimension(ComputeOp op, AccessAttr access, unsigned dim, int64_t extent,
                          SmallVectorImpl<bool> &used, PaddedRead &plan) {
  MLIRContext *context = op.getContext();
  AffineExpr coordinate = simplify(access.getCoords().getResult(dim), op.getExtents());
  AffineExpr q = getAffineDimExpr(dim, context);
  int64_t divisor = 1;
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(coordinate);
      binary && coordinate.getKind() == AffineExprKind::FloorDiv) {
    divisor = cast<AffineConstantExpr>(binary.getRHS()).getValue();
    coordinate = binary.getLHS();
    if (!takeExactness(access, coordinate, divisor, op.getExtents(), used))
      return false;
  }
  if (!linearForm(coordinate).isAffineInDims())
    return false;
  if (ShapedType::isDynamic(extent)) { // the batch index alone
    plan.coords.push_back(coordinate), plan.shape.push_back(extent), plan.sources.push_back(q);
    return true;
  }
  IndexRange range = rangeOf(coordinate, op.getExtents());
  if (!range.low || !range.high)
    return false;
  int64_t low = divisor == 1 && range.inside(extent) ? 0 : *range.low;
  plan.coords.push_back(coordinate - low);
  plan.shape.push_back(divisor == 1 && range.inside(extent) ? extent : *range.high - low + 1);
  plan.sources.push_back((q + low).floorDiv(divisor));
  if (divisor != 1) {
    plan.conditions.push_back((q + low) % divisor);
    plan.limits.push_back(1);
  }
  return true;
}

static std::optional<PaddedRead> planRead(ComputeOp op, unsigned read) {
  AccessAttr access = op.getAccess(read);
  auto type = cast<RankedTensorType>(op.getReads()[read].getType());
  if (!access.isZeroOutside() || !access.getClamped().empty() || isDataDependent(access))
    return std::nullopt;
  PaddedRead plan;
  SmallVector<bool> used(access.getLimits().size(), false);
  for (auto [dim, extent] : llvm::enumerate(type.getShape()))
    if (!planDimension(op, access, dim, extent, used, plan))
      return std::nullopt;
  if (!llvm::all_of(used, [](bool u) { return u; }))
    return std::nullopt; // a condition that padding cannot express
  for (auto [from, to] : llvm::zip(type.getShape(), plan.shape))
    plan.growth *= ShapedType::isDynamic(from) ? 1.0 : double(to) / from;
  return plan.growth <= 16 ? std::optional(plan) : std::nullopt;
}

static Value buildCopy(OpBuilder &builder, Location loc, Value tensor, const PaddedRead &plan) {
  MLIRContext *context = builder.getContext();
  unsigned rank = plan.shape.size();
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return simplify(AffineMap::get(rank, /*one symbol per read*/ 0, exprs, context), plan.shape);
  };
  auto access = AccessAttr::get(map(plan.sources), map(plan.conditions), plan.limits, 0.0);
  auto element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return createCopy(builder, loc, tensor, RankedTensorType::get(plan.shape, element), access);
}

/// Whether both reads have a result index of their own, as rows and columns of a contraction do.
static bool hasRowsAndColumns(ComputeOp op) {
  bool own[2] = {false, false};
  for (unsigned index = 0; index < op.getNumParallel(); ++index) {
    bool inFirst = op.getAccess(0).getCoords().isFunctionOfDim(index),
         inSecond = op.getAccess(1).getCoords().isFunctionOfDim(index);
    own[0] |= inFirst && !inSecond, own[1] |= inSecond && !inFirst;
  }
  return own[0] && own[1];
}

/// What is no contraction (a window over each channel by itself) goes through vectorised loops,
/// which ask once for a row whether all of it is inside. Where little is not, that costs less than
/// a copy for this equation alone.
static bool isWorthACopy(ComputeOp op, Value tensor, const PaddedRead &plan) {
  constexpr double kLittleBorder = 1.1;
  bool shared = llvm::any_of(tensor.getUsers(), [&](Operation *user) {
    auto other = dyn_cast<ComputeOp>(user);
    return other && other != op && isProductSum(other);
  });
  return shared || plan.growth > kLittleBorder || hasRowsAndColumns(op);
}

static void materialize(ComputeOp op, bool bounds) {
  if (!isProductSum(op) || isLibraryCall(op))
    return;
  SmallVector<std::pair<unsigned, PaddedRead>, 2> plans;
  for (unsigned read = 0; read < op.getNumBodyReads(); ++read) {
    if (!op.getAccess(read).isGuarded() || (bounds && hasRowsAndColumns(op) && sumBounds(op, read)))
      continue;
    auto plan = planRead(op, read);
    if (!plan || !isWorthACopy(op, op.getReads()[read], *plan))
      return;
    plans.push_back({read, *plan});
  }
  OpBuilder builder(op);
  SmallVector<Attribute> accesses(op.getAccesses().begin(), op.getAccesses().end());
  for (auto &[read, plan] : plans) {
    op.getReadsMutable()[read].assign(buildCopy(builder, op.getLoc(), op.getReads()[read], plan));
    AffineMap old = op.getAccess(read).getCoords();
    auto coords =
        AffineMap::get(old.getNumDims(), old.getNumSymbols(), plan.coords, op.getContext());
    accesses[read] = AccessAttr::get(simplify(coords, op.getExtents()));
  }
  op.setAccessesAttr(builder.getArrayAttr(accesses));
}

/// The tile of a contraction loads what it multiplies.
static bool isOperandOfProducts(OpOperand &use) {
  auto reader = dyn_cast<ComputeOp>(use.getOwner());
  return reader && isProductSum(reader) && use.getOperandNumber() < reader.getNumBodyReads();
}

namespace {
struct MaterializeGuards : gnc::impl::MaterializeGuardsBase<MaterializeGuards> {
  using MaterializeGuardsBase::MaterializeGuardsBase;
  void runOnOperation() override {
    getOperation().walk([&](ComputeOp op) { materialize(op, bounds); });
    getOperation().walk([](RandomOp op) { writeDown(op, isOperandOfProducts); });
  }
};
} // namespace
