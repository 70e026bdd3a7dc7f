#include "dsl/Habits.h"

using namespace gnc::dsl;
using llvm::StringRef;

namespace {
/// Two ops of which the second does itself what the first did.
struct Doubled {
  StringRef before, after, why;
};
} // namespace

static constexpr StringRef ofScores = "takes scores, and makes probabilities of them itself",
                           ofLogits = "takes scores, and applies sigmoid to them itself";
static constexpr Doubled doubles[] = {
    {"softmax", "cross_entropy", ofScores},        {"softmax", "map_cross_entropy", ofScores},
    {"softmax", "soft_cross_entropy", ofScores},   {"softmax", "kl_divergence", ofScores},
    {"softmax", "focal_loss", ofScores},           {"softmax", "dice_loss", ofScores},
    {"sigmoid", "binary_cross_entropy", ofLogits}, {"sigmoid", "binary_focal_loss", ofLogits},
};

static bool isOfLibrary(const OpUse &use) {
  return use.settings && use.settings->module() && use.settings->module()->isStandard();
}

static const Tensor *firstTensor(llvm::ArrayRef<Argument> inputs) {
  return inputs.empty() ? nullptr : inputs.front().value.tensor();
}

/// `softmax` before a loss that contains it: the gradient is weak and wrong where it matters.
static void warnAboutDouble(Elaborator &elab, StringRef after, const Tensor &input, Span at) {
  const OpUse *maker = elab.madeBy(input);
  if (!maker || !isOfLibrary(*maker))
    return;
  StringRef before = maker->op->name.text;
  for (const Doubled &pair : doubles)
    if (pair.after == after && pair.before == before)
      (void)elab
          .warning("applied-twice", at, before + " is applied twice: " + after + " " + pair.why)
          .note(maker->written, "the first time here")
          .help("give it what stands before " + before + "; apply " + before +
                " in the infer section");
}

/// A bias directly before `bn`, which subtracts the mean, and the bias with it.
static void warnAboutBias(Elaborator &elab, const Tensor &input, Span at) {
  const OpUse *maker = elab.madeBy(input);
  if (!maker || !isOfLibrary(*maker) || maker->inputs.size() != 2)
    return;
  StringRef op = maker->op->name.text;
  bool weight = llvm::isa<mlir::BlockArgument>(maker->inputs[1].value);
  if ((op != "add_channel" && op != "add") || !weight)
    return;
  std::string layer = maker->written.text().str();
  (void)elab
      .warning("bias-before-bn", at,
               "the bias of " + (input.trail ? input.trail->text : layer) +
                   " has no effect: bn subtracts the mean, and the bias with it")
      .note(maker->written, "it is added here")
      .help("leave it out: " + layer + "(.., bias = false)");
}

/// `pad = half` adds as many cells on either side, which an even kernel cannot share out.
static void warnAboutPadding(Elaborator &elab, const Scope &settings, const Tensor &input,
                             const Value &result, Span at) {
  const Value *pad = settings.value("pad"), *size = settings.value("size"),
              *stride = settings.value("stride");
  const Tensor *output = result.tensor();
  if (!pad || !pad->isSymbol("half") || !size || !size->size() || !stride || !stride->size() ||
      !output || input.rank() != 3 || output->rank() != 3)
    return;
  for (size_t axis = 0; axis != 2; ++axis) {
    int64_t extent = input.shape[axis + 1], found = output->shape[axis + 1];
    std::optional<int64_t> step = stride->size()->extents[axis].asInt();
    int64_t wanted = step ? (extent + *step - 1) / *step : found;
    if (found == wanted)
      continue;
    (void)elab
        .warning("half-of-even", at,
                 "pad = half keeps the size of a map for odd kernels only: with " + size->str() +
                     " it goes from " + llvm::Twine(extent) + " to " + llvm::Twine(found) +
                     (*step == 1 ? "" : ", not " + std::to_string(wanted)))
        .help("use an odd kernel, or say how much to pad: pad = 1");
    return;
  }
}

void gnc::dsl::warnAboutUse(Elaborator &elab, const ast::Decl &decl, const Scope &settings,
                            llvm::ArrayRef<Argument> inputs, const Value &result, Span at) {
  const Tensor *input = firstTensor(inputs);
  if (!input)
    return;
  if (decl.name.text == "bn")
    warnAboutBias(elab, *input, at);
  else if (decl.name.text == "conv")
    warnAboutPadding(elab, settings, *input, result, at);
  else if (llvm::isa<ast::OpDecl>(decl))
    warnAboutDouble(elab, decl.name.text, *input, at);
}

void gnc::dsl::warnAboutBatchOfOne(Elaborator &elab, Span batch) {
  for (const OpUse &use : elab.opUses) {
    bool seesBatch = llvm::any_of(use.op->params.inputs, [](const ast::Param &input) {
      return input.type && input.type->batch;
    });
    if (!seesBatch)
      continue;
    (void)elab
        .warning("batch-of-one", batch,
                 "the batch is one sample, but " + use.written.text() + " computes over the batch")
        .note(use.written, "here; the mean of one sample is the sample itself")
        .help("use a larger batch, or a layer that looks at one sample, such as layer_norm");
    return;
  }
}
