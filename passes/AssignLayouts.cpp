//===- AssignLayouts.cpp - the physical order of every tensor ---------------------------------===//
//
// Contractions decide, everything else follows. A contraction wants one column index innermost in
// its result and in the operand that it reads as vectors (for a convolution: the output channel,
// hence channels-last activations and weights with the output channel innermost). Going through the
// program in order, each contraction fixes the orders of its result and columns; these spread
// through the other equations, from read to result and back, wherever an index walks both alone. So
// the gradient of a tensor, the optimizer's state and the weight end up alike.
//
// Where a contraction meets a fixed order it cannot use (the data gradient reads the weights with
// the input channel innermost), the operand or the result is copied into the order it needs: an
// identity equation, visible in the graph. Not where `along-sums` says that contractions read
// columns along an index of their sum just as well: the weights are then read as they lie. An
// equation that a library computes says itself how its operands lie, and a kernel of the user has
// them row-major.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/CopyEquation.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"
#include "ir/LibraryCall.h"
#include "passes/Contraction.h"
#include "passes/Correlation.h"
#include "passes/LayoutOrders.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

namespace {

class LayoutAssignment {
public:
  LayoutAssignment(func::FuncOp function, bool alongSums)
      : function(function), alongSums(alongSums) {}
  void run();

private:
  void fixInputs();
  void fixReshapes();
  void fixUserKernels();
  void decide(ComputeOp op);
  void decideLibraryCall(ComputeOp op);
  void fix(Value tensor, Order order);
  void spread();
  void spreadThrough(ComputeOp op);
  void setTypes();
  void setFunctionType();
  void insertCopies(ComputeOp op);
  void insertCopies(CudaOp op);
  void insertLibraryCopies(ComputeOp op);

  func::FuncOp function;
  bool alongSums;
  llvm::DenseMap<Value, Order> orders;
  SmallVector<Value> worklist;
  llvm::DenseMap<Operation *, unsigned> vectorOf; // contraction -> its column index
};

} // namespace

/// Which index is innermost in `order` of a tensor read through `access`.
static std::optional<unsigned> innermostIndex(AccessAttr access, const Order &order) {
  if (order.empty())
    return std::nullopt;
  auto index = dyn_cast<AffineDimExpr>(access.getCoords().getResult(order.back()));
  return index ? std::optional(index.getPosition()) : std::nullopt;
}

void LayoutAssignment::fix(Value tensor, Order order) {
  RankedTensorType type = typeOf(tensor);
  if (type.getRank() < 1 || static_cast<int64_t>(order.size()) != type.getRank() ||
      orders.count(tensor) || tensor.getDefiningOp<RandomOp>()) // not in memory
    return;
  // The batch is outermost, whatever is asked.
  if (type.isDynamicDim(0) && order.front() != 0)
    order.erase(llvm::find(order, 0u)), order.insert(order.begin(), 0);
  orders[tensor] = std::move(order);
  worklist.push_back(tensor);
}

/// The host writes inputs row-major.
void LayoutAssignment::fixInputs() {
  for (BlockArgument argument : function.getArguments()) {
    auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), names::kRole);
    auto type = typeOf(argument);
    if (!role || role.getValue() == "input")
      orders[argument] = llvm::to_vector(llvm::seq<unsigned>(0, type.getRank())); // does not spread
  }
}

/// A reshape between row-major tensors costs nothing. A contraction's result is not for it to say.
void LayoutAssignment::fixReshapes() {
  function.walk([&](ReshapeOp reshape) {
    auto producer = reshape.getInput().getDefiningOp<ComputeOp>();
    if (!producer || isLibraryCall(producer) || !vectorCandidates(producer).empty())
      return;
    for (Value tensor : {reshape.getInput(), reshape.getResult()})
      fix(tensor, llvm::to_vector(llvm::seq<unsigned>(0, typeOf(tensor).getRank())));
  });
}

/// Results are row-major, whatever reads them.
void LayoutAssignment::fixUserKernels() {
  for (CudaOp op : function.getOps<CudaOp>())
    for (Value result : op.getResults())
      orders[result] = llvm::to_vector(llvm::seq<unsigned>(0, typeOf(result).getRank()));
}

