//===- SplitIndices.cpp - reshapes disappear into equations -----------------------------------===//
//
// A convolution's map [n, 32, 12, 12] is flattened to [n, 4608] for a linear layer. As a copy that
// costs a pass over memory, and as a view it ties the map to row-major order and hides from the
// linear layer where its inputs come from. Index notation does not need it:
//
//   x2 = reshape x4     y[n, o] = sum[i < 4608] w[o, i] * x2[n, i]
//   y[n, o] = sum[i0 < 32, i1 < 12, i2 < 12] w[o, i0, i1, i2] * x4[n, i0, i1, i2]
//
// says the same, in the same order of summation, if w is seen as [128, 32, 12, 12]; its elements
// stay where they are.
//
// What must be split together: an index and every dimension that it alone steps along (of operands
// and of results), and so on from equation to equation: the gradients of w and x2, Adam's moments,
// and the weight that takes the update. These classes are found first (SplitClasses). A reshape
// which merges several dimensions into one asks the class of that one to be split. It is granted if
//   - the class contains nothing that the host sees, and nothing that an unknown op uses;
//   - other coordinates on such a dimension (constants, x[2*i + r]) split without a new division;
//   - nobody asked for another split, and the dimensions on the other side stay as they are.
// All groups of a reshape are granted, or none; a granted reshape changes nothing any more and
// folds. So each round removes a reshape, and rounds go on until none is granted. What stays is
// valid as it is: splitting dimensions never changes the row-major order of elements.
//
//===------------------------------------------------------------------------------------------===//
#include "passes/SplitIndices.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"

namespace gnc {
#define GEN_PASS_DEF_SPLITINDICES
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// The shape as it was declared, before weights were split.
constexpr llvm::StringLiteral kShape = "gnc.shape";

//===------------------------------------------------------------------------------------------===//
// Requests
//===------------------------------------------------------------------------------------------===//

namespace {
struct Request {
  unsigned cls;
  Extents extents;
  SmallVector<unsigned> parts;
};
} // namespace

static Request requestFor(const SplitClasses &classes, Value merged, unsigned dim, Value split,
                          unsigned begin, unsigned end) {
  Request request{classes.ofDimension(merged, dim), {}, {}};
  for (unsigned i = begin; i < end; ++i) {
    request.extents.push_back(cast<RankedTensorType>(split.getType()).getDimSize(i));
    request.parts.push_back(classes.ofDimension(split, i));
  }
  return request;
}

/// What `op` needs to become an identity; nothing if no split can do that.
static SmallVector<Request> requestsOf(ReshapeOp op, const SplitClasses &classes) {
  SmallVector<Request> requests;
  Value from = op.getInput(), to = op.getResult();
  for (ReshapeGroup group :
       reshapeGroups(op.getInput().getType().getShape(), op.getType().getShape())) {
    if (group.sizeFrom() == 1 && group.sizeTo() == 1)
      continue;
    if (group.sizeTo() == 1)
      requests.push_back(
          requestFor(classes, to, group.beginTo, from, group.beginFrom, group.endFrom));
    else if (group.sizeFrom() == 1)
      requests.push_back(
          requestFor(classes, from, group.beginFrom, to, group.beginTo, group.endTo));
    else
      return {};
  }
  return requests;
}

/// All of them can be granted, beside each other.
static bool canGrant(ArrayRef<Request> requests, const SplitClasses &classes) {
  for (const Request &request : requests) {
    if (!classes.canSplit(request.cls, request.extents, request.parts))
      return false;
    for (const Request &other : requests)
      if (llvm::is_contained(other.parts, request.cls) ||
          (other.cls == request.cls && other.extents != request.extents))
        return false;
  }
  return !requests.empty();
}

static bool grantRequests(func::FuncOp function, SplitClasses &classes) {
  bool granted = false;
  for (ReshapeOp op : function.front().getOps<ReshapeOp>()) {
    SmallVector<Request> requests = requestsOf(op, classes);
    if (!canGrant(requests, classes))
      continue;
    for (const Request &request : requests)
      classes.split(request.cls, request.extents, request.parts);
    granted = true;
  }
  return granted;
}

//===------------------------------------------------------------------------------------------===//
// Splitting
//===------------------------------------------------------------------------------------------===//

namespace {
/// Rewrites a function by the splits of its classes.
class Splitter {
public:
  Splitter(func::FuncOp function, const SplitClasses &classes)
      : function(function), classes(classes) {}
  void run();

private:
  using DimensionSplits = SmallVector<Extents>;
  DimensionSplits splitsOf(Value tensor) const;
  RankedTensorType splitType(Type type, const DimensionSplits &splits) const;
  void splitArguments();
  void splitEquation(ComputeOp op);
  void splitInPlace(Value tensor);
  void splitResults();

