#include "ir/ScalarProgram.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace gnc {

namespace {
enum Code : int {
  Constant,
  Index,
  Extent,
  Inside,
  Copy,
  Trunc,
  LowBits,
  Neg,
  Add,
  Sub,
  Mul,
  Div,
  Max,
  Min,
  Select,
  Compare,
  And,
  Or,
  Xor,
  Exp,
  Expm1,
  Log,
  Log1p,
  Tanh,
  Erf,
  Sqrt,
  Rsqrt,
  Sin,
  Cos,
  Abs,
  Floor,
  Ceil,
  Round,
  Pow,
  Sigmoid,
  Softplus,
  Unknown
};
} // namespace

/// NaN wins, and -0 is less than 0: IEEE 754's maximum and minimum.
static double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::nan("");
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
static double minimum(double a, double b) { return -maximum(-a, -b); }

static double sigmoid(double x) {
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  double e = std::exp(x);
  return e / (1 + e);
}

static double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case arith::CmpFPredicate::AlwaysFalse: return false;
  case arith::CmpFPredicate::AlwaysTrue: return true;
  case arith::CmpFPredicate::OEQ: return !unordered && a == b;
  case arith::CmpFPredicate::OGT: return !unordered && a > b;
  case arith::CmpFPredicate::OGE: return !unordered && a >= b;
  case arith::CmpFPredicate::OLT: return !unordered && a < b;
  case arith::CmpFPredicate::OLE: return !unordered && a <= b;
  case arith::CmpFPredicate::ONE: return !unordered && a != b;
  case arith::CmpFPredicate::ORD: return !unordered;
  case arith::CmpFPredicate::UEQ: return unordered || a == b;
  case arith::CmpFPredicate::UGT: return unordered || a > b;
  case arith::CmpFPredicate::UGE: return unordered || a >= b;
  case arith::CmpFPredicate::ULT: return unordered || a < b;
  case arith::CmpFPredicate::ULE: return unordered || a <= b;
  case arith::CmpFPredicate::UNE: return unordered || a != b;
  case arith::CmpFPredicate::UNO: return unordered;
  }
  return false;
}

static bool compare(arith::CmpIPredicate predicate, double a, double b) {
  switch (predicate) {
  case arith::CmpIPredicate::eq: return a == b;
  case arith::CmpIPredicate::ne: return a != b;
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult: return a < b;
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule: return a <= b;
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt: return a > b;
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge: return a >= b;
  }
  return false;
}

static Code codeOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Code>(op)
      .Case<arith::ConstantOp>([](auto) { return Constant; })
      .Case<IndexOp>([](auto) { return Index; })
      .Case<ExtentOp>([](auto) { return Extent; })
      .Case<InsideOp>([](auto) { return Inside; })
      .Case<StopOp, arith::SIToFPOp, arith::UIToFPOp, arith::ExtUIOp, arith::ExtSIOp>(
          [](auto) { return Copy; })
      .Case<arith::TruncIOp>([](auto) { return LowBits; })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([](auto) { return Trunc; })
      .Case<arith::NegFOp>([](auto) { return Neg; })
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return Add; })
      .Case<arith::SubFOp, arith::SubIOp>([](auto) { return Sub; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return Mul; })
      .Case<arith::DivFOp>([](auto) { return Div; })
      .Case<arith::MaximumFOp>([](auto) { return Max; })
      .Case<arith::MinimumFOp>([](auto) { return Min; })
      .Case<arith::SelectOp>([](auto) { return Select; })
      .Case<arith::CmpFOp, arith::CmpIOp>([](auto) { return Compare; })
      .Case<arith::AndIOp>([](auto) { return And; })
      .Case<arith::OrIOp>([](auto) { return Or; })
      .Case<arith::XOrIOp>([](auto) { return Xor; })
      .Case<math::ExpOp>([](auto) { return Exp; })
      .Case<math::ExpM1Op>([](auto) { return Expm1; })
      .Case<math::LogOp>([](auto) { return Log; })
      .Case<math::Log1pOp>([](auto) { return Log1p; })
      .Case<math::TanhOp>([](auto) { return Tanh; })
      .Case<math::ErfOp>([](auto) { return Erf; })
      .Case<math::SqrtOp>([](auto) { return Sqrt; })
      .Case<math::RsqrtOp>([](auto) { return Rsqrt; })
      .Case<math::SinOp>([](auto) { return Sin; })
      .Case<math::CosOp>([](auto) { return Cos; })
      .Case<math::AbsFOp>([](auto) { return Abs; })
      .Case<math::FloorOp>([](auto) { return Floor; })
      .Case<math::CeilOp>([](auto) { return Ceil; })
      .Case<math::RoundOp, math::RoundEvenOp>([](auto) { return Round; })
      .Case<math::PowFOp>([](auto) { return Pow; })
      .Case<SigmoidOp>([](auto) { return Sigmoid; })
      .Case<SoftplusOp>([](auto) { return Softplus; })
      .Default([](auto) { return Unknown; });
}

