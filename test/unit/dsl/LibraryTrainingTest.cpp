// What the library has for training: optimizers against a few steps by hand, schedules against
// their formulas, initial values against the papers' numbers.
#include "dsl/Frontend.h"

#include "ir/Evaluator.h"
#include "ir/Gnc.h"
#include "passes/Passes.h"
#include "runtime/Schedule.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "test/Tolerance.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <numbers>

using namespace gnc;
using namespace gnc::test;

namespace {
/// A net whose loss is w . x, so that the gradient of w is the mean of the samples' x.
class Training {
public:
  explicit Training(const std::string &optimizer, const std::string &initial = "0") {
    std::string text = "op dot(w: [K], x: [K]) -> y: [] { y = sum[k] w[k] * x[k] }\n"
                       "net N(x: [3]) -> y: [] {\n  param w: [3] = " +
                       initial +
                       "\n  dot(w, x)\n}\n"
                       "data d {\n  source = synthetic(8)\n  x = source.x\n}\n"
                       "train N on d {\n  loss = y\n  optimizer = " +
                       optimizer + "\n  batch = 2\n  epochs = 10\n}\n";
    module = dsl::elaborateText("t.net", text, {}, context, sources, diags).module;
    EXPECT_TRUE(module) << diags.str();
    if (!module)
      return;
    train = module->lookupSymbol<mlir::func::FuncOp>("train");
    for (unsigned i = 0; i != train.getNumArguments(); ++i)
      values.push_back(TensorValue(shapeOf(train.getArgument(i))));
  }

  /// Derives the gradients, once.
  void differentiate() {
    mlir::PassManager passes(&context);
    passes.addNestedPass<mlir::func::FuncOp>(createAutodiff());
    EXPECT_TRUE(succeeded(passes.run(*module)));
  }

  /// One update, with `gradient` as the gradient of w.
  void step(int number, const std::vector<double> &gradient) {
    for (unsigned i = 0; i != train.getNumArguments(); ++i) {
      if (role(i) == "input")
        for (size_t e = 0; e < 6; ++e) // both samples: their mean
          values[i].data[e] = gradient[e % 3];
      if (role(i) == "schedule")
        values[i].data = {schedule(i).evaluate({double(number), 0, 10})};
    }
    auto results = evaluate(train, values, Precision::F64);
    ASSERT_TRUE(succeeded(results));
    for (unsigned i = 0; i != train.getNumResults(); ++i)
      if (auto updated = train.getResultAttrOfType<mlir::IntegerAttr>(i, names::kUpdates))
        values[updated.getInt()] = (*results)[i];
  }

  const std::vector<double> &weight() { return values[argument("weight")].data; }
  void setWeight(std::vector<double> w) { values[argument("weight")].data = std::move(w); }
  mlir::Attribute attribute(llvm::StringRef name) {
    return train.getArgAttr(argument("weight"), name);
  }
  /// The only schedule.
  runtime::Schedule schedule() { return schedule(argument("schedule")); }

private:
  static llvm::SmallVector<int64_t> shapeOf(mlir::Value value) {
    llvm::SmallVector<int64_t> shape(
        llvm::cast<mlir::RankedTensorType>(value.getType()).getShape());
    for (int64_t &extent : shape)
      extent = mlir::ShapedType::isDynamic(extent) ? 2 : extent;
    return shape;
  }
  llvm::StringRef role(unsigned i) {
    return train.getArgAttrOfType<mlir::StringAttr>(i, names::kRole).getValue();
  }
  unsigned argument(llvm::StringRef wanted) {
    for (unsigned i = 0; i != train.getNumArguments(); ++i)
      if (role(i) == wanted)
        return i;
    ADD_FAILURE() << "no " << wanted.str();
    return 0;
  }
  runtime::Schedule schedule(unsigned i) {
    auto text = train.getArgAttrOfType<mlir::StringAttr>(i, names::kSchedule);
    return std::move(*runtime::Schedule::parse(text.getValue()));
  }

  mlir::MLIRContext context;
  dsl::SourceManager sources;
  dsl::Diagnostics diags;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp train;
  std::vector<TensorValue> values;
};

/// One element: its weight and what the optimizer remembers.
struct Element {
  double w, m = 0, v = 0;
};
using Update = std::function<void(Element &, double g, int step)>;
} // namespace

static void expectLike(const std::string &optimizer, const Update &update) {
  SCOPED_TRACE(optimizer);
  Training training(optimizer);
  training.differentiate();
  std::vector<Element> elements{{0.5}, {-1}, {2}};
  training.setWeight({0.5, -1, 2});
  for (int step = 1; step <= 5; ++step) {
    std::vector<double> g{0.3 * step, -0.2, step % 2 ? 1.5 : -0.5};
    training.step(step, g);
    for (size_t i = 0; i < 3; ++i) {
      update(elements[i], g[i], step);
      EXPECT_NEAR(training.weight()[i], elements[i].w, kConstants32) << "step " << step;
    }
  }
}

TEST(LibraryTraining, Sgd) {
  expectLike("sgd(0.1)", [](Element &e, double g, int) { e.w -= 0.1 * g; });
  expectLike("sgd(0.1, decay = 0.2)",
             [](Element &e, double g, int) { e.w -= 0.1 * (g + 0.2 * e.w); });
  expectLike("sgd(0.1, momentum = 0.9)", [](Element &e, double g, int) {
    e.v = 0.9 * e.v + g;
    e.w -= 0.1 * e.v;
  });
  // Sutskever et al. 2013: the gradient at the point where momentum leads, in the form that only
  // needs the gradient here.
  expectLike("sgd(0.1, momentum = 0.9, nesterov = true)", [](Element &e, double g, int) {
    e.v = 0.9 * e.v + g;
    e.w -= 0.1 * (g + 0.9 * e.v);
  });
}

