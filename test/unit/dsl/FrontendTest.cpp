// From a file to a verified module: functions, arguments, results, the recipe.
#include "dsl/Frontend.h"

#include "ir/Gnc.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/SymbolTable.h"

#include <gtest/gtest.h>

using namespace gnc::dsl;

namespace {

/// A file of the repository.
struct File {
  std::string path;
};

/// One run of the front end.
struct Elaborated {
  explicit Elaborated(const std::string &text, const FrontendOptions &options = {}) {
    result = elaborateText("t.net", text, options, context, sources, diags);
  }
  explicit Elaborated(const File &file, const FrontendOptions &options = {}) {
    result = elaborateFile(GNC_SOURCE_DIR + ("/" + file.path), options, context, sources, diags);
  }

  mlir::func::FuncOp function(llvm::StringRef name) {
    return result.module ? result.module->lookupSymbol<mlir::func::FuncOp>(name)
                         : mlir::func::FuncOp();
  }
  /// The paths of the arguments of one role, in order.
  std::string paths(llvm::StringRef name, llvm::StringRef role) {
    std::string list;
    mlir::func::FuncOp f = function(name);
    for (unsigned i = 0; f && i != f.getNumArguments(); ++i)
      if (f.getArgAttrOfType<mlir::StringAttr>(i, gnc::names::kRole).getValue() == role)
        list += (list.empty() ? "" : " ") + path(f, i);
    return list;
  }
  /// The paths of the results; an update is "<- path of its argument".
  std::string results(llvm::StringRef name) {
    std::string list;
    mlir::func::FuncOp f = function(name);
    for (unsigned i = 0; f && i != f.getNumResults(); ++i) {
      list += list.empty() ? "" : " ";
      if (auto updates = f.getResultAttrOfType<mlir::IntegerAttr>(i, gnc::names::kUpdates))
        list += "<-" + path(f, updates.getInt());
      else
        list += f.getResultAttrOfType<mlir::StringAttr>(i, gnc::names::kPath).str();
    }
    return list;
  }
  static std::string path(mlir::func::FuncOp f, unsigned argument) {
    return f.getArgAttrOfType<mlir::StringAttr>(argument, gnc::names::kPath).str();
  }
  std::string schedules() {
    std::string list;
    mlir::func::FuncOp f = function("train");
    for (unsigned i = 0; f && i != f.getNumArguments(); ++i)
      if (auto text = f.getArgAttrOfType<mlir::StringAttr>(i, gnc::names::kSchedule))
        list += (list.empty() ? "" : " | ") + text.str();
    return list;
  }
  mlir::Attribute recipe(llvm::StringRef key) {
    auto all = (*result.module)->getAttrOfType<mlir::DictionaryAttr>(gnc::names::kRecipe);
    return all ? all.get(key) : mlir::Attribute();
  }
  int64_t number(llvm::StringRef key) {
    return llvm::cast<mlir::IntegerAttr>(recipe(key)).getInt();
  }
  std::string slugs() {
    std::string list;
    for (const Diagnostic *item : diags.sorted())
      list += (list.empty() ? "" : " ") + item->slug;
    return list;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  SourceManager sources;
  Diagnostics diags;
  FrontendResult result;
};

const std::string data = "data digits {\n  source = idx(\"mnist\")\n  image = source.image / 255\n"
                         "  label = source.label\n}\n";

std::string program(const std::string &net, const std::string &optimizer,
                    const std::string &more = "", const std::string &before = "") {
  return before + "net A(image: [1, 8, 8]; k = 10) -> z: [k] { " + net + " }\n" + data +
         "train A on digits {\n  loss = cross_entropy(z, label)\n  optimizer = " + optimizer +
         "\n  epochs = 3\n" + more + "\n}\n";
}
const std::string plainNet = "image -> flatten -> linear(k)";

size_t count(mlir::func::FuncOp f, llvm::StringRef op) {
  size_t n = 0;
  f.walk([&](mlir::Operation *one) { n += one->getName().getStringRef() == op; });
  return n;
}

} // namespace

TEST(Frontend, ExamplesAreWholePrograms) {
  for (const char *name : {"fashion", "lenet_smooth", "custom_conv"}) {
    Elaborated run(File{"examples/" + std::string(name) + ".net"});
    EXPECT_EQ(run.diags.str(), "") << name;
    ASSERT_TRUE(run.result.module) << name;
    EXPECT_EQ(run.result.summary.parameters, 592074) << name;
    EXPECT_EQ(run.result.summary.parameterTensors, 6) << name;
    for (const char *function : {"train", "eval", "infer"})
      EXPECT_TRUE(run.function(function)) << name << " " << function;
  }
}

TEST(Frontend, PublishedParameterCounts) {
  const std::pair<const char *, int64_t> nets[] = {{"resnet18", 11173962},
                                                   {"mobilenetv2", 2236682},
                                                   {"unet", 31036546},
                                                   {"vgg16", 15249354},
                                                   {"siamese", 183296}};
  for (auto [name, parameters] : nets) {
    Elaborated run(File{"test/dsl/nets/" + std::string(name) + ".net"});
    EXPECT_EQ(run.diags.str(), "") << name;
    EXPECT_TRUE(run.result.module) << name;
    EXPECT_EQ(run.result.summary.parameters, parameters) << name;
  }
}

TEST(Frontend, SignatureOfTheThreeFunctions) {
  Elaborated run(File{"examples/fashion.net"});
  std::string weights = "LeNet.conv.w LeNet.conv.b LeNet.linear.w LeNet.linear.b "
                        "LeNet.linear.2.w LeNet.linear.2.b";
  for (const char *name : {"train", "eval", "infer"})
    EXPECT_EQ(run.paths(name, "weight"), weights);
  EXPECT_EQ(run.paths("train", "input"), "image label");
  EXPECT_EQ(run.paths("eval", "input"), "image label");
  EXPECT_EQ(run.paths("infer", "input"), "image"); // the label is not read
  EXPECT_EQ(run.results("eval"), "loss accuracy");
  EXPECT_EQ(run.results("infer"), "digit confidence");
  EXPECT_EQ(run.schedules(), "1 0.9 step ^ - | 1 0.999 step ^ -");
  EXPECT_TRUE(llvm::StringRef(run.results("train"))
                  .starts_with("loss grad_norm accuracy <-LeNet.conv.w <-LeNet.conv.w.m "
                               "<-LeNet.conv.w.v <-LeNet.conv.b "))
      << run.results("train");
  mlir::func::FuncOp train = run.function("train");
  EXPECT_EQ(count(train, "gnc.gradient"), 1u);
  EXPECT_EQ(train.getArgAttrOfType<mlir::IntegerAttr>(1, gnc::names::kClasses).getInt(), 10);
}

TEST(Frontend, Recipe) {
  Elaborated run(File{"examples/fashion.net"});
  EXPECT_EQ(run.number("batch"), 100);
  EXPECT_EQ(run.number("epochs"), 10);
  EXPECT_EQ(run.number("steps"), 0);
  auto source = llvm::cast<mlir::DictionaryAttr>(run.recipe("source"));
  EXPECT_EQ(source.getAs<mlir::StringAttr>("kind"), "idx");
  EXPECT_EQ(source.getAs<mlir::StringAttr>("path"), "/usr/share/datasets/fashion-mnist");

  FrontendOptions options;
  options.dataOverride = "synthetic:70";
  options.seed = 9;
  options.settings = {{"epochs", "2"}, {"batch", "7"}};
  Elaborated other(File{"examples/fashion.net"}, options);
  EXPECT_EQ(other.diags.str(), "");
  EXPECT_EQ(other.number("batch"), 7);
  EXPECT_EQ(other.number("epochs"), 2);
  EXPECT_EQ(other.number("seed"), 9);
  source = llvm::cast<mlir::DictionaryAttr>(other.recipe("source"));
  EXPECT_EQ(source.getAs<mlir::StringAttr>("kind"), "synthetic");
  EXPECT_EQ(source.getAs<mlir::IntegerAttr>("count").getInt(), 70);
}

TEST(Frontend, PathsAreRelativeToTheFile) {
  Elaborated run(program(plainNet, "sgd(0.1)"));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(llvm::cast<mlir::DictionaryAttr>(run.recipe("source")).getAs<mlir::StringAttr>("path"),
            "mnist");
}

TEST(Frontend, Settings) {
  FrontendOptions options;
  options.settings = {{"k", "12"}, {"steps", "5"}};
  Elaborated run(program(plainNet, "sgd(0.1)"), options);
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.result.summary.parameters, 12 * 64 + 12);
  EXPECT_EQ(run.number("steps"), 5);
  EXPECT_EQ(run.number("epochs"), 0); // -s steps takes its place

