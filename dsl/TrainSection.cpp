// `@train` and `@eval`: loss, metrics, gradient, optimizer.
#include "dsl/GradientPaths.h"
#include "dsl/Habits.h"
#include "dsl/SectionMath.h"
#include "dsl/Sections.h"
#include "dsl/Walk.h"

#include "ir/Gnc.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

//===- loss and metrics ---------------------------------------------------------------------===//

void SectionBuilder::defineLets(SectionFunction &section) {
  for (const ast::LetStmt *let : keys->lets()) {
    FailureOr<Value> value = section.elab.evaluate(*let->value, *section.scope);
    if (succeeded(value))
      section.scope->define(let->name.text, *value, let->name.span, /*constant=*/true);
    else
      section.scope->defineFailed(let->name.text, let->name.span);
  }
}

FailureOr<Tensor> SectionBuilder::evaluateLoss(SectionFunction &section) {
  if (!keys->find("loss"))
    return failure(); // reported
  const ast::Expr &expr = *keys->find("loss");
  FailureOr<Value> value = section.elab.evaluate(expr, *section.scope);
  if (failed(value))
    return failure();
  const Tensor *loss = value->tensor();
  if (!loss)
    return section.elab
        .error("loss-not-scalar", expr.span,
               "the loss must be a number a sample, computed from the net's results; this is " +
                   value->str())
        .help("write loss = cross_entropy(..) over the net's results and the data's fields");
  if (loss->rank() != 0 || loss->element == ElementKind::Index)
    return section.elab
        .error("loss-not-scalar", expr.span,
               "the loss must be a number a sample, [], but this is " + loss->str())
        .trail(*loss)
        .help(loss->rank() ? "reduce it: mean(..) or sum(..)"
                           : "a class index has no gradient; use cross_entropy(..)");
  return *loss;
}

/// What a metric is called: `accuracy` for `accuracy(logits, label)`; a name after `as` wins.
static std::string metricName(const ast::Expr &expr) {
  if (const auto *flow = llvm::dyn_cast<ast::Flow>(&expr))
    return flow->name ? flow->name.text.str() : metricName(*flow->source);
  if (const auto *call = llvm::dyn_cast<ast::Call>(&expr))
    return metricName(*call->callee);
  if (const auto *member = llvm::dyn_cast<ast::Member>(&expr))
    return member->member.text.str();
  if (const auto *name = llvm::dyn_cast<ast::Name>(&expr))
    return name->name.str();
  return "metric";
}

FailureOr<SectionBuilder::Metric>
SectionBuilder::evaluateMetric(SectionFunction &section, std::string name, const ast::Expr &expr) {
  Metric metric{std::move(name), std::nullopt, std::nullopt};
  if (auto found = MetricUse::find(*plan.main, expr)) {
    if (section.elab.mode == ast::Mode::Train)
      return metric; // only evaluation sees a whole split
    FailureOr<MetricUse> use =
        MetricUse::make(section.elab, found->first, *found->second, *section.scope);
    if (failed(use))
      return failure();
    metric.use = *use;
    return metric;
  }
  FailureOr<Value> value = section.elab.evaluate(expr, *section.scope);
  if (failed(value))
    return failure();
  const Tensor *tensor = value->tensor();
  if (tensor && tensor->rank() == 0) {
    metric.value = *tensor;
    return metric;
  }
  Report report =
      section.elab.error("metric-not-scalar", expr.span,
                         "a metric must be a number a sample, [], but this is " + value->str());
  if (tensor)
    report.trail(*tensor).help("reduce it: mean(..) or sum(..)");
  else
    report.help("compute it from the net's results, as accuracy(logits, label) does");
  return report;
}

