//===- EmitEquation.cpp - any equation as vectorised loops ------------------------------------===//
//
// The loops run over the result in memory order (LoopNest.h); the innermost one in vectors of the
// target's width, the rest of it in scalars. A read is one of
//
//   uniform     the same element for the whole vector: a scalar load, broadcast
//   contiguous  stride one in the vector index: a vector load
//   scattered   anything else: one scalar load a lane
//   random      no memory: computed from the coordinates
//
// A guard whose conditions do not depend on the vector index costs one comparison a vector: the
// address is made safe (0) and the loaded value replaced. Reductions run inside, in the equation's
// order, unrolled if they are short.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/EquationEmitter.h"
#include "codegen/KernelTarget.h"
#include "codegen/TileWindows.h"
#include "codegen/WrittenOut.h"

using namespace mlir;

namespace gnc {

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
  Value offsets =
      arith::ConstantOp::create(b, k.loc, DenseElementsAttr::get(type, ArrayRef(count)));
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
  if (!nest.writtenOut.empty())
    return emitWrittenOut();
  if (beside > 1)
    return emitPointsBeside();
  SmallVector<Value> carried;
  if (!op.isPointwise())
    carried = initialValues();
  return finishPoint(emitReduction(op.getNumParallel(), std::move(carried)));
}

/// Calls `body` with each of the points beside each other as the current one. The step to it is the
/// last part of an address, so that equal addresses look alike.
void EquationEmitter::forEachBeside(function_ref<void(unsigned)> body) {
  Value first = counters[besideIndex];
  for (int64_t point = 0; point < beside; ++point) {
    counters[besideIndex] = k.add(first, point);
    steps.push_back({besideIndex, k.constant(point)});
    body(point);
    steps.pop_back();
  }
  counters[besideIndex] = first;
}

LogicalResult EquationEmitter::emitPointsBeside() {
  SmallVector<Value> sums;
  for (int64_t point = 0; point < beside; ++point)
    llvm::append_range(sums, initialValues());
  sums = emitReduction(op.getNumParallel(), std::move(sums));
  bool good = true;
  forEachBeside([&](unsigned point) { good &= succeeded(finishPoint(sums[point])); });
  return success(good);
}

LogicalResult EquationEmitter::finishPoint(ArrayRef<Value> carried) {
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
    FailureOr<SmallVector<Value>> finished = emitRegion(
        k, op.getFinish(), results, RegionContext{lanes, index, inside, op.getExtents()});
    if (failed(finished))
      return failure();
    results = *finished;
  }
  for (auto [i, value] : llvm::enumerate(results))
    write(i, value);
  return success();
}

/// The points of the indices that have no loop, one after the other.
LogicalResult EquationEmitter::emitWrittenOut() {
  auto index = [&](unsigned i) { return indexValue(i); };
  auto inside = [&](unsigned i) { return insides[i]; };
  RegionContext context{lanes, index, inside, op.getExtents()};
  auto readNow = [&](unsigned i) { return read(i); };
  WrittenOutRegion region(k, op, nest.writtenOut, context, readNow);
  SmallVector<int64_t> point(nest.writtenOut.size(), 0);
  int64_t points = 1;
  for (unsigned i : nest.writtenOut)
    points *= op.getExtents()[i];
  for (int64_t number = 0; number < points; ++number) {
    int64_t rest = number;
    for (unsigned position = point.size(); position-- > 0;) {
      int64_t extent = op.getExtents()[nest.writtenOut[position]];
      point[position] = rest % extent;
      rest /= extent;
    }
    for (auto [i, value] : llvm::zip_equal(nest.writtenOut, point)) {
      counters[i] = k.constant(value);
      steps.push_back({i, counters[i]});
    }
    FailureOr<SmallVector<Value>> values = region.at(point);
    if (failed(values))
      return failure();
    for (auto [i, value] : llvm::enumerate(*values))
      write(i, value);
    steps.pop_back_n(point.size());
  }
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

/// Steps of the innermost loop may be whole groups of random numbers: all else is read and written
/// in order, and little enough that 64 lanes of it are no burden.
bool EquationEmitter::walksRandomGroups() {
  constexpr unsigned kMostReads = 6;
  bool found = false;
  if (!vectorIndex || !op.isPointwise() || op.getReads().size() > kMostReads ||
      nest.chunk % kRandomGroup)
    return false;
  for (unsigned i = 0; i < op.getNumResults(); ++i)
    if (resultAddress(op, i).strides[*vectorIndex] != 1)
      return false;
  for (unsigned i = 0; i < op.getReads().size(); ++i) {
    std::optional<int64_t> stride = vectorStride(i);
    if (!stride || (*stride != 0 && *stride != 1))
      return false;
    if (!isRandom(op.getReads()[i]))
      continue;
    if (sampleIndex(op, i) == vectorIndex || !addresses[i])
      return false;
    if (*stride == 0)
      continue;
    found = true;
    bool aligned = addresses[i]->base % kRandomGroup == 0;
    for (const Loop &outer : ArrayRef(nest.loops).drop_back())
      aligned &= addresses[i]->strides[*outer.stepIndex()] % kRandomGroup == 0;
    if (!aligned)
      return false;
  }
  return found && !op.getBody()
                       .walk([](Operation *scalar) {
                         return scalar->getDialect()->getNamespace() == "math"
                                    ? WalkResult::interrupt()
                                    : WalkResult::advance();
                       })
                       .wasInterrupted();
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
  auto inStepsOf = [&](unsigned step) { // what is left goes on after `from`
    Value count = k.sub(to, from);
    Value middle = k.add(from, k.sub(count, k.remainder(count, step)));
    k.loop(from, middle, step, body(step));
    from = middle;
  };
  if (vectors && walksRandomGroups())
    inStepsOf(kRandomGroup);
  if (vectors)
    inStepsOf(width);
  k.loop(from, to, 1, body(1));
}

/// The border and what lies inside of it have loops of their own.
void EquationEmitter::emitInnermost(const Loop &loop, Value from, Value to) {
  Value all = allInside();
  if (!all)
    return emitVectorLoop(loop, from, to);
  auto inside = [&] {
    interior = true;
    emitVectorLoop(loop, from, to);
    interior = false;
  };
  k.when(all, inside, [&] { emitVectorLoop(loop, from, to); });
}

void EquationEmitter::emitLoops(unsigned level) {
  const Loop &loop = nest.loops[level];
  Value to = loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent);
  if (level + 1 == nest.loops.size())
    return emitInnermost(loop, k.constant(0), to);
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
    int64_t count = nest.tilesOf(i);
    outer[i] = i == 0 ? tile : k.remainder(tile, count);
    tile = k.divide(tile, count);
  }
  for (unsigned i = 0; i < nest.outer; ++i)
    setCounter(nest.loops[i], i + 1 == nest.outer ? k.mul(outer[i], nest.beside) : outer[i]);
  nest.beside == 1 ? emitLoops(nest.outer) : emitBeside();
  steps.clear();
}

