#include "dsl/OpMaker.h"

#include "dsl/LayerBuilder.h"
#include "dsl/Op.h"

#include "ir/Gnc.h"

#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

//===- names --------------------------------------------------------------------------------===//

/// A bare name that an input binds: no setting and no constant of the file.
bool OpMaker::isFree(const ast::Expr &dimension) const {
  auto *name = llvm::dyn_cast<ast::Name>(&dimension);
  if (!name || llvm::any_of(op.params.settings,
                            [&](const ast::Param &p) { return p.name.text == name->name; }))
    return false;
  Found found = module.find(name->name);
  return !found || !llvm::isa<ast::LetDecl>(found.decl);
}

llvm::SmallVector<StringRef> OpMaker::freeNames() const {
  llvm::SmallVector<StringRef> names;
  auto add = [&](const ast::Expr *expr) {
    if (expr && isFree(*expr) && !llvm::is_contained(names, expr->span.text()))
      names.push_back(expr->span.text());
  };
  for (const ast::Param &input : op.params.inputs) {
    if (!input.type)
      continue;
    for (const ast::Dim &dim : input.type->dims)
      add(dim.expr);
    add(input.type->classes);
  }
  return names;
}

bool OpMaker::isPack(StringRef name) const {
  for (const ast::Param &input : op.params.inputs)
    if (input.type)
      for (const ast::Dim &dim : input.type->dims)
        if (dim.pack && dim.expr->span.text() == name)
          return true;
  return false;
}

/// The dimensions that inputs of known type bind.
void OpMaker::bindKnown(OpPlan &plan) const {
  for (auto [input, known] : llvm::zip(op.params.inputs, plan.inputs)) {
    if (!known || !input.type)
      continue;
    size_t single = llvm::count_if(input.type->dims, [](const ast::Dim &d) { return !d.pack; });
    size_t position = 0, rank = known->shape.size();
    if (single > rank)
      continue; // reported where the op is applied
    for (const ast::Dim &dim : input.type->dims) {
      size_t length = dim.pack ? rank - single : 1;
      std::vector<Value> extents;
      for (size_t i = 0; i < length && position + i < rank; ++i)
        extents.push_back(Value::number(known->shape[position + i]));
      position += length;
      if (isFree(*dim.expr) && (dim.pack || !extents.empty()))
        plan.dimensions.try_emplace(dim.expr->span.text(),
                                    dim.pack ? Value::tuple(extents) : extents.front());
    }
    if (input.type->classes && isFree(*input.type->classes) && known->classes)
      plan.dimensions.try_emplace(input.type->classes->span.text(), Value::number(known->classes));
  }
}

//===- one instance -------------------------------------------------------------------------===//

namespace {
/// An op has no weights and draws no random numbers; a setting that changes from step to step is an
/// argument.
struct OpHost : FunctionHost {
  mlir::Block *block = nullptr;
  mlir::Value addParameter(const Parameter &, mlir::Location) override { return {}; }
  mlir::Value addSchedule(const Schedule &, mlir::Location location) override {
    return block->addArgument(TensorType().ir(location.getContext()), location);
  }
  mlir::Value addStream(mlir::Location) override { return {}; }
};
} // namespace

static ElementKind elementOf(ast::Elem elem) {
  switch (elem) {
  case ast::Elem::U8: return ElementKind::U8;
  case ast::Elem::Bool: return ElementKind::Bool;
  case ast::Elem::I32: return ElementKind::I32;
  case ast::Elem::Index: return ElementKind::Index;
  default: return ElementKind::F32;
  }
}

FailureOr<TensorType> OpMaker::inputType(Elaborator &elab, size_t input, const OpPlan &plan,
                                         Scope &scope) const {
  const ast::Type *type = op.params.inputs[input].type;
  TensorType made;
  if (input < plan.inputs.size() && plan.inputs[input]) {
    made = *plan.inputs[input];
  } else if (type) {
    auto shape = elab.evaluateShape(*type, scope);
    if (failed(shape))
      return failure();
    made.shape = *shape;
    made.element = elementOf(type->elem);
    bool named = llvm::any_of(
        op.params.inputs, [](const ast::Param &other) { return other.type && other.type->batch; });
    made.batched = named ? type->batch.has_value()
                         : plan.batched && (input == 0 || made.element != ElementKind::F32);
  } else {
    made.shape = {5};
    made.batched = plan.batched && input == 0;
  }
  if (made.element != ElementKind::Index || made.classes || !type || !type->classes)
    return made;
  auto classes = elab.evaluateInt(*type->classes, scope, "the number of classes");
  if (failed(classes))
    return failure();
  made.classes = *classes;
  return made;
}

