//===- GradientCheck.cpp - derived gradients against central differences ----------------------===//
#include "GradientCheck.h"
#include "ir/EquationDraft.h"
#include "ir/ReverseMode.h"
#include "ir/ScalarBuilder.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "test/Tolerance.h"
#include <cmath>
#include <random>

using namespace mlir;

namespace gnc::test {

namespace {

using Tensors = std::vector<TensorValue>;

bool isFloat(Type type) { return cast<RankedTensorType>(type).getElementType().isF32(); }

/// sum over all elements of a * b.
Value dot(OpBuilder &builder, Location loc, Value a, Value b) {
  EquationDraft draft(builder.getContext());
  auto type = cast<RankedTensorType>(a.getType());
  Value product;
  for (Value tensor : {a, b}) {
    DraftRead read;
    read.tensor = tensor;
    for (int64_t i = 0; i < type.getRank(); ++i)
      read.coords.push_back(getAffineDimExpr(i, builder.getContext()));
    Value element = draft.addRead(read, loc);
    product = product ? ScalarBuilder(draft.body.get(), loc).mul(product, element) : element;
  }
  for (int64_t extent : type.getShape()) {
    draft.names.push_back("e" + std::to_string(draft.names.size()));
    draft.extents.push_back(extent);
  }
  OpBuilder inner = endOf(draft.body.get(), builder.getContext());
  YieldOp::create(inner, loc, ValueRange{product});
  draft.reductions = {type.getRank() ? Reduction::Sum : Reduction::None};
  draft.resultTypes = {RankedTensorType::get({}, builder.getF32Type())};
  return draft.create(builder, loc)->getResult(0);
}

/// Appends one argument g per float result and returns the loss sum(g * result) alone.
func::FuncOp makeLoss(ModuleOp module) {
  auto function = *module.getOps<func::FuncOp>().begin();
  Operation *end = function.front().getTerminator();
  OpBuilder builder(end);
  Location loc = builder.getUnknownLoc();
  SmallVector<Value> terms;
  for (Value result : llvm::to_vector(end->getOperands())) {
    if (!isFloat(result.getType()))
      continue;
    Value g = function.front().addArgument(result.getType(), loc);
    terms.push_back(dot(builder, loc, result, g));
  }
  end->setOperands(ValueRange{sumTensors(builder, loc, terms)});
  function.setType(
      builder.getFunctionType(function.front().getArgumentTypes(), end->getOperandTypes()));
  return function;
}

/// Returns the gradients of the loss instead of the loss.
void makeGradients(func::FuncOp function, unsigned numArguments) {
  Operation *end = function.front().getTerminator();
  OpBuilder builder(end);
  SmallVector<Value> of;
  for (Value argument : function.getArguments().take_front(numArguments))
    if (isFloat(argument.getType()))
      of.push_back(argument);
  auto gradient =
      GradientOp::create(builder, builder.getUnknownLoc(), end->getOperand(0), ValueRange(of));
  end->setOperands(gradient.getResults());
  function.setType(
      builder.getFunctionType(function.front().getArgumentTypes(), end->getOperandTypes()));
}

bool runPasses(ModuleOp module, bool simplify) {
  PassManager manager(module.getContext());
  manager.enableVerifier(true);
  manager.addNestedPass<func::FuncOp>(createAutodiff());
  if (simplify)
    manager.addNestedPass<func::FuncOp>(createSimplify());
  return succeeded(manager.run(module));
}

Tensors drawArguments(func::FuncOp function, const GradientCheck &check) {
  std::mt19937_64 random(check.seed);
  std::uniform_real_distribution<double> real(check.low, check.high);
  std::uniform_int_distribution<int64_t> whole(0, check.classes - 1);
  Tensors arguments;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    SmallVector<int64_t> shape;
    for (int64_t extent : cast<RankedTensorType>(type).getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? check.batch : extent);
    TensorValue tensor(shape);
    for (double &element : tensor.data)
      element = isFloat(type) ? real(random) : static_cast<double>(whole(random));
    for (auto &[position, values] : check.given)
      if (position == i)
        tensor.data = values;
    arguments.push_back(std::move(tensor));
  }
  return arguments;
}

class Context {
public:
  Context() { context.loadDialect<GncDialect, func::FuncDialect>(); }
  MLIRContext context;
};

double lossAt(func::FuncOp loss, const Tensors &arguments) {
  auto results = evaluate(loss, arguments, Precision::F64);
  if (failed(results))
    return std::nan("");
  return results->front().data.front();
}

/// Compares one gradient at (at most 48 of) its elements.
void compare(func::FuncOp loss, Tensors arguments, unsigned argument, const TensorValue &gradient,
             const GradientCheck &check, const std::string &text) {
  int64_t size = arguments[argument].size(), step = std::max<int64_t>(1, size / 24);
  ASSERT_EQ(gradient.size(), size) << text;
  const double h = kSmoothStep;
  for (int64_t i = 0; i < size; i += step) {
    double &element = arguments[argument].data[i];
    double x = element;
    element = x + h;
    double above = lossAt(loss, arguments);
    element = x - h;
    double below = lossAt(loss, arguments);
    element = x;
    double expected = (above - below) / (2 * h);
    ASSERT_NEAR(gradient.data[i], expected, check.tolerance * (1 + std::fabs(expected)))
        << "argument " << argument << " at " << i << "\n"
        << text;
  }
}

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

void checkOnce(const std::string &source, const GradientCheck &check, bool simplify) {
  Context c;
  auto forward = parseSourceString<ModuleOp>(source, &c.context);
  auto backward = parseSourceString<ModuleOp>(source, &c.context);
  ASSERT_TRUE(forward && backward) << source;
  unsigned numArguments = (*forward->getOps<func::FuncOp>().begin()).getNumArguments();
  func::FuncOp loss = makeLoss(*forward), gradients = makeLoss(*backward);
  makeGradients(gradients, numArguments);
  ASSERT_TRUE(runPasses(*backward, simplify)) << print(*backward);
  Tensors arguments = drawArguments(loss, check);
  auto derived = evaluate(gradients, arguments, Precision::F64);
  ASSERT_TRUE(succeeded(derived)) << print(*backward);
  for (unsigned argument = 0, next = 0; argument < numArguments; ++argument)
    if (isFloat(loss.getArgumentTypes()[argument]))
      compare(loss, arguments, argument, (*derived)[next++], check, print(*backward));
}

} // namespace

