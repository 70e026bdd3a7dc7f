// The body of an optimizer, for one weight. Internal to Optimizer.h.
#ifndef GNC_DSL_OPTIMIZERBODY_H
#define GNC_DSL_OPTIMIZERBODY_H

#include "dsl/PointwiseBody.h"
#include "dsl/ProgramFunction.h"

#include "llvm/ADT/MapVector.h"

namespace gnc::dsl {

/// Runs the statements of an optimizer with the elements of one weight and its gradient.
class OptimizerBody {
public:
  OptimizerBody(Elaborator &elab, ProgramFunction &function, const ast::OptimizerDecl &decl,
                const Parameter &weight, PointwiseFrame frame, mlir::Location location)
      : elab(elab), function(function), decl(decl), weight(weight), frame(std::move(frame)),
        location(location), body(elab, weight.type.shape, location) {}

  /// `averageRate`: of a running average of the weight; null for none.
  LogicalResult run(mlir::Value gradient, const Schedule *averageRate);

private:
  LogicalResult runStatements(const ast::Body &statements);
  LogicalResult runStatement(const ast::Stmt &stmt);
  LogicalResult state(const ast::StateStmt &stmt);
  LogicalResult assign(const ast::Ident &name, const ast::Expr &value);
  LogicalResult update(const ast::UpdateStmt &stmt);
  LogicalResult branch(const ast::IfStmt &stmt);
  LogicalResult choose(const ast::IfStmt &stmt, mlir::Value condition);
  LogicalResult merge(llvm::StringRef name, mlir::Value condition, const ast::IfStmt &stmt,
                      const PointwiseFrame &thenFrame, const PointwiseFrame &elseFrame);
  FailureOr<mlir::Value> valueIn(llvm::StringRef name, const PointwiseFrame &frame, Span at);
  LogicalResult addAverage(const Schedule &rate, mlir::Value newWeight);
  LogicalResult require(const ast::RequireStmt &stmt);

  Elaborator &elab;
  ProgramFunction &function;
  const ast::OptimizerDecl &decl;
  const Parameter &weight;
  PointwiseFrame frame;
  mlir::Location location;
  PointwiseBody body;
  /// What `<-` may change: the weight and the states, by name; their arguments, and the elements
  /// after the last change.
  struct Variable {
    mlir::Value argument, element;
  };
  llvm::MapVector<llvm::StringRef, Variable> variables;
  unsigned choices = 0; // `if` around that are decided for each element
};

} // namespace gnc::dsl

#endif // GNC_DSL_OPTIMIZERBODY_H
