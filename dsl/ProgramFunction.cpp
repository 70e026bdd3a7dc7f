#include "dsl/ProgramFunction.h"

#include "ir/Gnc.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace gnc::dsl;
using llvm::StringRef;

ProgramFunction::ProgramFunction(mlir::ModuleOp module, StringRef name, bool training,
                                 mlir::Location location)
    : builder(module.getContext()), training(training) {
  builder.setInsertionPointToEnd(module.getBody());
  function = mlir::func::FuncOp::create(builder, location, name, builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(function.addEntryBlock());
}

//===- arguments ----------------------------------------------------------------------------===//

mlir::Value ProgramFunction::addArgument(mlir::Type type, StringRef role, StringRef path,
                                         mlir::Location location, mlir::NamedAttrList attributes) {
  attributes.set(names::kRole, builder.getStringAttr(role));
  attributes.set(names::kPath, builder.getStringAttr(path));
  argumentAttributes.push_back(std::move(attributes));
  // Printed modules call the argument by its path.
  auto named = mlir::NameLoc::get(mlir::StringAttr::get(type.getContext(), path), location);
  return entry().addArgument(type, named);
}

void ProgramFunction::addInitializer(mlir::NamedAttrList &attributes,
                                     const Initializer &initializer) {
  attributes.set(names::kInit, builder.getStringAttr(initializer.name()));
  attributes.set(names::kInitA, builder.getF64FloatAttr(initializer.a));
  if (initializer.usesB())
    attributes.set(names::kInitB, builder.getF64FloatAttr(initializer.b));
}

mlir::Value ProgramFunction::addParameter(const Parameter &parameter, mlir::Location location) {
  mlir::NamedAttrList attributes;
  addInitializer(attributes, parameter.initializer);
  if (!parameter.was.empty()) {
    llvm::SmallVector<StringRef> was(parameter.was.begin(), parameter.was.end());
    attributes.set(names::kWas, builder.getStrArrayAttr(was));
  }
  return addArgument(parameter.type.ir(builder.getContext()),
                     parameter.role == ParameterRole::Weight ? "weight" : "state", parameter.path,
                     location, std::move(attributes));
}

mlir::Value ProgramFunction::addOptimizerState(StringRef path, const TensorType &type,
                                               const Initializer &initializer,
                                               mlir::Location location) {
  mlir::NamedAttrList attributes;
  addInitializer(attributes, initializer);
  return addArgument(type.ir(builder.getContext()), "optimizer", path, location,
                     std::move(attributes));
}

mlir::Value ProgramFunction::addAverage(StringRef path, const TensorType &type,
                                        mlir::Location location) {
  mlir::NamedAttrList attributes;
  addInitializer(attributes, Initializer());
  return addArgument(type.ir(builder.getContext()), "average", path, location,
                     std::move(attributes));
}

mlir::Value ProgramFunction::addSchedule(const Schedule &schedule, mlir::Location location) {
  if (!training)
    return nullptr;
  StringRef program = schedule.postfix();
  auto [it, inserted] = schedules.try_emplace(program);
  if (inserted) {
    mlir::NamedAttrList attributes;
    attributes.set(names::kSchedule, builder.getStringAttr(program));
    it->second = addArgument(TensorType().ir(builder.getContext()), "schedule",
                             "schedule." + std::to_string(schedules.size() - 1), location,
                             std::move(attributes));
  }
  return it->second;
}

mlir::Value ProgramFunction::addStream(mlir::Location location) {
  if (!stream)
    stream = addArgument(mlir::RankedTensorType::get({4}, builder.getI32Type()), "stream", "stream",
                         location, {});
  return stream;
}

mlir::Value ProgramFunction::addInput(StringRef name, StringRef member, const TensorType &type,
                                      mlir::Location location) {
  mlir::NamedAttrList attributes;
  attributes.set(names::kMember, builder.getStringAttr(member));
  mlir::Value argument =
      addArgument(type.ir(builder.getContext()), "input", name, location, std::move(attributes));
  if (type.classes)
    setClasses(argument, type.classes);
  return argument;
}

void ProgramFunction::setClasses(mlir::Value argument, int64_t classes) {
  unsigned number = llvm::cast<mlir::BlockArgument>(argument).getArgNumber();
  argumentAttributes[number].set(names::kClasses, builder.getI64IntegerAttr(classes));
}

//===- results ------------------------------------------------------------------------------===//

void ProgramFunction::addResult(StringRef path, mlir::Value value) {
  results.push_back({path.str(), value});
}

void ProgramFunction::addUpdate(mlir::Value argument, mlir::Value value) {
  updates.push_back({argument, value});
}

/// What neither a result nor a weight to come needs: fields that are not read, auxiliary heads.
void ProgramFunction::eraseUnused() {
  for (mlir::Operation &op : llvm::make_early_inc_range(llvm::reverse(entry())))
    if (mlir::isOpTriviallyDead(&op))
      op.erase();
  for (unsigned i = entry().getNumArguments(); i-- > 0;) {
    auto role = llvm::cast<mlir::StringAttr>(argumentAttributes[i].get(names::kRole)).getValue();
    if (!entry().getArgument(i).use_empty() || (training && isPersistentRole(role)))
      continue;
    entry().eraseArgument(i);
    argumentAttributes.erase(argumentAttributes.begin() + i);
  }
}

void ProgramFunction::finish() {
  llvm::SmallVector<mlir::Value> values;
  for (const auto &[path, value] : results)
    values.push_back(value);
  for (const auto &[argument, value] : updates)
    values.push_back(value);
  mlir::func::ReturnOp::create(builder, function.getLoc(), values);
  eraseUnused();
  mlir::MLIRContext *context = builder.getContext();
  llvm::SmallVector<mlir::Attribute> argumentDictionaries, resultDictionaries;
  for (const mlir::NamedAttrList &attributes : argumentAttributes)
    argumentDictionaries.push_back(attributes.getDictionary(context));
  auto addDictionary = [&](StringRef name, mlir::Attribute value) {
    resultDictionaries.push_back(builder.getDictionaryAttr(builder.getNamedAttr(name, value)));
  };
  for (const auto &[path, value] : results)
    addDictionary(names::kPath, builder.getStringAttr(path));
  for (const auto &[argument, value] : updates)
    addDictionary(names::kUpdates, builder.getI64IntegerAttr(
                                       llvm::cast<mlir::BlockArgument>(argument).getArgNumber()));
  llvm::SmallVector<mlir::Type> types;
  for (mlir::Value value : values)
    types.push_back(value.getType());
  function.setFunctionType(builder.getFunctionType(entry().getArgumentTypes(), types));
  function.setAllArgAttrs(argumentDictionaries);
  function.setAllResultAttrs(resultDictionaries);
}