FailureOr<std::vector<SectionBuilder::Metric>>
SectionBuilder::evaluateMetrics(SectionFunction &section) {
  std::vector<Metric> metrics;
  metricNames.clear();
  const ast::Expr *expr = keys->find("metrics");
  if (!expr)
    return metrics;
  const auto *list = llvm::dyn_cast<ast::List>(expr);
  if (!list)
    return section.elab.error("metrics-not-a-list", expr->span, "metrics must be a list")
        .help("write metrics = [" + expr->span.text() + "]");
  bool ok = true;
  llvm::StringMap<unsigned> seen;
  // Results of a step, and columns of log.csv.
  for (const char *taken : {"loss", "grad_norm", "epoch", "step", "test_loss", "validation_loss"})
    seen[taken] = 1;
  for (const ast::Expr *element : list->elements) {
    std::string name = metricName(*element);
    unsigned count = ++seen[name];
    if (count > 1)
      name += "." + std::to_string(count);
    metricNames.push_back(name);
    FailureOr<Metric> metric = evaluateMetric(section, name, *element);
    ok &= succeeded(metric);
    if (succeeded(metric))
      metrics.push_back(std::move(*metric));
  }
  if (!ok)
    return failure();
  return metrics;
}

//===- @train -------------------------------------------------------------------------------===//

/// Is it the weight at `path`, or one of the layer there? `conv.2` is another layer than `conv`.
static bool isBelow(const Parameter &parameter, StringRef path) {
  StringRef rest = parameter.path;
  return rest.consume_front(path) &&
         (rest.empty() || (rest.consume_front(".") && !llvm::isDigit(rest.front())));
}

/// `freeze = [stem, "basic.2"]`: paths below the net, each of at least one weight.
FailureOr<std::vector<std::string>> SectionBuilder::frozenPaths(SectionFunction &section) {
  std::vector<std::string> paths;
  const ast::Expr *expr = keys->find("freeze");
  if (!expr)
    return paths;
  const auto *list = llvm::dyn_cast<ast::List>(expr);
  if (!list)
    return section.elab.error("freeze-not-a-list", expr->span, "freeze must be a list")
        .help("write freeze = [" + expr->span.text() + "]");
  bool ok = true;
  for (const ast::Expr *element : list->elements) {
    const auto *string = llvm::dyn_cast<ast::String>(element);
    std::string path = plan.net.decl->name.text.str() + "." +
                       (string ? string->value : element->span.text().str());
    paths.push_back(path);
    auto &parameters = section.elab.parameters();
    if (llvm::any_of(parameters, [&](auto &entry) { return isBelow(*entry.second, path); }))
      continue;
    ok = false;
    llvm::SmallVector<StringRef> known; // layers: paths without the weight's own name
    for (const auto &[name, parameter] : parameters)
      if (StringRef layer = name.rsplit('.').first; known.empty() || known.back() != layer)
        known.push_back(layer);
    StringRef near = nearest(path, known);
    Report report = section.elab.error("unknown-layer", element->span,
                                       "no weight of " + plan.net.decl->name.text + " is below '" +
                                           element->span.text() + "'");
    if (!near.empty())
      report.help("did you mean \"" + near.split('.').second + "\"?");
    else
      report.help("gnc summary lists the layers; write a path as a string: \"conv.2\"");
  }
  if (!ok)
    return failure();
  return paths;
}

FailureOr<std::vector<const Parameter *>> SectionBuilder::trainedWeights(SectionFunction &section) {
  FailureOr<std::vector<std::string>> frozen = frozenPaths(section);
  if (failed(frozen))
    return failure();
  std::vector<const Parameter *> trained;
  for (const auto &[path, parameter] : section.elab.parameters()) {
    const Parameter &weight = *parameter;
    if (weight.role == ParameterRole::Weight && !weight.frozen &&
        llvm::none_of(*frozen, [&](StringRef prefix) { return isBelow(weight, prefix); }))
      trained.push_back(parameter);
  }
  if (trained.empty())
    return section.elab
        .error("no-weights", plan.train->name.span,
               "'" + plan.train->name.text + "' has no weights to train")
        .help("a layer such as conv(..) or linear(..) has some");
  return trained;
}

