// Statements of blocks, nets and metrics. Internal to the elaborator.
#ifndef GNC_DSL_BODYRUNNER_H
#define GNC_DSL_BODYRUNNER_H

#include "dsl/LayerBuilder.h"

namespace gnc::dsl {

/// Runs the statements of one body. After an error it goes on; names that then have no value are
/// marked as failed.
class BodyRunner {
public:
  BodyRunner(Elaborator &elab, Scope &scope) : elab(elab), scope(scope) {}

  /// The value of the body, if it ends in one.
  FailureOr<std::optional<Value>> run(const ast::Body &body);

private:
  FailureOr<std::optional<Value>> statement(const ast::Stmt &stmt);
  LogicalResult assign(const ast::AssignStmt &stmt);
  LogicalResult let(const ast::LetStmt &stmt);
  LogicalResult layer(const ast::LayerStmt &stmt);
  LogicalResult loop(const ast::ForStmt &stmt);
  LogicalResult bindRow(const ast::ForStmt &stmt, const Value &row, size_t index, Scope &inner);
  LogicalResult require(const ast::RequireStmt &stmt);
  LogicalResult update(const ast::UpdateStmt &stmt);
  LogicalResult updateState(const ast::Ident &name, const Value &value, Span at);
  FailureOr<std::optional<Value>> branch(const ast::IfStmt &stmt);
  FailureOr<std::optional<Value>> branch(const ast::WhenStmt &stmt);
  FailureOr<std::optional<Value>> branches(const ast::Body *taken, const ast::Body *skipped,
                                           bool takenFirst);
  void markOneBranch(const ast::Body *taken, const ast::Body *skipped,
                     llvm::ArrayRef<llvm::StringRef> boundBefore);
  /// Marks the names that a failed statement would have made.
  void poison(const ast::Stmt &stmt);

  Elaborator &elab;
  Scope &scope;
};

/// `name = value`: rebinds the nearest one, or makes it. Fails for constants.
LogicalResult assignName(Elaborator &elab, Scope &scope, const ast::Ident &name, Value value);
/// The values for `a, b = value`.
FailureOr<std::vector<Value>> destructure(Elaborator &elab, const Value &value,
                                          llvm::ArrayRef<ast::Ident> names, Span at);
/// The names that a statement (and the bodies in it) makes whichever branch is taken.
void assignedNames(const ast::Stmt &stmt, llvm::SmallVectorImpl<ast::Ident> &out);

/// What led to a failed `require`: the shapes on the way, and how settings that repeat an inferred
/// number could be left out (Requirement.cpp).
void explainRequirement(Elaborator &elab, Scope &scope, const ast::RequireStmt &stmt,
                        Report &report);

/// `param` and `state` (BodyParameters.cpp).
LogicalResult declareParameter(Elaborator &elab, Scope &scope, const ast::ParamStmt &stmt);
LogicalResult declareState(Elaborator &elab, Scope &scope, const ast::StateStmt &stmt);

} // namespace gnc::dsl

#endif // GNC_DSL_BODYRUNNER_H
