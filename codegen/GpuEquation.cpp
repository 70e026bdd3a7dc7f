//===- GpuEquation.cpp - an element, or a vector of four, a thread ----------------------------===//
#include "codegen/GpuEquation.h"
#include "codegen/GpuContraction.h"
#include "codegen/KernelTarget.h"
#include "ir/IndexMath.h"
#include "ir/Layout.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace gnc {

/// A batch stands for so many samples where something is decided before it is known.
static constexpr int64_t kUsualBatch = 64;

//===------------------------------------------------------------------------------------------===//
// How wide a thread is
//===------------------------------------------------------------------------------------------===//

/// Whether a contiguous read starts at a multiple of four elements wherever the vector index is
/// one. Only the indices that are walked count: others are part of a merged loop.
bool GpuEquationEmitter::isAligned(unsigned i) {
  constexpr int64_t width = 4;
  SmallVector<unsigned> walked;
  for (const Loop &loop : ArrayRef(nest.loops).drop_back())
    walked.push_back(*loop.stepIndex());
  for (unsigned index = op.getNumParallel(); index < op.getNumIndices(); ++index)
    walked.push_back(index);
  if (addresses[i])
    return addresses[i]->base % width == 0 && llvm::all_of(walked, [&](unsigned index) {
             return op.getExtents()[index] == 1 || addresses[i]->strides[index] % width == 0;
           });
  AccessAttr access = op.getAccess(i);
  AffineExpr vector = getAffineDimExpr(*vectorIndex, op.getContext());
  for (auto [dim, stride] : llvm::enumerate(readStrides(op.getReads()[i]))) {
    if (stride % width == 0)
      continue;
    LinearForm form = linearForm(access.getCoords().getResult(dim));
    if (access.isClamped(dim) || form.constant % width)
      return false;
    for (auto &[atom, coefficient] : form.terms)
      if (atom != vector && coefficient % width)
        return false;
  }
  return true;
}

/// Four if every access along the vector index is uniform or an aligned vector; else one: then
/// neighbouring threads read neighbouring elements.
unsigned GpuEquationEmitter::vectorWidth() {
  constexpr int64_t width = 4, kEnoughSums = 1 << 16;
  if (!vectorIndex || (!op.isPointwise() && points(kUsualBatch) < kEnoughSums))
    return 1;
  const Loop &inner = nest.loops.back();
  if (nest.loops.size() > 1 && inner.extent % width)
    return 1;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    StridedAddress address = resultAddress(op, i);
    if (address.strides[*vectorIndex] != 1)
      return 1;
    for (const Loop &loop : ArrayRef(nest.loops).drop_back())
      if (address.strides[*loop.stepIndex()] % width)
        return 1;
  }
  for (unsigned i = 0; i < op.getReads().size(); ++i) {
    if (isRandom(op.getReads()[i]))
      continue;
    std::optional<int64_t> stride = vectorStride(i);
    if (!stride || *stride > 1 || *stride < 0 || (*stride == 1 && !isAligned(i)))
      return 1;
  }
  return width;
}

int64_t GpuEquationEmitter::points(int64_t batch) {
  int64_t count = 1;
  for (const Loop &loop : nest.loops)
    count *= loop.extent * (loop.batched ? batch : 1);
  return count;
}

int64_t GpuEquationEmitter::terms(int64_t batch) {
  int64_t count = 1;
  for (int64_t extent : op.getReductionExtents())
    count *= ShapedType::isDynamic(extent) ? batch : extent;
  return count;
}

//===------------------------------------------------------------------------------------------===//
// Threads and elements
//===------------------------------------------------------------------------------------------===//

/// Steps of a loop whose threads take `width` elements.
Value GpuEquationEmitter::stepsOf(const Loop &loop, unsigned width) {
  Value extent = loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent);
  return width == 1 ? extent : k.divide(k.add(extent, width - 1), width);
}

Value GpuEquationEmitter::countSteps(unsigned width) {
  Value count = k.constant(1);
  for (const Loop &loop : nest.loops)
    count = k.mul(count, stepsOf(loop, &loop == &nest.loops.back() ? width : 1));
  return count;
}

