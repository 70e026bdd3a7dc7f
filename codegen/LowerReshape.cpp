#include "codegen/LowerReshape.h"
#include "ir/CopyEquation.h"

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

} // namespace gnc
