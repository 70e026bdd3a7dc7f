// The elaborator of one function in one mode: turns nets, blocks and expressions into equations.
//
// Who calls what:
//  - sections (SectionFunction.h) make one Elaborator per function, implement `FunctionHost`, set
//    the builder's insertion point to the end of the function's entry block, and call `beginNet`,
//    `inputType`, `applyNet`, `evaluate`, with scopes below `rootOf(module)`;
//  - ops (Op.h) implement `applyOp`, called from here for every use of an op.
#ifndef GNC_DSL_ELABORATOR_H
#define GNC_DSL_ELABORATOR_H

#include "dsl/Listener.h"
#include "dsl/Module.h"
#include "dsl/Report.h"
#include "dsl/Scope.h"
#include "dsl/Value.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

#include <deque>

namespace gnc::dsl {

template <typename T> using FailureOr = llvm::FailureOr<T>;
using llvm::failed;
using llvm::failure;
using llvm::LogicalResult;
using llvm::succeeded;
using llvm::success;

enum class ParameterRole { Weight, State };

/// A weight or state of the function.
struct Parameter {
  std::string path; // "ResNet18.basic.3.conv.w"
  ParameterRole role = ParameterRole::Weight;
  TensorType type; // never batched
  Initializer initializer;
  bool noDecay = false, frozen = false;
  double rate = 1;                       // @rate: factor of the learning rate
  llvm::SmallVector<std::string, 1> was; // @was: earlier paths, nearest first
  Span span;                             // of the statement
  mlir::Value argument;                  // of the function
  mlir::Value current;                   // of a state: after `<-`, else the argument
  const TrailStep *trail = nullptr;
  /// The state was changed: `current` is committed at the end of the step.
  bool updated() const { return current != argument; }
};

/// What the function being built provides.
class FunctionHost {
public:
  virtual ~FunctionHost() = default;
  /// A new function argument for a weight or state. Called once per path, in order of first use.
  virtual mlir::Value addParameter(const Parameter &parameter, mlir::Location location) = 0;
  /// The argument (f32[]) that holds a schedule's value; null where there are no schedules (eval,
  /// infer), which is reported at the use.
  virtual mlir::Value addSchedule(const Schedule &schedule, mlir::Location location) = 0;
  /// The argument that random numbers are drawn from, one a function (gnc.random's stream).
  virtual mlir::Value addStream(mlir::Location location) = 0;
};

/// One level of use: a block, op or def that is being elaborated, and where it was written.
struct Use {
  const ast::Decl *decl = nullptr;
  const Module *module = nullptr; // of the declaration
  Span at;
  std::string settings = ""; // "k = 128, stride = 2": those given
  /// Settings given, as written: {"inputs", "32*7*7"}.
  std::vector<std::pair<std::string, std::string>> written = {};
};

/// A row of `gnc summary`: a stage of the net's own body, or of a block in it (level 1), ..
struct SummaryRow {
  unsigned level = 0;
  std::string text; // "conv(32, 5x5)"
  Span span;
  TensorType type;        // of the result
  int64_t parameters = 0; // elements of the weights first used here
  std::vector<mlir::Operation *> operations;
};

/// One use of an op, as it was elaborated.
struct OpUse {
  const ast::OpDecl *op = nullptr;
  Scope *settings = nullptr; // holds its settings and dimensions
  llvm::SmallVector<Tensor, 2> inputs, results;
  Span at;
  Span written = {}; // the innermost place of the user's that led to it
};

/// A net that is about to be applied: its settings are evaluated, its inputs not yet known.
struct NetUse {
  const ast::NetDecl *decl = nullptr;
  Scope *scope = nullptr; // its settings and dimensions
  Use use;
  std::vector<const ast::Param *> open; // settings whose default needs dimensions
  llvm::StringMap<Value> overrides;     // `-s`: of free dimensions
};

class Elaborator {
public:
  Elaborator(FunctionHost &host, Diagnostics &diags, mlir::OpBuilder &builder, ast::Mode mode);
  ~Elaborator();

  FunctionHost &host;
  Diagnostics &diags;
  mlir::OpBuilder &builder;
  const ast::Mode mode;
  Listener *listener = nullptr;
  /// Inside a data section: a tuple after an arrow goes through a layer of one input part by part,
  /// and the parts share what it draws.
  bool mapsTuples = false;

  //===- expressions ------------------------------------------------------------------------===//

