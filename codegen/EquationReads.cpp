//===- EquationReads.cpp - reads of an equation: uniform, contiguous, scattered, random -------===//
#include "codegen/EquationEmitter.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"

using namespace mlir;

namespace gnc {

static Type elementType(Value tensor) { return scalarTypeOf(tensor.getType()); }

//===------------------------------------------------------------------------------------------===//
// Reads
//===------------------------------------------------------------------------------------------===//

/// How far a step of the vector index moves the address, if it moves it evenly and no guard depends
/// on it.
std::optional<int64_t> EquationEmitter::vectorStride(unsigned i) {
  if (!vectorIndex)
    return 0;
  if (addresses[i])
    return addresses[i]->strides[*vectorIndex];
  AffineMap conditions = op.getAccess(i).getConditions();
  if (conditions.isFunctionOfDim(*vectorIndex) || asksVectors(conditions))
    return std::nullopt;
  return addressStride(i);
}

/// A vector of labels makes a vector of addresses and guards.
bool EquationEmitter::asksVectors(AffineMap map) {
  bool found = false;
  map.walkExprs([&](AffineExpr expr) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      found |= vectorStride(symbol.getPosition()) != std::optional<int64_t>(0);
  });
  return found;
}

/// The same, whatever conditions say.
std::optional<int64_t> EquationEmitter::addressStride(unsigned i) {
  AccessAttr access = op.getAccess(i);
  auto type = cast<RankedTensorType>(op.getReads()[i].getType());
  bool uneven = asksVectors(access.getCoords());
  int64_t total = 0;
  AffineExpr vector = getAffineDimExpr(*vectorIndex, op.getContext());
  for (auto [dim, stride] : llvm::enumerate(readStrides(op.getReads()[i]))) {
    AffineExpr coordinate = access.getCoords().getResult(dim);
    if (!coordinate.isFunctionOfDim(*vectorIndex))
      continue;
    int64_t coefficient = linearForm(coordinate).coefficient(vector);
    AffineExpr rest = simplify(coordinate - vector * coefficient, op.getExtents());
    bool checked =
        access.isGuarded() && !rangeOf(coordinate, op.getExtents()).inside(type.getDimSize(dim));
    uneven |=
        coefficient == 0 || rest.isFunctionOfDim(*vectorIndex) || checked || access.isClamped(dim);
    total += coefficient * stride;
  }
  return uneven ? std::nullopt : std::optional(total);
}