/// The dimension of B that the vector index steps through: in panels, the last one.
static unsigned columnDimension(ComputeOp op, const Contraction &c, unsigned vector) {
  AccessAttr b = op.getAccess(c.b);
  return c.panel ? b.getCoords().getNumResults() - 1 : *Contraction::soleDimension(b, vector);
}

/// Columns of B in the order in which rows of A are walked, the vector last: equal equations get
/// equal kernels, however their weight was declared. Panels stay as they are.
static Order columnOrder(ComputeOp op, const Contraction &c, unsigned vectorDim,
                         const Order &orderOfA) {
  AccessAttr a = op.getAccess(c.a), b = op.getAccess(c.b);
  unsigned rank = b.getCoords().getNumResults();
  if (c.panel)
    return llvm::to_vector(llvm::seq<unsigned>(0, rank));
  SmallVector<int64_t> key(rank, -1);
  for (unsigned dim = 0; dim < rank; ++dim) {
    auto index = dyn_cast<AffineDimExpr>(b.getCoords().getResult(dim));
    if (!index || index.getPosition() < op.getNumParallel())
      continue;
    // Position of the dimension of A that this reduction index moves.
    for (auto [position, dimOfA] : llvm::enumerate(orderOfA))
      if (a.getCoords().getResult(dimOfA).isFunctionOfDim(index.getPosition()))
        key[dim] = position;
  }
  Order order;
  for (unsigned dim = 0; dim < rank; ++dim)
    if (dim != vectorDim)
      order.push_back(dim);
  llvm::stable_sort(order, [&](unsigned x, unsigned y) { return key[x] < key[y]; });
  order.push_back(vectorDim);
  return order;
}

/// The order that a library wants for read 0 or 1, or for the result, 2.
static Order libraryOrder(ComputeOp op, unsigned operand) {
  auto orders = op->getAttrOfType<DictionaryAttr>(names::kLibrary).getAs<ArrayAttr>("orders");
  return llvm::to_vector_of<unsigned>(cast<DenseI64ArrayAttr>(orders[operand]).asArrayRef());
}

void LayoutAssignment::decideLibraryCall(ComputeOp op) {
  fix(op.getResult(0), libraryOrder(op, Correlation::kResult));
  for (unsigned read = 0; read < 2; ++read)
    fix(op.getReads()[read], libraryOrder(op, read));
  spread();
}

void LayoutAssignment::decide(ComputeOp op) {
  if (isLibraryCall(op))
    return decideLibraryCall(op);
  SmallVector<unsigned> candidates = vectorCandidates(op);
  if (candidates.empty())
    return;
  Value result = op.getResult(0);
  auto score = [&](unsigned index) {
    auto c = classify(op, index);
    Value columns = op.getReads()[c->b];
    unsigned dim = columnDimension(op, *c, index);
    bool wanted = orders.count(result) && orders[result].back() == index;
    bool fits = orders.count(columns) && orders[columns].back() == dim;
    bool wide = op.getExtents()[index] >= 8;
    // A fixed result first; then a weight, which may be laid out at will; then columns that can be
    // read as they are.
    return wanted * 16 + wide * 8 + !isBatched(columns.getType()) * 4 + fits * 2 +
           !orders.count(columns);
  };
  unsigned vector = *std::max_element(candidates.begin(), candidates.end(),
                                      [&](unsigned x, unsigned y) { return score(x) < score(y); });
  Contraction c = *classify(op, vector);
  vectorOf[op] = vector;
  fix(result, orderWithInnermost(typeOf(result).getRank(), vector));
  Value a = op.getReads()[c.a];
  Order orderOfA = orders.count(a) ? orders[a] : physicalOrder(typeOf(a));
  fix(op.getReads()[c.b], columnOrder(op, c, columnDimension(op, c, vector), orderOfA));
  spread();
}

