// Nets and blocks: paths of weights, sharing, states, free dimensions, tensors in expressions.
#include "OpHarness.h"

#include "dsl/Frontend.h"
#include "ir/Gnc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

using namespace gnc;
using gnc::test::classes;
using gnc::test::numbers;
using gnc::test::Operand;
using gnc::test::Program;
using gnc::test::samples;
using gnc::test::with;
using Numbers = std::vector<double>;
using Names = std::vector<std::string>;

//===- nets ---------------------------------------------------------------------------------===//

namespace {
/// A text of declarations, elaborated for inference (or with its train section).
struct Net {
  mlir::MLIRContext context;
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  dsl::FrontendResult result;

  explicit Net(std::string text, std::vector<std::pair<std::string, std::string>> settings = {},
               bool netOnly = true) {
    context.loadDialect<gnc::GncDialect, mlir::func::FuncDialect>();
    dsl::FrontendOptions options;
    options.settings = std::move(settings);
    options.netOnly = netOnly;
    result = dsl::elaborateText("test.net", std::move(text), options, context, sources, diags);
  }

  mlir::func::FuncOp function(llvm::StringRef name = "infer") {
    return result.module ? result.module->lookupSymbol<mlir::func::FuncOp>(name)
                         : mlir::func::FuncOp();
  }
  /// Of the arguments with this role, in order.
  Names paths(llvm::StringRef role, llvm::StringRef name = "infer") {
    Names list;
    mlir::func::FuncOp op = function(name);
    for (unsigned i = 0; op && i != op.getNumArguments(); ++i)
      if (op.getArgAttrOfType<mlir::StringAttr>(i, names::kRole) == role)
        list.push_back(op.getArgAttrOfType<mlir::StringAttr>(i, names::kPath).str());
    return list;
  }
  Names weights() { return paths("weight"); }
};
} // namespace

TEST(Paths, NameNetBlocksAndRepetitions) {
  Net net("block two(x: [C, H, W]; k) { x -> conv(k, bias = false) -> conv(k, bias = false) }\n"
          "net A(image: [3, 16, 16]) { image -> two(4) * 2 -> conv(2, bias = false) }\n");
  EXPECT_EQ(net.weights(), (Names{"A.two.conv.w", "A.two.conv.2.w", "A.two.2.conv.w",
                                  "A.two.2.conv.2.w", "A.conv.w"}))
      << net.diags.str();
}

TEST(Paths, CountTextuallyWhicheverBranchIsTaken) {
  std::string text = "net A(image: [3, 16, 16]; deep = true) {\n"
                     "  x = image\n"
                     "  if deep { x = x -> conv(3) -> conv(3) } else { x = x -> conv(3) }\n"
                     "  y = if deep then (x -> conv(3)) else x\n"
                     "  y -> if deep then id else (conv(3) * 2) -> conv(3)\n"
                     "}\n";
  Net taken(text), skipped(text, {{"deep", "false"}});
  EXPECT_EQ(taken.weights(), (Names{"A.conv.w", "A.conv.b", "A.conv.2.w", "A.conv.2.b",
                                    "A.conv.4.w", "A.conv.4.b", "A.conv.7.w", "A.conv.7.b"}))
      << taken.diags.str();
  EXPECT_EQ(skipped.weights(), (Names{"A.conv.3.w", "A.conv.3.b", "A.conv.5.w", "A.conv.5.b",
                                      "A.conv.6.w", "A.conv.6.b", "A.conv.7.w", "A.conv.7.b"}))
      << skipped.diags.str();
}

TEST(Paths, LoopsLayersAndChains) {
  Net net("block pair(k, act: layer = relu) = conv(k, bias = false) -> act\n"
          "net A(image: [3, 32, 32]) {\n"
          "  layer stem = conv(4, bias = false)\n"
          "  layer tail = (conv(4, bias = false) -> relu) * 2\n"
          "  x = image -> stem\n"
          "  for k in [4, 5] { x = x -> pair(k, act = conv(k, bias = false)) as skip }\n"
          "  for i in 0 .. 1 { x = x -> conv(4, bias = false) }\n"
          "  x -> tail\n"
          "}\n");
  EXPECT_EQ(net.weights(), (Names{"A.stem.w", "A.for.0.pair.conv.w", "A.for.0.pair.conv.2.w",
                                  "A.for.1.pair.conv.w", "A.for.1.pair.conv.2.w",
                                  "A.for.2.0.conv.w", "A.tail.conv.w", "A.tail.conv.2.w"}))
      << net.diags.str();
}

TEST(Sharing, UsesTheSameWeightsAgain) {
  Net net("net A(a: [1, 8, 8], b: [1, 8, 8]) -> d: [4] {\n"
          "  layer f = conv(4, bias = false) -> flatten -> linear(4)\n"
          "  (a -> f) - (b -> f) + sum(f.conv.w) + f.linear.b\n"
          "}\n");
  EXPECT_EQ(net.weights(), (Names{"A.f.conv.w", "A.f.linear.w", "A.f.linear.b"}))
      << net.diags.str();
  EXPECT_EQ(net.result.summary.parameters, 4 * 9 + 4 * 144 + 4);
}

