// The use of a block, op or net: signature, body, results.
#include "dsl/BodyRunner.h"
#include "dsl/Habits.h"
#include "dsl/LayerBuilder.h"
#include "dsl/Op.h"
#include "dsl/ShapeNote.h"
#include "dsl/TensorArithmetic.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;

AttributeScope::AttributeScope(Elaborator &elab, const std::vector<ast::Attribute> *attributes,
                               Scope &scope)
    : elab(elab), active(attributes && !attributes->empty()) {
  if (active)
    elab.attributeLevels.push_back({attributes, &scope, elab.path()});
}

AttributeScope::~AttributeScope() {
  if (active)
    elab.attributeLevels.pop_back();
}

//===- rows of the summary ------------------------------------------------------------------===//

RowScope::RowScope(Elaborator &elab, const CallSite &site, size_t uses)
    : elab(elab), site(site), active(elab.rowUses == elab.useStack.size()), level(elab.rowLevel),
      place(elab.summary.size()) {
  if (!active)
    return;
  elab.rowUses.reset();
  if (++elab.rowLevel < elab.summaryDepth)
    elab.rowUses = elab.useStack.size() + uses;
  before = lastOperation();
  parametersBefore = elab.parameterStore.size();
}

RowScope::~RowScope() {
  if (!active)
    return;
  elab.rowUses = elab.useStack.size();
  elab.rowLevel = level;
}

mlir::Operation *RowScope::lastOperation() const {
  mlir::Block *block = elab.builder.getInsertionBlock();
  return block && !block->empty() ? &block->back() : nullptr;
}

void RowScope::finish(const Value &result) {
  if (!active)
    return;
  SummaryRow row;
  row.level = level;
  row.text = site.text;
  row.span = site.span;
  if (result.tensor())
    row.type = *result.tensor();
  row.parameters = elab.weightElements(parametersBefore);
  if (mlir::Block *block = elab.builder.getInsertionBlock(); block && !block->empty())
    for (mlir::Operation *op = &block->back(); op && op != before; op = op->getPrevNode())
      row.operations.push_back(op);
  std::reverse(row.operations.begin(), row.operations.end());
  elab.summary.insert(elab.summary.begin() + place, std::move(row));
}

//===- arguments ----------------------------------------------------------------------------===//

namespace {
/// One use of a declaration.
struct DeclUse {
  Elaborator &elab;
  const Recipe &recipe;
  const CallSite &site;
  const ast::Decl &decl = *recipe.decl;
  llvm::StringRef owner = decl.name.text;
  llvm::ArrayRef<ast::Param> params = inputsOf(decl);
  llvm::SmallVector<const ast::Param *> settings = settingsOf(decl);
  std::vector<Argument> inputs = {};
  std::vector<Recipe::Given> given = {};

  LogicalResult split(llvm::ArrayRef<Argument> fromLeft);
  LogicalResult checkCount();
  LogicalResult missingInput(const ast::Param &param);
  LogicalResult makeTensors();
  Use use() const;
  LogicalResult bind(Scope &scope);
};
} // namespace

/// Named arguments are inputs or settings.
LogicalResult DeclUse::split(llvm::ArrayRef<Argument> fromLeft) {
  bool freeInputs = params.empty() && llvm::isa<ast::BlockDecl>(decl);
  inputs.assign(fromLeft.begin(), fromLeft.end());
  if (freeInputs) { // a chain takes what comes
    given = recipe.given;
    return success();
  }
  if (inputs.size() > params.size())
    return elab
        .error("input-count", site.name,
               owner + " takes " + llvm::Twine(params.size()) +
                   (params.size() == 1 ? " input" : " inputs") + ", got " +
                   llvm::Twine(inputs.size()))
        .note(signature(decl));
  std::vector<std::optional<Argument>> slots(params.size());
  llvm::copy(inputs, slots.begin());
  for (const Recipe::Given &one : recipe.given) {
    size_t index = params.size();
    if (one.name)
      index = llvm::find_if(params, [&](auto &p) { return p.name.text == one.name.text; }) -
              params.begin();
    if (index == params.size()) {
      given.push_back(one);
      continue;
    }
    if (slots[index])
      return elab
          .error("input-twice", one.name.span,
                 "input " + one.name.text + " of " + owner + " is given twice")
          .note("it is " + slots[index]->text + " already");
    slots[index] = Argument{*one.value, oneLine(one.span.text(), 40), one.span};
  }
  inputs.clear();
  for (const auto &[param, slot] : llvm::zip(params, slots)) {
    if (!slot)
      return missingInput(param);
    inputs.push_back(*slot);
  }
  return success();
}

LogicalResult DeclUse::missingInput(const ast::Param &param) {
  Report report =
      elab.error("missing-input", site.name, owner + " needs input '" + param.name.text + "'");
  report.note(signature(decl));
  for (const Recipe::Given &one : given)
    if (!one.name && one.value->tensor())
      return report.help("pass it by name: " + owner + "(.., " + param.name.text + " = " +
                         oneLine(one.span.text(), 30) + ")");
  return report;
}