/// Blocks that take `perBlock` steps each.
Tiles GpuEquationEmitter::tilesOf(unsigned width, unsigned perBlock) const {
  Tiles tiles;
  int64_t product = 1;
  bool batched = false;
  for (const Loop &loop : nest.loops) {
    product *= loop.extent;
    batched |= loop.batched;
  }
  (batched ? tiles.perSample : tiles.fixed) = product;
  tiles.divisor = static_cast<int64_t>(width) * perBlock;
  return tiles;
}

/// Sets all counters from the number of a step.
void GpuEquationEmitter::setPoint(Value flat, unsigned width) {
  for (unsigned i = nest.loops.size(); i-- > 0;) {
    const Loop &loop = nest.loops[i];
    unsigned step = i + 1 == nest.loops.size() ? width : 1;
    Value count = stepsOf(loop, step);
    Value counter = i == 0 ? flat : gpu.remainderBy(flat, count);
    if (i)
      flat = gpu.divideBy(flat, count);
    setCounter(loop, k.mul(counter, step));
  }
}

void GpuEquationEmitter::emitElements() {
  Value flat = k.add(k.mul(gpu.block(), share.points), gpu.thread());
  auto point = [&](unsigned count) {
    lanes = count;
    failed_ |= failed(emitPoint());
    lanes = 1;
  };
  k.when(gpu.less(flat, countSteps(width)), [&] {
    const Loop &loop = nest.loops.back();
    setPoint(flat, width);
    if (width == 1 || (!loop.batched && loop.extent % width == 0) ||
        (loop.batched && loop.extent % width == 0)) {
      point(width);
    } else { // one loop, whose last step is not whole
      auto [index, from] = steps.back();
      Value end = stepsOf(loop, 1);
      Value next = k.add(from, width);
      k.when(
          arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::sle, next, end),
          [&] { point(width); },
          [&] {
            k.loop(from, end, 1, [&, index = index](Value counter) {
              counters[index] = counter;
              steps.back().second = counter;
              point(1);
            });
          });
    }
    steps.clear();
  });
}

GpuEquationEmitter::GpuEquationEmitter(GpuBuilder &gpu, ComputeOp op,
                                       const KernelArguments &arguments, unsigned block, bool alone)
    : EquationEmitter(gpu, op, arguments), gpu(gpu) {
  prepare();
  share = divideThreads(block, alone);
  width = share.across > 1 ? 1 : vectorWidth();
}

LogicalResult GpuEquationEmitter::emit() {
  share.across > 1 ? emitShared() : emitElements();
  return failure(failed_);
}

//===------------------------------------------------------------------------------------------===//
// The target
//===------------------------------------------------------------------------------------------===//

static double pointsOf(ArrayRef<int64_t> extents, int64_t batch) {
  double count = 1;
  for (int64_t extent : extents)
    count *= double(ShapedType::isDynamic(extent) ? batch : extent);
  return count;
}

static std::unique_ptr<GpuPart> planPart(GpuBuilder &k, const KernelPart &part, unsigned block,
                                         bool alone) {
  if (std::optional<unsigned> vector = contractionVector(part.op, {.alongSums = true}))
    return std::make_unique<GpuContractionEmitter>(k, part.op, *vector, part.arguments);
  return std::make_unique<GpuEquationEmitter>(k, part.op, part.arguments, block, alone);
}

/// The tiles of all parts together; where some are counted by the batch, possibly a few more, which
/// are beyond the last part's end.
static Tiles sumOf(ArrayRef<Tiles> parts) {
  constexpr int64_t scale = 4096;
  Tiles sum{0, 0, scale, 1};
  for (const Tiles &part : parts) {
    if (part.perSample == 0) {
      sum.fixed += llvm::divideCeil(part.fixed, part.divisor) * part.times * scale;
      continue;
    }
    sum.perSample += llvm::divideCeil(part.perSample * part.times * scale, part.divisor);
    sum.fixed +=
        llvm::divideCeil((part.fixed + part.divisor - 1) * part.times * scale, part.divisor);
  }
  return sum;
}

static Value countTiles(GpuBuilder &k, const Tiles &tiles) {
  Value count = k.add(k.mul(k.batch(), tiles.perSample), tiles.fixed);
  return k.mul(k.divide(k.add(count, tiles.divisor - 1), tiles.divisor), tiles.times);
}