void LayoutAssignment::spreadThrough(ComputeOp op) {
  if (isLibraryCall(op) || !vectorCandidates(op).empty())
    return; // a contraction decides for itself
  // The order of the op's parallel indices, from a tensor that has all of them, or its innermost
  // index.
  std::optional<Order> full;
  std::optional<unsigned> innermost;
  auto learn = [&](AffineMap coords, const Order &order) {
    Order indices;
    for (unsigned dim : order) {
      auto index = dyn_cast<AffineDimExpr>(coords.getResult(dim));
      bool walks = index && index.getPosition() < op.getNumParallel();
      if (walks && !llvm::is_contained(indices, index.getPosition())) // a diagonal is no order
        indices.push_back(index.getPosition());
    }
    if (!full && indices.size() == op.getNumParallel() && order.size() == indices.size())
      full = indices;
    if (!innermost && !indices.empty() &&
        innermostIndex(AccessAttr::get(coords), order) == indices.back())
      innermost = indices.back();
  };
  auto identity = AffineMap::getMultiDimIdentityMap(op.getNumIndices(), op.getContext())
                      .getMajorSubMap(op.getNumParallel());
  for (Value result : op.getResults())
    if (orders.count(result))
      learn(identity, orders[result]);
  for (auto [i, tensor] : llvm::enumerate(op.getReads())) {
    auto argument = dyn_cast<BlockArgument>(tensor);
    bool input =
        argument && function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), names::kRole) &&
        function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), names::kRole).getValue() ==
            "input";
    if (orders.count(tensor) && !input)
      learn(op.getAccess(i).getCoords(), orders[tensor]);
  }
  if (!full && !innermost)
    return;
  Order indices = full ? *full : orderWithInnermost(op.getNumParallel(), *innermost);
  for (Value result : op.getResults())
    fix(result, indices);
  for (auto [i, tensor] : llvm::enumerate(op.getReads())) {
    if (orders.count(tensor))
      continue;
    Order order;
    for (unsigned index : indices)
      if (auto dim = bareDimension(op.getAccess(i), index); dim && !llvm::is_contained(order, *dim))
        order.push_back(*dim);
    if (static_cast<int64_t>(order.size()) == typeOf(tensor).getRank())
      fix(tensor, order);
    else if (auto dim = bareDimension(op.getAccess(i), indices.back()))
      fix(tensor, orderWithInnermost(typeOf(tensor).getRank(), *dim));
  }
}

void LayoutAssignment::spread() {
  while (!worklist.empty()) {
    Value tensor = worklist.pop_back_val();
    if (auto op = tensor.getDefiningOp<ComputeOp>())
      spreadThrough(op);
    for (Operation *user : tensor.getUsers())
      if (auto op = dyn_cast<ComputeOp>(user))
        spreadThrough(op);
  }
}

void LayoutAssignment::setTypes() {
  auto apply = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (type && orders.count(value))
      value.setType(withOrder(type, orders[value]));
  };
  for (BlockArgument argument : function.getArguments())
    apply(argument);
  function.walk([&](ComputeOp op) { llvm::for_each(op.getResults(), apply); });
}

void LayoutAssignment::setFunctionType() {
  Operation *end = function.getBody().front().getTerminator();
  function.setType(FunctionType::get(function.getContext(),
                                     function.getBody().front().getArgumentTypes(),
                                     end->getOperandTypes()));
}

void LayoutAssignment::insertLibraryCopies(ComputeOp op) {
  OpBuilder builder(op);
  for (unsigned read = 0; read < 2; ++read) {
    Value tensor = op.getReads()[read];
    Order wanted = libraryOrder(op, read);
    if (!liesAs(typeOf(tensor), wanted))
      op.getReadsMutable()[read].assign(
          createCopy(builder, op.getLoc(), tensor, withOrder(typeOf(tensor), wanted)));
  }
  Value result = op.getResult(0);
  RankedTensorType type = typeOf(result);
  Order wanted = libraryOrder(op, Correlation::kResult);
  if (liesAs(type, wanted))
    return;
  result.setType(withOrder(type, wanted));
  builder.setInsertionPointAfter(op);
  Value copy = createCopy(builder, op.getLoc(), result, type);
  result.replaceAllUsesExcept(copy, copy.getDefiningOp());
}

