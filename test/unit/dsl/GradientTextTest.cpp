// `gnc grad`: the gradient of every op of the standard library is printed as an op that parses,
// elaborates, and computes the adjoints that it was printed from.
#include "OpHarness.h"

#include "../passes/RandomEquation.h"
#include "dsl/GradientText.h"
#include "dsl/Module.h"
#include "passes/AdjointFunction.h"
#include "passes/CompareGradients.h"
#include "test/Scale.h"
#include "test/Tolerance.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <random>

using namespace gnc;
using namespace gnc::test;

namespace {

/// An op of a text (or of the library), its adjoint function, and what is printed of it.
struct Printed {
  mlir::MLIRContext context;
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  std::optional<dsl::OpInstance> instance;
  mlir::func::FuncOp adjoint;
  std::string text;

  Printed(llvm::StringRef path, llvm::StringRef op, dsl::FrontendOptions options = {}) {
    instance = dsl::instantiateOp(path, op, options, context, sources, diags);
    if (instance)
      print();
  }
  /// A function @f of equations over f32 tensors, as an op that sees the batch.
  explicit Printed(const std::string &function) {
    context.loadDialect<GncDialect, mlir::func::FuncDialect>();
    instance.emplace();
    instance->name = "f";
    instance->module = mlir::parseSourceString<mlir::ModuleOp>(function, &context);
    EXPECT_TRUE(instance->module) << function;
    auto forward = *instance->module->getOps<mlir::func::FuncOp>().begin();
    forward.setName("op");
    for (mlir::Type type : forward.getArgumentTypes())
      instance->inputs.push_back(
          {"x" + std::to_string(instance->inputs.size()), typeText(type), 0, {}});
    for (mlir::Type type : forward.getResultTypes())
      instance->results.push_back({"y", typeText(type), 0, {}});
    print();
  }

private:
  std::string typeText(mlir::Type type) {
    auto shape = llvm::cast<mlir::RankedTensorType>(type).getShape();
    std::string text = isBatched(type) ? "[N; " : "[";
    if (isBatched(type))
      instance->batch = "N", shape = shape.drop_front();
    for (auto [i, extent] : llvm::enumerate(shape))
      text += (i ? ", " : "") + std::to_string(extent);
    return text + "]";
  }
  void print() {
    auto made = makeAdjointFunction(instance->function(), "adjoint");
    if (failed(made))
      return;
    adjoint = made->function;
    text = dsl::gradientText(*instance, adjoint);
  }
};

/// Operands for the printed op, as its function takes them: whole numbers below the class counts.
std::vector<Operand> operandsOf(Printed &printed, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> real(0.3, 2);
  std::vector<Operand> operands;
  for (auto [i, type] : llvm::enumerate(printed.adjoint.getArgumentTypes())) {
    auto tensor = llvm::cast<mlir::RankedTensorType>(type);
    Operand operand;
    operand.name = "a" + std::to_string(i);
    operand.type.batched = isBatched(tensor);
    operand.type.shape.assign(tensor.getShape().drop_front(operand.type.batched));
    llvm::SmallVector<int64_t> shape(operand.type.shape.begin(), operand.type.shape.end());
    if (operand.type.batched)
      shape.insert(shape.begin(), 3);
    operand.value = TensorValue(shape);
    bool isInput = i < printed.instance->inputs.size();
    int64_t classes = isInput ? printed.instance->inputs[i].classes : 0;
    if (!tensor.getElementType().isF32()) {
      operand.type.element = tensor.getElementType().isInteger(1)   ? dsl::ElementKind::Bool
                             : tensor.getElementType().isInteger(8) ? dsl::ElementKind::U8
                             : classes                              ? dsl::ElementKind::Index
                                                                    : dsl::ElementKind::I32;
      operand.type.classes = classes;
    }
    for (double &element : operand.value.data)
      element = tensor.getElementType().isF32() ? real(random)
                                                : double(random() % (classes ? classes : 2));
    operands.push_back(std::move(operand));
  }
  return operands;
}

/// The printed op computes what the adjoint function does.
void expectSameValues(Printed &printed, unsigned seed) {
  std::vector<Operand> operands = operandsOf(printed, seed);
  std::vector<TensorValue> arguments;
  std::string call = printed.instance->name + "_grad(";
  for (const Operand &operand : operands) {
    call += (arguments.empty() ? "" : ", ") + operand.name;
    arguments.push_back(operand.value);
  }
  auto expected = evaluate(printed.adjoint, arguments, Precision::F64);
  ASSERT_TRUE(succeeded(expected)) << printed.text;
  Program program(printed.text, call + ")", operands);
  ASSERT_TRUE(program.good()) << program.messages() << printed.text;
  std::vector<TensorValue> found = program.run();
  ASSERT_EQ(found.size(), expected->size()) << printed.text;
  for (auto [a, b] : llvm::zip_equal(found, *expected)) {
    ASSERT_EQ(a.shape, b.shape) << printed.text;
    for (auto [x, y] : llvm::zip_equal(a.data, b.data))
      if (!(std::isnan(x) && std::isnan(y)))
        ASSERT_NEAR(x, y, kMany64 * (1 + std::fabs(y))) << printed.text;
  }
}

void expectSameValues(llvm::StringRef path, llvm::StringRef op, dsl::FrontendOptions options = {}) {
  SCOPED_TRACE(op.str());
  Printed printed(path, op, options);
  ASSERT_TRUE(printed.instance) << printed.diags.str();
  ASSERT_FALSE(printed.text.empty());
  for (unsigned seed : {1, 2})
    expectSameValues(printed, seed);
}

} // namespace

