//===- Pipeline.cpp - from the graph to machine code, phase by phase --------------------------===//
#include "codegen/Pipeline.h"

#include "codegen/ChooseLibrary.h"
#include "codegen/Jit.h"
#include "codegen/LowerToKernels.h"
#include "codegen/MemoryPlan.h"
#include "codegen/MinimalFilter.h"
#include "codegen/PackWeights.h"
#include "codegen/Programs.h"
#include "codegen/TileWindows.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"

using namespace mlir;

namespace gnc {

namespace {
/// Whether a program could do without a pass.
enum class Need {
  Speed,      ///< yes: results are the same up to rounding
  Correctness ///< no
};

enum class Target { Any, Processor, Card };

/// One line of the story: a pass on functions, by its flag without "gnc-".
struct Step {
  Phase phase;
  StringLiteral flag;
  std::unique_ptr<Pass> (*create)(const PipelineOptions &options);
  Need need = Need::Speed;
  Target target = Target::Any; ///< that it is for
};

/// A pass that needs no option.
template <std::unique_ptr<Pass> (*Create)()> std::unique_ptr<Pass> plain(const PipelineOptions &) {
  return Create();
}

/// A card computes some hundred blocks of threads at a time.
std::unique_ptr<Pass> splitReduction(const PipelineOptions &options) {
  SplitReductionOptions own;
  own.blocks = options.gpu ? 128 : 0;
  return createSplitReduction(own);
}

/// Tiles of cards go through shared memory, which may transpose them.
std::unique_ptr<Pass> assignLayouts(const PipelineOptions &options) {
  AssignLayoutsOptions own;
  own.alongSums = options.gpu;
  return createAssignLayouts(own);
}

/// Kernels of cards multiply zeros instead.
template <class Options, std::unique_ptr<Pass> (*Create)(Options)>
std::unique_ptr<Pass> withBounds(const PipelineOptions &options) {
  Options own;
  own.bounds = !options.gpu;
  return Create(own);
}

std::unique_ptr<Pass> winograd(const PipelineOptions &options) {
  WinogradOptions own;
  own.batch = options.batch;
  return createWinograd(own);
}

std::unique_ptr<Pass> chooseLibrary(const PipelineOptions &options) {
  return createChooseLibrary(options.gpu ? options.library : nullptr, options.batch);
}

VectorTarget vectorTarget(const PipelineOptions &options) {
  unsigned level = options.cpuLevel ? options.cpuLevel : hostCpuLevel();
  unsigned bits = options.vectorBits ? options.vectorBits : vectorBitsOf(level);
  return {.lanes = bits / 32, .registers = bits >= 512 ? 32u : 16u};
}

std::unique_ptr<Pass> tileWindows(const PipelineOptions &options) {
  return createTileWindows(vectorTarget(options));
}
std::unique_ptr<Pass> minimalFilters(const PipelineOptions &options) {
  return createMinimalFilters(vectorTarget(options));
}
std::unique_ptr<Pass> packWeights(const PipelineOptions &options) {
  return createPackWeights(vectorTarget(options));
}

std::unique_ptr<Pass> recompute(const PipelineOptions &options) {
  RecomputeOptions own;
  own.batch = options.batch;
  own.budget = options.memory - options.memory / 50; // gaps in the arena, and small copies
  return createRecompute(own);
}

// The order matters; each line says why its pass comes now. `lower-to-kernels` follows the last.
constexpr Step kGraphStory[] = {
    // A relu after a pool has a smaller gradient than one before it: before gradients are derived.
    {Phase::Train, "delay-maximum", plain<createDelayMaximum>},
    // Every later pass sees forward, backward and optimizer as one graph.
    {Phase::Train, "autodiff", plain<createAutodiff>, Need::Correctness},
    // Derived equations read through many maps: bring them into the form that later passes know.
    {Phase::Train, "simplify", plain<createSimplify>},
    // Reshapes vanish into the equations around them, so that nothing stands between neighbours..
    {Phase::Fused, "split-indices", plain<createSplitIndices>},
    // ..and the accesses that this leaves are simplified.
    {Phase::Fused, "simplify", plain<createSimplify>},
    // Pointwise equations join the one before or after them.
    {Phase::Fused, "fuse-elementwise", plain<createFuseElementwise>},
    // What is left and runs over one domain shares one loop.
    {Phase::Fused, "merge-domains", plain<createMergeDomains>},
    // In the deployed program, weights and states that meet each other do so once, before any
    // sample.
    // After fusion, which would bring them back.
    {Phase::Fused, "fold-weights", plain<createFoldWeights>},
    // Convolutions of 3x3 go in tiles, while each is one equation: after fusion, so that what
    // follows a convolution is in its `finish`. The emitter of GPUs would compute all points of a
    // tile for each.
    {Phase::Fused, "winograd", winograd, Need::Speed, Target::Processor},
    // A library computes what it has plans for, if one is asked: after fusion, so that bias and
    // activation are in `finish`; before sums and indices are split for our own kernels.
    {Phase::Fused, "choose-library", chooseLibrary},
    // A card waits for memory and for launches: variances do not wait for means. Before sums are
    // split, as two of them are one form.
    {Phase::Fused, "one-pass-variance", plain<createOnePassVariance>, Need::Speed, Target::Card},
    // Long sums with few results get partial sums. After fusion, which wants to see them whole.
    {Phase::Fused, "split-reduction", splitReduction},
    // The second stages walk over indices of extent 1.
    {Phase::Fused, "simplify", plain<createSimplify>},
    // Gradients of strided convolutions become contractions before those are looked for.
    {Phase::Fused, "split-residues", withBounds<SplitResiduesOptions, createSplitResidues>},
    // Contractions must not ask whether a read is inside: borders become part of a tensor. After
    // fusion, so that the copy takes the pointwise work along.
    {Phase::Fused, "materialize-guards",
     withBounds<MaterializeGuardsOptions, createMaterializeGuards>},
    // A copy that only adds a border is a launch for nothing: who computes the operand writes it.
    {Phase::Fused, "write-padded", plain<createWritePadded>, Need::Speed, Target::Card},
    // Only now is it known which equations are contractions, and what they read.
    {Phase::Fused, "assign-layouts", assignLayouts},
    // Last of what computes: what is rounded is what really goes through memory.
    {Phase::Fused, "store-half", plain<createStoreHalf>},
    // Panels are as wide as the tile of a contraction, which is known when nothing about it changes
    // any more. A card copies its tiles through shared memory.
    {Phase::Fused, "pack-weights", packWeights, Need::Speed, Target::Processor},
    // What a tile computes is known now, and so is whether its rows can be windows.
    {Phase::Fused, "tile-windows", tileWindows, Need::Speed, Target::Processor},
    // What a tile holds is known now, and so is whether its rows are neighbours along an axis.
    {Phase::Fused, "winograd", minimalFilters, Need::Speed, Target::Processor},
    // Last, as others find equations that are equal and keep one of them.
    {Phase::Fused, "recompute", recompute},
};
constexpr StringLiteral kLowering = "lower-to-kernels", kPlanning = "plan-memory";

/// Why a pass cannot be left out; "" if it can.
std::string refusal(StringRef flag) {
  const Step *step = llvm::find_if(kGraphStory, [&](const Step &s) { return s.flag == flag; });
  bool inStory = step != std::end(kGraphStory);
  if (inStory && step->need == Need::Speed)
    return "";
  if (inStory || flag == kLowering || flag == kPlanning)
    return "no program is right without the pass '" + flag.str() + "'";
  return "there is no pass '" + flag.str() + "'";
}

bool isFor(Target target, const PipelineOptions &options) {
  return target == Target::Any || (target == Target::Card) == bool(options.gpu);
}

constexpr StringLiteral kPhases[] = {"ast",  "graph", "train", "fused", "tiled", "buffers",
                                     "llvm", "asm",   "obj",   "ptx",   "cuda",  "cubin"};
} // namespace

std::optional<Phase> phaseNamed(StringRef name) {
  const auto *found = llvm::find(kPhases, name);
  if (found == std::end(kPhases))
    return std::nullopt;
  return Phase(found - std::begin(kPhases));
}

ArrayRef<StringLiteral> phaseNames() { return kPhases; }

std::vector<OptionalPass> optionalPasses() {
  std::vector<OptionalPass> passes;
  for (const Step &step : kGraphStory)
    if (step.need == Need::Speed &&
        llvm::none_of(passes, [&](const OptionalPass &seen) { return seen.flag == step.flag; }))
      passes.push_back({step.flag, step.create({})->getDescription().str()});
  return passes;
}

bool buildPipeline(ModuleOp module, OpPassManager &passes, Phase last,
                   const PipelineOptions &options, std::string &error) {
  for (const std::string &flag : options.disabled)
    if (error = refusal(flag); !error.empty())
      return false;
  auto wanted = [&](Phase phase, StringRef flag) {
    return phase <= last && !llvm::is_contained(options.disabled, flag);
  };
  bool kernels = llvm::any_of(module.getOps<func::FuncOp>(), isKernel);
  for (const Step &step : kGraphStory)
    if (!kernels && wanted(step.phase, step.flag) && isFor(step.target, options))
      passes.addNestedPass<func::FuncOp>(step.create(options));
  // Equations become kernels, one each, and a list of launches.
  if (wanted(Phase::Tiled, kLowering))
    passes.addPass(options.gpu ? createLowerToGpuKernels(options.batch)
                               : createLowerToKernels(options.batch, vectorTarget(options)));
  // Now that the launches are in order, it is known how long every buffer is needed.
  if (wanted(Phase::Buffers, kPlanning))
    passes.addNestedPass<func::FuncOp>(createPlanMemory());
  return true;
}

void registerPasses() {
  registerGncPasses();
  ::mlir::registerPass([] { return createChooseLibrary(); });
  ::mlir::registerPass([] { return createPackWeights(); });
  ::mlir::registerPass([] { return createTileWindows(); });
  ::mlir::registerPass([] { return createMinimalFilters(); });
  ::mlir::registerPass([] { return createLowerToKernels(); });
  ::mlir::registerPass(createPlanMemory);
}

} // namespace gnc
