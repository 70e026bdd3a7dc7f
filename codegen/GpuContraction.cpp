//===- GpuContraction.cpp - tiles of a contraction, and their way through shared memory -------===//
//
// All operands are addressed by strides and nothing is guarded (borders are part of tensors), so
// what is ragged is only the edge of the tile grid: rows and columns beyond the last repeat it and
// are not written, values of k before a run count as 0.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/GpuContraction.h"

using namespace mlir;

namespace gnc {

GpuContractionEmitter::GpuContractionEmitter(GpuBuilder &k, ComputeOp op, unsigned vector,
                                             const KernelArguments &arguments)
    : k(k), b(k.b), op(op), plan(planGpuContraction(op, vector)) {
  Contraction c = *classify(op, vector);
  buffers = {arguments.reads[c.a], arguments.reads[c.b], arguments.results[0]};
  for (unsigned i = op.getNumBodyReads(); i < op.getReads().size(); ++i)
    buffers.push_back(arguments.reads[i]);
}

//===------------------------------------------------------------------------------------------===//
// Where things lie
//===------------------------------------------------------------------------------------------===//

/// Splits the flat counter of `loops` and adds the steps of `operand` to an offset. Loops that it
/// walks as one are not split.
Value GpuContractionEmitter::addCounters(ArrayRef<ContractionLoop> loops, Value flat,
                                         unsigned operand, Value offset) {
  Value steps = k.constant(0);
  for (unsigned i = loops.size(); i-- > 0;) {
    int64_t extent = loops[i].extent, stride = loops[i].strides[operand];
    for (; i > 0 && loops[i - 1].strides[operand] == extent * stride; --i)
      extent *= loops[i - 1].extent;
    Value counter = i == 0 ? flat : k.remainder(flat, extent);
    flat = i == 0 ? flat : k.divide(flat, extent);
    steps = k.add(steps, k.mul(counter, stride));
  }
  return k.add(offset, steps);
}

static Value countOf(KernelBuilder &k, ArrayRef<ContractionLoop> loops) {
  Value count = k.constant(1);
  for (const ContractionLoop &loop : loops)
    count = k.mul(count, loop.batched ? k.mul(k.batch(), loop.extent) : k.constant(loop.extent));
  return count;
}

/// How many of the loops' points there are whatever the batch.
static int64_t fixedCount(ArrayRef<ContractionLoop> loops) {
  int64_t count = 1;
  for (const ContractionLoop &loop : loops)
    count *= loop.extent;
  return count;
}

/// Tiles of columns run fastest: blocks that run together share rows of A.
void GpuContractionEmitter::findBlock() {
  rowCount = countOf(k, plan.rows), columnCount = countOf(k, plan.columns);
  tileCount = plan.steps.oneRun
                  ? k.divide(k.add(countOf(k, plan.k), plan.tile.depth - 1), plan.tile.depth)
                  : countOf(k, plan.steps.tiles);
  raggedRows = fixedCount(plan.rows) % plan.tile.rows != 0;
  raggedColumns = fixedCount(plan.columns) % plan.tile.columns != 0;
  Value columnTiles = k.divide(k.add(columnCount, plan.tile.columns - 1), plan.tile.columns);
  Value column = k.remainderBy(k.block(), columnTiles);
  Value row = k.divideBy(k.block(), columnTiles), outer = k.constant(0);
  if (!plan.outer.empty()) {
    Value rowTiles = k.divide(k.add(rowCount, plan.tile.rows - 1), plan.tile.rows);
    outer = k.divideBy(row, rowTiles);
    row = k.remainderBy(row, rowTiles);
  }
  firstRow = k.mul(row, plan.tile.rows);
  firstColumn = k.mul(column, plan.tile.columns);
  for (auto [operand, base] : llvm::enumerate(plan.bases))
    bases.push_back(addCounters(plan.outer, outer, operand, k.constant(base)));
}

/// Quotient and remainder of `thread + part * count` by a power of two, for 0 <= thread < count, a
/// power of two, too.
static std::pair<Value, Value> splitPart(KernelBuilder &k, Value thread, unsigned part,
                                         unsigned count, unsigned divisor) {
  if (count >= divisor)
    return {k.add(k.divide(thread, divisor), part * (count / divisor)),
            k.remainder(thread, divisor)};
  return {k.constant(part * count / divisor), k.add(thread, part * count % divisor)};
}

SmallVector<GpuContractionEmitter::Load> GpuContractionEmitter::planLoads(unsigned operand) {
  const GpuCopy &copy = plan.copies[operand];
  unsigned threads = plan.tile.threads();
  bool isA = operand == P::A;
  Value count = isA ? rowCount : columnCount;
  SmallVector<Load> result;
  for (unsigned part = 0; part < copy.loads; ++part) {
    Load load;
    if (copy.alongPoints) {
      auto [inK, group] = splitPart(k, k.thread(), part, threads, copy.points / copy.width);
      load.point = k.mul(group, copy.width);
      load.row = inK;
    } else {
      unsigned together = 8 / copy.width;
      Value low = k.remainder(k.thread(), together);
      auto [high, point] =
          splitPart(k, k.divide(k.thread(), together), part, threads / together, copy.points);
      load.point = point;
      load.row = k.mul(k.add(k.mul(high, together), low), copy.width);
    }
    load.k = load.row;
    if (copy.depth > plan.tile.depth)
      load.k = k.minimum(load.k, k.constant(plan.tile.depth - (copy.alongPoints ? 1 : copy.width)));
    Value at = k.add(isA ? firstRow : firstColumn, load.point);
    if (isA ? raggedRows : raggedColumns) {
      int64_t last = copy.alongPoints ? copy.width : 1;
      at = k.minimum(at, k.sub(count, k.constant(last)));
    }
    load.source = addCounters(isA ? ArrayRef(plan.rows) : ArrayRef(plan.columns), at, operand,
                              bases[operand]);
    if (!plan.steps.flat)
      load.start = addCounters(plan.steps.inTile, load.k, operand, load.source);
    result.push_back(load);
  }
  return result;
}

//===------------------------------------------------------------------------------------------===//
// Copies
//===------------------------------------------------------------------------------------------===//

/// How many values of k before a run its first tile has.
Value GpuContractionEmitter::beforeRun() {
  if (plan.steps.before)
    return k.constant(*plan.steps.before);
  return k.sub(k.mul(tileCount, plan.tile.depth), countOf(k, plan.k));
}

/// Where a tile of k begins.
Value GpuContractionEmitter::offsetOfTile(unsigned operand, Value tile) {
  if (plan.steps.flat)
    return k.constant(0);
  Value offset = addCounters(plan.steps.tiles, tile, operand, k.constant(0));
  if (!plan.steps.ragged())
    return offset;
  return k.sub(offset, k.mul(beforeRun(), plan.steps.inTile.back().strides[operand]));
}

/// This thread's part of a tile of k. `ragged`: it may begin before its run.
SmallVector<Value> GpuContractionEmitter::loadTile(Value tile, bool ragged) {
  Value before;
  if (ragged) {
    before = beforeRun();
    if (!plan.steps.oneRun) {
      Value first = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::eq,
                                          k.remainder(tile, plan.steps.tilesOfRun), k.constant(0));
      before = arith::SelectOp::create(b, k.loc, first, before, k.constant(0));
    }
  }
  SmallVector<Value> values;
  for (unsigned operand : {P::A, P::B}) {
    Value offset = offsetOfTile(operand, tile);
    unsigned width = plan.copies[operand].width;
    for (const Load &load : loads[operand]) {
      Value start = load.start;
      if (ragged || plan.steps.flat) {
        Value at = ragged ? k.maximum(load.k, before) : load.k;
        if (plan.steps.flat)
          at = k.sub(k.add(k.mul(tile, plan.tile.depth), at), beforeRun());
        start = addCounters(plan.steps.inTile, at, operand, load.source);
      }
      Value value = k.load(buffers[operand], k.add(start, offset), b.getF32Type(), width);
      if (ragged) {
        Value outside = k.splat(k.less(load.k, before), width);
        value = arith::SelectOp::create(b, k.loc, outside, k.floatConstant(0, width), value);
      }
      values.push_back(value);
    }
  }
  return values;
}

