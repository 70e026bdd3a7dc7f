// Layers: recipes, stages, signatures, the use of blocks and ops. Internal to the elaborator.
#ifndef GNC_DSL_LAYERBUILDER_H
#define GNC_DSL_LAYERBUILDER_H

#include "dsl/Evaluator.h"

namespace gnc::dsl {

/// Where a layer is used.
struct CallSite {
  Span name;         // `conv`: where messages point
  Span span;         // `conv(32, 5x5)`
  std::string text;  // the same on one line, for the trail and the summary
  std::string label; // of the path: a `layer`'s name; "" for the declaration's
  const std::vector<ast::Attribute> *attributes = nullptr; // that hold for all weights in it
};

/// Elaborates what stands after arrows, in one scope.
class LayerBuilder {
public:
  LayerBuilder(Elaborator &elab, Scope &scope) : elab(elab), scope(scope) {}

  /// One stage, `* count`, `: type` and `as name` included.
  FailureOr<Value> applyStage(const ast::Stage &stage, const Argument &input);
  /// Reports names of layers that do not exist, in stages that are not elaborated after an error.
  void checkNames(llvm::ArrayRef<ast::Stage> stages);
  /// What a unit stands for: a Recipe or a LayerInstance.
  FailureOr<Value> unitValue(const ast::Unit &unit);
  /// Uses a recipe or a layer.
  FailureOr<Value> apply(const Value &layer, llvm::ArrayRef<Argument> inputs, const CallSite &site);
  /// Uses a block, op or net.
  FailureOr<Value> applyRecipe(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                               const CallSite &site);
  /// `: [64, 8, 8]`.
  LogicalResult ascribe(const ast::Type &type, const Value &value);

  /// Labels of layers count textually: bumps those of code that is not elaborated.
  void countSkipped(const ast::Expr &expr);
  void countSkipped(const ast::Unit &unit);
  void countSkipped(const ast::Body &body);

private:
  FailureOr<Value> applyUnit(const ast::Unit &unit, const Argument &input,
                             const std::vector<ast::Attribute> &attributes);
  /// In a data section: a tuple, or a map of classes, through a layer of one input
  /// (LayerParts.cpp). None if there is nothing of that kind.
  std::optional<FailureOr<Value>> applyToParts(const Value &layer, llvm::ArrayRef<Argument> inputs,
                                               const CallSite &site);
  FailureOr<Value> applyToMap(const Recipe &recipe, const Argument &map, const CallSite &site);
  FailureOr<Value> applyInstance(LayerInstance &layer, llvm::ArrayRef<Argument> inputs,
                                 const CallSite &site);
  FailureOr<Value> applyChain(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                              const CallSite &site);
  FailureOr<Value> applyBuiltin(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                                const CallSite &site);
  FailureOr<Value> applyDecl(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                             const CallSite &site);
  FailureOr<Value> layerRef(const ast::LayerRef &ref);
  LogicalResult undefinedLayer(const ast::LayerRef &ref);
  FailureOr<Value> namedLayer(const ast::LayerRef &ref, const Value &value);

  Elaborator &elab;
  Scope &scope;
};

/// Level of a weight's path for the time it lives.
class PathScope {
public:
  PathScope(Elaborator &elab, std::string name);
  ~PathScope();
  /// "conv", the second time "conv.2": a name for a layer in the body being elaborated.
  static std::string label(Elaborator &elab, llvm::StringRef name);
  /// Counts as if `label` had been called `count` times.
  static void skip(Elaborator &elab, llvm::StringRef name, unsigned count);

private:
  Elaborator &elab;
};

/// `@frozen` and the like at a stage or layer: they hold for all weights made while it lives.
class AttributeScope {
public:
  AttributeScope(Elaborator &elab, const std::vector<ast::Attribute> *attributes, Scope &scope);
  ~AttributeScope();

private:
  Elaborator &elab;
  bool active;
};

/// Records a row of the summary: what is made while it lives, if it stands in the net's own body.
class RowScope {
public:
  /// Inside, `uses` more are on the stack.
  RowScope(Elaborator &elab, const CallSite &site, size_t uses);
  ~RowScope();
  /// True in the net's own body.
  bool isRow() const { return active && level == 0; }
  /// Without it the row is dropped.
  void finish(const Value &result);

private:
  mlir::Operation *lastOperation() const;

  Elaborator &elab;
  const CallSite &site;
  bool active;
  mlir::Operation *before = nullptr;
  size_t parametersBefore = 0;
  unsigned level;
  size_t place; // among the rows: before those inside
};

//===- the use of a declaration (Block.cpp) -------------------------------------------------===//

/// Elaborates the body of a block, chain or op whose signature is bound in `scope`.
FailureOr<Value> runDecl(Elaborator &elab, const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                         Scope &scope, const CallSite &site);
/// The declared results of a block or net from its scope and the value of its body.
FailureOr<Value> collectResults(Elaborator &elab, const ast::Decl &decl,
                                llvm::ArrayRef<ast::Result> results, Scope &scope,
                                const std::optional<Value> &value);
/// Gives a result the step `text` after the way of `previous`.
Value extendWay(Elaborator &elab, const Value &result, const TrailStep *previous,
                llvm::StringRef text, llvm::StringRef note);

//===- signatures (Signature*.cpp) ----------------------------------------------------------===//

/// Binds the dimensions that stand alone in the types of inputs; checks ranks.
LogicalResult bindDimensions(Elaborator &elab, llvm::ArrayRef<ast::Param> params,
                             llvm::ArrayRef<Argument> inputs, Scope &scope, llvm::StringRef owner,
                             Span at, llvm::ArrayRef<const ast::Param *> settings);
/// Checks all dimensions and elements; defines the inputs.
LogicalResult checkInputs(Elaborator &elab, llvm::ArrayRef<ast::Param> params,
                          llvm::ArrayRef<Argument> inputs, Scope &scope, llvm::StringRef owner,
                          Span at);
LogicalResult bindSettings(Elaborator &elab, llvm::ArrayRef<const ast::Param *> params,
                           llvm::ArrayRef<Recipe::Given> given, Scope &scope, llvm::StringRef owner,
                           Span at);
/// The value of one setting as its type wants it.
FailureOr<Value> convertSetting(Elaborator &elab, const ast::Param &param, Value value,
                                llvm::StringRef owner, Span at);
/// "2*H", "S.." as declared.
std::string dimText(const ast::Dim &dim);
/// "[C, 2*H, S..]" as declared.
std::string typeText(const ast::Type &type);

} // namespace gnc::dsl

#endif // GNC_DSL_LAYERBUILDER_H
