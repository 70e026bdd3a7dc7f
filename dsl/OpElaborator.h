// The elaboration of one op: declarations of tensors and indices, equations to gnc.compute.
//
// An equation becomes one compute with a reduction at its root, or a pointwise one; reductions (and
// ops with a gradient of their own) further inside are made first, as tensors over the indices they
// use, and read back. Files: Op.cpp (results, order), OpEquation.cpp (one equation), OpIndices.cpp
// (ranges), OpAccess.cpp (coordinates and bounds), OpScalar.cpp (arithmetic), OpReduce.cpp
// (reductions), OpCall.cpp (calls), OpGradient.cpp (`grad`), OpCuda.cpp (`cuda`).
#ifndef GNC_DSL_OPELABORATOR_H
#define GNC_DSL_OPELABORATOR_H

#include "dsl/EquationBuilder.h"
#include "dsl/Op.h"

#include "ir/IndexMath.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace gnc::dsl {

/// A tensor that the equations of an op can name.
struct OpTensor {
  Tensor tensor;
  bool namesBatch = false; // declared [N; ..]: read x[n; ..]; else a batch is mapped over
  Span declared;

  bool mapped() const { return tensor.batched && !namesBatch; }
};

/// A name for an index, or for a pack of them.
struct IndexName {
  ast::Ident name;
  bool pack = false;
  llvm::SmallVector<unsigned, 2> vars; // one, unless a pack
  std::string binder;                  // "sum"; "" for the left side
};

/// An index expression: num / den. It is a coordinate only where it is whole.
struct IndexTerm {
  mlir::AffineExpr num;
  int64_t den = 1;
  double bound = 0; // of the numbers in it: larger ones are refused
};

/// A place where an index stands alone, and what that says about its range.
struct AloneUse {
  llvm::SmallVector<int64_t, 2> extents; // one, unless a pack
  bool guarded = false;                  // `?? v`: the index may run further
  Span at;
  std::string where; // "dimension 1 of x"
};

class OpElaborator {
public:
  /// `scope` holds settings and dimensions.
  OpElaborator(Elaborator &elab, const ast::OpDecl &op, Scope &scope, Span use);

  /// All equations, forward.
  FailureOr<llvm::SmallVector<Tensor, 2>> run(llvm::ArrayRef<Tensor> inputs);
  /// The forward equations as a gnc.custom with the given gradient.
  FailureOr<llvm::SmallVector<Tensor, 2>> runCustom(llvm::ArrayRef<Tensor> inputs);
  /// The value of a pointwise op on scalars of `eq` (inlined).
  FailureOr<mlir::Value> inlineOn(llvm::ArrayRef<mlir::Value> inputs, EquationBuilder &eq);

private:
  //===- declarations and equations (Op.cpp, OpEquation.cpp) --------------------------------===//
  LogicalResult declareInputs(llvm::ArrayRef<Tensor> inputs);
  LogicalResult checkBatch(const ast::Param &input, const Tensor &tensor);
  FailureOr<Tensor> pointwiseResult(llvm::ArrayRef<Tensor> inputs);
  LogicalResult setDomain(llvm::ArrayRef<Tensor> inputs);
  //===- kernels in CUDA C++ (OpCuda.cpp) ---------------------------------------------------===//
  FailureOr<llvm::SmallVector<Tensor, 2>> kernel(llvm::ArrayRef<Tensor> inputs);
  FailureOr<TensorType> kernelResult(const ast::Result &result, bool mapped);
  LogicalResult checkKernelNames();
  struct KernelLaunch {
    int64_t threads = 256;
    std::optional<int64_t> blocks = {};
  };
  FailureOr<KernelLaunch> kernelLaunch();
  mlir::DictionaryAttr kernelConstants();