  func::FuncOp function;
  const SplitClasses &classes;
  DenseMap<Value, DimensionSplits> done; // of the tensors as they are now
};
} // namespace

Splitter::DimensionSplits Splitter::splitsOf(Value tensor) const {
  DimensionSplits splits;
  for (unsigned dim = 0; dim < cast<RankedTensorType>(tensor.getType()).getRank(); ++dim)
    splits.push_back(classes.splitOf(classes.ofDimension(tensor, dim)));
  return splits;
}

RankedTensorType Splitter::splitType(Type type, const DimensionSplits &splits) const {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape;
  for (auto [extent, split] : llvm::zip_equal(tensor.getShape(), splits)) {
    if (split.empty())
      shape.push_back(extent);
    shape.append(split);
  }
  return RankedTensorType::get(shape, tensor.getElementType());
}

static Attribute declaredShape(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return DenseI64ArrayAttr::get(type.getContext(), tensor.getShape().drop_front(isBatched(type)));
}

void Splitter::splitArguments() {
  for (BlockArgument argument : function.getArguments()) {
    DimensionSplits splits = splitsOf(argument);
    RankedTensorType type = splitType(argument.getType(), splits);
    unsigned number = argument.getArgNumber();
    if (type != argument.getType() && !function.getArgAttr(number, kShape))
      function.setArgAttr(number, kShape, declaredShape(argument.getType()));
    argument.setType(type);
    done[argument] = splits;
  }
}

void Splitter::splitEquation(ComputeOp op) {
  DimensionSplits ofIndices;
  for (unsigned i = 0; i < op.getNumIndices(); ++i)
    ofIndices.push_back(classes.splitOf(classes.ofIndex(op, i)));
  auto isSplit = [](const DimensionSplits &splits) {
    return llvm::any_of(splits, [](const Extents &split) { return !split.empty(); });
  };
  for (Value result : op.getResults())
    done[result] = splitsOf(result);
  if (!isSplit(ofIndices) &&
      llvm::none_of(op.getReads(), [&](Value read) { return isSplit(done[read]); }))
    return;
  EquationDraft draft = EquationDraft::of(op);
  splitIndices(draft, ofIndices);
  for (DraftRead &read : draft.reads) {
    SmallVector<AffineExpr> coords;
    SmallVector<int64_t> clamped;
    for (auto [dim, coordinate] : llvm::enumerate(read.coords)) {
      const Extents &split = done[read.tensor][dim];
      if (read.isClamped(dim))
        clamped.push_back(coords.size());
      if (split.empty())
        coords.push_back(coordinate);
      else
        coords.append(splitCoordinate(coordinate, split, draft.extents));
    }
    read.coords = coords;
    read.clamped = clamped;
  }
  SmallVector<DimensionSplits> splits;
  for (Value result : op.getResults())
    splits.push_back(done[result]);
  ComputeOp now = replaceWith(op, draft);
  for (auto [result, split] : llvm::zip_equal(now->getResults(), splits))
    done[result] = split;
}

/// For results of ops to which elements in row-major order are all the same in any shape.
void Splitter::splitInPlace(Value tensor) {
  DimensionSplits splits = splitsOf(tensor);
  tensor.setType(splitType(tensor.getType(), splits));
  done[tensor] = splits;
}

/// Reshapes go last: until then their readers must find how the dimensions that they name were
/// split.
static void foldIdentities(Block &block) {
  for (ReshapeOp op : llvm::make_early_inc_range(block.getOps<ReshapeOp>()))
    if (op.getType() == op.getInput().getType()) {
      op.replaceAllUsesWith(op.getInput());
      op.erase();
    }
}

void Splitter::splitResults() {
  Operation *end = function.front().getTerminator();
  for (auto [number, type] : llvm::enumerate(function.getResultTypes()))
    if (end->getOperand(number).getType() != type && !function.getResultAttr(number, kShape))
      function.setResultAttr(number, kShape, declaredShape(type));
  function.setType(FunctionType::get(function.getContext(), function.front().getArgumentTypes(),
                                     end->getOperandTypes()));
}

void Splitter::run() {
  splitArguments();
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    if (auto compute = dyn_cast<ComputeOp>(op))
      splitEquation(compute);
    else if (isa<ReshapeOp, RandomOp>(op))
      splitInPlace(op.getResult(0));
    else
      for (Value result : op.getResults())
        done[result] = splitsOf(result);
  }
  foldIdentities(function.front());
  splitResults();
}

namespace {
struct SplitIndices : gnc::impl::SplitIndicesBase<SplitIndices> {
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    for (;;) {
      if (getOperation().front().getOps<ReshapeOp>().empty())
        return;
      SplitClasses classes(getOperation());
      if (!grantRequests(getOperation(), classes))
        return;
      Splitter(getOperation(), classes).run();
    }
  }
};
} // namespace
