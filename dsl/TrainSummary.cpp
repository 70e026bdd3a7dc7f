// What `gnc summary` says of a train section.
#include "dsl/Sections.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

static std::string sourceText(const DataSource &source) {
  if (!source.path.empty())
    return source.kind + "(\"" + source.path + "\")";
  return source.kind + "(" + std::to_string(source.count) + ")";
}

void SectionBuilder::summariseTraining(SectionFunction &section, const OptimizerUse &optimizer,
                                       size_t trainedWeights) {
  auto add = [&](StringRef name, const std::string &value) {
    summary.training.emplace_back(name.str(), value);
  };
  auto addWritten = [&](StringRef key) {
    if (const ast::Expr *value = keys->find(key))
      add(key, oneLine(value->span.text(), 80));
  };
  auto count = [](int64_t n, StringRef what) {
    return std::to_string(n) + " " + what.str() + (n == 1 ? "" : "s");
  };
  if (section.data)
    add("data", plan.train->data.text.str() + " = " + sourceText(section.data->source));
  addWritten("loss");
  add("optimizer", optimizer.text());
  add("batch",
      count(numbers.batch, "sample") + ", for " +
          (numbers.epochs ? count(numbers.epochs, "epoch") : count(numbers.steps, "step")));
  addWritten("clip");
  addWritten("average");
  add("precision", numbers.precision);
  addWritten("init");
  size_t weights = llvm::count_if(section.elab.parameters(), [](const auto &entry) {
    return entry.second->role == ParameterRole::Weight;
  });
  if (trainedWeights != weights)
    add("frozen", std::to_string(weights - trainedWeights) + " of " + count(weights, "weight"));
  if (numbers.validate > 0)
    addWritten("validate");
  if (!metricNames.empty())
    add("metrics", llvm::join(metricNames, ", "));
  addWritten("save");
}