TEST(Dimensions, AreBoundByTheCommandLineOrAssumed) {
  std::string text =
      "net A(image: [C, H, H]; k = 2 * C) -> y: [k, H, H] { image -> conv(k, 1x1) }\n";
  Net assumed(text), given(text, {{"C", "3"}, {"H", "32"}});
  EXPECT_EQ(assumed.result.summary.assumed, (Names{"C", "H"})) << assumed.diags.str();
  ASSERT_TRUE(given.function()) << given.diags.str();
  EXPECT_EQ(given.result.summary.outputs, (Names{"y: [6, 32, 32]"}));
  EXPECT_TRUE(given.result.summary.assumed.empty());
}

/// What the data section says without opening files is known; `-s` wins, and is compared with it.
TEST(Dimensions, AreBoundByTheData) {
  auto program = [](const std::string &input, const std::string &source, const std::string &image) {
    return "net A(image: [" + input + ", H, W]) -> y: [2, H, W] { image -> conv(2, 1x1) }\n" +
           "data d {\n  source = " + source + "\n  image  = (" + image + ") / 255\n}\n" +
           "infer A on d { y2 = 2 * y }\n";
  };
  std::string cifar = program("C", "cifar10(\"none\")", "source.image");
  std::string folder = program("C", "folder(\"none\")", "source.image -> gray -> resize(64x48)");
  std::string idx = program("1", "idx(\"none\")", "source.image");
  Net fromSource(cifar, {}, false), fromTransform(folder, {}, false), open(idx, {}, false);
  EXPECT_TRUE(fromSource.result.summary.assumed.empty()) << fromSource.diags.str();
  EXPECT_EQ(fromSource.result.summary.inputs, (Names{"image: [3, 32, 32]"}));
  EXPECT_EQ(fromTransform.result.summary.inputs, (Names{"image: [1, 64, 48]"}))
      << fromTransform.diags.str();
  EXPECT_EQ(open.result.summary.assumed, (Names{"H", "W"})) << open.diags.str();
  EXPECT_EQ(open.result.summary.inputs, (Names{"image: [1, 256, 256]"}));
  Net refused(cifar, {{"H", "64"}}, false);
  EXPECT_NE(refused.diags.str().find("[field-shape]"), std::string::npos) << refused.diags.str();
}

TEST(Summary, HasARowForEachStage) {
  Net net("net A(image: [1, 28, 28]) -> z: [10] {\n"
          "  image -> conv(32, 5x5) -> relu -> maxpool(2) -> flatten -> linear(10)\n"
          "}\n");
  Names texts;
  for (const dsl::NetRow &row : net.result.summary.rows)
    texts.push_back(row.text + " " + row.shape + " " + std::to_string(row.parameters));
  EXPECT_EQ(texts,
            (Names{"conv(32, 5x5) [32, 24, 24] 832", "relu [32, 24, 24] 0",
                   "maxpool(2) [32, 12, 12] 0", "flatten [4608] 0", "linear(10) [10] 46090"}))
      << net.diags.str();
}

/// The same blocks have the same paths in training and in inference, and a state changes once a
/// step.
TEST(States, AreCommittedOnceInOrder) {
  std::string text = "block counted(x: [C, H, W]) {\n"
                     "  state n: [] = 0\n"
                     "  state mu: [C] = 1\n"
                     "  when train {\n"
                     "    n <- n + 1\n"
                     "    mu <- n\n"
                     "  }\n"
                     "  add_channel(x, mu)\n"
                     "}\n"
                     "net A(image: [1, 4, 4]) -> z: [2] {\n"
                     "  layer c = counted\n"
                     "  image -> c -> c -> flatten -> linear(2)\n"
                     "}\n"
                     "data d {\n"
                     "  source = synthetic(8)\n"
                     "  image = source.image / 255\n"
                     "  label = source.label\n"
                     "}\n"
                     "train A on d {\n"
                     "  loss = cross_entropy(z, label)\n"
                     "  optimizer = sgd(0.1)\n"
                     "  batch = 4\n"
                     "  epochs = 1\n"
                     "}\n";
  Net net(text, {}, /*netOnly=*/false);
  ASSERT_TRUE(net.function("train")) << net.diags.str();
  EXPECT_EQ(net.paths("state", "train"), (Names{"A.c.n", "A.c.mu"}));
  unsigned states = 0;
  mlir::func::FuncOp train = net.function("train");
  for (unsigned i = 0; i != train.getNumResults(); ++i)
    if (auto argument = train.getResultAttrOfType<mlir::IntegerAttr>(i, names::kUpdates))
      states +=
          train.getArgAttrOfType<mlir::StringAttr>(argument.getInt(), names::kRole) == "state";
  EXPECT_EQ(states, 2u);
}

