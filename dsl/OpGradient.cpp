// `grad { d.x = .. }`: an op with a gradient of its own becomes a gnc.custom.
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::ArrayRef;
using llvm::StringRef;
using mlir::ShapedType;

namespace gnc::dsl {

/// Builds one gnc.custom. Both regions are elaborated as ops of their own, on the arguments of
/// their blocks.
class CustomBuilder {
public:
  CustomBuilder(OpElaborator &outer, ArrayRef<Tensor> inputs)
      : elab(outer.elab), op(outer.op), settings(outer.scope), use(outer.use),
        inputs(inputs.begin(), inputs.end()) {}

  FailureOr<llvm::SmallVector<Tensor, 2>> build();

private:
  /// Adds a block argument for each tensor, named as in the op.
  llvm::SmallVector<Tensor> arguments(mlir::Block &block, ArrayRef<Tensor> tensors);
  LogicalResult forward(mlir::Block &block);
  LogicalResult gradient(mlir::Block &block);
  LogicalResult checkGrad();
  LogicalResult declareGradient(OpElaborator &inner, mlir::Block &block);
  LogicalResult adjointEquation(OpElaborator &inner, const ast::EquationStmt &eq);
  FailureOr<mlir::Value> adjoint(OpElaborator &inner, const ast::EquationStmt &eq, unsigned input);
  std::string resultName(unsigned i) const;

  Elaborator &elab;
  const ast::OpDecl &op;
  Scope &settings;
  Span use;
  llvm::SmallVector<Tensor> inputs;
  llvm::SmallVector<Tensor, 2> results;    // block values of `forward`
  llvm::SmallVector<mlir::Value> adjoints; // by input; null: derived
};

} // namespace gnc::dsl

FailureOr<llvm::SmallVector<Tensor, 2>> OpElaborator::runCustom(ArrayRef<Tensor> inputs) {
  return CustomBuilder(*this, inputs).build();
}

llvm::SmallVector<Tensor> CustomBuilder::arguments(mlir::Block &block, ArrayRef<Tensor> tensors) {
  llvm::SmallVector<Tensor> made;
  for (Tensor tensor : tensors) {
    tensor.value = block.addArgument(tensor.value.getType(), elab.location(op.span));
    made.push_back(tensor);
  }
  return made;
}

/// The only result of an op on numbers is `y` in its gradient.
std::string CustomBuilder::resultName(unsigned i) const {
  return i < op.results.size() ? op.results[i].name.text.str() : "y";
}

LogicalResult CustomBuilder::forward(mlir::Block &block) {
  OpElaborator inner(elab, op, elab.newScope(settings), use);
  inner.isolated = true;
  elab.builder.setInsertionPointToEnd(&block);
  auto made = inner.run(arguments(block, inputs));
  if (failed(made))
    return failure();
  results = *made;
  llvm::SmallVector<mlir::Value> values;
  for (const Tensor &result : results)
    values.push_back(result.value);
  gnc::ReturnOp::create(elab.builder, elab.location(op.span), values);
  return success();
}

LogicalResult CustomBuilder::checkGrad() {
  for (const ast::Attribute &attribute : op.grad->attributes)
    if (attribute.name.text != "surrogate")
      return elab
          .error("unknown-attribute", attribute.span,
                 "a gradient has no attribute '@" + attribute.name.text + "'")
          .help("@surrogate says that it is not the derivative on purpose");
  return success();
}

/// The names that gradient equations see: inputs, results, and `d.y` of the results.
LogicalResult CustomBuilder::declareGradient(OpElaborator &inner, mlir::Block &block) {
  if (failed(inner.declareInputs(arguments(block, inputs))))
    return failure();
  for (bool adjoint : {false, true})
    for (auto [i, tensor] : llvm::enumerate(arguments(block, results))) {
      OpTensor &named = inner.tensors[(adjoint ? "d." : "") + resultName(i)];
      named.tensor = tensor;
      named.namesBatch = i < op.results.size() && op.results[i].type->batch.has_value();
      named.declared = op.grad->span;
    }
  return inner.pointwise ? inner.setDomain(inputs) : success();
}

LogicalResult CustomBuilder::gradient(mlir::Block &block) {
  OpElaborator inner(elab, op, elab.newScope(settings), use);
  inner.isolated = true;
  elab.builder.setInsertionPointToEnd(&block);
  if (failed(checkGrad()) || failed(declareGradient(inner, block)))
    return failure();
  adjoints.assign(inputs.size(), nullptr);
  for (const ast::Stmt *stmt : op.grad->equations) {
    auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt);
    bool good = succeeded(equation && equation->adjoint ? adjointEquation(inner, *equation)
                                                        : inner.statement(*stmt));
    if (!good)
      return failure();
  }
  llvm::SmallVector<mlir::Value> given;
  llvm::copy_if(adjoints, std::back_inserter(given), [](mlir::Value v) { return bool(v); });
  gnc::ReturnOp::create(elab.builder, elab.location(op.grad->span), given);
  return success();
}

