//===- JitTarget.h - the machine that code is made for
//-----------------------------------------===//
#pragma once

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>

namespace gnc {

/// The processor of this machine with all its features.
class JitTarget {
public:
  static llvm::Expected<JitTarget> host();

  /// One per thread: a machine is not to be shared.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine() const;

  /// Of the widest vector registers, in bits.
  unsigned vectorBits() const { return widest; }

  /// Triple, layout, and on every function processor and features: without them no instruction
  /// beyond the base set is used.
  void annotate(llvm::Module &module, const llvm::TargetMachine &machine) const;

private:
  unsigned widest = 128;
};

/// LLVM's own passes. The kernels come vectorised and with accumulators in registers, so level 0
/// (none) is as fast as any other and takes a quarter of the time; 1 cleans up, 2 is -O2 without
/// the automatic vectorisers.
void optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned level);

enum class MachineForm { Assembly, Object };
/// The bytes of a file; `module` is used up.
llvm::Expected<llvm::SmallVector<char, 0>>
emitMachineCode(llvm::Module &module, llvm::TargetMachine &machine, MachineForm form);

} // namespace gnc
