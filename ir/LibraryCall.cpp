#include "ir/LibraryCall.h"

using namespace mlir;

namespace gnc {

static bool isPermutation(Attribute order, int64_t rank) {
  auto numbers = dyn_cast<DenseI64ArrayAttr>(order);
  if (!numbers || numbers.size() != rank)
    return false;
  llvm::SmallBitVector seen(rank);
  for (int64_t dim : numbers.asArrayRef()) {
    if (dim < 0 || dim >= rank || seen.test(dim))
      return false;
    seen.set(dim);
  }
  return true;
}

/// `orders` and `operands`, which are about the equation.
static LogicalResult verifyOperands(ComputeOp op, DictionaryAttr call, int64_t numIds) {
  if (op.getNumBodyReads() != 2 || op.getNumResults() != 1)
    return op.emitOpError("that a library computes has two reads and one result");
  auto orders = call.getAs<ArrayAttr>("orders");
  auto rankOf = [](Value tensor) { return cast<RankedTensorType>(tensor.getType()).getRank(); };
  Value tensors[] = {op.getReads()[0], op.getReads()[1], op.getResult(0)};
  bool good = orders && orders.size() == std::size(tensors);
  for (size_t i = 0; good && i < std::size(tensors); ++i)
    good = isPermutation(orders[i], rankOf(tensors[i]));
  if (!good)
    return op.emitOpError("needs `orders` in '")
           << names::kLibrary << "', of the dimensions of its two reads and of its result";
  auto operands = call.getAs<DenseI64ArrayAttr>("operands");
  int64_t result = op.getReads().size();
  if (!operands || operands.size() != numIds ||
      llvm::any_of(operands.asArrayRef(), [&](int64_t o) { return o < 0 || o > result; }))
    return op.emitOpError("needs `operands` in '")
           << names::kLibrary << "', one for each of `ids`: a read, or " << result
           << " for the result";
  return success();
}

LogicalResult verifyLibraryCall(Operation *op, Attribute attribute) {
  auto call = dyn_cast<DictionaryAttr>(attribute);
  auto ids = call ? call.getAs<DenseI64ArrayAttr>("ids") : DenseI64ArrayAttr();
  auto workspace = call ? call.getAs<IntegerAttr>("workspace") : IntegerAttr();
  if (!ids || !call.getAs<StringAttr>("plan") || !workspace ||
      !workspace.getType().isSignlessInteger(64) || workspace.getInt() < 0)
    return op->emitOpError("needs a dictionary as '")
           << names::kLibrary << "', with `ids` (i64 array), `plan` (text) and `workspace` (bytes)";
  if (auto compute = dyn_cast<ComputeOp>(op))
    return verifyOperands(compute, call, ids.size());
  auto kernel = dyn_cast<func::FuncOp>(op);
  int64_t arguments = ids.size() + (workspace.getInt() > 0);
  if (!kernel || !kernel.isExternal() || kernel.getNumArguments() != arguments)
    return op->emitOpError("has '") << names::kLibrary << "': it is for equations, and for kernels "
                                    << "without a body that take what `ids` name and a workspace";
  return success();
}

LogicalResult verifyLibraryReport(Operation *op, Attribute attribute) {
  auto report = dyn_cast<ArrayAttr>(attribute);
  bool good = report && isa<func::FuncOp>(op);
  for (size_t i = 0; good && i < report.size(); ++i) {
    auto offer = dyn_cast<DictionaryAttr>(report[i]);
    auto isText = [&](StringRef name) { return bool(offer.getAs<StringAttr>(name)); };
    auto isNumber = [&](StringRef name) {
      auto number = offer.getAs<IntegerAttr>(name);
      return number && number.getType().isSignlessInteger(64);
    };
    good = offer && isText("site") && isText("what") &&
           (offer.contains("engine") ? isNumber("engine") && isNumber("workspace") : isText("why"));
  }
  if (good)
    return success();
  return op->emitOpError("has '")
         << names::kLibraryReport
         << "', which is, of functions, an array of dictionaries with `site`, `what`, and `engine` "
            "and `workspace` or `why`";
}

} // namespace gnc
