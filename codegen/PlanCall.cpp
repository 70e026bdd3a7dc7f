#include "codegen/PlanCall.h"

#include "codegen/KernelBuilder.h"
#include "codegen/Programs.h"
#include "ir/LibraryCall.h"
#include "passes/Correlation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace gnc {

static bool isPlanned(Value tensor, Attribute order) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getElementType().isF32() &&
         liesAs(type, llvm::to_vector_of<unsigned>(cast<DenseI64ArrayAttr>(order).asArrayRef()));
}

FailureOr<PlanCall> declarePlan(OpBuilder &builder, ModuleOp module, ComputeOp op,
                                function_ref<Value(Value)> bufferOf) {
  auto call = op->getAttrOfType<DictionaryAttr>(names::kLibrary);
  auto orders = call.getAs<ArrayAttr>("orders");
  PlanCall made;
  for (int64_t operand : call.getAs<DenseI64ArrayAttr>("operands").asArrayRef()) {
    bool result = operand == int64_t(op.getReads().size());
    Value tensor = result ? op.getResult(0) : op.getReads()[operand];
    bool multiplied = result || operand < int64_t(op.getNumBodyReads());
    if (multiplied && !isPlanned(tensor, orders[result ? Correlation::kResult : unsigned(operand)]))
      return op.emitError("a tensor does not lie as the library's plan says: that is for "
                          "assign-layouts, which was left out");
    if (result)
      made.written.push_back(int64_t(made.arguments.size()));
    made.arguments.push_back(bufferOf(tensor));
  }
  if (int64_t bytes = call.getAs<IntegerAttr>("workspace").getInt()) {
    Type byte = builder.getIntegerType(8);
    made.arguments.push_back(BufferOp::create(builder, op.getLoc(), flatBuffer(byte, bytes),
                                              RankedTensorType::get({bytes}, byte), IntegerAttr(),
                                              DictionaryAttr(), DenseI32ArrayAttr()));
  }
  OpBuilder outside = OpBuilder::atBlockEnd(module.getBody());
  auto type = FunctionType::get(op.getContext(), ValueRange(made.arguments).getTypes(), {});
  made.plan = func::FuncOp::create(outside, builder.getUnknownLoc(), "plan", type);
  made.plan.setPrivate();
  made.plan->setAttr(names::kKernel, builder.getUnitAttr());
  made.plan->setAttr(names::kLibrary, call);
  return made;
}

runtime::LibraryPlan libraryPlanOf(DictionaryAttr call) {
  runtime::LibraryPlan plan;
  plan.text = call.getAs<StringAttr>("plan").str();
  plan.ids = call.getAs<DenseI64ArrayAttr>("ids").asArrayRef().vec();
  plan.workspaceBytes = uint64_t(call.getAs<IntegerAttr>("workspace").getInt());
  plan.key = llvm::utohexstr(llvm::xxh3_64bits(plan.text), /*LowerCase=*/true, 16);
  return plan;
}

bool sumsSamples(DictionaryAttr call) { return call.contains("sums_batch"); }

} // namespace gnc
