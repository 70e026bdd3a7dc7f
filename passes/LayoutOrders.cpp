#include "passes/LayoutOrders.h"
#include "ir/CopyEquation.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"
#include "passes/Contraction.h"

using namespace mlir;

namespace gnc {

Order orderWithInnermost(unsigned rank, unsigned innermost) {
  Order order;
  for (unsigned dim = 0; dim < rank; ++dim)
    if (dim != innermost)
      order.push_back(dim);
  order.push_back(innermost);
  return order;
}

std::optional<unsigned> bareDimension(AccessAttr access, unsigned index) {
  for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults()))
    if (auto expr = dyn_cast<AffineDimExpr>(coordinate); expr && expr.getPosition() == index)
      return dim;
  return std::nullopt;
}

void transposeReads(ComputeOp op) {
  if (!vectorCandidates(op).empty() || isLibraryCall(op) || op.getNumParallel() == 0)
    return;
  unsigned innermost = physicalOrder(typeOf(op.getResult(0))).back();
  llvm::SmallDenseMap<Value, unsigned> scattered; // how many reads
  auto oncePerResult = [&](AffineMap coords) {    // beside a sum
    auto walks = [&](unsigned index) { return coords.isFunctionOfDim(index); };
    return !op.isPointwise() &&
           llvm::none_of(llvm::seq<unsigned>(op.getNumParallel(), op.getNumIndices()), walks);
  };
  auto dimension = [&](unsigned read) -> std::optional<unsigned> {
    AccessAttr access = op.getAccess(read);
    std::optional<unsigned> dim = bareDimension(access, innermost);
    Value tensor = op.getReads()[read];
    if (!dim || oncePerResult(access.getCoords()) ||
        isa_and_nonnull<RandomOp>(tensor.getDefiningOp()) ||
        physicalOrder(typeOf(tensor)).back() == *dim)
      return std::nullopt;
    return dim;
  };
  for (unsigned read = 0; read < op.getNumBodyReads(); ++read)
    if (dimension(read))
      ++scattered[op.getReads()[read]];
  OpBuilder builder(op);
  llvm::SmallDenseMap<Value, Value> copies;
  for (unsigned read = 0; read < op.getNumBodyReads(); ++read) {
    Value tensor = op.getReads()[read];
    std::optional<unsigned> dim = dimension(read);
    if (!dim || scattered.lookup(tensor) < 2)
      continue;
    Value &copy = copies[tensor];
    if (!copy) {
      Order order = orderWithInnermost(typeOf(tensor).getRank(), *dim);
      if (typeOf(tensor).isDynamicDim(0) && *dim == 0)
        return;
      copy = createCopy(builder, op.getLoc(), tensor, withOrder(typeOf(tensor), order));
    }
    if (physicalOrder(typeOf(copy)).back() == *dim)
      op.getReadsMutable()[read].assign(copy);
  }
}

} // namespace gnc