  options.settings = {{"kk", "12"}};
  EXPECT_EQ(Elaborated(program(plainNet, "sgd(0.1)"), options).slugs(), "unknown-setting");
  options.settings = {{"k", "1 +"}};
  EXPECT_EQ(Elaborated(program(plainNet, "sgd(0.1)"), options).slugs(), "setting-value");
}

TEST(Frontend, SchedulesAreEvaluatedByTheHostAndShared) {
  Elaborated run(
      program(plainNet, "adam(cosine(0.1, warmup = 2), beta1 = 0.5 + epoch / 100, beta2 = 0)"));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  // One argument each, whatever the number of weights.
  EXPECT_EQ(run.schedules(),
            "0.5 epoch 100 / + | 1 0.5 epoch 100 / + - | epoch 2 < 0.1 epoch * 2 / 0.05 1 "
            "3.141592653589793 epoch 2 - * epochs 2 - / cos + * if | "
            "1 0.5 epoch 100 / + step ^ - | 1 0 step ^ -");
  // Nothing but settings: a constant of the equation.
  EXPECT_EQ(Elaborated(program(plainNet, "sgd(0.1 * 2)")).schedules(), "");
}

TEST(Frontend, StatesOfNetAndOptimizer) {
  Elaborated run(
      program("image -> conv(2) -> bn -> global_avgpool -> linear(k)", "sgd(0.1, momentum = 0.9)"));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.paths("train", "state"), "A.bn.mu A.bn.var");
  EXPECT_TRUE(llvm::StringRef(run.results("train")).ends_with("<-A.bn.mu <-A.bn.var"))
      << run.results("train");
  EXPECT_EQ(run.results("eval"), "loss"); // states do not change there
  EXPECT_EQ(run.paths("train", "optimizer"),
            "A.conv.w.v A.conv.b.v A.bn.g.v A.bn.b.v A.linear.w.v A.linear.b.v");
}

