// Reductions, and tensors that an equation needs first.
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;
using mlir::ShapedType;

//===- what an expression uses --------------------------------------------------------------===//

llvm::SmallVector<unsigned, 4> OpElaborator::usedVars(const ast::Expr &expr,
                                                      ArrayRef<unsigned> among) {
  llvm::SmallDenseSet<unsigned> used;
  auto visit = [&](auto &self, const ast::Expr &part) -> void {
    if (auto *name = llvm::dyn_cast<ast::Name>(&part)) {
      if (const IndexName *index = indexNamed(name->name))
        used.insert(index->vars.begin(), index->vars.end());
    }
    const OpTensor *tensor = pointwise ? tensorOf(part) : nullptr;
    if (tensor && tensor->tensor.rank())
      used.insert(domainVars.begin(), domainVars.end());
    forEachPart(part, [&](const ast::Expr &inner) { self(self, inner); });
  };
  visit(visit, expr);
  llvm::SmallVector<unsigned, 4> list;
  // The batch comes first in every tensor.
  for (bool dynamic : {true, false})
    for (unsigned var : among)
      if (var != 0 && used.count(var) && ShapedType::isDynamic(vars[var].extent) == dynamic)
        list.push_back(var);
  return list;
}

bool OpElaborator::readsMapped(const ast::Expr &expr) {
  const OpTensor *tensor = tensorOf(expr);
  bool found = tensor && tensor->mapped();
  forEachPart(expr, [&](const ast::Expr &part) { found = found || readsMapped(part); });
  return found;
}

//===- tensors made first -------------------------------------------------------------------===//

AccessParts OpElaborator::identity(const Tensor &tensor, ArrayRef<unsigned> vars,
                                   EquationBuilder &eq) {
  AccessParts parts;
  bool ownBatch = !vars.empty() && ShapedType::isDynamic(this->vars[vars.front()].extent);
  if (tensor.batched && !ownBatch)
    parts.coords.push_back(eq.dim(0));
  for (unsigned var : vars)
    parts.coords.push_back(
        this->vars[var].extent == 1 ? mlir::getAffineConstantExpr(0, eq.context()) : eq.dim(var));
  return parts;
}

mlir::Value OpElaborator::readBack(const Tensor &tensor, ArrayRef<unsigned> vars,
                                   EquationBuilder &eq) {
  return eq.read(tensor.value, identity(tensor, vars, eq));
}

static mlir::Type elementType(ElementKind element, mlir::MLIRContext *context) {
  switch (element) {
  case ElementKind::F32: return mlir::Float32Type::get(context);
  case ElementKind::U8: return mlir::IntegerType::get(context, 8);
  case ElementKind::Bool: return mlir::IntegerType::get(context, 1);
  default: return mlir::IntegerType::get(context, 32);
  }
}

Tensor OpElaborator::finishTensor(EquationBuilder &eq, mlir::Value yielded,
                                  gnc::Reduction reduction, ArrayRef<unsigned> vars,
                                  TensorType want, bool mapped) {
  want.batched = mapped;
  want.shape.clear();
  for (unsigned var : vars) {
    if (ShapedType::isDynamic(this->vars[var].extent))
      want.batched = true;
    else
      want.shape.push_back(this->vars[var].extent);
  }
  mlir::Value value =
      eq.finish(elab.builder, yielded, reduction, elementType(want.element, eq.context()));
  return Tensor(value, want);
}

/// The batch (if the tensor depends on it) and the parallel indices, then the reduced ones.
static llvm::SmallVector<unsigned, 6> allVars(bool mapped, ArrayRef<unsigned> parallel,
                                              ArrayRef<unsigned> reduced) {
  llvm::SmallVector<unsigned, 6> all;
  if (mapped)
    all.push_back(0);
  all.append(parallel.begin(), parallel.end());
  all.append(reduced.begin(), reduced.end());
  return all;
}

static bool isPosition(const ast::Reduce &reduce) {
  return reduce.reducer == ast::Reducer::Argmax || reduce.reducer == ast::Reducer::Argmin;
}

LogicalResult OpElaborator::checkOneBatch(const ast::Expr &expr, ArrayRef<unsigned> vars,
                                          bool mapped) {
  auto isBatch = [&](unsigned var) { return ShapedType::isDynamic(this->vars[var].extent); };
  if (llvm::count_if(vars, isBatch) + mapped <= 1)
    return success();
  return elab.error("batch-twice", expr.span, "this would be a tensor with two batch axes")
      .note("pairs of samples can be read where they are reduced, but not yet kept in a tensor");
}