/// Ops take numbers too.
LogicalResult DeclUse::makeTensors() {
  bool op = llvm::isa<ast::OpDecl>(decl);
  for (const auto &[i, input] : llvm::enumerate(inputs)) {
    if (input.value.tensor() || params.empty())
      continue;
    bool number = input.value.isNumber() || input.value.schedule() || input.value.boolean();
    if (!op || !number) {
      Report report = elab.error("needs-tensor", site.name,
                                 "input " + params[i].name.text + " of " + owner +
                                     " must be a tensor, got " + input.value.kindName());
      if (const Record *record = input.value.record(); record && !record->fields.empty()) {
        std::string names;
        for (const auto &[name, value] : record->fields)
          names += (names.empty() ? "" : ", ") + name;
        report.help("name its values first: " + names + " = " + input.text);
      }
      return report;
    }
    FailureOr<Tensor> tensor = toTensor(elab, input.value, input.span);
    if (failed(tensor))
      return failure();
    input.value = *tensor;
  }
  return success();
}

/// With the settings given, for the notes of errors inside.
Use DeclUse::use() const {
  Use use{&decl, recipe.module, site.name};
  size_t position = 0;
  for (const Recipe::Given &one : given) {
    std::string name = one.name.text.str();
    if (!one.name && position < settings.size())
      name = settings[position++]->name.text.str();
    if (one.value->tensor())
      continue;
    use.settings +=
        (use.settings.empty() ? "" : ", ") + name + " = " + oneLine(one.value->str(), 30);
    use.written.push_back({name, oneLine(one.span.text(), 40)});
  }
  return use;
}

LogicalResult DeclUse::bind(Scope &scope) {
  if (failed(makeTensors()) ||
      (!params.empty() &&
       failed(bindDimensions(elab, params, inputs, scope, owner, site.name, settings))))
    return failure();
  if (failed(gnc::dsl::bindSettings(elab, settings, given, scope, owner, site.name)))
    return failure();
  return params.empty() ? success() : checkInputs(elab, params, inputs, scope, owner, site.name);
}

//===- use ----------------------------------------------------------------------------------===//

/// The arithmetic in the body that led to the result's shape, if it is one line.
static std::string innerNote(const Tensor &result, const TrailStep *until) {
  std::string note;
  unsigned steps = 0;
  for (const TrailStep *step = result.trail; step && step != until && ++steps < 1000;
       step = step->previous) {
    if (step->note.empty() || step->note == note)
      continue;
    if (!note.empty())
      return "";
    note = step->note;
  }
  return note;
}

Value gnc::dsl::extendWay(Elaborator &elab, const Value &result, const TrailStep *previous,
                          llvm::StringRef text, llvm::StringRef note) {
  if (const Tensor *tensor = result.tensor()) {
    Tensor copy = *tensor;
    copy.trail = elab.extendTrail(previous, text, copy, note);
    return copy;
  }
  if (const Record *record = result.record()) {
    Record copy = *record;
    for (auto &[name, value] : copy.fields)
      value = extendWay(elab, value, previous, text, note);
    return copy;
  }
  return result;
}

FailureOr<Value> LayerBuilder::applyDecl(const Recipe &recipe, llvm::ArrayRef<Argument> inputs,
                                         const CallSite &site) {
  if (recipe.decl->hasErrors || !elab.spend(Elaborator::opCost, site.name))
    return failure();
  DeclUse use{elab, recipe, site};
  if (failed(use.split(inputs)))
    return failure();
  RowScope row(elab, site, /*uses=*/1);
  // Ops have no weights; in the net's own body they are layers of a report all the same.
  std::optional<PathScope> level;
  if (row.isRow() || !llvm::isa<ast::OpDecl>(recipe.decl))
    level.emplace(elab, PathScope::label(elab, site.label.empty() ? use.owner.str() : site.label));
  AttributeScope attributes(elab, site.attributes, scope);
  if (failed(elab.pushUse(use.use())))
    return failure();
  auto leave = llvm::scope_exit([&] { elab.popUse(); });
  Scope &inner = elab.newScope(elab.rootOf(recipe.module));
  if (failed(use.bind(inner)))
    return failure();
  FailureOr<Value> result = runDecl(elab, recipe, use.inputs, inner, site);
  if (failed(result))
    return failure();
  const Tensor *first = use.inputs.empty() ? nullptr : use.inputs[0].value.tensor();
  const TrailStep *before = first ? first->trail : nullptr;
  std::string note;
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(recipe.decl))
    note = resultArithmetic(*op, inner, elab.uses().back());
  else if (result->tensor())
    note = innerNote(*result->tensor(), before);
  leave.release();
  elab.popUse();
  if (recipe.module->isStandard())
    warnAboutUse(elab, *recipe.decl, inner, use.inputs, *result, site.name);
  Value extended = extendWay(elab, *result, before, site.text, note);
  row.finish(extended);
  return extended;
}

