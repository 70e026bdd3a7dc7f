// One equation: its left side, its element type, its place in the graph.
#include "dsl/OpElaborator.h"
#include "dsl/ShapeNote.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;
using mlir::ShapedType;

void OpElaborator::startEquation() {
  vars.assign(1, {"n", ShapedType::kDynamic});
  names.clear();
  constness.clear();
  failedIndices.clear();
  domainVars.clear();
  for (auto [i, extent] : llvm::enumerate(domain)) {
    domainVars.push_back(vars.size());
    vars.push_back({"i" + std::to_string(i), extent});
  }
}

/// The name on the left side is free, and an op on numbers has no indices.
LogicalResult OpElaborator::checkTarget(const ast::EquationStmt &eq) {
  StringRef name = eq.name.text;
  if (eq.adjoint)
    return elab
        .error("adjoint-outside-grad", eq.target,
               "'" + eq.target.text() + "' is a gradient; here " + op.name.text +
                   " itself is computed")
        .help("gradients stand behind the op: grad { " + eq.target.text() + " = .. }");
  if (pointwise && (eq.hasIndices || eq.batch))
    return elab
        .error("pointwise-index", eq.target,
               op.name.text +
                   " is written on numbers: its inputs have no shapes, so there are no indices")
        .help("declare shapes: " + op.params.inputs.front().name.text + ": [C, H, W]");
  for (const ast::Param &input : op.params.inputs)
    if (input.name.text == name)
      return elab
          .error("assign-input", eq.name.span, "'" + name + "' is an input of " + op.name.text)
          .help("give the result another name");
  for (const ast::Param &setting : op.params.settings)
    if (setting.name.text == name)
      return elab
          .error("assign-input", eq.name.span, "'" + name + "' is a setting of " + op.name.text)
          .help("give the result another name");
  if (tensors.count(name) || scalars.count(name) || scope.findHere(name))
    return elab.error("assigned-twice", eq.name.span, "'" + name + "' has an equation already")
        .help("give one of them another name; an op has no order of execution");
  if (scope.parent() && scope.parent()->findHere(name))
    return elab.error("assign-input", eq.name.span, "'" + name + "' is a dimension of the inputs")
        .help("give it another name");
  return success();
}

LogicalResult OpElaborator::equation(const ast::EquationStmt &eq) {
  startEquation();
  if (failed(checkTarget(eq)))
    return failure();
  const ast::Result *result = resultNamed(eq.name.text);
  if (!result && !eq.hasIndices && !eq.batch && isConstant(*eq.value)) {
    auto value = elab.evaluate(*eq.value, scope);
    if (failed(value)) {
      scope.defineFailed(eq.name.text, eq.name.span);
      return failure();
    }
    scope.define(eq.name.text, *value, eq.name.span, /*constant=*/true);
    return success();
  }
  auto tensor = emitEquation(eq, result ? result->type : nullptr);
  if (failed(tensor)) {
    scope.defineFailed(eq.name.text, eq.name.span); // its uses are silent
    return failure();
  }
  OpTensor &made = tensors[eq.name.text];
  made.tensor = *tensor;
  made.namesBatch = eq.batch.has_value();
  made.declared = eq.target;
  lastAssigned = eq.name.text;
  return success();
}

FailureOr<Tensor> OpElaborator::emitEquation(const ast::EquationStmt &eq, const ast::Type *declared,
                                             bool forceBatch) {
  auto want = wantedElement(declared, *eq.value);
  if (failed(want))
    return failure();
  if (pointwise)
    return emit(*eq.value, domainVars, *want, forceBatch);
  auto left = leftSide(eq, declared);
  if (failed(left))
    return failure();
  return emit(*eq.value, *left, *want, forceBatch);
}

/// A result without elements: said with the arithmetic that leads there.
LogicalResult OpElaborator::checkDimensions(const ast::Type &declared) {
  for (auto [i, dim] : llvm::enumerate(declared.dims)) {
    auto value = dim.pack ? FailureOr<Value>(failure()) : elab.evaluate(*dim.expr, scope);
    if (!dim.pack && failed(value))
      return failure();
    auto extent = dim.pack ? std::nullopt : value->asInt();
    if (!extent || *extent >= 1)
      continue;
    std::string arithmetic;
    if (!elab.uses().empty())
      arithmetic = resultArithmetic(op, scope, elab.uses().back());
    if (arithmetic.empty())
      arithmetic = (dim.span.text() + " = " + llvm::Twine(*extent)).str();
    Report report = elab.error("empty-dimension", dim.span,
                               "dimension " + llvm::Twine(i) + " of the result of " + op.name.text +
                                   " would be empty: " + arithmetic);
    if (auto input = tensors.find(op.params.inputs.front().name.text); input != tensors.end())
      report.trail(input->second.tensor, "the shape on the way here:");
    return report;
  }
  return success();
}

/// The extents of a declared result, or none for a temporary.
FailureOr<std::optional<llvm::SmallVector<int64_t, 4>>>
OpElaborator::declaredShape(const ast::Type *declared) {
  std::optional<llvm::SmallVector<int64_t, 4>> shape;
  if (!declared)
    return shape;
  if (failed(checkDimensions(*declared)))
    return failure();
  auto extents = elab.evaluateShape(*declared, scope);
  if (failed(extents))
    return failure();
  shape = *extents;
  return shape;
}

