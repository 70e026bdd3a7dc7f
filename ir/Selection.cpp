#include "ir/Selection.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gnc {

std::optional<IndexQuestion> askedOf(Value condition) {
  auto compare = condition.getDefiningOp<arith::CmpFOp>();
  if (!compare || compare.getPredicate() != arith::CmpFPredicate::OEQ)
    return std::nullopt;
  auto index = compare.getLhs().getDefiningOp<IndexOp>();
  FloatAttr number;
  if (!index || !matchPattern(compare.getRhs(), m_Constant(&number)))
    return std::nullopt;
  return IndexQuestion{static_cast<unsigned>(index.getIndex()), number.getValueAsDouble()};
}

SmallVector<unsigned> selectingIndices(ComputeOp op) {
  constexpr int64_t kFewValues = 8, kFewPoints = 64;
  if (!op.isPointwise() || op.hasFinish())
    return {};
  SmallVector<unsigned> indices;
  int64_t points = 1;
  for (auto select : op.getBody().getOps<arith::SelectOp>()) {
    auto asked = askedOf(select.getCondition());
    if (!asked || llvm::is_contained(indices, asked->index))
      continue;
    int64_t extent = op.getExtents()[asked->index];
    if (ShapedType::isDynamic(extent) || extent > kFewValues || points * extent > kFewPoints)
      continue;
    indices.push_back(asked->index);
    points *= extent;
  }
  llvm::sort(indices);
  return indices;
}

} // namespace gnc