FailureOr<Tensor> OpElaborator::emit(const ast::Expr &expr, ArrayRef<unsigned> vars,
                                     TensorType want, bool forceBatch) {
  if (failed(checkOneBatch(expr, vars, forceBatch || readsMapped(expr))))
    return failure();
  auto *reduce = llvm::dyn_cast<ast::Reduce>(&expr);
  // What does not depend on an index is computed once and repeated.
  bool direct = reduce && reduce->reducer != ast::Reducer::Count &&
                usedVars(expr, vars).size() == vars.size() && !(forceBatch && !readsMapped(expr)) &&
                isPosition(*reduce) == (want.element != ElementKind::F32);
  return direct ? emitReduction(*reduce, vars, want) : emitPointwise(expr, vars, want, forceBatch);
}

FailureOr<Tensor> OpElaborator::emitPointwise(const ast::Expr &expr, ArrayRef<unsigned> vars,
                                              TensorType want, bool forceBatch) {
  bool mapped = forceBatch || readsMapped(expr);
  auto all = allVars(mapped, vars, {});
  EquationBuilder eq(this->vars, all, all.size(), location(expr.span));
  auto value = scalar(expr, eq);
  if (failed(value))
    return failure();
  return finishTensor(eq, *value, gnc::Reduction::None, vars, want, mapped);
}

//===- reductions ---------------------------------------------------------------------------===//

FailureOr<llvm::SmallVector<unsigned, 4>> OpElaborator::bindReduction(const ast::Reduce &expr) {
  if (pointwise)
    return elab
        .error("pointwise-index", expr.span,
               op.name.text +
                   " is written on numbers: its inputs have no shapes, so there are no indices")
        .help("declare shapes: x: [C, H, W]");
  llvm::SmallVector<unsigned, 4> reduced;
  for (const ast::Bind &bind : expr.binds) {
    auto index = bindIndex(bind, ast::spelling(expr.reducer), *expr.body, std::nullopt);
    if (failed(index))
      return failure();
    reduced.append(index->vars);
  }
  return reduced;
}

static gnc::Reduction reductionOf(ast::Reducer reducer) {
  switch (reducer) {
  case ast::Reducer::Sum:
  case ast::Reducer::Mean:
  case ast::Reducer::Count: return gnc::Reduction::Sum;
  case ast::Reducer::Prod: return gnc::Reduction::Prod;
  case ast::Reducer::Max:
  case ast::Reducer::Any: return gnc::Reduction::Max;
  case ast::Reducer::Min:
  case ast::Reducer::All: return gnc::Reduction::Min;
  case ast::Reducer::Argmax: return gnc::Reduction::ArgMax;
  case ast::Reducer::Argmin: return gnc::Reduction::ArgMin;
  }
  return gnc::Reduction::None;
}

/// What a reduction combines: truth becomes 0 or 1; a mean over the batch divides each term, since
/// only here the batch is an index whose extent can be asked for.
FailureOr<mlir::Value> OpElaborator::reductionTerm(const ast::Reduce &expr,
                                                   ArrayRef<unsigned> reduced,
                                                   EquationBuilder &eq) {
  auto term = scalar(*expr.body, eq);
  if (failed(term))
    return failure();
  ScalarMath &math = eq.scalars();
  if (expr.reducer == ast::Reducer::Any || expr.reducer == ast::Reducer::All) {
    if (!term->getType().isInteger(1))
      return elab
          .error("needs-condition", expr.body->span,
                 StringRef(ast::spelling(expr.reducer)) +
                     "[..] asks for a condition, but this is a number")
          .note("a reduction reaches over * and / to its right, not over comparisons")
          .help("put the condition in parentheses");
    return math.number(*term);
  }
  bool dynamic =
      llvm::any_of(reduced, [&](unsigned v) { return ShapedType::isDynamic(vars[v].extent); });
  if (expr.reducer == ast::Reducer::Mean && dynamic)
    return math.binary(ast::BinaryOp::Div, *term, eq.extentNumber(reduced));
  return math.number(*term);
}

/// How many values the indices of known extent take.
static double staticCount(ArrayRef<IndexVar> all, ArrayRef<unsigned> vars) {
  double count = 1;
  for (unsigned var : vars)
    if (!ShapedType::isDynamic(all[var].extent))
      count *= all[var].extent;
  return count;
}

/// Forgets the indices that are bound while it lives.
namespace {
template <typename List> struct Restore {
  List &list;
  size_t size;
  explicit Restore(List &list) : list(list), size(list.size()) {}
  ~Restore() { list.truncate(size); }
};
} // namespace