FailureOr<size_t> SectionBuilder::addOptimizer(SectionFunction &section, OptimizerUse &optimizer,
                                               const Clip &clip, mlir::Value loss) {
  Elaborator &elab = section.elab;
  FailureOr<std::vector<const Parameter *>> trained = trainedWeights(section);
  if (failed(trained))
    return failure();
  llvm::SmallVector<mlir::Value> weights;
  for (const Parameter *weight : *trained)
    weights.push_back(weight->argument);
  mlir::Location lossAt = elab.location(keys->find("loss")->span);
  mlir::Location at = elab.location(keys->find("optimizer")->span);
  warnAboutPaths(elab, loss, *trained, keys->find("loss")->span);
  auto gradient = GradientOp::create(elab.builder, lossAt, loss, weights);
  llvm::SmallVector<mlir::Value> gradients(gradient.getResults());
  mlir::Value norm = normOfAll(elab.builder, at, gradients);
  section.function.addResult("grad_norm", norm);
  for (mlir::Value &value : gradients) {
    if (clip.kind == Clip::Kind::Norm)
      value = scaleToNorm(elab.builder, at, value, norm, clip.limit);
    else if (clip.kind == Clip::Kind::Value)
      value = limitValues(elab.builder, at, value, clip.limit);
  }
  for (auto [parameter, value] : llvm::zip(*trained, gradients))
    if (failed(optimizer.step(*parameter, value)))
      return failure(); // the next weight would say the same
  return trained->size();
}

/// What is allowed and hardly meant.
void SectionBuilder::warn(SectionFunction &section) {
  NameSearch search;
  walk(plan.train->body, search);
  for (const auto &[name, type] : section.inputs)
    search.names.insert(name); // by that name, or read by an argument of the section
  if (plan.train->args)
    for (const ast::Arg &arg : plan.train->args->list)
      walk(*arg.value, search);
  for (size_t i = 0; section.data && i != section.data->fields.size(); ++i) {
    const auto &[name, value] = section.data->fields[i];
    const Tensor *field = value.tensor();
    bool madeInto = field && !field->value.use_empty(); // one_hot(label, ..) may be what is read
    if (field && field->element == ElementKind::Index && !madeInto && !search.names.contains(name))
      (void)section.elab
          .warning("unread-label", keys->place("loss"),
                   "nothing here reads the label '" + name + "'")
          .help("cross_entropy(.., " + name + ") does");
  }
  std::string dimensions = llvm::join(section.elab.defaultedDimensions, ", ");
  if (!dimensions.empty() && !context.options.checkAll)
    (void)section.elab
        .warning("free-dimension", plan.train->name.span,
                 "nothing says how large " + dimensions + " of " + plan.net.decl->name.text +
                     " is; 256 is assumed")
        .help("say it: -s " + section.elab.defaultedDimensions.front() + "=64");
}

