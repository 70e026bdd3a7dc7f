#include "dsl/GradientPaths.h"

#include "dsl/Op.h"

#include "ir/ComputeGradient.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;

namespace {
/// Which tensors lead where, in the function that a loss is computed in.
class Paths {
public:
  Paths(Elaborator &elab, mlir::Value loss, llvm::ArrayRef<const Parameter *> trained);

  bool reachesLoss(mlir::Value value) const { return needed.contains(value); }
  /// The weight that a tensor depends on, if it depends on one that is trained.
  const Parameter *weightOf(mlir::Value value) const { return moved.lookup(value); }
  /// An op whose result the loss has a gradient for, with an input that weights move, and whose
  /// gradient is zero everywhere: that weight.
  const Parameter *blocked(const OpUse &use);
  /// Of a kernel in CUDA C++ for whose result the loss has a gradient: an input that weights move
  /// and for which it gives none, and that weight; null if there is none.
  std::pair<llvm::StringRef, const Parameter *> lost(const OpUse &use) const;

private:
  bool passes(mlir::OpOperand &operand, bool throughStop);

  llvm::DenseSet<mlir::Value> needed;                   // by the loss
  llvm::DenseSet<mlir::Value> wanted;                   // the loss has a gradient for them
  llvm::DenseMap<mlir::Value, const Parameter *> moved; // by weights
};
} // namespace

static bool isFloat(mlir::Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

/// Is there a gradient from the results of an op to this operand?
bool Paths::passes(mlir::OpOperand &operand, bool throughStop) {
  if (!isFloat(operand.get()))
    return false;
  auto equation = llvm::dyn_cast<gnc::ComputeOp>(operand.getOwner());
  return !equation || gnc::hasDerivative(equation, operand.getOperandNumber(), throughStop);
}

Paths::Paths(Elaborator &elab, mlir::Value loss, llvm::ArrayRef<const Parameter *> trained) {
  mlir::Block &block = *elab.builder.getInsertionBlock();
  for (const Parameter *weight : trained)
    moved[weight->argument] = weight;
  for (mlir::Operation &op : block)
    for (mlir::Value operand : op.getOperands())
      if (const Parameter *weight = weightOf(operand))
        for (mlir::Value result : op.getResults())
          moved.try_emplace(result, weight);
  needed.insert(loss), wanted.insert(loss);
  for (mlir::Operation &op : llvm::reverse(block)) {
    bool isNeeded =
        llvm::any_of(op.getResults(), [&](mlir::Value r) { return needed.contains(r); });
    bool isWanted =
        llvm::any_of(op.getResults(), [&](mlir::Value r) { return wanted.contains(r); });
    for (mlir::OpOperand &operand : op.getOpOperands()) {
      if (isNeeded)
        needed.insert(operand.get());
      if (isWanted && weightOf(operand.get()) && passes(operand, /*throughStop=*/false))
        wanted.insert(operand.get());
    }
  }
}

std::pair<llvm::StringRef, const Parameter *> Paths::lost(const OpUse &use) const {
  if (llvm::none_of(use.results, [&](const Tensor &r) { return wanted.contains(r.value); }))
    return {};
  for (auto [input, declared] : llvm::zip(use.inputs, use.op->params.inputs))
    if (const Parameter *weight = isFloat(input.value) ? weightOf(input.value) : nullptr;
        weight && !hasGradient(*use.op, declared.name.text))
      return {declared.name.text, weight};
  return {};
}

const Parameter *Paths::blocked(const OpUse &use) {
  const Parameter *weight = nullptr;
  llvm::DenseSet<mlir::Value> inputs;
  for (const Tensor &input : use.inputs)
    if (const Parameter *found = isFloat(input.value) ? weightOf(input.value) : nullptr) {
      inputs.insert(input.value);
      weight = weight ? weight : found;
    }
  llvm::SmallVector<mlir::Value> pending;
  for (const Tensor &result : use.results)
    if (wanted.contains(result.value))
      pending.push_back(result.value);
  if (!weight || pending.empty())
    return nullptr;
  // From the results back to the inputs: everything between them belongs to the op.
  llvm::DenseSet<mlir::Value> seen(pending.begin(), pending.end());
  while (!pending.empty()) {
    mlir::Value value = pending.pop_back_val();
    if (inputs.contains(value))
      return nullptr;
    if (mlir::Operation *op = value.getDefiningOp())
      for (mlir::OpOperand &operand : op->getOpOperands())
        if (passes(operand, /*throughStop=*/true) && seen.insert(operand.get()).second)
          pending.push_back(operand.get());
  }
  return weight;
}

/// "N.head.w, N.head.b and 2 more".
static std::string listed(llvm::ArrayRef<const Parameter *> weights) {
  constexpr size_t shown = 4;
  std::string text;
  for (const Parameter *weight : weights.take_front(shown))
    text += (text.empty() ? "" : ", ") + weight->path;
  if (weights.size() > shown)
    text += " and " + std::to_string(weights.size() - shown) + " more";
  return text;
}

void gnc::dsl::warnAboutPaths(Elaborator &elab, mlir::Value loss,
                              llvm::ArrayRef<const Parameter *> trained, Span at) {
  Paths paths(elab, loss, trained);
  llvm::SmallVector<const Parameter *> unreached;
  for (const Parameter *weight : trained)
    if (!paths.reachesLoss(weight->argument))
      unreached.push_back(weight);
  if (!unreached.empty())
    elab.warning("unreached-weight", at, "the loss does not depend on " + listed(unreached))
        .help("use what they compute, or leave them out; in training they only cost time");
  for (const OpUse &use : elab.opUses)
    if (auto [input, weight] = paths.lost(use); weight)
      elab.error("kernel-gradient", use.at,
                 use.op->name.text + " is CUDA C++ without a gradient for " + input + ", and " +
                     weight->path + " learns through it")
          .note(use.op->name.span, "declared here")
          .help("write one behind its text: grad { d." + input +
                "[..] = .. }; or cut it with stop(..)");
    else if (const Parameter *weight = paths.blocked(use))
      elab.warning("zero-gradient", use.at,
                   "the gradient of " + use.op->name.text + " is zero everywhere: " + weight->path +
                       " cannot learn through it")
          .help("give it a gradient, grad @surrogate { d.x = d.y }; or, if it is meant so, cut it "
                "with stop(..)");
}
