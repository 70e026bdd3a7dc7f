#include "dsl/SectionFunction.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// Where the function itself comes from: the section, or the net.
static Span placeOf(const NetPlan &plan, bool training) {
  if (plan.train && (training || !plan.infer))
    return plan.train->name.span;
  return plan.infer ? plan.infer->name.span : plan.net.decl->name.span;
}

static mlir::Location locationOf(mlir::MLIRContext *context, Span at) {
  Position position = at.position();
  return mlir::FileLineColLoc::get(context, at.source->name(), position.line, position.column);
}

SectionFunction::SectionFunction(const BuildContext &context, const NetPlan &plan, StringRef name,
                                 ast::Mode mode, bool training)
    : context(context), plan(plan),
      function(context.module, name, training,
               locationOf(context.module->getContext(), placeOf(plan, training))),
      elab(function, context.diags, function.builder, mode), at(placeOf(plan, training)) {
  elab.listener = context.options.listener;
  elab.summaryDepth = context.options.summaryDepth;
}

/// The net's settings, the types of its inputs, the data.
FailureOr<NetUse> SectionFunction::begin(const ast::Args *args, const ast::Ident &on,
                                         const llvm::StringMap<Value> &overrides) {
  Scope &root = elab.rootOf(plan.main);
  scope = &elab.newScope(root);
  if (net().hasErrors || failed(splitArgs(args)))
    return failure();
  FailureOr<NetUse> use = elab.beginNet(net(), plan.net.module, settings, root, overrides, at);
  if (failed(use) || failed(inputTypes(*use)) || (on && failed(loadData(on))))
    return failure();
  return use;
}

LogicalResult SectionFunction::run(const ast::Args *args, const ast::Ident &on) {
  FailureOr<NetUse> use = begin(args, on, boundDimensions(args, on));
  if (failed(use))
    return failure();
  std::vector<Tensor> tensors;
  for (size_t i = 0; i != inputs.size(); ++i) {
    FailureOr<Tensor> tensor = inputValue(i);
    if (failed(tensor))
      return failure();
    tensors.push_back(*tensor);
  }
  FailureOr<Record> record = elab.applyNet(*use, tensors);
  if (failed(record))
    return failure();
  results = std::move(*record);
  return defineResults();
}

/// Arguments named like an input of the net say which field it takes; the others are settings.
LogicalResult SectionFunction::splitArgs(const ast::Args *args) {
  if (!args)
    return success();
  for (const ast::Arg &arg : args->list) {
    bool isInput = llvm::any_of(net().params.inputs,
                                [&](const ast::Param &p) { return p.name.text == arg.name.text; });
    if (!isInput) {
      settings.push_back(&arg);
      continue;
    }
    auto [first, isNew] = inputArgs.try_emplace(arg.name.text, &arg);
    if (!isNew)
      return elab.error("argument-twice", arg.span, "input '" + arg.name.text + "' is given twice")
          .note(first->second->span, "the first time here")
          .help("keep one of them");
  }
  return success();
}

LogicalResult SectionFunction::inputTypes(NetUse &use) {
  for (const ast::Param &input : net().params.inputs) {
    FailureOr<TensorType> type = elab.inputType(use, input);
    if (failed(type))
      return failure();
    type->batched = true;
    inputs.push_back({input.name.text.str(), *type});
  }
  return success();
}

LogicalResult SectionFunction::loadData(const ast::Ident &on) {
  Found found = plan.main->find(on.text);
  const auto *decl = llvm::dyn_cast_or_null<ast::DataDecl>(found.decl);
  if (!decl) {
    std::vector<StringRef> names = plan.main->visibleNames(ast::Decl::Kind::Data);
    Report report = found ? elab.error("not-data", on.span,
                                       "'" + on.text + "' is " + describe(found.decl->kind) +
                                           ", not a data section")
                          : elab.error("unknown-data", on.span,
                                       "there is no data section named '" + on.text + "'");
    if (!names.empty())
      report.note("data sections: " + llvm::join(names, ", "));
    return report.didYouMean(on.text, names);
  }
  llvm::StringMap<TensorType> needed;
  for (const auto &[name, type] : inputs) {
    const ast::Arg *arg = inputArgs.lookup(name);
    const auto *field = arg ? llvm::dyn_cast<ast::Name>(arg->value) : nullptr;
    if (!arg || field)
      needed.try_emplace(field ? field->name : StringRef(name), type);
  }
  FailureOr<DataFields> fields =
      DataFields::make(elab, function, *decl, *found.module, needed, context.options.dataOverride);
  if (failed(fields))
    return failure();
  data = std::move(*fields);
  for (const auto &[name, value] : data->fields)
    scope->define(name, value, {}, /*constant=*/true);
  return success();
}