TEST(Frontend, AttributesOfWeights) {
  std::string block = "block scaled(x: [S..]) {\n  param a: [] = 1 @rate(0.1)\n"
                      "  param b: [] = 0 @frozen\n  param c: [] = 0 @nodecay\n  x * a + b + c\n}\n";
  Elaborated run(program(plainNet + " -> scaled", "sgd(epoch, decay = step)", "", block));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.schedules(), "step | epoch | epoch 0.1 *");
  EXPECT_EQ(run.results("train"),
            "loss grad_norm <-A.linear.w <-A.linear.b <-A.scaled.a <-A.scaled.c");
}

TEST(Frontend, ClippingAndMetrics) {
  Elaborated run(program(plainNet, "sgd(0.1)",
                         "  clip = norm(1)\n  metrics = [accuracy(z, label), top(z, label), "
                         "top(z, label, n = 2), top(z, label, n = 3) as third]"));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.results("eval"), "loss accuracy top top.2 third");
  EXPECT_TRUE(llvm::StringRef(run.results("train"))
                  .starts_with("loss grad_norm accuracy top top.2 third <-"));
}

TEST(Frontend, PenaltyOnAllWeights) {
  std::string text = program(plainNet, "sgd(0.1)");
  size_t at = text.find("cross_entropy");
  Elaborated run(text.insert(at, "1e-4 * l2(weights) + "));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.results("eval"), "loss");
}

TEST(Frontend, FrozenLayers) {
  std::string net = "image -> conv(2) -> relu -> conv(2) -> relu -> flatten -> linear(k)";
  Elaborated run(program(net, "sgd(0.1, momentum = 0.9)", "freeze = [conv, \"linear.b\"]"));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  // `conv.2` is another layer than `conv`.
  EXPECT_EQ(run.paths("train", "optimizer"), "A.conv.2.w.v A.conv.2.b.v A.linear.w.v");
  EXPECT_EQ(run.paths("train", "weight"),
            "A.conv.w A.conv.b A.conv.2.w A.conv.2.b A.linear.w A.linear.b");
}

TEST(Frontend, Warnings) {
  std::string text = program(plainNet, "sgd(0.1)");
  text.replace(text.find("cross_entropy(z, label)"), 23, "mean(z)");
  Elaborated run(text);
  EXPECT_TRUE(run.result.module);
  EXPECT_EQ(run.slugs(), "unread-label");
}

