#include "OpHarness.h"

#include "dsl/Module.h"
#include "ir/ReverseMode.h"
#include "ir/ScalarBuilder.h"
#include "passes/Passes.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "test/Tolerance.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace gnc;
using namespace gnc::test;
namespace dsl = gnc::dsl;

//===- operands -----------------------------------------------------------------------------===//

/// Scattered numbers in [0, 1): the same in every run.
static double scattered(unsigned seed, size_t i) {
  uint64_t x = (seed * 0x9e3779b97f4a7c15ull) ^ (i + 1) * 0xbf58476d1ce4e5b9ull;
  x ^= x >> 31, x *= 0x94d049bb133111ebull, x ^= x >> 29;
  return double(x >> 11) / double(1ull << 53);
}

static Operand make(std::string name, dsl::TensorType type, int64_t n) {
  llvm::SmallVector<int64_t> shape;
  if (type.batched)
    shape.push_back(n);
  shape.append(type.shape.begin(), type.shape.end());
  return {std::move(name), type, TensorValue(shape)};
}

Operand gnc::test::numbers(std::string name, llvm::ArrayRef<int64_t> shape, unsigned seed,
                           double low, double high) {
  dsl::TensorType type;
  type.shape.assign(shape.begin(), shape.end());
  Operand operand = make(std::move(name), type, 0);
  for (size_t i = 0; i < operand.value.data.size(); ++i)
    operand.value.data[i] = low + (high - low) * scattered(seed, i);
  return operand;
}

Operand gnc::test::samples(std::string name, int64_t n, llvm::ArrayRef<int64_t> shape,
                           unsigned seed, double low, double high) {
  dsl::TensorType type;
  type.shape.assign(shape.begin(), shape.end());
  type.batched = true;
  Operand operand = make(std::move(name), type, n);
  for (size_t i = 0; i < operand.value.data.size(); ++i)
    operand.value.data[i] = low + (high - low) * scattered(seed, i);
  return operand;
}

Operand gnc::test::classes(std::string name, int64_t n, llvm::ArrayRef<int64_t> shape,
                           int64_t classes) {
  dsl::TensorType type;
  type.shape.assign(shape.begin(), shape.end());
  type.batched = true;
  type.element = dsl::ElementKind::Index;
  type.classes = classes;
  Operand operand = make(std::move(name), type, n);
  for (size_t i = 0; i < operand.value.data.size(); ++i)
    operand.value.data[i] = double((i * 7 + 3) % classes);
  return operand;
}

Operand gnc::test::with(Operand operand, std::vector<double> data) {
  EXPECT_EQ(operand.value.data.size(), data.size());
  operand.value.data = std::move(data);
  return operand;
}

//===- elaboration --------------------------------------------------------------------------===//

namespace {
/// Weights and states become operands after those given, with numbers between 0.2 and 1.2 (a state
/// may be a variance), and so does the stream of random numbers. Schedules have no place here.
class OperandHost : public dsl::FunctionHost {
public:
  OperandHost(mlir::Block &entry, std::vector<Operand> &operands)
      : entry(entry), operands(operands) {}
  mlir::Value addParameter(const dsl::Parameter &parameter, mlir::Location location) override {
    operands.push_back(
        numbers(parameter.path, parameter.type.shape, 50 + operands.size(), 0.2, 1.2));
    return entry.addArgument(parameter.type.ir(location.getContext()), location);
  }
  mlir::Value addSchedule(const dsl::Schedule &, mlir::Location) override { return {}; }
  mlir::Value addStream(mlir::Location location) override {
    if (stream)
      return stream;
    auto type = mlir::RankedTensorType::get({4}, mlir::IntegerType::get(location.getContext(), 32));
    dsl::TensorType words;
    words.shape = {4};
    words.element = dsl::ElementKind::I32;
    Operand operand = with({"stream", words, TensorValue({4})}, {7, 0, 1, 0});
    operands.push_back(std::move(operand));
    return stream = entry.addArgument(type, location);
  }

private:
  mlir::Value stream;
  mlir::Block &entry;
  std::vector<Operand> &operands;
};
} // namespace

static llvm::SmallVector<mlir::Value> valuesOf(const dsl::Value &value) {
  if (const dsl::Tensor *tensor = value.tensor())
    return {tensor->value};
  llvm::SmallVector<mlir::Value> list;
  if (const dsl::Record *record = value.record())
    for (const auto &[name, field] : record->fields)
      if (const dsl::Tensor *tensor = field.tensor())
        list.push_back(tensor->value);
  return list;
}

