//===- JitKernels.h - the distinct kernels of a module
//-----------------------------------------===//
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include <optional>
#include <string>
#include <vector>

namespace gnc {

/// The kernel functions of a module, equal ones once. Two kernels are equal if their text is, apart
/// from names and locations; the key is a hash of that text.
class KernelTable {
public:
  struct Entry {
    std::string key;
    mlir::func::FuncOp function;
  };

  explicit KernelTable(mlir::ModuleOp module);

  llvm::ArrayRef<Entry> entries() const { return kernels; }
  /// The position in `entries` of the kernel that `symbol` names.
  std::optional<unsigned> find(llvm::StringRef symbol) const;

private:
  std::vector<Entry> kernels;
  llvm::StringMap<unsigned> bySymbol;
};

/// 32 hexadecimal digits.
std::string kernelKey(mlir::func::FuncOp kernel);

} // namespace gnc