FailureOr<Tensor> OpElaborator::emitReduction(const ast::Reduce &expr, ArrayRef<unsigned> parallel,
                                              TensorType want) {
  auto reduced = reduceFirst(expr, parallel, want);
  if (failed(reduced) || reduced->divisor == 1)
    return failed(reduced) ? FailureOr<Tensor>(failure()) : reduced->tensor;
  bool mapped = reduced->tensor.batched && readsMapped(expr);
  auto all = allVars(mapped, parallel, {});
  EquationBuilder eq(vars, all, all.size(), location(expr.span));
  mlir::Value sum = readBack(reduced->tensor, parallel, eq);
  mlir::Value mean =
      eq.scalars().binary(ast::BinaryOp::Div, sum, eq.scalars().constant(reduced->divisor));
  return finishTensor(eq, mean, gnc::Reduction::None, parallel, want, mapped);
}

FailureOr<OpElaborator::Reduced>
OpElaborator::reduceFirst(const ast::Reduce &expr, ArrayRef<unsigned> parallel, TensorType want) {
  Restore<decltype(names)> restore(names);
  auto reduced = bindReduction(expr);
  if (failed(reduced))
    return failure();
  if (reduced->empty()) { // a pack of no index: one term
    if (isPosition(expr))
      return elab.error("empty-range", expr.span, "there is no index to choose from");
    auto term = emitPointwise(*expr.body, parallel, want, false);
    return failed(term) ? FailureOr<Reduced>(failure()) : Reduced{*term, 1};
  }
  bool mapped = readsMapped(*expr.body);
  if (failed(checkOneBatch(expr, parallel, mapped)))
    return failure();
  auto all = allVars(mapped, parallel, *reduced);
  EquationBuilder eq(vars, all, all.size() - reduced->size(), location(expr.span));
  auto term = reductionTerm(expr, *reduced, eq);
  if (failed(term))
    return failure();
  bool dynamic =
      llvm::any_of(*reduced, [&](unsigned v) { return ShapedType::isDynamic(vars[v].extent); });
  double count = staticCount(vars, *reduced);
  constexpr double maxTerms = double(int64_t(1) << 40);
  if (count > maxTerms)
    return elab
        .error("too-large", expr.span,
               "this reduction has " + llvm::formatv("{0:e2}", count).str() +
                   " terms for each result")
        .help("at most 2^40 are possible; is a bound misread?");
  if (isPosition(expr)) {
    if (count > INT32_MAX)
      return elab
          .error("too-large", expr.span,
                 "there are " + llvm::formatv("{0:e2}", count).str() + " elements to choose from")
          .help("positions are counted in 32 bits: at most 2147483647");
    if (!want.classes && !dynamic)
      want.classes = count;
  }
  bool divide = expr.reducer == ast::Reducer::Mean && !dynamic;
  Tensor tensor = finishTensor(eq, *term, reductionOf(expr.reducer), parallel, want, mapped);
  return Reduced{tensor, divide ? count : 1};
}

/// A reduction inside an expression: made first over the indices that it uses, then read.
FailureOr<mlir::Value> OpElaborator::hoist(const ast::Reduce &expr, EquationBuilder &eq) {
  if (expr.reducer == ast::Reducer::Count)
    return count(expr, eq);
  TensorType want;
  if (isPosition(expr))
    want.element = ElementKind::Index;
  auto used = usedVars(expr, eq.vars());
  auto reduced = reduceFirst(expr, used, want);
  if (failed(reduced))
    return failure();
  mlir::Value value = readBack(reduced->tensor, used, eq);
  if (reduced->divisor == 1)
    return value;
  return eq.scalars().binary(ast::BinaryOp::Div, value, eq.scalars().constant(reduced->divisor));
}

/// `count[n, i..] x[n; i..]`: the term only tells the ranges.
FailureOr<mlir::Value> OpElaborator::count(const ast::Reduce &expr, EquationBuilder &eq) {
  Restore<decltype(names)> restore(names);
  auto counted = bindReduction(expr);
  if (failed(counted))
    return failure();
  mlir::Value known = eq.scalars().constant(staticCount(vars, *counted));
  llvm::SmallVector<unsigned, 1> batch;
  for (unsigned var : *counted)
    if (ShapedType::isDynamic(vars[var].extent))
      batch.push_back(var);
  if (batch.empty())
    return known;
  // The batch's size as a tensor: the largest of its extents, all of them equal.
  EquationBuilder size(vars, batch, 0, location(expr.span));
  mlir::Value extent = size.extentNumber(batch);
  Tensor tensor = finishTensor(size, extent, gnc::Reduction::Max, {}, TensorType(), false);
  return eq.scalars().binary(ast::BinaryOp::Mul, readBack(tensor, {}, eq), known);
}