  LogicalResult statement(const ast::Stmt &stmt);
  LogicalResult requirement(const ast::RequireStmt &stmt);
  LogicalResult equation(const ast::EquationStmt &eq);
  /// The declared result of that name, or null.
  const ast::Result *resultNamed(llvm::StringRef name) const;
  FailureOr<llvm::SmallVector<Tensor, 2>> results();
  LogicalResult checkTarget(const ast::EquationStmt &eq);
  /// Binds the left side's indices: the parallel indices of the equation, explicit batch first.
  LogicalResult checkLeftBatch(const ast::EquationStmt &eq, const ast::Type *declared);
  LogicalResult checkLeftCount(const ast::EquationStmt &eq, const ast::Type *declared,
                               llvm::ArrayRef<int64_t> shape);
  FailureOr<llvm::SmallVector<unsigned, 4>> leftSide(const ast::EquationStmt &eq,
                                                     const ast::Type *declared);
  LogicalResult checkDimensions(const ast::Type &declared);
  FailureOr<std::optional<llvm::SmallVector<int64_t, 4>>> declaredShape(const ast::Type *declared);
  FailureOr<Tensor> emitEquation(const ast::EquationStmt &eq, const ast::Type *declared,
                                 bool forceBatch = false);
  FailureOr<TensorType> naturalElement(const ast::Expr &value);
  FailureOr<TensorType> wantedElement(const ast::Type *declared, const ast::Expr &value);

  //===- indices and their ranges (OpIndices.cpp) -------------------------------------------===//
  void startEquation();
  const IndexName *indexNamed(llvm::StringRef name) const;
  /// Makes the index of `bind`; its range is `declared`, its bound, or found in `body`.
  FailureOr<IndexName> makeIndex(const ast::Bind &bind, llvm::StringRef binder,
                                 const ast::Expr &body,
                                 std::optional<llvm::ArrayRef<int64_t>> declared,
                                 const llvm::Twine &declaredWhere);
  FailureOr<IndexName> bindIndex(const ast::Bind &bind, llvm::StringRef binder,
                                 const ast::Expr &body,
                                 std::optional<llvm::ArrayRef<int64_t>> declared,
                                 const llvm::Twine &declaredWhere = "");
  LogicalResult checkIndexName(const ast::Bind &bind, llvm::StringRef binder);
  FailureOr<llvm::SmallVector<int64_t, 2>>
  findRange(const ast::Bind &bind, llvm::StringRef binder, const ast::Expr &body,
            std::optional<llvm::ArrayRef<int64_t>> declared, const llvm::Twine &declaredWhere);
  LogicalResult checkAgreement(const ast::Bind &bind, llvm::ArrayRef<int64_t> extents,
                               const llvm::Twine &where, llvm::ArrayRef<AloneUse> uses);
  void collectAlone(const ast::Expr &expr, llvm::StringRef name, bool pack,
                    llvm::SmallVectorImpl<AloneUse> &uses) const;
  void aloneInAccess(const ast::Access &access, llvm::StringRef name, bool pack,
                     llvm::SmallVectorImpl<AloneUse> &uses) const;
  std::optional<int64_t> dynamicBound(const ast::Expr &bound) const;