  /// Evaluates an expression or flow: `image -> conv(3)`, `2 * C`, `cross_entropy(logits, label)`.
  FailureOr<Value> evaluate(const ast::Expr &expr, Scope &scope);
  /// The same where a value of a certain kind is needed; `what` is the subject of the message:
  /// "a repeat count", "setting 'stride' of conv".
  FailureOr<int64_t> evaluateInt(const ast::Expr &expr, Scope &scope, const llvm::Twine &what);
  FailureOr<double> evaluateReal(const ast::Expr &expr, Scope &scope, const llvm::Twine &what);
  FailureOr<bool> evaluateCondition(const ast::Expr &expr, Scope &scope);
  FailureOr<Tensor> evaluateTensor(const ast::Expr &expr, Scope &scope, const llvm::Twine &what);
  /// The dimensions of a declared shape; packs are replaced by what they stand for. A dimension
  /// must be a whole number of at least 1.
  FailureOr<llvm::SmallVector<int64_t, 4>> evaluateShape(const ast::Type &type, Scope &scope);
  /// A number as written in a message's place {name}, a shape, ..: replaces the places of a string.
  std::string fillPlaces(const ast::String &text, Scope &scope);
  /// Compile-time arithmetic and arithmetic on tensors, schedules, sizes.
  FailureOr<Value> binary(ast::BinaryOp op, const Value &lhs, const Value &rhs,
                          const ast::Binary &expr);

  //===- nets, blocks, layers ---------------------------------------------------------------===//

  /// Evaluates the settings of a net. `given` are arguments that are not names of inputs, evaluated
  /// in `caller`; `overrides` (`-s name=value`) win over them and also bind free dimensions.
  FailureOr<NetUse> beginNet(const ast::NetDecl &net, const Module *module,
                             llvm::ArrayRef<const ast::Arg *> given, Scope &caller,
                             const llvm::StringMap<Value> &overrides, Span at);
  /// The `-s` names that were settings or dimensions of the net; the caller reports the others.
  llvm::StringSet<> usedOverrides;
  /// The declared type of an input; free dimensions become `defaultExtent` (and are bound).
  FailureOr<TensorType> inputType(NetUse &use, const ast::Param &input);
  /// Elaborates the net's body on `inputs` (one per declared input). The results by name; the value
  /// of a net without declared results is named "result".
  FailureOr<Record> applyNet(NetUse &use, llvm::ArrayRef<Tensor> inputs);
  static constexpr int64_t defaultExtent = 256;
  /// Free dimensions that no one bound ("H", "W"), for the note of `check` and `summary`.
  llvm::SmallVector<std::string> defaultedDimensions;

  /// Calls an op, block or net with inputs that are values already (a metric's op, a loss); the
  /// results, one Tensor or a Record.
  FailureOr<Value> call(Found decl, llvm::ArrayRef<Tensor> inputs, Span at);

  /// Binds the dimensions of typed inputs and checks them; defines the inputs' names in `scope`.
  /// `owner` is the name for messages ("conv"), `at` the place of the use.
  LogicalResult bindInputs(llvm::ArrayRef<ast::Param> params, llvm::ArrayRef<Tensor> inputs,
                           Scope &scope, llvm::StringRef owner, Span at);
  /// Checks `tensor` against a declared type, binding what is unbound; `what` is the subject:
  /// "input skip of up".
  LogicalResult bindType(const ast::Type &type, const Tensor &tensor, Scope &scope,
                         const llvm::Twine &what, Span at);
  /// Evaluates settings (given by position or name, else their defaults) into `scope`. For
  /// optimizers, metrics, transforms.
  LogicalResult bindSettings(llvm::ArrayRef<ast::Param> params, llvm::ArrayRef<Recipe::Given> given,
                             Scope &scope, llvm::StringRef owner, Span at);
  /// Evaluates arguments for bindSettings.
  FailureOr<std::vector<Recipe::Given>> evaluateArgs(const ast::Args &args, Scope &scope);

  /// Elaborates a body; its value, if it has one (an absent Value: none). For metrics too.
  FailureOr<std::optional<Value>> runBody(const ast::Body &body, Scope &scope);

  //===- scopes, names, messages ------------------------------------------------------------===//

  Scope &newScope(Scope &parent);
  /// The root scope of a module (made once); what it does not hold, `module->find` does.
  Scope &rootOf(const Module *module);

  /// An error at `at`, or, if that lies in the standard library, at the innermost use outside.
  Report error(llvm::StringRef slug, Span at, const llvm::Twine &text);
  Report warning(llvm::StringRef slug, Span at, const llvm::Twine &text);
  /// The innermost place of the user's that `at` was reached from.
  Span userSpan(Span at) const;
  void addUses(Diagnostic &diagnostic, Span at) const;

