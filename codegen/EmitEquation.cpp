//===- EmitEquation.cpp - any equation as vectorised loops ------------------------------------===//
//
// The loops run over the result in memory order (LoopNest.h); the innermost one in vectors of the
// target's width, the rest of it in scalars. A read is one of
//
//   uniform     the same element for the whole vector: a scalar load, broadcast
//   contiguous  stride one in the vector index: a vector load
//   scattered   anything else: one scalar load a lane
//
// A guard whose conditions do not depend on the vector index costs one comparison a vector: the address is made safe
// (0) and the loaded value replaced. Reductions run inside, in the equation's order, unrolled if they are short.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/LoopNest.h"
#include "codegen/RegionEmitter.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"
#include <limits>

using namespace mlir;

namespace gnc {
namespace {

/// One combined value: the best so far and, for argmax and argmin, where it was.
struct Accumulator {
  Value value, position;
};

class EquationEmitter {
public:
  EquationEmitter(KernelBuilder &k, ComputeOp op, const KernelArguments &arguments)
      : k(k), b(k.b), op(op), arguments(arguments) {}
  FailureOr<Tiles> emit();

private:
  // The nest
  void emitTile(Value tile);
  void emitLoops(unsigned level);
  void emitVectorLoop(const Loop &loop, Value from, Value to);
  void setCounter(const Loop &loop, Value counter);
  LogicalResult emitPoint();
  // Reductions
  SmallVector<Value> initialValues();
  SmallVector<Value> emitReduction(unsigned level, SmallVector<Value> carried);
  SmallVector<Value> emitTerm(SmallVector<Value> carried);
  Value combine(Reduction reduction, Value accumulator, Value term);
  void combinePosition(Reduction reduction, Value &best, Value &position, Value term);
  Value position();
  unsigned carriedAt(unsigned result);
  std::optional<unsigned> positionOf(unsigned result);
  // Reads and writes
  Value read(unsigned i);
  Value readScattered(unsigned i);
  Value readUniformOrContiguous(unsigned i);
  struct Location {
    Value offset, condition; // condition is null if always inside
  };
  Location locate(unsigned i, ArrayRef<Value> counters, ArrayRef<Value> symbols);
  Value guarded(unsigned i, Value loaded, Value condition, unsigned lanes);
  std::optional<int64_t> vectorStride(unsigned i);
  void write(unsigned result, Value value);
  Value indexValue(unsigned index);

