#include "codegen/Emit.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"

using namespace mlir;

namespace gnc {

SmallVector<int64_t> readStrides(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> strides = physicalStrides(type);
  if (isRandom(tensor) && isBatched(type))
    strides[0] = 0;
  return strides;
}

std::optional<unsigned> sampleIndex(ComputeOp op, unsigned read) {
  if (!isBatched(op.getReads()[read].getType()))
    return std::nullopt;
  return cast<AffineDimExpr>(op.getAccess(read).getCoords().getResult(0)).getPosition();
}

std::optional<StridedAddress> stridedAddress(AccessAttr access, RankedTensorType type,
                                             unsigned numIndices) {
  return stridedAddress(access, physicalStrides(type), numIndices);
}

std::optional<StridedAddress> stridedAddress(AccessAttr access, ArrayRef<int64_t> strides,
                                             unsigned numIndices) {
  StridedAddress address;
  address.strides.assign(numIndices, 0);
  for (auto [coordinate, stride] : llvm::zip_equal(access.getCoords().getResults(), strides)) {
    LinearForm form = linearForm(coordinate);
    if (!form.isAffineInDims())
      return std::nullopt;
    address.base += form.constant * stride;
    for (auto &[atom, coefficient] : form.terms)
      address.strides[cast<AffineDimExpr>(atom).getPosition()] += coefficient * stride;
  }
  return address;
}

StridedAddress panelAddress(ComputeOp op, const Contraction &c, unsigned vector) {
  AffineMap coords = op.getAccess(c.b).getCoords();
  SmallVector<AffineExpr> inPanel(coords.getResults());
  SmallVector<int64_t> strides =
      physicalStrides(cast<RankedTensorType>(op.getReads()[c.b].getType()));
  inPanel.front() = getAffineDimExpr(vector, op.getContext());
  strides.front() /= c.panel;
  inPanel.back() = getAffineConstantExpr(0, op.getContext());
  auto access = AccessAttr::get(
      AffineMap::get(coords.getNumDims(), coords.getNumSymbols(), inPanel, op.getContext()));
  return *stridedAddress(access, strides, op.getNumIndices());
}

StridedAddress resultAddress(ComputeOp op, unsigned result) {
  StridedAddress address;
  llvm::append_range(address.strides,
                     physicalStrides(cast<RankedTensorType>(op.getResultTypes()[result])));
  address.strides.resize(op.getNumIndices(), 0);
  return address;
}

bool hasStridedFinish(ComputeOp op) {
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i) {
    AccessAttr access = op.getAccess(i);
    auto type = cast<RankedTensorType>(op.getReads()[i].getType());
    if (isRandom(op.getReads()[i]) || access.isGuarded() || !access.getClamped().empty() ||
        !stridedAddress(access, type, op.getNumIndices()))
      return false;
  }
  return !op.getFinish()
              .walk([](Operation *scalar) {
                return isa<IndexOp, InsideOp>(scalar) ? WalkResult::interrupt()
                                                      : WalkResult::advance();
              })
              .wasInterrupted();
}

std::optional<unsigned> contractionVector(ComputeOp op, ContractionForms forms) {
  if (!isProductSum(op) || isRandom(op.getReads()[0]) || isRandom(op.getReads()[1]) ||
      !hasStridedFinish(op) || !scalarTypeOf(op.getResultTypes()[0]).isF32())
    return std::nullopt;
  for (unsigned vector : vectorCandidates(op)) {
    auto c = classify(op, vector);
    if (!c->bounds.empty() && !forms.bounds)
      continue;
    auto type = cast<RankedTensorType>(op.getReads()[c->b].getType());
    bool readable;
    if (c->panel)
      readable = forms.panelLanes && llvm::isPowerOf2_64(c->panel) &&
                 c->panel % forms.panelLanes == 0 && physicalStrides(type).back() == 1;
    else
      readable =
          stridedAddress(op.getAccess(c->b), type, op.getNumIndices())->strides[vector] == 1 ||
          (forms.alongSums && liesAlongSum(op, *c));
    if (readable && resultAddress(op, 0).strides[vector] == 1)
      return vector;
  }
  return std::nullopt;
}

} // namespace gnc
