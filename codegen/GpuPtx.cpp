#include "codegen/GpuPtx.h"

#include "codegen/JitTarget.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include <mutex>

using namespace mlir;

namespace gnc {

std::string ptxHeader(const CudaTarget &target) {
  return "//\n// Made by gnc\n//\n\n.version " + std::to_string(target.ptx / 10) + "." +
         std::to_string(target.ptx % 10) + "\n.target " + target.name.str() +
         "\n.address_size 64\n\n";
}

static void initializeNvptx() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    // Addresses in shared memory have 32 bits: a third of the instructions around them go. There is
    // no way to ask for it but this option.
    auto &options = llvm::cl::getRegisteredOptions();
    auto option = options.find("nvptx-short-ptr");
    if (option != options.end())
      static_cast<llvm::cl::opt<bool> *>(option->second)->setValue(true);
  });
}

static std::unique_ptr<llvm::TargetMachine> createMachine(const CudaTarget &target,
                                                          std::string &error) {
  initializeNvptx();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *back = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!back)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(back->createTargetMachine(
      triple, target.name, "+ptx" + std::to_string(target.ptx), {}, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

/// Takes from libdevice what the module calls.
static runtime::Status linkLibdevice(llvm::Module &module) {
  bool needed = llvm::any_of(module, [](llvm::Function &function) {
    return function.isDeclaration() && function.getName().starts_with("__nv_");
  });
  if (!needed)
    return {};
  auto missing = [](const std::string &why) {
    return runtime::environmentError("no-libdevice", "exp and its like need libdevice, " + why)
        .withHelp("install the CUDA toolkit, and set CUDA_HOME if it is not in /usr/local/cuda");
  };
  std::optional<std::string> path = findInToolkit("nvvm/libdevice/libdevice.10.bc");
  if (!path)
    return missing("which is a part of the CUDA toolkit, and there is none");
  auto buffer = llvm::MemoryBuffer::getFile(*path);
  if (!buffer)
    return missing("and '" + *path + "' cannot be read");
  // Lazy: only the functions that are called are read.
  auto library = llvm::getOwningLazyBitcodeModule(std::move(*buffer), module.getContext());
  if (!library)
    return missing("and '" + *path + "' is none: " + llvm::toString(library.takeError()));
  (*library)->setTargetTriple(module.getTargetTriple());
  (*library)->setDataLayout(module.getDataLayout());
  bool failed = llvm::Linker::linkModules(
      module, std::move(*library), llvm::Linker::LinkOnlyNeeded,
      [](llvm::Module &linked, const llvm::StringSet<> &taken) {
        llvm::internalizeModule(linked, [&](const llvm::GlobalValue &value) {
          return !value.hasName() || !taken.contains(value.getName());
        });
      });
  if (failed)
    return missing("and '" + *path + "' does not fit this version of gnc");
  return {};
}

/// Names that only this kernel uses.
static void prefixNames(llvm::Module &module, const std::string &symbol) {
  for (llvm::GlobalValue &value : module.global_values())
    if (!value.isDeclaration() && value.getName() != symbol)
      value.setName(symbol + "_" + value.getName());
}

runtime::Result<std::string> emitPtx(KernelModule &kernel, const std::string &symbol,
                                     const CudaTarget &target) {
  llvm::Module *module = kernel.module.get();
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, error);
  if (!machine)
    return runtime::internalError("a kernel cannot be translated to PTX: " + error);
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  if (runtime::Status linked = linkLibdevice(*module); !linked.ok())
    return linked.error();
  optimize(*module, *machine, /*level=*/2);
  prefixNames(*module, symbol);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return runtime::internalError("this LLVM cannot write PTX");
  passes.run(*module);
  StringRef body = text.str();
  constexpr StringLiteral lastOfHeader = ".address_size 64\n";
  size_t header = body.find(lastOfHeader);
  if (header == StringRef::npos)
    return runtime::internalError("LLVM wrote PTX without a header");
  return body.drop_front(header + lastOfHeader.size()).rtrim().str() + "\n";
}

} // namespace gnc
