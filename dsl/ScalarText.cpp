// Scalars of an equation as text: arithmetic, functions, choices; what is shared.
#include "dsl/EquationText.h"
#include "dsl/ScalarMath.h"

#include "ir/ScalarBuilder.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <charconv>
#include <cmath>

using namespace gnc::dsl;
using llvm::StringRef;
namespace arith = mlir::arith;
namespace math = mlir::math;

//===- numbers ------------------------------------------------------------------------------===//

ExprText gnc::dsl::numberText(double value) {
  if (std::isinf(value))
    return {value < 0 ? "-inf" : "inf", value < 0 ? Tightness::Sign : Tightness::Primary};
  if (std::isnan(value))
    return {"0 * inf", Tightness::Term};
  char buffer[64];
  auto [end, failure] = std::to_chars(buffer, buffer + sizeof buffer, float(value));
  std::string text(buffer, end);
  // The language has numbers of up to 38 digits before and behind the point.
  if (std::fabs(value) < 1e-28 && value != 0)
    return {numberText(value * 1e20).in(Tightness::Sign) + " / 1e20", Tightness::Term};
  if (std::fabs(value) > 1e37)
    return {numberText(value / 1e20).in(Tightness::Sign) + " * 1e20", Tightness::Term};
  return {text, value < 0 ? Tightness::Sign : Tightness::Primary};
}

//===- operations ---------------------------------------------------------------------------===//

/// The right operand holds tighter, so that the order of operations stays.
ExprText EquationText::binary(mlir::Operation *scalar, StringRef sign, Tightness level) {
  ExprText lhs = this->scalar(scalar->getOperand(0)), rhs = this->scalar(scalar->getOperand(1));
  bool sum = level == Tightness::Sum;
  if (sum && rhs.text.starts_with("-") && rhs.tightness >= Tightness::Term) {
    rhs.text.erase(0, 1); // a + -b
    sign = sign == "+" ? "-" : "+";
  }
  Tightness right = sum ? Tightness::Term : Tightness::Power;
  return {lhs.in(level) + " " + sign.str() + " " + rhs.in(right), level};
}

ExprText EquationText::sum(mlir::Operation *scalar) {
  if (scalar->getOperand(0) != scalar->getOperand(1))
    return binary(scalar, "+", Tightness::Sum);
  return {"2 * " + this->scalar(scalar->getOperand(0)).in(Tightness::Power), Tightness::Term};
}

ExprText EquationText::product(mlir::Operation *scalar) {
  if (scalar->getOperand(0) != scalar->getOperand(1))
    return binary(scalar, "*", Tightness::Term);
  return {this->scalar(scalar->getOperand(0)).in(Tightness::Primary) + "^2", Tightness::Power};
}

ExprText EquationText::call(mlir::Operation *scalar, StringRef function) {
  std::string text = function.str() + "(";
  for (auto [i, operand] : llvm::enumerate(scalar->getOperands()))
    text += (i ? ", " : "") + this->scalar(operand).text;
  return {text + ")"};
}

ExprText EquationText::comparison(mlir::Value lhs, StringRef sign, mlir::Value rhs) {
  return {scalar(lhs).in(Tightness::Sum) + " " + sign.str() + " " + scalar(rhs).in(Tightness::Sum),
          Tightness::Comparison};
}

static ExprText inverted(const ExprText &condition) {
  return {"not " + condition.in(Tightness::Comparison), Tightness::Not};
}

/// The language compares as IEEE 754 does: nothing but != holds for a NaN.
ExprText EquationText::compareFloats(arith::CmpFOp compare) {
  using P = arith::CmpFPredicate;
  mlir::Value a = compare.getLhs(), b = compare.getRhs();
  auto either = [&](StringRef first, StringRef second) {
    return ExprText{comparison(a, first, b).text + " or " + comparison(a, second, b).text,
                    Tightness::Or};
  };
  auto ordered = [&] {
    return ExprText{comparison(a, "==", a).text + " and " + comparison(b, "==", b).text,
                    Tightness::And};
  };
  switch (compare.getPredicate()) {
  case P::AlwaysFalse: return {"false"};
  case P::AlwaysTrue: return {"true"};
  case P::OEQ: return comparison(a, "==", b);
  case P::UNE: return comparison(a, "!=", b);
  case P::OLT: return comparison(a, "<", b);
  case P::OLE: return comparison(a, "<=", b);
  case P::OGT: return comparison(a, ">", b);
  case P::OGE: return comparison(a, ">=", b);
  case P::ULT: return inverted(comparison(a, ">=", b));
  case P::ULE: return inverted(comparison(a, ">", b));
  case P::UGT: return inverted(comparison(a, "<=", b));
  case P::UGE: return inverted(comparison(a, "<", b));
  case P::ONE: return either("<", ">");
  case P::UEQ: return inverted(either("<", ">"));
  case P::ORD: return ordered();
  case P::UNO: return inverted(ordered());
  }
  return {"false"};
}