/// The steps that a tile takes of its last outer loop, together or, at the end, one by one.
void EquationEmitter::emitBeside() {
  const Loop &loop = nest.loops[nest.outer - 1];
  besideIndex = *loop.stepIndex();
  Value first = counters[besideIndex];
  auto together = [&] {
    beside = nest.beside;
    emitLoops(nest.outer);
    beside = 1;
  };
  if (loop.extent % nest.beside == 0)
    return together();
  auto oneByOne = [&] {
    steps.pop_back();
    k.loop(first, k.constant(loop.extent), 1, [&](Value counter) {
      setCounter(loop, counter);
      emitLoops(nest.outer);
      steps.pop_back();
    });
    setCounter(loop, first);
  };
  Value whole = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::sle, first,
                                      k.constant(loop.extent - nest.beside));
  k.when(whole, together, oneByOne);
}

void EquationEmitter::prepare() {
  for (unsigned i = 0; i < op.getReads().size(); ++i) {
    AccessAttr access = op.getAccess(i);
    bool plain = !access.isGuarded() && access.getClamped().empty();
    addresses.push_back(
        plain ? stridedAddress(access, readStrides(op.getReads()[i]), op.getNumIndices())
              : std::nullopt);
  }
  nest = planLoops(op, addresses, k.target.lanes);
  vectorIndex = nest.loops.back().stepIndex();
  // Indices of extent one are in no loop.
  counters.assign(op.getNumIndices(), k.constant(0));
  values.resize(op.getReads().size());
  insides.resize(op.getReads().size());
  prepareRandom();
}

FailureOr<Tiles> EquationEmitter::emit() {
  prepare();
  k.loop(k.low(), k.high(), 1, [&](Value tile) { emitTile(tile); });
  if (failed_)
    return failure();
  return nest.tiles();
}

namespace {
class ProcessorTarget final : public KernelTarget {
public:
  explicit ProcessorTarget(VectorTarget vectors) : vectors(vectors) {}

  /// A launch costs a microsecond here, and equal kernels are one.
  PartForm formOf(ComputeOp) const final { return {}; }

  ComputeOp windowOf(ComputeOp op) const final { return windowOfTile(op, vectors); }

  bool runsPlans() const final { return false; }
  bool decidesCommits() const final { return false; }

  FailureOr<EmittedKernel> emit(ModuleOp module, ArrayRef<KernelPart> parts,
                                ArrayRef<Type> buffers) const final {
    const KernelPart &part = parts.front();
    KernelBuilder k(module, UnknownLoc::get(module.getContext()), buffers, vectors);
    std::optional<unsigned> vector =
        contractionVector(part.op, {.panelLanes = vectors.lanes, .bounds = true});
    const KernelPart *window = parts.size() > 1 ? &parts.back() : nullptr;
    FailureOr<Tiles> tiles = vector ? emitContraction(k, part, *vector, window)
                                    : emitEquation(k, part.op, part.arguments);
    if (succeeded(tiles))
      return EmittedKernel{k.function, *tiles};
    k.function.erase();
    return failure();
  }

private:
  VectorTarget vectors;
};
} // namespace

std::unique_ptr<KernelTarget> createProcessorTarget(VectorTarget vectors) {
  return std::make_unique<ProcessorTarget>(vectors);
}

FailureOr<Tiles> emitEquation(KernelBuilder &k, ComputeOp op, const KernelArguments &arguments) {
  if (std::optional<Tiles> tiles = emitTransposition(k, op, arguments))
    return *tiles;
  return EquationEmitter(k, op, arguments).emit();
}

} // namespace gnc