//===- tensors in expressions ---------------------------------------------------------------===//

namespace {
/// The value of an expression over x (2 samples of [2, 2]), y (the same) and w ([2, 2]).
Numbers evaluate(const std::string &expression) {
  Operand x = with(samples("x", 2, {2, 2}), {1, 2, 3, 4, -1, -2, -3, -4});
  Operand y = with(samples("y", 2, {2, 2}), {8, 7, 6, 5, 4, 3, 2, 1});
  Operand w = with(numbers("w", {2, 2}), {10, 20, 30, 40});
  Program program("", expression, {x, y, w});
  if (!program.good()) {
    ADD_FAILURE() << program.messages();
    return {};
  }
  return program.value().data;
}
} // namespace

TEST(TensorExpressions, CombineEqualShapesAndNumbers) {
  EXPECT_EQ(evaluate("x + y"), (Numbers{9, 9, 9, 9, 3, 1, -1, -3}));
  EXPECT_EQ(evaluate("x * w"), (Numbers{10, 40, 90, 160, -10, -40, -90, -160}));
  EXPECT_EQ(evaluate("1 - x / 2"), (Numbers{0.5, 0, -0.5, -1, 1.5, 2, 2.5, 3}));
  EXPECT_EQ(evaluate("-x ^ 2"), (Numbers{-1, -4, -9, -16, -1, -4, -9, -16}));
  EXPECT_EQ(evaluate("x // 3"), (Numbers{0, 0, 1, 1, -1, -1, -1, -2}));
  EXPECT_EQ(evaluate("x % 3"), (Numbers{1, 2, 0, 1, 2, 1, 0, 2}));
  EXPECT_EQ(evaluate("max(x, 0) + min(x, y)"), (Numbers{2, 4, 6, 8, -1, -2, -3, -4}));
  EXPECT_EQ(evaluate("abs(x)"), (Numbers{1, 2, 3, 4, 1, 2, 3, 4}));
  EXPECT_EQ(evaluate("x + sum(w)"), (Numbers{101, 102, 103, 104, 99, 98, 97, 96}));
  EXPECT_EQ(evaluate("x + sum(x)"), (Numbers{11, 12, 13, 14, -11, -12, -13, -14}));
}

TEST(TensorExpressions, Compare) {
  EXPECT_EQ(evaluate("x < y"), (Numbers{1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(evaluate("0 < x <= 3"), (Numbers{1, 1, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(evaluate("not (x > 2) and y != 3"), (Numbers{1, 1, 0, 0, 1, 0, 1, 1}));
  EXPECT_EQ(evaluate("(x > 2) + 1"), (Numbers{1, 1, 2, 2, 1, 1, 1, 1}));
}

TEST(TensorExpressions, Reduce) {
  EXPECT_EQ(evaluate("sum(x)"), (Numbers{10, -10}));
  EXPECT_EQ(evaluate("mean(x)"), (Numbers{2.5, -2.5}));
  EXPECT_EQ(evaluate("max(x, axis = 0)"), (Numbers{3, 4, -1, -2}));
  EXPECT_EQ(evaluate("min(w, axis = 1)"), (Numbers{10, 30}));
  EXPECT_EQ(evaluate("prod(w)"), (Numbers{240000}));
  EXPECT_EQ(evaluate("argmax(x)"), (Numbers{3, 0}));
  EXPECT_EQ(evaluate("argmin(x, axis = 1)"), (Numbers{0, 0, 1, 1}));
  EXPECT_EQ(evaluate("any(x > 3)"), (Numbers{1, 0}));
  EXPECT_EQ(evaluate("all(x < 5)"), (Numbers{1, 1}));
  EXPECT_EQ(evaluate("sum(sum(x))"), (Numbers{10, -10}));
  EXPECT_EQ(evaluate("argmax(sum(x))"), (Numbers{0, 0}));
}

TEST(TensorExpressions, JoinAndReshape) {
  EXPECT_EQ(evaluate("x -> flatten"), (Numbers{1, 2, 3, 4, -1, -2, -3, -4}));
  EXPECT_EQ(evaluate("concat(x, w)"),
            (Numbers{1, 2, 3, 4, 10, 20, 30, 40, -1, -2, -3, -4, 10, 20, 30, 40}));
  EXPECT_EQ(evaluate("concat(x, y, axis = 1)"),
            (Numbers{1, 2, 8, 7, 3, 4, 6, 5, -1, -2, 4, 3, -3, -4, 2, 1}));
  EXPECT_EQ(evaluate("concat(x -> flatten, sum(w, axis = 0)) -> id"),
            (Numbers{1, 2, 3, 4, 40, 60, -1, -2, -3, -4, 40, 60}));
  EXPECT_EQ(evaluate("index(y // 2, 5)"), (Numbers{4, 3, 3, 2, 2, 1, 1, 0}));
}