  KernelBuilder &k;
  OpBuilder &b;
  ComputeOp op;
  const KernelArguments &arguments;
  SmallVector<std::optional<StridedAddress>> addresses; // of reads that are plain linear addresses
  LoopNest nest;
  SmallVector<Value> counters; // per index of the equation; null inside merged loops
  SmallVector<std::pair<unsigned, Value>> steps; // (step index, counter) of every open loop
  std::optional<unsigned> vectorIndex;
  unsigned lanes = 1;
  SmallVector<Value> values, insides; // per read, at the current point
  bool failed_ = false;
};

} // namespace

static Type elementType(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

//===------------------------------------------------------------------------------------------===//
// Reads
//===------------------------------------------------------------------------------------------===//

/// How far a step of the vector index moves the address, if it moves it evenly and no guard depends on it.
std::optional<int64_t> EquationEmitter::vectorStride(unsigned i) {
  if (!vectorIndex)
    return 0;
  if (addresses[i])
    return addresses[i]->strides[*vectorIndex];
  AccessAttr access = op.getAccess(i);
  auto type = cast<RankedTensorType>(op.getReads()[i].getType());
  bool uneven = access.getConditions().isFunctionOfDim(*vectorIndex);
  int64_t total = 0;
  AffineExpr vector = getAffineDimExpr(*vectorIndex, op.getContext());
  // A vector of labels makes a vector of addresses and guards.
  for (AffineMap map : {access.getCoords(), access.getConditions()})
    map.walkExprs([&](AffineExpr expr) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
        uneven |= vectorStride(symbol.getPosition()) != std::optional<int64_t>(0);
    });
  for (auto [dim, stride] : llvm::enumerate(physicalStrides(type))) {
    AffineExpr coordinate = access.getCoords().getResult(dim);
    if (!coordinate.isFunctionOfDim(*vectorIndex))
      continue;
    int64_t coefficient = linearForm(coordinate).coefficient(vector);
    AffineExpr rest = simplify(coordinate - vector * coefficient, op.getExtents());
    bool checked = access.isGuarded() && !rangeOf(coordinate, op.getExtents()).inside(type.getDimSize(dim));
    uneven |= coefficient == 0 || rest.isFunctionOfDim(*vectorIndex) || checked || access.isClamped(dim);
    total += coefficient * stride;
  }
  return uneven ? std::nullopt : std::optional(total);
}

/// Address and guard of read `i` at the given index values.
EquationEmitter::Location EquationEmitter::locate(unsigned i, ArrayRef<Value> at, ArrayRef<Value> symbols) {
  AccessAttr access = op.getAccess(i);
  auto type = cast<RankedTensorType>(op.getReads()[i].getType());
  Location location{k.constant(0), Value()};
  if (addresses[i]) {
    Value offset = k.constant(addresses[i]->base);
    for (auto [index, counter] : steps)
      offset = k.add(offset, k.mul(index == vectorIndex && at[index] ? at[index] : counter, addresses[i]->strides[index]));
    location.offset = offset;
    return location;
  }
  for (auto [condition, limit] : llvm::zip_equal(access.getConditions().getResults(), access.getLimits()))
    if (!rangeOf(condition, op.getExtents()).inside(limit))
      location.condition = k.both(location.condition, k.inside(k.expression(condition, at, symbols), limit));
  for (auto [dim, stride] : llvm::enumerate(physicalStrides(type))) {
    AffineExpr expr = access.getCoords().getResult(dim);
    Value coordinate = k.expression(expr, at, symbols);
    int64_t extent = type.getDimSize(dim);
    if (!type.isDynamicDim(dim) && access.isClamped(dim)) {
      coordinate = arith::MaxSIOp::create(b, k.loc, coordinate, k.constant(0));
      coordinate = k.minimum(coordinate, k.constant(extent - 1));
    } else if (!type.isDynamicDim(dim) && access.isGuarded() && !rangeOf(expr, op.getExtents()).inside(extent)) {
      location.condition = k.both(location.condition, k.inside(coordinate, extent));
    }
    location.offset = k.add(location.offset, k.mul(coordinate, stride));
  }
  if (location.condition)
    location.offset = arith::SelectOp::create(b, k.loc, location.condition, location.offset, k.constant(0));
  return location;
}

Value EquationEmitter::guarded(unsigned i, Value loaded, Value condition, unsigned width) {
  if (!condition)
    return loaded;
  double outside = op.getAccess(i).getOutside().getValueAsDouble();
  Type element = elementType(op.getReads()[i]);
  TypedAttr value = isa<FloatType>(element) ? TypedAttr(b.getFloatAttr(element, outside))
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

static SmallVector<Value> symbolsAt(KernelBuilder &k, AccessAttr access, ArrayRef<Value> values, unsigned lane) {
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
    lanesInside.push_back(location.condition ? location.condition
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

Value EquationEmitter::read(unsigned i) {
  std::optional<int64_t> stride = lanes == 1 ? std::optional<int64_t>(0) : vectorStride(i);
  bool scattered = !stride || (*stride != 0 && *stride != 1);
  return values[i] = scattered ? readScattered(i) : readUniformOrContiguous(i);
}

//===------------------------------------------------------------------------------------------===//
// Reductions
//===------------------------------------------------------------------------------------------===//

static bool isPosition(Reduction reduction) { return reduction == Reduction::ArgMax || reduction == Reduction::ArgMin; }

/// Where the values of result `result` start among the carried ones.
unsigned EquationEmitter::carriedAt(unsigned result) {
  unsigned at = 0;
  for (unsigned i = 0; i < result; ++i)
    at += isPosition(op.getReduction(i)) ? 2 : 1;
  return at;
}

/// For a maximum or minimum: the result that is the position of the same extreme of the same terms.
std::optional<unsigned> EquationEmitter::positionOf(unsigned result) {
  Reduction reduction = op.getReduction(result);
  if (reduction != Reduction::Max && reduction != Reduction::Min)
    return std::nullopt;
  Reduction wanted = reduction == Reduction::Max ? Reduction::ArgMax : Reduction::ArgMin;
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    if (op.getReduction(i) == wanted && op.getYielded()[i] == op.getYielded()[result])
      return i;
  return std::nullopt;
}

SmallVector<Value> EquationEmitter::initialValues() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  SmallVector<Value> initial;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    Reduction reduction = op.getReduction(i);
    double start = reduction == Reduction::Prod                                        ? 1
                   : reduction == Reduction::Max || reduction == Reduction::ArgMax ? -kInfinity
                   : reduction == Reduction::Min || reduction == Reduction::ArgMin ? kInfinity
                                                                                   : 0;
    initial.push_back(k.floatConstant(start, lanes));
    if (isPosition(reduction))
      initial.push_back(k.splat(arith::ConstantOp::create(b, k.loc, b.getI32IntegerAttr(0)), lanes));
  }
  return initial;
}

Value EquationEmitter::combine(Reduction reduction, Value accumulator, Value term) {
  switch (reduction) {
  case Reduction::Sum:
    return arith::AddFOp::create(b, k.loc, accumulator, term);
  case Reduction::Prod:
    return arith::MulFOp::create(b, k.loc, accumulator, term);
  case Reduction::Max:
    return arith::MaximumFOp::create(b, k.loc, accumulator, term);
  case Reduction::Min:
    return arith::MinimumFOp::create(b, k.loc, accumulator, term);
  default:
    return term;
  }
}

/// A term replaces the best if it beats it or is the first NaN.
void EquationEmitter::combinePosition(Reduction reduction, Value &best, Value &at, Value term) {
  auto beats = reduction == Reduction::ArgMax ? arith::CmpFPredicate::UGT : arith::CmpFPredicate::ULT;
  Value better = arith::CmpFOp::create(b, k.loc, beats, term, best);
  Value number = arith::CmpFOp::create(b, k.loc, arith::CmpFPredicate::ORD, best, best);
  Value take = arith::AndIOp::create(b, k.loc, better, number);
  best = arith::SelectOp::create(b, k.loc, take, term, best);
  at = arith::SelectOp::create(b, k.loc, take, position(), at);
}

/// Row-major position of the current point among the reduction indices.
Value EquationEmitter::position() {
  Value at = k.constant(0);
  for (unsigned i = op.getNumParallel(); i < op.getNumIndices(); ++i) {
    int64_t extent = op.getExtents()[i];
    at = k.mul(at, ShapedType::isDynamic(extent) ? k.batch() : k.constant(extent));
    at = k.add(at, counters[i]);
  }
  return k.splat(arith::IndexCastOp::create(b, k.loc, b.getI32Type(), at), lanes);
}

SmallVector<Value> EquationEmitter::emitTerm(SmallVector<Value> carried) {
  SmallVector<Value> reads;
  for (unsigned i = 0; i < op.getNumBodyReads(); ++i)
    reads.push_back(read(i));
  auto index = [&](unsigned i) { return indexValue(i); };
  auto inside = [&](unsigned i) { return insides[i]; };
  FailureOr<SmallVector<Value>> terms =
      emitRegion(k, op.getBody(), reads, RegionContext{lanes, index, inside, op.getExtents()});
  if (failed(terms)) {
    failed_ = true;
    return carried;
  }
  if (op.isPointwise())
    return *terms;
  unsigned at = 0;
  for (auto [i, term] : llvm::enumerate(*terms)) {
    Reduction reduction = op.getReduction(i);
    if (positionOf(i)) {
      ++at; // the search for the position finds the extreme, too
    } else if (isPosition(reduction)) {
      combinePosition(reduction, carried[at], carried[at + 1], term);
      at += 2;
    } else {
      carried[at] = combine(reduction, carried[at], term);
      ++at;
    }
  }
  return carried;
}

SmallVector<Value> EquationEmitter::emitReduction(unsigned level, SmallVector<Value> carried) {
  if (level == op.getNumIndices())
    return emitTerm(std::move(carried));
  int64_t extent = op.getExtents()[level];
  int64_t points = 1;
  for (int64_t inner : op.getExtents().drop_front(level))
    points = ShapedType::isDynamic(inner) || points > 1024 ? 1 << 20 : points * inner;
  auto at = [&](Value counter, ValueRange in) {
    counters[level] = counter;
    steps.push_back({level, counter});
    SmallVector<Value> out = emitReduction(level + 1, llvm::to_vector(in));
    steps.pop_back();
    return out;
  };
  constexpr int64_t kUnrolledPoints = 16;
  if (points <= kUnrolledPoints) {
    for (int64_t i = 0; i < extent; ++i)
      carried = at(k.constant(i), carried);
    return carried;
  }
  Value to = ShapedType::isDynamic(extent) ? k.batch() : k.constant(extent);
  return k.loop(k.constant(0), to, 1, carried, at);
}

//===------------------------------------------------------------------------------------------===//
// Points
//===------------------------------------------------------------------------------------------===//

/// An index as f32; along the vector its lanes count up.
Value EquationEmitter::indexValue(unsigned index) {
  Value integer = arith::IndexCastOp::create(b, k.loc, b.getI32Type(), counters[index]);
  Value number = k.splat(arith::SIToFPOp::create(b, k.loc, b.getF32Type(), integer), lanes);
  if (lanes == 1 || index != vectorIndex)
    return number;
  SmallVector<float> count;
  for (unsigned lane = 0; lane < lanes; ++lane)
    count.push_back(lane);
  auto type = cast<ShapedType>(k.typeFor(b.getF32Type(), lanes));
  Value offsets = arith::ConstantOp::create(b, k.loc, DenseElementsAttr::get(type, ArrayRef(count)));
  return arith::AddFOp::create(b, k.loc, number, offsets);
}

void EquationEmitter::write(unsigned result, Value value) {
  StridedAddress address = resultAddress(op, result);
  Type element = cast<RankedTensorType>(op.getResultTypes()[result]).getElementType();
  if (isPosition(op.getReduction(result)) && element.isInteger(8))
    value = arith::TruncIOp::create(b, k.loc, k.typeFor(element, lanes), value);
  Value offset = k.constant(0);
  for (auto [index, counter] : steps)
    offset = k.add(offset, k.mul(counter, address.strides[index]));
  int64_t stride = vectorIndex ? address.strides[*vectorIndex] : 0;
  if (lanes == 1 || stride == 1)
    return k.store(value, arguments.results[result], offset);
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Value scalar = vector::ExtractOp::create(b, k.loc, value, static_cast<int64_t>(lane));
    k.store(scalar, arguments.results[result], k.add(offset, lane * stride));
  }
}

LogicalResult EquationEmitter::emitPoint() {
  SmallVector<Value> carried;
  if (!op.isPointwise())
    carried = initialValues();
  carried = emitReduction(op.getNumParallel(), std::move(carried));
  SmallVector<Value> results;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    if (auto position = positionOf(i))
      results.push_back(carried[carriedAt(*position)]);
    else // after the best value comes its position
      results.push_back(carried[carriedAt(i) + isPosition(op.getReduction(i))]);
  }
  if (op.hasFinish()) {
    for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
      results.push_back(read(i));
    auto index = [&](unsigned i) { return indexValue(i); };
    auto inside = [&](unsigned i) { return insides[i]; };
    FailureOr<SmallVector<Value>> finished =
        emitRegion(k, op.getFinish(), results, RegionContext{lanes, index, inside, op.getExtents()});
    if (failed(finished))
      return failure();
    results = *finished;
  }
  for (auto [i, value] : llvm::enumerate(results))
    write(i, value);
  return success();
}