Program::Program(std::string text, std::string expression, std::vector<Operand> given,
                 dsl::ast::Mode mode)
    : context(std::make_unique<mlir::MLIRContext>()), operands(std::move(given)) {
  context->loadDialect<GncDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                       mlir::func::FuncDialect>();
  dsl::ModuleLoader loader(sources, diags);
  const dsl::Module *file =
      loader.loadText("test.net", text + "\nlet the_result = " + expression + "\n");
  if (diags.hasErrors())
    return;
  mlir::OpBuilder builder(context.get());
  mlir::Location unknown = builder.getUnknownLoc();
  module = mlir::ModuleOp::create(unknown);
  llvm::SmallVector<mlir::Type> types;
  for (const Operand &operand : operands)
    types.push_back(operand.type.ir(context.get()));
  builder.setInsertionPointToEnd(module->getBody());
  auto function =
      mlir::func::FuncOp::create(builder, unknown, "f", builder.getFunctionType(types, {}));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  llvm::SmallVector<mlir::Value> arguments(function.getArguments());
  OperandHost host(function.getBody().front(), operands);
  dsl::Elaborator elab(host, diags, builder, mode);
  dsl::Scope &scope = elab.newScope(elab.rootOf(file));
  for (auto [operand, argument] : llvm::zip(operands, arguments))
    scope.define(operand.name, dsl::Value(dsl::Tensor(argument, operand.type)));
  auto *let = llvm::cast<dsl::ast::LetDecl>(file->find("the_result").decl);
  auto value = elab.evaluate(*let->value, scope);
  if (failed(value) || diags.hasErrors()) {
    EXPECT_TRUE(diags.hasErrors()) << "failed without a message";
    module = {};
    return;
  }
  auto results = valuesOf(*value);
  mlir::func::ReturnOp::create(builder, unknown, results);
  function.setType(builder.getFunctionType(function.getBody().getArgumentTypes(),
                                           mlir::TypeRange(mlir::ValueRange(results))));
  if (failed(mlir::verify(*module))) {
    ADD_FAILURE() << "the graph is not valid:\n" << graph();
    module = {};
  }
}

Program::~Program() = default;

mlir::func::FuncOp Program::function(llvm::StringRef name) const {
  return module.get().lookupSymbol<mlir::func::FuncOp>(name);
}

std::string Program::graph() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (good())
    function().print(os);
  return text;
}

std::vector<TensorValue> Program::run(Precision precision, llvm::StringRef name) {
  EXPECT_TRUE(good()) << messages();
  std::vector<TensorValue> arguments;
  for (const Operand &operand : operands)
    arguments.push_back(operand.value);
  auto results = good() ? evaluate(function(name), arguments, precision)
                        : mlir::FailureOr<std::vector<TensorValue>>(mlir::failure());
  EXPECT_TRUE(succeeded(results));
  return succeeded(results) ? *results : std::vector<TensorValue>(1);
}

std::vector<int64_t> Program::shape(unsigned result) const {
  auto type = llvm::cast<mlir::RankedTensorType>(function().getResultTypes()[result]);
  llvm::ArrayRef<int64_t> shape = type.getShape();
  return shape.drop_front(isBatched(type) ? 1 : 0).vec();
}

//===- gradients ----------------------------------------------------------------------------===//

/// Sum over all elements of result[i] * sin(1 + a combination of the indices): every element counts
/// with a weight of its own.
static mlir::Value weightedSum(mlir::OpBuilder &builder, mlir::Value tensor, unsigned salt) {
  mlir::Location loc = builder.getUnknownLoc();
  auto type = llvm::cast<mlir::RankedTensorType>(tensor.getType());
  llvm::SmallVector<int64_t> extents(type.getShape());
  llvm::SmallVector<std::string> names;
  for (int64_t i = 0; i < type.getRank(); ++i)
    names.push_back("i" + std::to_string(i));
  llvm::SmallVector<llvm::StringRef> nameRefs(names.begin(), names.end());
  auto access = AccessAttr::get(builder.getMultiDimIdentityMap(type.getRank()));
  auto scalar = mlir::RankedTensorType::get({}, builder.getF32Type());
  auto op = ComputeOp::create(
      builder, loc, mlir::TypeRange(scalar), tensor, builder.getStrArrayAttr(nameRefs),
      builder.getDenseI64ArrayAttr(extents), builder.getI64IntegerAttr(0),
      builder.getDenseI32ArrayAttr({int32_t(extents.empty() ? Reduction::None : Reduction::Sum)}),
      builder.getArrayAttr({access}));
  mlir::Block &block = op.getBody().emplaceBlock();
  mlir::Value read = block.addArgument(builder.getF32Type(), loc);
  ScalarBuilder math(&block, loc);
  mlir::Value angle = math.constant(1 + salt);
  for (int64_t i = 0; i < type.getRank(); ++i)
    angle = math.add(
        angle, math.mul(math.create<IndexOp>(builder.getF32Type(), i), math.constant(1.5 + i)));
  mlir::Value term = math.mul(read, math.create<mlir::math::SinOp>(angle));
  auto inBody = mlir::OpBuilder::atBlockEnd(&block);
  YieldOp::create(inBody, loc, term);
  return op.getResult(0);
}

/// The weighted sum of all f32 results of a function, before its end.
static mlir::Value weightedSumOfResults(mlir::OpBuilder &builder, mlir::func::FuncOp f) {
  mlir::Value loss;
  mlir::Operation *end = f.getBody().front().getTerminator();
  for (auto [i, result] : llvm::enumerate(llvm::to_vector(end->getOperands()))) {
    if (!llvm::cast<mlir::RankedTensorType>(result.getType()).getElementType().isF32())
      continue;
    mlir::Value part = weightedSum(builder, result, i);
    loss = loss ? sumTensors(builder, builder.getUnknownLoc(), {loss, part}) : part;
  }
  return loss;
}

