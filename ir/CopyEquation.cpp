#include "ir/CopyEquation.h"

using namespace mlir;

namespace gnc {

Value createCopy(OpBuilder &builder, Location loc, Value tensor, RankedTensorType type,
                 AccessAttr access) {
  unsigned rank = type.getRank();
  if (!access)
    access = AccessAttr::get(builder.getMultiDimIdentityMap(rank));
  SmallVector<Attribute> indexNames;
  for (unsigned i = 0; i < rank; ++i)
    indexNames.push_back(builder.getStringAttr("i" + std::to_string(i)));
  auto copy = ComputeOp::create(
      builder, loc, TypeRange{type}, ValueRange{tensor}, builder.getArrayAttr(indexNames),
      builder.getDenseI64ArrayAttr(type.getShape()), builder.getI64IntegerAttr(rank),
      builder.getDenseI32ArrayAttr({static_cast<int32_t>(Reduction::None)}),
      builder.getArrayAttr({access}));
  Block &body = copy.getBody().emplaceBlock();
  body.addArgument(scalarTypeOf(type), loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  YieldOp::create(inner, loc, body.getArguments());
  return copy.getResult(0);
}

void writeDown(RandomOp numbers, llvm::function_ref<bool(OpOperand &)> wants) {
  Value copy;
  for (OpOperand &use : llvm::make_early_inc_range(numbers->getUses())) {
    if (!wants(use))
      continue;
    if (!copy) {
      OpBuilder builder(numbers->getContext());
      builder.setInsertionPointAfter(numbers);
      copy = createCopy(builder, numbers.getLoc(), numbers,
                        cast<RankedTensorType>(numbers.getType()));
    }
    use.set(copy);
  }
}

} // namespace gnc