static void adam(Element &e, double g, int step, double shrink) {
  e.m = 0.9 * e.m + 0.1 * g;
  e.v = 0.999 * e.v + 0.001 * g * g;
  double m = e.m / (1 - std::pow(0.9, step)), v = e.v / (1 - std::pow(0.999, step));
  e.w -= 0.01 * (m / (std::sqrt(v) + 1e-8) + shrink * e.w);
}

TEST(LibraryTraining, Adam) {
  expectLike("adam(0.01)", [](Element &e, double g, int step) { adam(e, g, step, 0); });
  expectLike("adam(0.01, decay = 0.1)",
             [](Element &e, double g, int step) { adam(e, g + 0.1 * e.w, step, 0); });
  expectLike("adamw(0.01, decay = 0.1)",
             [](Element &e, double g, int step) { adam(e, g, step, 0.1); });
}

TEST(LibraryTraining, OtherOptimizers) {
  expectLike("rmsprop(0.01, rho = 0.9)", [](Element &e, double g, int) {
    e.v = 0.9 * e.v + 0.1 * g * g;
    e.w -= 0.01 * g / (std::sqrt(e.v) + 1e-8);
  });
  expectLike("rmsprop(0.01, rho = 0.9, momentum = 0.5)", [](Element &e, double g, int) {
    e.v = 0.9 * e.v + 0.1 * g * g;
    e.m = 0.5 * e.m + g / (std::sqrt(e.v) + 1e-8);
    e.w -= 0.01 * e.m;
  });
  expectLike("adagrad(0.1, decay = 0.1)", [](Element &e, double g, int) {
    double h = g + 0.1 * e.w;
    e.v += h * h;
    e.w -= 0.1 * h / (std::sqrt(e.v) + 1e-10);
  });
  expectLike("lion(0.01, decay = 0.1)", [](Element &e, double g, int) {
    double u = 0.9 * e.m + 0.1 * g;
    e.m = 0.99 * e.m + 0.01 * g;
    e.w -= 0.01 * (double(u > 0) - double(u < 0) + 0.1 * e.w);
  });
}

//===- schedules ----------------------------------------------------------------------------===//

static void expectSchedule(const std::string &text, const std::function<double(double)> &rate) {
  SCOPED_TRACE(text);
  Training training("sgd(" + text + ")");
  runtime::Schedule schedule = training.schedule();
  for (double epoch = 0; epoch < 10; epoch += 0.25)
    EXPECT_NEAR(schedule.evaluate({1 + 4 * epoch, epoch, 10}), rate(epoch), kFew64)
        << "epoch " << epoch;
}

static double halfCosine(double share) { return (1 + std::cos(std::numbers::pi * share)) / 2; }

TEST(LibraryTraining, Schedules) {
  expectSchedule("cosine(0.5)", [](double e) { return 0.5 * halfCosine(e / 10); });
  expectSchedule("cosine(0.5, warmup = 2)",
                 [](double e) { return e < 2 ? 0.25 * e : 0.5 * halfCosine((e - 2) / 8); });
  expectSchedule("step_decay(0.5, every = 3)",
                 [](double e) { return 0.5 * std::pow(0.1, std::floor(e / 3)); });
  expectSchedule("multi_step(0.5, [2, 5, 7], by = 0.5)",
                 [](double e) { return 0.5 * std::pow(0.5, (e >= 2) + (e >= 5) + (e >= 7)); });
  expectSchedule("exponential(0.5, 0.9)", [](double e) { return 0.5 * std::pow(0.9, e); });
  expectSchedule("polynomial(0.5, power = 2, warmup = 2)",
                 [](double e) { return e < 2 ? 0.25 * e : 0.5 * std::pow(1 - (e - 2) / 8, 2); });
  expectSchedule("one_cycle(0.5)", [](double e) {
    double first = 0.02, last = 2e-6;
    return e < 3 ? first + (0.5 - first) * (1 - halfCosine(e / 3))
                 : last + (0.5 - last) * halfCosine((e - 3) / 7);
  });
}

//===- initial values -----------------------------------------------------------------------===//

static void expectInitial(const std::string &text, llvm::StringRef kind, double a,
                          std::optional<double> b = std::nullopt) {
  SCOPED_TRACE(text);
  Training training("sgd(0.1)", text);
  EXPECT_EQ(llvm::cast<mlir::StringAttr>(training.attribute(names::kInit)).getValue(), kind);
  auto number = [&](llvm::StringRef name) {
    return llvm::cast<mlir::FloatAttr>(training.attribute(name)).getValueAsDouble();
  };
  EXPECT_NEAR(number(names::kInitA), a, kFew64);
  EXPECT_EQ(bool(training.attribute(names::kInitB)), b.has_value());
  if (b)
    EXPECT_NEAR(number(names::kInitB), *b, kFew64);
}

TEST(LibraryTraining, InitialValues) {
  expectInitial("0.25", "constant", 0.25);
  expectInitial("normal(1, 2)", "normal", 1, 2);
  expectInitial("uniform(-1, 2)", "uniform", -1, 2);
  expectInitial("truncated_normal(0, 0.02)", "truncated_normal", 0, 0.02);
  expectInitial("he(8)", "normal", 0, 0.5);
  expectInitial("he_uniform(6)", "uniform", -1, 1);
  expectInitial("glorot(2, 4)", "uniform", -1, 1);
  expectInitial("glorot_normal(2, 6)", "normal", 0, 0.5);
  expectInitial("lecun(4)", "normal", 0, 0.5);
  expectInitial("lecun_uniform(12)", "uniform", -0.5, 0.5);
  expectInitial("pytorch(4)", "uniform", -0.5, 0.5);
}
