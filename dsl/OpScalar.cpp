// Arithmetic inside an equation: an expression becomes scalars of the equation's region.
#include "dsl/OpElaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

//===- what is known at compile time --------------------------------------------------------===//

const OpTensor *OpElaborator::tensorOf(const ast::Expr &expr) const {
  std::string key;
  if (auto *name = llvm::dyn_cast<ast::Name>(&expr)) {
    key = name->name.str();
  } else if (auto *member = llvm::dyn_cast<ast::Member>(&expr)) {
    auto *base = llvm::dyn_cast<ast::Name>(member->base);
    if (!base || base->name != "d")
      return nullptr;
    key = "d." + member->member.text.str();
  }
  auto it = tensors.find(key);
  return it == tensors.end() ? nullptr : &it->second;
}

/// What changes from step to step, unless the module declares the name itself.
static bool isStepName(StringRef name) {
  return name == "step" || name == "epoch" || name == "epochs";
}

/// `d.x`, where nothing else is named d.
bool OpElaborator::isAdjoint(const ast::Expr &expr) const {
  auto *member = llvm::dyn_cast<ast::Member>(&expr);
  auto *base = member ? llvm::dyn_cast<ast::Name>(member->base) : nullptr;
  return base && base->name == "d" && !scope.find("d");
}

/// A call is constant if its operands are and it is arithmetic or a `def`.
bool OpElaborator::isConstantCall(const ast::Call &call) {
  std::string written;
  Found callee = calleeOf(call, written);
  if (callee ? !llvm::isa<ast::DefDecl>(callee.decl) : written == "stop" || written == "index")
    return false;
  return llvm::all_of(call.args.list, [&](const ast::Arg &arg) { return isConstant(*arg.value); });
}

bool OpElaborator::isConstant(const ast::Expr &expr) {
  auto [it, inserted] = constness.try_emplace(&expr, false);
  if (!inserted)
    return it->second;
  bool constant = true;
  if (auto *name = llvm::dyn_cast<ast::Name>(&expr)) {
    const Value *value = scope.value(name->name);
    constant = !indexNamed(name->name) && !scalars.count(name->name) && !tensorOf(expr) &&
               !(value && (value->tensor() || value->schedule())) &&
               (scope.find(name->name) || !isStepName(name->name));
  } else if (auto *call = llvm::dyn_cast<ast::Call>(&expr)) {
    constant = isConstantCall(*call);
  } else if (llvm::isa<ast::Reduce, ast::Flow>(&expr) || tensorOf(expr) || isAdjoint(expr)) {
    constant = false;
  } else {
    forEachPart(expr, [&](const ast::Expr &part) { constant = constant && isConstant(part); });
  }
  return constness[&expr] = constant;
}

//===- names --------------------------------------------------------------------------------===//

Report OpElaborator::unknownName(StringRef name, Span at) {
  llvm::SmallVector<StringRef> candidates;
  for (const auto &entry : tensors)
    candidates.push_back(entry.first());
  for (const IndexName &index : names)
    candidates.push_back(index.name.text);
  for (const auto &entry : scalars)
    candidates.push_back(entry.first());
  for (const ast::Param &setting : op.params.settings)
    candidates.push_back(setting.name.text);
  Report report = elab.error("unknown-tensor", at,
                             "'" + name + "' is not a tensor, index or setting of " + op.name.text);
  report.didYouMean(name, candidates);
  return report;
}

/// A tensor or schedule that is the value of a setting.
FailureOr<mlir::Value> OpElaborator::scopeTensor(const Value &value, Span at, EquationBuilder &eq) {
  if (isolated)
    return elab.error(
        "runtime-setting", at,
        "a setting of an op with its own gradient must be a number known at compile time");
  mlir::Value tensor;
  if (const Schedule *schedule = value.schedule()) {
    tensor = elab.host.addSchedule(*schedule, location(at));
    if (!tensor)
      return elab
          .error("schedule-outside-training", at,
                 "'" + at.text() + "' changes while training; there is no training here")
          .help("ops of a net do not know the step; use it in the train section");
  } else if (const Tensor *own = value.tensor()) {
    if (own->rank() || own->batched)
      return elab
          .error("runtime-setting", at,
                 "a setting is a number, but '" + at.text() + "' is " + own->str())
          .help("pass it as an input");
    tensor = own->value;
  }
  return eq.read(tensor, AccessParts());
}

/// A tensor without brackets: one number, or in an op on numbers its element.
FailureOr<mlir::Value> OpElaborator::wholeTensor(const OpTensor &tensor, const ast::Expr &at,
                                                 EquationBuilder &eq) {
  const Tensor &value = tensor.tensor;
  if (pointwise)
    return readBack(value, value.shape.empty() ? llvm::ArrayRef<unsigned>() : domainVars, eq);
  if (value.shape.empty() && !tensor.namesBatch)
    return readBack(value, {}, eq);
  std::string places = tensor.namesBatch ? "n; .." : "..";
  return elab
      .error("needs-indices", at.span,
             "'" + at.span.text() + "' is " + value.str() + "; an equation reads one element of it")
      .help("write " + at.span.text() + "[" + places + "]");
}

