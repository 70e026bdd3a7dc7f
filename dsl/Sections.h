// Train and infer sections: from what is written to the functions of the module.
#ifndef GNC_DSL_SECTIONS_H
#define GNC_DSL_SECTIONS_H

#include "dsl/Metric.h"
#include "dsl/Optimizer.h"
#include "dsl/SectionFunction.h"
#include "dsl/TrainKeys.h"

namespace gnc::dsl {

/// Builds the functions of one net into the module of `context`.
class SectionBuilder {
public:
  SectionBuilder(const BuildContext &context, const NetPlan &plan);

  /// `@train` and `@eval`, from the train section; with `@eval` goes `@score`, if metrics
  /// accumulate.
  LogicalResult buildTrain();
  LogicalResult buildEval();
  /// `@infer`: the outputs of the infer section, or all results of the net; on the data of the
  /// infer section, of the train section, or (`withData` false) on the net's own inputs.
  LogicalResult buildInfer(bool withData);
  /// Elaborates the net in training mode, on the data of its infer section if it has one, for its
  /// diagnostics.
  LogicalResult checkNetInTraining();

  /// Sets `gnc.recipe`. After the functions.
  void setRecipe();
  /// `-s` names that nothing used are reported.
  LogicalResult checkOverrides();

  NetSummary summary; // filled by buildInfer, and buildTrain

private:
  /// A number a sample, or (in @eval) a metric that accumulates.
  struct Metric {
    std::string name;
    std::optional<Tensor> value;
    std::optional<MetricUse> use;
  };
  void defineLets(SectionFunction &section);
  FailureOr<Tensor> evaluateLoss(SectionFunction &section);
  FailureOr<std::vector<Metric>> evaluateMetrics(SectionFunction &section);
  FailureOr<Metric> evaluateMetric(SectionFunction &section, std::string name,
                                   const ast::Expr &expr);
  LogicalResult buildScore(llvm::ArrayRef<Metric> metrics);
  LogicalResult checkBest(SectionFunction &section);
  FailureOr<std::vector<const Parameter *>> trainedWeights(SectionFunction &section);
  FailureOr<std::vector<std::string>> frozenPaths(SectionFunction &section);
  void warn(SectionFunction &section);
  /// The number of weights that are trained.
  FailureOr<size_t> addOptimizer(SectionFunction &section, OptimizerUse &optimizer,
                                 const Clip &clip, mlir::Value loss);
  LogicalResult addOutputs(SectionFunction &section);
  LogicalResult addOutput(SectionFunction &section, const ast::AssignStmt &assign);
  void warnAboutResults(SectionFunction &section);
  void summarise(SectionFunction &section);
  void summariseTraining(SectionFunction &section, const OptimizerUse &optimizer,
                         size_t trainedWeights);
  void noteUse(SectionFunction &section);

  const BuildContext &context;
  NetPlan plan;
  std::optional<TrainKeys> keys;
  TrainNumbers numbers;
  std::vector<std::string> metricNames, outputNames;
  std::vector<std::string> tableNames; // of the metrics that are no number
  std::optional<DataSource> source;
  llvm::StringSet<> usedOverrides;
};

} // namespace gnc::dsl

#endif // GNC_DSL_SECTIONS_H
