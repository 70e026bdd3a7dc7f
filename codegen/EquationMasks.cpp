//===- EquationMasks.cpp - reads whose conditions differ from lane to lane --------------------===//
//
// The gradient of a pool reads dp[c, i floordiv 2] where the position that won is this one:
// `where (read0 - i mod 2 < 1) ?? 0`. All that it could read exists, side by side, so a vector is
// loaded, the condition computed for all lanes, and the others are chosen away.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/EquationEmitter.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"

using namespace mlir;

namespace gnc {

/// A condition that has a value of its own in every lane, which can be computed for all of them at
/// once: a sum of what was read before, the vector's index, and what is the same in all lanes.
bool EquationEmitter::isOfLanes(unsigned i, AffineExpr condition) {
  if (interior || !masked(i))
    return false;
  bool ofLanes = condition.isFunctionOfDim(*vectorIndex);
  condition.walk([&](AffineExpr part) { ofLanes |= isa<AffineSymbolExpr>(part); });
  return ofLanes;
}

/// Read `i` is of elements beside each other (or of one), all of which exist, and conditions choose
/// among the lanes.
bool EquationEmitter::masked(unsigned i) {
  if (interior || lanes == 1 || !op.getAccess(i).isGuarded() || addresses[i] || vectorStride(i))
    return false;
  AffineMap coords = op.getAccess(i).getCoords();
  std::optional<int64_t> stride = addressStride(i);
  bool ofData = false;
  coords.walkExprs([&](AffineExpr part) { ofData |= isa<AffineSymbolExpr>(part); });
  if (ofData || (stride != std::optional<int64_t>(0) && stride != std::optional<int64_t>(1)))
    return false;
  AffineExpr vector = getAffineDimExpr(*vectorIndex, op.getContext());
  return llvm::all_of(op.getAccess(i).getConditions().getResults(), [&](AffineExpr condition) {
    return llvm::all_of(linearForm(condition).terms, [&](const auto &term) {
      bool composite = !isa<AffineSymbolExpr>(term.first) && term.first != vector;
      bool varies = term.first.isFunctionOfDim(*vectorIndex);
      term.first.walk([&](AffineExpr part) { varies |= isa<AffineSymbolExpr>(part); });
      return !composite || !varies;
    });
  });
}

/// Whether `condition` is in 0 .. limit-1, in each lane.
Value EquationEmitter::insideLanes(AffineExpr condition, int64_t limit) {
  AffineExpr vector = getAffineDimExpr(*vectorIndex, op.getContext());
  LinearForm form = linearForm(condition), same;
  same.constant = form.constant;
  SmallVector<std::pair<unsigned, int64_t>> reads;
  bool bytes = true;
  for (auto [atom, coefficient] : form.terms)
    if (auto symbol = dyn_cast<AffineSymbolExpr>(atom)) {
      reads.push_back({symbol.getPosition(), coefficient});
      bytes &= getElementTypeOrSelf(values[symbol.getPosition()]).getIntOrFloatBitWidth() <= 8;
    } else {
      same.add(atom, coefficient);
    }
  // Bytes and indices of small equations need half the room.
  AffineExpr rest = same.toExpr(op.getContext());
  bool narrow =
      bytes && rangeOf(rest + (1 << 16), op.getExtents()).inside(1 << 17) && limit < 1 << 17 &&
      llvm::all_of(reads, [](const auto &read) { return std::abs(read.second) < 1 << 16; });
  Type element = narrow ? b.getI32Type() : b.getI64Type();
  auto type = VectorType::get({static_cast<int64_t>(lanes)}, element);
  auto constant = [&](ArrayRef<int64_t> numbers) -> Value {
    SmallVector<APInt> elements;
    for (int64_t number : numbers)
      elements.push_back(APInt(element.getIntOrFloatBitWidth(), number, /*isSigned=*/true));
    return arith::ConstantOp::create(b, k.loc, DenseElementsAttr::get(type, elements));
  };
  Value first = arith::IndexCastOp::create(b, k.loc, element, k.expression(rest, counters, {}));
  Value sum = k.splat(first, lanes);
  if (int64_t step = form.coefficient(vector)) {
    SmallVector<int64_t> steps;
    for (unsigned lane = 0; lane < lanes; ++lane)
      steps.push_back(lane * step);
    sum = arith::AddIOp::create(b, k.loc, sum, constant(steps));
  }
  for (auto [read, coefficient] : reads) {
    Value value = values[read];
    if (getElementTypeOrSelf(value) != element) {
      bool isSigned = getElementTypeOrSelf(value).getIntOrFloatBitWidth() > 8;
      value = isSigned ? Value(arith::ExtSIOp::create(b, k.loc, type, value))
                       : Value(arith::ExtUIOp::create(b, k.loc, type, value));
    }
    if (coefficient != 1)
      value = arith::MulIOp::create(b, k.loc, value,
                                    constant(SmallVector<int64_t>(lanes, coefficient)));
    sum = arith::AddIOp::create(b, k.loc, sum, value);
  }
  return arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::ult, sum,
                               constant(SmallVector<int64_t>(lanes, limit)));
}

Value EquationEmitter::readMasked(unsigned i) {
  AccessAttr access = op.getAccess(i);
  Location location = locate(i, counters, {});
  unsigned width = *addressStride(i) == 1 ? lanes : 1;
  Value loaded =
      k.load(arguments.reads[i], location.offset, scalarTypeOf(op.getReads()[i].getType()), width);
  Value inside = location.condition ? k.splat(location.condition, lanes) : Value();
  for (auto [condition, limit] :
       llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
    if (isOfLanes(i, condition))
      inside = k.both(inside, insideLanes(condition, limit));
  insides[i] = inside;
  return guarded(i, width == lanes ? loaded : k.splat(loaded, lanes), inside, lanes);
}

} // namespace gnc
