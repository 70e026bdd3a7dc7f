#include "ir/Layout.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace gnc {

SmallVector<unsigned> physicalOrder(RankedTensorType type) {
  SmallVector<unsigned> order;
  if (auto map = dyn_cast_or_null<AffineMapAttr>(type.getEncoding()))
    for (AffineExpr expr : map.getValue().getResults())
      order.push_back(cast<AffineDimExpr>(expr).getPosition());
  else
    order = llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
  return order;
}

SmallVector<int64_t> physicalStrides(RankedTensorType type) {
  SmallVector<int64_t> strides(type.getRank());
  int64_t stride = 1;
  for (unsigned dim : llvm::reverse(physicalOrder(type))) {
    strides[dim] = stride;
    if (!type.isDynamicDim(dim)) // the batch: outermost, no stride depends on it
      stride *= type.getDimSize(dim);
  }
  return strides;
}

RankedTensorType withOrder(RankedTensorType type, ArrayRef<unsigned> order) {
  Attribute encoding;
  if (!llvm::equal(order, llvm::seq<unsigned>(0, type.getRank())))
    encoding = AffineMapAttr::get(AffineMap::getPermutationMap(order, type.getContext()));
  return RankedTensorType::get(type.getShape(), type.getElementType(), encoding);
}

int64_t elementsAt(RankedTensorType type, int64_t batch) {
  int64_t count = 1;
  for (int64_t extent : type.getShape())
    count *= ShapedType::isDynamic(extent) ? batch : extent;
  return count;
}

} // namespace gnc
