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

/// Panels in memory are full: what lies beyond the last column is 0 there.
Value ContractionEmitter::loadColumns(Value offset, const Panel &panel, unsigned vector) {
  offset = k.add(offset, vectorOffset(vector));
  if (!plan.packs()) {
    unsigned lanes = plan.panel ? k.target.lanes : lanesOf(panel, vector);
    return k.loadMasked(buffers[P::B], offset, b.getF32Type(), lanes);
  }
  auto type = cast<VectorType>(k.typeFor(b.getF32Type(), k.target.lanes));
  return vector::LoadOp::create(b, k.loc, type, room, offset);
}

SmallVector<Value> ContractionEmitter::step(ArrayRef<Value> rowsOfA, Value columnsOfB,
                                            SmallVector<Value> tile, const Panel &panel) {
  SmallVector<Value> columns;
  for (unsigned v = 0; v < panel.vectors; ++v)
    columns.push_back(loadColumns(columnsOfB, panel, v));
  for (auto [row, offset] : llvm::enumerate(rowsOfA)) {
    Value scalar = k.splat(k.load(buffers[P::A], offset, b.getF32Type(), 1), k.target.lanes);
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

SmallVector<Value> ContractionEmitter::sumOverK(unsigned level, ArrayRef<Value> rowsOfA,
                                                Value columnsOfB, SmallVector<Value> tile,
                                                const Panel &panel) {
  if (level == plan.k.size())
    return step(rowsOfA, columnsOfB, std::move(tile), panel);
  const ContractionLoop &loop = plan.k[level];
  bool cut = block.from && level == plan.blocks.level;
  auto at = [&](Value counter, ValueRange in) {
    Value offset = k.mul(counter, loop.strides[P::A]);
    SmallVector<Value> rows;
    for (Value row : rowsOfA)
      rows.push_back(k.add(row, offset));
    Value column = cut && plan.packs() ? k.sub(counter, block.from) : counter;
    int64_t stride = plan.packs() ? packedStride(level) : loop.strides[P::B];
    return sumOverK(level + 1, rows, k.add(columnsOfB, k.mul(column, stride)), llvm::to_vector(in),
                    panel);
  };
  constexpr int64_t kUnrolled = 4;
  if (!plan.blocked() && !llvm::any_of(plan.k, [](auto &l) { return l.batched; }) &&
      plan.kCount() <= kUnrolled) {
    for (int64_t i = 0; i < loop.extent; ++i)
      tile = at(k.constant(i), tile);
    return tile;
  }
  return k.loop(cut ? block.from : k.constant(0), cut ? block.to : extentOf(loop), 1, tile, at);
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

void ContractionEmitter::emitTile(const TileRows &rows, const Panel &panel) {
  SmallVector<Value> tile = initialTile(rows, panel);
  SmallVector<Value> rowsOfA = rows.offsets[P::A];
  Value columnsOfB =
      plan.packs() ? panel.packed : k.add(rows.offsets[P::B][0], panel.offsets[P::B]);
  if (plan.blocked()) {
    for (Value &row : rowsOfA)
      row = k.add(row, block.a);
    if (!plan.packs())
      columnsOfB = k.add(columnsOfB, block.b);
  }
  unsigned level = plan.blocked() ? plan.blocks.level : 0;
  tile = sumOverK(level, rowsOfA, columnsOfB, std::move(tile), panel);
  if (!block.last || !op.hasFinish())
    return writeTile(rows, panel, tile, /*last=*/op.hasFinish());
  k.when(
      block.last, [&] { writeTile(rows, panel, tile, true); },
      [&] { writeTile(rows, panel, tile, false); });
}

} // namespace gnc