  //===- expressions (OpScalar.cpp) ---------------------------------------------------------===//
  FailureOr<mlir::Value> scalar(const ast::Expr &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> scalarOf(const ast::Expr &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> constantScalar(const ast::Expr &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> name(const ast::Name &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> scopeTensor(const Value &value, Span at, EquationBuilder &eq);
  FailureOr<mlir::Value> comparison(const ast::Compare &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> choice(const ast::If &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> wholeTensor(const OpTensor &tensor, const ast::Expr &at,
                                     EquationBuilder &eq);
  /// Known at compile time: nothing in it is a tensor, an index or a schedule.
  bool isConstant(const ast::Expr &expr);
  bool isAdjoint(const ast::Expr &expr) const;
  bool isConstantCall(const ast::Call &call);
  /// The tensor that a name (or `d.y`) stands for, or null.
  const OpTensor *tensorOf(const ast::Expr &expr) const;
  Report unknownName(llvm::StringRef name, Span at);

  //===- reads (OpAccess.cpp) ---------------------------------------------------------------===//
  FailureOr<mlir::Value> access(const ast::Access &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> listAccess(const ast::Access &expr, const Value &list,
                                    EquationBuilder &eq);
  LogicalResult coordinates(const ast::Access &expr, const OpTensor &tensor, EquationBuilder &eq,
                            AccessParts &parts);
  LogicalResult coordinate(const ast::Index &index, int64_t extent, EquationBuilder &eq,
                           AccessParts &parts);
  LogicalResult boundary(const ast::Call &expr, llvm::StringRef kind, int64_t extent,
                         EquationBuilder &eq, AccessParts &parts);
  LogicalResult batchCoordinate(const ast::Access &expr, const OpTensor &tensor,
                                EquationBuilder &eq, AccessParts &parts);
  LogicalResult packCoordinates(const ast::Index &index, unsigned count, EquationBuilder &eq,
                                AccessParts &parts);
  /// How many dimensions a pack among the indices stands for; a wrong number of indices is
  /// reported.
  FailureOr<unsigned> packLength(const ast::Access &expr, const OpTensor &tensor);
  /// Proves the access inside and drops guards that are not needed; reports what can be outside.
  /// Whether a guard remains.
  FailureOr<bool> prove(const ast::Access &expr, const OpTensor &tensor, EquationBuilder &eq,
                        AccessParts &parts);
  std::string rangesIn(const ast::Expr &expr) const;
  Report outside(const ast::Access &expr, const OpTensor &tensor, unsigned dimension,
                 gnc::IndexRange range);
  FailureOr<mlir::Value> mirroredRead(const ast::Access &expr, const OpTensor &tensor,
                                      EquationBuilder &eq, AccessParts parts);
  FailureOr<mlir::Value> guardedRead(const ast::Access &expr, const OpTensor &tensor,
                                     EquationBuilder &eq, const AccessParts &parts);

  //===- index expressions (OpIndexTerm.cpp) ------------------------------------------------===//
  FailureOr<IndexTerm> indexTerm(const ast::Expr &expr, EquationBuilder &eq);
  FailureOr<IndexTerm> indexBinary(const ast::Binary &expr, EquationBuilder &eq);
  FailureOr<IndexTerm> indexDivision(const ast::Binary &expr, IndexTerm lhs, IndexTerm rhs);
  FailureOr<IndexTerm> indexName(const ast::Name &expr, EquationBuilder &eq);
  FailureOr<IndexTerm> constantTerm(const ast::Expr &expr, EquationBuilder &eq);
  /// A read of an integer tensor as part of an index.
  FailureOr<IndexTerm> dataTerm(const Tensor &tensor, const AccessParts &parts,
                                EquationBuilder &eq);
  FailureOr<IndexTerm> dataAccess(const ast::Access &expr, EquationBuilder &eq);
  FailureOr<IndexTerm> madeIndex(const ast::Expr &expr, EquationBuilder &eq);
  FailureOr<IndexTerm> classIndex(const ast::Call &call, EquationBuilder &eq);
  bool isIndexArithmetic(const ast::Expr &expr);
  LogicalResult proveClass(const ast::Call &call, int64_t classes, EquationBuilder &eq);
  Report notAnIndex(const ast::Expr &expr);

  //===- reductions and tensors made first (OpReduce.cpp) -----------------------------------===//
  FailureOr<Tensor> emit(const ast::Expr &expr, llvm::ArrayRef<unsigned> vars, TensorType want,
                         bool forceBatch = false);
  LogicalResult checkOneBatch(const ast::Expr &expr, llvm::ArrayRef<unsigned> vars, bool mapped);
  FailureOr<Tensor> emitPointwise(const ast::Expr &expr, llvm::ArrayRef<unsigned> vars,
                                  TensorType want, bool forceBatch);
  FailureOr<Tensor> emitReduction(const ast::Reduce &expr, llvm::ArrayRef<unsigned> vars,
                                  TensorType want);
  /// A reduction as a tensor. The mean over indices of known extent is this divided by `divisor`.
  struct Reduced {
    Tensor tensor;
    double divisor = 1;
  };
  FailureOr<Reduced> reduceFirst(const ast::Reduce &expr, llvm::ArrayRef<unsigned> vars,
                                 TensorType want);
  FailureOr<llvm::SmallVector<unsigned, 4>> bindReduction(const ast::Reduce &expr);
  FailureOr<mlir::Value> reductionTerm(const ast::Reduce &expr, llvm::ArrayRef<unsigned> reduced,
                                       EquationBuilder &eq);
  FailureOr<mlir::Value> hoist(const ast::Reduce &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> count(const ast::Reduce &expr, EquationBuilder &eq);
  /// Reads a tensor that was made over `vars` (and the batch, if it is batched).
  mlir::Value readBack(const Tensor &tensor, llvm::ArrayRef<unsigned> vars, EquationBuilder &eq);
  AccessParts identity(const Tensor &tensor, llvm::ArrayRef<unsigned> vars, EquationBuilder &eq);
  Tensor finishTensor(EquationBuilder &eq, mlir::Value yielded, gnc::Reduction reduction,
                      llvm::ArrayRef<unsigned> vars, TensorType want, bool mapped);
  /// The indices among `eq`'s that the expression uses, in their order.
  llvm::SmallVector<unsigned, 4> usedVars(const ast::Expr &expr, llvm::ArrayRef<unsigned> among);
  bool readsMapped(const ast::Expr &expr);

  //===- calls (OpCall.cpp) -----------------------------------------------------------------===//
  FailureOr<mlir::Value> call(const ast::Call &expr, EquationBuilder &eq);
  FailureOr<mlir::Value> callFunction(const ast::Call &expr, llvm::StringRef function,
                                      EquationBuilder &eq);
  FailureOr<mlir::Value> callOp(const ast::Call &expr, Found callee, llvm::StringRef written,
                                EquationBuilder &eq);
  FailureOr<mlir::Value> callHoisted(const ast::Call &expr, Found callee,
                                     llvm::ArrayRef<const ast::Expr *> inputs,
                                     std::vector<Recipe::Given> settings, EquationBuilder &eq);
  FailureOr<mlir::Value> toIndex(const ast::Call &expr, EquationBuilder &eq);
  LogicalResult splitArguments(const ast::Call &expr, const ast::OpDecl &callee,
                               llvm::SmallVectorImpl<const ast::Expr *> &inputs,
                               std::vector<Recipe::Given> &settings);
  Found calleeOf(const ast::Call &expr, std::string &written) const;
  bool hasOwnGradient(Found callee, unsigned depth = 0) const;

  //===- gradients (OpGradient.cpp) ---------------------------------------------------------===//
  friend class CustomBuilder;

  mlir::Location location(Span at) const { return elab.location(at); }

  Elaborator &elab;
  const ast::OpDecl &op;
  Scope &scope; // settings, dimensions and the constants that equations make
  Span use;

  llvm::StringMap<OpTensor> tensors;    // "x"; "d.y"
  llvm::StringMap<mlir::Value> scalars; // inputs of a pointwise op that is being inlined
  llvm::StringRef lastAssigned;
  const ast::Access *reading = nullptr;    // the read whose coordinates are elaborated,
  AccessParts *readingParts = nullptr;     // and its parts
  const ast::Call *guardedIndex = nullptr; // `index(e, K)` in a read with `??`
  bool namesBatch = false;                 // an input is declared [N; ..]
  bool isolated = false;                   // inside gnc.custom: values from outside cannot be read
  bool pointwise = false;               // tensors stand for their element at the domain's indices
  llvm::SmallVector<int64_t, 4> domain; // of a pointwise op

  // Of the current equation.
  std::vector<IndexVar> vars; // 0 is the batch that is mapped over
  llvm::SmallVector<IndexName, 8> names;
  llvm::SmallVector<unsigned, 4> domainVars; // of a pointwise op
  llvm::DenseMap<const ast::Expr *, bool> constness;
  llvm::StringSet<> failedIndices; // had an error already: their uses are silent
};

/// Calls `visit` for every direct part of an expression.
void forEachPart(const ast::Expr &expr, llvm::function_ref<void(const ast::Expr &)> visit);
/// Is `name` written anywhere in the expression?
bool mentions(const ast::Expr &expr, llvm::StringRef name);

} // namespace gnc::dsl

#endif // GNC_DSL_OPELABORATOR_H
