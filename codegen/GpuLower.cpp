//===- GpuLower.cpp - kernels of a GPU to the llvm dialect ------------------------------------===//
#include "codegen/GpuLower.h"
#include "codegen/GpuPtx.h"
#include "codegen/Programs.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace gnc {

void registerGpuDialects(DialectRegistry &registry) {
  registry.insert<gpu::GPUDialect, NVVM::NVVMDialect>();
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  registerConvertNVVMToLLVMInterface(registry);
}

std::string gpuSymbol(StringRef key) { return ("gnc_" + key).str(); }

//===------------------------------------------------------------------------------------------===//
// func.func to gpu.func
//===------------------------------------------------------------------------------------------===//

/// Buffers lie at multiples of this many bytes in the arena.
static constexpr int64_t kBufferAlignment = 64;

/// Memory that a block shares is an attribute of a gpu.func.
static void attributeSharedMemory(gpu::GPUFuncOp kernel) {
  SmallVector<memref::AllocaOp> allocations;
  kernel.walk([&](memref::AllocaOp op) { allocations.push_back(op); });
  for (memref::AllocaOp op : allocations) {
    BlockArgument memory = kernel.addWorkgroupAttribution(op.getType(), op.getLoc());
    op.replaceAllUsesWith(Value(memory));
    op.erase();
  }
  // Only now that all are there: the attribute is a list, one entry each.
  MLIRContext *context = kernel.getContext();
  auto aligned = DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, LLVM::LLVMDialect::getAlignAttrName()),
                              IntegerAttr::get(IntegerType::get(context, 64), 16)));
  if (!allocations.empty())
    kernel.setWorkgroupAttribAttrsAttr(
        ArrayAttr::get(context, SmallVector<Attribute>(allocations.size(), aligned)));
}

/// A gpu.module with a copy of one kernel.
static gpu::GPUModuleOp wrapKernel(OpBuilder &builder, const KernelTable::Entry &entry) {
  func::FuncOp source = entry.function;
  Location loc = source.getLoc();
  std::string symbol = gpuSymbol(entry.key);
  auto wrapper = gpu::GPUModuleOp::create(builder, loc, "module_" + symbol);
  OpBuilder inside = OpBuilder::atBlockBegin(wrapper.getBody());
  auto kernel = gpu::GPUFuncOp::create(inside, loc, symbol, source.getFunctionType());
  IRMapping map;
  Block &entryBlock = kernel.getBody().front();
  for (auto [from, to] : llvm::zip_equal(source.getArguments(), kernel.getArguments()))
    map.map(from, to);
  OpBuilder body = OpBuilder::atBlockEnd(&entryBlock);
  for (Operation &op : source.getBody().front().without_terminator())
    body.clone(op, map);
  gpu::ReturnOp::create(body, loc);
  int64_t threads = source->getAttrOfType<IntegerAttr>(names::kThreads).getInt();
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  kernel.setKnownBlockSize(ArrayRef<int32_t>{static_cast<int32_t>(threads), 1, 1});
  kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  builder.getI32IntegerAttr(blocksTogether(threads)));
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i)
    if (isa<MemRefType>(kernel.getArgument(i).getType())) {
      kernel.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
      kernel.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        builder.getI64IntegerAttr(kBufferAlignment));
    }
  attributeSharedMemory(kernel);
  return wrapper;
}

//===------------------------------------------------------------------------------------------===//
// To the llvm dialect
//===------------------------------------------------------------------------------------------===//

namespace {
/// libdevice's square root is approximate unless it is told otherwise; LLVM's is exact.
struct ExactSqrt : OpConversionPattern<math::SqrtOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(math::SqrtOp op, OpAdaptor operands,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::SqrtOp>(op, operands.getOperand().getType(),
                                              operands.getOperand());
    return success();
  }
};

/// Loops unroll in full, or are kept from it; 1 / sqrt(x) is what it says, as on the processor.
/// Index arithmetic does not overflow (createGpuTarget), as in CUDA C++, so constants can leave it
/// for the addresses.
struct PrepareGpuKernel : PassWrapper<PrepareGpuKernel, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrepareGpuKernel)
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<LLVM::LLVMDialect>();
  }

  /// Also tells ptxas, by a pragma.
  Attribute rolled() {
    auto unroll = LLVM::LoopUnrollAttr::get(&getContext(), BoolAttr::get(&getContext(), true), {},
                                            {}, {}, {}, {}, {});
    return LLVM::LoopAnnotationAttr::get(&getContext(), {}, {}, {}, unroll, {}, {}, {}, {}, {}, {},
                                         {}, {}, {}, {}, {});
  }

  void runOnOperation() final {
    SmallVector<scf::ForOp> loops;
    SmallVector<math::RsqrtOp> roots;
    auto exact =
        arith::IntegerOverflowFlagsAttr::get(&getContext(), arith::IntegerOverflowFlags::nsw);
    getOperation().walk([&](Operation *op) {
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        auto unroll = loop->getAttrOfType<BoolAttr>(names::kUnroll);
        if (unroll && unroll.getValue())
          loops.push_back(loop);
        else if (unroll)
          loop->setAttr("loop_annotation", rolled());
      }
      if (auto root = dyn_cast<math::RsqrtOp>(op))
        roots.push_back(root);
      if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) &&
          op->getResult(0).getType().isIndex())
        op->setAttr("overflowFlags", exact);
    });
    for (scf::ForOp loop : loops)
      if (failed(loopUnrollFull(loop)))
        return signalPassFailure();
    for (math::RsqrtOp op : roots) {
      OpBuilder builder(op);
      TypedAttr one = builder.getFloatAttr(getElementTypeOrSelf(op.getType()), 1.0);
      if (auto type = dyn_cast<VectorType>(op.getType()))
        one = DenseElementsAttr::get(type, one);
      Value root = math::SqrtOp::create(builder, op.getLoc(), op.getOperand());
      Value unit = arith::ConstantOp::create(builder, op.getLoc(), one);
      op.replaceAllUsesWith(arith::DivFOp::create(builder, op.getLoc(), unit, root).getResult());
      op.erase();
    }
  }
};