  /// Where an op comes from: the layer's path, the equation `at`, the uses outwards.
  mlir::Location location(Span at) const;
  /// "LeNet.conv": the path of the layer being elaborated.
  std::string path() const;
  llvm::ArrayRef<Use> uses() const { return useStack; }
  /// Opens a use for the time it lives; fails (reported) if blocks call themselves or nest too
  /// deep.
  LogicalResult pushUse(Use use);
  void popUse() { useStack.pop_back(); }

  /// Random numbers, uniform in [0, 1); other ones at each call.
  mlir::Value draw(const TensorType &type, Span at);

  /// Appends a step to the way of a tensor.
  const TrailStep *extendTrail(const TrailStep *previous, llvm::StringRef text,
                               const TensorType &type, llvm::StringRef note = "");

  /// Tells the listener, if there is one, of a name's value.
  void tell(Span at, const Value &value) {
    if (listener && at)
      listener->name(at, value);
  }
  /// What a layer came to; the weights after the first `firstParameter` are its own.
  LayerResult layerResult(const Value &value, size_t firstParameter) const {
    return {value, weightElements(firstParameter), !defaultedDimensions.empty()};
  }
  /// Weights and states so far, and the elements of the weights from number `first` on.
  size_t parameterCount() const { return parameterStore.size(); }
  int64_t weightElements(size_t first) const;

  /// Work is bounded: counts `amount` steps, false (reported once) when there were far too many.
  bool spend(uint64_t amount, Span at);
  /// Steps that a new scope, and an op of the graph, count as.
  static constexpr uint64_t scopeCost = 100, opCost = 200;

  //===- results ----------------------------------------------------------------------------===//

  /// Weights and states in order of first use.
  const llvm::MapVector<llvm::StringRef, Parameter *> &parameters() const { return byPath; }
  /// The states changed by `<-`, in order of elaboration of their first change: commit
  /// `current` into `argument`.
  llvm::ArrayRef<Parameter *> updates() const { return pendingUpdates; }
  std::vector<SummaryRow> summary;
  unsigned summaryDepth = 1; // levels of rows: 1 is the net's own body alone
  /// Every use of an op so far, in order; those inlined into an equation are part of it.
  std::vector<OpUse> opUses;
  void addOpUse(OpUse use);
  /// The use that made a tensor, or null. Valid until the next use.
  const OpUse *madeBy(const Tensor &tensor) const;
  /// K of inputs of unknown class count that met `index(K)`.
  llvm::DenseMap<mlir::Value, int64_t> classesFound;
  /// `<-` is allowed while this is positive: inside `when train`, or in a metric (the caller).
  unsigned updatesAllowed = 0;

private:
  friend class Evaluator;
  friend class LayerBuilder;
  friend class BodyRunner;
  friend class ParameterMaker;
  friend class PathScope;
  friend class RowScope;
  friend class AttributeScope;

  FailureOr<Value> letValue(const ast::LetDecl &let, const Module *module, Span use);

  std::deque<Scope> scopes;
  std::deque<TrailStep> trailSteps;
  std::deque<Parameter> parameterStore;
  llvm::MapVector<llvm::StringRef, Parameter *> byPath;
  llvm::DenseMap<mlir::Value, size_t> makers; // of results: their places in opUses
  std::vector<Parameter *> pendingUpdates;
  llvm::DenseMap<const Module *, Scope *> roots;
  llvm::DenseMap<const ast::LetDecl *, Binding> lets; // evaluated; failed while being so
  llvm::DenseSet<const Source *> librarySources;
  llvm::StringMap<unsigned> draws; // so far, by path
  llvm::SmallVector<Use> useStack;
  uint64_t spent = 0;
  bool exhausted = false;
  unsigned depth = 0;              // of nested evaluations
  LayerInstance *shared = nullptr; // the `layer` being used: its weights may exist already
  Span sharedUse;                  // and where
  std::optional<size_t> rowUses;   // uses on the stack where rows are made; none: no rows here
  unsigned rowLevel = 0;           // of the rows made there

  /// One per body that is being elaborated: its name and how often each label was given.
  struct PathLevel {
    std::string name;
    llvm::StringMap<unsigned> labels;
  };
  std::vector<PathLevel> pathLevels;
  /// Attributes of stages and layers around: they hold for all weights inside.
  struct AttributeLevel {
    const std::vector<ast::Attribute> *attributes;
    Scope *scope;
    std::string path; // of the layer that has them
  };
  std::vector<AttributeLevel> attributeLevels;
};

} // namespace gnc::dsl

#endif // GNC_DSL_ELABORATOR_H
