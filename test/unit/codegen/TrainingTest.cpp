//===- TrainingTest.cpp - a training, compiled and in the f64 evaluator, side by side ---------===//
//
// The same initial weights, the same batches of 10 images; after each step the losses are compared,
// and after the first every updated weight and optimizer state. On the processor and on the
// software device.
//
//===------------------------------------------------------------------------------------------===//
#include "Compiled.h"
#include "dsl/Frontend.h"
#include "runtime/Feed.h"
#include "runtime/File.h"
#include "runtime/Schedule.h"
#include "test/Scale.h"
#include "test/Tolerance.h"
#include "llvm/ADT/SetVector.h"

using namespace gnc;
using namespace gnc::test;

namespace {

constexpr int64_t kBatch = 10;

Compiled compileExample(const std::string &name, const Plan &plan) {
  return Compiled(
      [&](mlir::MLIRContext &context) {
        dsl::SourceManager sources;
        dsl::Diagnostics diagnostics;
        dsl::FrontendOptions options;
        options.settings = {{"batch", std::to_string(kBatch)}};
        if (!runtime::folderExists("/usr/share/datasets/fashion-mnist"))
          options.dataOverride = "synthetic:4000";
        auto result = dsl::elaborateFile(std::string(GNC_SOURCE_DIR) + "/examples/" + name, options,
                                         context, sources, diagnostics);
        EXPECT_FALSE(diagnostics.hasErrors()) << diagnostics.str();
        return std::move(result.module);
      },
      plan);
}

//===- The f64 side ---------------------------------------------------------------------------===//

/// How far the updated tensors may be off after one step, found by moving every gradient up and
/// down by what its rounding may amount to, and evaluating the optimizer again.
class UpdateBounds {
public:
  UpdateBounds(mlir::func::FuncOp function, EvaluationState &state)
      : function(function), state(state) {
    findGradients();
    // Roundings from the input to a gradient: every sum on the way.
    double chain = 0;
    llvm::SetVector<mlir::Operation *> before;
    for (mlir::Value gradient : gradients)
      before.insert(gradient.getDefiningOp());
    for (size_t i = 0; i < before.size(); ++i) {
      for (mlir::Value read : before[i]->getOperands())
        if (read.getDefiningOp())
          before.insert(read.getDefiningOp());
      auto op = llvm::dyn_cast<ComputeOp>(before[i]);
      double points = 1;
      for (int64_t extent : op ? op.getReductionExtents() : llvm::ArrayRef<int64_t>())
        points *= static_cast<double>(state.extent(extent));
      chain += points;
    }
    relative = likelyRoundings(chain);
  }

  /// One tensor of bounds per result of the function.
  std::vector<std::vector<double>> compute() {
    const EvaluationState middle = state;
    auto results = [&] {
      Tensors values;
      for (mlir::Value value : function.front().getTerminator()->getOperands())
        values.push_back(state.get(value));
      return values;
    };
    Tensors exact = results();
    // The optimizer's own arithmetic: some 16 operations on the way from an old value to a new one.
    std::vector<std::vector<double>> bounds(exact.size());
    for (unsigned r = 0; r < exact.size(); ++r) {
      auto updates = function.getResultAttrOfType<mlir::IntegerAttr>(r, names::kUpdates);
      const TensorValue &old =
          updates ? state.get(function.getArgument(updates.getInt())) : exact[r];
      for (int64_t i = 0; i < exact[r].size(); ++i)
        bounds[r].push_back(roundings(16) * (std::fabs(exact[r].data[i]) + std::fabs(old.data[i])));
    }
    for (double sign : {1.0, -1.0}) {
      moveGradients(sign, middle);
      Tensors moved = results();
      for (size_t r = 0; r < exact.size(); ++r)
        for (int64_t i = 0; i < exact[r].size(); ++i)
          bounds[r][i] += std::fabs(moved[r].data[i] - exact[r].data[i]);
    }
    return bounds;
  }

private:
  /// What the pointwise equations of the optimizer read that is no argument.
  void findGradients() {
    for (auto [i, value] : llvm::enumerate(function.front().getTerminator()->getOperands()))
      if (function.getResultAttr(i, names::kUpdates))
        visit(value);
  }
  void visit(mlir::Value value) {
    auto op = value.getDefiningOp<ComputeOp>();
    if (!op || !visited.insert(value).second)
      return;
    if (!op.isPointwise()) {
      gradients.push_back(value);
      return;
    }
    optimizer.insert(op);
    for (mlir::Value read : op.getReads())
      visit(read);
  }

