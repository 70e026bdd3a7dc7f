// Expressions over the elements of tensors of one shape, as the scalars of one equation.
#ifndef GNC_DSL_POINTWISEBODY_H
#define GNC_DSL_POINTWISEBODY_H

#include "dsl/Elaborator.h"
#include "dsl/ScalarMath.h"

#include "ir/EquationDraft.h"

#include <variant>

namespace gnc::dsl {

/// Names that stand for elements of tensors, above a scope with the compile-time names. A name is
/// in one of the two.
struct PointwiseFrame {
  Scope *scope = nullptr;
  const Module *module = nullptr; // whose declarations a call finds
  llvm::StringMap<mlir::Value> elements;
};

/// The declaration that a callee in `module` means: `adam`, `m.adam`.
Found findCallee(const Module &module, const ast::Expr &callee);

/// One gnc.compute under construction: `read` tensors, `evaluate` expressions, `finish`. What does
/// not depend on an element is evaluated once, by the elaborator; a schedule among it becomes one
/// argument of the function.
class PointwiseBody {
public:
  /// A number of an expression: known, or computed for each element.
  using Number = std::variant<Value, mlir::Value>;

  PointwiseBody(Elaborator &elab, llvm::ArrayRef<int64_t> shape, mlir::Location location);

  /// The element of a tensor of the body's shape, or a number, `tensor<f32>`, for all elements.
  mlir::Value read(mlir::Value tensor);
  FailureOr<Number> evaluate(const ast::Expr &expr, PointwiseFrame &frame);
  /// Arithmetic on scalars of the equation.
  ScalarMath &scalars() { return math; }
  /// A scalar in the equation. `at` is what a message about it points to.
  FailureOr<mlir::Value> scalar(const Number &number, Span at);
  /// Emits the equation with these results, each as f32.
  gnc::ComputeOp finish(llvm::ArrayRef<mlir::Value> yielded);

private:
  FailureOr<mlir::Value> evaluateScalar(const ast::Expr &expr, PointwiseFrame &frame);
  FailureOr<mlir::Value> element(const ast::Expr &expr, PointwiseFrame &frame);
  FailureOr<mlir::Value> binary(const ast::Binary &expr, PointwiseFrame &frame);
  FailureOr<mlir::Value> compare(const ast::Compare &expr, PointwiseFrame &frame);
  FailureOr<mlir::Value> conditional(const ast::If &expr, PointwiseFrame &frame);
  FailureOr<mlir::Value> call(const ast::Call &expr, PointwiseFrame &frame);
  FailureOr<mlir::Value> callFunction(llvm::StringRef name, const ast::Call &expr,
                                      PointwiseFrame &frame);
  FailureOr<mlir::Value> callDeclared(Found found, const ast::Call &expr, PointwiseFrame &frame);
  LogicalResult bindArguments(const ast::Params &params, const ast::Call &expr,
                              PointwiseFrame &caller, PointwiseFrame &callee);
  Report notPointwise(const ast::Expr &expr);

  Elaborator &elab;
  mlir::Location location;
  EquationDraft draft;
  ScalarMath math;
  llvm::DenseMap<mlir::Value, mlir::Value> reads;
  unsigned depth = 0; // of calls
};

} // namespace gnc::dsl

#endif // GNC_DSL_POINTWISEBODY_H