LogicalResult OpElaborator::checkLeftBatch(const ast::EquationStmt &eq, const ast::Type *declared) {
  StringRef name = eq.name.text;
  if (declared && declared->batch.has_value() != eq.batch.has_value())
    return elab
        .error("batch-index", eq.target,
               name + (eq.batch ? " is declared without a batch" : " is declared with its batch"))
        .note(declared->span, "declared " + declared->span.text())
        .help(eq.batch ? "leave '" + eq.batch->span.text() + ";' away: samples are mapped over"
                       : "write " + name + "[n; ..] = ..");
  if (eq.batch && !namesBatch)
    return elab
        .error("batch-index", eq.batch->span, "no input of " + op.name.text + " names its batch")
        .help("declare one as " + op.params.inputs.front().name.text + ": [N; ..]");
  return success();
}

static unsigned countPacks(const ast::EquationStmt &eq) {
  return llvm::count_if(eq.indices, [](const ast::Bind &bind) { return bind.pack; });
}

/// As many indices as the declared result has dimensions.
LogicalResult OpElaborator::checkLeftCount(const ast::EquationStmt &eq, const ast::Type *declared,
                                           ArrayRef<int64_t> shape) {
  size_t packs = countPacks(eq), single = eq.indices.size() - packs, rank = shape.size();
  if (!declared || (single <= rank && (packs || single == rank)))
    return success();
  return elab
      .error("index-count", eq.target,
             eq.name.text + " has " + llvm::Twine(rank) +
                 (rank == 1 ? " dimension" : " dimensions") + ", but " + llvm::Twine(single) +
                 (single == 1 ? " index is" : " indices are") + " given")
      .note(declared->span, "declared " + declared->span.text() + " = " + TensorType::str(shape));
}

FailureOr<llvm::SmallVector<unsigned, 4>> OpElaborator::leftSide(const ast::EquationStmt &eq,
                                                                 const ast::Type *declared) {
  auto shape = declaredShape(declared);
  if (failed(shape) || failed(checkLeftBatch(eq, declared)))
    return failure();
  if (countPacks(eq) > 1)
    return elab.error("two-packs", eq.target, "one pack of indices is enough: which is how long?");
  ArrayRef<int64_t> known = *shape ? ArrayRef<int64_t>(**shape) : ArrayRef<int64_t>();
  if (failed(checkLeftCount(eq, declared, known)))
    return failure();
  llvm::SmallVector<unsigned, 4> left;
  if (eq.batch) {
    int64_t dynamic = ShapedType::kDynamic;
    auto batch = bindIndex(*eq.batch, "", *eq.value, ArrayRef(dynamic), "the batch");
    if (failed(batch))
      return failure();
    left.append(batch->vars);
  }
  size_t single = eq.indices.size() - countPacks(eq), position = 0;
  for (const ast::Bind &bind : eq.indices) {
    size_t length = !bind.pack ? 1 : *shape ? known.size() - single : 0;
    std::optional<ArrayRef<int64_t>> extents;
    if (*shape)
      extents = known.slice(position, length);
    auto index = bindIndex(bind, "", *eq.value, extents,
                           "dimension " + llvm::Twine(position) + " of " + eq.name.text);
    if (failed(index))
      return failure();
    left.append(index->vars);
    position += length;
  }
  return left;
}

/// What the elements of a value are by themselves: numbers, or whole ones that may index.
FailureOr<TensorType> OpElaborator::naturalElement(const ast::Expr &value) {
  TensorType natural;
  if (auto *reduce = llvm::dyn_cast<ast::Reduce>(&value)) {
    if (reduce->reducer == ast::Reducer::Argmax || reduce->reducer == ast::Reducer::Argmin)
      natural.element = ElementKind::Index; // the number of classes is that of the reduction
    return natural;
  }
  if (auto *call = llvm::dyn_cast<ast::Call>(&value)) {
    std::string written;
    if (calleeOf(*call, written) || written != "index" || call->args.list.size() != 2)
      return natural;
    auto classes = elab.evaluateInt(*call->args.list[1].value, scope, "the number of classes");
    if (failed(classes))
      return failure();
    natural.element = ElementKind::Index;
    natural.classes = *classes;
    return natural;
  }
  auto *access = llvm::dyn_cast<ast::Access>(&value);
  if (const OpTensor *read = tensorOf(access ? *access->tensor : value))
    if (read->tensor.element == ElementKind::Index || read->tensor.element == ElementKind::I32)
      natural.element = read->tensor.element, natural.classes = read->tensor.classes;
  return natural;
}

/// What the elements of the result are: as declared, else what the value is by itself.
FailureOr<TensorType> OpElaborator::wantedElement(const ast::Type *declared,
                                                  const ast::Expr &value) {
  auto natural = naturalElement(value);
  if (failed(natural) || !declared)
    return natural;
  TensorType want;
  switch (declared->elem) {
  case ast::Elem::F32: return want;
  case ast::Elem::Bool: want.element = ElementKind::Bool; return want;
  case ast::Elem::I32:
  case ast::Elem::Index: break;
  default:
    return elab
        .error("result-element", declared->span,
               "a result of an op is f32, bool, i32 or index(..), not " + declared->span.text())
        .help("declare it f32");
  }
  if (natural->element == ElementKind::F32)
    return elab
        .error("needs-index", value.span,
               "the result is declared " + declared->span.text() + ", but this is a number")
        .help("convert it: index(" + value.span.text() + ", K)");
  if (!declared->classes)
    return natural;
  auto classes = elab.evaluateInt(*declared->classes, scope, "the number of classes");
  if (failed(classes))
    return failure();
  if (natural->classes && natural->classes != *classes)
    return elab.error("class-count", value.span,
                      "this has " + llvm::Twine(natural->classes) + " classes where " +
                          llvm::Twine(*classes) + " are declared");
  natural->classes = *classes;
  return natural;
}