/// The tensor that input number `input` of the net takes.
FailureOr<Tensor> SectionFunction::inputValue(size_t input) {
  const auto &[name, type] = inputs[input];
  if (data) {
    Span place = at;
    FailureOr<Tensor> field = fieldOf(input, place);
    if (failed(field) || failed(checkInput(input, *field, place)))
      return failure();
    // The net's own messages name the input, not what the data did to it before.
    field->trail = elab.extendTrail(nullptr, name, *field);
    return field;
  }
  const ast::Param &param = net().params.inputs[input];
  if (const ast::Arg *arg = inputArgs.lookup(name))
    return elab
        .error("input-without-data", arg->span,
               "there is no data section that '" + name + "' could be taken from")
        .help("add on DATA, or leave the argument out");
  mlir::Value argument = function.addInput(name, name, type, elab.location(param.span));
  return Tensor(argument, type, elab.extendTrail(nullptr, name, type));
}

/// What the data give for an input; `place` becomes that of the argument that says so.
FailureOr<Tensor> SectionFunction::fieldOf(size_t input, Span &place) {
  const std::string &name = inputs[input].first;
  if (const ast::Arg *arg = inputArgs.lookup(name)) {
    place = arg->span;
    return elab.evaluateTensor(*arg->value, *scope, "input '" + name + "'");
  }
  const Value *value = data->find(name);
  std::vector<StringRef> fields = data->names();
  if (!value) {
    StringRef near = nearest(name, fields);
    StringRef example = near.empty() ? StringRef("field") : near;
    return elab
        .error("no-field", at,
               "the data have no field '" + name + "' for input '" + name + "' of " +
                   net().name.text)
        .note("fields: " + llvm::join(fields, ", "))
        .help("name the field: " + net().name.text + "(" + name + " = " + example + ")");
  }
  if (!value->tensor())
    return elab.error("no-field", at, "field '" + name + "' is " + value->str() + ", not a tensor");
  return *value->tensor();
}

/// Shapes are checked by the net; here what is between the elements.
LogicalResult SectionFunction::checkInput(size_t input, const Tensor &tensor, Span at) {
  const auto &[name, type] = inputs[input];
  if (tensor.shape != type.shape)
    return elab
        .error("field-shape", at,
               "input '" + name + "' of " + net().name.text + " is " + type.str() +
                   ", the data give " + tensor.str())
        .trail(tensor, "how the field is made:");
  if (tensor.element == type.element)
    return success();
  Report report = elab.error("field-type", at,
                             "input '" + name + "' of " + net().name.text + " is " + type.str() +
                                 ", the data give " + tensor.str());
  if (tensor.element == ElementKind::U8 && type.element == ElementKind::F32)
    report.help("make numbers of the bytes in the data section: " + name + " = source." + name +
                " / 255");
  return report;
}

LogicalResult SectionFunction::defineResults() {
  for (const auto &[name, value] : results.fields) {
    if (data && data->find(name))
      return elab
          .error("name-clash", at,
                 "'" + name + "' is a field of the data and a result of " + net().name.text)
          .help("rename the field, and give it to the input: " + net().name.text +
                "(input = new_name)");
    scope->define(name, value, {}, /*constant=*/true);
  }
  defineWeights();
  return success();
}

/// `weights`, for penalties such as `1e-4 * l2(weights)`; a field or result of that name wins.
void SectionFunction::defineWeights() {
  if (scope->find("weights"))
    return;
  std::vector<Value> weights;
  for (const auto &[path, parameter] : elab.parameters())
    if (parameter->role == ParameterRole::Weight)
      weights.push_back(Value(Tensor(parameter->argument, parameter->type, parameter->trail)));
  scope->define("weights", Value::list(std::move(weights)), {}, /*constant=*/true);
}

void SectionFunction::finish() {
  for (const auto &[value, classes] : elab.classesFound)
    if (llvm::isa<mlir::BlockArgument>(value))
      function.setClasses(value, classes);
  function.finish();
}
