// The optimizer of a train section: one equation a weight.
#ifndef GNC_DSL_OPTIMIZER_H
#define GNC_DSL_OPTIMIZER_H

#include "dsl/PointwiseBody.h"
#include "dsl/ProgramFunction.h"

namespace gnc::dsl {

/// `optimizer = adam(1e-3)`: the declaration and its settings; `step` elaborates its body for one
/// weight.
class OptimizerUse {
public:
  /// Finds the declaration and evaluates the settings in `scope`, a scope of `module`.
  static FailureOr<OptimizerUse> make(Elaborator &elab, ProgramFunction &function,
                                      const Module &module, const ast::Expr &expr, Scope &scope);

  /// Each weight gets a running average, `average = ema(decay)`: all its values so far, each step
  /// counting `decay` times as much as the one after it. As a rate of the newest that is
  /// (1 - decay) / (1 - decay^step), the correction of Kingma, Ba 2015.
  void setAverage(double decay);

  /// "adam(lr = 0.001, beta1 = 0.9, ..)": all settings; those that the step changes as written.
  std::string text() const;

  /// Emits the equation that changes `weight` and the optimizer's states of it, and adds their
  /// updates to the function.
  LogicalResult step(const Parameter &weight, mlir::Value gradient);

private:
  OptimizerUse(Elaborator &elab, ProgramFunction &function) : elab(&elab), function(&function) {}
  LogicalResult checkDeclaration();
  FailureOr<Scope *> bindSettings(const Parameter &weight);

  Elaborator *elab;
  ProgramFunction *function;
  const ast::OptimizerDecl *decl = nullptr;
  const Module *module = nullptr; // of the declaration
  Span at;                        // of the use
  std::optional<Schedule> averageRate;
  std::vector<Recipe::Given> given;
};

} // namespace gnc::dsl

#endif // GNC_DSL_OPTIMIZER_H
