//===- EquationReduction.cpp - combining the terms of an equation -----------------------------===//
#include "codegen/EquationEmitter.h"
#include <limits>

using namespace mlir;

namespace gnc {

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
    double start = reduction == Reduction::Prod                                    ? 1
                   : reduction == Reduction::Max || reduction == Reduction::ArgMax ? -kInfinity
                   : reduction == Reduction::Min || reduction == Reduction::ArgMin ? kInfinity
                                                                                   : 0;
    initial.push_back(k.floatConstant(start, lanes));
    if (isPosition(reduction))
      initial.push_back(
          k.splat(arith::ConstantOp::create(b, k.loc, b.getI32IntegerAttr(0)), lanes));
  }
  return initial;
}

Value combine(KernelBuilder &k, Reduction reduction, Value accumulator, Value term) {
  switch (reduction) {
  case Reduction::Sum: return arith::AddFOp::create(k.b, k.loc, accumulator, term);
  case Reduction::Prod: return arith::MulFOp::create(k.b, k.loc, accumulator, term);
  case Reduction::Max: return arith::MaximumFOp::create(k.b, k.loc, accumulator, term);
  case Reduction::Min: return arith::MinimumFOp::create(k.b, k.loc, accumulator, term);
  default: return term;
  }
}

void combinePosition(KernelBuilder &k, Reduction reduction, Value &best, Value &at, Value term,
                     Value position) {
  auto beats =
      reduction == Reduction::ArgMax ? arith::CmpFPredicate::UGT : arith::CmpFPredicate::ULT;
  Value better = arith::CmpFOp::create(k.b, k.loc, beats, term, best);
  Value number = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::ORD, best, best);
  Value take = arith::AndIOp::create(k.b, k.loc, better, number);
  best = arith::SelectOp::create(k.b, k.loc, take, term, best);
  at = arith::SelectOp::create(k.b, k.loc, take, position, at);
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

/// The term of each sum, all at one point of the reduction. The product is not rounded before it is
/// added, where the processor can.
SmallVector<Value> EquationEmitter::emitTermsBeside(SmallVector<Value> sums) {
  forEachBeside([&](unsigned point) {
    Value factors[] = {read(0), read(1)};
    Value &sum = sums[point];
    if (lanes > 1) {
      sum = vector::FMAOp::create(b, k.loc, factors[0], factors[1], sum);
    } else {
      Value product = arith::MulFOp::create(b, k.loc, factors[0], factors[1]);
      sum = arith::AddFOp::create(b, k.loc, sum, product);
    }
  });
  return sums;
}

SmallVector<Value> EquationEmitter::emitTerm(SmallVector<Value> carried) {
  if (beside > 1)
    return emitTermsBeside(std::move(carried));
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
      combinePosition(k, reduction, carried[at], carried[at + 1], term, position());
      at += 2;
    } else {
      carried[at] = combine(k, reduction, carried[at], term);
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

} // namespace gnc
