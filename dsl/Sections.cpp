#include "dsl/Sections.h"
#include "dsl/Walk.h"

#include "ir/Gnc.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

SectionBuilder::SectionBuilder(const BuildContext &context, const NetPlan &plan)
    : context(context), plan(plan) {
  if (plan.train)
    keys.emplace(*plan.train, context.diags);
}

//===- @infer -------------------------------------------------------------------------------===//

LogicalResult SectionBuilder::buildInfer(bool withData) {
  const ast::InferDecl *infer = plan.infer;
  const ast::TrainDecl *train = plan.train;
  SectionFunction section(context, plan, "infer", ast::Mode::Infer, /*training=*/false);
  // Without data the net stands for itself: with its defaults, not a section's settings.
  const ast::Args *args = nullptr;
  if (withData && infer && infer->args)
    args = &*infer->args;
  else if (withData && !infer && train && train->args)
    args = &*train->args;
  ast::Ident on = infer ? infer->data : train ? train->data : ast::Ident();
  if (failed(section.run(args, withData ? on : ast::Ident())))
    return failure();
  if (section.data && !source)
    source = section.data->source;
  summarise(section);
  noteUse(section);
  if (failed(addOutputs(section)))
    return failure();
  section.finish();
  return success();
}

LogicalResult SectionBuilder::addOutputs(SectionFunction &section) {
  if (!plan.infer) {
    for (const auto &[name, value] : section.results.fields)
      if (const Tensor *tensor = value.tensor()) {
        section.function.addResult(name, tensor->value);
        outputNames.push_back(name);
      }
    return success();
  }
  bool ok = true;
  for (const ast::Stmt *stmt : plan.infer->body.stmts) {
    const auto *assign = llvm::dyn_cast<ast::AssignStmt>(stmt);
    const auto *let = llvm::dyn_cast<ast::LetStmt>(stmt);
    if (let) {
      FailureOr<Value> value = section.elab.evaluate(*let->value, *section.scope);
      ok &= succeeded(value);
      if (succeeded(value))
        section.scope->define(let->name.text, *value, let->name.span, /*constant=*/true);
      else
        section.scope->defineFailed(let->name.text, let->name.span);
    } else if (assign && assign->names.size() == 1 && !assign->type) {
      ok &= succeeded(addOutput(section, *assign));
    } else {
      ok = false;
      (void)section.elab
          .error("infer-statement", stmt->span, "an infer section holds outputs and let only")
          .help("write output = .., over the net's results");
    }
  }
  if (ok && outputNames.empty())
    return section.elab
        .error("no-output", plan.infer->name.span, "this infer section has no output")
        .help("add output = .., over the net's results, or leave the section out for all results");
  if (ok)
    warnAboutResults(section);
  return LogicalResult::success(ok);
}

/// Without an infer section all results are outputs; with one, some section has to name them.
void SectionBuilder::warnAboutResults(SectionFunction &section) {
  NameSearch search;
  walk(plan.infer->body, search);
  if (plan.train)
    walk(plan.train->body, search);
  const auto &net = *llvm::cast<ast::NetDecl>(plan.net.decl);
  for (const ast::Result &result : net.results)
    if (result.name && !search.names.contains(result.name.text))
      section.elab
          .warning("unused-result", result.span,
                   "no section uses result '" + result.name.text + "' of " + net.name.text)
          .help("leave it out of the results, or make it an output of the infer section");
}

LogicalResult SectionBuilder::addOutput(SectionFunction &section, const ast::AssignStmt &assign) {
  const ast::Ident &name = assign.names.front();
  if (llvm::is_contained(outputNames, name.text))
    return section.elab
        .error("output-twice", name.span, "output '" + name.text + "' is given twice")
        .note(section.scope->find(name.text)->span, "the first time here")
        .help("call one of them otherwise; a helper value is written let " + name.text + " = ..");
  FailureOr<Value> value = section.elab.evaluate(*assign.value, *section.scope);
  if (failed(value)) {
    section.scope->defineFailed(name.text, name.span);
    return failure();
  }
  const Tensor *tensor = value->tensor();
  if (!tensor)
    return section.elab
        .error("output-not-a-tensor", assign.value->span,
               "an output must be computed from the net's results; this is " + value->str())
        .help("a helper value is written let " + name.text + " = ..");
  section.scope->define(name.text, *value, name.span);
  section.function.addResult(name.text, tensor->value);
  outputNames.push_back(name.text.str());
  return success();
}

