//===- GpuReduction.cpp - long sums, shared by the threads of a block -------------------------===//
#include "codegen/GpuEquation.h"

using namespace mlir;

namespace gnc {

/// Few results with many terms each are shared. Whether neighbouring threads take neighbouring
/// results or neighbouring terms is decided by what lies next to each other in the largest tensor.
ThreadShare GpuEquationEmitter::divideThreads(unsigned block, bool alone) {
  constexpr int64_t kUsualBatch = 64, kFewTerms = 64, kEnoughResults = 1 << 15;
  constexpr int64_t kTermsOfWarp = 1024, kTermsOfColumn = 2048, kTermsOfBlock = 16384;
  int64_t count = terms(kUsualBatch);
  bool positions = false;
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    positions |= isPosition(op.getReduction(i));
  if (op.isPointwise() || positions || count < kFewTerms || points(kUsualBatch) >= kEnoughResults)
    return {block, 1, true};
  int64_t largest = -1;
  bool alongResult = false;
  for (unsigned i = 0; i < op.getNumBodyReads(); ++i) {
    auto type = cast<RankedTensorType>(op.getReads()[i].getType());
    int64_t elements = 1;
    for (int64_t extent : type.getShape())
      elements *= ShapedType::isDynamic(extent) ? kUsualBatch : extent;
    if (elements <= largest)
      continue;
    largest = elements;
    alongResult = vectorIndex && vectorStride(i) == std::optional<int64_t>(1);
  }
  if (alongResult && nest.loops.back().extent >= 8)
    return {kWarp, (alone && count >= kTermsOfColumn ? 2 : 1) * block / kWarp, true};
  if (count < kTermsOfWarp)
    return {block / kWarp, kWarp, false};
  return {1, alone && count >= kTermsOfBlock ? 2 * block : block, false};
}

/// Combines the terms first, first + across, .. of the current point.
SmallVector<Value> GpuEquationEmitter::reduceShare(Value first, unsigned across) {
  auto extentOf = [&](unsigned level) {
    int64_t extent = op.getExtents()[level];
    return ShapedType::isDynamic(extent) ? k.batch() : k.constant(extent);
  };
  unsigned from = op.getNumParallel(), to = op.getNumIndices();
  Value count = k.constant(1);
  for (unsigned level = from; level < to; ++level)
    count = k.mul(count, extentOf(level));
  return k.loop(first, count, across, initialValues(), [&](Value flat, ValueRange in) {
    SmallVector<std::pair<unsigned, Value>> point;
    for (unsigned level = to; level-- > from;) {
      counters[level] = level == from ? flat : gpu.remainderBy(flat, extentOf(level));
      if (level != from)
        flat = gpu.divideBy(flat, extentOf(level));
      steps.push_back({level, counters[level]});
    }
    SmallVector<Value> out = emitTerm(llvm::to_vector(in));
    steps.pop_back_n(to - from);
    return out;
  });
}

/// Every thread of a warp gets what all of its threads have together.
Value GpuEquationEmitter::combineWarp(Reduction reduction, Value value) {
  for (unsigned distance = kWarp / 2; distance; distance /= 2)
    value = combine(k, reduction, value, gpu.exchange(value, distance));
  return value;
}

/// The values of the threads of one result, in order. Those of a warp are combined first if it has
/// one result.
Value GpuEquationEmitter::combineShared(Reduction reduction, Value value, Value point, Value term) {
  unsigned parts = share.across, stride = share.points;
  if (!share.pointsFirst) {
    value = combineWarp(reduction, value);
    if (share.across == kWarp)
      return value;
    parts = share.across / kWarp, stride = 1;
    Value memory = gpu.shared(parts);
    Value first = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::eq,
                                        k.remainder(term, kWarp), k.constant(0));
    k.when(first, [&] { gpu.storeShared(value, memory, k.divide(term, kWarp)); });
    gpu.barrier();
    value = gpu.loadShared(memory, k.constant(0), 1);
    for (unsigned part = 1; part < parts; ++part)
      value = combine(k, reduction, value, gpu.loadShared(memory, k.constant(part), 1));
    return value;
  }
  Value memory = gpu.shared(static_cast<int64_t>(parts) * stride);
  gpu.storeShared(value, memory, k.add(k.mul(term, stride), point));
  gpu.barrier();
  value = gpu.loadShared(memory, point, 1);
  for (unsigned part = 1; part < parts; ++part)
    value = combine(k, reduction, value,
                    gpu.loadShared(memory, k.add(point, static_cast<int64_t>(part) * stride), 1));
  return value;
}

/// Threads beyond the last result repeat it, so that all of them come to the barriers; they write
/// nothing.
void GpuEquationEmitter::emitShared() {
  Value thread = gpu.thread();
  Value point =
      share.pointsFirst ? k.remainder(thread, share.points) : k.divide(thread, share.across);
  Value term =
      share.pointsFirst ? k.divide(thread, share.points) : k.remainder(thread, share.across);
  Value count = countSteps(1);
  Value flat = k.add(k.mul(gpu.block(), share.points), point);
  setPoint(k.minimum(flat, k.sub(count, k.constant(1))), 1);
  SmallVector<Value> values = reduceShare(term, share.across);
  for (auto [i, value] : llvm::enumerate(values))
    value = combineShared(op.getReduction(i), value, point, term);
  Value first = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::eq, term, k.constant(0));
  k.when(k.both(first, gpu.less(flat, count)), [&] { failed_ |= failed(finishPoint(values)); });
  steps.clear();
}

} // namespace gnc
