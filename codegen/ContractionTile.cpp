//===- ContractionTile.cpp - one register tile of a contraction -------------------------------===//
#include "codegen/ContractionEmitter.h"

using namespace mlir;

namespace gnc {

/// Zero, or what the blocks before left in C.
SmallVector<Value> ContractionEmitter::initialTile(const TileRows &rows, const Panel &panel) {
  Value zero = k.floatConstant(0, k.target.lanes);
  SmallVector<Value> tile(plan.rowTile * panel.vectors, zero);
  if (!block.first)
    return tile;
  for (unsigned row = 0; row < plan.rowTile; ++row)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value offset = k.add(k.add(rows.offsets[P::C][row], panel.offsets[P::C]), v * k.target.lanes);
      Value before = k.loadMasked(buffers[P::C], offset, b.getF32Type(), lanesOf(panel, v));
      tile[row * panel.vectors + v] = arith::SelectOp::create(b, k.loc, block.first, zero, before);
    }
  return tile;
}

/// From the first column of a panel to the ones of `vector`.
int64_t ContractionEmitter::vectorOffset(unsigned vector) const {
  int64_t column = static_cast<int64_t>(vector) * k.target.lanes;
  if (!plan.panel)
    return column;
  return column / plan.panel * plan.panel * plan.columns.back().strides[P::B] + column % plan.panel;
}

/// Panels are full: what lies beyond the last column is 0 there.
Value ContractionEmitter::loadColumns(Value columns, Value offset, const Panel &panel,
                                      unsigned vector) {
  unsigned lanes = plan.packs() || plan.panel ? k.target.lanes : lanesOf(panel, vector);
  return k.loadMasked(columns, k.add(offset, vectorOffset(vector)), b.getF32Type(), lanes);
}

SmallVector<Value> ContractionEmitter::step(const TileOperands &operands, const Walk &at,
                                            SmallVector<Value> tile, const Panel &panel) {
  if (at.fetch)
    memref::PrefetchOp::create(b, k.loc, k.buffer(buffers[P::B]), at.fetch, /*isWrite=*/false,
                               /*localityHint=*/2, /*isDataCache=*/true);
  SmallVector<Value> columns;
  for (unsigned v = 0; v < panel.vectors; ++v)
    columns.push_back(loadColumns(operands.columns, at.b, panel, v));
  for (auto [row, begin] : llvm::enumerate(operands.rows)) {
    Value scalar = k.splat(k.load(begin, at.a, b.getF32Type(), 1), k.target.lanes);
    for (unsigned v = 0; v < panel.vectors; ++v) {
      Value &sum = tile[row * panel.vectors + v];
      sum = vector::FMAOp::create(b, k.loc, scalar, columns[v], sum);
    }
  }
  return tile;
}

int64_t ContractionEmitter::packedStride(unsigned level) const {
  int64_t stride = plan.width;
  for (unsigned inner = level + 1; inner < plan.k.size(); ++inner)
    stride *= plan.k[inner].extent;
  return stride;
}

SmallVector<Value> ContractionEmitter::sumOverK(unsigned level, const TileOperands &operands,
                                                Walk at, SmallVector<Value> tile,
                                                const Panel &panel) {
  if (level == plan.k.size())
    return step(operands, at, std::move(tile), panel);
  const ContractionLoop &loop = plan.k[level];
  int64_t strideOfB = plan.packs() ? packedStride(level) : loop.strides[P::B];
  auto next = [&](const Walk &walk, int64_t points) -> Walk {
    return {k.add(walk.a, points * loop.strides[P::A]), k.add(walk.b, points * strideOfB),
            walk.fetch ? k.add(walk.fetch, ahead.step) : Value()};
  };
  constexpr int64_t kUnrolled = 4;
  if (!plan.blocked() && !llvm::any_of(plan.k, [](auto &l) { return l.batched; }) &&
      plan.kCount() <= kUnrolled) {
    for (int64_t i = 0; i < loop.extent; ++i)
      tile = sumOverK(level + 1, operands, next(at, i), std::move(tile), panel);
    return tile;
  }
  bool cut = block.from && level == plan.blocks.level;
  SmallVector<Value> carried{at.a, at.b};
  if (at.fetch)
    carried.push_back(at.fetch);
  unsigned walks = carried.size();
  carried.append(tile.begin(), tile.end());
  auto body = [&](Value, ValueRange in) {
    Walk here{in[0], in[1], at.fetch ? in[2] : Value()};
    SmallVector<Value> sums =
        sumOverK(level + 1, operands, here, llvm::to_vector(in.drop_front(walks)), panel);
    Walk then = next(here, 1);
    SmallVector<Value> results{then.a, then.b};
    if (then.fetch)
      results.push_back(then.fetch);
    results.append(sums.begin(), sums.end());
    return results;
  };
  SmallVector<Value> results =
      k.loop(cut ? block.from : k.constant(0), cut ? block.to : extentOf(loop), 1, carried, body);
  results.erase(results.begin(), results.begin() + walks);
  return results;
}

