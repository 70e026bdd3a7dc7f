// Expressions of blocks, nets, defs and sections. Internal to the elaborator.
#ifndef GNC_DSL_EVALUATOR_H
#define GNC_DSL_EVALUATOR_H

#include "dsl/Elaborator.h"

namespace gnc::dsl {

/// An input of a layer or op, with the text that the user gave it by.
struct Argument {
  Value value;
  std::string text;
  Span span;
};

/// Evaluates expressions in one scope.
class Evaluator {
public:
  Evaluator(Elaborator &elab, Scope &scope) : elab(elab), scope(scope) {}

  FailureOr<Value> evaluate(const ast::Expr &expr);
  /// The same, but a picture of the data source stays one (HostField.h): for those who know them.
  FailureOr<Value> evaluateOnHost(const ast::Expr &expr);
  /// Where a layer is expected (`act = leaky_relu(0.1)`): a call makes a recipe, its positional
  /// arguments are settings.
  FailureOr<Value> evaluateRecipe(const ast::Expr &expr);
  /// The value of a name: a binding, a declaration, a built-in constant.
  FailureOr<Value> lookup(llvm::StringRef name, Span at);
  /// Arguments as given; `decl` says which of them are layers (may be null).
  FailureOr<std::vector<Recipe::Given>> arguments(const ast::Args &args, const ast::Decl *decl);
  /// A recipe for a declaration that may stand after an arrow; fails with a message for others.
  FailureOr<Value> recipeOf(Found found, llvm::StringRef name, Span at);

private:
  FailureOr<Value> dispatch(const ast::Expr &expr);
  /// Tells the listener of a name's value.
  FailureOr<Value> told(Span at, FailureOr<Value> value);
  FailureOr<Value> layer(const ast::Call &expr);
  FailureOr<Value> member(const ast::Member &expr);
  FailureOr<Value> memberOf(const Value &base, const ast::Member &expr);
  FailureOr<Value> weightOf(const LayerInstance &layer, llvm::StringRef name, Span at);
  FailureOr<Value> negate(const ast::Neg &expr);
  FailureOr<Value> invert(const ast::Not &expr);
  FailureOr<Value> binary(const ast::Binary &expr);
  FailureOr<Value> connective(const ast::Binary &expr);
  FailureOr<Value> compare(const ast::Compare &expr);
  FailureOr<Value> comparePair(const ast::Compare &expr, unsigned i, const Value &lhs,
                               const Value &rhs);
  FailureOr<Value> choose(const ast::If &expr, bool recipe);
  FailureOr<Value> access(const ast::Access &expr);
  FailureOr<Value> sequence(llvm::ArrayRef<ast::Expr *> elements, bool tuple);
  FailureOr<Value> range(const ast::Range &expr);
  FailureOr<Value> flow(const ast::Flow &expr);
  FailureOr<Value> call(const ast::Call &expr);
  FailureOr<Value> callDecl(Found found, const ast::Call &expr);
  FailureOr<Value> callOnEach(const Recipe &recipe, const List &list, const ast::Call &expr);
  FailureOr<Value> total(std::vector<Value> terms, Span at);
  FailureOr<Value> callDef(Found found, const ast::Call &expr);
  FailureOr<Value> notDefined(llvm::StringRef name, Span at);
  FailureOr<std::vector<Argument>>
  inputsOf(const ast::Call &expr, std::vector<Recipe::Given> &named, const ast::Decl *decl);
  FailureOr<Value> callIndex(const ast::Call &expr);
  LogicalResult checkPositional(Found found, llvm::ArrayRef<Argument> inputs);

  Elaborator &elab;
  Scope &scope;
};

/// The declaration's inputs: none for a block that is a chain, where all parameters are settings.
llvm::ArrayRef<ast::Param> inputsOf(const ast::Decl &decl);
/// Its settings in order.
llvm::SmallVector<const ast::Param *> settingsOf(const ast::Decl &decl);
/// "up(x, skip; k)".
std::string signature(const ast::Decl &decl);

//===- built-in functions (Builtins*.cpp) ---------------------------------------------------===//

/// `floor`, `normal`, `concat`, .. (not a declaration): may be called.
bool isBuiltin(llvm::StringRef name);
/// May stand after an arrow: `flatten`, `id`, ..
bool isBuiltinLayer(llvm::StringRef name);
void collectBuiltins(llvm::SmallVectorImpl<llvm::StringRef> &out);
FailureOr<Value> callBuiltin(Elaborator &elab, llvm::StringRef name,
                             llvm::ArrayRef<Argument> inputs, llvm::ArrayRef<Recipe::Given> named,
                             Span at);

/// `bernoulli`, `uniform` and `normal` draw numbers if their first input is a tensor; the latter
/// two are distributions for `param` otherwise.
bool isDrawing(llvm::StringRef name);
FailureOr<Value> drawNumbers(Elaborator &elab, llvm::StringRef name,
                             llvm::ArrayRef<Argument> inputs, llvm::ArrayRef<Recipe::Given> named,
                             Span at);

//===- arithmetic (ExpressionArithmetic.cpp) ------------------------------------------------===//

/// Numbers, sizes, schedules, tensors; `expr` is for messages (spans of the operands).
FailureOr<Value> negateValue(Elaborator &elab, const Value &value, Span at);
/// A schedule of a schedule or a number; none for others.
std::optional<Schedule> toSchedule(const Value &value);
FailureOr<Value> makeSchedule(Elaborator &elab, llvm::StringRef op,
                              llvm::ArrayRef<Schedule> operands, Span at);
/// `lhs op rhs` of two numbers (rationals where possible).
FailureOr<Value> numberArithmetic(Elaborator &elab, ast::BinaryOp op, const Value &lhs,
                                  const Value &rhs, Span at);
/// `floor`, `max`, .. of numbers; none if there is no such function.
std::optional<FailureOr<Value>> numberFunction(Elaborator &elab, llvm::StringRef name,
                                               llvm::ArrayRef<Value> values, Span at);

} // namespace gnc::dsl

#endif // GNC_DSL_EVALUATOR_H
