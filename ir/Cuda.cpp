//===- Cuda.cpp - kernels of the user -------------------------------------------------------===//
#include "ir/Evaluator.h"
#include "ir/Gnc.h"

using namespace mlir;
using namespace gnc;

LogicalResult CudaOp::verify() {
  if (getResults().empty())
    return emitOpError("has a result");
  if (getNames().size() != getInputs().size() + getResults().size())
    return emitOpError("needs `names`, one for each input and result");
  constexpr int64_t kMostThreads = 1024;
  if (getThreads() < 1 || getThreads() > kMostThreads)
    return emitOpError() << "has blocks of 1 to " << kMostThreads << " threads, not "
                         << getThreads();
  if (getBlocks() && *getBlocks() < 1)
    return emitOpError("runs in at least one block");
  for (NamedAttribute constant : getConstants()) {
    auto number = dyn_cast<TypedAttr>(constant.getValue());
    if (!number || !(number.getType().isInteger(64) || number.getType().isInteger(1) ||
                     number.getType().isF32()))
      return emitOpError() << "needs '" << constant.getName().getValue()
                           << "' in `constants` as i64, i1 or f32";
  }
  bool batched = llvm::any_of(getInputs().getTypes(), isBatched);
  for (Type result : getResultTypes())
    if (isBatched(result) ? !batched : batched && !getBatch())
      return emitOpError("computes results with a batch if an input has one, and without `batch` "
                         "always then");
  return success();
}

LogicalResult CudaOp::evaluate(EvaluationState &) {
  return emitError("a kernel in CUDA C++ has a value on a card alone");
}

LogicalResult CudaOp::buildGradient(OpBuilder &, ValueRange, ArrayRef<bool>,
                                    SmallVectorImpl<SmallVector<Value>> &) {
  return emitError("a kernel in CUDA C++ has the gradient that is written behind it, and there is "
                   "none: grad { d.x[..] = .. }");
}

Cost CudaOp::cost(int64_t batch) {
  auto bytesOf = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    double bytes = std::max(1u, tensor.getElementTypeBitWidth() / 8);
    for (int64_t extent : tensor.getShape())
      bytes *= double(ShapedType::isDynamic(extent) ? batch : extent);
    return bytes;
  };
  Cost cost; // what it computes is not known
  for (Type type : getInputs().getTypes())
    cost.bytesRead += bytesOf(type);
  for (Type type : getResultTypes())
    cost.bytesWritten += bytesOf(type);
  return cost;
}