LogicalResult SectionBuilder::checkNetInTraining() {
  SectionFunction section(context, plan, "check", ast::Mode::Train, /*training=*/true);
  const ast::InferDecl *infer = plan.infer;
  return section.run(infer && infer->args ? &*infer->args : nullptr,
                     infer ? infer->data : ast::Ident());
}

//===- summary ------------------------------------------------------------------------------===//

/// What papers count: the terms of a sum of products, for one sample.
static double multiplyAdds(mlir::Operation *op) {
  auto compute = llvm::dyn_cast<gnc::ComputeOp>(op);
  if (!compute || compute.isPointwise() || compute.getReduction(0) != gnc::Reduction::Sum ||
      compute.getBody().getOps<mlir::arith::MulFOp>().empty())
    return 0;
  double terms = 1;
  for (int64_t extent : compute.getExtents())
    terms *= mlir::ShapedType::isDynamic(extent) ? 1 : double(extent);
  return terms;
}

/// Before the function is finished: what nothing needs still counts in the table.
void SectionBuilder::summarise(SectionFunction &section) {
  summary.net = plan.net.decl->name.text.str();
  for (const auto &[name, type] : section.inputs)
    summary.inputs.push_back(name + ": " + type.str());
  for (const auto &[name, value] : section.results.fields)
    summary.outputs.push_back(name + ": " + value.str());
  for (const SummaryRow &row : section.elab.summary) {
    NetRow copy{row.level, row.text, row.type.str(), row.parameters, 0, row.span.position(), 0};
    for (mlir::Operation *op : row.operations) {
      if (auto cost = llvm::dyn_cast<gnc::CostOpInterface>(op))
        copy.flops += cost.cost(1).flops;
      copy.multiplyAdds += multiplyAdds(op);
    }
    summary.rows.push_back(std::move(copy));
  }
  for (const auto &[path, parameter] : section.elab.parameters()) {
    bool weight = parameter->role == ParameterRole::Weight;
    (weight ? summary.parameters : summary.stateElements) += parameter->type.elements();
    summary.parameterTensors += weight;
  }
  for (const std::string &dimension : section.elab.defaultedDimensions)
    summary.assumed.push_back(dimension);
}

//===- -s -----------------------------------------------------------------------------------===//

void SectionBuilder::noteUse(SectionFunction &section) {
  for (const auto &name : section.elab.usedOverrides)
    usedOverrides.insert(name.getKey());
}

/// Free dimensions of a net: bare names in the types of its inputs.
static void collectDimensions(const ast::NetDecl &net, llvm::SmallVectorImpl<StringRef> &names) {
  for (const ast::Param &input : net.params.inputs)
    if (input.type)
      for (const ast::Dim &dim : input.type->dims)
        if (const auto *name = llvm::dyn_cast_or_null<ast::Name>(dim.expr))
          names.push_back(name->name);
}

LogicalResult SectionBuilder::checkOverrides() {
  const auto &net = *llvm::cast<ast::NetDecl>(plan.net.decl);
  bool ok = true;
  for (const auto &[name, text] : context.options.settings) {
    if (usedOverrides.contains(name))
      continue;
    ok = false;
    llvm::SmallVector<StringRef> names;
    for (const ast::Param &setting : net.params.settings)
      names.push_back(setting.name.text);
    collectDimensions(net, names);
    if (plan.train)
      names.append({"batch", "epochs", "steps", "seed", "validate", "workers"});
    Diagnostic &error =
        context.diags.error("unknown-setting", {},
                            "-s " + name + ": " + net.name.text + " has no setting '" + name + "'");
    error.note(names.empty() ? llvm::Twine("it has none") : "it has: " + llvm::join(names, ", "));
    StringRef near = nearest(name, names);
    if (!near.empty())
      error.help("did you mean '" + near + "'?");
  }
  return LogicalResult::success(ok);
}