/// Address and guard of read `i` at the given index values.
EquationEmitter::Location EquationEmitter::locate(unsigned i, ArrayRef<Value> at,
                                                  ArrayRef<Value> symbols) {
  AccessAttr access = op.getAccess(i);
  auto type = cast<RankedTensorType>(op.getReads()[i].getType());
  Location location{k.constant(0), Value()};
  if (addresses[i]) {
    Value offset = k.constant(addresses[i]->base);
    for (auto [index, counter] : steps)
      offset = k.add(offset, k.mul(index == vectorIndex && at[index] ? at[index] : counter,
                                   addresses[i]->strides[index]));
    location.offset = offset;
    return location;
  }
  for (auto [condition, limit] :
       llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
    if (!interior && !rangeOf(condition, op.getExtents()).inside(limit) && !isOfLanes(i, condition))
      location.condition =
          k.both(location.condition, k.inside(k.expression(condition, at, symbols), limit));
  for (auto [dim, stride] : llvm::enumerate(readStrides(op.getReads()[i]))) {
    AffineExpr expr = access.getCoords().getResult(dim);
    Value coordinate = k.expression(expr, at, symbols);
    int64_t extent = type.getDimSize(dim);
    if (!type.isDynamicDim(dim) && access.isClamped(dim)) {
      coordinate = arith::MaxSIOp::create(b, k.loc, coordinate, k.constant(0));
      coordinate = k.minimum(coordinate, k.constant(extent - 1));
    } else if (!interior && !type.isDynamicDim(dim) && access.isGuarded() &&
               !rangeOf(expr, op.getExtents()).inside(extent)) {
      location.condition = k.both(location.condition, k.inside(coordinate, extent));
    }
    location.offset = k.add(location.offset, k.mul(coordinate, stride));
  }
  if (location.condition)
    location.offset =
        arith::SelectOp::create(b, k.loc, location.condition, location.offset, k.constant(0));
  return location;
}

/// `expr` at the least (or greatest) of what it is over the reduction and over the points beside
/// each other; null if it does not walk them evenly.
AffineExpr EquationEmitter::extreme(AffineExpr expr, bool greatest) {
  LinearForm form = linearForm(expr);
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < op.getNumIndices(); ++i) {
    AffineExpr dim = getAffineDimExpr(i, op.getContext());
    at.push_back(dim);
    bool summed = i >= op.getNumParallel();
    if (!expr.isFunctionOfDim(i) || (!summed && (beside == 1 || i != besideIndex)))
      continue;
    int64_t coefficient = form.coefficient(dim), extent = summed ? op.getExtents()[i] : beside;
    if (ShapedType::isDynamic(extent) ||
        simplify(expr - dim * coefficient, op.getExtents()).isFunctionOfDim(i))
      return nullptr;
    int64_t last = (coefficient > 0) == greatest ? extent - 1 : 0;
    at.back() = summed ? getAffineConstantExpr(last, op.getContext()) : dim + last;
  }
  return expr.replaceDims(at);
}

