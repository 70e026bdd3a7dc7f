//===- JitKernels.cpp - the distinct kernels of a module
//---------------------------------------===//
#include "codegen/JitKernels.h"

#include "codegen/Programs.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace gnc {

std::string kernelKey(func::FuncOp kernel) {
  // The name goes for a moment: it is a part of the text.
  StringAttr name = kernel.getSymNameAttr();
  kernel.setSymName("kernel");
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope());
  kernel.setSymNameAttr(name);
  auto bytes = ArrayRef(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(bytes);
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

KernelTable::KernelTable(ModuleOp module) {
  llvm::StringMap<unsigned> byKey;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!isKernel(function) || function.isExternal())
      continue;
    std::string key = kernelKey(function);
    auto [known, fresh] = byKey.try_emplace(key, kernels.size());
    if (fresh)
      kernels.push_back({key, function});
    bySymbol[function.getSymName()] = known->second;
  }
}

std::optional<unsigned> KernelTable::find(StringRef symbol) const {
  auto found = bySymbol.find(symbol);
  if (found == bySymbol.end())
    return std::nullopt;
  return found->second;
}

} // namespace gnc
