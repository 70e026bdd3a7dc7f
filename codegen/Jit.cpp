//===- Jit.cpp - kernels to machine code
//---------------------------------------------------===//
#include "codegen/Jit.h"

#include "codegen/JitLower.h"
#include "codegen/JitTarget.h"
#include "codegen/PackCode.h"
#include "mlir/IR/Threading.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;

namespace gnc {

namespace {
using Bytes = SmallVector<char, 0>;

LogicalResult report(ModuleOp module, llvm::Error error) {
  return module.emitError("machine code: ") << llvm::toString(std::move(error));
}

JitTarget targetOf(const CodeOptions &options) {
  return JitTarget(options.cpuLevel ? options.cpuLevel : hostCpuLevel());
}

/// LLVM IR to the bytes of a file.
llvm::Expected<Bytes> finish(llvm::Module &module, const JitTarget &target,
                             llvm::TargetMachine &machine, MachineForm form,
                             const CodeOptions &options) {
  target.annotate(module, machine);
  optimize(module, machine, options.optLevel);
  return emitMachineCode(module, machine, form);
}

/// Divides kernels, by their number, so that every share has about as many operations.
std::vector<std::vector<size_t>> divide(ArrayRef<KernelTable::Entry> kernels, size_t shares) {
  SmallVector<std::pair<size_t, size_t>> sizes; // operations, kernel
  for (auto [i, kernel] : llvm::enumerate(kernels)) {
    size_t operations = 0;
    func::FuncOp function = kernel.function;
    function.walk([&](Operation *) { ++operations; });
    sizes.emplace_back(operations, i);
  }
  llvm::sort(sizes, std::greater<>());
  std::vector<std::vector<size_t>> result(shares);
  SmallVector<size_t> load(shares);
  for (auto [operations, i] : sizes) {
    size_t least = std::min_element(load.begin(), load.end()) - load.begin();
    load[least] += operations;
    result[least].push_back(i);
  }
  return result;
}

/// One object file a kernel, so that its code depends on nothing else. MLIR works function by
/// function in parallel, LLVM module by module; between them, one thread translates.
FailureOr<std::vector<KernelObject>> compileObjects(ModuleOp module,
                                                    ArrayRef<KernelTable::Entry> kernels,
                                                    const JitTarget &target,
                                                    const CodeOptions &options) {
  auto lowered = lowerKernels(module, kernels, options.verifyEach);
  if (failed(lowered))
    return failure();
  std::vector<KernelModule> modules;
  for (const KernelTable::Entry &kernel : kernels) {
    FailureOr<KernelModule> part = translateKernels(**lowered, kernel, options.verifyEach);
    if (failed(part))
      return failure();
    modules.push_back(std::move(*part));
  }
  std::vector<KernelObject> objects(kernels.size());
  auto compile = [&](const std::vector<size_t> &share) -> LogicalResult {
    auto machine = target.createMachine();
    if (!machine)
      return report(module, machine.takeError());
    for (size_t i : share) {
      auto bytes = finish(*modules[i].module, target, **machine, MachineForm::Object, options);
      if (!bytes)
        return report(module, bytes.takeError());
      objects[i] = {kernels[i].key, std::move(*bytes)};
      modules[i].module = nullptr; // before its context
      modules[i].context = nullptr;
    }
    return success();
  };
  MLIRContext *context = module.getContext();
  size_t threads = context->isMultithreadingEnabled() ? context->getNumThreads() : 1;
  if (failed(failableParallelForEach(context, divide(kernels, threads), compile)))
    return failure();
  return objects;
}

std::string print(llvm::Module &code, const JitTarget &target, llvm::TargetMachine &machine,
                  unsigned optLevel) {
  target.annotate(code, machine);
  optimize(code, machine, optLevel);
  std::string text;
  llvm::raw_string_ostream(text) << code;
  return text;
}
} // namespace

FailureOr<runtime::NativeCode> compileKernels(ModuleOp module, const KernelTable &table,
                                              const CodeOptions &options) {
  JitTarget target = targetOf(options);
  auto objects = compileObjects(module, table.entries(), target, options);
  if (failed(objects))
    return failure();
  auto code = packCode(std::move(*objects), target.level());
  if (!code)
    return report(module, code.takeError());
  return std::move(*code);
}

FailureOr<std::string> emitKernels(ModuleOp module, CodeForm form, const CodeOptions &options) {
  KernelTable table(module);
  JitTarget target = targetOf(options);
  auto machine = target.createMachine();
  if (!machine)
    return report(module, machine.takeError());
  auto lowered = lowerKernels(module, table.entries(), options.verifyEach);
  if (failed(lowered))
    return failure();
  auto translated = translateKernels(**lowered, table.entries(), options.verifyEach);
  if (failed(translated))
    return failure();
  if (form == CodeForm::LLVM)
    return print(*translated->module, target, **machine, options.optLevel);
  auto machineForm = form == CodeForm::Object ? MachineForm::Object : MachineForm::Assembly;
  auto bytes = finish(*translated->module, target, **machine, machineForm, options);
  if (!bytes)
    return report(module, bytes.takeError());
  return std::string(bytes->begin(), bytes->end());
}

unsigned hostCpuLevel() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names, [&](StringRef name) { return features.lookup(name); });
  };
  if (!has({"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}))
    return 2;
  return has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}) ? 4 : 3;
}

unsigned vectorBitsOf(unsigned cpuLevel) { return JitTarget(cpuLevel).vectorBits(); }

} // namespace gnc