//===------------------------------------------------------------------------------------------===//
// The nest
//===------------------------------------------------------------------------------------------===//

void EquationEmitter::setCounter(const Loop &loop, Value counter) {
  if (!loop.stepIndex())
    return;
  counters[*loop.stepIndex()] = counter;
  steps.push_back({*loop.stepIndex(), counter});
}

void EquationEmitter::emitVectorLoop(const Loop &loop, Value from, Value to) {
  auto body = [&](unsigned width) {
    return [&, width](Value counter) {
      lanes = width;
      setCounter(loop, counter);
      failed_ |= failed(emitPoint());
      if (loop.stepIndex())
        steps.pop_back();
      lanes = 1;
    };
  };
  unsigned width = k.target.lanes;
  bool vectors = vectorIndex && (loop.batched || nest.chunk || loop.extent >= width);
  if (!vectors)
    return k.loop(from, to, 1, body(1));
  Value count = k.sub(to, from);
  Value middle = k.add(from, k.sub(count, k.remainder(count, width)));
  k.loop(from, middle, width, body(width));
  k.loop(middle, to, 1, body(1));
}

void EquationEmitter::emitLoops(unsigned level) {
  const Loop &loop = nest.loops[level];
  Value to = loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent);
  if (level + 1 == nest.loops.size())
    return emitVectorLoop(loop, k.constant(0), to);
  k.loop(k.constant(0), to, 1, [&](Value counter) {
    setCounter(loop, counter);
    emitLoops(level + 1);
    steps.pop_back();
  });
}

