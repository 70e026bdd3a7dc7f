//===- JitLower.cpp - kernels to LLVM IR
//-------------------------------------------------------===//
#include "codegen/JitLower.h"

#include "codegen/Programs.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;

namespace gnc {

void registerKernelDialects(DialectRegistry &registry) {
  registry
      .insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
              index::IndexDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
              scf::SCFDialect, ub::UBDialect, vector::VectorDialect, GncDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {
/// Turns into calls of libm, lane by lane, what LLVM has no or no accurate form for: the usual
/// lowering writes log1p(x) as log(1 + x) and expm1(x) as exp(x) - 1, which lose small x.
struct CallLibm : PassWrapper<CallLibm, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CallLibm)
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    populateMathToLibmConversionPatterns(patterns);
    ConversionTarget target(getContext());
    target.addIllegalOp<math::ErfOp, math::ExpM1Op, math::Log1pOp>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void addKernelLowering(OpPassManager &passes) {
  passes.addPass(std::make_unique<CallLibm>());
  // Function by function, so that they run in parallel.
  OpPassManager &each = passes.nest<func::FuncOp>();
  each.addPass(createCanonicalizerPass());
  each.addPass(createCSEPass());
  // There are no LLVM passes afterwards to hoist addresses out of loops.
  each.addPass(createLoopInvariantCodeMotionPass());
  each.addPass(createConvertVectorToSCFPass());
  each.addPass(memref::createExpandStridedMetadataPass());
  each.addPass(createLowerAffinePass());
  each.addPass(createSCFToControlFlowPass());
  each.addPass(createConvertVectorToLLVMPass());
  each.addPass(createConvertMathToLLVMPass());
  each.addPass(createArithToLLVMConversionPass());
  each.addPass(createConvertIndexToLLVMPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  // Bare pointers: `llvm.noalias` on arguments survives only in this convention.
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  passes.addPass(createConvertFuncToLLVMPass(options));
  passes.addPass(createReconcileUnrealizedCastsPass());
}

std::string entryName(StringRef key) { return ("gnc_kernel_" + key).str(); }

namespace {
/// The kernels, and everything in the module that is no function (tables of constants).
OwningOpRef<ModuleOp> cloneKernels(ModuleOp module, ArrayRef<KernelTable::Entry> kernels) {
  OwningOpRef<ModuleOp> result = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(result->getBody());
  for (Operation &op : *module.getBody())
    if (!isa<func::FuncOp>(op))
      builder.clone(op);
  for (KernelTable::Entry kernel : kernels)
    builder.clone(*kernel.function);
  return result;
}

/// Moves the lowered kernels into a module of their own, with what all of them may use: tables and
/// declarations of libm.
OwningOpRef<ModuleOp> takeKernels(ModuleOp lowered, ArrayRef<KernelTable::Entry> kernels) {
  llvm::StringSet<> wanted;
  for (KernelTable::Entry kernel : kernels)
    wanted.insert(kernel.function.getSymName());
  OwningOpRef<ModuleOp> part = ModuleOp::create(lowered.getLoc());
  part->getOperation()->setAttrs(lowered->getAttrs());
  OpBuilder builder = OpBuilder::atBlockEnd(part->getBody());
  for (Operation &op : llvm::make_early_inc_range(*lowered.getBody())) {
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    if (!function || function.isExternal())
      builder.clone(op);
    else if (wanted.contains(function.getSymName()))
      op.moveBefore(part->getBody(), part->getBody()->end());
  }
  return part;
}

/// void entry(i64 lo, i64 hi, i64 n, ptr arguments): loads the addresses and calls the kernel.
void addEntry(llvm::Module &module, llvm::Function &kernel, StringRef key) {
  llvm::IRBuilder<> builder(module.getContext());
  llvm::Type *word = builder.getInt64Ty(), *pointer = builder.getPtrTy();
  auto *type = llvm::FunctionType::get(builder.getVoidTy(), {word, word, word, pointer}, false);
  auto *entry =
      llvm::Function::Create(type, llvm::Function::ExternalLinkage, entryName(key), module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", entry));
  SmallVector<llvm::Value *> arguments;
  for (unsigned i = 0; i < 3; ++i)
    arguments.push_back(entry->getArg(i));
  for (unsigned i = 3; i < kernel.arg_size(); ++i) {
    llvm::Value *slot = builder.CreateConstInBoundsGEP1_64(pointer, entry->getArg(3), i - 3);
    arguments.push_back(builder.CreateLoad(pointer, slot));
  }
  builder.CreateCall(&kernel, arguments)->setTailCallKind(llvm::CallInst::TCK_Tail);
  builder.CreateRetVoid();
  kernel.setLinkage(llvm::Function::InternalLinkage);
}

LogicalResult checkSignature(func::FuncOp kernel) {
  FunctionType type = kernel.getFunctionType();
  bool good = type.getNumInputs() >= 3 && type.getNumResults() == 0;
  for (auto [i, input] : llvm::enumerate(type.getInputs()))
    good &= i < 3 ? isa<IndexType>(input) : isa<MemRefType>(input);
  if (isGpuKernel(kernel))
    return kernel.emitError("this is a kernel of a card, and no code for processors: name a card "
                            "(--target), and make none for processors (--cpu=none)");
  if (!good)
    return kernel.emitError("a kernel takes three indices and memrefs, and returns nothing");
  return success();
}
} // namespace

FailureOr<OwningOpRef<ModuleOp>> lowerKernels(ModuleOp module, ArrayRef<KernelTable::Entry> kernels,
                                              bool verifyEach) {
  for (const KernelTable::Entry &kernel : kernels)
    if (failed(checkSignature(kernel.function)))
      return failure();
  OwningOpRef<ModuleOp> clone = cloneKernels(module, kernels);
  PassManager passes(clone->getContext(), ModuleOp::getOperationName());
  passes.enableVerifier(verifyEach);
  addKernelLowering(passes);
  if (failed(passes.run(*clone)))
    return failure();
  return clone;
}

FailureOr<KernelModule> translateKernels(ModuleOp lowered, ArrayRef<KernelTable::Entry> kernels,
                                         bool verify) {
  OwningOpRef<ModuleOp> part = takeKernels(lowered, kernels);
  KernelModule result;
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module = translateModuleToLLVMIR(*part, *result.context, "gnc", !verify);
  if (!result.module)
    return lowered.emitError("kernels cannot be translated to LLVM IR");
  for (KernelTable::Entry kernel : kernels)
    addEntry(*result.module, *result.module->getFunction(kernel.function.getSymName()), kernel.key);
  return result;
}

} // namespace gnc