//===- gnc.recipe ---------------------------------------------------------------------------===//

namespace {
/// A dictionary attribute under construction.
class DictionaryBuilder {
public:
  explicit DictionaryBuilder(mlir::MLIRContext *context) : builder(context) {}
  DictionaryBuilder &set(StringRef name, StringRef text) {
    return set(name, builder.getStringAttr(text));
  }
  DictionaryBuilder &set(StringRef name, int64_t whole) {
    return set(name, builder.getI64IntegerAttr(whole));
  }
  DictionaryBuilder &set(StringRef name, const std::vector<std::string> &list) {
    llvm::SmallVector<StringRef> refs(list.begin(), list.end());
    return set(name, builder.getStrArrayAttr(refs));
  }
  DictionaryBuilder &set(StringRef name, mlir::Attribute value) {
    entries.push_back(builder.getNamedAttr(name, value));
    return *this;
  }
  /// Where it is written, for the runtime's messages.
  DictionaryBuilder &place(Span at) {
    if (!at)
      return *this;
    Position position = at.position();
    return set("file", at.source->name())
        .set("line", int64_t(position.line))
        .set("column", int64_t(position.column));
  }
  mlir::Attribute finish() { return builder.getDictionaryAttr(entries); }

private:
  mlir::Builder builder;
  llvm::SmallVector<mlir::NamedAttribute> entries;
};
} // namespace

/// runtime::DataSource.
static mlir::Attribute sourceAttribute(mlir::MLIRContext *context, const DataSource &from) {
  DictionaryBuilder builder(context);
  builder.set("kind", StringRef(from.kind))
      .set("path", StringRef(from.path))
      .set("count", from.count)
      .set("seed", from.seed)
      .place(from.span);
  if (!from.files.empty()) {
    DictionaryBuilder files(context);
    for (const auto &[name, path] : from.files)
      files.set(name, StringRef(path));
    builder.set("files", files.finish());
  }
  if (from.split != DataSource().split)
    builder.set("split", mlir::Builder(context).getF64FloatAttr(from.split));
  if (!from.label.empty())
    builder.set("label", StringRef(from.label));
  if (from.couples)
    builder.set("couples", mlir::Builder(context).getF64FloatAttr(*from.couples));
  return builder.finish();
}

/// A net without a data section answers made-up samples too: `gnc infer --data synthetic:N`.
static DataSource withoutSection(StringRef dataOverride) {
  DataSource source;
  if (dataOverride.consume_front("synthetic:") && !dataOverride.getAsInteger(10, source.count))
    source.kind = "synthetic";
  return source;
}

void SectionBuilder::setRecipe() {
  mlir::MLIRContext *mlirContext = context.module->getContext();
  DataSource from = source ? *source : withoutSection(context.options.dataOverride);
  int64_t seed = context.options.seed ? int64_t(*context.options.seed) : numbers.seed;
  mlir::Attribute validate = mlir::Builder(mlirContext).getF64FloatAttr(numbers.validate);
  DictionaryBuilder initBuilder(mlirContext);
  initBuilder.set("path", StringRef(numbers.init));
  if (!numbers.init.empty())
    initBuilder.place(keys->place("init"));
  mlir::Attribute init = initBuilder.finish();
  const ast::Decl *section = plan.train ? (const ast::Decl *)plan.train : plan.net.decl;
  DictionaryBuilder recipe(mlirContext);
  recipe.set("net", plan.net.decl->name.text)
      .set("source", sourceAttribute(mlirContext, from))
      .set("batch", numbers.batch)
      .set("epochs", numbers.epochs)
      .set("steps", numbers.steps)
      .set("seed", seed)
      .set("validate", validate)
      .set("metrics", metricNames)
      .set("tables", tableNames)
      .set("outputs", outputNames)
      .set("best", StringRef(numbers.best))
      .set("workers", numbers.workers)
      .set("init", init)
      .place(section->name.span);
  if (numbers.precision != "f32")
    recipe.set("precision", StringRef(numbers.precision));
  context.module->setAttr(names::kRecipe, recipe.finish());
}
