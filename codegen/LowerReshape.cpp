#include "codegen/LowerReshape.h"
#include "ir/CopyEquation.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"
#include "passes/Contraction.h"

using namespace mlir;

namespace gnc {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

bool isAlias(ReshapeOp op) {
  return !typeOf(op.getInput()).getEncoding() && !typeOf(op.getResult()).getEncoding();
}

void lowerReshape(ReshapeOp op) {
  OpBuilder builder(op);
  MLIRContext *context = op.getContext();
  RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
  bool batched = to.getRank() > 0 && to.isDynamicDim(0);
  AffineExpr position = builder.getAffineConstantExpr(0);
  for (unsigned dim = batched; dim < to.getRank(); ++dim)
    position = position * to.getDimSize(dim) + builder.getAffineDimExpr(dim);
  SmallVector<AffineExpr> coords(from.getRank());
  for (unsigned dim = from.getRank(); dim-- > (batched ? 1u : 0u);) {
    coords[dim] = dim == (batched ? 1u : 0u) ? position : position % from.getDimSize(dim);
    position = position.floorDiv(from.getDimSize(dim));
  }
  if (batched)
    coords[0] = builder.getAffineDimExpr(0);
  auto access = AccessAttr::get(AffineMap::get(to.getRank(), 0, coords, context));
  op.replaceAllUsesWith(createCopy(builder, op.getLoc(), op.getInput(), to, access));
  op.erase();
}

/// The index that alone decides about `atom`.
static std::optional<unsigned> soleIndex(AffineExpr atom, unsigned numIndices) {
  std::optional<unsigned> sole;
  for (unsigned index = 0; index < numIndices; ++index)
    if (atom.isFunctionOfDim(index)) {
      if (sole)
        return std::nullopt;
      sole = index;
    }
  return sole;
}

/// Whether each element that `access` reads of `from` lies where the one of `to` does.
static bool liesInPlace(AccessAttr access, RankedTensorType from, RankedTensorType to) {
  MLIRContext *context = access.getContext();
  AffineExpr offset = getAffineConstantExpr(0, context);
  for (auto [coordinate, stride] :
       llvm::zip_equal(access.getCoords().getResults(), physicalStrides(from)))
    offset = offset + coordinate * stride;
  LinearForm form = linearForm(offset);
  SmallVector<int64_t> strides = physicalStrides(to);
  SmallVector<AffineExpr> parts(to.getRank(), getAffineConstantExpr(0, context));
  for (auto [atom, coefficient] : form.terms) {
    std::optional<unsigned> index = soleIndex(atom, to.getRank());
    if (!index)
      return false;
    parts[*index] = parts[*index] + atom * coefficient;
  }
  for (auto [index, part] : llvm::enumerate(parts)) {
    AffineExpr dim = getAffineDimExpr(index, context);
    if (part == dim * strides[index])
      continue;
    if (to.isDynamicDim(index))
      return false;
    for (int64_t value = 0; value < to.getDimSize(index); ++value)
      if (part.replace(dim, getAffineConstantExpr(value, context)) !=
          getAffineConstantExpr(value * strides[index], context))
        return false;
  }
  return form.constant == 0;
}

static bool movesNothing(ComputeOp op) {
  if (!op.isPointwise() || op.hasFinish() || op.getNumResults() != 1 || op.getReads().size() != 1 ||
      op.getYielded()[0] != op.getBodyBlock()->getArgument(0))
    return false;
  Value tensor = op.getReads()[0], result = op.getResult(0);
  AccessAttr access = op.getAccess(0);
  // Arguments are updated in their place, results have buffers of their own.
  bool inside =
      tensor.getDefiningOp() && !isa<RandomOp>(tensor.getDefiningOp()) &&
      llvm::all_of(result.getUsers(), [](Operation *user) { return isa<ComputeOp, CudaOp>(user); });
  return inside && !access.isGuarded() && access.getClamped().empty() && !isDataDependent(access) &&
         typeOf(tensor).getElementType() == typeOf(result).getElementType() &&
         elementsAt(typeOf(tensor), 1) == elementsAt(typeOf(result), 1) &&
         liesInPlace(access, typeOf(tensor), typeOf(result));
}

void nameCopies(func::FuncOp function) {
  for (ComputeOp op : llvm::make_early_inc_range(function.getOps<ComputeOp>())) {
    if (!movesNothing(op))
      continue;
    OpBuilder builder(op);
    Type type = op.getResult(0).getType();
    op.getResult(0).replaceAllUsesWith(
        ReshapeOp::create(builder, op.getLoc(), type, op.getReads()[0]));
    op.erase();
  }
}

} // namespace gnc