  void moveGradients(double sign, const EvaluationState &middle) {
    for (mlir::Value gradient : gradients) {
      TensorValue tensor = middle.get(gradient);
      double largest = *std::max_element(tensor.magnitude.begin(), tensor.magnitude.end());
      for (double &element : tensor.data)
        element += sign * relative * largest;
      state.set(gradient, std::move(tensor));
    }
    for (ComputeOp op : function.getOps<ComputeOp>())
      if (optimizer.contains(op))
        EXPECT_TRUE(succeeded(op.evaluate(state)));
  }

  mlir::func::FuncOp function;
  EvaluationState &state;
  double relative;
  std::vector<mlir::Value> gradients;
  llvm::SmallPtrSet<mlir::Operation *, 16> optimizer;
  llvm::DenseSet<mlir::Value> visited;
};

//===- Side by side ---------------------------------------------------------------------------===//

class TwoTrainings {
public:
  explicit TwoTrainings(Compiled &compiled) : compiled(compiled), function(compiled.function()) {
    device = compiled.openDevice(2);
    engine = std::move(*device->load(compiled.program));
    std::vector<runtime::Tensor> inputs;
    for (const runtime::Tensor &tensor : compiled.program.tensors) {
      if (tensor.role == runtime::Role::Input)
        inputs.push_back(tensor);
      if (tensor.role == runtime::Role::Schedule)
        schedules.emplace_back(&tensor, *runtime::Schedule::parse(tensor.schedule));
    }
    data = std::move(*runtime::openDataset(compiled.recipe.source, inputs, {0, 1}));
    feed = std::move(*runtime::Feed::bind(*data.train.part, *engine));
    runtime::shuffle(data.train, 1, 0, order);
    engine->initialize(1);
    arguments = compiled.arguments(kBatch, [](bool) { return 0; });
    for (unsigned i = 0; i < arguments.size(); ++i)
      take(i);
  }

  /// One step on both sides; returns the difference of the losses.
  double step(bool compareUpdates) {
    prepare();
    engine->compute(kBatch);
    double loss = engine->readScalar(*compiled.program.find(runtime::Role::Result, "loss"));
    engine->commit(kBatch);
    EvaluationState state(kBatch, Precision::F64);
    for (auto [argument, value] : llvm::zip_equal(function.getArguments(), arguments))
      state.set(argument, value);
    EXPECT_TRUE(succeeded(state.run(function.front())));
    auto results = function.front().getTerminator()->getOperands();
    double expected = 0;
    for (unsigned i = 0; i < results.size(); ++i) {
      if (auto updates = function.getResultAttrOfType<mlir::IntegerAttr>(i, names::kUpdates))
        arguments[updates.getInt()] = state.get(results[i]);
      else if (compiled.resultTensor(i)->name == "loss")
        expected = state.get(results[i]).data[0];
    }
    if (compareUpdates)
      compare(state);
    ++steps;
    EXPECT_TRUE(engine->status().ok()) << runtime::format(engine->status().error());
    return std::fabs(loss - expected);
  }

private:
  /// The evaluator's argument becomes what the engine has.
  void take(unsigned i) {
    std::vector<float> values = engine->readTensor(*compiled.argumentTensor(i), kBatch);
    arguments[i].data.assign(values.begin(), values.end());
  }

