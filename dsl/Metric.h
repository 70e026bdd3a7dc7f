// Metrics that accumulate: sums over all samples of a split, then expressions of these sums.
//
// What stands up to the last `<-` of a metric's body is said of a sample and becomes part of
// `@eval`, which sums over the batch; the host sums over the batches; what stands behind it is said
// of the split and becomes part of `@score`.
#ifndef GNC_DSL_METRIC_H
#define GNC_DSL_METRIC_H

#include "dsl/ProgramFunction.h"

namespace gnc::dsl {

/// One use of a `metric`, `f1(logits, label, class = 2)`.
class MetricUse {
public:
  /// The metric and the call, if `expr` is a use of one; else nothing.
  static std::optional<std::pair<Found, const ast::Call *>> find(const Module &module,
                                                                 const ast::Expr &expr);

  /// Elaborates what is said of a sample. `scope` is that of the section.
  static FailureOr<MetricUse> make(Elaborator &elab, Found found, const ast::Call &call,
                                   Scope &scope);

  /// Adds the sums over the batch to the results of `@eval`, as `<name>.<state>`.
  void addSums(Elaborator &elab, ProgramFunction &function, llvm::StringRef name) const;

  /// Elaborates what is said of the split, in `@score`, over inputs `<name>.<state>`.
  FailureOr<Tensor> score(Elaborator &elab, ProgramFunction &function, llvm::StringRef name) const;

private:
  /// A state: where it starts, and what each sample adds.
  struct Sum {
    ast::Ident name;
    TensorType type;
    double start = 0;
    std::optional<Tensor> term;
  };
  LogicalResult bindArguments(Elaborator &elab, Scope &caller);
  LogicalResult splitBody(Elaborator &elab);
  LogicalResult run(Elaborator &elab, llvm::ArrayRef<ast::Stmt *> stmts);
  LogicalResult runStatement(Elaborator &elab, const ast::Stmt &stmt);
  LogicalResult state(Elaborator &elab, const ast::StateStmt &stmt);
  LogicalResult update(Elaborator &elab, const ast::UpdateStmt &stmt);
  LogicalResult addTerm(Elaborator &elab, Sum &sum, const ast::Expr &expr);
  LogicalResult checkNoState(Elaborator &elab, const ast::Expr &expr,
                             llvm::StringRef but = "") const;
  LogicalResult checkNoSample(Elaborator &elab) const;
  Scope &scoreScope(Elaborator &elab) const;
  Sum *sum(llvm::StringRef name);

  const ast::MetricDecl *decl = nullptr;
  const Module *module = nullptr; // of the declaration
  const ast::Call *call = nullptr;
  Scope *sample = nullptr; // names of a sample, settings, dimensions
  size_t split = 0;        // the first statement about the split
  std::vector<Sum> sums;
};

} // namespace gnc::dsl

#endif // GNC_DSL_METRIC_H