/// Whether `tensor` may as well be computed in another order: by an equation that reads several
/// elements of one operand at each point, which is then copied instead (transposeReads), and is
/// smaller than what is made of it; for nobody but this use.
static bool isForOneReader(Value tensor) {
  auto producer = tensor.getDefiningOp<ComputeOp>();
  if (!producer || !tensor.hasOneUse() || producer.getNumResults() != 1 ||
      isLibraryCall(producer) || !vectorCandidates(producer).empty())
    return false;
  auto reads = producer.getReads().take_front(producer.getNumBodyReads());
  return reads.size() > 1 && llvm::all_equal(reads) &&
         elementsAt(typeOf(reads.front()), 1) < elementsAt(typeOf(tensor), 1);
}

void LayoutAssignment::insertCopies(ComputeOp op) {
  if (isLibraryCall(op))
    return insertLibraryCopies(op);
  auto it = vectorOf.find(op);
  if (it == vectorOf.end())
    return;
  unsigned vector = it->second;
  Contraction c = *classify(op, vector);
  OpBuilder builder(op);
  Value columns = op.getReads()[c.b];
  unsigned dim = columnDimension(op, c, vector);
  if (physicalOrder(typeOf(columns)).back() != dim && !(alongSums && liesAlongSum(op, c))) {
    Order order = columnOrder(op, c, dim, physicalOrder(typeOf(op.getReads()[c.a])));
    if (typeOf(columns).isDynamicDim(0))
      order.erase(llvm::find(order, 0u)), order.insert(order.begin(), 0);
    RankedTensorType wanted = withOrder(typeOf(columns), order);
    if (isForOneReader(columns))
      columns.setType(wanted);
    else
      op.getReadsMutable()[c.b].assign(createCopy(builder, op.getLoc(), columns, wanted));
  }
  Value result = op.getResult(0);
  RankedTensorType wanted = typeOf(result);
  if (physicalOrder(wanted).back() == vector)
    return;
  result.setType(withOrder(wanted, orderWithInnermost(wanted.getRank(), vector)));
  builder.setInsertionPointAfter(op);
  Value copy = createCopy(builder, op.getLoc(), result, wanted);
  result.replaceAllUsesExcept(copy, copy.getDefiningOp());
}

void LayoutAssignment::insertCopies(CudaOp op) {
  OpBuilder builder(op);
  for (OpOperand &operand : op->getOpOperands()) {
    RankedTensorType type = typeOf(operand.get());
    Order rowMajor = llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
    if (!liesAs(type, rowMajor))
      operand.set(createCopy(builder, op.getLoc(), operand.get(), withOrder(type, rowMajor)));
  }
}

void LayoutAssignment::run() {
  SmallVector<ComputeOp> computes;
  function.walk([&](ComputeOp op) { computes.push_back(op); });
  auto laidOut = [](Type type) {
    return static_cast<bool>(cast<RankedTensorType>(type).getEncoding());
  };
  auto seen = [&](ComputeOp op) {
    return llvm::any_of(op.getResultTypes(), laidOut) ||
           llvm::any_of(op.getReads().getTypes(), laidOut);
  };
  if (llvm::any_of(computes, seen))
    return; // once is enough
  fixInputs();
  fixReshapes();
  fixUserKernels();
  spread();
  for (ComputeOp op : computes)
    decide(op);
  setTypes();
  for (ComputeOp op : computes)
    insertCopies(op);
  for (CudaOp op : function.getOps<CudaOp>())
    insertCopies(op);
  for (ComputeOp op : computes)
    transposeReads(op);
  setFunctionType();
}

namespace {
struct AssignLayouts : gnc::impl::AssignLayoutsBase<AssignLayouts> {
  using AssignLayoutsBase::AssignLayoutsBase;
  void runOnOperation() override { LayoutAssignment(getOperation(), alongSums).run(); }
};
} // namespace