void EquationEmitter::emitTile(Value tile) {
  if (nest.chunk) {
    const Loop &loop = nest.loops[0];
    Value end = loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent);
    Value from = k.mul(tile, nest.chunk);
    return emitVectorLoop(loop, from, k.minimum(k.add(from, nest.chunk), end));
  }
  SmallVector<Value> outer(nest.outer);
  for (unsigned i = nest.outer; i-- > 0;) {
    outer[i] = i == 0 ? tile : k.remainder(tile, nest.loops[i].extent);
    tile = k.divide(tile, nest.loops[i].extent);
  }
  for (unsigned i = 0; i < nest.outer; ++i)
    setCounter(nest.loops[i], outer[i]);
  emitLoops(nest.outer);
  steps.clear();
}

FailureOr<Tiles> EquationEmitter::emit() {
  for (unsigned i = 0; i < op.getReads().size(); ++i) {
    AccessAttr access = op.getAccess(i);
    bool plain = !access.isGuarded() && access.getClamped().empty();
    auto type = cast<RankedTensorType>(op.getReads()[i].getType());
    addresses.push_back(plain ? stridedAddress(access, type, op.getNumIndices()) : std::nullopt);
  }
  nest = planLoops(op, addresses, k.target.lanes);
  vectorIndex = nest.loops.back().stepIndex();
  // Indices of extent one are in no loop.
  counters.assign(op.getNumIndices(), k.constant(0));
  values.resize(op.getReads().size());
  insides.resize(op.getReads().size());
  k.loop(k.low(), k.high(), 1, [&](Value tile) { emitTile(tile); });
  if (failed_)
    return failure();
  return nest.tiles();
}

FailureOr<Tiles> emitEquation(KernelBuilder &k, ComputeOp op, const KernelArguments &arguments) {
  return EquationEmitter(k, op, arguments).emit();
}

} // namespace gnc