Value ContractionEmitter::readForFinish(unsigned operand, Value offset, unsigned lanes) {
  unsigned read = op.getNumBodyReads() + operand - P::Finish;
  Type element = scalarTypeOf(op.getReads()[read].getType());
  int64_t stride = plan.columns.back().strides[operand];
  if (stride == 0)
    return k.splat(k.load(buffers[operand], offset, element, 1), k.target.lanes);
  if (stride == 1 && (lanes == k.target.lanes || !element.isInteger(1)))
    return k.loadMasked(buffers[operand], offset, element, lanes);
  SmallVector<Value> scalars;
  for (unsigned lane = 0; lane < k.target.lanes; ++lane)
    scalars.push_back(
        k.load(buffers[operand], k.add(offset, std::min(lane, lanes - 1) * stride), element, 1));
  return vector::FromElementsOp::create(
      b, k.loc, cast<VectorType>(k.typeFor(element, k.target.lanes)), scalars);
}

FailureOr<Value> ContractionEmitter::finish(Value sum, const TileRows &rows, const Panel &panel,
                                            unsigned row, unsigned vector) {
  if (!op.hasFinish())
    return sum;
  SmallVector<Value> arguments{sum};
  for (unsigned operand = P::Finish; operand < buffers.size(); ++operand) {
    int64_t step = vector * k.target.lanes * plan.columns.back().strides[operand];
    Value offset = k.add(k.add(rows.offsets[operand][row], panel.offsets[operand]), step);
    arguments.push_back(readForFinish(operand, offset, lanesOf(panel, vector)));
  }
  auto none = [](unsigned) { return Value(); };
  FailureOr<SmallVector<Value>> results = emitRegion(
      k, op.getFinish(), arguments, RegionContext{k.target.lanes, none, none, op.getExtents()});
  if (failed(results))
    return failure();
  return (*results)[0];
}

void ContractionEmitter::writeTile(const TileRows &rows, const Panel &panel, ArrayRef<Value> tile,
                                   bool last) {
  for (unsigned row = 0; row < plan.rowTile; ++row)
    for (unsigned v = 0; v < panel.vectors; ++v) {
      FailureOr<Value> value = tile[row * panel.vectors + v];
      if (last)
        value = finish(*value, rows, panel, row, v);
      if (failed(value)) {
        failed_ = true;
        return;
      }
      Value offset = k.add(k.add(rows.offsets[P::C][row], panel.offsets[P::C]), v * k.target.lanes);
      k.storeMasked(*value, buffers[P::C], offset, lanesOf(panel, v));
    }
}

TileOperands ContractionEmitter::operandsOf(const TileRows &rows, const Panel &panel) {
  TileOperands operands;
  auto beyond = [&](unsigned operand, Value offset, Value outside) {
    if (!plan.blocked())
      return offset;
    int64_t stride = plan.k[plan.blocks.level].strides[operand];
    return k.add(k.add(offset, outside), k.mul(block.from, stride));
  };
  for (Value row : rows.offsets[P::A])
    operands.rows.push_back(k.from(k.buffer(buffers[P::A]), beyond(P::A, row, block.a)));
  if (plan.packs()) {
    operands.columns = k.from(room, panel.packed);
    return operands;
  }
  Value columns = k.add(rows.offsets[P::B][0], panel.offsets[P::B]);
  operands.columns = k.from(k.buffer(buffers[P::B]), beyond(P::B, columns, block.b));
  return operands;
}

void ContractionEmitter::emitTile(const TileRows &rows, const Panel &panel) {
  SmallVector<Value> tile = initialTile(rows, panel);
  Walk begin{k.constant(0), k.constant(0), ahead.start};
  tile = sumOverK(plan.blocked() ? plan.blocks.level : 0, operandsOf(rows, panel), begin,
                  std::move(tile), panel);
  if (!block.last || !op.hasFinish())
    return writeTile(rows, panel, tile, /*last=*/op.hasFinish());
  k.when(
      block.last, [&] { writeTile(rows, panel, tile, true); },
      [&] { writeTile(rows, panel, tile, false); });
}

} // namespace gnc