std::string Program::graphWithGradients() {
  auto f = function();
  auto end = f.getBody().front().getTerminator();
  mlir::OpBuilder builder(end);
  llvm::SmallVector<mlir::Value> of, results(end->getOperands());
  for (auto [operand, argument] : llvm::zip(operands, f.getArguments()))
    if (operand.type.element == dsl::ElementKind::F32)
      of.push_back(argument);
  mlir::Value loss = weightedSumOfResults(builder, f);
  if (loss && !of.empty()) {
    auto gradient = GradientOp::create(builder, builder.getUnknownLoc(), loss, of);
    llvm::append_range(results, gradient.getResults());
  }
  end->setOperands(results);
  f.setType(builder.getFunctionType(f.getArgumentTypes(), end->getOperandTypes()));
  return graph();
}

/// Replaces the results by the weighted sum and its gradients; the error's text, or "".
std::string Program::derive(llvm::ArrayRef<unsigned> wanted) {
  auto f = function();
  auto end = f.getBody().front().getTerminator();
  mlir::OpBuilder builder(end);
  mlir::Value loss = weightedSumOfResults(builder, f);
  // The loss alone, for the difference quotients.
  end->setOperands(loss);
  f.setType(builder.getFunctionType(f.getArgumentTypes(), end->getOperandTypes()));
  auto forward = f.clone();
  forward.setName("loss");
  module->push_back(forward);
  llvm::SmallVector<mlir::Value> of;
  for (unsigned i : wanted)
    of.push_back(f.getArgument(i));
  auto gradient = GradientOp::create(builder, builder.getUnknownLoc(), loss, of);
  llvm::SmallVector<mlir::Value> results{loss};
  llvm::append_range(results, gradient.getResults());
  end->setOperands(results);
  f.setType(builder.getFunctionType(f.getArgumentTypes(), end->getOperandTypes()));
  mlir::PassManager passes(context.get());
  passes.addNestedPass<mlir::func::FuncOp>(createAutodiff());
  std::string text;
  mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &diagnostic) {
    text += diagnostic.str();
    return mlir::success();
  });
  if (failed(passes.run(*module)) && text.empty())
    text = "autodiff failed";
  return text;
}

/// The first element that f64 can tell and f32 cannot, although it lies in the range of f32; or "".
static std::string finiteLikeF64(const std::vector<TensorValue> &exact,
                                 const std::vector<TensorValue> &rounded) {
  for (auto [k, tensor] : llvm::enumerate(exact))
    for (auto [i, value] : llvm::enumerate(tensor.data))
      if (std::fabs(value) < std::numeric_limits<float>::max() &&
          !std::isfinite(rounded[k].data[i]))
        return llvm::formatv("element {0} of result {1} is {2} in f64, but {3} in f32", i, k, value,
                             rounded[k].data[i]);
  return "";
}

std::string Program::checkGradient(size_t most, size_t first) {
  if (!good())
    return messages();
  llvm::SmallVector<unsigned> wanted;
  for (auto [i, operand] : llvm::enumerate(operands))
    if (operand.type.element == dsl::ElementKind::F32)
      wanted.push_back(i);
  if (std::string error = derive(wanted); !error.empty())
    return error;
  std::vector<TensorValue> derived = run();
  if (derived.size() != wanted.size() + 1)
    return "no gradients";
  auto loss = [&] { return run(Precision::F64, "loss").front().data[0]; };
  std::string worst;
  double worstError = 1;
  for (auto [k, i] : llvm::enumerate(wanted)) {
    size_t size = operands[i].value.data.size(), step = size <= most ? 1 : size / most;
    for (size_t element = first % step; element < size; element += step) {
      constexpr double h = kDifferenceStep;
      double &x = operands[i].value.data[element], kept = x;
      x = kept + h;
      double above = loss();
      x = kept - h;
      double below = loss();
      x = kept;
      double expected = (above - below) / (2 * h), found = derived[k + 1].data[element];
      double error = std::fabs(found - expected) /
                     (kDifferenceAbsolute + kDifferenceRelative * std::fabs(expected));
      if (error > worstError || std::isnan(error)) {
        worstError = error;
        worst = llvm::formatv("d.{0}[{1}] is {2}, the difference quotient {3}", operands[i].name,
                              element, found, expected);
      }
    }
  }
  return worst;
}

std::string Program::checkFinite() {
  if (!good())
    return messages();
  llvm::SmallVector<unsigned> wanted;
  for (auto [i, operand] : llvm::enumerate(operands))
    if (operand.type.element == dsl::ElementKind::F32)
      wanted.push_back(i);
  std::string worst = finiteLikeF64(run(), run(Precision::F32));
  if (std::string error = derive(wanted); !error.empty())
    return error;
  std::string gradients = finiteLikeF64(run(), run(Precision::F32));
  return worst.empty() ? gradients : worst;
}
