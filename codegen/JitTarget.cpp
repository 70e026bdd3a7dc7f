//===- JitTarget.cpp - the processor that code is made for
//---------------------------------------===//
#include "codegen/JitTarget.h"

#include "llvm/CodeGen/CodeGenTargetMachineImpl.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include <mutex>

namespace gnc {

static void initializeTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> JitTarget::createMachine() const {
  initializeTarget();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError(error);
  // `Less` gives the same speed as the levels above it in a third of the time; `None` gives a tenth
  // of the speed. What a kernel refers to is near (see packCode).
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, "x86-64-v" + std::to_string(cpu), "", llvm::TargetOptions(), llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less));
  if (!machine)
    return llvm::createStringError("there is no code generator for x86-64");
  return machine;
}

void JitTarget::annotate(llvm::Module &module, const llvm::TargetMachine &machine) const {
  module.setDataLayout(machine.createDataLayout());
  module.setTargetTriple(machine.getTargetTriple());
  for (llvm::GlobalVariable &table : module.globals())
    table.setDSOLocal(true);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setDSOLocal(true);
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr("prefer-vector-width", std::to_string(vectorBits()));
    function.addFnAttr("no-jump-tables", "true"); // constants refer to nothing
    function.setDoesNotThrow();
  }
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned level) {
  if (level == 0)
    return;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (level > 1)
    passes = builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2);
  else if (auto error =
               builder.parsePassPipeline(passes, "function(early-cse,loop-mssa(licm),simplifycfg)"))
    llvm::consumeError(std::move(error)); // The text is ours; at worst nothing is cleaned up.
  passes.run(module, modules);
}

namespace {
/// Leaves out loop strength reduction. It is more than half of the code generator's time, and the
/// emitters write addresses as they want them: one addition a loop and operand.
struct NoStrengthReduction : llvm::OptPassGate {
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override {
    return pass != "Loop Strength Reduction";
  }
  bool isEnabled() const override { return true; }
};
} // namespace

/// TargetMachine::addPassesToEmitFile without the machine scheduler: kernels come in the order that
/// their emitters chose, and it moves all loads of a register tile before the first sum, so that
/// sums are spilled (a tile of 12 sums with 16 registers runs at half the speed then).
static bool addPassesToEmit(llvm::CodeGenTargetMachineImpl &machine,
                            llvm::legacy::PassManager &passes, llvm::raw_pwrite_stream &stream,
                            llvm::CodeGenFileType type) {
  llvm::TargetPassConfig *config = machine.createPassConfig(passes); // owned by `passes`
  auto *info = new llvm::MachineModuleInfoWrapperPass(&machine);     // owned by `passes`
  config->setDisableVerify(true);
  passes.add(config);
  passes.add(info);
  config->disablePass(&llvm::MachineSchedulerID);
  if (config->addISelPasses())
    return false;
  config->addMachinePasses();
  config->setInitialized();
  if (machine.addAsmPrinter(passes, stream, nullptr, type, info->getMMI().getContext()))
    return false;
  passes.add(llvm::createFreeMachineFunctionPass());
  return true;
}

llvm::Expected<llvm::SmallVector<char, 0>>
emitMachineCode(llvm::Module &module, llvm::TargetMachine &machine, MachineForm form) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  auto type = form == MachineForm::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                            : llvm::CodeGenFileType::ObjectFile;
  if (!addPassesToEmit(static_cast<llvm::CodeGenTargetMachineImpl &>(machine), passes, stream,
                       type))
    return llvm::createStringError("this target cannot emit machine code");
  NoStrengthReduction gate;
  module.getContext().setOptPassGate(gate);
  passes.run(module);
  return bytes;
}

} // namespace gnc
