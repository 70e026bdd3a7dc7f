//===- GpuContractionTile.cpp - what a thread of a contraction multiplies and writes ----------===//
#include "codegen/GpuContraction.h"
#include "codegen/Programs.h"

using namespace mlir;

namespace gnc {

/// What the thread needs of A or B at one value of k: vectors of four.
SmallVector<Value> GpuContractionEmitter::fragments(unsigned operand, Value half, Value at) {
  bool isA = operand == P::A;
  unsigned count = isA ? fragmentRows() : fragmentColumns();
  Value start = k.add(k.mul(half, sharedSize(operand)), isA ? threadRow : threadColumn);
  start = k.add(start, k.mul(at, rowLength(operand)));
  SmallVector<Value> result;
  for (unsigned fragment = 0; fragment < count; ++fragment) {
    int64_t distance = fragment * (plan.copies[operand].points / count);
    result.push_back(k.loadShared(memory[operand], k.add(start, distance), 4));
  }
  return result;
}

/// Values of k that a loop over a tile takes at a time.
static int64_t valuesTogether(int64_t depth) {
  for (int64_t together : {4, 3, 2})
    if (depth % together == 0)
      return together;
  return 1;
}

/// Adds the products of a whole tile of k. `unroll`: in full, where kernels become machine code;
/// else not there either.
SmallVector<Value> GpuContractionEmitter::multiply(SmallVector<Value> tile, Value half,
                                                   bool unroll) {
  int64_t together = unroll ? 1 : valuesTogether(plan.tile.depth);
  auto step = [&](Value first, ValueRange carried) {
    SmallVector<Value> sums = llvm::to_vector(carried);
    for (int64_t value = 0; value < together; ++value) {
      Value at = k.add(first, value);
      SmallVector<Value> rows = fragments(P::A, half, at), columns = fragments(P::B, half, at);
      for (unsigned row = 0; row < plan.tile.threadRows; ++row) {
        Value scalar = vector::ExtractOp::create(b, k.loc, rows[row / 4], int64_t(row % 4));
        Value factor = k.splat(scalar, 4);
        for (unsigned column = 0; column < fragmentColumns(); ++column) {
          Value &sum = sums[row * fragmentColumns() + column];
          sum = vector::FMAOp::create(b, k.loc, factor, columns[column], sum);
        }
      }
    }
    return sums;
  };
  SmallVector<Value> result =
      k.loop(k.constant(0), k.constant(plan.tile.depth), together, tile, step);
  // No loop is left where one is enough.
  if (auto loop = result.front().getDefiningOp<scf::ForOp>())
    loop->setAttr(names::kUnroll, b.getBoolAttr(unroll));
  return result;
}

/// `offsets` are those of four columns, per operand.
FailureOr<Value> GpuContractionEmitter::finish(Value sum, ArrayRef<Values> offsets) {
  if (!op.hasFinish())
    return sum;
  SmallVector<Value> arguments{sum};
  for (unsigned operand = P::Finish; operand < buffers.size(); ++operand) {
    unsigned read = op.getNumBodyReads() + operand - P::Finish;
    Type element = scalarTypeOf(op.getReads()[read].getType());
    bool uniform = llvm::all_of(
        plan.columns, [&](const ContractionLoop &loop) { return loop.strides[operand] == 0; });
    auto load = [&](unsigned lane, unsigned lanes) {
      return k.load(buffers[operand], offsets[lane][operand], element, lanes);
    };
    if (uniform) {
      arguments.push_back(k.splat(load(0, 1), 4));
    } else if (plan.vectors[operand]) {
      arguments.push_back(load(0, 4));
    } else {
      SmallVector<Value> scalars;
      for (unsigned lane = 0; lane < 4; ++lane)
        scalars.push_back(load(lane, 1));
      auto type = cast<VectorType>(k.typeFor(element, 4));
      arguments.push_back(vector::FromElementsOp::create(b, k.loc, type, scalars));
    }
  }
  auto none = [](unsigned) { return Value(); };
  FailureOr<SmallVector<Value>> results =
      emitRegion(k, op.getFinish(), arguments, RegionContext{4, none, none, op.getExtents()});
  if (failed(results))
    return failure();
  return (*results)[0];
}

/// Four neighbouring columns of a row. `rowOffsets` are those of the row, per operand.
void GpuContractionEmitter::writeFragment(Value sum, unsigned fragment,
                                          ArrayRef<Value> rowOffsets) {
  int64_t distance = fragment * (plan.tile.columns / fragmentColumns());
  Value column = k.add(k.add(firstColumn, threadColumn), distance);
  // Columns beyond the last one repeat it.
  SmallVector<Values> offsets(4);
  for (unsigned lane = 0; lane < 4; ++lane)
    for (auto [operand, row] : llvm::enumerate(rowOffsets)) {
      if (lane && plan.fragmentInRun && !raggedColumns) {
        int64_t step = lane * plan.columns.back().strides[operand];
        offsets[lane].push_back(k.add(offsets[0][operand], step));
        continue;
      }
      Value at = k.add(column, lane);
      if (raggedColumns)
        at = k.minimum(at, k.sub(columnCount, k.constant(1)));
      offsets[lane].push_back(addCounters(plan.columns, at, operand, row));
    }
  auto write = [&] {
    FailureOr<Value> value = finish(sum, offsets);
    if (failed(value)) {
      failed_ = true;
      return;
    }
    if (plan.vectors[P::C])
      return k.store(*value, buffers[P::C], offsets[0][P::C]);
    for (unsigned lane = 0; lane < 4; ++lane) {
      Value scalar = vector::ExtractOp::create(b, k.loc, *value, int64_t(lane));
      auto store = [&] { k.store(scalar, buffers[P::C], offsets[lane][P::C]); };
      if (raggedColumns && lane)
        k.when(k.less(k.add(column, lane), columnCount), store);
      else
        store();
    }
  };
  if (raggedColumns)
    k.when(k.less(column, columnCount), write);
  else
    write();
}

void GpuContractionEmitter::writeTile(ArrayRef<Value> tile) {
  for (unsigned row = 0; row < plan.tile.threadRows; ++row) {
    unsigned fragment = row / 4;
    int64_t distance = fragment * (plan.tile.rows / fragmentRows()) + row % 4;
    Value at = k.add(k.add(firstRow, threadRow), distance);
    auto write = [&] {
      SmallVector<Value> offsets;
      for (unsigned operand = 0; operand < buffers.size(); ++operand)
        offsets.push_back(addCounters(plan.rows, at, operand, bases[operand]));
      for (unsigned column = 0; column < fragmentColumns(); ++column)
        writeFragment(tile[row * fragmentColumns() + column], column, offsets);
    };
    // Also where rows are whole: in a block of its own, what `finish` reads for a row does not
    // take registers beside all the others'.
    k.when(k.less(at, rowCount), write);
  }
}

} // namespace gnc
