// Train and infer sections: from what is written to the functions of the module.
#ifndef GNC_DSL_SECTIONS_H
#define GNC_DSL_SECTIONS_H

#include "dsl/Optimizer.h"
#include "dsl/SectionFunction.h"
#include "dsl/TrainKeys.h"

namespace gnc::dsl {

/// Builds the functions of one net into the module of `context`.
class SectionBuilder {
public:
  SectionBuilder(const BuildContext &context, const NetPlan &plan);

  /// `@train` and `@eval`, from the train section.
  LogicalResult buildTrain();
  LogicalResult buildEval();
  /// `@infer`: the outputs of the infer section, or all results of the net; on the data of the
  /// infer section, of the train section, or (`withData` false) on the net's own inputs.
  LogicalResult buildInfer(bool withData);
  /// Elaborates the net alone in training mode, for its diagnostics.
  LogicalResult checkNetInTraining();

  /// Sets `gnc.recipe`. After the functions.
  void setRecipe();
  /// `-s` names that nothing used are reported.
  LogicalResult checkOverrides();

  NetSummary summary; // filled by buildInfer

private:
  struct Metric {
    std::string name;
    Tensor value;
  };
  void defineLets(SectionFunction &section);
  FailureOr<Tensor> evaluateLoss(SectionFunction &section);
  FailureOr<std::vector<Metric>> evaluateMetrics(SectionFunction &section);
  FailureOr<Tensor> evaluateMetric(SectionFunction &section, const ast::Expr &expr);
  FailureOr<std::vector<const Parameter *>> trainedWeights(SectionFunction &section);
  FailureOr<std::vector<std::string>> frozenPaths(SectionFunction &section);
  void warn(SectionFunction &section);
  LogicalResult addOptimizer(SectionFunction &section, OptimizerUse &optimizer, const Clip &clip,
                             mlir::Value loss);
  LogicalResult addOutputs(SectionFunction &section);
  LogicalResult addOutput(SectionFunction &section, const ast::AssignStmt &assign);
  void summarise(SectionFunction &section);
  void noteUse(SectionFunction &section);

  const BuildContext &context;
  NetPlan plan;
  std::optional<TrainKeys> keys;
  TrainNumbers numbers;
  std::vector<std::string> metricNames, outputNames;
  std::optional<DataSource> source;
  llvm::StringSet<> usedOverrides;
};

} // namespace gnc::dsl

#endif // GNC_DSL_SECTIONS_H
