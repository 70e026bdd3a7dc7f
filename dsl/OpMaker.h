// Builds one op with given shapes and settings in a module of its own, and finds shapes that fit.
// Internal to OpInstance.cpp.
#ifndef GNC_DSL_OPMAKER_H
#define GNC_DSL_OPMAKER_H

#include "dsl/Elaborator.h"
#include "dsl/OpInstance.h"

namespace gnc::dsl {

/// What is known of an op's inputs and settings; the rest follows from it, or is chosen.
struct OpPlan {
  llvm::StringMap<Value> dimensions;             // by name: a number, or a tuple for a pack
  std::vector<std::optional<TensorType>> inputs; // absent: as the dimensions say
  std::vector<Recipe::Given> settings;           // absent: their defaults
  bool batched = true; // inputs without a type: the first and whole numbers have a batch; else
                       // only those that the op declares with one
};

class OpMaker {
public:
  OpMaker(mlir::MLIRContext &context, const ast::OpDecl &op, const Module &module)
      : context(context), op(op), module(module) {}

  /// The op as a plan says; without a module, but with `problem`, where it cannot be made.
  OpInstance make(OpPlan plan) const;

  /// Extents of more than a few elements become small, as far as the signature allows. All inputs
  /// of the plan have types.
  OpInstance makeSmall(OpPlan plan) const;
  /// Chooses what the plan leaves open: small extents, settings without a default; with `vary` also
  /// settings with one.
  OpInstance choose(OpPlan plan, bool vary) const;

  /// Names that the types of the inputs bind.
  llvm::SmallVector<llvm::StringRef> freeNames() const;

private:
  OpInstance declared() const;
  bool isFree(const ast::Expr &dimension) const;
  bool isPack(llvm::StringRef name) const;
  void bindKnown(OpPlan &plan) const;
  FailureOr<TensorType> inputType(Elaborator &elab, size_t input, const OpPlan &plan,
                                  Scope &scope) const;
  LogicalResult build(OpInstance &instance, const OpPlan &plan, Diagnostics &diags) const;
  void describe(OpInstance &instance, llvm::ArrayRef<Tensor> inputs, const Value &result,
                const OpPlan &plan) const;
  int score(OpInstance &instance, const OpPlan &plan) const;

  mlir::MLIRContext &context;
  const ast::OpDecl &op;
  const Module &module;
};

} // namespace gnc::dsl

#endif // GNC_DSL_OPMAKER_H