static StringRef signOf(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq: return "==";
  case P::ne: return "!=";
  case P::slt:
  case P::ult: return "<";
  case P::sle:
  case P::ule: return "<=";
  case P::sgt:
  case P::ugt: return ">";
  case P::sge:
  case P::uge: return ">=";
  }
  return "==";
}

/// `if inside(x[..]) then x[..] else v` is `x[..] ?? v`.
ExprText EquationText::choice(arith::SelectOp select) {
  auto inner = select.getCondition().getDefiningOp<gnc::InsideOp>();
  auto argument = llvm::dyn_cast<mlir::BlockArgument>(select.getTrueValue());
  if (inner && argument && argument.getOwner() == op.getBodyBlock() &&
      argument.getArgNumber() == inner.getRead() && looseConditions(inner.getRead()).empty())
    return access(inner.getRead(), scalar(select.getFalseValue()).in(Tightness::Primary));
  return {"if " + scalar(select.getCondition()).text + " then " +
              scalar(select.getTrueValue()).in(Tightness::Or) + " else " +
              scalar(select.getFalseValue()).text,
          Tightness::Choice};
}

/// How many values indices take together.
ExprText EquationText::extent(llvm::ArrayRef<int64_t> indices) {
  int64_t count = 1;
  bool batch = false;
  for (int64_t index : indices)
    if (isBatch(unsigned(index)))
      batch = true;
    else
      count *= op.getExtents()[index];
  if (!batch)
    return {std::to_string(count)};
  std::string name = "m";
  while (llvm::is_contained(indexNames, name) || names.index(name) != name)
    name += "_";
  std::string samples = "(count[" + name + " < " + names.batch + "] 1)";
  return count == 1 ? ExprText{samples}
                    : ExprText{std::to_string(count) + " * " + samples, Tightness::Term};
}

static StringRef functionOf(mlir::Operation *scalar) {
  return llvm::TypeSwitch<mlir::Operation *, StringRef>(scalar)
      .Case([](math::ExpOp) { return "exp"; })
      .Case([](math::ExpM1Op) { return "expm1"; })
      .Case([](math::LogOp) { return "log"; })
      .Case([](math::Log1pOp) { return "log1p"; })
      .Case([](math::TanhOp) { return "tanh"; })
      .Case([](math::ErfOp) { return "erf"; })
      .Case([](math::SqrtOp) { return "sqrt"; })
      .Case([](math::RsqrtOp) { return "rsqrt"; })
      .Case([](math::SinOp) { return "sin"; })
      .Case([](math::CosOp) { return "cos"; })
      .Case([](math::AbsFOp) { return "abs"; })
      .Case([](math::FloorOp) { return "floor"; })
      .Case([](math::CeilOp) { return "ceil"; })
      .Case([](math::RoundEvenOp) { return "round"; })
      .Case([](math::PowFOp) { return "pow"; })
      .Case([](gnc::SigmoidOp) { return "sigmoid"; })
      .Case([](gnc::SoftplusOp) { return "softplus"; })
      .Case([](gnc::StopOp) { return "stop"; })
      .Case([](arith::MaximumFOp) { return "max"; })
      .Case([](arith::MinimumFOp) { return "min"; })
      .Default([](mlir::Operation *) { return ""; });
}

/// `index(e, K)` says itself that the number is brought into 0..K-1.
ExprText EquationText::classNumber(arith::FPToSIOp whole) {
  mlir::Value number = whole.getIn();
  int64_t classes = ScalarMath::maxClasses;
  if (auto least = number.getDefiningOp<arith::MinimumFOp>())
    if (auto last = gnc::ScalarBuilder::constantOf(least.getRhs()); last && *last >= 0) {
      classes = int64_t(*last) + 1;
      number = least.getLhs();
      auto positive = number.getDefiningOp<arith::SelectOp>();
      auto test =
          positive ? positive.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
      if (test && test.getPredicate() == arith::CmpFPredicate::OGT &&
          test.getLhs() == positive.getTrueValue() &&
          gnc::ScalarBuilder::isConstant(test.getRhs(), 0) &&
          gnc::ScalarBuilder::isConstant(positive.getFalseValue(), 0))
        number = positive.getTrueValue();
    }
  return {"index(" + scalar(number).text + ", " + std::to_string(classes) + ")"};
}