/// To half 0 or 1 of shared memory, k outermost.
void GpuContractionEmitter::storeTile(ValueRange values, Value half) {
  unsigned next = 0;
  for (unsigned operand : {P::A, P::B}) {
    const GpuCopy &copy = plan.copies[operand];
    Value start = k.mul(half, sharedSize(operand));
    for (const Load &load : loads[operand]) {
      Value value = values[next++];
      Value offset = k.add(start, k.add(k.mul(load.row, rowLength(operand)), load.point));
      if (copy.alongPoints || copy.width == 1) {
        k.storeShared(value, memory[operand], offset);
        continue;
      }
      for (unsigned lane = 0; lane < copy.width; ++lane)
        k.storeShared(vector::ExtractOp::create(b, k.loc, value, static_cast<int64_t>(lane)),
                      memory[operand],
                      k.add(offset, static_cast<int64_t>(lane) * rowLength(operand)));
    }
  }
}

//===------------------------------------------------------------------------------------------===//
// The sum
//===------------------------------------------------------------------------------------------===//

/// The products of the last tile are a loop of their own, not unrolled: there is no tile to read
/// ahead. Nor are those of the only tile before it: in one line with them, ptxas reads all of
/// shared memory first, into more registers than there are.
SmallVector<Value> GpuContractionEmitter::sum() {
  bool ragged = plan.steps.ragged(), unroll = constantOf(tileCount) != 2;
  storeTile(loadTile(k.constant(0), ragged), k.constant(0));
  k.barrier();
  SmallVector<Value> carried(plan.tile.threadRows * fragmentColumns(), k.floatConstant(0, 4));
  carried.push_back(k.constant(0));
  auto body = [&](Value tile, ValueRange carried) {
    Value half = carried.back(), other = k.sub(k.constant(1), half);
    SmallVector<Value> ahead = loadTile(tile, ragged && !plan.steps.oneRun);
    SmallVector<Value> sums = multiply(llvm::to_vector(carried.drop_back()), half, unroll);
    storeTile(ahead, other);
    k.barrier();
    sums.push_back(other);
    return sums;
  };
  carried = k.loop(k.constant(1), tileCount, 1, carried, body);
  Value half = carried.pop_back_val();
  return multiply(carried, half, /*unroll=*/false);
}

LogicalResult GpuContractionEmitter::emit() {
  findBlock();
  for (unsigned operand : {P::A, P::B}) {
    memory[operand] = k.shared(2 * sharedSize(operand));
    loads[operand] = planLoads(operand);
  }
  unsigned across = plan.tile.columns / plan.tile.threadColumns;
  threadRow = k.mul(k.divide(k.thread(), across), 4);
  threadColumn = k.mul(k.remainder(k.thread(), across), 4);
  writeTile(sum());
  return failure(failed_);
}

} // namespace gnc
