//===- Pipeline.cpp - from the graph to machine code, phase by phase
//----------------------------===//
#include "codegen/Pipeline.h"

#include "codegen/Jit.h"
#include "codegen/LowerToKernels.h"
#include "codegen/MemoryPlan.h"
#include "codegen/Programs.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"

using namespace mlir;

namespace gnc {

namespace {
/// One line of the story: a pass on functions, by its flag without "gnc-".
struct Step {
  Phase phase;
  StringLiteral flag;
  std::unique_ptr<Pass> (*create)();
};

// The order matters; each line says why its pass comes now. `lower-to-kernels` follows the last.
constexpr Step kGraphStory[] = {
    // Every later pass sees forward, backward and optimizer as one graph.
    {Phase::Train, "autodiff", createAutodiff},
    // Derived equations read through many maps: bring them into the form that later passes know.
    {Phase::Train, "simplify", createSimplify},
    // Reshapes vanish into the equations around them, so that nothing stands between neighbours..
    {Phase::Fused, "split-indices", createSplitIndices},
    // ..and the accesses that this leaves are simplified.
    {Phase::Fused, "simplify", createSimplify},
    // Pointwise equations join the one before or after them.
    {Phase::Fused, "fuse-elementwise", createFuseElementwise},
    // What is left and runs over one domain shares one loop.
    {Phase::Fused, "merge-domains", createMergeDomains},
    // In the deployed program, weights and states that meet each other do so once, before any
    // sample.
    // After fusion, which would bring them back.
    {Phase::Fused, "fold-weights", createFoldWeights},
    // Long sums with few results get partial sums. After fusion, which wants to see them whole.
    {Phase::Fused, "split-reduction", createSplitReduction},
    // The second stages walk over indices of extent 1.
    {Phase::Fused, "simplify", createSimplify},
    // Gradients of strided convolutions become contractions before those are looked for.
    {Phase::Fused, "split-residues", createSplitResidues},
    // Contractions must not ask whether a read is inside: borders become part of a tensor. After
    // fusion, so that the copy takes the pointwise work along.
    {Phase::Fused, "materialize-guards", createMaterializeGuards},
    // Only now is it known which equations are contractions, and what they read.
    {Phase::Fused, "assign-layouts", createAssignLayouts},
    // Last of the graph: what is rounded is what really goes through memory.
    {Phase::Fused, "store-half", [] { return createStoreHalf(); }},
};
constexpr StringLiteral kLowering = "lower-to-kernels", kPlanning = "plan-memory";

bool known(StringRef flag) {
  return flag == kLowering || flag == kPlanning ||
         llvm::any_of(kGraphStory, [&](const Step &step) { return step.flag == flag; });
}

VectorTarget vectorTarget(unsigned bits) {
  if (bits == 0)
    bits = hostVectorBits();
  return {.lanes = bits / 32, .registers = bits >= 512 ? 32u : 16u};
}

constexpr StringLiteral kPhases[] = {"ast",     "graph", "train", "fused", "tiled",
                                     "buffers", "llvm",  "asm",   "obj"};
} // namespace

std::optional<Phase> phaseNamed(StringRef name) {
  const auto *found = llvm::find(kPhases, name);
  if (found == std::end(kPhases))
    return std::nullopt;
  return Phase(found - std::begin(kPhases));
}

ArrayRef<StringLiteral> phaseNames() { return kPhases; }

bool buildPipeline(ModuleOp module, OpPassManager &passes, Phase last,
                   const PipelineOptions &options, std::string &error) {
  for (const std::string &flag : options.disabled)
    if (!known(flag)) {
      error = "there is no pass '" + flag + "'";
      return false;
    }
  auto wanted = [&](Phase phase, StringRef flag) {
    return phase <= last && !llvm::is_contained(options.disabled, flag);
  };
  bool kernels = llvm::any_of(module.getOps<func::FuncOp>(), isKernel);
  for (const Step &step : kGraphStory)
    if (!kernels && wanted(step.phase, step.flag))
      passes.addNestedPass<func::FuncOp>(step.create());
  // Equations become kernels, one each, and a list of launches.
  if (wanted(Phase::Tiled, kLowering))
    passes.addPass(createLowerToKernels(options.batch, vectorTarget(options.vectorBits)));
  // Now that the launches are in order, it is known how long every buffer is needed.
  if (wanted(Phase::Buffers, kPlanning))
    passes.addNestedPass<func::FuncOp>(createPlanMemory());
  return true;
}

void registerPasses() {
  registerGncPasses();
  ::mlir::registerPass([] { return createLowerToKernels(); });
  ::mlir::registerPass(createPlanMemory);
}

} // namespace gnc