FailureOr<mlir::Value> OpElaborator::name(const ast::Name &expr, EquationBuilder &eq) {
  if (const IndexName *index = indexNamed(expr.name)) {
    if (index->pack)
      return elab.error("pack-as-number", expr.span,
                        "'" + expr.name + "' stands for several indices; it is no number");
    return eq.indexNumber(index->vars.front());
  }
  if (auto it = scalars.find(expr.name); it != scalars.end())
    return it->second;
  if (const OpTensor *tensor = tensorOf(expr))
    return wholeTensor(*tensor, expr, eq);
  return constantScalar(expr, eq);
}

//===- expressions --------------------------------------------------------------------------===//

FailureOr<mlir::Value> OpElaborator::constantScalar(const ast::Expr &expr, EquationBuilder &eq) {
  if (auto *name = llvm::dyn_cast<ast::Name>(&expr)) {
    const Binding *binding = scope.find(name->name);
    if ((binding && binding->status == Binding::Status::Failed) ||
        failedIndices.contains(name->name))
      return failure();
    if (!binding && !scope.module()->find(name->name) && !isStepName(name->name) &&
        name->name != "pi")
      return unknownName(name->name, expr.span);
  }
  auto value = elab.evaluate(expr, scope);
  if (failed(value))
    return failure();
  if (value->schedule() || value->tensor())
    return scopeTensor(*value, expr.span, eq);
  if (const bool *truth = value->boolean())
    return eq.scalars().truth(*truth);
  if (const Rational *exact = value->exact()) // rounded once
    return eq.scalars().constant(exact->toFloat());
  if (auto number = value->asDouble())
    return eq.scalars().constant(*number);
  Report report = elab.error("not-a-number", expr.span,
                             "'" + expr.span.text() + "' is " + value->kindName() +
                                 ", where a number is needed");
  if (value->size())
    report.help("write " + expr.span.text() + ".h or " + expr.span.text() + ".w");
  if (value->elements())
    report.help("read one entry: " + expr.span.text() + "[c]");
  return report;
}

FailureOr<mlir::Value> OpElaborator::comparison(const ast::Compare &expr, EquationBuilder &eq) {
  llvm::SmallVector<mlir::Value, 3> operands;
  for (const ast::Expr *operand : expr.operands) {
    auto value = scalar(*operand, eq);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  mlir::Value all;
  for (auto [i, op] : llvm::enumerate(expr.ops)) {
    mlir::Value one = eq.scalars().compare(op, operands[i], operands[i + 1]);
    all = all ? eq.scalars().binary(ast::BinaryOp::And, all, one) : one;
  }
  return all;
}

/// A condition that is known at compile time chooses there; the other branch is not elaborated.
FailureOr<mlir::Value> OpElaborator::choice(const ast::If &expr, EquationBuilder &eq) {
  if (isConstant(*expr.condition)) {
    auto condition = elab.evaluateCondition(*expr.condition, scope);
    if (failed(condition))
      return failure();
    return scalar(*condition ? *expr.thenValue : *expr.elseValue, eq);
  }
  auto condition = scalar(*expr.condition, eq);
  auto yes = scalar(*expr.thenValue, eq), no = scalar(*expr.elseValue, eq);
  if (failed(condition) || failed(yes) || failed(no))
    return failure();
  return eq.scalars().select(*condition, *yes, *no);
}

FailureOr<mlir::Value> OpElaborator::scalar(const ast::Expr &expr, EquationBuilder &eq) {
  if (!elab.spend(1, use))
    return failure();
  if (!llvm::isa<ast::Name>(&expr) && isConstant(expr))
    return constantScalar(expr, eq);
  return scalarOf(expr, eq);
}

FailureOr<mlir::Value> OpElaborator::scalarOf(const ast::Expr &expr, EquationBuilder &eq) {
  using namespace ast;
  if (auto *e = llvm::dyn_cast<Name>(&expr))
    return name(*e, eq);
  if (auto *e = llvm::dyn_cast<Access>(&expr))
    return access(*e, eq);
  if (auto *e = llvm::dyn_cast<Call>(&expr))
    return call(*e, eq);
  if (auto *e = llvm::dyn_cast<Reduce>(&expr))
    return hoist(*e, eq);
  if (auto *e = llvm::dyn_cast<Compare>(&expr))
    return comparison(*e, eq);
  if (auto *e = llvm::dyn_cast<If>(&expr))
    return choice(*e, eq);
  if (auto *e = llvm::dyn_cast<Binary>(&expr)) {
    auto lhs = scalar(*e->lhs, eq), rhs = scalar(*e->rhs, eq);
    if (failed(lhs) || failed(rhs))
      return failure();
    return eq.scalars().binary(e->op, *lhs, *rhs);
  }
  const Expr *operand = nullptr;
  if (auto *e = llvm::dyn_cast<Neg>(&expr))
    operand = e->operand;
  if (auto *e = llvm::dyn_cast<Not>(&expr))
    operand = e->operand;
  if (operand) {
    auto value = scalar(*operand, eq);
    if (failed(value))
      return failure();
    return llvm::isa<Neg>(expr) ? eq.scalars().negate(*value) : eq.scalars().invert(*value);
  }
  if (const OpTensor *tensor = tensorOf(expr)) // d.y
    return wholeTensor(*tensor, expr, eq);
  if (llvm::isa<Flow>(expr))
    return elab.error("op-flow", expr.span, "an equation has no arrows: it computes numbers")
        .help("call functions of numbers: sigmoid(x[i])");
  if (isAdjoint(expr))
    return unknownName(expr.span.text(), expr.span);
  return elab.error("not-a-number", expr.span,
                    "'" + expr.span.text() + "' is no number of this equation");
}