/// Everything to the llvm dialect in one conversion with one type converter: an index has 32 bits,
/// memrefs are bare pointers, and the address spaces are those of the card.
struct GpuToLLVM : PassWrapper<GpuToLLVM, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GpuToLLVM)
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  }
  void runOnOperation() final {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    options.overrideIndexBitwidth(32);
    options.useBarePtrCallConv = true;
    LLVMTypeConverter types(context, options);
    configureGpuToNVVMTypeConverter(types);
    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(types, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(types, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(types, patterns);
    populateVectorToLLVMConversionPatterns(types, patterns);
    populateGpuToNVVMConversionPatterns(types, patterns);
    populateLibDeviceConversionPatterns(types, patterns, PatternBenefit(5));
    populateMathToLLVMConversionPatterns(types, patterns); // what libdevice does not take
    ub::populateUBToLLVMConversionPatterns(types, patterns);
    patterns.add<ExactSqrt>(types, context, PatternBenefit(10));
    LLVMConversionTarget target(*context);
    configureGpuToNVVMConversionLegality(target);
    target.addLegalOp<LLVM::SqrtOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    // The conversion is partial: what it does not know stays.
    getOperation().walk([&](Operation *op) {
      StringRef dialect = op->getDialect()->getNamespace();
      if (dialect == "llvm" || dialect == "nvvm" || isa<gpu::GPUModuleOp>(op))
        return;
      op->emitError() << op->getName() << " has no form on a GPU";
      signalPassFailure();
    });
  }
};
} // namespace

static LogicalResult lower(ModuleOp module, bool verify) {
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  passes.enableVerifier(verify);
  OpPassManager &each = passes.nest<gpu::GPUModuleOp>();
  each.addPass(std::make_unique<PrepareGpuKernel>());
  each.addPass(createCanonicalizerPass());
  each.addPass(createCSEPass());
  each.addPass(createSCFToControlFlowPass());
  each.addPass(std::make_unique<GpuToLLVM>());
  each.addPass(createConvertNVVMToLLVMPass());
  return passes.run(module);
}

//===------------------------------------------------------------------------------------------===//
// To PTX
//===------------------------------------------------------------------------------------------===//

runtime::Result<std::string> translateToPtx(ModuleOp module, ArrayRef<KernelTable::Entry> kernels,
                                            const CudaTarget &target, bool verify) {
  OwningOpRef<ModuleOp> wrapped = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(wrapped->getBody());
  SmallVector<gpu::GPUModuleOp> modules;
  for (const KernelTable::Entry &kernel : kernels)
    modules.push_back(wrapKernel(builder, kernel));
  if (failed(lower(*wrapped, verify)))
    return runtime::internalError("a kernel cannot be lowered for a GPU");
  std::vector<KernelModule> translated(kernels.size());
  for (auto [i, kernel] : llvm::enumerate(translated)) { // of one MLIR context: one at a time
    kernel.context = std::make_unique<llvm::LLVMContext>();
    kernel.module =
        translateModuleToLLVMIR(modules[i], *kernel.context, gpuSymbol(kernels[i].key), !verify);
    if (!kernel.module)
      return runtime::internalError("a kernel cannot be translated to LLVM IR");
  }
  std::vector<std::string> texts(kernels.size());
  std::vector<std::optional<runtime::Error>> errors(kernels.size());
  parallelFor(module.getContext(), 0, kernels.size(), [&](size_t i) {
    runtime::Result<std::string> text = emitPtx(translated[i], gpuSymbol(kernels[i].key), target);
    if (text.ok())
      texts[i] = std::move(*text);
    else
      errors[i] = text.error();
  });
  for (std::optional<runtime::Error> &error : errors)
    if (error)
      return *error;
  std::string ptx = ptxHeader(target);
  for (const std::string &text : texts)
    ptx += text;
  return ptx;
}

} // namespace gnc