TEST(Frontend, UsersOptimizer) {
  std::string own = "def keep(b) = b\nop soft(x; by = 2) = if x > by then x - by else 0\n"
                    "optimizer mine(w, g; lr, b = 0.5) {\n  state m = normal(0, 1)\n"
                    "  let c = keep(b)\n  s = c * m + (1 - c) * soft(g, by = 1)\n"
                    "  if b > 0 { m <- s }\n  w <- w - lr * max(s, -1) / sqrt(abs(s) + 1)\n}\n";
  Elaborated run(program(plainNet, "mine(0.1)", "", own));
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.paths("train", "optimizer"), "A.linear.w.m A.linear.b.m");
  Elaborated without(program(plainNet, "mine(0.1, b = 0)", "", own));
  EXPECT_EQ(without.results("train"), "loss grad_norm <-A.linear.w <-A.linear.b");
}

TEST(Frontend, SeveralNets) {
  std::string two =
      program(plainNet, "sgd(0.1)") +
      "net B(image: [1, 8, 8]) -> y: [4] { image -> flatten -> linear(4) }\n"
      "train B on digits { loss = mean(y) + 0 * label\n optimizer = sgd(1)\n steps = 3 }\n";
  EXPECT_EQ(Elaborated(two).slugs(), "several-sections");
  FrontendOptions options;
  options.net = "B";
  Elaborated run(two, options);
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.paths("train", "weight"), "B.linear.w B.linear.b");
  EXPECT_EQ(run.paths("train", "input"), "image label");
  options.net = "C";
  EXPECT_EQ(Elaborated(two, options).slugs(), "unknown-net");
  options.net = "";
  options.checkAll = true;
  EXPECT_EQ(Elaborated(two, options).diags.str(), "");
}

TEST(Frontend, ANetAlone) {
  Elaborated run("net A(image: [1, H, W]) -> (up: [1, 2*H, 2*W], mid: [1]) {\n"
                 "  up = image -> upsample(2)\n  mid = image -> global_avgpool\n}\n");
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_FALSE(run.function("train"));
  EXPECT_EQ(run.results("infer"), "up mid");
  EXPECT_EQ(run.result.summary.assumed, (std::vector<std::string>{"H", "W"}));
}

TEST(Frontend, NetOnlyLeavesSectionsAlone) {
  std::string text = "net A(image: [3, 8, 8]; k = 4) -> z: [k] { image -> flatten -> linear(k) }\n"
                     "train A(k = 5) on nowhere { loss = z }\n";
  FrontendOptions options;
  options.netOnly = true;
  Elaborated run(text, options);
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.result.summary.parameters, 4 * 192 + 4);
}

TEST(Frontend, SyntheticMembersFollowTheNet) {
  Elaborated run(
      "net Line(x: [4]) -> y: [1] { x -> linear(1) }\n"
      "data points { source = synthetic(9, seed = 4)\n  x = source.x\n  t = source.x -> total }\n"
      "op total(x: [I]) -> y: [1] { y[o] = sum[i] x[i] + 0 * o }\n"
      "train Line on points { loss = mse(y, t)\n optimizer = adam(0.1)\n steps = 5 }\n");
  ASSERT_TRUE(run.result.module) << run.diags.str();
  EXPECT_EQ(run.function("train").getArgumentTypes()[0],
            mlir::RankedTensorType::get({mlir::ShapedType::kDynamic, 4},
                                        mlir::Float32Type::get(&run.context)));
}

TEST(Frontend, OpsPointIntoTheUsersFile) {
  Elaborated run(File{"examples/fashion.net"});
  size_t layers = 0;
  run.function("train").walk([&](gnc::ComputeOp op) {
    bool found = false;
    op.getLoc()->walk([&](mlir::Location part) {
      if (auto file = llvm::dyn_cast<mlir::FileLineColLoc>(part))
        found |= file.getFilename().getValue().ends_with("fashion.net");
      auto name = llvm::dyn_cast<mlir::NameLoc>(part);
      layers += name && name.getName() == "LeNet.conv";
      return mlir::WalkResult::advance();
    });
    EXPECT_TRUE(found);
  });
  EXPECT_GE(layers, 2u); // forward, optimizer
}