void checkGradient(const std::string &source, const GradientCheck &check) {
  checkOnce(source, check, /*simplify=*/false);
  if (!::testing::Test::HasFatalFailure())
    checkOnce(source, check, /*simplify=*/true);
}

static bool simplifyOnce(ModuleOp module) {
  PassManager manager(module.getContext());
  manager.addNestedPass<func::FuncOp>(createSimplify());
  return succeeded(manager.run(module));
}

/// One function, simplified, against itself as it was.
static void checkBits(ModuleOp before, const GradientCheck &check) {
  OwningOpRef<ModuleOp> after = before.clone();
  ASSERT_TRUE(simplifyOnce(*after));
  std::string once = print(*after);
  auto first = *before.getOps<func::FuncOp>().begin();
  auto second = *after->getOps<func::FuncOp>().begin();
  Tensors arguments = drawArguments(first, check);
  auto expected = evaluate(first, arguments, Precision::F32);
  auto found = evaluate(second, arguments, Precision::F32);
  ASSERT_TRUE(succeeded(expected) && succeeded(found));
  for (auto [a, b] : llvm::zip_equal(*expected, *found))
    ASSERT_EQ(a.data, b.data) << once;
  ASSERT_TRUE(simplifyOnce(*after));
  ASSERT_EQ(once, print(*after));
}

void checkSimplify(const std::string &source, const GradientCheck &check) {
  Context c;
  auto module = parseSourceString<ModuleOp>(source, &c.context);
  ASSERT_TRUE(module);
  checkBits(*module, check);
  unsigned numArguments = (*module->getOps<func::FuncOp>().begin()).getNumArguments();
  makeGradients(makeLoss(*module), numArguments);
  ASSERT_TRUE(runPasses(*module, /*simplify=*/false));
  checkBits(*module, check);
}

std::vector<TensorValue> gradientsAt(const std::string &source,
                                     const std::vector<std::vector<double>> &values) {
  Context c;
  auto module = parseSourceString<ModuleOp>(source, &c.context);
  if (!module)
    return {};
  unsigned numArguments = (*module->getOps<func::FuncOp>().begin()).getNumArguments();
  func::FuncOp function = makeLoss(*module);
  makeGradients(function, numArguments);
  if (!runPasses(*module, true))
    return {};
  Tensors arguments = drawArguments(function, {.batch = 1});
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    if (i < values.size())
      argument.data = values[i];
    else
      std::fill(argument.data.begin(), argument.data.end(), 1.0);
  }
  auto results = evaluate(function, arguments, Precision::F64);
  return failed(results) ? Tensors() : *results;
}

std::string derivedText(const std::string &source) {
  Context c;
  auto module = parseSourceString<ModuleOp>(source, &c.context);
  if (!module)
    return "";
  unsigned numArguments = (*module->getOps<func::FuncOp>().begin()).getNumArguments();
  makeGradients(makeLoss(*module), numArguments);
  return runPasses(*module, true) ? print(*module) : "";
}

} // namespace gnc::test
