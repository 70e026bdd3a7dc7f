//===- StoreHalf.cpp - intermediate tensors in half precision ---------------------------------===//
//
// A tensor of f16 or bf16 is rounded where it is written and read as f32, so a type is all that
// changes. It comes after all fusion: what is rounded is what really goes through memory.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/LibraryCall.h"
#include "passes/FusionSupport.h"
#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace gnc {
#define GEN_PASS_DEF_STOREHALF
#include "passes/Passes.h.inc"
} // namespace gnc

using namespace mlir;
using namespace gnc;

/// `tensor` and all its reshapes: one buffer, one type.
static SmallVector<Value> viewsOf(Value tensor) {
  SmallVector<Value> views{tensor};
  for (size_t i = 0; i < views.size(); ++i)
    for (Operation *user : views[i].getUsers())
      if (auto reshape = dyn_cast<ReshapeOp>(user))
        views.push_back(reshape.getResult());
  return views;
}

/// The reader adds up the tensor as it is: with a sum that made it, a sum in stages.
static bool isSummedOn(Value tensor) {
  return llvm::any_of(tensor.getUses(), [](OpOperand &use) {
    auto reader = dyn_cast<ComputeOp>(use.getOwner());
    if (!reader || use.getOperandNumber() >= reader.getNumBodyReads())
      return false;
    for (auto [i, value] : llvm::enumerate(reader.getYielded()))
      if (reader.getReduction(i) == Reduction::Sum &&
          value == reader.getBody().getArgument(use.getOperandNumber()))
        return true;
    return false;
  });
}

static bool isPartialSum(OpResult tensor) {
  auto op = cast<ComputeOp>(tensor.getOwner());
  return op.getReduction(tensor.getResultNumber()) == Reduction::Sum && !op.hasFinish() &&
         isSummedOn(tensor);
}

static bool canBeHalf(OpResult tensor, int64_t fewElements) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!isBatched(type) || !type.getElementType().isF32() ||
      pointsOf(type.getShape(), 1) < double(fewElements) || isPartialSum(tensor) ||
      isLibraryCall(cast<ComputeOp>(tensor.getOwner())))
    return false;
  return llvm::all_of(viewsOf(tensor), [](Value view) {
    return llvm::all_of(view.getUsers(), [](Operation *user) {
      auto reader = dyn_cast<ComputeOp>(user);
      return isa<ReshapeOp>(user) || (reader && !isLibraryCall(reader)); // libraries read f32
    });
  });
}

/// Every op that the loss depends on.
static DenseSet<Operation *> forwardOps(func::FuncOp function) {
  llvm::SetVector<Operation *> found;
  auto add = [&](Value value) {
    if (Operation *op = value.getDefiningOp())
      found.insert(op);
  };
  for (auto [i, value] : llvm::enumerate(function.getBody().front().getTerminator()->getOperands()))
    if (auto path = function.getResultAttrOfType<StringAttr>(i, names::kPath);
        path && path.getValue() == "loss")
      add(value);
  for (size_t i = 0; i < found.size(); ++i)
    llvm::for_each(found[i]->getOperands(), add);
  return {found.begin(), found.end()};
}

static bool isReadBy(Value tensor, const DenseSet<Operation *> &ops) {
  return llvm::any_of(tensor.getUsers(), [&](Operation *user) { return ops.contains(user); });
}

namespace {
struct StoreHalf : gnc::impl::StoreHalfBase<StoreHalf> {
  using StoreHalfBase::StoreHalfBase;

  std::string wanted() {
    if (!type.empty())
      return type;
    auto recipe =
        getOperation()->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(names::kRecipe);
    auto precision = recipe ? recipe.getAs<StringAttr>("precision") : StringAttr();
    return precision ? precision.str() : "f32";
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || function.getName() != "train")
      return;
    std::string name = wanted();
    if (name == "f32")
      return;
    if (name != "f16" && name != "bf16") {
      function.emitError("tensors are stored as f32, f16 or bf16, not as '") << name << "'";
      return signalPassFailure();
    }
    Builder builder(&getContext());
    Type half = name == "f16" ? Type(builder.getF16Type()) : builder.getBF16Type();
    DenseSet<Operation *> forward = forwardOps(function);
    for (ComputeOp op : function.getOps<ComputeOp>())
      for (OpResult result : op->getResults())
        if ((half.isBF16() || isReadBy(result, forward)) && canBeHalf(result, fewElements))
          for (Value view : viewsOf(result))
            view.setType(cast<RankedTensorType>(view.getType()).clone(half));
  }
};
} // namespace
