//===- ScalarBuilder.cpp - scalar arithmetic that folds while it is built ---------------------===//
#include "ir/ScalarBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;

namespace gnc {

/// `op`, or an equal op before it.
Value ScalarBuilder::unique(Operation *op) {
  for (Operation &other : *op->getBlock()) {
    if (&other == op)
      break;
    if (other.getName() != op->getName() || other.getOperands() != op->getOperands())
      continue;
    if (!OperationEquivalence::isEquivalentTo(&other, op, OperationEquivalence::IgnoreLocations))
      continue;
    op->erase();
    return other.getResult(0);
  }
  return op->getResult(0);
}

std::optional<double> ScalarBuilder::constantOf(Value value) {
  FloatAttr attribute;
  if (value && matchPattern(value, m_Constant(&attribute)))
    return attribute.getValueAsDouble();
  return std::nullopt;
}

Value ScalarBuilder::constant(double value) {
  return create<arith::ConstantOp>(builder.getF32FloatAttr(static_cast<float>(value)));
}

Value ScalarBuilder::boolean(bool value) {
  return create<arith::ConstantOp>(builder.getBoolAttr(value));
}

/// The constant a∘b, or null when an operand is not constant or the result is not an exact f32.
Value ScalarBuilder::fold(Value a, Value b, function_ref<double(double, double)> apply) {
  std::optional<double> left = constantOf(a), right = constantOf(b);
  if (!left || !right)
    return nullptr;
  double result = apply(*left, *right);
  if (static_cast<double>(static_cast<float>(result)) != result)
    return nullptr;
  return constant(result);
}

Value ScalarBuilder::add(Value a, Value b) {
  if (isConstant(a, 0))
    return b;
  if (isConstant(b, 0))
    return a;
  if (Value folded = fold(a, b, std::plus<double>()))
    return folded;
  if (auto negation = b.getDefiningOp<arith::NegFOp>())
    return sub(a, negation.getOperand());
  if (auto negation = a.getDefiningOp<arith::NegFOp>())
    return sub(b, negation.getOperand());
  return create<arith::AddFOp>(a, b);
}

Value ScalarBuilder::sub(Value a, Value b) {
  if (isConstant(b, 0))
    return a;
  if (isConstant(a, 0))
    return neg(b);
  if (Value folded = fold(a, b, std::minus<double>()))
    return folded;
  if (auto negation = b.getDefiningOp<arith::NegFOp>())
    return add(a, negation.getOperand());
  return create<arith::SubFOp>(a, b);
}

Value ScalarBuilder::neg(Value a) {
  if (std::optional<double> number = constantOf(a))
    return constant(-*number);
  if (auto negation = a.getDefiningOp<arith::NegFOp>())
    return negation.getOperand();
  if (auto difference = a.getDefiningOp<arith::SubFOp>())
    return sub(difference.getRhs(), difference.getLhs());
  return create<arith::NegFOp>(a);
}

/// True for a select whose branches a factor can enter at no cost.
static bool absorbsFactor(Value value) {
  auto op = value.getDefiningOp<arith::SelectOp>();
  return op && (ScalarBuilder::isConstant(op.getTrueValue(), 0) ||
                ScalarBuilder::isConstant(op.getFalseValue(), 0));
}

/// d, if `value` is 1 / d: x / d is better than x * (1 / d).
static Value reciprocalOf(Value value) {
  auto division = value.getDefiningOp<arith::DivFOp>();
  bool reciprocal = division && ScalarBuilder::isConstant(division.getLhs(), 1);
  return reciprocal ? division.getRhs() : Value();
}

Value ScalarBuilder::mul(Value a, Value b) {
  if (isConstant(a, 0) || isConstant(b, 0))
    return constant(0);
  if (isConstant(a, 1))
    return b;
  if (isConstant(b, 1))
    return a;
  if (isConstant(a, -1))
    return neg(b);
  if (isConstant(b, -1))
    return neg(a);
  if (Value folded = fold(a, b, std::multiplies<double>()))
    return folded;
  if (auto negation = a.getDefiningOp<arith::NegFOp>())
    return neg(mul(negation.getOperand(), b));
  if (auto negation = b.getDefiningOp<arith::NegFOp>())
    return neg(mul(a, negation.getOperand()));
  if (Value divisor = reciprocalOf(b))
    return div(a, divisor);
  if (Value divisor = reciprocalOf(a))
    return div(b, divisor);
  if (!absorbsFactor(b) && absorbsFactor(a))
    std::swap(a, b);
  if (absorbsFactor(b)) {
    auto op = b.getDefiningOp<arith::SelectOp>();
    return select(op.getCondition(), mul(a, op.getTrueValue()), mul(a, op.getFalseValue()));
  }
  return create<arith::MulFOp>(a, b);
}

Value ScalarBuilder::div(Value a, Value b) {
  if (isConstant(a, 0))
    return a;
  if (isConstant(b, 1))
    return a;
  if (isConstant(b, -1))
    return neg(a);
  if (!isConstant(b, 0))
    if (Value folded = fold(a, b, std::divides<double>()))
      return folded;
  if (auto negation = a.getDefiningOp<arith::NegFOp>())
    return neg(div(negation.getOperand(), b));
  return create<arith::DivFOp>(a, b);
}

Value ScalarBuilder::select(Value condition, Value a, Value b) {
  if (a == b)
    return a;
  IntegerAttr known;
  if (matchPattern(condition, m_Constant(&known)))
    return known.getValue().isZero() ? b : a;
  return create<arith::SelectOp>(condition, a, b);
}

Value ScalarBuilder::compare(arith::CmpFPredicate predicate, Value a, Value b) {
  return create<arith::CmpFOp>(predicate, a, b);
}

void eraseDeadScalars(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (!op.hasTrait<OpTrait::IsTerminator>() && op.use_empty())
      op.erase();
}

} // namespace gnc
