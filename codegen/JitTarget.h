//===- JitTarget.h - the processor that code is made for
//-----------------------------------------===//
#pragma once

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>

namespace gnc {

/// A level of the x86-64 architecture (psABI): 2, 3 or 4. The same kernels give the same code on
/// every machine.
class JitTarget {
public:
  explicit JitTarget(unsigned level) : cpu(level) {}

  unsigned level() const { return cpu; }
  /// Of the widest vector registers, in bits.
  unsigned vectorBits() const { return cpu >= 4 ? 512 : cpu == 3 ? 256 : 128; }

  /// One per thread: a machine is not to be shared.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine() const;

  /// Triple, layout, and on every function processor and features: without them no instruction
  /// beyond the base set is used.
  void annotate(llvm::Module &module, const llvm::TargetMachine &machine) const;

private:
  unsigned cpu;
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