LogicalResult SectionBuilder::buildTrain() {
  SectionFunction section(context, plan, "train", ast::Mode::Train, /*training=*/true);
  LogicalResult ran =
      section.run(plan.train->args ? &*plan.train->args : nullptr, plan.train->data);
  if (section.data)
    source = section.data->source;
  if (failed(ran))
    return failure();
  Elaborator &elab = section.elab;
  defineLets(section);
  FailureOr<Tensor> loss = evaluateLoss(section);
  FailureOr<std::vector<Metric>> metrics = evaluateMetrics(section);
  FailureOr<TrainNumbers> evaluated =
      evaluateNumbers(*keys, elab, *plan.main, *section.scope, context.overrides, metricNames);
  FailureOr<Clip> clip = evaluateClip(*keys, elab, *section.scope);
  FailureOr<OptimizerUse> optimizer = failure();
  if (const ast::Expr *expr = keys->find("optimizer"))
    optimizer = OptimizerUse::make(elab, section.function, *plan.main, *expr, *section.scope);
  noteUse(section);
  if (!keys->valid() || failed(loss) || failed(metrics) || failed(evaluated) || failed(clip) ||
      failed(optimizer))
    return failure();
  warn(section);
  numbers = *evaluated;
  if (numbers.batch == 1)
    warnAboutBatchOfOne(elab, keys->place("batch"));
  if (numbers.average)
    optimizer->setAverage(*numbers.average);
  mlir::Location at = elab.location(keys->find("loss")->span);
  auto mean = [&](const Tensor &scalar, mlir::Location location) {
    return batchMean(elab.builder, location, perSample(elab.builder, location, scalar));
  };
  mlir::Value lossMean = mean(*loss, at);
  section.function.addResult("loss", lossMean);
  FailureOr<size_t> trained = addOptimizer(section, *optimizer, *clip, lossMean);
  if (failed(trained))
    return failure();
  summariseTraining(section, *optimizer, *trained);
  for (const Metric &metric : *metrics)
    if (metric.value)
      section.function.addResult(metric.name,
                                 mean(*metric.value, elab.location(keys->find("metrics")->span)));
  for (const Parameter *state : elab.updates())
    section.function.addUpdate(state->argument, state->current);
  section.finish();
  return success();
}

//===- @eval --------------------------------------------------------------------------------===//

LogicalResult SectionBuilder::buildEval() {
  if (!keys->valid())
    return failure();
  SectionFunction section(context, plan, "eval", ast::Mode::Infer, /*training=*/false);
  if (failed(section.run(plan.train->args ? &*plan.train->args : nullptr, plan.train->data)))
    return failure();
  Elaborator &elab = section.elab;
  defineLets(section);
  FailureOr<Tensor> loss = evaluateLoss(section);
  FailureOr<std::vector<Metric>> metrics = evaluateMetrics(section);
  if (failed(loss) || failed(metrics))
    return failure();
  mlir::Location at = elab.location(keys->find("loss")->span);
  section.function.addResult("loss", perSample(elab.builder, at, *loss));
  for (const Metric &metric : *metrics) {
    if (metric.use)
      metric.use->addSums(elab, section.function, metric.name);
    else
      section.function.addResult(
          metric.name,
          perSample(elab.builder, elab.location(keys->find("metrics")->span), *metric.value));
  }
  section.finish();
  return LogicalResult::success(succeeded(buildScore(*metrics)) && succeeded(checkBest(section)));
}

//===- @score -------------------------------------------------------------------------------===//

LogicalResult SectionBuilder::buildScore(llvm::ArrayRef<Metric> metrics) {
  tableNames.clear();
  if (llvm::none_of(metrics, [](const Metric &metric) { return metric.use.has_value(); }))
    return success();
  mlir::Location at = mlir::UnknownLoc::get(context.module->getContext());
  ProgramFunction function(context.module, "score", /*training=*/false, at);
  Elaborator elab(function, context.diags, function.builder, ast::Mode::Infer);
  bool ok = true;
  for (const Metric &metric : metrics) {
    if (!metric.use)
      continue;
    FailureOr<Tensor> value = metric.use->score(elab, function, metric.name);
    ok &= succeeded(value);
    if (failed(value))
      continue;
    function.addResult(metric.name, value->value);
    if (value->rank() != 0) {
      tableNames.push_back(metric.name);
      llvm::erase(metricNames, metric.name);
    }
  }
  function.finish();
  return LogicalResult::success(ok);
}

/// `best` needs a number, which is known of metrics that accumulate only now.
LogicalResult SectionBuilder::checkBest(SectionFunction &section) {
  if (!llvm::is_contained(tableNames, numbers.best))
    return success();
  return section.elab
      .error("train-save", keys->place("save"),
             "best needs a number, but '" + numbers.best + "' is none")
      .help("choose another metric, or best(loss)");
}