  void prepare() {
    EXPECT_TRUE(
        feed.gather(*data.train.part, std::span(order).subspan(steps * kBatch, kBatch)).ok());
    runtime::Schedule::Variables variables;
    double perEpoch = std::ceil(static_cast<double>(data.train.size()) / kBatch);
    variables.step = static_cast<double>(steps + 1);
    variables.epoch = static_cast<double>(steps) / perEpoch;
    variables.epochs = static_cast<double>(compiled.recipe.epochs);
    for (auto &[tensor, schedule] : schedules)
      engine->writeScalar(*tensor, schedule.at(variables));
    engine->takeInputs(); // what is read are those of the last run
    for (unsigned i = 0; i < arguments.size(); ++i) {
      runtime::Role role = compiled.argumentTensor(i)->role;
      if (role == runtime::Role::Input || role == runtime::Role::Schedule)
        take(i);
    }
  }

  void compare(EvaluationState &state) {
    Tensors exact;
    for (mlir::Value value : function.front().getTerminator()->getOperands())
      exact.push_back(state.get(value));
    auto bounds = UpdateBounds(function, state).compute();
    double nearest = 0;
    for (unsigned r = 0; r < exact.size(); ++r) {
      if (!function.getResultAttr(r, names::kUpdates))
        continue;
      const runtime::Tensor &tensor = *compiled.resultTensor(r);
      std::vector<float> found = engine->readTensor(tensor, kBatch);
      ASSERT_EQ(found.size(), exact[r].data.size());
      for (size_t i = 0; i < found.size(); ++i) {
        double error = std::fabs(found[i] - exact[r].data[i]);
        ASSERT_LE(error, bounds[r][i])
            << tensor.name << ", element " << i << ": " << found[i] << ", not " << exact[r].data[i];
        nearest = std::max(nearest, error == 0 ? 0 : error / bounds[r][i]);
      }
    }
    printf("measured: after one step every weight and state is within its bound; the worst takes "
           "%.2g of it\n",
           nearest);
  }

  Compiled &compiled;
  mlir::func::FuncOp function;
  std::unique_ptr<runtime::Device> device;
  std::unique_ptr<runtime::Executor> engine;
  std::vector<std::pair<const runtime::Tensor *, runtime::Schedule>> schedules;
  runtime::Dataset data;
  runtime::Feed feed;
  std::vector<uint32_t> order;
  Tensors arguments;
  size_t steps = 0;
};

void compareCurves(const std::string &example, unsigned steps, double tolerance,
                   const Plan &plan = {.batch = kBatch}) {
  Compiled compiled = compileExample(example, plan);
  ASSERT_TRUE(compiled.ok);
  TwoTrainings trainings(compiled);
  double largest = 0;
  for (unsigned i = 0; i < steps; ++i) {
    bool compareUpdates = i == 0 && (fullScale() || plan.card.empty());
    double difference = trainings.step(compareUpdates);
    ASSERT_LE(difference, tolerance) << "step " << i + 1;
    largest = std::max(largest, difference);
    if (testing::Test::HasFatalFailure())
      return;
  }
  printf("measured: %s%s: %u losses are within %.2g of the evaluator's (bound %g)\n",
         example.c_str(), plan.card.empty() ? "" : " on the software device", steps, largest,
         tolerance);
}

TEST(TrainingTest, LeNet) { compareCurves("fashion.net", fullScale() ? 40 : 3, kLossCurve); }
/// In a sample one of the ways, by the seed: the one that test/system/card leaves out.
std::vector<GpuCodegen> waysOfTraining() {
  std::vector<GpuCodegen> ways = {GpuCodegen::Nvrtc, GpuCodegen::Nvptx};
  return fullScale() ? ways : std::vector<GpuCodegen>{ways[caseSeed(0) % 2]};
}
class TrainingOnACard : public OnACard {};
INSTANTIATE_TEST_SUITE_P(By, TrainingOnACard, testing::ValuesIn(waysOfTraining()), codegenOf);

TEST_P(TrainingOnACard, LeNet) {
  if (!haveToolkit())
    GTEST_SKIP() << "no CUDA toolkit";
  compareCurves("fashion.net", fullScale() ? 40 : 1, kLossCurve, plan(kBatch));
}
TEST(TrainingTest, smoothTwin) {
  compareCurves("lenet_smooth.net", fullScale() ? 100 : 5, kLossCurveSmooth);
}

} // namespace