static FailureOr<Value> runOp(Elaborator &elab, const ast::OpDecl &op,
                              llvm::ArrayRef<Argument> inputs, Scope &scope, Span at) {
  llvm::SmallVector<Tensor> tensors;
  for (const Argument &input : inputs)
    tensors.push_back(*input.value.tensor());
  auto results = applyOp(elab, op, tensors, scope, at);
  if (failed(results))
    return failure();
  if (results->size() == 1)
    return Value(results->front());
  Record record;
  record.name = op.name.text.str();
  for (const auto &[declared, tensor] : llvm::zip(op.results, *results))
    record.fields.push_back({declared.name.text.str(), Value(tensor)});
  return Value(std::move(record));
}

FailureOr<Value> gnc::dsl::runDecl(Elaborator &elab, const Recipe &recipe,
                                   llvm::ArrayRef<Argument> inputs, Scope &scope,
                                   const CallSite &site) {
  if (auto *op = llvm::dyn_cast<ast::OpDecl>(recipe.decl))
    return runOp(elab, *op, inputs, scope, site.name);
  auto *block = llvm::dyn_cast<ast::BlockDecl>(recipe.decl);
  if (block && block->chain) {
    Recipe chain;
    chain.stages = &block->chain->stages;
    chain.scope = &scope;
    chain.span = chain.nameSpan = block->chain->span;
    auto result =
        LayerBuilder(elab, scope).applyRecipe(chain, inputs, {chain.span, chain.span, "", ""});
    return failed(result) ? result : collectResults(elab, *block, block->results, scope, *result);
  }
  auto *net = llvm::dyn_cast<ast::NetDecl>(recipe.decl);
  auto value = elab.runBody(block ? block->body : net->body, scope);
  if (failed(value))
    return failure();
  return collectResults(elab, *recipe.decl, block ? block->results : net->results, scope, *value);
}

//===- results ------------------------------------------------------------------------------===//

/// Checks one result against its declaration.
static LogicalResult checkResult(Elaborator &elab, const ast::Decl &decl, const ast::Result &result,
                                 const Value &value, Scope &scope) {
  std::string name = result.name ? "result " + result.name.text.str() : "the result";
  const Tensor *tensor = value.tensor();
  if (!tensor)
    return elab.error("needs-tensor", result.span,
                      name + " of " + decl.name.text + " must be a tensor, got " +
                          value.kindName());
  const ast::Type &type = *result.type;
  if (type.elem == ast::Elem::F32 && type.hasShape) {
    auto wanted = elab.evaluateShape(type, scope);
    if (failed(wanted))
      return failure();
    if (tensor->shape == *wanted)
      return success();
    std::string declared = typeText(type), text = TensorType::str(*wanted);
    return elab
        .error("result-shape", type.shapeSpan ? type.shapeSpan : result.span,
               decl.name.text + " declares " + name + " as " +
                   (declared == text ? text : declared + " = " + text) + ", but computes " +
                   tensor->str())
        .trail(*tensor);
  }
  return elab.bindType(type, *tensor, scope, name + " of " + decl.name.text, result.span);
}

FailureOr<Value> gnc::dsl::collectResults(Elaborator &elab, const ast::Decl &decl,
                                          llvm::ArrayRef<ast::Result> results, Scope &scope,
                                          const std::optional<Value> &value) {
  auto noValue = [&]() -> FailureOr<Value> {
    return elab
        .error("no-value", decl.name.span,
               "'" + decl.name.text + "' has no value: its last statement must be one")
        .help("end it with an expression");
  };
  if (results.empty())
    return value ? FailureOr<Value>(*value) : noValue();
  Record record;
  record.name = decl.name.text.str();
  for (const ast::Result &result : results) {
    const Binding *binding = result.name ? scope.findHere(result.name.text) : nullptr;
    if (binding && binding->status == Binding::Status::Failed)
      return failure();
    if (binding && !binding->value)
      return elab
          .error("missing-result", result.span,
                 "result '" + result.name.text + "' of " + decl.name.text +
                     " has a value in one branch only")
          .note(binding->span, "it is assigned in one branch here");
    if (!result.name && results.size() > 1)
      return elab
          .error("missing-result", result.span,
                 "a result of " + decl.name.text + " has no name: several are assigned by name")
          .help("write name: " + typeText(*result.type));
    if (!binding && (results.size() > 1 || !value)) {
      if (!result.name)
        return noValue();
      return elab
          .error("missing-result", result.span,
                 "result '" + result.name.text + "' of " + decl.name.text + " is never assigned")
          .help("assign it: " + result.name.text + " = ..");
    }
    const Value &found = binding ? *binding->value : *value;
    if (failed(checkResult(elab, decl, result, found, scope)))
      return failure();
    record.fields.push_back({result.name.text.str(), found});
  }
  return record.fields.size() == 1 ? record.fields[0].second : Value(std::move(record));
}