LogicalResult CustomBuilder::adjointEquation(OpElaborator &inner, const ast::EquationStmt &eq) {
  llvm::SmallVector<StringRef> names;
  for (const ast::Param &input : op.params.inputs)
    names.push_back(input.name.text);
  unsigned input = llvm::find(names, eq.name.text) - names.begin();
  if (input == names.size())
    return elab
        .error("grad-target", eq.target,
               "'" + eq.name.text + "' is no input of " + op.name.text +
                   "; its gradient is not asked for")
        .didYouMean(eq.name.text, names);
  if (adjoints[input])
    return elab.error("assigned-twice", eq.target,
                      "d." + eq.name.text + " has an equation already");
  if (inputs[input].element != ElementKind::F32)
    return elab.error("grad-target", eq.target,
                      "'" + eq.name.text + "' is " + inputs[input].str() + ": it has no gradient");
  auto value = adjoint(inner, eq, input);
  if (failed(value))
    return failure();
  adjoints[input] = *value;
  return success();
}

/// The adjoint has the shape of its input: what was repeated over the batch (a weight), or over all
/// of the domain (a number among tensors), is summed.
FailureOr<mlir::Value> CustomBuilder::adjoint(OpElaborator &inner, const ast::EquationStmt &eq,
                                              unsigned input) {
  const Tensor &target = inputs[input];
  inner.startEquation();
  if (inner.pointwise && (eq.hasIndices || eq.batch))
    return elab.error("pointwise-index", eq.target, "an op on numbers has no indices")
        .help("write d." + eq.name.text + " = ..");
  const ast::Type *type = op.params.inputs[input].type;
  bool namesBatch = type && type->batch;
  auto made = inner.emitEquation(eq, type, target.batched && !namesBatch);
  if (failed(made))
    return failure();
  bool sumBatch = made->batched && !target.batched;
  bool sumDomain = made->rank() > target.rank();
  if (!sumBatch && !sumDomain)
    return made->value;
  inner.startEquation();
  llvm::SmallVector<unsigned, 4> parallel, reduced;
  if (made->batched)
    (sumBatch ? reduced : parallel).push_back(0);
  for (int64_t extent : made->shape) {
    (sumDomain ? reduced : parallel).push_back(inner.vars.size());
    inner.vars.push_back({"i" + std::to_string(inner.vars.size() - 1), extent});
  }
  llvm::SmallVector<unsigned, 8> all(parallel.begin(), parallel.end());
  all.append(reduced.begin(), reduced.end());
  EquationBuilder sum(inner.vars, all, parallel.size(), elab.location(eq.span));
  AccessParts parts;
  if (made->batched)
    parts.coords.push_back(sum.dim(0));
  for (unsigned var = inner.vars.size() - made->rank(); var < inner.vars.size(); ++var)
    parts.coords.push_back(sum.dim(var));
  return sum.finish(elab.builder, sum.read(made->value, parts), gnc::Reduction::Sum,
                    mlir::Float32Type::get(sum.context()));
}

FailureOr<llvm::SmallVector<Tensor, 2>> CustomBuilder::build() {
  mlir::OpBuilder::InsertionGuard guard(elab.builder);
  mlir::OpBuilder outside = elab.builder;
  auto forwardBlock = std::make_unique<mlir::Block>(),
       gradientBlock = std::make_unique<mlir::Block>();
  // Both are made, so that the errors of both are reported.
  bool good = succeeded(forward(*forwardBlock));
  if (!good || failed(gradient(*gradientBlock)))
    return failure();
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<int64_t> given;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    operands.push_back(input.value);
    if (adjoints[i])
      given.push_back(i);
  }
  for (const Tensor &result : results)
    types.push_back(result.value.getType());
  bool surrogate = !op.grad->attributes.empty();
  auto custom = gnc::CustomOp::create(outside, elab.location(op.span), types, operands,
                                      outside.getDenseI64ArrayAttr(given),
                                      surrogate ? outside.getUnitAttr() : mlir::UnitAttr());
  custom.getForward().push_back(forwardBlock.release());
  custom.getGradient().push_back(gradientBlock.release());
  llvm::SmallVector<Tensor, 2> list;
  for (auto [result, value] : llvm::zip(results, custom.getResults()))
    list.emplace_back(value, result);
  return list;
}
