#include "dsl/GradientText.h"

#include "dsl/EquationText.h"
#include "dsl/Format.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

namespace {
class GradientPrinter {
public:
  GradientPrinter(const OpInstance &instance, mlir::func::FuncOp adjoint)
      : instance(instance), adjoint(adjoint) {}
  std::string print();

private:
  void nameOperands();
  void nameTemporaries();
  std::string temporaryName(mlir::Operation &op) const;
  std::string sourceName(mlir::Operation &op) const;
  bool isInlined(gnc::ComputeOp op) const;
  void writeEquations();
  void writeCopies();
  std::string printOnNumbers();

  const OpInstance &instance;
  mlir::func::FuncOp adjoint;
  OpText names;
  std::vector<OpOperand> inputs, results; // of the printed op
};
} // namespace

static bool isFloat(mlir::Type type) {
  return llvm::cast<mlir::RankedTensorType>(type).getElementType().isF32();
}

/// The inputs keep their names; `dy` gives way to the `dy` of an input y.
void GradientPrinter::nameOperands() {
  mlir::Block &block = adjoint.front();
  size_t argument = 0;
  for (const OpOperand &input : instance.inputs) {
    inputs.push_back(input);
    names.take(input.name);
    names.set(block.getArgument(argument++), input.name);
  }
  for (const OpOperand &input : instance.inputs) {
    size_t number = &input - instance.inputs.data();
    if (isFloat(block.getArgument(number).getType()))
      results.push_back({names.fresh("d" + input.name), input.type, 0, input.dimensions});
  }
  for (auto [i, result] : llvm::enumerate(instance.results)) {
    mlir::func::FuncOp forward = instance.function();
    if (!isFloat(forward.getResultTypes()[i]))
      continue;
    inputs.push_back({names.fresh("d" + result.name), result.type, 0, {}});
    names.set(block.getArgument(argument++), inputs.back().name);
  }
  names.batch = instance.batch;
  if (!instance.batch.empty())
    names.take(instance.batch);
  names.pack = instance.pointwise;
}

/// A forward equation that the gradient needs keeps its name; of two that make one equation (a sum
/// and its division) the last has it.
std::string GradientPrinter::temporaryName(mlir::Operation &op) const {
  std::string name = sourceName(op);
  for (mlir::Operation *next = op.getNextNode(); next && name != "t"; next = next->getNextNode())
    if (sourceName(*next) == name)
      return "t";
  return name;
}

std::string GradientPrinter::sourceName(mlir::Operation &op) const {
  mlir::Location at = op.getLoc();
  while (auto named = llvm::dyn_cast<mlir::NameLoc>(at)) {
    if (named.getName() == "backward")
      return "t";
    at = named.getChildLoc();
  }
  if (auto call = llvm::dyn_cast<mlir::CallSiteLoc>(at))
    at = call.getCallee();
  auto place = llvm::dyn_cast<mlir::FileLineColLoc>(at);
  for (const OpInstance::Equation &equation : instance.equations)
    if (place && place.getLine() == equation.line && place.getColumn() == equation.column)
      return equation.name;
  return "t";
}

/// A number of the gradient that one equation reads once is written there.
bool GradientPrinter::isInlined(gnc::ComputeOp op) const {
  if (op.getNumResults() != 1 || op.hasFinish() || !op->getResult(0).hasOneUse() ||
      !isFloat(op.getResultTypes()[0]) || temporaryName(*op) != "t")
    return false;
  mlir::OpOperand &use = *op->getResult(0).use_begin();
  auto reader = llvm::dyn_cast<gnc::ComputeOp>(use.getOwner());
  unsigned read = use.getOperandNumber();
  if (!reader || reader.hasFinish() || !(op.isPointwise() || reader.isPointwise()))
    return false;
  mlir::BlockArgument argument = reader.getBody().getArgument(read);
  return argument.hasOneUse() && indicesOf(reader.getAccess(read)).has_value();
}

void GradientPrinter::nameTemporaries() {
  mlir::Operation *end = adjoint.front().getTerminator();
  for (auto [operand, result] : llvm::zip_equal(end->getOperands(), results)) {
    if (!names.has(operand))
      names.set(operand, result.name);
    names.dimensions.try_emplace(operand, result.dimensions);
  }
  for (mlir::Operation &op : adjoint.front().without_terminator()) {
    if (isInlined(llvm::cast<gnc::ComputeOp>(op))) {
      names.inlined.insert(op.getResult(0));
      continue;
    }
    for (mlir::Value value : op.getResults())
      if (!names.has(value))
        names.set(value, names.fresh(temporaryName(op)));
  }
}

/// One value may be the adjoint of several inputs, or one that came in.
void GradientPrinter::writeCopies() {
  mlir::Operation *end = adjoint.front().getTerminator();
  for (auto [operand, result] : llvm::zip_equal(end->getOperands(), results)) {
    if (names[operand] == result.name)
      continue;
    auto type = llvm::cast<mlir::RankedTensorType>(operand.getType());
    std::string places;
    for (int64_t i = 0, batched = gnc::isBatched(type); i < type.getRank(); ++i)
      places += (i > batched ? ", " : "") + names.index("i" + std::to_string(i)) +
                (i == 0 && batched ? (type.getRank() > 1 ? "; " : ";") : "");
    places = names.pack ? "[i..]" : type.getRank() ? "[" + places + "]" : "";
    names.lines.push_back(result.name + places + " = " + names[operand] + places);
  }
}

void GradientPrinter::writeEquations() {
  mlir::Operation *end = adjoint.front().getTerminator();
  auto isResult = [&](mlir::Value value) { return llvm::is_contained(end->getOperands(), value); };
  for (mlir::Operation &op : adjoint.front().without_terminator())
    if (!names.inlined.contains(op.getResult(0)))
      EquationText(llvm::cast<gnc::ComputeOp>(op), names).print(isResult);
  writeCopies();
}

static std::string listed(llvm::ArrayRef<OpOperand> operands, bool pack) {
  return llvm::join(llvm::map_range(operands,
                                    [&](const OpOperand &operand) {
                                      return operand.name + ": " + (pack ? "[S..]" : operand.type);
                                    }),
                    ", ");
}

/// An op on numbers with one adjoint is written on numbers: `op relu_grad(x, dy) = ..`.
std::string GradientPrinter::printOnNumbers() {
  std::string text =
      "op " + instance.name + "_grad(" +
      llvm::join(llvm::map_range(inputs, [](const OpOperand &o) { return o.name; }), ", ") + ")";
  if (names.lines.size() == 1)
    text += " = " + llvm::StringRef(names.lines.front()).split(" = ").second.str() + "\n";
  else
    text += " {\n" + llvm::join(names.lines, "\n") + "\n}\n";
  for (size_t at; (at = text.find("[i..]")) != std::string::npos;)
    text.erase(at, 5);
  return text;
}

std::string GradientPrinter::print() {
  nameOperands();
  nameTemporaries();
  writeEquations();
  if (instance.pointwise && results.size() == 1)
    return printOnNumbers();
  std::string result = listed(results, names.pack);
  if (results.size() != 1)
    result = "(" + result + ")";
  return "op " + instance.name + "_grad(" + listed(inputs, names.pack) + ")\n   -> " + result +
         "\n{\n" + llvm::join(names.lines, "\n") + "\n}\n";
}

std::string gnc::dsl::gradientText(const OpInstance &instance, mlir::func::FuncOp adjoint) {
  std::string text = GradientPrinter(instance, adjoint).print();
  SourceManager sources;
  Diagnostics diags;
  return format("gradient", text, sources, diags).value_or(text);
}
