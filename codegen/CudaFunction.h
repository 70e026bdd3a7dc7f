//===- CudaFunction.h - one kernel while it becomes CUDA C++ ----------------------------------===//
#pragma once

#include "codegen/CudaForms.h"
#include "ir/Gnc.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace gnc {

/// Prints one kernel. A loop-carried value, its start, what the loop yields and its result share
/// one variable where each is used once.
class CudaFunction {
public:
  CudaFunction(llvm::raw_ostream &os) : os(os) {}
  llvm::LogicalResult print(mlir::func::FuncOp kernel, llvm::StringRef symbol);

private:
  // Types
  static std::string scalarType(mlir::Type type, CudaView view = CudaView::Plain);
  static std::string typeOf(mlir::Type type, CudaView view = CudaView::Plain);
  std::string viewed(mlir::Value value, CudaView view);
  static std::string converted(const std::string &text, mlir::Type type, CudaView from,
                               CudaView to);
  // Values
  std::string &nameOf(mlir::Value value) { return names[value]; }
  std::string fresh(llvm::StringRef hint) { return hint.str() + std::to_string(counter++); }
  llvm::raw_ostream &line() { return os.indent(2 * depth); }
  void define(mlir::Operation *op, const std::string &text, llvm::StringRef hint);
  void defineVariable(mlir::Value value, const std::string &text, llvm::StringRef hint);
  static std::string integer(mlir::Type type, const llvm::APInt &value);
  std::string constant(mlir::arith::ConstantOp op);
  std::string element(mlir::Value memory, mlir::Value offset);
  std::string vectorAt(mlir::Value memory, mlir::Value offset, mlir::Type type, bool write);
  // Ops
  void printBlock(mlir::Block &block);
  void printOp(mlir::Operation &op);
  bool printForm(mlir::Operation &op);
  bool printCast(mlir::Operation &op);
  bool printMemory(mlir::Operation &op);
  bool printVector(mlir::Operation &op);
  bool printGpu(mlir::Operation &op);
  void printFor(mlir::scf::ForOp op);
  void printIf(mlir::scf::IfOp op);
  void assign(mlir::ValueRange values, llvm::ArrayRef<std::string> targets);

  llvm::raw_ostream &os;
  llvm::DenseMap<mlir::Value, std::string> names;
  llvm::DenseSet<mlir::Value> variables; ///< have a variable that may change
  unsigned counter = 0, depth = 0;
  bool failed = false;
};

} // namespace gnc
