#include "FusionCheck.h"
#include "ir/Evaluator.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "test/Tolerance.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;

namespace gnc::test {

namespace {

using Tensors = std::vector<TensorValue>;

MLIRContext &context() {
  static MLIRContext *shared = [] {
    auto *made = new MLIRContext(MLIRContext::Threading::DISABLED);
    made->loadDialect<GncDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect>();
    return made;
  }();
  return *shared;
}

func::FuncOp functionOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

SmallVector<int64_t> shapeOf(Type type, int64_t batch) {
  SmallVector<int64_t> shape;
  for (int64_t extent : cast<RankedTensorType>(type).getShape())
    shape.push_back(ShapedType::isDynamic(extent) ? batch : extent);
  return shape;
}

/// Numbers that differ, so that a wrong element shows; whole numbers 0 and 1 for integers.
Tensors drawArguments(func::FuncOp function, int64_t batch, uint64_t seed) {
  std::mt19937_64 random(seed);
  Tensors arguments;
  for (Type type : function.getArgumentTypes()) {
    TensorValue value(shapeOf(type, batch));
    bool whole = !cast<RankedTensorType>(type).getElementType().isF32();
    for (double &element : value.data)
      element = whole ? static_cast<double>(random() % 2)
                      : static_cast<float>(static_cast<double>(random() % 4000) / 1000 - 2);
    arguments.push_back(value);
  }
  return arguments;
}

/// The same elements under the shapes that the function asks for now.
Tensors results(ModuleOp module, Tensors arguments, int64_t batch, Precision precision) {
  func::FuncOp function = functionOf(module);
  for (auto [argument, type] : llvm::zip_equal(arguments, function.getArgumentTypes()))
    argument.shape = shapeOf(type, batch);
  FailureOr<Tensors> values = evaluate(function, arguments, precision);
  EXPECT_TRUE(succeeded(values));
  return succeeded(values) ? *values : Tensors();
}

bool sameBits(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

bool close(double a, double b, double magnitude, Precision precision) {
  double relative = precision == Precision::F32 ? kReordered32 : kReordered64;
  if (!std::isfinite(a) || !std::isfinite(b))
    return true; // an overflow on one way need not be one on the other
  return std::fabs(a - b) <= relative * (1 + std::fabs(a) + magnitude);
}

void compare(const Tensors &before, const Tensors &after, Promise promise, Precision precision) {
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    ASSERT_EQ(before[i].size(), after[i].size());
    for (int64_t e = 0; e < before[i].size(); ++e) {
      double a = before[i].data[e], b = after[i].data[e];
      bool equal =
          promise == Promise::SameBits
              ? sameBits(a, b)
              : close(a, b, before[i].magnitude.empty() ? 0 : before[i].magnitude[e], precision);
      ASSERT_TRUE(equal) << "result " << i << ", element " << e << ": " << a << " became " << b;
    }
  }
}

OwningOpRef<ModuleOp> parse(const std::string &source) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context());
  EXPECT_TRUE(module) << source;
  return module;
}

bool run(ModuleOp module, const PassMaker &make) {
  PassManager manager(&context());
  manager.addNestedPass<func::FuncOp>(make());
  return succeeded(manager.run(module)) && succeeded(verify(module));
}

} // namespace

void checkPasses(const std::string &source, const std::vector<PassMaker> &passes, Promise promise,
                 int64_t batch, uint64_t seed) {
  OwningOpRef<ModuleOp> module = parse(source);
  ASSERT_TRUE(module);
  Tensors arguments = drawArguments(functionOf(*module), batch, seed);
  Tensors before32 = results(*module, arguments, batch, Precision::F32);
  Tensors before64 = results(*module, arguments, batch, Precision::F64);
  for (const PassMaker &pass : passes) {
    ASSERT_TRUE(run(*module, pass));
    std::string once = textOf(*module);
    ASSERT_TRUE(run(*module, pass));
    ASSERT_EQ(once, textOf(*module)) << "a second run changed something";
  }
  compare(before32, results(*module, arguments, batch, Precision::F32), promise, Precision::F32);
  if (testing::Test::HasFatalFailure())
    return;
  compare(before64, results(*module, arguments, batch, Precision::F64), promise, Precision::F64);
}

std::string after(const std::string &source, const std::vector<PassMaker> &passes) {
  OwningOpRef<ModuleOp> module = parse(source);
  for (const PassMaker &pass : passes)
    EXPECT_TRUE(run(*module, pass));
  return textOf(*module);
}

unsigned count(const std::string &text, const std::string &what) {
  unsigned found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

} // namespace gnc::test
