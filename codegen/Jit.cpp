//===- Jit.cpp - kernels to machine code, in a file or in this process
//-------------------------===//
#include "codegen/Jit.h"

#include "codegen/JitLower.h"
#include "codegen/JitTarget.h"
#include "mlir/IR/Threading.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

using namespace mlir;

namespace gnc {

namespace {
using Bytes = SmallVector<char, 0>;

LogicalResult report(ModuleOp module, llvm::Error error) {
  return module.emitError("machine code: ") << llvm::toString(std::move(error));
}

/// LLVM IR to the bytes of a file.
llvm::Expected<Bytes> finish(llvm::Module &module, const JitTarget &target, MachineForm form,
                             unsigned optLevel) {
  auto machine = target.createMachine();
  if (!machine)
    return machine.takeError();
  target.annotate(module, **machine);
  optimize(module, **machine, optLevel);
  return emitMachineCode(module, **machine, form);
}

/// Divides kernels so that every share has about as many operations.
std::vector<std::vector<KernelTable::Entry>> divide(ArrayRef<KernelTable::Entry> kernels,
                                                    size_t shares) {
  SmallVector<std::pair<size_t, size_t>> sizes; // operations, kernel
  for (auto [i, kernel] : llvm::enumerate(kernels)) {
    size_t operations = 0;
    func::FuncOp function = kernel.function;
    function.walk([&](Operation *) { ++operations; });
    sizes.emplace_back(operations, i);
  }
  llvm::sort(sizes, std::greater<>());
  std::vector<std::vector<KernelTable::Entry>> result(shares);
  SmallVector<size_t> load(shares);
  for (auto [operations, i] : sizes) {
    size_t least = std::min_element(load.begin(), load.end()) - load.begin();
    load[least] += operations;
    result[least].push_back(kernels[i]);
  }
  return result;
}

/// One object file a thread. MLIR works function by function in parallel, LLVM module by module;
/// between them, one thread translates.
FailureOr<std::vector<Bytes>> compileObjects(ModuleOp module, ArrayRef<KernelTable::Entry> kernels,
                                             const JitTarget &target, const CodeOptions &options) {
  MLIRContext *context = module.getContext();
  size_t threads = context->isMultithreadingEnabled() ? context->getNumThreads() : 1;
  auto shares = divide(kernels, std::min(threads, kernels.size()));
  auto lowered = lowerKernels(module, kernels, options.verifyEach);
  if (failed(lowered))
    return failure();
  std::vector<KernelModule> modules;
  for (const auto &share : shares) {
    FailureOr<KernelModule> part = translateKernels(**lowered, share, options.verifyEach);
    if (failed(part))
      return failure();
    modules.push_back(std::move(*part));
  }
  std::vector<Bytes> objects(shares.size());
  LogicalResult result = failableParallelForEach(
      context, llvm::seq<size_t>(0, shares.size()), [&](size_t i) -> LogicalResult {
        auto object = finish(*modules[i].module, target, MachineForm::Object, options.optLevel);
        if (!object)
          return report(module, object.takeError());
        objects[i] = std::move(*object);
        return success();
      });
  if (failed(result))
    return failure();
  return objects;
}

llvm::Expected<std::shared_ptr<llvm::orc::LLJIT>> link(std::vector<Bytes> objects) {
  auto made = llvm::orc::LLJITBuilder().create();
  if (!made)
    return made.takeError();
  std::shared_ptr<llvm::orc::LLJIT> jit = std::move(*made);
  // expf, memcpy and their like come from the process.
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      jit->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  jit->getMainJITDylib().addGenerator(std::move(*process));
  for (Bytes &object : objects) {
    auto buffer = std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), false);
    if (auto error = jit->addObjectFile(std::move(buffer)))
      return error;
  }
  return jit;
}
FailureOr<std::string> print(llvm::Module &code, ModuleOp module, const JitTarget &target,
                             unsigned optLevel) {
  auto machine = target.createMachine();
  if (!machine)
    return report(module, machine.takeError());
  target.annotate(code, **machine);
  optimize(code, **machine, optLevel);
  std::string text;
  llvm::raw_string_ostream(text) << code;
  return text;
}
} // namespace

FailureOr<LoadedKernels> loadKernels(ModuleOp module, const KernelTable &table,
                                     const CodeOptions &options) {
  if (table.entries().empty())
    return LoadedKernels();
  auto target = JitTarget::host();
  if (!target)
    return report(module, target.takeError());
  auto objects = compileObjects(module, table.entries(), *target, options);
  if (failed(objects))
    return failure();
  auto jit = link(std::move(*objects));
  if (!jit)
    return report(module, jit.takeError());
  LoadedKernels loaded;
  for (const KernelTable::Entry &kernel : table.entries()) {
    auto address = (*jit)->lookup(entryName(kernel.key));
    if (!address)
      return report(module, address.takeError());
    loaded.entries.push_back(address->toPtr<runtime::KernelEntry>());
  }
  loaded.code = std::move(*jit);
  return loaded;
}

FailureOr<std::string> emitKernels(ModuleOp module, CodeForm form, const CodeOptions &options) {
  KernelTable table(module);
  auto target = JitTarget::host();
  if (!target)
    return report(module, target.takeError());
  auto lowered = lowerKernels(module, table.entries(), options.verifyEach);
  if (failed(lowered))
    return failure();
  auto translated = translateKernels(**lowered, table.entries(), options.verifyEach);
  if (failed(translated))
    return failure();
  if (form == CodeForm::LLVM)
    return print(*translated->module, module, *target, options.optLevel);
  auto machineForm = form == CodeForm::Object ? MachineForm::Object : MachineForm::Assembly;
  auto bytes = finish(*translated->module, *target, machineForm, options.optLevel);
  if (!bytes)
    return report(module, bytes.takeError());
  return std::string(bytes->begin(), bytes->end());
}

unsigned hostVectorBits() {
  auto target = JitTarget::host();
  if (target)
    return target->vectorBits();
  llvm::consumeError(target.takeError());
  return 128;
}

} // namespace gnc