/// The first blocks compute the first part, the next ones the second, and so on. All threads of a
/// block go the same way, so a part may have barriers.
static LogicalResult emitParts(GpuBuilder &k, ArrayRef<KernelPart> parts, unsigned block,
                               Value first, SmallVectorImpl<Tiles> &tiles) {
  std::unique_ptr<GpuPart> part = planPart(k, parts.front(), block, /*alone=*/false);
  tiles.push_back(part->tiles());
  k.startPart(first);
  Value count = countTiles(k, part->tiles());
  bool good = true;
  auto emitPart = [&] { good &= succeeded(part->emit()); };
  auto emitOthers = [&] {
    good &= succeeded(emitParts(k, parts.drop_front(), block, k.add(first, count), tiles));
  };
  Value mine = k.less(k.block(), count);
  if (parts.size() == 1)
    k.when(mine, emitPart);
  else
    k.when(mine, emitPart, emitOthers);
  return success(good);
}

static FailureOr<Tiles> emitKernel(GpuBuilder &k, ArrayRef<KernelPart> parts, unsigned block) {
  if (parts.size() > 1) {
    SmallVector<Tiles> tiles;
    k.setThreads(block);
    if (failed(emitParts(k, parts, block, k.constant(0), tiles)))
      return failure();
    return sumOf(tiles);
  }
  std::unique_ptr<GpuPart> part = planPart(k, parts.front(), block, /*alone=*/true);
  k.setThreads(part->threads());
  if (failed(part->emit()))
    return failure();
  return part->tiles();
}

namespace {
class GpuKernelTarget final : public KernelTarget {
public:
  explicit GpuKernelTarget(int64_t batch) : batch(batch) {}

  ComputeOp windowOf(ComputeOp) const final { return {}; }
  bool runsPlans() const final { return true; }
  bool decidesCommits() const final { return true; }

  PartForm formOf(ComputeOp op) const final {
    if (std::optional<unsigned> vector = contractionVector(op, {.alongSums = true})) {
      constexpr int64_t kMultiprocessors = 128;
      GpuContractionPlan plan = planGpuContraction(op, *vector);
      Tiles tiles = plan.tiles();
      int64_t growing = llvm::divideCeil(tiles.perSample * kUsualBatch, tiles.divisor);
      return {plan.tile.threads(), /*flexible=*/false, /*hungry=*/true,
              growing * tiles.times >= kMultiprocessors};
    }
    constexpr double kLarge = 512 * GpuEquationEmitter::kBlock;
    return {GpuEquationEmitter::kBlock, /*flexible=*/true, /*hungry=*/false,
            pointsOf(op.getParallelExtents(), kUsualBatch) > kLarge};
  }

  FailureOr<EmittedKernel> emit(ModuleOp module, ArrayRef<KernelPart> parts,
                                ArrayRef<Type> buffers) const final {
    for (const KernelPart &part : parts)
      if (failed(checkCounts(part.op, buffers)))
        return failure();
    GpuBuilder k(module, UnknownLoc::get(module.getContext()), buffers);
    unsigned block = GpuEquationEmitter::kBlock;
    for (const KernelPart &part : parts)
      if (PartForm form = formOf(part.op); !form.flexible)
        block = form.threads;
    FailureOr<Tiles> tiles = emitKernel(k, parts, block);
    if (succeeded(tiles))
      return EmittedKernel{k.function, *tiles};
    k.function.erase();
    return failure();
  }

private:
  /// Elements of a buffer, points of the result and terms of a sum are counted with 32 bits.
  LogicalResult checkCounts(ComputeOp op, ArrayRef<Type> buffers) const {
    auto check = [&](const char *what, double count) -> LogicalResult {
      constexpr double kMost = INT32_MAX;
      if (count <= kMost)
        return success();
      return op.emitError() << what << " here number " << llvm::formatv("{0:f0}", count)
                            << ", and kernels of a GPU count to 2147483647; make the batch of "
                            << batch << " smaller";
    };
    for (Type buffer : buffers)
      if (failed(check("elements", double(cast<MemRefType>(buffer).getNumElements()))))
        return failure();
    if (failed(check("elements", pointsOf(op.getParallelExtents(), batch))))
      return failure();
    return check("terms of a sum", pointsOf(op.getReductionExtents(), batch));
  }

  int64_t batch;
};
} // namespace

std::unique_ptr<KernelTarget> createGpuTarget(int64_t batch) {
  return std::make_unique<GpuKernelTarget>(batch);
}

} // namespace gnc