/// All ops that a file declares; "std": the library. How many there were.
static size_t expectSameValuesOfAll(const std::string &path) {
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::ModuleLoader loader(sources, diags);
  const dsl::Module *module = path == "std" ? &loader.libraryModule() : loader.loadFile(path);
  size_t count = 0;
  for (const dsl::ast::OpDecl *op : module->all<dsl::ast::OpDecl>()) {
    if (op->name.text == "one_hot")
      continue; // its inputs are whole numbers
    expectSameValues(path, op->name.text);
    ++count;
  }
  return count;
}

TEST(GradientText, EveryOpOfTheLibrary) { EXPECT_GT(expectSameValuesOfAll("std"), 60u); }

TEST(GradientText, EveryOpOfFiles) {
  for (const char *name : {"examples/custom.net", "examples/custom_conv.net",
                           "examples/siamese.net", "test/tools/Inputs/ops.net"})
    EXPECT_GT(expectSameValuesOfAll(std::string(GNC_SOURCE_DIR "/") + name), 0u) << name;
}

/// Equations of random form: windows with any stride and padding, exact divisions, mixed radices,
/// reductions of every kind.
TEST(GradientText, RandomEquations) {
  using Family = std::string (*)(uint64_t);
  for (Family family : {randomConvolution, randomTransposedConvolution, randomAccesses})
    for (unsigned i = 0, count = caseCount(25, 1000); i < count; ++i) {
      std::string function = family(caseSeed(i));
      SCOPED_TRACE(function);
      Printed printed(function);
      ASSERT_FALSE(printed.text.empty());
      ASSERT_NO_FATAL_FAILURE(expectSameValues(printed, 1));
    }
}

TEST(GradientText, Settings) {
  auto with = [](std::vector<std::pair<std::string, std::string>> settings) {
    dsl::FrontendOptions options;
    options.settings = std::move(settings);
    return options;
  };
  expectSameValues("std", "conv2d",
                   with({{"x", "4x7x6"}, {"w", "6x2x3x3"}, {"stride", "2"}, {"pad", "1"}}));
  expectSameValues("std", "conv2d", with({{"x", "2x9x9"}, {"w", "3x2x3x3"}, {"dilate", "3x2"}}));
  expectSameValues("std", "conv2d_up",
                   with({{"x", "2x3x4"}, {"w", "2x3x3x3"}, {"stride", "3"}, {"pad", "1"}}));
  expectSameValues("std", "maxpool",
                   with({{"x", "2x6x5"}, {"size", "3"}, {"stride", "2"}, {"pad", "1"}}));
  expectSameValues("std", "avgpool",
                   with({{"x", "2x6x5"}, {"size", "3"}, {"pad", "1"}, {"padded", "false"}}));
  expectSameValues("std", "pad_reflect", with({{"x", "2x5x4"}, {"by", "2"}}));
  expectSameValues("std", "pad_wrap", with({{"x", "2x5x4"}, {"by", "7x3"}}));
}

TEST(GradientText, KeepsTheNamesOfTheSource) {
  dsl::FrontendOptions options;
  options.settings = {{"x", "4x16x16"}, {"w", "2x4x3x3"}, {"pad", "1"}};
  Printed printed("std", "conv2d", options);
  EXPECT_EQ(printed.text,
            "op conv2d_grad(x: [4, 16, 16], w: [2, 4, 3, 3], dy: [2, 16, 16])\n"
            "   -> (dx: [4, 16, 16], dw: [2, 4, 3, 3])\n"
            "{\n"
            "  dw[k, c, r, s] = sum[i, j] dy[k, i, j] * (x[c, r + i - 1, s + j - 1] ?? 0)\n"
            "  dx[c, h, w_]   = sum[k, r, s] (dy[k, h - r + 1, w_ - s + 1] ?? 0) * w[k, c, r, s]\n"
            "}\n");
}
