// Runs one expression of the language on tensors: elaborated, then evaluated by the reference
// evaluator.
#ifndef GNC_TEST_UNIT_DSL_OPHARNESS_H
#define GNC_TEST_UNIT_DSL_OPHARNESS_H

#include "dsl/Elaborator.h"
#include "ir/Evaluator.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace gnc::test {

/// A named tensor that the expression may use.
struct Operand {
  std::string name;
  dsl::TensorType type;
  TensorValue value;
};

/// An f32 tensor with smooth values, different for each seed and element, between low and high.
Operand numbers(std::string name, llvm::ArrayRef<int64_t> shape, unsigned seed = 1, double low = -1,
                double high = 1);
/// The same with a batch of `n` samples.
Operand samples(std::string name, int64_t n, llvm::ArrayRef<int64_t> shape, unsigned seed = 1,
                double low = -1, double high = 1);
/// A batch of classes, 0 .. classes - 1 in a scattered order.
Operand classes(std::string name, int64_t n, llvm::ArrayRef<int64_t> shape, int64_t classes);
/// The operand with given elements.
Operand with(Operand operand, std::vector<double> data);

/// `expression` after the declarations `text`, as a function of the operands.
class Program {
public:
  Program(std::string text, std::string expression, std::vector<Operand> operands,
          dsl::ast::Mode mode = dsl::ast::Mode::Train);
  ~Program();

  bool good() const { return static_cast<bool>(module); }
  /// Diagnostics as the user sees them.
  std::string messages() const { return diags.str(); }
  /// The graph as text.
  std::string graph() const;
  /// The same with the gradients of a fixed weighted sum of all f32 results as further results,
  /// requested and not yet derived (gnc.gradient). The program is of no use afterwards.
  std::string graphWithGradients();

  /// The results on the operands' values.
  std::vector<TensorValue> run(Precision precision = Precision::F64, llvm::StringRef name = "f");
  TensorValue value(Precision precision = Precision::F64) { return run(precision).front(); }
  /// The operands, then the weights and states of blocks, named by their paths.
  const std::vector<Operand> &arguments() const { return operands; }
  /// The shape of one sample of a result.
  std::vector<int64_t> shape(unsigned result = 0) const;

  /// Compares the gradient of a fixed weighted sum of all f32 results with central differences, in
  /// f64, for every f32 operand: for all elements, or for about `most` of each, spread over it from
  /// element `first` on. The text of the worst disagreement, or "".
  std::string checkGradient(size_t most = size_t(-1), size_t first = 0);
  /// Where results and gradients in f32 are not finite although f64 says that they are numbers of
  /// f32; or "".
  std::string checkFinite();
  /// The derived gradient of that sum with respect to an operand (after checkGradient).
  std::vector<double> gradients(unsigned operand) { return run().at(operand + 1).data; }

private:
  mlir::func::FuncOp function(llvm::StringRef name = "f") const;
  std::string derive(llvm::ArrayRef<unsigned> wanted);
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<Operand> operands;
};

} // namespace gnc::test

#endif
