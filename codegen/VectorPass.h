//===- VectorPass.h - passes over graphs that look at the vector unit -------------------------===//
#pragma once

#include "codegen/KernelBuilder.h"
#include "codegen/Programs.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace gnc {

/// `{lanes=8 registers=16}`: `run` is called for each graph, with the target that is asked for.
template <typename Derived>
struct VectorPass : mlir::PassWrapper<Derived, mlir::OperationPass<mlir::func::FuncOp>> {
  using Base = mlir::PassWrapper<Derived, mlir::OperationPass<mlir::func::FuncOp>>;
  template <typename T> using Option = typename Base::template Option<T>;

  explicit VectorPass(VectorTarget target) {
    lanes = target.lanes;
    registers = target.registers;
  }
  VectorPass(const VectorPass &other) : Base(other) {}

  Option<unsigned> lanes{*this, "lanes", llvm::cl::desc("f32 elements of a vector register"),
                         llvm::cl::init(8)};
  Option<unsigned> registers{*this, "registers", llvm::cl::desc("vector registers"),
                             llvm::cl::init(16)};

  void getDependentDialects(mlir::DialectRegistry &registry) const final {
    registry.insert<GncDialect>();
  }
  void runOnOperation() final {
    mlir::func::FuncOp function = this->getOperation();
    if (!function.isExternal() && !isKernel(function) && !isProgram(function))
      static_cast<Derived *>(this)->run(function, VectorTarget{lanes, registers});
  }
};

} // namespace gnc