/// Where several guards are to be checked for every vector, they are checked once for all of them:
/// the condition that none fails, where it does not depend on the innermost loop. Null otherwise.
Value EquationEmitter::allInside() {
  constexpr int64_t kSeveral = 4, kMany = 1024;
  SmallVector<std::pair<AffineExpr, int64_t>> checks;
  int64_t guards = 0, points = 1;
  for (int64_t extent : op.getExtents().drop_front(op.getNumParallel()))
    points = ShapedType::isDynamic(extent) ? kMany : std::min(points * extent, kMany);
  auto check = [&](AffineExpr expr, int64_t extent) {
    if (!rangeOf(expr, op.getExtents()).inside(extent) &&
        !llvm::is_contained(checks, std::pair(expr, extent)))
      checks.push_back({expr, extent});
  };
  for (unsigned i = 0; i < op.getReads().size(); ++i) {
    AccessAttr access = op.getAccess(i);
    if (!access.isGuarded())
      continue;
    guards += i < op.getNumBodyReads() ? points : 1;
    auto type = cast<RankedTensorType>(op.getReads()[i].getType());
    for (auto [condition, limit] :
         llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
      check(condition, limit);
    for (auto [dim, coordinate] : llvm::enumerate(access.getCoords().getResults()))
      if (!type.isDynamicDim(dim) && !access.isClamped(dim))
        check(coordinate, type.getDimSize(dim));
  }
  if (guards < kSeveral)
    return Value();
  Value all;
  for (auto [expr, extent] : checks)
    for (bool greatest : {false, true}) {
      AffineExpr bound = extreme(expr, greatest);
      if (!bound || !isOfOpenLoops(bound))
        return Value();
      all = k.both(all, k.inside(k.expression(bound, counters, {}), extent));
    }
  return all;
}

/// Whether `expr` is known in the innermost loop, and the same for all of it.
bool EquationEmitter::isOfOpenLoops(AffineExpr expr) {
  bool known = true;
  expr.walk([&](AffineExpr part) {
    auto dim = dyn_cast<AffineDimExpr>(part);
    known &= !isa<AffineSymbolExpr>(part) &&
             (!dim || (dim.getPosition() < op.getNumParallel() && counters[dim.getPosition()] &&
                       dim.getPosition() != vectorIndex &&
                       !llvm::is_contained(nest.writtenOut, dim.getPosition())));
  });
  return known;
}

Value EquationEmitter::guarded(unsigned i, Value loaded, Value condition, unsigned width) {
  if (!condition)
    return loaded;
  double outside = op.getAccess(i).getOutside().getValueAsDouble();
  Type element = elementType(op.getReads()[i]);
  TypedAttr value = isa<FloatType>(element)
                        ? TypedAttr(b.getFloatAttr(element, outside))
                        : TypedAttr(b.getIntegerAttr(element, static_cast<int64_t>(outside)));
  Value replacement = k.splat(arith::ConstantOp::create(b, k.loc, value), width);
  return arith::SelectOp::create(b, k.loc, condition, loaded, replacement);
}

/// Integer reads as index values, for the coordinates of later reads.
static Value asIndex(KernelBuilder &k, Value value) {
  if (value.getType().isInteger(1) || value.getType().isInteger(8))
    return arith::IndexCastUIOp::create(k.b, k.loc, k.b.getIndexType(), value);
  return arith::IndexCastOp::create(k.b, k.loc, k.b.getIndexType(), value);
}

static SmallVector<Value> symbolsAt(KernelBuilder &k, AccessAttr access, ArrayRef<Value> values,
                                    unsigned lane) {
  SmallVector<Value> symbols(access.getCoords().getNumSymbols());
  for (AffineMap map : {access.getCoords(), access.getConditions()})
    map.walkExprs([&](AffineExpr expr) {
      auto symbol = dyn_cast<AffineSymbolExpr>(expr);
      if (!symbol || symbols[symbol.getPosition()])
        return;
      Value value = values[symbol.getPosition()];
      if (isa<VectorType>(value.getType()))
        value = vector::ExtractOp::create(k.b, k.loc, value, static_cast<int64_t>(lane));
      symbols[symbol.getPosition()] = asIndex(k, value);
    });
  return symbols;
}

Value EquationEmitter::readUniformOrContiguous(unsigned i) {
  Type element = elementType(op.getReads()[i]);
  Location location = locate(i, counters, symbolsAt(k, op.getAccess(i), values, 0));
  bool contiguous = lanes > 1 && *vectorStride(i) == 1;
  Value loaded = k.load(arguments.reads[i], location.offset, element, contiguous ? lanes : 1);
  if (op.getAccess(i).isGuarded()) {
    Value inside = location.condition;
    if (!inside)
      inside = arith::ConstantOp::create(b, k.loc, b.getBoolAttr(true));
    insides[i] = k.splat(inside, lanes);
  }
  Value value = guarded(i, loaded, location.condition, contiguous ? lanes : 1);
  return contiguous ? value : k.splat(value, lanes);
}

Value EquationEmitter::readScattered(unsigned i) {
  Type element = elementType(op.getReads()[i]);
  SmallVector<Value> lanesLoaded, lanesInside;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    SmallVector<Value> at = counters;
    at[*vectorIndex] = k.add(counters[*vectorIndex], lane);
    Location location = locate(i, at, symbolsAt(k, op.getAccess(i), values, lane));
    Value loaded = k.load(arguments.reads[i], location.offset, element, 1);
    lanesLoaded.push_back(guarded(i, loaded, location.condition, 1));
    lanesInside.push_back(location.condition
                              ? location.condition
                              : Value(arith::ConstantOp::create(b, k.loc, b.getBoolAttr(true))));
  }
  auto collect = [&](ValueRange scalars) -> Value {
    auto type = VectorType::get({static_cast<int64_t>(lanes)}, scalars[0].getType());
    return vector::FromElementsOp::create(b, k.loc, type, scalars);
  };
  if (op.getAccess(i).isGuarded())
    insides[i] = collect(lanesInside);
  return collect(lanesLoaded);
}

//===------------------------------------------------------------------------------------------===//
// Random numbers
//===------------------------------------------------------------------------------------------===//