ExprText EquationText::operation(mlir::Operation *scalar) {
  if (StringRef function = functionOf(scalar); !function.empty())
    return call(scalar, function);
  auto operand = [&](unsigned i) { return this->scalar(scalar->getOperand(i)); };
  return llvm::TypeSwitch<mlir::Operation *, ExprText>(scalar)
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) { return sum(scalar); })
      .Case<arith::SubFOp, arith::SubIOp>([&](auto) { return binary(scalar, "-", Tightness::Sum); })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) { return product(scalar); })
      .Case([&](arith::DivFOp) { return binary(scalar, "/", Tightness::Term); })
      .Case([&](arith::NegFOp) {
        return ExprText{"-" + operand(0).in(Tightness::Power), Tightness::Sign};
      })
      .Case([&](arith::SelectOp select) { return choice(select); })
      .Case([&](arith::CmpFOp compare) { return compareFloats(compare); })
      .Case([&](arith::CmpIOp compare) {
        return comparison(compare.getLhs(), signOf(compare.getPredicate()), compare.getRhs());
      })
      .Case([&](arith::AndIOp) {
        return ExprText{operand(0).in(Tightness::And) + " and " + operand(1).in(Tightness::Not),
                        Tightness::And};
      })
      .Case([&](arith::OrIOp) {
        return ExprText{operand(0).in(Tightness::Or) + " or " + operand(1).in(Tightness::And),
                        Tightness::Or};
      })
      .Case([&](arith::XOrIOp) { // only with true: not
        return inverted(operand(mlir::matchPattern(scalar->getOperand(0), mlir::m_One()) ? 1 : 0));
      })
      .Case<arith::SIToFPOp, arith::UIToFPOp>([&](auto) {
        ExprText value = operand(0);
        return value.tightness > Tightness::Comparison
                   ? value
                   : ExprText{"if " + value.text + " then 1 else 0", Tightness::Choice};
      })
      .Case<arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>([&](auto) { return operand(0); })
      .Case([&](arith::FPToSIOp whole) { return classNumber(whole); })
      .Case([&](arith::ConstantOp constant) {
        if (auto number = llvm::dyn_cast<mlir::FloatAttr>(constant.getValue()))
          return numberText(number.getValueAsDouble());
        auto whole = llvm::cast<mlir::IntegerAttr>(constant.getValue());
        if (whole.getType().isInteger(1))
          return ExprText{whole.getValue().isZero() ? "false" : "true"};
        return numberText(double(whole.getInt()));
      })
      .Case([&](gnc::IndexOp number) {
        mentioned[number.getIndex()] = true;
        return ExprText{indexNames[number.getIndex()]};
      })
      .Case([&](gnc::ExtentOp number) { return extent(number.getIndices()); })
      .Case([&](gnc::InsideOp guarded) {
        return inside(guarded.getRead()).value_or(ExprText{"true"});
      })
      .Default([&](mlir::Operation *) { return ExprText{scalar->getName().getStringRef().str()}; });
}

ExprText EquationText::scalar(mlir::Value value) {
  if (auto it = known.find(value); it != known.end()) {
    for (unsigned index : it->second.indices)
      mentioned[index] = true;
    return it->second.text;
  }
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(value)) {
    bool inBody = argument.getOwner() == op.getBodyBlock();
    return read(inBody ? argument.getArgNumber()
                       : op.getNumBodyReads() + argument.getArgNumber() - op.getNumResults());
  }
  return operation(value.getDefiningOp());
}

//===- what is used several times -----------------------------------------------------------===//

/// Ops below a value, counted as often as they would be printed; more than 1000 are enough.
static unsigned sizeOf(mlir::Value value) {
  mlir::Operation *def = value.getDefiningOp();
  if (!def || llvm::isa<arith::ConstantOp, gnc::IndexOp, gnc::ExtentOp>(def))
    return 0;
  unsigned size = functionOf(def).empty() ? 1 : 2;
  for (mlir::Value operand : def->getOperands())
    size = std::min(1000u, size + sizeOf(operand));
  return size;
}

/// Different ops that use a value: x * x is one use.
static unsigned usersOf(mlir::Value value) {
  llvm::SmallPtrSet<mlir::Operation *, 4> users(value.user_begin(), value.user_end());
  return users.size();
}

/// Gives every number that would be printed several times an equation of its own, in the order in
/// which they need each other.
void EquationText::share(mlir::Block &block) {
  for (mlir::Operation &scalar : block.without_terminator()) {
    mlir::Value value = scalar.getResult(0);
    if (usersOf(value) < 2 || !value.getType().isF32() || sizeOf(value) < 2)
      continue;
    restart();
    ExprText text = operation(&scalar);
    llvm::SmallVector<unsigned> indices;
    for (unsigned i = 0; i < mentioned.size(); ++i)
      if (mentioned[i])
        indices.push_back(i);
    std::stable_partition(indices.begin(), indices.end(), [&](unsigned i) { return isBatch(i); });
    std::string name = names.fresh("t");
    while (llvm::is_contained(indexNames, name) || llvm::is_contained(around, name))
      name = names.fresh("t");
    std::string read = name;
    names.lines.push_back(leftSide(name, indices, /*declared=*/false) + " = " + text.text);
    for (auto [i, index] : llvm::enumerate(indices))
      read += (i == 0 ? "[" : isBatch(indices[i - 1]) ? "; " : ", ") + indexNames[index];
    if (names.pack)
      read = name + "[i..]";
    else if (!indices.empty())
      read += indices.size() == 1 && isBatch(indices[0]) ? ";]" : "]";
    known[value] = {{read}, indices};
  }
}