LogicalResult OpMaker::build(OpInstance &instance, const OpPlan &plan, Diagnostics &diags) const {
  mlir::OpBuilder builder(&context);
  mlir::Location unknown = builder.getUnknownLoc();
  instance.module = mlir::ModuleOp::create(unknown);
  builder.setInsertionPointToEnd(instance.module->getBody());
  auto function =
      mlir::func::FuncOp::create(builder, unknown, "op", builder.getFunctionType({}, {}));
  OpHost host;
  host.block = function.addEntryBlock();
  builder.setInsertionPointToEnd(host.block);
  Elaborator elab(host, diags, builder, ast::Mode::Train);
  Scope &scope = elab.newScope(elab.rootOf(&module));
  for (const auto &dimension : plan.dimensions)
    scope.define(dimension.getKey(), dimension.second);
  Span at = op.name.span;
  if (failed(elab.bindSettings(op.params.settings, plan.settings, scope, op.name.text, at)))
    return failure();
  llvm::SmallVector<Argument> arguments;
  llvm::SmallVector<Tensor> inputs;
  for (size_t i = 0; i != op.params.inputs.size(); ++i) {
    FailureOr<TensorType> type = inputType(elab, i, plan, scope);
    if (failed(type))
      return failure();
    inputs.emplace_back(host.block->addArgument(type->ir(&context), unknown), *type);
    arguments.push_back({inputs.back(), op.params.inputs[i].name.text.str(), at});
  }
  Recipe recipe;
  recipe.decl = &op, recipe.module = &module;
  recipe.name = op.name.text.str();
  recipe.given = plan.settings;
  recipe.span = recipe.nameSpan = at;
  Scope &caller = elab.newScope(elab.rootOf(&module));
  auto result = LayerBuilder(elab, caller).applyRecipe(recipe, arguments, {at, at, "", ""});
  if (failed(result) || diags.hasErrors())
    return failure();
  llvm::SmallVector<mlir::Value> values;
  if (const Tensor *tensor = result->tensor())
    values.push_back(tensor->value);
  else
    for (const auto &[name, value] : result->record()->fields)
      values.push_back(value.tensor()->value);
  mlir::func::ReturnOp::create(builder, unknown, values);
  function.setType(builder.getFunctionType(host.block->getArgumentTypes(),
                                           mlir::TypeRange(mlir::ValueRange(values))));
  describe(instance, inputs, *result, plan);
  return success();
}

/// "[N; 4, 3]" where the op names its batch as N.
static std::string operandType(const ast::Type *declared, const TensorType &type) {
  if (!declared || !declared->batch)
    return type.str();
  std::string dims = TensorType::str(type.shape).substr(1);
  return "[" + declared->batch->span.text().str() + (type.rank() ? "; " : ";") + dims;
}

/// Lower-case names of the dimensions that have one.
static llvm::SmallVector<std::string> indexNames(const ast::Type *declared, const Tensor &tensor) {
  llvm::SmallVector<std::string> names;
  if (tensor.batched)
    names.push_back("n");
  for (const ast::Dim &dim : declared ? declared->dims : std::vector<ast::Dim>()) {
    auto *name = llvm::dyn_cast<ast::Name>(dim.expr);
    size_t length = dim.pack ? tensor.shape.size() + 1 - declared->dims.size() : 1;
    names.append(length, name && !dim.pack ? name->name.lower() : "");
  }
  return names;
}

void OpMaker::describe(OpInstance &instance, llvm::ArrayRef<Tensor> inputs, const Value &result,
                       const OpPlan &plan) const {
  for (auto [param, tensor] : llvm::zip(op.params.inputs, inputs))
    instance.inputs.push_back({param.name.text.str(), operandType(param.type, tensor),
                               tensor.classes, indexNames(param.type, tensor)});
  auto add = [&](size_t i, const Tensor &tensor) {
    bool declared = i < op.results.size();
    instance.results.push_back({declared ? op.results[i].name.text.str() : "y",
                                operandType(declared ? op.results[i].type : nullptr, tensor),
                                tensor.classes,
                                {}});
  };
  if (const Tensor *tensor = result.tensor())
    add(0, *tensor);
  else
    for (auto [i, field] : llvm::enumerate(result.record()->fields))
      add(i, *field.second.tensor());
  for (const Recipe::Given &setting : plan.settings)
    instance.settings += (instance.settings.empty() ? "" : ", ") + setting.name.text.str() + " = " +
                         oneLine(setting.value->str(), 30);
}

/// What the declaration says, whatever the shapes are.
OpInstance OpMaker::declared() const {
  OpInstance instance;
  instance.name = op.name.text.str();
  instance.span = op.name.span;
  instance.library = module.isStandard();
  instance.pointwise = isPointwise(op);
  for (const ast::Param &input : op.params.inputs)
    if (input.type && input.type->batch)
      instance.batch = input.type->batch->span.text().str();
  for (const ast::Stmt *stmt : op.equations)
    if (auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt)) {
      Position at = equation->value->span.position();
      instance.equations.push_back({at.line, at.column, equation->name.text.str()});
    }
  instance.given.resize(op.params.inputs.size());
  for (const ast::Stmt *stmt : op.grad ? op.grad->equations : std::vector<ast::Stmt *>())
    if (auto *equation = llvm::dyn_cast<ast::EquationStmt>(stmt))
      for (auto [param, given] : llvm::zip(op.params.inputs, instance.given))
        if (equation->adjoint && equation->name.text == param.name.text)
          given = equation->span;
  return instance;
}

OpInstance OpMaker::make(OpPlan plan) const {
  bindKnown(plan);
  OpInstance instance = declared();
  Diagnostics diags;
  if (succeeded(build(instance, plan, diags)) && succeeded(mlir::verify(*instance.module)))
    return instance;
  instance.module = nullptr;
  instance.problem = "its graph is not valid";
  for (const Diagnostic *diagnostic : diags.sorted())
    if (diagnostic->severity == Severity::Error) {
      instance.problem = diagnostic->text;
      break;
    }
  return instance;
}