/// The keys, once a call of the kernel.
void EquationEmitter::prepareRandom() {
  for (auto [argument, tensor] : llvm::zip_equal(arguments.reads, op.getReads()))
    if (isRandom(tensor) && !randomKeys.contains(argument))
      randomKeys[argument] = emitRandomKey(k, *arguments.stream, argument);
}

/// first, first + step, ..: one i64 a lane.
Value EquationEmitter::countUp(Value first, int64_t step, unsigned width) {
  Value number = k.splat(arith::IndexCastOp::create(b, k.loc, b.getI64Type(), first), width);
  if (width == 1 || step == 0)
    return number;
  SmallVector<int64_t> count;
  for (unsigned lane = 0; lane < width; ++lane)
    count.push_back(lane * step);
  auto type = cast<ShapedType>(k.typeFor(b.getI64Type(), width));
  Value offsets =
      arith::ConstantOp::create(b, k.loc, DenseElementsAttr::get(type, ArrayRef(count)));
  return arith::AddIOp::create(b, k.loc, number, offsets);
}

/// A number that is the same along the vector is computed once. Where addresses are uneven, each
/// lane finds its own, and the numbers are computed together all the same.
Value EquationEmitter::readRandom(unsigned i) {
  AccessAttr access = op.getAccess(i);
  std::optional<unsigned> batch = sampleIndex(op, i);
  std::optional<int64_t> stride = lanes == 1 ? std::optional<int64_t>(0) : vectorStride(i);
  bool samplesVary = lanes > 1 && batch && batch == vectorIndex;
  unsigned width = stride == 0 && !samplesVary ? 1 : lanes;
  bool group = width == kRandomGroup;
  SmallVector<Value> elements, conditions;
  for (unsigned lane = 0; lane < (stride ? 1 : lanes); ++lane) {
    SmallVector<Value> at = counters;
    if (lane)
      at[*vectorIndex] = k.add(counters[*vectorIndex], lane);
    Location location = locate(i, at, symbolsAt(k, access, values, lane));
    elements.push_back(location.offset);
    conditions.push_back(location.condition
                             ? location.condition
                             : Value(arith::ConstantOp::create(b, k.loc, b.getBoolAttr(true))));
  }
  auto collect = [&](ArrayRef<Value> scalars) -> Value {
    auto type = VectorType::get({static_cast<int64_t>(lanes)}, scalars[0].getType());
    return vector::FromElementsOp::create(b, k.loc, type, scalars);
  };
  Value element;
  if (stride)
    element = countUp(elements[0], *stride, group ? 1 : width);
  else
    element = collect(llvm::map_to_vector(elements, [&](Value one) { return countUp(one, 0, 1); }));
  const RandomKey &key = randomKeys[arguments.reads[i]];
  Value sample = countUp(batch ? counters[*batch] : k.constant(0), samplesVary, group ? 1 : width);
  if (batch)
    sample = arith::AddIOp::create(b, k.loc, sample, k.splat(key.first, group ? 1 : width));
  Value number = group ? emitUniformGroup(k, key, element, sample)
                       : emitUniform(k, key, element, sample, width);
  if (width < lanes)
    number = k.splat(number, lanes);
  if (!access.isGuarded())
    return number;
  insides[i] = stride ? k.splat(conditions[0], lanes) : collect(conditions);
  return guarded(i, number, insides[i], lanes);
}

Value EquationEmitter::read(unsigned i) {
  if (isRandom(op.getReads()[i]))
    return values[i] = readRandom(i);
  std::optional<int64_t> stride = lanes == 1 ? std::optional<int64_t>(0) : vectorStride(i);
  bool scattered = !stride || (*stride != 0 && *stride != 1);
  return values[i] = masked(i)   ? readMasked(i)
                     : scattered ? readScattered(i)
                                 : readUniformOrContiguous(i);
}

} // namespace gnc