/// An integer as a number: bytes and truth values have no sign.
static double wholeNumber(const APInt &value) {
  return value.getBitWidth() <= 8 ? static_cast<double>(value.getZExtValue())
                                  : static_cast<double>(value.getSExtValue());
}

FailureOr<ScalarProgram> ScalarProgram::decode(Region &region) {
  ScalarProgram program;
  llvm::DenseMap<Value, unsigned> slotOf;
  for (BlockArgument argument : region.getArguments())
    slotOf[argument] = program.slots++;
  for (Operation &op : region.front()) {
    if (isa<YieldOp>(op)) {
      for (Value value : op.getOperands())
        program.outputs.push_back(slotOf.lookup(value));
      break;
    }
    Step step{&op, codeOf(&op), program.slots++};
    if (step.code == Unknown)
      return op.emitError() << "the reference evaluator does not know " << op.getName();
    unsigned *operands[] = {&step.a, &step.b, &step.c};
    for (auto [i, operand] : llvm::enumerate(op.getOperands().take_front(3)))
      *operands[i] = slotOf.lookup(operand);
    step.round = isa<FloatType>(op.getResult(0).getType());
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
        step.constant = number.getValueAsDouble();
      else
        step.constant = wholeNumber(cast<IntegerAttr>(constant.getValue()).getValue());
    }
    slotOf[op.getResult(0)] = step.result;
    program.steps.push_back(step);
  }
  return program;
}

static double extentProduct(ExtentOp op, ArrayRef<int64_t> extents) {
  double product = 1;
  for (int64_t index : op.getIndices())
    product *= extents[index];
  return product;
}

static double compareStep(Operation *op, double a, double b) {
  if (auto floats = dyn_cast<arith::CmpFOp>(op))
    return compare(floats.getPredicate(), a, b);
  return compare(cast<arith::CmpIOp>(op).getPredicate(), a, b);
}

/// What is left of a whole number in a narrower type.
static double lowBits(Operation *op, double a) {
  unsigned width = op->getResult(0).getType().getIntOrFloatBitWidth();
  return wholeNumber(APInt(64, static_cast<int64_t>(a), /*isSigned=*/true).trunc(width));
}

/// Half away from zero for math.round, to even for math.roundeven.
static double roundStep(Operation *op, double x) {
  return isa<math::RoundOp>(op) ? std::round(x) : std::nearbyint(x);
}

void ScalarProgram::run(MutableArrayRef<double> values, const Point &point,
                        const EvaluationState &state) const {
  for (const Step &step : steps) {
    double a = values[step.a], b = values[step.b], r = 0;
    switch (step.code) {
    case Constant: r = step.constant; break;
    case Index: r = point.indices[cast<IndexOp>(step.op).getIndex()]; break;
    case Extent: r = extentProduct(cast<ExtentOp>(step.op), point.extents); break;
    case Inside: r = point.inside[cast<InsideOp>(step.op).getRead()]; break;
    case Copy: r = a; break;
    case Trunc: r = std::trunc(a); break;
    case LowBits: r = lowBits(step.op, a); break;
    case Neg: r = -a; break;
    case Add: r = a + b; break;
    case Sub: r = a - b; break;
    case Mul: r = a * b; break;
    case Div: r = a / b; break;
    case Max: r = maximum(a, b); break;
    case Min: r = minimum(a, b); break;
    case Select: r = a != 0 ? b : values[step.c]; break;
    case Compare: r = compareStep(step.op, a, b); break;
    case And: r = (a != 0) && (b != 0); break;
    case Or: r = (a != 0) || (b != 0); break;
    case Xor: r = (a != 0) != (b != 0); break;
    case Exp: r = std::exp(a); break;
    case Expm1: r = std::expm1(a); break;
    case Log: r = std::log(a); break;
    case Log1p: r = std::log1p(a); break;
    case Tanh: r = std::tanh(a); break;
    case Erf: r = std::erf(a); break;
    case Sqrt: r = std::sqrt(a); break;
    case Rsqrt: r = 1 / std::sqrt(a); break;
    case Sin: r = std::sin(a); break;
    case Cos: r = std::cos(a); break;
    case Abs: r = std::fabs(a); break;
    case Floor: r = std::floor(a); break;
    case Ceil: r = std::ceil(a); break;
    case Round: r = roundStep(step.op, a); break;
    case Pow: r = std::pow(a, b); break;
    case Sigmoid: r = sigmoid(a); break;
    case Softplus: r = softplus(a); break;
    default: break;
    }
    values[step.result] = step.round ? state.round(r) : r;
  }
}

} // namespace gnc
